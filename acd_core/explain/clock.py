"""Times as the clocks on the walls of a city show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Clock: TypeAlias = Callable[[int], str]


def wall_clock(timezone: str) -> Clock:
    """Makes `14:02:10` of milliseconds since 1970; a zone that this machine does not know is UTC."""
    zone = _zone(timezone)
    return lambda at_ms: f"{datetime.fromtimestamp(at_ms / 1000, zone):%H:%M:%S}"


def day(at_ms: int, timezone: str) -> str:
    """`2026-11-21` there."""
    return f"{datetime.fromtimestamp(at_ms / 1000, _zone(timezone)):%Y-%m-%d}"


def _zone(timezone: str) -> tzinfo:
    try:
        return ZoneInfo(timezone) if timezone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder of zones
        return UTC
