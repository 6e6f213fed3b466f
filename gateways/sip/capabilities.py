"""What this user agent can do, as it says in Allow, Supported and Accept."""

from __future__ import annotations

SERVER_NAME = "santral"
METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "REGISTER", "UPDATE", "PRACK", "REFER")
ALLOW = ", ".join(METHODS)
# Extensions that a peer may Require of us (RFC 3261 8.2.2.3).
EXTENSIONS = ("100rel", "replaces", "timer")
SUPPORTED = ", ".join(EXTENSIONS)
# ... and those that only mean something in a REGISTER (RFC 5626, RFC 3327).
REGISTRATION_EXTENSIONS = ("outbound", "path")
ACCEPT = "application/sdp, multipart/mixed"
