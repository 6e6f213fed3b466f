"""What forms offer: categories of work orders."""
