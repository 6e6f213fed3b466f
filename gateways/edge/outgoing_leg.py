"""A call of ours to somebody, over SIP: from the INVITE until the dialog is over.

One leg calls one target, answers its challenges, and goes where a redirect sends it as far as its owner allows. The
first 2xx ends the calling; whatever else answers, also after the leg has ended, is the affair of `ForkReaper`. The
owner hears of progress and then once how it went: `answered` and later `hung_up`, or `failed`. After `end` it hears
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.fork_reaper import ForkReaper
from gateways.edge.parts import Parts
from gateways.edge.point import token
from gateways.edge.session import Session
from gateways.edge.terms import connect, local_media
from gateways.sip.auth import DigestClient
from gateways.sip.body import SDP_TYPE
from gateways.sip.build import make_request
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError, SipParseError, TransactionsFullError
from gateways.sip.events import Flow
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.reason import Reason, read_reason, reason_header
from gateways.sip.redirect import redirect_targets
from gateways.sip.scan import parse_number
from gateways.sip.uri import Uri

_log = logging.getLogger(__name__)

_CHALLENGES_MAX = 3  # of one target: its proxy's, its own, and one whose nonce was stale
_RETRY_AFTER_S_MAX = 3_600


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call, and the way there."""

    uri: Uri
    flow: Flow
    route: tuple[NameAddr, ...] = ()
    credentials: DigestClient | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why nobody was reached."""

    status: int
    reason: Reason | None = None
    retry_after_s: int = 0


class OutgoingOwner(Protocol):
    """Whoever calls."""

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """A provisional response, also 100; `heard`: with audio that is connected now."""

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """Audio is agreed on."""

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """Nobody was reached; the leg has ended."""

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """It was answered and is over, for the `reason` that a BYE gave; the leg has ended."""

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """A key came by INFO."""

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """A redirect names this URI: how to call it, if it may be called at all."""


class OutgoingLeg:
    """One call."""

    def __init__(
        self,
        parts: Parts,
        owner: OutgoingOwner,
        audio: AudioLeg,
        target: Target,
        *,
        from_: NameAddr,
        to: NameAddr,
        headers: Iterable[tuple[str, str]] = (),
        party: tuple[str, str] = ("", ""),
    ) -> None:
        """`audio` is bound, and freed by the owner. `party`: the call and what this leg is of it, for the trace."""
        self._parts, self._owner, self.audio = parts, owner, audio
        here = parts.addresses.sip_host(target.flow.host)
        self._call_id = f"{token(20)}@{here}"
        self._from, self._to = from_.with_params(tag=token(12)), to
        self._headers = tuple(headers)
        self._target = target
        self._tried = [target.uri]
        self._waiting: deque[Target] = deque()
        self._redirects = self._challenges = self._cseq = 0
        self._state: Literal["calling", "cancelled", "talking", "ended"] = "calling"
        self._invite: Request | None = None
        self._reaper: ForkReaper | None = None
        self._negotiation: Negotiation | None = None
        self._session: Session | None = None
        self._silence: asyncio.TimerHandle | None = None
        parts.trace.party(*party, self._call_id)

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._state == "talking"

    def start(self, silence_s: float = 0.0) -> None:
        """Call. Without any response within `silence_s` (0: as long as the transaction lasts) nobody was reached: 408."""
        if silence_s:
            self._silence = asyncio.get_running_loop().call_later(silence_s, self._unheard)
        self._call(self._target)

    def end(self, reason: Reason | None = None) -> None:
        """CANCEL or BYE."""
        match self._state:
            case "calling":
                self._state = "cancelled"
                self._stop_waiting()
                if self._reaper is not None and self._reaper.key is not None:
                    headers = () if reason is None else (reason_header(reason),)
                    self._parts.point.cancel(self._reaper.key, headers)
                self._let_go()
            case "talking":
                self._close()

    def heard(self) -> None:
        """The other side's audio arrives."""
        if self._session is not None:
            self._session.heard()

    def silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._session is not None:
            self._session.silent(silent_ms)

    # --- inside -----------------------------------------------------------------------------------

    def _call(self, target: Target) -> None:
        host = target.flow.host
        self._target, self._challenges = target, 0
        self._negotiation = Negotiation(local_media(self._parts, self.audio, host))
        self._cseq += 1
        invite = make_request(
            "INVITE",
            target.uri,
            from_=self._from,
            to=self._to,
            call_id=self._call_id,
            cseq=self._cseq,
            contact=self._parts.point.contact(target.flow),
            headers=[*(("Route", str(hop)) for hop in target.route), *self._headers],
            body=self._negotiation.make_offer(),
            content_type=SDP_TYPE,
        )
        self._send(invite)

    def _send(self, invite: Request) -> None:
        self._let_go()
        self._invite, self._cseq = invite, invite.cseq.number
        reaper = self._reaper = ForkReaper(self._parts, self, invite, self._target.flow)
        try:
            reaper.send()
        except TransactionsFullError:
            self._fail(Failure(503))

    def _let_go(self) -> None:
        if self._reaper is not None:
            self._reaper.let_go()

    def _stop_waiting(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _unheard(self) -> None:
        self.end()
        self._state = "ended"
        self._owner.leg_failed(self, Failure(408))

    def _close(self) -> None:
        self._state = "ended"
        self._stop_waiting()
        self._let_go()
        if self._session is not None:
            self._session.hang_up()

    def _fail(self, failure: Failure) -> None:
        if self._state == "calling":
            self._close()
            self._owner.leg_failed(self, failure)

    # --- InviteUser -------------------------------------------------------------------------------

    def invite_response(self, response: Response, source: Flow) -> bool:
        """How the other side takes it."""
        self._stop_waiting()
        if self._state != "calling":
            return False
        if response.status < 200:
            self._owner.leg_progressed(self, response.status, False)
            return True
        if response.status < 300:
            self._accepted(response)
            return True
        if not (self._proves(response) or self._goes_on(response)):
            self._fail(_failure_of(response))
        return True

    def invite_failed(self, status: int) -> None:
        """No answer at all."""
        if self._state == "calling" and not self._try_next():
            self._fail(Failure(status))

    def _proves(self, response: Response) -> bool:
        """A challenge that can be answered was (RFC 3261 22.2, 22.3)."""
        credentials = self._target.credentials
        if credentials is None or self._invite is None or self._challenges >= _CHALLENGES_MAX:
            return False
        again = credentials.answer(self._invite, response)
        if again is None:
            return False
        self._challenges += 1
        self._send(again)
        return True

    def _goes_on(self, response: Response) -> bool:
        """The next target is called: of this redirect, or of an earlier one. Who says 6xx speaks for all (RFC 3261 21.6)."""
        if response.status >= 600:
            return False
        moved = [
            (uri, self._owner.leg_moved(self, uri))
            for uri in redirect_targets(response, self._tried, depth=self._redirects)
        ]
        if response.status < 400:
            self._redirects += 1
        for uri, target in moved:
            self._tried.append(uri)
            if target is not None:
                self._waiting.append(target)
        return self._try_next()

    def _try_next(self) -> bool:
        if not self._waiting:
            return False
        self._call(self._waiting.popleft())
        return True

    def _accepted(self, response: Response) -> None:
        assert self._invite is not None
        assert self._negotiation is not None
        assert self._reaper is not None
        assert self._reaper.key is not None
        dialog = Dialog.as_caller(self._invite, response)
        self._session = session = Session(
            self._parts, self, dialog, self.audio, self._target.flow, negotiation=self._negotiation
        )
        session.acknowledge(self._reaper.key, self._invite)
        try:
            connect(self.audio, self._negotiation.take_answer(response.body), self._target.flow.host)
            session.refresher.peer_said(response)
            session.refresher.agreed(response, ours=True)
        except (SdpError, NoCommonCodecError) as error:
            _log.warning("%s answered with unusable audio: %s", self._target.flow.host, error)
            self._fail(Failure(488))
            return
        self._state = "talking"
        self._owner.leg_answered(self)

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str, reason: str) -> None:
        """The other side hung up, or is gone."""
        if self._state == "talking":
            self._close()
            self._owner.leg_hung_up(self, cause, "")

    def session_key(self, key: str) -> None:
        """INFO."""
        self._owner.leg_key(self, key)


def _failure_of(response: Response) -> Failure:
    return Failure(response.status, read_reason(response), _retry_after_s(response))


def _retry_after_s(response: Response) -> int:
    """RFC 3261 20.33: seconds, perhaps with a comment and parameters behind; 0 for none."""
    text = (response.get("Retry-After") or "").partition("(")[0].partition(";")[0].strip()
    try:
        return parse_number(text, _RETRY_AFTER_S_MAX, "Retry-After")
    except SipParseError:
        return 0
