"""The whole line with real parts: `santral up`, a SIP phone (baresip, SIPp), Chromium, PostgreSQL."""
