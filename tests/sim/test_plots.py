"""What pictures say in words; how they look is looked at."""

from __future__ import annotations

import pytest

from loadtest.sim.plots import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (90, "1 min 30 s"),
        (119.7, "2 min"),
        (3_599.7, "1 h"),
        (5_400, "1.5 h"),
    ],
)
def test_no_minute_has_sixty_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text
