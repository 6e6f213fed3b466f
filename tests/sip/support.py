"""Parts for the tests of the SIP stack: tokens that count, messages, one user agent, and a network of two."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TypeVar

from gateways.sip.build import make_request
from gateways.sip.events import Address, Output, Send, Transport
from gateways.sip.headers import NameAddr, Via
from gateways.sip.layer import TransactionLayer
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.tables import SharedTables

CALLER: Address = ("192.0.2.1", 5060)
CALLEE: Address = ("192.0.2.2", 5060)

T = TypeVar("T")


class Tokens:
    """`token(n)` that never repeats and is the same in every run."""

    def __init__(self, prefix: str = "t") -> None:
        self._prefix = prefix
        self._count = 0

    def __call__(self, n: int) -> str:
        self._count += 1
        return f"{self._prefix}{self._count:0{max(1, n - len(self._prefix))}d}"


class Agent:
    """One transaction layer, its address, and what came out of it."""

    def __init__(
        self,
        address: Address,
        *,
        prefix: str = "t",
        transport: Transport = "UDP",
        limits: LayerLimits | None = None,
        tables: SharedTables | None = None,
    ) -> None:
        self.address = address
        self.tables = tables or SharedTables(limits)
        self.layer = TransactionLayer(
            Tokens(prefix), address, transport=transport, limits=limits, tables=self.tables
        )
        self.sent: list[Send] = []
        self.heard: list[Output] = []

    def take(self) -> list[Output]:
        """Sort the layer's output into `sent` and `heard`; returned is what is new."""
        outputs = self.layer.take_output()
        for output in outputs:
            (self.sent if isinstance(output, Send) else self.heard).append(output)
        return outputs

    def receive(self, message: Request | Response | bytes, source: Address, now_ms: int = 0) -> list[Output]:
        """Feed one datagram."""
        data = message if isinstance(message, bytes) else message.to_bytes()
        self.layer.receive(data, source, now_ms)
        return self.take()

    def poll(self, now_ms: int) -> list[Output]:
        """Let the timers run."""
        self.layer.poll_timers(now_ms)
        return self.take()

    def events(self, kind: type[T]) -> list[T]:
        """What was heard, of this kind."""
        return [output for output in self.heard if isinstance(output, kind)]

    def messages(self) -> list[Request | Response]:
        """What was sent."""
        return [parse_message(send.data) for send in self.sent]

    def requests(self, method: str) -> list[Request]:
        """The requests of one method that were sent."""
        return [
            message
            for message in self.messages()
            if isinstance(message, Request) and message.method == method
        ]

    def responses(self) -> list[int]:
        """The status of each response that was sent."""
        return [message.status for message in self.messages() if isinstance(message, Response)]

    def assert_empty(self) -> None:
        """No transaction and no timer is left."""
        statistics = self.layer.statistics()
        assert (statistics.clients_live, statistics.servers_live) == (0, 0)
        assert self.tables.unacknowledged == {}
        assert self.tables.merging == {}
        assert self.layer._transactions._by_connection == {}
        assert (self.tables._live, self.tables._others, self.tables._received_bytes) == (0, 0, 0)


def sends(outputs: Iterable[Output]) -> list[Request | Response]:
    """The messages among outputs."""
    return [parse_message(output.data) for output in outputs if isinstance(output, Send)]


def of(outputs: Iterable[Output], kind: type[T]) -> list[T]:
    """The outputs of one kind."""
    return [output for output in outputs if isinstance(output, kind)]


def request(
    method: str = "INVITE",
    *,
    to_tag: str | None = None,
    cseq: int = 1,
    call_id: str = "call-1",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    uri: str = "sip:185@192.0.2.2",
) -> Request:
    """A request of the caller without Via, as our own layer wants it."""
    to = NameAddr.parse("<sip:185@192.0.2.2>")
    made = make_request(
        method,
        uri,
        from_=NameAddr.parse('"Ayşe" <sip:ayse@192.0.2.1>;tag=from'),
        to=to if to_tag is None else to.with_params(tag=to_tag),
        call_id=call_id,
        cseq=cseq,
        contact="<sip:ayse@192.0.2.1:5060>" if method in ("INVITE", "REGISTER") else None,
        body=body,
    )
    made.remove("Supported")  # what the caller can is the test's to say
    for name, value in headers:
        made.add(name, value)
    return made


def wire_request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bKone",
    via: str | None = None,
    to_tag: str | None = None,
    cseq: int = 1,
    call_id: str = "call-1",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """The same as it comes over the wire."""
    made = request(method, to_tag=to_tag, cseq=cseq, call_id=call_id, headers=headers, body=body)
    made.push_via(Via.parse(via or f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport"))
    return made


Fate = tuple[int, ...]  # the delays of the copies that arrive; none: it is lost


class Network:
    """Two agents, a clock, and a wire on which chance decides about every datagram."""

    def __init__(self, one: Agent, other: Agent, fate: Callable[[], Fate]) -> None:
        self.agents = (one, other)
        self.now_ms = 0
        self.on_event: Callable[[Agent, Output], None] = lambda agent, output: None
        self._fate = fate
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0

    def at(self, time_ms: int, do: Callable[[], None]) -> None:
        """Do something then."""
        self._order += 1
        heapq.heappush(self._queue, (time_ms, self._order, do))

    def run(self, until_ms: int) -> None:
        """Until nothing is left to happen, at most until then."""
        self._settle()
        while True:
            deadlines = [agent.layer.next_deadline_ms() for agent in self.agents]
            times = [deadline for deadline in deadlines if deadline is not None]
            if self._queue:
                times.append(self._queue[0][0])
            if not times or min(times) > until_ms:
                return
            self.now_ms = max(self.now_ms, min(times))
            while self._queue and self._queue[0][0] <= self.now_ms:
                heapq.heappop(self._queue)[2]()
                self._settle()
            for agent in self.agents:
                agent.layer.poll_timers(self.now_ms)
            self._settle()

    def _settle(self) -> None:
        """Carry what was put out, and let the users react, until nothing more comes."""
        busy = True
        while busy:
            busy = False
            for agent in self.agents:
                for output in agent.take():
                    busy = True
                    if isinstance(output, Send):
                        self._carry(agent, output)
                    else:
                        self.on_event(agent, output)

    def _carry(self, sender: Agent, send: Send) -> None:
        receiver = self.agents[1] if sender is self.agents[0] else self.agents[0]
        assert send.destination == receiver.address
        for delay_ms in self._fate():
            self.at(
                self.now_ms + delay_ms,
                lambda: receiver.layer.receive(send.data, sender.address, self.now_ms),
            )
