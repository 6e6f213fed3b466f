"""The composition root: command line, supervisor of processes, checks."""
