"""What a caller is told before the answer: 180 or, to be heard already, 183; reliable where the other end wants to be sure.

A reliable one (RFC 3262) is repeated until its PRACK comes. When the INVITE brought no offer, the first reliable response
brings ours and its PRACK the answer (RFC 3262 5); the 200 has to wait for that. Where reliability is only supported, not
required, such a call is answered the usual way: one round trip less, and the caller loses nothing. It can't be heard before.

Early media (RFC 3960) begin with our answer in a 183. In a reliable one that is the answer, and the 200 has none; in any other
it says what the 200 will say once more, word for word (RFC 3261 13.2.1), and until then the offer stays open.

Proxies give up a call that is silent for three minutes, so whoever waits longer is told again each minute (RFC 3261
13.3.1.1).
"""

from __future__ import annotations

import secrets
from typing import Protocol

from gateways.edge.alarms import Alarm
from gateways.edge.parts import Parts
from gateways.edge.session import NO_SUCH_DIALOG, Session, refused
from gateways.edge.terms import connect
from gateways.edge.users import ServerUser
from gateways.sip.admission import Refusal
from gateways.sip.body import SDP_TYPE, session_part
from gateways.sip.build import respond
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.events import ServerKey
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import refuse_offer
from gateways.sip.reliable import ReliableUas, TimedOut

AGAIN_MS = 60_000
AGAIN_MAX = 10  # then the transaction is left to its end, so that no INVITE stands for ever
_RSEQ_BITS = 31  # RFC 3262 3: the first is less than 2^31


class RingingUser(ServerUser, Protocol):
    """The leg that rings."""

    def prack_missing(self) -> None:
        """Nobody acknowledged: refuse the INVITE (RFC 3262 3)."""

    def may_answer(self) -> None:
        """What the answer had to wait for is settled."""


class Ringing:
    """Of one INVITE, from its first 18x to its final response."""

    def __init__(
        self,
        parts: Parts,
        session: Session,
        key: ServerKey,
        invite: Request,
        user: RingingUser,
        *,
        reliable: bool,
    ) -> None:
        """`session` is of the early dialog."""
        self._parts, self._session, self._key, self._invite, self._user = parts, session, key, invite, user
        self._reliable = ReliableUas(secrets.randbits(_RSEQ_BITS) or 1) if reliable else None
        self._status = 0  # that was said last: 180, 183
        self._over = False
        self._again_ms = self._said = 0
        self._alarm: Alarm | None = None

    @property
    def blocks_answer(self) -> bool:
        """RFC 3262 3: no 200 while a session description waits for its PRACK."""
        return self._reliable is not None and self._reliable.blocks_success

    @property
    def may_be_heard(self) -> bool:
        """Whether there can be early media."""
        return self._reliable is not None or self._session.negotiation.state == "offer_in"

    def ring(self) -> None:
        """180 Ringing, once and then each minute."""
        if not self._status and not self._over:
            self._status = 180
            self._say()

    def let_hear(self) -> None:
        """183 Session Progress with our session description, once and then each minute."""
        if self._status != 183 and not self._over:
            self._status = 183
            self._say()

    def stop(self) -> None:
        """The INVITE is finally answered. PRACKs may still come."""
        self._over = True
        self._set_alarm()

    def prack_received(self, key: ServerKey, prack: Request) -> None:
        """Acknowledges the last 180; it may carry an answer to our offer, or an offer once all is settled."""
        answer = self._acknowledged(prack)
        if isinstance(answer, Refusal):
            response = refused(prack, answer)
        else:
            response = respond(prack, 200, body=answer, content_type=SDP_TYPE)
        self._parts.point.respond(key, response)
        self._poll()
        if not self._over and not self.blocks_answer:
            self._user.may_answer()

    def _acknowledged(self, prack: Request) -> bytes | Refusal:
        """The answer to the offer in it, if there is one."""
        body = session_part(prack)
        if isinstance(body, Refusal):
            return body
        if self._reliable is None:
            return NO_SUCH_DIALOG
        session, negotiation = self._session, self._session.negotiation
        if negotiation.state == "offer_out" and not body:
            return Refusal(400, "Bad Request - the answer is missing")
        refusal = self._reliable.acknowledged(prack)
        if refusal is not None or not body:
            return refusal or b""
        if negotiation.state == "offer_out":
            try:
                connect(session.audio, negotiation.take_answer(body), session.line.peer.host)
            except (SdpError, NoCommonCodecError) as error:
                return refuse_offer(error)
            return b""
        return negotiation.take_offer(body) or session.answer_now()

    def _say(self) -> None:
        self._said += 1
        self._again_ms = self._parts.clock.monotonic_ms() + AGAIN_MS
        response = respond(
            self._invite,
            self._status,
            to_tag=self._session.local_tag,
            contact=self._session.contact,
            body=self._description(),
            content_type=SDP_TYPE,
        )
        if self._reliable is None:
            self._send(response)
        elif sent := self._reliable.number(response, self._parts.clock.monotonic_ms()):
            self._send(sent)
        self._set_alarm()

    def _description(self) -> bytes:
        """Our offer when the INVITE brought none, else our answer as soon as it is to be heard."""
        session, negotiation = self._session, self._session.negotiation
        is_open = negotiation.state == "offer_in"
        if self._reliable is None:
            return session.early_answer() if is_open and self._status == 183 else b""
        if negotiation.state == "idle" and negotiation.agreement is None:
            return negotiation.make_offer()
        return session.answer_now() if is_open and self._status == 183 else b""

    def _send(self, response: Response) -> None:
        self._parts.point.respond(self._key, response, self._user)

    def _poll(self) -> None:
        """Repeat what is not acknowledged, say it anew when a minute has passed."""
        self._alarm = None
        if self._over:
            return
        now_ms = self._parts.clock.monotonic_ms()
        due = self._reliable.poll(now_ms) if self._reliable is not None else None
        if isinstance(due, TimedOut):
            self._user.prack_missing()
            return
        if due is not None:
            self._send(due)
        if self._status and now_ms >= self._again_ms and self._said <= AGAIN_MAX:
            self._say()
        else:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._over or not self._status:
            return
        due = [self._again_ms] if self._said <= AGAIN_MAX else []
        if self._reliable is not None and (repeat_ms := self._reliable.next_deadline_ms()) is not None:
            due.append(repeat_ms)
        if due:
            self._alarm = self._parts.alarms.at(min(due), self._poll)
