"""Whole calls to an exchange that the test plays."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gateways.edge.listeners.place import Place
from gateways.edge.listeners.tls import TlsContexts
from gateways.sip.events import Flow, ServerKey, Transport
from gateways.sip.message import Request
from loadtest.callers import Crowd
from loadtest.options import CallersOptions, KeyAt, find_target
from loadtest.tally import CallRecord, Summary
from tests.loadtest.exchange import Exchange, open_exchange
from tests.support.certificates import Authority

GUARD_S = 60.0
RATE = 200.0


async def called(
    exchange: Exchange,
    calls: int,
    *,
    hold_s: float = 0.0,
    keys: tuple[KeyAt, ...] = (),
    answer_wait_s: float = GUARD_S,
    meanwhile: Callable[[Crowd], None] = lambda crowd: None,
) -> tuple[Summary, list[CallRecord]]:
    """One run; `meanwhile` is called again and again while it goes on."""
    async with open_exchange(exchange) as to:
        crowd = Crowd(
            CallersOptions(
                target=find_target(to, allow_remote=False, transport=exchange.place.transport),
                calls=calls,
                rate=RATE,
                hold_s=hold_s,
                keys=keys,
                answer_wait_s=answer_wait_s,
            )
        )
        running = asyncio.create_task(crowd.run())
        async with asyncio.timeout(GUARD_S):
            while not running.done():
                meanwhile(crowd)
                await asyncio.sleep(0.01)
            await running
        return crowd.summary(), crowd.tally.records


def test_answered_refused_and_not_answered() -> None:
    async def story() -> None:
        exchange = Exchange(lambda call: {2: 486, 3: 503, 4: 180}.get(call, 200))
        summary, records = await called(exchange, 6, answer_wait_s=0.1)
        assert (summary.placed, summary.answered) == (6, 3)
        assert summary.refused == {"486": 1, "503": 1}
        assert summary.failed == {"no_answer": 1}
        assert (summary.ended_by_us, summary.ended_by_them, summary.byes_unanswered) == (3, 0, 0)
        assert summary.answer_time_ms is not None
        assert summary.answer_time_ms.p50 > 0
        assert [record.outcome for record in records] == [
            "answered",
            "refused",
            "refused",
            "failed",
            "answered",
            "answered",
        ]
        assert len(set(exchange.callers)) == 6, "every caller has a number of its own"
        assert exchange.callers == [record.caller for record in records]
        assert [line.story for line in exchange.lines] == [
            ["ACK", "BYE"],
            [],
            [],
            ["CANCEL"],
            ["ACK", "BYE"],
            ["ACK", "BYE"],
        ]

    asyncio.run(story())


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_calls_share_a_connection(transport: Transport, tmp_path: Path) -> None:
    files = Authority(tmp_path, "ca").issue("127.0.0.1")

    async def story() -> None:
        exchange = Exchange(
            lambda call: 486 if call == 2 else 200,
            place=Place(transport, "127.0.0.1", 0),
            make_tls=lambda: TlsContexts(files.certificate, files.key),
        )
        sources: set[Flow] = set()
        received = exchange.request_received

        def noting(key: ServerKey, request: Request, source: Flow) -> None:
            sources.add(source)
            received(key, request, source)

        exchange.request_received = noting  # type: ignore[method-assign]
        summary, _ = await called(exchange, 20)
        assert (summary.placed, summary.answered, summary.refused) == (20, 19, {"486": 1})
        assert [line.story for line in exchange.lines if line.story] == [["ACK", "BYE"]] * 19
        [source] = sources
        assert source.transport == transport
        assert summary.wire.retransmissions_sent == 0

    asyncio.run(story())


def test_keys_are_heard_and_the_other_side_hangs_up() -> None:
    async def story() -> None:
        exchange = Exchange(lambda call: 200, last_key="#")
        keys = (KeyAt("1", 0.1), KeyAt("#", 0.4))
        summary, records = await called(exchange, 3, hold_s=GUARD_S, keys=keys)
        assert [line.keys for line in exchange.lines] == ["1#"] * 3
        assert [line.story for line in exchange.lines] == [["ACK", "BYE sent", "200 BYE"]] * 3
        assert (summary.answered, summary.ended_by_us, summary.ended_by_them) == (3, 0, 3)
        assert summary.keys_pressed == 6
        assert all(line.tone() for line in exchange.lines)
        assert all(record.rtp_received == 1 for record in records)
        assert summary.rtp_sent >= sum(len(line.phone.packets) for line in exchange.lines)

    asyncio.run(story())


def test_requests_within_the_call() -> None:
    async def story() -> None:
        exchange = Exchange(lambda call: 200)

        def ask(crowd: Crowd) -> None:
            for line in exchange.lines:
                after = {"ACK": "OPTIONS", "200 OPTIONS": "INVITE", "488 INVITE": "BYE"}
                if line.story and line.story[-1] in after:
                    line.ask(after[line.story[-1]])

        summary, _ = await called(exchange, 1, hold_s=GUARD_S, meanwhile=ask)
        assert exchange.lines[0].story == [
            "ACK",
            "OPTIONS sent",
            "200 OPTIONS",
            "INVITE sent",
            "488 INVITE",
            "BYE sent",
            "200 BYE",
        ]
        assert summary.ended_by_them == 1

    asyncio.run(story())


def test_an_answer_without_audio_is_acknowledged_and_hung_up() -> None:
    async def story() -> None:
        exchange = Exchange(lambda call: 200, body=b"v=1")
        summary, records = await called(exchange, 1, hold_s=GUARD_S)
        assert exchange.lines[0].story == ["ACK", "BYE"]
        assert summary.failed == {"unusable_answer": 1}
        assert (summary.answered, summary.answer_time_ms) == (0, None)
        assert records[0].status == 200

    asyncio.run(story())


def test_stopping_ends_every_call_and_places_no_more() -> None:
    async def story() -> None:
        exchange = Exchange(lambda call: 180 if call % 2 else 200)

        def stop(crowd: Crowd) -> None:
            acknowledged = sum("ACK" in line.story for line in exchange.lines)
            if acknowledged >= 2:
                crowd.stop()

        summary, _ = await called(exchange, 100_000, hold_s=GUARD_S, meanwhile=stop)
        assert summary.stopped
        assert 4 <= summary.placed < 100_000
        assert summary.answered + summary.cancelled == summary.placed
        assert summary.answered >= 2
        for number, line in enumerate(exchange.lines, 1):
            assert line.story == (["CANCEL"] if number % 2 else ["ACK", "BYE"])

    asyncio.run(story())


def test_nobody_there_and_no_patience() -> None:
    """Stopping twice leaves without waiting for answers; every call still has its one outcome."""

    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            target = find_target(f"sip:185@127.0.0.1:{deaf.getsockname()[1]}", allow_remote=False)
            crowd = Crowd(CallersOptions(target=target, calls=3, rate=RATE, hold_s=GUARD_S))
            running = asyncio.create_task(crowd.run())
            async with asyncio.timeout(GUARD_S):
                while crowd.tally.live < 3:  # noqa: ASYNC110 - as people see it: by looking
                    await asyncio.sleep(0.01)
                crowd.stop()
                crowd.stop()
                await running
        summary = crowd.summary()
        assert summary.stopped
        assert (summary.placed, summary.answered, summary.cancelled) == (3, 0, 3)

    asyncio.run(story())
