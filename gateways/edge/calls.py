"""The calls of this edge, from the door on.

An INVITE that is let in gets audio ports first; when it has them the call *arrives* and the core hears of it.
From then on the core commands, and a command about a call that ended is ignored and counted, because the
core's word and the caller's hang-up cross each other every day. A call about which the core says nothing is
refused after a while: soon when the core is away, later when it is there and slow. Nothing of a request is
ever sent on to an address that the request names: the number is looked up by the core, or refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from acd_core.domain import commands, events
from gateways.edge.call import Call, CallerSide, OperatorPhone
from gateways.edge.caller_leg import CallerLeg, judge_invite
from gateways.edge.calls_out import CallsOut
from gateways.edge.chance import token
from gateways.edge.graveyard import Graveyard
from gateways.edge.guard.guard import source_of
from gateways.edge.identity import CallIds
from gateways.edge.lent import Lending, LentDevice
from gateways.edge.parts import Parts
from gateways.edge.session import refused
from gateways.edge.sources import OnceLog, RateLimiter
from gateways.edge.transfers import replace_dialog
from gateways.edge.trunk_door import TrunkDoor
from gateways.edge.trunks import TrunkState
from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request

_log = logging.getLogger(__name__)

_TAG_CHARS = 12

_CARRIED_OUT: dict[type[commands.EdgeCommand], Callable[[Call, Any], None]] = {
    commands.RefuseCall: Call.refuse,
    commands.RingCaller: Call.ring_caller,
    commands.ProgressCaller: Call.progress_caller,
    commands.AnswerCaller: Call.answer_caller,
    commands.Play: Call.play,
    commands.PlayMusic: Call.play_music,
    commands.EndCall: Call.end,
    commands.RingPhone: Call.ring_phone,
    commands.EndPhone: Call.end_phone,
    commands.DialOutside: Call.dial_outside,
    commands.TransferAnswered: Call.transfer_answered,
    commands.Join: Call.join,
    commands.SendKeys: Call.send_keys,
    commands.Part: Call.part,
}


class Statistics(msgspec.Struct, frozen=True):
    """Counters of calls."""

    live: int
    arrived: int
    refused_at_door: int
    commands_late: int
    undecided: int


class Calls:
    """All calls by id."""

    def __init__(self, parts: Parts, calls_max: int, log: OnceLog) -> None:
        """Beyond `calls_max` an INVITE is answered 503; `log` says whose was."""
        self._parts, self._calls_max, self._log = parts, calls_max, log
        self._calls: dict[str, Call] = {}
        self._dead = Graveyard(parts.timing.dead_call_rest_s)
        self._coming: set[str] = set()  # let in, without audio yet
        self._undecided_calls: set[str] = set()
        self._callers_coming: dict[str, CallerLeg] = {}  # those of them that came by an INVITE
        self._lines: dict[str, TrunkState] = {}  # of trunks, that calls of callers take
        self._ids = CallIds()
        self.out = CallsOut(parts, self)
        self._trunk_door = TrunkDoor(parts, log)
        self.lent = Lending(parts, self, log)
        self._rates = RateLimiter(
            parts.limits.invites_per_second, parts.limits.invites_burst, parts.limits.sources_max
        )
        self._closing = False
        self._arrived = self._refused = self._commands_late = self._undecided = 0

    def statistics(self) -> Statistics:
        """A frozen copy of the counters."""
        return Statistics(
            len(self._calls), self._arrived, self._refused, self._commands_late, self._undecided
        )

    @property
    def full(self) -> bool:
        """No further call is let in."""
        return self._closing or self._live() >= self._calls_max

    def _live(self) -> int:
        """All that takes the room of a call: also what is lent to other edges' calls."""
        return len(self._calls) + len(self._coming) + len(self.out) + len(self.lent)

    def invite_received(self, key: ServerKey, invite: Request, source: Flow) -> None:
        """A new INVITE: refuse it at the door, or take ports for it."""
        if self.full:
            self.turn_away(key, invite, source, "too many calls at once")
            return
        if not self._rates.allow(source_of(source.host), self._parts.clock.monotonic_ms()):
            self.turn_away(key, invite, source, "too many in a short time")
            return
        trunk = self._parts.trunks.of_source(source)
        if trunk is not None and not self._trunk_door.admits(trunk, key, invite, source):
            self._refused += 1
            return
        # What a trunk has proved is not asked of a phone again.
        is_proved = trunk is not None and trunk.config.incoming == "digest"
        user = "" if is_proved else self.out.proven(key, invite, source)
        if user is None:
            return
        invitation = judge_invite(invite, self._parts.sip)
        if isinstance(invitation, Refusal):
            self._refused += 1
            self._parts.point.respond(key, refused(invite, invitation))
            return
        if invite.get("Replaces") is not None:
            replace_dialog(self._parts, key, invite, invitation.offer, source)
            return
        number = self.out.number_of(invite) if user else None
        if number is not None:
            self.out.phone_arrives(self.new_id(), user, number, key, invitation, source)
            return
        if trunk is not None and not self._parts.trunks.take_line(trunk):
            self.turn_away(key, invite, source, f"trunk {trunk.name} is full")
            return
        call_id = self.new_id()
        if trunk is not None:
            self._lines[call_id] = trunk
        self._callers_coming[call_id] = CallerLeg(
            self._parts,
            self,
            call_id,
            key,
            invitation,
            source,
            token(_TAG_CHARS),
            known=trunk is not None or bool(user),
        )

    def turn_away(self, key: ServerKey, invite: Request, source: Flow, reason: str) -> None:
        """503: not now."""
        self._refused += 1
        self._log.note("INVITE refused", source.host, reason)
        retry_after = ("Retry-After", str(self._parts.limits.retry_after_s))
        self._parts.point.respond(key, respond(invite, 503, headers=[retry_after]))

    def new_id(self) -> str:
        """A call is let in; `arrived` or `never_arrived` follows."""
        call_id = self._ids.next(self._parts.clock.now_ms())
        self._coming.add(call_id)
        return call_id

    def never_arrived(self, call_id: str) -> None:
        """The caller gave up, or there was no audio, before the core heard of the call."""
        self._left_the_door(call_id)
        self._release_line(call_id)

    def arrived(self, caller: CallerSide, arrival: events.CallArrived) -> Call:
        """The call has audio: it is the core's now."""
        self._left_the_door(arrival.call)
        call = self._calls[arrival.call] = Call(self._parts, arrival.call, caller, self._is_over, arrival)
        self._arrived += 1
        self._undecided_calls.add(arrival.call)
        self._parts.tell(arrival)
        self._await_decision(call)
        return call

    def holds(self, call_id: str) -> bool:
        """Whether there is such a call."""
        return call_id in self._calls

    def keep(self, call_id: str, side: CallerSide) -> Call:
        """A call of ours, which nobody need decide about any more."""
        call = self._calls[call_id] = Call(self._parts, call_id, side, self._is_over)
        return call

    def carry_out(self, command: commands.EdgeCommand) -> None:
        """A command of the core."""
        if isinstance(command, commands.DialOut):
            self.out.dial_out(command)
            return
        if self.out.refused(command):
            return
        call = self._calls.get(command.call)
        if call is None:
            lent = isinstance(command, commands.TransferAnswered) and self.lent.transfer_answered(command)
            self._commands_late += not lent
            return
        call.decided = True
        self._undecided_calls.discard(call.id)
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
        if isinstance(command, commands.TakeOver):
            self._take_over(call, command)
            return
        _CARRIED_OUT[type(command)](call, command)

    def _take_over(self, call: Call, command: commands.TakeOver) -> None:
        other = self._calls.get(command.of)
        if other is None:
            self._commands_late += 1
        else:
            call.take_over(other, command.offer)

    def inventory(self) -> tuple[events.HeldCall, ...]:
        """What is held."""
        return tuple(
            events.HeldCall(
                call=call.id,
                answered=call.caller.answered,
                agent=call.joined.agent if call.joined is not None else "",
                ringing=call.ringing(),
                dialling=call.dialling,
            )
            for call in self._calls.values()
        )

    @property
    def waiting(self) -> int:
        """Calls whose audio or whose first word of the core is still awaited."""
        return len(self._coming) + len(self._undecided_calls) + len(self.out)

    def undecided(self) -> list[events.CallArrived | events.PhoneDialled]:
        """Arrivals that no core has said anything about."""
        return [
            *(call.arrival for call in self._calls.values() if call.arrival is not None and not call.decided),
            *self.out.undecided(),
        ]

    def core_changed(self) -> None:
        """The core came or went: patience with it is another."""
        self.out.core_changed()
        for call in self._calls.values():
            if not call.decided:
                self._await_decision(call)

    def browser_leg_gone(self, leg: str) -> None:
        """An operator's browser leg was closed; whoever talked to it stands alone until the core says more."""
        for call in self._calls.values():
            if call.joined is not None and call.joined.leg == leg:
                call.joined = None

    def close(self) -> None:
        """The edge stops: every call ends, none is let in."""
        self._closing = True
        self.out.close()
        self.lent.close()
        for call_id, caller in list(self._callers_coming.items()):
            caller.refuse(503, "", self._parts.limits.retry_after_s)
            self.never_arrived(call_id)
        for call in list(self._calls.values()):
            call.caller_gone("edge_stopped")
            call.caller.end("edge_stopped")

    def _await_decision(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        timing = self._parts.timing
        wait_s = timing.decision_core_up_s if self._parts.core_is_up() else timing.decision_core_down_s
        call.timer = asyncio.get_running_loop().call_later(wait_s, self._not_decided, call)

    def _not_decided(self, call: Call) -> None:
        self._undecided += 1
        _log.error("call %s: no word from the core, refused with 503", call.id)
        call.caller_gone("core_unreachable")
        call.caller.refuse(503, "", self._parts.limits.retry_after_s)

    def _left_the_door(self, call_id: str) -> None:
        self._coming.discard(call_id)
        self._callers_coming.pop(call_id, None)

    def _release_line(self, call_id: str) -> None:
        trunk = self._lines.pop(call_id, None)
        if trunk is not None:
            self._parts.trunks.released(trunk)

    def returned(self, device: LentDevice, phone: OperatorPhone | None) -> None:
        """What was lent is over."""
        self._dead.bury(device)
        if phone is not None:
            self._dead.bury(phone)

    def bury(self, phone: OperatorPhone) -> None:
        """It dialled, and its call never began."""
        self._dead.bury(phone)

    def _is_over(self, ended: Call | OperatorPhone) -> None:
        """A call, or a phone of one."""
        self._dead.bury(ended)
        if isinstance(ended, Call):
            self._calls.pop(ended.id, None)
            self._release_line(ended.id)
            self._undecided_calls.discard(ended.id)
