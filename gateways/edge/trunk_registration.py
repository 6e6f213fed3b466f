"""Our registration at a trunk that wants one (RFC 3261 10.2): kept up in time, and told when it is lost.

It is renewed well before it ends, so that a request that is lost, and the one after it, cost nothing. A refusal takes the
trunk down at once; silence does when the registration ends, or while there is none. It is tried again after a while, longer
each time, no faster than `Retry-After` asks. 423 says what the registrar's shortest is, and that is asked for next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.limits import Timing
from gateways.edge.point import SipPoint
from gateways.edge.trunk_places import Place
from gateways.edge.trunks import TrunkState
from gateways.sip.build import make_request
from gateways.sip.errors import SipParseError, TransactionsFullError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.headers import NameAddr
from gateways.sip.limits import EXPIRES_S_MAX
from gateways.sip.message import Request, Response
from gateways.sip.scan import parse_number
from gateways.sip.uri import Uri

_log = logging.getLogger(__name__)

EXPIRES_S = 600
_EXPIRES_S_TAKEN_MAX = 86_400  # of a 423: a registrar that wants more is not obeyed
_RENEWED_AT = 0.7  # of the time it stands
_AGAIN_S_MAX = 600.0
_CHALLENGES_MAX = 2  # of one request: the second because the nonce was stale


class TrunkRegistration:
    """Of one trunk."""

    def __init__(
        self,
        point: SipPoint,
        timing: Timing,
        trunk: TrunkState,
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`changed` hears when it comes to stand and when it no longer does."""
        self._point, self._trunk, self._changed, self._clock = point, trunk, changed, clock
        self._place: Place = ("", 0)  # that is asked
        self._again_s = timing.trunk_register_again_s
        self._call_id = token(20)  # RFC 3261 10.2: one for all of a registrar
        self._tag = token(12)
        self._cseq = self._challenges = self._failures = 0
        self._expires_s = EXPIRES_S
        self._request: Request | None = None
        self._key: ClientKey | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends: asyncio.TimerHandle | None = None

    def register(self) -> None:
        """Ask for it, or for more of it."""
        self._challenges = 0
        self._timer = None
        if self._trunk.address:
            self._send(self._make(self._expires_s))
        else:
            self._again(0)

    def close(self) -> None:
        """The edge stops: nobody shall call us here. Whether that is heard, nobody waits for."""
        for timer in (self._timer, self._ends):
            if timer is not None:
                timer.cancel()
        self._timer = self._ends = None
        if not self._trunk.registration:
            self._send(self._make(0))

    # --- ClientUser -------------------------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Granted, challenged or refused."""
        if key != self._key or response.status < 200:
            return
        self._key = None
        if response.status < 300:
            self._granted(response)
        elif self._proves(response):
            return
        elif response.status == 423 and self._asks_for_more(response):
            self.register()
        elif response.status == 503 and self._goes_on():
            return
        else:
            self._lost(f"registration refused with {response.status}")
            self._again(_number(response.get("Retry-After")))

    def failed(self, key: ClientKey, status: int) -> None:
        """No answer. What stands, stands until it ends."""
        if key == self._key:
            self._key = None
            if not self._goes_on():
                self._again(0)

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _contact(self) -> NameAddr:
        # Whom the carrier calls at this contact stands in To then: see `TrunkState.dialled`.
        return NameAddr.parse(self._point.contact(self._trunk.flow, self._trunk.config.user))

    def _make(self, expires_s: int) -> Request:
        self._cseq += 1
        config = self._trunk.config
        record = NameAddr(Uri.sip(config.user, config.host))
        return make_request(
            "REGISTER",
            Uri.sip(None, config.host),
            from_=record.with_params(tag=self._tag),
            to=record,
            call_id=self._call_id,
            cseq=self._cseq,
            contact=self._contact,
            headers=[*(("Route", str(hop)) for hop in self._trunk.route), ("Expires", str(expires_s))],
        )

    def _send(self, request: Request) -> None:
        self._request, self._cseq = request, request.cseq.number
        try:
            self._place = self._trunk.flow.address
            self._key = self._point.request(request, self._trunk.flow, self)
        except TransactionsFullError:
            self._again(0)

    def _goes_on(self) -> bool:
        """Another server of the same name is asked at once (RFC 3263 4.3)."""
        goes_on = self._timer is None and self._trunk.places.failed(self._place, self._clock.monotonic_ms())
        if goes_on:
            self.register()
        return goes_on

    def _proves(self, response: Response) -> bool:
        credentials = self._trunk.credentials()
        if credentials is None or self._request is None or self._challenges >= _CHALLENGES_MAX:
            return False
        again = credentials.answer(self._request, response)
        if again is None:
            return False
        self._challenges += 1
        self._send(again)
        return True

    def _asks_for_more(self, response: Response) -> bool:
        """RFC 3261 10.2.8."""
        shortest_s = _number(response.get("Min-Expires"))
        if not self._expires_s < shortest_s <= _EXPIRES_S_TAKEN_MAX:
            return False
        self._expires_s = shortest_s
        return True

    def _granted(self, response: Response) -> None:
        if self._timer is None and self._request is not None and self._request.get("Expires") == "0":
            return  # closed meanwhile
        expires_s = self._granted_s(response)
        self._failures = 0
        loop = asyncio.get_running_loop()
        if self._ends is not None:
            self._ends.cancel()
        self._ends = loop.call_later(expires_s, self._lost, "registration ran out")
        self._wait(expires_s * _RENEWED_AT)
        if self._trunk.registration:
            self._trunk.registration = ""
            _log.info("trunk %s: registered for %d s", self._trunk.name, expires_s)
            self._changed()

    def _granted_s(self, response: Response) -> int:
        """RFC 3261 10.2.4: of our contact among all that are bound; some registrars say it for all of them."""
        mine = self._contact.uri
        try:
            for contact in response.contacts:
                if contact.uri.is_equivalent(mine) and contact.params.get("expires"):
                    return max(1, _number(contact.params["expires"]))
        except SipParseError:
            pass
        return max(1, _number(response.get("Expires")) or self._expires_s)

    def _lost(self, reason: str) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
        self._trunk.registration = reason
        self._changed()

    def _again(self, asked_s: int) -> None:
        wait_s = min(self._again_s * 2 ** min(self._failures, 10), _AGAIN_S_MAX)
        self._failures += 1
        self._wait(min(max(wait_s, asked_s), _AGAIN_S_MAX))

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.register)


def _number(text: str | None) -> int:
    """Seconds as a header says them, also with a comment behind; 0 for what says none."""
    digits = (text or "").partition("(")[0].partition(";")[0].strip()
    try:
        return parse_number(digits, EXPIRES_S_MAX, "seconds")
    except SipParseError:
        return 0
