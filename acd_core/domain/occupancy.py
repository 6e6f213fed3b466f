"""How occupied an agent has been lately: the share of time with calls, where time half an hour older counts half as much.

With weights that fall exponentially, the shares of two idle agents fall at the same rate, so which of them is less occupied does
not change while both are idle: an agent has one rank from becoming ready until the next call, and a line can be ordered by it.

Only additions, multiplications, divisions and powers of two are used, which IEEE 754 defines to the last bit: the functions of a
mathematical library may differ between machines, and a replay must not.
"""

from __future__ import annotations

import math

HALF_LIFE_MS = 1_800_000
_LN2 = 0.6931471805599453
_NEVER = -(1 << 60)  # the rank of who has had no call at all


def occupied(share: float, idle_ms: int, busy_ms: int) -> float:
    """The share (0 to 1) after so much time idle and then so much time busy."""
    return 1.0 - (1.0 - share * _fall(idle_ms)) * _fall(busy_ms)


def rank(share: float, at_ms: int) -> int:
    """What agents idle at the same time can be compared by: the lower, the less occupied. `share` is that of `at_ms`."""
    if share <= 0.0:
        return _NEVER
    return at_ms + int(HALF_LIFE_MS * _log2(share))


def _fall(ms: int) -> float:
    """2^(-ms / half life), by the series of the exponential for the part below one half life."""
    whole, rest = divmod(ms, HALF_LIFE_MS)
    if whole > 1_000:
        return 0.0
    x = -_LN2 * rest / HALF_LIFE_MS
    term = total = 1.0
    for n in range(1, 16):
        term = term * x / n
        total += term
    return math.ldexp(total, -whole)


def _log2(value: float) -> float:
    """By the series of the inverse hyperbolic tangent for the mantissa."""
    mantissa, exponent = math.frexp(value)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square, power, total = s * s, s, 0.0
    for n in range(1, 40, 2):
        total += power / n
        power *= square
    return exponent + 2.0 * total / _LN2
