"""The link to the core: hands what it says to the features, and says first of all which sessions are held
here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acd_core.domain import commands, events
from acd_core.link.aio import LinkClient
from acd_core.link.heartbeat import BEAT_S
from acd_core.link.places import Remote
from acd_core.link.signals import (
    BrowserAnswer,
    BrowserEnded,
    EdgePicture,
    Explained,
    FromCore,
    ToCore,
    TraceLines,
    Wallboard,
    WallboardDelta,
)
from agent_web.calls.explanation import Explanations
from agent_web.calls.service import Visitors
from agent_web.desk.service import Desks
from agent_web.telephony.service import Telephony
from agent_web.wallboard.service import Boards

_log = logging.getLogger(__name__)


class CoreLink:
    """The web's end of the link (`CorePort` for the features)."""

    def __init__(self, place: Path | Remote, name: str, beat_s: float = BEAT_S) -> None:
        self.name = name
        self._client = LinkClient(
            place,
            role="web",
            name=name,
            send_type=ToCore,
            receive_type=FromCore,
            on_message=self._received,
            on_up=self._up,
            on_down=self._down,
            beat_s=beat_s,
        )
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._inventory: Callable[[], tuple[events.OpenSession, ...]] = tuple
        self._changed: list[Callable[[], None]] = []

    def attach(
        self,
        desks: Desks,
        boards: Boards,
        visitors: Visitors,
        explanations: Explanations,
        telephony: Telephony,
    ) -> None:
        """The features that the core talks to."""

        def pictured(whole: Wallboard) -> None:
            boards.replaced(whole)
            desks.reasons_changed(whole.not_ready_reasons)

        def changed(delta: WallboardDelta) -> None:
            boards.changed(delta)
            if delta.not_ready_reasons is not None:
                desks.reasons_changed(delta.not_ready_reasons)

        def answered(signal: BrowserAnswer) -> None:
            (visitors if signal.peer in visitors.by_peer else desks).audio_answered(signal)

        def ended(signal: BrowserEnded) -> None:
            (visitors if signal.peer in visitors.by_peer else desks).audio_ended(signal)

        self._handlers = {
            commands.DeskView: desks.viewed,
            commands.SessionReplaced: desks.replaced,
            commands.RequestRefused: desks.refused,
            BrowserAnswer: answered,
            BrowserEnded: ended,
            Explained: explanations.answered,
            Wallboard: pictured,
            WallboardDelta: changed,
            EdgePicture: telephony.pictured,
            TraceLines: telephony.traced,
        }
        self._inventory = desks.inventory
        self._changed = [
            desks.core_changed,
            boards.core_changed,
            visitors.core_changed,
            telephony.core_changed,
        ]

    @property
    def connected(self) -> bool:
        """Whether the core can be reached."""
        return self._client.connected

    def send(self, message: Any) -> None:
        """An event that must arrive."""
        self._client.send(message)

    def signal(self, message: Any) -> bool:
        """A message that nobody repeats."""
        return self._client.signal(message)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        await self._client.run()

    def _received(self, message: Any) -> None:
        handler = self._handlers.get(type(message))
        if handler is None:
            _log.error("the core said %s, which is not for a web process", type(message).__name__)
            return
        handler(message)

    def _up(self, fresh: bool) -> None:
        _log.info("the core is there%s", " and new" if fresh else "")
        self._client.send(
            events.WebInventory(web=self.name, instance=self._client.stream, sessions=self._inventory())
        )
        self._tell_change()

    def _down(self) -> None:
        _log.warning("the core went away")
        self._tell_change()

    def _tell_change(self) -> None:
        for changed in self._changed:
            changed()
