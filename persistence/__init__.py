"""The store process and the database."""
