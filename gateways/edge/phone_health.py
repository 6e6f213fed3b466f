"""Whether registered phones are still there: each is asked with OPTIONS when it has been quiet for a while.

A registration says that a phone was there when it came, and a call that rings at a phone without power is a caller's time. A
phone that was told off the network says nothing, so it is asked; two questions in a row without an answer, and it is lost. The
question also keeps the way open behind a router that forgets those that nothing uses. Only what can't be forged counts as a sign
of life: a registration that was proved, and an answer to a question of ours.

All phones of a house come back at the same moment after its power does, so each has its own pace (the same one always, by its
name), and only so many are asked at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from gateways.edge.addresses import LocalAddresses
from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.limits import Timing
from gateways.edge.point import SipPoint
from gateways.sip.build import make_request
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.headers import NameAddr
from gateways.sip.message import Response
from gateways.sip.registrar import Binding
from gateways.sip.uri import Uri

MISSES_MAX = 2
_ASKED_A_TURN_MAX = 20
_TURN_MS = 50
# By a proxy on the way these mean that it can't find the phone; by a phone itself they are as good as any other answer.
_AWAY = (408, 410, 430, 480)
_SERVER_FAILURE = 500


class _Watch:
    """One contact."""

    __slots__ = ("asked", "binding", "due", "misses")

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.asked: ClientKey | None = None
        self.misses = 0
        self.due = 0  # the order of its entry in the heap; others of its entries are out of date


class PhoneHealth:
    """Of all phones of an edge. Whoever owns it calls `poll` when `next_deadline_ms` has come."""

    def __init__(
        self,
        point: SipPoint,
        addresses: LocalAddresses,
        clock: Clock,
        timing: Timing,
        way_to: Callable[[Binding], Flow],
        lost: Callable[[Binding], None],
        sooner: Callable[[], None],
    ) -> None:
        """`lost` hears of a contact that does not answer, which is no longer followed then; `sooner`: the next deadline is."""
        self._point, self._addresses, self._clock = point, addresses, clock
        self._timing, self._way_to, self._lost, self._sooner = timing, way_to, lost, sooner
        self._watches: dict[int, _Watch] = {}  # by the identity of the binding, which the watch keeps alive
        self._asked: dict[ClientKey, _Watch] = {}
        self._deadlines: list[tuple[int, int, _Watch]] = []
        self._order = 0

    def follow(self, binding: Binding, replaced: Binding | None = None) -> None:
        """It has just registered, perhaps once more."""
        if replaced is not None:
            self.leave(replaced)
        watch = self._watches[id(binding)] = _Watch(binding)
        self._set(watch, self._pace_ms(binding))

    def leave(self, binding: Binding) -> None:
        """It is no longer registered."""
        watch = self._watches.pop(id(binding), None)
        if watch is not None:
            self._answered(watch)
            watch.due = 0

    def next_deadline_ms(self) -> int | None:
        """When `poll` should be called next; maybe too early, never too late."""
        return self._deadlines[0][0] if self._deadlines else None

    def poll(self, now_ms: int) -> None:
        """Ask whom it is time for; give up who has not answered."""
        asked = 0
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            _, order, watch = heappop(self._deadlines)
            if order != watch.due:
                continue
            if watch.asked is not None:
                self._missed(watch)
            elif asked < _ASKED_A_TURN_MAX:
                asked += 1
                self._ask(watch)
            else:
                self._set(watch, _TURN_MS)

    # --- ClientUser -------------------------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """It is there, unless a proxy says that it is not."""
        watch = self._asked.get(key)
        if watch is None or response.status < 200:
            return
        if watch.binding.path and (response.status in _AWAY or response.status >= _SERVER_FAILURE):
            self._missed(watch)
            self._sooner()
            return
        self._answered(watch)
        watch.misses = 0
        self._set(watch, self._pace_ms(watch.binding))

    def failed(self, key: ClientKey, status: int) -> None:
        """It could not be sent."""
        if watch := self._asked.get(key):
            self._missed(watch)
            self._sooner()

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""

    # --- inside -----------------------------------------------------------------------------------

    def _ask(self, watch: _Watch) -> None:
        binding, flow = watch.binding, self._way_to(watch.binding)
        here = self._addresses.sip_host(flow.host)
        request = make_request(
            "OPTIONS",
            binding.contact.uri,
            from_=NameAddr(Uri.sip("santral", here)).with_params(tag=token(12)),
            to=NameAddr(Uri.sip(binding.aor, here)),
            call_id=f"{token(20)}@{here}",
            cseq=1,
            contact=self._point.contact(flow),
            headers=[("Route", str(hop)) for hop in binding.path],
        )
        try:
            watch.asked = self._point.request(request, flow, self)
        except TransactionsFullError:
            self._set(watch, self._pace_ms(binding))  # that is our trouble
            return
        self._asked[watch.asked] = watch
        self._set(watch, int(self._timing.phone_options_wait_s * 1000))

    def _answered(self, watch: _Watch) -> None:
        """Nothing is awaited of it any more."""
        if watch.asked is not None:
            self._point.forget(watch.asked)
            del self._asked[watch.asked]
            watch.asked = None

    def _missed(self, watch: _Watch) -> None:
        self._answered(watch)
        watch.misses += 1
        if watch.misses < MISSES_MAX:
            self._set(watch, int(self._timing.phone_options_again_s * 1000))
            return
        self.leave(watch.binding)
        self._lost(watch.binding)

    def _pace_ms(self, binding: Binding) -> int:
        """Between three quarters of the time and the whole of it, by the user's name."""
        share = zlib.crc32(binding.aor.encode()) / 2**32
        return int(self._timing.phone_idle_s * 1000 * (1 - share / 4))

    def _set(self, watch: _Watch, after_ms: int) -> None:
        self._order += 1
        watch.due = self._order
        heappush(self._deadlines, (self._clock.monotonic_ms() + after_ms, self._order, watch))
        # Every registration leaves an entry behind: never more dead ones than live.
        if len(self._deadlines) > 2 * len(self._watches) + 64:
            self._deadlines = [entry for entry in self._deadlines if entry[1] == entry[2].due]
            heapify(self._deadlines)
