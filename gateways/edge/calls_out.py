"""The outgoing half of `Calls`: which INVITEs are a phone's of ours that dials, and what is dialled.

Nothing leads from an INVITE to another but this: it proves to be a phone's, by digest, and the dial rules let its number
through, here and again when the core has said `DialOut`. An INVITE from where a phone is registered is asked for that proof,
and so is one that brings any; everybody else's is a call to us, whatever it asks for. A phone that dials what the rules say
nothing about calls one of our own services.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from acd_core.dialrules import NO_RULE, NOT_A_NUMBER, Barred, judge
from acd_core.domain import commands, events
from gateways.edge.caller_leg import Invitation
from gateways.edge.chance import token
from gateways.edge.dialling import DialledSide
from gateways.edge.dialling_phone import DiallingPhone
from gateways.edge.identity import dialled_of
from gateways.edge.parts import Parts
from gateways.sip.auth import Granted
from gateways.sip.build import respond
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request

if TYPE_CHECKING:
    from gateways.edge.calls import Calls

_log = logging.getLogger(__name__)

_TAG_CHARS = 12


class _Waiting:
    """A phone whose call the core has not decided about."""

    def __init__(self, phone: DiallingPhone, event: events.PhoneDialled) -> None:
        self.phone, self.event = phone, event
        self.timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class CallsOut:
    """What is dialled, and by whom."""

    def __init__(self, parts: Parts, calls: Calls) -> None:
        """`calls` keeps the calls."""
        self._parts, self._calls = parts, calls
        self._waiting: dict[str, _Waiting] = {}

    def __len__(self) -> int:
        """Phones that wait for the core."""
        return len(self._waiting)

    # --- phones that dial -------------------------------------------------------------------------

    def proven(self, key: ServerKey, invite: Request, source: Flow) -> str | None:
        """The phone that sent this; empty for anybody else. None: it was answered, with a challenge or a refusal."""
        registrar = self._parts.registrar
        registered = registrar.user_at(source)
        if not registered and not (invite.get("Authorization") or invite.get("Proxy-Authorization")):
            return ""
        user = registered or invite.from_.uri.user_text
        verdict = registrar.prove(invite, source, user)
        if isinstance(verdict, Granted):
            return verdict.username
        if verdict is None:
            self._parts.point.respond(key, respond(invite, 403))
        elif not registered and verdict.reason == "no-credentials":
            return ""  # they are for somebody else than us
        else:
            headers = registrar.challenge(invite, source, user, stale=verdict.stale)
            self._parts.point.respond(key, respond(invite, 401, headers=headers))
        return None

    def number_of(self, invite: Request) -> str | None:
        """What a phone dials, when the dial rules have a word on it; None: a service of ours."""
        verdict = judge(dialled_of(invite), self._parts.country, self._parts.dial)
        if isinstance(verdict, Barred) and verdict.reason in (NO_RULE, NOT_A_NUMBER):
            return None
        return verdict.number

    def phone_arrives(
        self, call_id: str, user: str, number: str, key: ServerKey, invitation: Invitation, source: Flow
    ) -> None:
        """It takes ports first, as every call."""
        DiallingPhone(self._parts, self, call_id, user, number, key, invitation, source, token(_TAG_CHARS))

    def phone_dialled(self, phone: DiallingPhone, event: events.PhoneDialled) -> None:
        """It has audio: the core is asked."""
        self._calls.never_arrived(event.call)  # not as a caller
        waiting = self._waiting[event.call] = _Waiting(phone, event)
        self._parts.tell(event)
        self._await_decision(waiting)

    def phone_gave_up(self, call_id: str) -> None:
        """Before the core said anything; should it say `DialOut`, it is told."""
        waiting = self._waiting.pop(call_id, None)
        if waiting is not None:
            waiting.stop()
            self._calls.bury(waiting.phone)

    def never_arrived(self, call_id: str) -> None:
        """Neither audio nor call."""
        self._calls.never_arrived(call_id)

    # --- the core ---------------------------------------------------------------------------------

    def dial_out(self, command: commands.DialOut) -> None:
        """A call of ours; one that is held already was asked for twice."""
        if self._calls.holds(command.call):
            return
        phone: DiallingPhone | None = None
        if not (command.leg or command.user):
            waiting = self._waiting.pop(command.call, None)
            if waiting is None:
                self._parts.tell(events.PhoneHungUp(agent=command.agent, call=command.call))
                return
            waiting.stop()
            phone = waiting.phone
        side = DialledSide(self._parts, command, phone)
        call = self._calls.keep(command.call, side)
        call.dialled = side
        if phone is not None:
            call.phones[command.offer] = phone
            phone.dials(call, command.agent, command.offer)
        side.begin(call)

    def refused(self, command: commands.EdgeCommand) -> bool:
        """Whether this was the core's no to a phone that waits."""
        if not isinstance(command, commands.RefuseCall | commands.EndCall):
            return False
        waiting = self._waiting.pop(command.call, None)
        if waiting is None:
            return False
        waiting.stop()
        if isinstance(command, commands.RefuseCall):
            waiting.phone.refuse(command.status, command.reason, command.retry_after_s)
        else:
            waiting.phone.end()
        self._calls.bury(waiting.phone)
        return True

    def undecided(self) -> list[events.PhoneDialled]:
        """What no core has said anything about."""
        return [waiting.event for waiting in self._waiting.values()]

    def core_changed(self) -> None:
        """The core came or went: patience with it is another."""
        for waiting in self._waiting.values():
            self._await_decision(waiting)

    def close(self) -> None:
        """The edge stops."""
        for waiting in list(self._waiting.values()):
            self._turn_away(waiting)

    def _await_decision(self, waiting: _Waiting) -> None:
        waiting.stop()
        timing = self._parts.timing
        wait_s = timing.decision_core_up_s if self._parts.core_is_up() else timing.decision_core_down_s
        waiting.timer = asyncio.get_running_loop().call_later(wait_s, self._not_decided, waiting)

    def _not_decided(self, waiting: _Waiting) -> None:
        _log.error("call %s: no word from the core, the phone is refused with 503", waiting.event.call)
        self._turn_away(waiting)

    def _turn_away(self, waiting: _Waiting) -> None:
        waiting.stop()
        self._waiting.pop(waiting.event.call, None)
        waiting.phone.refuse(503, "", self._parts.limits.retry_after_s)
        self._calls.bury(waiting.phone)
