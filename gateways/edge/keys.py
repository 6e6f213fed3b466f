"""Keys that come in an INFO, as `application/dtmf-relay` or `application/dtmf`: older phones send them so."""

from __future__ import annotations

from gateways.edge.limits import KEYS


def key_of_info(content_type: str, body: bytes) -> str | None:
    """The key of an INFO's body, or None when it holds none."""
    text = body[:1_000].decode("ascii", "replace")
    if content_type == "application/dtmf-relay":
        for line in text.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip().lower() == "signal":
                return _key(value)
    elif content_type == "application/dtmf":
        return _key(text)
    return None


def _key(text: str) -> str | None:
    key = text.strip().upper()
    # RFC 4733 3.2 numbers * and # as events 10 and 11, and some phones send the number.
    key = {"10": "*", "11": "#"}.get(key, key)
    return key if key in KEYS and len(key) == 1 else None
