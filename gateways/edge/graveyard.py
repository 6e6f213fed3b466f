"""Where ended calls rest until nothing of SIP can come for them any more, and are taken apart.

The objects of a call know each other: legs their call, sessions their legs. Left alone they would be found by the garbage
collector, which looks at every object of the process for that and stands still meanwhile: measured, 260 ms at 100 calls a second,
where an INVITE has 10 ms. Taken apart, they are freed one by one as the last reference goes, and the collector has nothing to
look for; `gateways.edge.process` lets it look seldom.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.borrowed import BorrowedBrowser, BorrowedPhone
from gateways.edge.branch import Branch
from gateways.edge.browser_leg import CitizenLeg, CitizenSide
from gateways.edge.call import Call, OperatorPhone
from gateways.edge.caller_leg import CallerLeg
from gateways.edge.dialling import DialledSide
from gateways.edge.dialling_phone import DiallingPhone
from gateways.edge.lent import LentDevice
from gateways.edge.outgoing_leg import OutgoingLeg
from gateways.edge.outside_leg import OutsideLeg
from gateways.edge.phone_leg import PhoneLeg
from gateways.edge.phone_ringing import PhoneRinging
from gateways.edge.phone_transfer import PhoneTransfers
from gateways.edge.ringing import Ringing
from gateways.edge.session import Session

INTERVAL_S = 0.1
# Each belongs to one call. An operator's browser leg, which outlives calls, is none of them, and its audio leg is not freed.
# What waits for the answer to a request of a session (its refresher, the watch over its silence) is left whole: the answer may
# come later than anything here, and the session that knew it is what is taken apart.
_OF_A_CALL = (
    *(AudioLeg, Branch, Call, CallerLeg, CitizenLeg, CitizenSide, DialledSide, DiallingPhone),
    *(OutgoingLeg, OutsideLeg, PhoneLeg),
    *(PhoneRinging, PhoneTransfers, Ringing, Session, BorrowedPhone, BorrowedBrowser, LentDevice),
)


class Graveyard:
    """Ended calls, and phones that ended before their call; oldest first."""

    def __init__(self, rest_s: float) -> None:
        """`rest_s`: longer than a 2xx waits for the ACK before which it may not be hung up (64·T1, RFC 3261 13.3.1.4)."""
        self._rest_s = rest_s
        self._resting: deque[tuple[float, Call | OperatorPhone | LentDevice]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._resting)

    def bury(self, ended: Call | OperatorPhone | LentDevice) -> None:
        """Nobody commands it any more."""
        loop = asyncio.get_running_loop()
        self._resting.append((loop.time() + self._rest_s, ended))
        if self._timer is None:
            self._timer = loop.call_later(self._rest_s, self._take_apart)

    def _take_apart(self) -> None:
        loop = asyncio.get_running_loop()
        while self._resting and self._resting[0][0] <= loop.time():
            take_apart(self._resting.popleft()[1])
        self._timer = loop.call_later(INTERVAL_S, self._take_apart) if self._resting else None


def take_apart(ended: Call | OperatorPhone | LentDevice) -> None:
    """Let all its objects forget each other."""
    found: list[Any] = [ended]
    while found:
        one = found.pop()
        if isinstance(one, _OF_A_CALL):
            fields = vars(one)
            # The call of a phone that was hung up may go on; an audio leg that the engine still has is somebody else's.
            if fields.get("ended", True) and fields.get("freed", True):
                found += _referred(fields)
                fields.clear()


def _referred(fields: dict[str, Any]) -> Iterator[Any]:
    """What the fields hold, and what collections in them hold."""
    for value in fields.values():
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list | tuple | set | deque):
            yield from value
        else:
            yield value
