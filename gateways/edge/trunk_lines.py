"""What a trunk allows, shared with the other edges: the core says how much of it is ours (`acd_core/actors/lines.py`).

What the core said last holds while it is away: it gave it to nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from acd_core.link.signals import LinesGiven, LinesHeld, TrunkLines
from gateways.edge.trunks import Trunks

TOLD_EVERY_S = 2.0


class SharedLines:
    """Of one edge among several."""

    def __init__(self, trunks: Trunks, signal: Callable[[LinesHeld], object]) -> None:
        """`signal` reaches the core, or nobody while it is away."""
        self._trunks, self._signal = trunks, signal
        self._number = 0

    async def run(self) -> None:
        """Until cancelled: the core learns of what is used, also of what it did not hear."""
        while True:
            self.tell()
            await asyncio.sleep(TOLD_EVERY_S)

    def tell(self) -> None:
        """What is used, and what is kept to."""
        rows = tuple(
            TrunkLines(trunk=trunk.name, live=trunk.live, lines=trunk.lines, capacity=trunk.config.capacity)
            for trunk in self._trunks
        )
        if rows:
            self._signal(LinesHeld(rows=rows, number=self._number))

    def given(self, message: LinesGiven) -> None:
        """The core's word; it waits for ours before it gives to another what was taken from us."""
        for name, lines in message.lines.items():
            trunk = self._trunks.get(name)
            if trunk is not None:
                trunk.lines = lines
        self._number = message.number
        self.tell()
