"""Which edge a browser's audio goes to, when there are several.

Each new leg goes to the edge with the fewest, those that are being set up among them. Who is in a conversation and comes back
goes to the edge of that conversation, which saves the leg between two edges. Where an operator could have none a moment ago
nobody goes while there is another edge: the fewest legs are where none comes about.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from acd_core.domain.state import State

SHUNNED_MS = 30_000  # as long as an edge tries to get through to a browser
COMES_WITHIN_MS = 45_000  # its answer and that; who lets go meanwhile says so to the edge alone
_COMING_MAX = 1_000  # at one edge; more than it takes


class Spread:
    """Remembers what is being set up; what stands is the state's to say."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._coming: dict[str, deque[int]] = {}  # when each was offered
        self._shunned_until_ms: dict[str, int] = {}

    def choose(self, state: State, edges: Sequence[str], agent: str) -> str:
        """The edge for this agent's leg, or a visitor's (""); `edges` are those that can be had, at least one."""
        now_ms = self._now_ms()
        edges = [edge for edge in edges if now_ms >= self._shunned_until_ms.get(edge, 0)] or edges
        known = state.agents.get(agent)
        call = state.calls.get(known.call) if known is not None else None
        if call is not None and call.edge in edges:
            chosen = call.edge
        else:
            legs = Counter(each.leg_edge for each in state.agents.values())
            chosen = min(edges, key=lambda edge: (legs[edge] + self._coming_to(edge, now_ms), edge))
        self._coming.setdefault(chosen, deque(maxlen=_COMING_MAX)).append(now_ms)
        return chosen

    def _coming_to(self, edge: str, now_ms: int) -> int:
        coming = self._coming.get(edge)
        if coming is None:
            return 0
        while coming and now_ms - coming[0] >= COMES_WITHIN_MS:
            coming.popleft()
        return len(coming)

    def settled(self, edge: str) -> None:
        """One that was coming stands, or will not."""
        if coming := self._coming.get(edge):
            coming.popleft()

    def failed(self, edge: str) -> None:
        """It has no audio for browsers, or none that they get through to."""
        self._shunned_until_ms[edge] = self._now_ms() + SHUNNED_MS

    def began(self, edge: str) -> None:
        """The edge is new, or was away: nothing that was coming to it comes."""
        self._coming.pop(edge, None)
        self._shunned_until_ms.pop(edge, None)
