"""What was asked can't be done; the text says why, to people."""


class SimError(Exception):
    """Base of all of them."""
