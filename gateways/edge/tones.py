"""The ringing tone that people of a country expect, for operators who dial where nothing is heard before the answer.

Figures from ITU-T E.180 Supplement 2 (Various tones used in national networks); elsewhere what Recommendation E.180/Q.35 advises:
425 Hz, one second on and four off.
"""

from __future__ import annotations

import msgspec


class Tone(msgspec.Struct, frozen=True):
    """Frequencies that sound together, on and off by turns."""

    frequencies_hz: tuple[float, ...]
    cadence_ms: tuple[int, ...]


_ADVISED = Tone((425.0,), (1_000, 4_000))
_AMERICAN = Tone((440.0, 480.0), (2_000, 4_000))
_BRITISH = Tone((400.0, 450.0), (400, 200, 400, 2_000))
_RINGBACK = {
    "CA": _AMERICAN,
    "CN": Tone((450.0,), (1_000, 4_000)),
    "FR": Tone((440.0,), (1_500, 3_500)),
    "GB": _BRITISH,
    "IE": _BRITISH,
    "TR": Tone((450.0,), (2_000, 4_000)),
    "US": _AMERICAN,
}


def ringback(country: str) -> Tone:
    """By ISO 3166."""
    return _RINGBACK.get(country, _ADVISED)
