"""Calls that the other end's exchange hands on: INVITE with Replaces (RFC 3891), and REFER (RFC 3515, 5589).

Both leave the call here as it is: the same audio leg, and whoever hears it. Only the other end is another.

* *Replaces* comes with a new INVITE: the dialog it names ends, the new one takes its place. Whoever may do that could also
  have hung up, see `Session.judge_move`.
* *REFER* asks us to call. We do that for a caller who came over a trunk, to a telephone of that same trunk, and only in
  place of a dialog that is there (`Replaces`, and `Require` so that no other call can come of it): an attended transfer
  within the caller's own exchange. Everything else is forbidden: who is called at our cost is the core's to decide, and
  operators hand calls on at their desk. An exchange that does not look at `Replaces` would make a call to a number of it, so
  numbers are asked of the dial rules. What came of it is told by NOTIFY.
"""

from __future__ import annotations

import logging
from typing import Protocol

from acd_core.dialrules import BARRED, NOT_A_NUMBER, SHORT_DIGITS_MAX, Barred, Dialled, judge
from acd_core.telephony import DialRule
from gateways.edge.alarms import Alarm
from gateways.edge.outgoing_leg import Failure, OutgoingLeg, Target
from gateways.edge.parts import Parts
from gateways.edge.session import NO_SUCH_DIALOG, Session, refused
from gateways.edge.terms import connect
from gateways.edge.trunks import TrunkState
from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.dialog import DialogId
from gateways.sip.errors import SipParseError
from gateways.sip.events import Flow, ServerKey
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request
from gateways.sip.refer import SIPFRAG_TYPE, Refer, notify_headers, parse_refer, replaces_of, sipfrag
from gateways.sip.uri import Uri, same_host

_log = logging.getLogger(__name__)

_NO_NUMBER = (DialRule(trunks=(), allow=()),)  # bars all, and says by what kind
_WITHIN = frozenset(";,*#+")  # other numbers behind the first, codes of exchanges, countries


def replace_dialog(parts: Parts, key: ServerKey, invite: Request, offer: bytes, source: Flow) -> None:
    """An INVITE with Replaces, and an offer that can be answered, or none."""
    try:
        replaces = replaces_of(invite)
    except SipParseError as error:
        parts.point.respond(key, refused(invite, _malformed(error)))
        return
    assert replaces is not None
    session = parts.dialogs.find(DialogId(replaces.call_id, replaces.to_tag, replaces.from_tag))
    if not isinstance(session, Session):
        parts.point.respond(key, refused(invite, NO_SUCH_DIALOG))
        return
    refusal = session.judge_move(replaces, source)
    if refusal is None:
        session.move(key, invite, offer, source)
    else:
        parts.point.respond(key, refused(invite, refusal))


class TransferUser(Protocol):
    """The caller's leg."""

    def transferred(self, leg: OutgoingLeg) -> None:
        """This is the other end from now on; the session before has ended."""

    def not_transferred(self) -> None:
        """Nobody was reached, and who asked has hung up meanwhile."""

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """It is over."""

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """A key came by INFO."""


class Transfers:
    """What the REFERs in one caller's dialog ask for, one at a time."""

    def __init__(self, parts: Parts, session: Session, user: TransferUser) -> None:
        """`session` has an answer, or will have one."""
        self._parts, self._session, self._user = parts, session, user
        self._leg: OutgoingLeg | None = None
        self._refer: Refer | None = None
        self._number = 0  # of that REFER
        self._patience: Alarm | None = None

    @property
    def under_way(self) -> bool:
        """The other telephone is being called: who asked for it may hang up already."""
        return self._leg is not None

    def end(self) -> None:
        """The call is over: what was begun is taken back."""
        if self._leg is not None:
            self._leg.end()
            self._decided()

    def _decided(self) -> None:
        self._leg = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # --- ReferUser --------------------------------------------------------------------------------

    def refer_received(self, key: ServerKey, refer: Request) -> None:
        """202 and then NOTIFY, or refused."""
        point, session = self._parts.point, self._session
        try:
            asked = parse_refer(refer)
        except SipParseError as error:
            point.respond(key, refused(refer, _malformed(error)))
            return
        trunk = self._parts.trunks.of_source(session.line.peer)
        flow = self._way_to(trunk, asked.target) if trunk is not None and asked.replaces is not None else None
        if trunk is None or flow is None:
            point.respond(key, refused(refer, Refusal(403)))
            return
        if self._leg is not None or not session.confirmed:
            point.respond(key, refused(refer, Refusal(491)))
            return
        # RFC 4488: who wants no NOTIFY is told that there will be none.
        headers = [] if asked.wants_notify else [("Refer-Sub", "false")]
        point.respond(key, respond(refer, 202, contact=session.contact, headers=headers))
        self._refer, self._number = asked, refer.cseq.number
        self._notify(100)
        self._call(trunk, flow, asked)

    def _way_to(self, trunk: TrunkState, target: Uri) -> Flow | None:
        """To a telephone of this trunk's own hosts, also where a proxy would take us to others."""
        its_own = trunk.is_at(target.host) or same_host(trunk.config.host, target.host)
        if target.scheme != "sip" or not its_own or "maddr" in target.params:
            return None
        parts, user = self._parts, target.user_text
        verdict = judge(user, parts.country, parts.dial)
        allowed = isinstance(verdict, Dialled) and trunk.name in verdict.trunks
        return trunk.way_to(target) if allowed or _is_extension(user, parts.country) else None

    def _call(self, trunk: TrunkState, flow: Flow, asked: Refer) -> None:
        headers = [("Replaces", str(asked.replaces)), ("Require", "replaces")]
        if asked.referred_by is not None:
            headers.append(("Referred-By", str(asked.referred_by)))  # RFC 3892 2.2
        parts = self._parts
        # A proxy that goes on saying 180 would else hold a call for ever that the caller may have left.
        due_ms = parts.clock.monotonic_ms() + int(parts.timing.ring_max_s * 1000)
        self._patience = parts.alarms.at(due_ms, self._rung_too_long)
        self._leg = OutgoingLeg(
            parts,
            self,
            self._session.audio,
            Target(asked.target, flow, trunk.route, trunk.credentials()),
            from_=NameAddr(self._session.local.uri),
            to=NameAddr(asked.target),
            headers=headers,
            party=(self._session.party[0], "caller, handed on"),
        )
        self._leg.start(parts.timing.trunk_silence_s)

    def _rung_too_long(self) -> None:
        if self._leg is not None:
            self._leg.end()
            self.leg_failed(self._leg, Failure(408))

    def _notify(self, status: int) -> None:
        """RFC 3515 2.4.5; nothing follows from its answer, the call matters more than the news of it."""
        if self._refer is not None and self._refer.wants_notify and not self._session.closed:
            headers = notify_headers(final=status >= 200, refer_cseq=self._number)
            self._session.notify(headers, sipfrag(status), SIPFRAG_TYPE)

    # --- OutgoingOwner ----------------------------------------------------------------------------

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """It rings there."""
        if status > 100:
            self._notify(status)

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """The other end is another now."""
        self._decided()
        self._notify(200)
        self._session.hang_up()
        self._user.transferred(leg)

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """The caller stays, and is heard again, should there have been something to hear meanwhile."""
        self._decided()
        session = self._session
        _log.warning("a caller of %s was not handed on: %d", session.line.peer.host, failure.status)
        if session.closed:
            self._user.not_transferred()
            return
        self._notify(failure.status)
        if session.negotiation.agreement is not None:
            connect(session.audio, session.negotiation.agreement, session.line.peer.host)

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """After it was answered."""
        self._user.leg_hung_up(leg, cause, reason)

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """INFO."""
        self._user.leg_key(leg, key)

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """Nowhere else."""
        return None


def _is_extension(user: str, country: str) -> bool:
    """A name or a short number within an exchange; nothing that a network would dial."""
    verdict = judge(user, country, _NO_NUMBER)
    assert isinstance(verdict, Barred)
    if verdict.reason not in (NOT_A_NUMBER, f"{BARRED}short") or not _WITHIN.isdisjoint(user):
        return False
    return len(user) <= SHORT_DIGITS_MAX or any(char.isalpha() for char in user)


def _malformed(error: SipParseError) -> Refusal:
    return Refusal(error.status, f"Bad Request - {error}" if error.status == 400 else None)
