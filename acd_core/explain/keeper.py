"""The reasons of the calls of the moment, in memory.

Every step of a call's story and every decision about it is kept under the call, as the bytes it has on the wire: so the
collector of garbage has nothing to walk over while calls wait (decision 0064). Of a call that goes on and on the first and
the last reasons are kept and those between are counted; the database has them all.

Limits: so many live calls, so many that ended lately, so many reasons in all. A live call beyond them is not kept; one reason too
many in all costs the call that ended longest ago, and when there is none, the call one of its own between the first and the last.
"""

from __future__ import annotations

from collections import deque

import msgspec

from acd_core.domain.commands import CallStory
from acd_core.domain.limits import CALLS_LIVE_MAX
from acd_core.explain.story import Reason

ENDED_KEPT_MAX = 5_000
REASONS_KEPT_MAX = 400_000  # about 250 bytes each
FIRST_KEPT = 20  # of one call …
LAST_KEPT = 20

_BEGINS = frozenset({"arrived", "dialled", "refused"})
_ENDS = frozenset({"ended", "refused"})
_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Reason] = msgspec.msgpack.Decoder(Reason)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a call; `left_out` reasons are missing behind the first `gap_at`."""

    reasons: tuple[Reason, ...]
    left_out: int
    gap_at: int
    live: bool

    @property
    def whole(self) -> bool:
        """The story begins where it began: with the arrival, or with an operator who dialled."""
        first = self.reasons[0] if self.reasons else None
        return isinstance(first, CallStory) and first.step in _BEGINS


class _Call:
    """The reasons of one call."""

    __slots__ = ("first", "last", "left_out")

    def __init__(self) -> None:
        self.first: list[bytes] = []
        self.last: deque[bytes] | None = None
        self.left_out = 0

    def __len__(self) -> int:
        return len(self.first) + (0 if self.last is None else len(self.last))


class Keeper:
    """Remembers what it is told, within its limits."""

    def __init__(
        self,
        *,
        live_max: int = CALLS_LIVE_MAX,
        ended_max: int = ENDED_KEPT_MAX,
        reasons_max: int = REASONS_KEPT_MAX,
    ) -> None:
        """Begins empty."""
        self._live_max, self._ended_max, self._reasons_max = live_max, ended_max, reasons_max
        self._live: dict[str, _Call] = {}
        self._ended: dict[str, _Call] = {}  # the one that ended longest ago first
        self._reasons = 0

    def __len__(self) -> int:
        """How many reasons are kept."""
        return self._reasons

    def add(self, reason: Reason) -> None:
        """One more reason of a call, in the order decided."""
        id_ = reason.call
        call = self._live.get(id_)
        if call is None:
            call = self._ended.get(id_)  # of a call that ended: its recordings
            if call is None:
                if len(self._live) >= self._live_max:
                    return
                call = self._live[id_] = _Call()
        self._append(call, _encode(reason))
        if type(reason) is CallStory and reason.step in _ENDS and id_ in self._live:
            self._ended[id_] = self._live.pop(id_)
            if len(self._ended) > self._ended_max:
                self._forget_oldest()

    def find(self, call: str) -> Kept | None:
        """What is remembered of this call; None for one that is not known."""
        live = call in self._live
        kept = (self._live if live else self._ended).get(call)
        if kept is None:
            return None
        encoded = (*kept.first, *(kept.last or ()))
        return Kept(
            reasons=tuple(map(_decoder.decode, encoded)),
            left_out=kept.left_out,
            gap_at=len(kept.first),
            live=live,
        )

    def _append(self, call: _Call, item: bytes) -> None:
        if len(call.first) < FIRST_KEPT and call.last is None:
            call.first.append(item)
        else:
            if call.last is None:
                call.last = deque()
            if len(call.last) >= LAST_KEPT:
                self._drop(call.last, call)
            call.last.append(item)
        self._reasons += 1
        if self._reasons > self._reasons_max:
            self._make_room(call)

    def _make_room(self, call: _Call) -> None:
        if self._ended:
            self._forget_oldest()
            return
        if call.last is None:
            call.last = deque([call.first.pop()])
        if len(call.last) > 1 or len(call.first) < 2:
            self._drop(call.last, call)
        else:
            call.first.pop()
            call.left_out += 1
            self._reasons -= 1

    def _drop(self, items: deque[bytes], call: _Call) -> None:
        items.popleft()
        call.left_out += 1
        self._reasons -= 1

    def _forget_oldest(self) -> None:
        oldest = next(iter(self._ended))
        self._reasons -= len(self._ended.pop(oldest))
