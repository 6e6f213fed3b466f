"""Milliseconds since 1970, as everything says them, and the database's times."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def as_time(at_ms: int) -> datetime:
    """For a column of type timestamptz; exact, unlike a way through floating point."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def as_ms(at: datetime | None) -> int:
    """From a column of type timestamptz; 0 for NULL."""
    return 0 if at is None else (at - _EPOCH) // timedelta(milliseconds=1)
