"""Users, log-ins, roles, and the doors that check them."""
