"""Other people's SIP programs, driven by tests: started without a screen, on loopback, ended by their process id."""
