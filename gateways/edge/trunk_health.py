"""Whether a trunk is there: it is asked with OPTIONS, and whatever it answers but 408 and 503 shows that it is.

One answer may be lost, so it takes two in a row; the second question follows soon. A server of several that does not answer is
passed over for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateways.edge.addresses import LocalAddresses
from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.limits import Timing
from gateways.edge.point import SipPoint
from gateways.edge.trunk_places import Place
from gateways.edge.trunks import TrunkState
from gateways.sip.build import make_request
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.headers import NameAddr
from gateways.sip.message import Response
from gateways.sip.uri import Uri

_AWAY = (408, 503)


class TrunkHealth:
    """Of one trunk."""

    def __init__(
        self,
        point: SipPoint,
        addresses: LocalAddresses,
        timing: Timing,
        trunk: TrunkState,
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        """`changed` hears of every answer and of every one that did not come."""
        self._point, self._addresses, self._timing = point, addresses, timing
        self._trunk, self._changed, self._clock = trunk, changed, clock
        self._place: Place = ("", 0)  # that is asked
        self._asked: ClientKey | None = None
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Now; the next question is asked in time."""
        self._stop()
        trunk = self._trunk
        if not trunk.address:
            self._in(self._timing.trunk_options_again_s, self.ask)
            return
        here = self._addresses.sip_host(trunk.address)
        target = trunk.uri(None)
        request = make_request(
            "OPTIONS",
            target,
            from_=NameAddr(Uri.sip("santral", here)).with_params(tag=token(12)),
            to=NameAddr(target),
            call_id=f"{token(20)}@{here}",
            cseq=1,
            contact=self._point.contact(trunk.flow),
            headers=[("Route", str(hop)) for hop in trunk.route],
        )
        self._in(self._timing.trunk_options_wait_s, self._missed)
        try:
            self._place = trunk.flow.address
            self._asked = self._point.request(request, trunk.flow, self)
        except TransactionsFullError:
            self._in(self._timing.trunk_options_again_s, self.ask)  # that is our trouble

    def close(self) -> None:
        """No more questions."""
        self._stop()

    # --- ClientUser -------------------------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """It is there."""
        if response.status < 200:
            return
        if response.status in _AWAY:
            self._missed(key)
            return
        self._trunk.unanswered = 0
        self._trunk.places.worked(self._place)
        if key == self._asked:
            self._asked = None
            self._in(self._trunk.config.health_s, self.ask)
        self._changed()

    def failed(self, key: ClientKey, status: int) -> None:
        """It could not be sent, or nothing came for so long that a later one was asked already."""
        self._missed(key)

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""

    # --- inside -----------------------------------------------------------------------------------

    def _missed(self, key: ClientKey | None = None) -> None:
        if key is not None and key != self._asked:
            return
        self._asked = None
        trunk = self._trunk
        # Of a name with several servers the next is asked; only when none of them answers the trunk is away.
        if not trunk.places.failed(self._place, self._clock.monotonic_ms()):
            trunk.unanswered += 1
        soon = trunk.unanswered < 2
        self._in(self._timing.trunk_options_again_s if soon else trunk.config.health_s, self.ask)
        self._changed()

    def _in(self, seconds: float, do: Callable[[], None]) -> None:
        self._stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, do)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
