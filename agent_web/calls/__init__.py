"""Calls: the citizen's test call from the page, and the list of past calls."""
