"""A million messages of anything at all: no crash, no leak, no transaction that stays.

    python -m tests.sip.fuzz --messages 1000000 --seed 1

The seed is said first, and the same seed gives the same run. There are two layers, of UDP and of TCP, with the tables they
share; what comes by TCP is cut out of a stream, and a stream that is lost begins anew. Every few thousand messages everything
is answered or taken back; 64 T1 later no transaction and no timer may be left, and the memory in use is noted, without the
caches of parsed values, which are bounded: it must not grow. Whatever the stack sends must be readable, and goes to no
address that nothing came from.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable

import msgspec

from gateways.sip import headers, uri
from gateways.sip.events import Address, Send, Transport
from gateways.sip.layer import TransactionLayer
from gateways.sip.limits import LayerLimits
from gateways.sip.stream import StreamError, StreamReader
from gateways.sip.tables import SharedTables
from gateways.sip.timers import TIMEOUT_MS
from tests.sip.fuzz_peer import SOURCES, TRANSPORTS, Peer
from tests.sip.fuzz_user import User

MESSAGES_A_ROUND = 5_000
WARM_UP = 0.5  # of the run: the known names of headers reach their number
GROWTH_BYTES_MAX = 200_000
LONG_RUN = 100_000  # in a shorter one they do not
_CACHES = (uri._cached, uri._cached_ipv6, headers._cached_name_addr, headers._cached_via)
_HOSTS = {host for host, _ in SOURCES}


class Report(msgspec.Struct):
    """What a run came to."""

    messages: int = 0
    handed_out: int = 0  # requests and responses that reached the user
    sent: int = 0
    malformed: int = 0
    refused: int = 0
    lost_streams: int = 0
    memory: list[int] = []  # bytes in use after each round, when traced

    @property
    def grown_bytes(self) -> int:
        """How much more is in use in the last rounds than after the warm-up: the least of each, as noise only adds."""
        warm = self.memory[int(len(self.memory) * WARM_UP) :]
        half = len(warm) // 2
        return min(warm[-max(1, half) :]) - min(warm[: max(1, half)]) if warm else 0


class End:
    """One layer and its user."""

    def __init__(
        self, rng: random.Random, transport: Transport, limits: LayerLimits, tables: SharedTables
    ) -> None:
        self.layer = TransactionLayer(
            lambda n: f"{rng.getrandbits(4 * n):0{n}x}",
            ("192.0.2.2", 5060),
            transport=transport,
            limits=limits,
            tables=tables,
        )
        self.user = User(rng, self.layer)
        self.lost_streams = 0
        self._rng = rng
        self._streams: dict[Address, StreamReader] | None = {} if transport == "TCP" else None

    def receive(self, data: bytes, source: Address, now_ms: int) -> None:
        """What came, as it came."""
        if self._streams is None:
            self.layer.receive(data, source, now_ms)
            return
        reader = self._streams.setdefault(source, StreamReader())
        cut = self._rng.randrange(len(data) + 1)
        try:
            for piece in (data[:cut], data[cut:]):
                for message in reader.feed(piece):
                    if isinstance(message, bytes):
                        self.layer.receive(message, source, now_ms)
            if reader.is_within_message:  # its rest will never come: the peer starts anew
                del self._streams[source]
        except StreamError:
            self.lost_streams += 1
            del self._streams[source]

    def drain(self, peer: Peer, now_ms: int, report: Report) -> None:
        """Carry out what the layer put out, until nothing more comes of it."""
        while outputs := self.layer.take_output():
            for output in outputs:
                if isinstance(output, Send):
                    report.sent += 1
                    assert output.destination[0] in _HOSTS, f"sent to {output.destination}"
                    peer.heard(output.data)
                else:
                    self.user.take(output, now_ms)


def run(messages: int, seed: int, progress: Callable[[Report], None] = lambda report: None) -> Report:
    """Send so many messages; an error of the stack is raised as it is."""
    rng = random.Random(seed)
    limits = LayerLimits(transactions_max=20_000, invite_pending_max_ms=60_000)
    tables = SharedTables(limits)
    peer, report = Peer(rng), Report()
    ends = {transport: End(rng, transport, limits, tables) for transport in TRANSPORTS}
    now_ms = 0
    while report.messages < messages:
        for _ in range(min(MESSAGES_A_ROUND, messages - report.messages)):
            now_ms += rng.choice((0, 0, 0, 1, 5, 20, 100, 700))
            data, source, transport = peer.next()
            ends[transport].receive(data, source, now_ms)
            for end in ends.values():
                end.layer.poll_timers(now_ms)
                if rng.random() < 0.03:
                    end.user.act(now_ms)
                end.drain(peer, now_ms, report)
            report.messages += 1
        now_ms = _rest(list(ends.values()), peer, now_ms, report)
        assert not tables.unacknowledged
        assert not tables.merging
        assert not tables.inviting
        if tracemalloc.is_tracing():
            for cache in _CACHES:
                cache.cache_clear()
            gc.collect()
            report.memory.append(tracemalloc.get_traced_memory()[0])
        progress(report)
    for end in ends.values():
        counters = end.layer.statistics()
        report.handed_out += end.user.handed_out
        report.malformed += counters.malformed_answered + counters.malformed_dropped
        report.refused += counters.refused
        report.lost_streams += end.lost_streams
    return report


def _rest(ends: list[End], peer: Peer, now_ms: int, report: Report) -> int:
    """Nobody says anything any longer: 64 T1 later nothing may be left."""
    for end in ends:
        end.user.settle_all(now_ms)
        end.drain(peer, now_ms, report)
    until_ms = now_ms + TIMEOUT_MS
    for end in ends:
        while (deadline_ms := end.layer.next_deadline_ms()) is not None and deadline_ms <= until_ms:
            end.layer.poll_timers(deadline_ms)
            end.drain(peer, deadline_ms, report)
        counters = end.layer.statistics()
        left = (counters.clients_live, counters.servers_live, counters.timers)
        assert left == (0, 0, 0), f"left after 64 T1: clients, servers, timers {left}"
        assert end.user.at_rest, "the user was not told of every end"
    return until_ms


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Messages of anything at all against the SIP stack.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    tenth = max(1, options.messages // 10)
    told = 0

    def progress(report: Report) -> None:
        nonlocal told
        if report.messages // tenth > told:
            told = report.messages // tenth
            rate = report.messages / (time.monotonic() - began)
            print(
                f"{report.messages} messages, {rate:.0f} a second, {report.memory[-1] / 1e6:.1f} MB in use",
                flush=True,
            )

    tracemalloc.start()
    report = run(options.messages, seed, progress)
    print(
        f"{report.messages} messages: {report.handed_out} handed out, {report.malformed} malformed, {report.refused} "
        f"refused, {report.lost_streams} streams lost, {report.sent} sent; "
        f"memory grew by {report.grown_bytes} bytes after the warm-up"
    )
    if report.messages >= LONG_RUN and report.grown_bytes > GROWTH_BYTES_MAX:
        sys.exit(f"memory grows; seed {seed}")


if __name__ == "__main__":
    main()
