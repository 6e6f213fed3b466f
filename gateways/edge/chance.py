"""Chance: words that nobody guesses, of bytes of the system's generator, fetched many at a time.

Each fetch is a call of the system, and a telephone call takes ten of them for its tags, branches and Call-IDs.
"""

from __future__ import annotations

import secrets

_FETCHED = 4_096
# 32 of the letters and digits, so that every byte of chance gives one of them without favour.
_LETTERS = bytes(b"abcdefghijkmnpqrstuvwxyz23456789"[byte % 32] for byte in range(256))

_bytes, _at = b"", 0


def token(length: int) -> str:
    """Unguessable letters and digits."""
    return take(length).translate(_LETTERS).decode("ascii")


def take(length: int) -> bytes:
    """So many that were never given out before, nor will be again."""
    global _bytes, _at
    if _at + length > len(_bytes):
        _bytes, _at = secrets.token_bytes(max(length, _FETCHED)), 0
    _at += length
    return _bytes[_at - length : _at]
