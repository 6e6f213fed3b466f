"""What the transaction layers of one user agent have in common.

Each listening point has a layer of its own, with its own Via and timers. But the ACK of a 2xx is a transaction of its own and
may come by another way than its INVITE (a request above 1,300 bytes goes by TCP, its ACK by UDP), a request that was forked may
reach us by two ways (RFC 3261 8.2.2.2), one of ours may come back by another, and what there is room for is one process'
memory.

Room is given out by what a request is for. Calls may take all of it; what anybody can ask for without one (OPTIONS, REGISTER)
never more than a share, so that a flood of those leaves the room of the calls alone; hang-ups have a reserve beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gateways.sip.events import Address, ClientKey, ServerKey
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request

Purpose = Literal["call", "hang_up", "other"]
AckKey = tuple[str, str, str, int]  # Call-ID, From tag, To tag, CSeq number
MergeKey = tuple[str, str, str]  # Call-ID, From tag, CSeq

_OUTSIDE_CALLS = frozenset(("OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH"))


class SharedTables:
    """Made once for all layers, or by a layer for itself."""

    def __init__(self, limits: LayerLimits | None = None) -> None:
        self._limits = limits or LayerLimits()
        # 2xx that wait for their ACK, and who takes it: (the ACK, where it came from, now).
        self.unacknowledged: dict[AckKey, Callable[[Request, Address, int], None]] = {}
        self.merging: dict[MergeKey, ServerKey] = {}
        self.inviting: set[ClientKey] = set()  # our INVITEs: one that comes back has gone in a circle
        self._live = 0  # transactions of both sides
        self._received_bytes = 0
        self._others = self._others_bytes = 0  # of these, what is outside calls

    def has_room(self, purpose: Purpose) -> bool:
        """Whether one more may begin."""
        limits = self._limits
        if purpose == "hang_up":
            return self._live < limits.transactions_max + limits.transactions_reserve
        if self._live >= limits.transactions_max or self._received_bytes >= limits.received_bytes_max:
            return False
        return purpose == "call" or (
            self._others < limits.transactions_max * limits.others_share
            and self._others_bytes < limits.received_bytes_max * limits.others_share
        )

    def began(self, purpose: Purpose, size_bytes: int) -> None:
        """A transaction more; `size_bytes` of the request that came."""
        self._count(purpose, 1, size_bytes)

    def ended(self, purpose: Purpose, size_bytes: int) -> None:
        """It is forgotten."""
        self._count(purpose, -1, -size_bytes)

    def _count(self, purpose: Purpose, transactions: int, size_bytes: int) -> None:
        self._live += transactions
        self._received_bytes += size_bytes
        if purpose == "other":
            self._others += transactions
            self._others_bytes += size_bytes


def purpose_of(request: Request) -> Purpose:
    """What a request that opens a transaction is for."""
    if request.method in ("BYE", "CANCEL"):
        return "hang_up"
    if request.method not in _OUTSIDE_CALLS:
        return "call"
    # Within a dialog, an OPTIONS asks whether a call is still there.
    return "other" if request.to.tag is None else "call"
