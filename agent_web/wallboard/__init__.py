"""The supervisor's live picture."""
