"""The pages in a real browser against a running system: log-in, register, wallboard, desk, looks."""
