"""A call of ours to somebody, over SIP: from the INVITE until the dialog is over.

One leg calls one target, answers its challenges, and goes where a redirect sends it as far as its owner allows. Each of
those who ring is a `Branch`; the latest that has something to say before the answer is heard. The first 2xx ends the
calling; whatever else answers, also after the leg has ended, is the affair of `ForkReaper`. The owner hears of progress
and then once how it went: `leg_answered` and later `leg_hung_up`, or `leg_failed`. After `end` it hears nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.branch import Branch
from gateways.edge.chance import token
from gateways.edge.fork_reaper import ForkReaper
from gateways.edge.parts import Parts
from gateways.edge.session import Session
from gateways.edge.terms import local_media
from gateways.sip.auth import DigestClient
from gateways.sip.body import SDP_TYPE
from gateways.sip.build import MAX_FORWARDS, make_request
from gateways.sip.errors import SipParseError, TransactionsFullError
from gateways.sip.events import Flow
from gateways.sip.headers import NameAddr
from gateways.sip.limits import FORKS_MAX
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.reason import Reason, read_reason, reason_header
from gateways.sip.redirect import redirect_targets
from gateways.sip.reliable import ReliableUac, asks_for_prack
from gateways.sip.scan import parse_number
from gateways.sip.session_timer import SessionTimer
from gateways.sip.uri import Uri

_log = logging.getLogger(__name__)

_AGAIN_MAX = 4  # to one target: for its proxy's challenge, its own, a nonce that was stale, a longer session
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
    unheard: bool = False  # nothing came back, or nothing could be sent

    @property
    def another_server(self) -> bool:
        """Whether another server of the same name may do better (RFC 3263 4.3)."""
        return self.unheard or self.status == 503


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
        session_timer: bool = True,
        hops: int = MAX_FORWARDS,
        seal: Callable[[Request], None] | None = None,
    ) -> None:
        """`audio` is bound, and freed by the owner. `party`: the call and what this leg is of it, for the trace.

        `hops`: what the call that this leg is made for has left, so that calls which go in a circle end (RFC 7332). `seal`
        puts the last hand to each INVITE that goes out.
        """
        self._parts, self._owner, self.audio = parts, owner, audio
        here = parts.addresses.sip_host(target.flow.host)
        self._call_id = f"{token(20)}@{here}"
        self._from, self._to = from_.with_params(tag=token(12)), to
        self._headers, self._hops, self._seal = tuple(headers), hops, seal
        self._target = target
        self._tried = [target.uri]
        self._waiting: deque[Target] = deque()
        self._redirects = self._sent_again = self._cseq = 0
        self._state: Literal["calling", "cancelled", "talking", "ended"] = "calling"
        self._invite: Request | None = None
        self._reaper: ForkReaper | None = None
        self._negotiation: Negotiation | None = (
            None  # the offer, which stays open; each branch has one of its own
        )
        self._reliable = ReliableUac()
        self._timer: SessionTimer | None = None
        if session_timer and parts.sip.session_expires_s:
            self._timer = SessionTimer(parts.sip.session_expires_s, parts.sip.min_se_s)
        self._branches: dict[str, Branch] = {}
        self._session: Session | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._party = party
        parts.trace.party(*party, self._call_id)

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._state == "talking"

    @property
    def session(self) -> Session:
        """The dialog with whoever answered."""
        assert self._session is not None
        return self._session

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
                self._drop_branches()
                if self._reaper is not None and self._reaper.key is not None:
                    headers = () if reason is None else (reason_header(reason),)
                    self._parts.point.cancel(self._reaper.key, headers)
                self._let_go()
            case "talking":
                self._close(reason)

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
        self._target, self._sent_again = target, 0
        self._negotiation = Negotiation(local_media(self._parts, self.audio, target.flow.host))
        self._cseq += 1
        timer = self._timer.offer_headers() if self._timer is not None else []
        invite = make_request(
            "INVITE",
            target.uri,
            from_=self._from,
            to=self._to,
            call_id=self._call_id,
            cseq=self._cseq,
            contact=self._parts.point.contact(target.flow),
            headers=[*(("Route", str(hop)) for hop in target.route), *self._headers, *timer],
            body=self._negotiation.make_offer(),
            content_type=SDP_TYPE,
            max_forwards=self._hops,
        )
        self._send(invite)

    def _send(self, invite: Request) -> None:
        self._let_go()
        self._drop_branches()
        self._reliable = ReliableUac()
        if self._seal is not None:
            self._seal(invite)
        self._invite, self._cseq = invite, invite.cseq.number
        reaper = self._reaper = ForkReaper(
            self._parts, self, invite, self._target.flow, self._target.credentials
        )
        try:
            reaper.send()
        except TransactionsFullError:
            self._fail(Failure(503))

    def _drop_branches(self, keep: Branch | None = None) -> None:
        """Those who only rang: their proxy tells them, and one that answers all the same is hung up."""
        for branch in self._branches.values():
            if branch is not keep:
                branch.session.close()
        self._branches.clear()

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
        self._owner.leg_failed(self, Failure(408, unheard=True))

    def _close(self, reason: Reason | None = None) -> None:
        self._state = "ended"
        self._stop_waiting()
        self._let_go()
        self._drop_branches()
        if self._session is not None:
            self._session.hang_up(reason)

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
            self._progressed(response)
            return True
        if response.status < 300:
            return self._accepted(response)
        if not (self._proves(response) or self._goes_on(response)):
            self._fail(_failure_of(response))
        return True

    def invite_failed(self, status: int) -> None:
        """No answer at all."""
        if self._state == "calling" and not self._try_next():
            self._fail(Failure(status, unheard=True))

    def _progressed(self, response: Response) -> None:
        branch = self._branch(response) if response.status > 100 else None
        heard = False
        if branch is not None:
            if asks_for_prack(response):
                rack = self._reliable.prack_for(response)
                if rack is None:
                    return  # RFC 3262 4: a copy, or one that overtook another, and must not be used
                branch.acknowledge_ringing(rack)
            heard = branch.hear_early(response)
        self._owner.leg_progressed(self, response.status, heard)

    def _branch(self, response: Response) -> Branch | None:
        """Whom this is from; None when it does not say, or is one too many."""
        tag = response.to.tag
        if not tag or (tag not in self._branches and len(self._branches) >= FORKS_MAX):
            return None
        if tag not in self._branches:
            assert self._invite is not None
            assert self._negotiation is not None
            branch = self._branches[tag] = Branch(
                self._parts,
                self,
                self.audio,
                self._invite,
                response,
                self._target.flow,
                negotiation=self._negotiation.forked(),
                credentials=self._target.credentials,
                timer=self._timer,
            )
            branch.session.party = self._party
        return self._branches[tag]

    def _proves(self, response: Response) -> bool:
        """The INVITE went out again as wanted: with credentials (RFC 3261 22.2), or for longer (RFC 4028 7.3)."""
        if self._invite is None or self._sent_again >= _AGAIN_MAX:
            return False
        again: Request | None = None
        if self._timer is not None and self._timer.refused(response):
            again = self._invite.copy()
            again.remove("Via")
            again.set("CSeq", f"{self._cseq + 1} INVITE")
            for name, value in self._timer.offer_headers():
                again.set(name, value)
        elif self._target.credentials is not None:
            again = self._target.credentials.answer(self._invite, response)
        if again is None:
            return False
        self._sent_again += 1
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

    def _accepted(self, response: Response) -> bool:
        assert self._reaper is not None
        assert self._reaper.key is not None
        branch = self._branch(response)
        if branch is None:
            return False
        self._drop_branches(keep=branch)
        self._session = branch.session
        if branch.accept(self._reaper.key, response):
            self._state = "talking"
            self._owner.leg_answered(self)
        else:
            self._fail(Failure(488))
        return True

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str, reason: str) -> None:
        """The other side hung up, or is gone. Who hangs up before the answer leaves the INVITE to its final response."""
        if self._state == "talking":
            self._close()
            self._owner.leg_hung_up(self, cause, reason)

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
