"""The web process: pages, log-ins, work orders."""
