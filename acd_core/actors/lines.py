"""How many calls each edge may have over each trunk, when several edges share what the carrier allows.

An edge may use the lines that it was given, whoever is away; the core gives them. All that is given, together, is never more than
the trunk has. So lines go from one edge to another in two steps: the first is told of fewer, and when it has said that it keeps
to that, the other is told of more. Everybody is given what they use, and an even part of what nobody does.

What an edge has that went away stays its own for a while: its calls may go on. A core that has just begun gives nothing more to
anybody before all had the time to say what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from acd_core.link.signals import LinesGiven, TrunkLines

SETTLES_MS = 3_000  # after the core's start: longer than it takes an edge to come back
GONE_MS = 60_000  # an edge that is away for so long has no calls any more


@dataclass(slots=True)
class _Edge:
    rows: dict[str, TrunkLines] = field(default_factory=dict)  # as it said last
    said: dict[str, int] = field(default_factory=dict)  # what it has perhaps not heard yet
    number: int = 0
    came_back: bool = False  # so what was on its way is lost, if its next word does not know of it
    gone_ms: int | None = None

    def holds(self, trunk: str) -> int:
        """The most that it may be using."""
        row = self.rows.get(trunk)
        return max(row.lines, row.live, self.said.get(trunk, 0)) if row is not None else 0


class Lines:
    """Of all trunks and edges."""

    def __init__(self, now_ms: Callable[[], int], say: Callable[[str, LinesGiven], bool]) -> None:
        """`say` sends to an edge; False when it can't be told anything now."""
        self._now_ms, self._say = now_ms, say
        self._settled_ms = now_ms() + SETTLES_MS
        self._edges: dict[str, _Edge] = {}

    def held(self, name: str, rows: Iterable[TrunkLines], number: int) -> None:
        """An edge says what it uses and what it keeps to, having heard everything up to `number`."""
        edge = self._edges.setdefault(name, _Edge(number=number))
        edge.gone_ms = None
        edge.rows = {row.trunk: row for row in rows}
        if number >= edge.number or edge.came_back:
            edge.said, edge.came_back = {}, False
        now_ms = self._now_ms()
        for other, away in list(self._edges.items()):
            if away.gone_ms is not None and now_ms - away.gone_ms >= GONE_MS:
                del self._edges[other]
        self._give()

    def came(self, name: str, *, fresh: bool) -> None:
        """The edge is there; `fresh`: it is a new process, without calls, and keeps to nothing yet."""
        if fresh:
            self._edges.pop(name, None)
        elif edge := self._edges.get(name):
            edge.came_back = True
            self.gone(name)  # until its first word, which knows nothing of what it would be told before

    def gone(self, name: str) -> None:
        """The edge is away."""
        if (edge := self._edges.get(name)) and edge.gone_ms is None:
            edge.gone_ms = self._now_ms()

    def _give(self) -> None:
        there = {name: edge for name, edge in sorted(self._edges.items()) if edge.gone_ms is None}
        given: dict[str, dict[str, int]] = {name: {} for name in there}
        for trunk in sorted({trunk for edge in there.values() for trunk in edge.rows}):
            for name, lines in self._shares(trunk).items():
                given[name][trunk] = lines
        for name, edge in there.items():
            # One thing at a time: what is on its way has to be heard of first.
            if edge.said or all(edge.rows[trunk].lines == lines for trunk, lines in given[name].items()):
                continue
            if self._say(name, LinesGiven(number=edge.number + 1, lines=given[name])):
                edge.number += 1
                edge.said = given[name]

    def _shares(self, trunk: str) -> dict[str, int]:
        """What each edge that is there is to have of it now."""
        having = {name: edge for name, edge in sorted(self._edges.items()) if trunk in edge.rows}
        there = {name: edge for name, edge in having.items() if edge.gone_ms is None}
        capacity = min(edge.rows[trunk].capacity for edge in having.values())
        away = sum(edge.holds(trunk) for name, edge in having.items() if name not in there)
        unused = max(0, capacity - away - sum(edge.rows[trunk].live for edge in there.values()))
        ungiven = max(0, capacity - sum(edge.holds(trunk) for edge in having.values()))
        if self._now_ms() < self._settled_ms:
            ungiven = 0
        shares = {}
        for place, (name, edge) in enumerate(there.items()):
            wanted = edge.rows[trunk].live + unused // len(there) + (place < unused % len(there))
            has = edge.rows[trunk].lines
            beyond = (
                edge.holds(trunk) - has
            )  # calls that go on since it had more: they are nobody else's to have
            more = 0 if edge.said else min(max(0, wanted - has), beyond + ungiven)
            ungiven -= max(0, more - beyond)
            shares[name] = min(wanted, has) + more
        return shares
