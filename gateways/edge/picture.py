"""What pages see of an edge: a picture a second while somebody looks, and the messages of the calls that somebody watches.

A web process says again and again that it looks; one that fell silent is forgotten, so that nothing is told to nobody for ever.
The trace's files are read in a thread: they are large, and the loop is for calls.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from acd_core.link.signals import EdgePicture, PictureWanted, TraceLines, TraceWanted
from acd_core.link.trace_lines import TraceLine, TraceMessage, TraceParty
from gateways.edge.clock import Clock
from gateways.edge.trace_live import Follower, Watch
from gateways.edge.trace_search import messages_of, parties_of

_log = logging.getLogger(__name__)

PICTURE_INTERVAL_S = 1.0
TRACE_INTERVAL_S = 0.5
WANTED_FOR_MS = 30_000  # without being asked again
WATCHES_MAX = 16  # pages that watch a call; a further one sees nothing
LINES_MAX = 200  # in one signal; the rest follows in the next

_Signal = Callable[[EdgePicture | TraceLines], object]


class Pictures:
    """One for each edge; `run` it."""

    def __init__(self, clock: Clock, draw: Callable[[], EdgePicture], signal: _Signal) -> None:
        """`draw` makes the picture of the moment."""
        self._clock, self._draw, self._signal = clock, draw, signal
        self._webs: dict[str, int] = {}  # until when
        self._wake = asyncio.Event()

    def wanted(self, message: PictureWanted) -> None:
        """A web process looks, or does no longer."""
        if message.on:
            self._webs[message.web] = self._clock.monotonic_ms() + WANTED_FOR_MS
            self._wake.set()
        else:
            self._webs.pop(message.web, None)

    async def run(self) -> None:
        """Tell the picture until cancelled."""
        while True:
            await self._wake.wait()
            while _still(self._webs, self._clock.monotonic_ms()):
                self._signal(self._draw())
                await asyncio.sleep(PICTURE_INTERVAL_S)
            self._wake.clear()


class TraceWatches:
    """Pages that watch a call; `run` it."""

    def __init__(self, folder: Path, clock: Clock, signal: _Signal) -> None:
        """`folder` is this edge's own: every edge is asked, each tells what it has."""
        self._folder, self._clock, self._signal = folder, clock, signal
        self._watches: dict[tuple[str, str], _PageWatch] = {}
        self._wake = asyncio.Event()

    def wanted(self, message: TraceWanted) -> None:
        """A page watches this call, or nothing any longer."""
        page = (message.web, message.peer)
        until_ms = self._clock.monotonic_ms() + WANTED_FOR_MS
        watch = self._watches.get(page)
        if not message.call:
            self._watches.pop(page, None)
        elif watch is not None and watch.call == message.call:
            watch.until_ms = until_ms
        elif watch is not None or len(self._watches) < WATCHES_MAX:
            self._watches[page] = _PageWatch(self._folder, message.call, until_ms)
            self._wake.set()

    async def run(self) -> None:
        """Tell what is new until cancelled."""
        while True:
            await self._wake.wait()
            while self._watches:
                for page, watch in list(self._watches.items()):
                    if self._clock.monotonic_ms() >= watch.until_ms:
                        del self._watches[page]
                        continue
                    try:
                        lines = await asyncio.to_thread(watch.lines)
                    except OSError as error:  # such as no descriptor left; the page goes on asking
                        _log.warning("the trace can't be read for a page: %s", error)
                        self._watches.pop(page, None)
                        continue
                    if lines and self._watches.get(page) is watch:
                        self._signal(TraceLines(web=page[0], peer=page[1], lines=tuple(lines)))
                await asyncio.sleep(TRACE_INTERVAL_S)
            self._wake.clear()


class _PageWatch:
    """One page's call. `lines` reads files."""

    def __init__(self, folder: Path, call: str, until_ms: int) -> None:
        self.call, self.until_ms = call, until_ms
        self._folder = folder
        self._waiting: list[TraceLine] = []
        self._watch: Watch | None = None
        self._follower: Follower | None = None

    def lines(self) -> list[TraceLine]:
        """What is new, the call's past first."""
        if self._watch is None or self._follower is None:
            # Where the files end is noted before their past is read: a line of this moment may come twice, never not at all.
            self._follower = Follower(self._folder, from_now=True)
            parties = parties_of(self._folder, self.call)
            self._watch = Watch(self.call, {id_: party for (_, id_), party in parties.items()})
            self._waiting += self._named(
                (one.party, one.message) for one in messages_of(self._folder, parties)
            )
        self._waiting += self._named(self._watch.pick(self._follower.poll()))
        now, self._waiting = self._waiting[:LINES_MAX], self._waiting[LINES_MAX:]
        return now

    def _named(self, messages: Iterable[tuple[str, TraceMessage]]) -> Iterable[TraceLine]:
        """Each message behind the line that says whose it is."""
        return itertools.chain.from_iterable(
            (TraceParty(message.at_ms, self.call, party, ""), message) for party, message in messages
        )


def _still(wanted: dict[str, int], now_ms: int) -> bool:
    for web in [web for web, until_ms in wanted.items() if now_ms >= until_ms]:
        del wanted[web]
    return bool(wanted)
