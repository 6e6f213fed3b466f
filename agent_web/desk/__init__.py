"""The operator's desk: one socket a page, and what the core and the page say to each other."""
