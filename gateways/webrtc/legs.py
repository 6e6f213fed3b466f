"""The table of legs: carries out what the edges ask and tells them what became of each leg.

A leg belongs to the edge that offered it and is known by (edge, leg). Every offer gets an answer
(`LegAnswered`) or an end (`LegClosed`), every answered leg ends exactly once, with `LegClosed`, unless the
edge closed it itself or is gone: it then knows. Opening and closing a leg take a while, so each runs in a
task of its own; at most `legs_max` legs are open or opening, and an offer beyond that is refused at once. An
edge that comes back as a new process knows nothing of its former legs: all of them are closed. An edge that
lost its link for a moment keeps them, the audio goes on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

from gateways.webrtc.interface import (
    BAD_OFFER,
    FAILED,
    TOO_MANY,
    Address,
    BadOfferError,
    BrowserAudio,
    BrowserLeg,
)
from gateways.webrtc.messages import (
    CloseLeg,
    FromBrowserAudio,
    LegAnswered,
    LegClosed,
    LegConnected,
    MoveLeg,
    OfferLeg,
    ToBrowserAudio,
)

log = logging.getLogger(__name__)

_COMPLAINT_INTERVAL_S = 1.0


class _Entry:
    """One leg of the table, from its offer on; listens to the gateway's leg (`LegEvents`)."""

    def __init__(self, legs: Legs, edge: str, leg: str, engine: Address) -> None:
        self.edge, self.leg = edge, leg
        self.engine = engine
        self.browser: BrowserLeg | None = None  # None while it is opening
        self.over = False  # nothing more is told to the edge
        self._legs = legs

    def connected(self) -> None:
        if not self.over:
            self._legs.tell(self.edge, LegConnected(leg=self.leg))

    def closed(self, reason: str) -> None:
        self._legs.ended(self, reason)


class Legs:
    """All legs of this process."""

    def __init__(
        self, audio: BrowserAudio, legs_max: int, tell: Callable[[str, FromBrowserAudio], None]
    ) -> None:
        """`tell(edge, message)` sends a message to an edge by name."""
        self.tell = tell
        self.refused = 0  # offers refused because the table was full
        self.bad_offers = 0
        self._audio = audio
        self._legs_max = legs_max
        self._table: dict[tuple[str, str], _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._complained_at = -math.inf

    def __len__(self) -> int:
        """How many legs are open or opening."""
        return len(self._table)

    def take(self, edge: str, message: ToBrowserAudio) -> None:
        """Carry out a message of an edge."""
        if isinstance(message, OfferLeg):
            self._offer(edge, message)
        elif isinstance(message, MoveLeg):
            self._move(edge, message)
        elif isinstance(message, CloseLeg):
            self._drop(edge, message.leg)

    def forget_edge(self, edge: str) -> None:
        """The edge is a new process: what its former self held is closed."""
        for owner, leg in [key for key in self._table if key[0] == edge]:
            self._drop(owner, leg)

    async def stop(self) -> None:
        """Close all legs and wait until they are."""
        for edge, leg in list(self._table):
            self._drop(edge, leg)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._audio.stop()

    def ended(self, entry: _Entry, reason: str) -> None:
        """The gateway says that a leg is over."""
        if entry.over:
            return
        entry.over = True
        if self._table.get((entry.edge, entry.leg)) is entry:
            del self._table[entry.edge, entry.leg]
        self.tell(entry.edge, LegClosed(leg=entry.leg, reason=reason))
        log.info("leg %s of %s is over: %s", entry.leg, entry.edge, reason)

    def _offer(self, edge: str, offer: OfferLeg) -> None:
        self._drop(edge, offer.leg)  # an offer for a leg that exists replaces it
        if len(self._table) >= self._legs_max:  # those that are closing are gone within a turn of the loop
            self.refused += 1
            self._complain("offer %d is refused: webrtc.legs_max (%d) are open", self.refused, self._legs_max)
            self.tell(edge, LegClosed(leg=offer.leg, reason=TOO_MANY))
            return
        engine = _address(offer.engine_host, offer.engine_port)
        if engine is None:
            log.error("leg %s of %s: the engine's address is none: %r", offer.leg, edge, offer.engine_host)
            self.tell(edge, LegClosed(leg=offer.leg, reason=FAILED))
            return
        entry = self._table[edge, offer.leg] = _Entry(self, edge, offer.leg, engine)
        self._start(self._open(entry, offer.sdp))

    def _move(self, edge: str, message: MoveLeg) -> None:
        entry = self._table.get((edge, message.leg))
        engine = _address(message.engine_host, message.engine_port)
        if entry is None or engine is None:
            return  # over meanwhile, which the edge was told
        entry.engine = engine
        if entry.browser is not None:
            entry.browser.move(engine)

    async def _open(self, entry: _Entry, sdp: str) -> None:
        engine = entry.engine
        try:
            browser = await self._audio.open(sdp, engine, entry)
        except BadOfferError as error:
            self.bad_offers += 1
            self._complain("leg %s: bad offer %d: %s", entry.leg, self.bad_offers, error)
            self.ended(entry, BAD_OFFER)
            return
        except OSError as error:
            log.error("leg %s of %s: no socket: %s", entry.leg, entry.edge, error)
            self.ended(entry, FAILED)
            return
        except BaseException:
            self.ended(entry, FAILED)
            raise
        if entry.over:  # closed while it was opening
            await browser.close()
            return
        entry.browser = browser
        if entry.engine != engine:
            browser.move(entry.engine)
        relay = browser.relay
        self.tell(
            entry.edge,
            LegAnswered(leg=entry.leg, sdp=browser.answer, relay_host=relay.host, relay_port=relay.port),
        )

    def _drop(self, edge: str, leg: str) -> None:
        entry = self._table.pop((edge, leg), None)
        if entry is None:
            return
        entry.over = True
        if entry.browser is not None:
            self._start(entry.browser.close())

    def _complain(self, text: str, *values: object) -> None:
        """Log what a page did wrong, but not more often than anybody reads: pages are many, and not all are
        ours.
        """
        now = asyncio.get_running_loop().time()
        if now - self._complained_at >= _COMPLAINT_INTERVAL_S:
            self._complained_at = now
            log.warning(text, *values)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a leg failed in a way that nobody foresaw", exc_info=error)


def _address(host: str, port: int) -> Address | None:
    """An address that packets can be sent to, in the form in which they come from it."""
    try:
        return Address(str(ipaddress.ip_address(host)), port) if 0 < port < 65536 else None
    except ValueError:
        return None
