"""The edge put together, and where each command of the core goes.

SIP dialogs live here and audio lives in the engine, so a core that dies takes no conversation with it. On
every connection to the core the edge first says what it holds; what happened while the core was away is kept
by the link and follows its number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable

import msgspec

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.link.heartbeat import beat_of
from acd_core.link.places import core_place
from acd_core.link.signals import (
    BanLifted,
    BrowserAnswer,
    BrowserEnded,
    BrowserHangUp,
    BrowserKey,
    BrowserOffer,
    EdgeAddress,
    EdgePicture,
    FromCore,
    LinesGiven,
    LinesHeld,
    PictureWanted,
    Siblings,
    ToCore,
    TraceLines,
    TraceWanted,
)
from acd_core.numbers import warm
from acd_core.telephony import trunk_addresses
from gateways.edge import audio, calls, registrar
from gateways.edge.addresses import LocalAddresses
from gateways.edge.admission import INTERVAL_MS, Admission, Signs
from gateways.edge.alarms import Alarms
from gateways.edge.browsers import Browsers
from gateways.edge.clock import Clock
from gateways.edge.dialogs import Dialogs
from gateways.edge.guard.guard import Guard
from gateways.edge.limits import EdgeLimits, Timing
from gateways.edge.links import link_to
from gateways.edge.listeners.opening import places_of, tls_contexts
from gateways.edge.names import Names
from gateways.edge.parts import Parts
from gateways.edge.phones import Phones, phones_path
from gateways.edge.picture import Pictures, TraceWatches
from gateways.edge.point import SipPoint
from gateways.edge.prompts import Prompts
from gateways.edge.recordings import Recordings
from gateways.edge.requests import Requests
from gateways.edge.siblings import SiblingEdges
from gateways.edge.sources import OnceLog
from gateways.edge.trace import Trace
from gateways.edge.trunk_care import TrunkCare
from gateways.edge.trunk_lines import SharedLines
from gateways.edge.trunks import Trunks
from gateways.sip import events as sip_events

_log = logging.getLogger(__name__)

STATISTICS_INTERVAL_S = 60.0


class Statistics(msgspec.Struct, frozen=True):
    """A picture of the whole edge."""

    calls: calls.Statistics
    dialogs: int
    browser_legs: int
    audio: audio.Statistics
    registrar: registrar.Statistics
    sip: sip_events.Statistics
    refusals: int
    sends_failed: int
    trace_lost: int


class Edge:
    """One edge process' work. `open`, then `run` until cancelled, then `close`."""

    def __init__(
        self,
        config: Config,
        name: str,
        *,
        number: int = 1,
        timing: Timing | None = None,
        limits: EdgeLimits | None = None,
    ) -> None:
        """Nothing is bound or connected yet. `number` says which ports are this edge's."""
        timing = timing or Timing()
        limits = limits or EdgeLimits(
            browser_legs_max=config.webrtc.legs_max,
            invites_per_second=config.sip.invites_per_second,
            invites_burst=2.0 * config.sip.invites_per_second,
        )
        clock = self.clock = Clock()
        self.name, self.instance = name, secrets.token_hex(8)
        self.trace = Trace(config.traces_path / name, config.sip.trace_messages_max, clock)
        addresses = LocalAddresses(config)
        self._refusals = OnceLog(_log, "SIP", clock.monotonic_ms)
        heard = (*config.sip.guard_allow, *trunk_addresses(config.trunks))
        self.guard = Guard(self._refusals, allow=heard, ban_s=config.sip.guard_ban_s)
        self.admission = Admission()
        self._pictures = Pictures(clock, self.picture, self._signal)
        self._trace_watches = TraceWatches(config.traces_path / name, clock, self._signal)
        self.point = SipPoint(
            places_of(config, number),
            addresses,
            clock,
            self.trace,
            self.guard,
            make_tls=lambda: tls_contexts(config),
        )
        self.core = link_to(
            core_place(config),
            name,
            send_type=ToCore,
            receive_type=FromCore,
            on_message=self._core_said,
            on_up=self._core_up,
            on_down=self._core_down,
            clock=clock,
            beat_s=beat_of(config.link.silence_s),
        )
        self.recordings = Recordings(config.recordings_path, name, self.core)
        self.audio = audio.Audio(config.socket("media"), name, timing, self.recordings)
        self.prompts = Prompts(
            config.socket("speech"), name, config.prompts_path, config.speech.words_per_minute, timing
        )
        self.registrar = registrar.PhoneRegistrar(
            name,
            config.sip.realm,
            Phones(phones_path(config.data_path), config.sip.realm, config.sip.digest),
            self.point,
            addresses,
            clock,
            timing,
            limits,
            self.guard,
            self._refusals,
            self.core.send,
        )
        self.trunks = Trunks(
            name,
            config.trunks,
            config.trunk_secret_file,
            clock,
            self.core.send,
            registers=number == config.edges.first,
            alone=not config.has_several_edges,
        )
        self.trunk_lines = SharedLines(self.trunks, self._signal) if config.has_several_edges else None
        self.point.on_flow_lost = self.registrar.flow_lost
        self.siblings = SiblingEdges(name, self.instance, self.point, addresses, clock, self.guard)
        self._told_where: EdgeAddress | None = None
        names = Names(config.sip.resolver, timing.name_answer_s)
        self.trunk_care = TrunkCare(self.trunks, self.point, addresses, timing, self.guard, names, clock)
        self._parts = Parts(
            edge=name,
            country=config.country,
            timing=timing,
            limits=limits,
            sip=config.sip,
            clock=clock,
            alarms=Alarms(clock),
            addresses=addresses,
            guard=self.guard,
            point=self.point,
            dialogs=Dialogs(),
            audio=self.audio,
            prompts=self.prompts,
            registrar=self.registrar,
            trunks=self.trunks,
            siblings=self.siblings,
            dial=config.dial,
            trace=self.trace,
            recordings=self.recordings,
            operator_legs={},
            tell=self.core.send,
            signal=self._signal,
            core_is_up=lambda: self.core.connected,
        )
        self.calls = calls.Calls(self._parts, config.sip.calls_max, self._refusals)
        self.browsers = Browsers(config.socket("webrtc"), self._parts, self.calls)

    def open(self) -> None:
        """Bind the SIP port; raises `PointError`."""
        warm(self._parts.country)  # or the first call would wait for it
        self.trace.start()
        self.recordings.open()
        self.point.open(Requests(self._parts, self.calls, self.admission))
        self.trunks.look()

    async def run(self) -> None:
        """Keep the links until cancelled."""
        await _all(
            self.core.run(),
            self.audio.link.run(),
            self.prompts.link.run(),
            self.browsers.link.run(),
            self._log_statistics(),
            self._look_at_the_load(),
            self._pictures.run(),
            self._trace_watches.run(),
            self.trunk_care.run(),
            *([self.trunk_lines.run()] if self.trunk_lines is not None else []),
        )

    def end_calls(self) -> None:
        """The edge stops: say goodbye to everybody. The links still stand for a moment."""
        self.calls.close()
        self.browsers.close()

    def close(self) -> None:
        """Free the port, finish the trace."""
        self.recordings.close()
        self.registrar.close()
        self.trunk_care.close()
        self.point.close()
        self.trace.stop()

    def statistics(self) -> Statistics:
        """A frozen picture."""
        return Statistics(
            calls=self.calls.statistics(),
            dialogs=len(self._parts.dialogs),
            browser_legs=len(self.browsers),
            audio=self.audio.statistics(),
            registrar=self.registrar.statistics(),
            sip=self.point.statistics(),
            refusals=self._refusals.total,
            sends_failed=self.point.sends_failed,
            trace_lost=self.trace.lost,
        )

    def picture(self) -> EdgePicture:
        """For the page, of this moment."""
        now_ms, sip = self.clock.monotonic_ms(), self.point.statistics()
        counters = self.guard.counters(now_ms)
        counters |= {f"overload_{work}": count for work, count in self.admission.refused.items() if count}
        counters |= {
            "dialogs": len(self._parts.dialogs),
            "lent": len(self.calls.lent),
            "phones": len(self.registrar.users),
            "refused_at_door": self.calls.statistics().refused_at_door,
            "retransmissions": sip.retransmissions_sent,
            "requests": sip.requests_received,
            "transactions": sip.clients_live + sip.servers_live,
        }
        return EdgePicture(
            edge=self.name,
            at_ms=self.clock.now_ms(),
            calls=self.calls.statistics().live,
            step=self.admission.step,
            counters=counters,
            trunks=self.trunks.rows(),
            sources=self.guard.rows(now_ms, self.clock.now_ms()),
        )

    # --- the core ---------------------------------------------------------------------------------

    def _core_up(self, fresh: bool) -> None:
        _log.info("link to the core is up%s", ", it is a new one" if fresh else "")
        held = self.calls.inventory()
        undecided = self.calls.undecided() if fresh else []
        strangers = {arrival.call for arrival in undecided}
        self._told_where = None
        self.tell_where()  # ahead of the inventory: what rings here next is rung by others, too
        self.core.send(
            events.EdgeInventory(
                edge=self.name,
                instance=self.instance,
                calls=tuple(call for call in held if call.call not in strangers),
                browser_legs=self.browsers.inventory(),
                phones=self.registrar.users,
                trunks=self.trunks.up,
            )
        )
        # A fresh core was never told of these; one that goes on hears of them from the link's outbox. They came before
        # this core's time was known.
        for arrival in undecided:
            self.core.send(self._on_the_cores_clock(arrival))
        self.recordings.core_up(fresh)
        if self.trunk_lines is not None:
            self.trunk_lines.tell()
        self.calls.core_changed()

    def tell_where(self) -> None:
        """Where other edges find us, unless the core knows: a network that was not there yet may have come."""
        own = self.siblings.own()
        if own != self._told_where:
            self._told_where = own
            self._signal(own)

    def _on_the_cores_clock(
        self, arrival: events.CallArrived | events.PhoneDialled
    ) -> events.CallArrived | events.PhoneDialled:
        if isinstance(arrival, events.CallArrived):
            return msgspec.structs.replace(arrival, at_ms=arrival.at_ms + self.clock.step_ms)
        return arrival

    def _core_down(self) -> None:
        _log.warning("link to the core is down; calls go on, their events are kept")
        self.clock.core_gone()
        self.calls.core_changed()

    def _core_said(self, message: FromCore) -> None:
        match message:
            case commands.EdgeCommand():
                self.calls.carry_out(message)
            case commands.DropAudio():
                self.browsers.drop(message)
            case commands.PreparePrompts(prompts=prompts):
                self.prompts.prepare(prompts)
            case BrowserOffer():
                self.browsers.offered(message)
            case BrowserKey():
                self.browsers.key_pressed(message)
            case BrowserHangUp():
                self.browsers.hung_up(message)
            case PictureWanted():
                self._pictures.wanted(message)
            case TraceWanted():
                self._trace_watches.wanted(message)
            case Siblings():
                self.siblings.told(message)
                self.calls.lent.look(message.gone)
            case LinesGiven() if self.trunk_lines is not None:
                self.trunk_lines.given(message)
            case BanLifted(source=source):
                if self.guard.lift(source):
                    _log.warning("SIP: %s is heard again, its ban was lifted", source)
            case _:
                _log.error("the core sent an edge what is not for edges: %s", type(message).__name__)

    def _signal(
        self, message: BrowserAnswer | BrowserEnded | EdgeAddress | EdgePicture | LinesHeld | TraceLines
    ) -> None:
        self.core.signal(message)  # lost while the core is away: the page asks again

    async def _look_at_the_load(self) -> None:
        """How late this comes is how late everything comes."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + INTERVAL_MS / 1000, loop.time())
            await asyncio.sleep(due - loop.time())
            late_ms = (loop.time() - due) * 1000
            thrown_away = self.guard.share_thrown_away()
            signs = Signs(late_ms, self.point.backlog, self.calls.waiting, thrown_away)
            if self.admission.look(signs, self.clock.monotonic_ms()):
                _log.warning(
                    "load: step %d of admission; late by %.0f ms, %.0f %% of the receive buffer taken, %d calls undecided",
                    *(self.admission.step, signs.late_ms, signs.backlog * 100, signs.undecided),
                )

    async def _log_statistics(self) -> None:
        said = ""
        while True:
            await asyncio.sleep(STATISTICS_INTERVAL_S)
            self.recordings.forget_confirmed()
            self._refusals.flush()
            self.tell_where()
            text = msgspec.json.encode(self.statistics()).decode()
            if text != said:
                said = text
                _log.info("statistics %s", text)


async def _all(*works: Awaitable[None]) -> None:
    """Run all until cancelled; when one fails, the others end and its error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
