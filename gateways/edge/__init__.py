"""The SIP edge: a back-to-back user agent that carries out the core's commands."""
