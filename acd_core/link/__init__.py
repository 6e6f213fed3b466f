"""The link: how the other processes reach the core and each other."""
