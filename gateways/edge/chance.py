"""Bytes of the system's generator, fetched many at a time.

Each fetch is a call of the system, and a telephone call takes ten of them for its tags, branches and Call-IDs.
"""

from __future__ import annotations

import secrets

_FETCHED = 4_096

_bytes, _at = b"", 0


def take(length: int) -> bytes:
    """So many that were never given out before, nor will be again."""
    global _bytes, _at
    if _at + length > len(_bytes):
        _bytes, _at = secrets.token_bytes(max(length, _FETCHED)), 0
    _at += length
    return _bytes[_at - length : _at]
