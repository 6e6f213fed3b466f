"""The guard and the admission on real sockets: what a hostile or overloaded minute looks like from outside and from within."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.admission import LOOKS, STEP_MAX, Signs
from gateways.edge.point import SipPoint
from gateways.sip.message import Response
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_phones import register, with_phone
from tests.edge.world import PATIENCE_S, Phone, World, config_for, replace, sdp, world_in

SCANNER = ("User-Agent: friendly-scanner",)


async def quiet(world: World) -> None:
    """Whatever was sent to the edge until now has been read by it."""
    async with asyncio.timeout(PATIENCE_S):
        while world.edge.point.backlog:  # noqa: ASYNC110 - the kernel tells, nobody else does
            await asyncio.sleep(0.001)
    probe = world.phone()
    world.edge.guard.lift("127.0.0.1")
    probe.request("OPTIONS", call="probe")
    await probe.response(200, "OPTIONS")


def test_a_scanner_gets_no_answer_and_is_not_heard_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            phone.request("OPTIONS", "sip:100@127.0.0.1", headers=SCANNER)
            phone.request("INVITE", body=sdp(), call="2")
            for number in range(20):
                phone.request("OPTIONS", call=f"r{number}")
            await quiet(world)
            statistics = world.edge.point.statistics()
            assert (statistics.requests_received, statistics.responses_sent) == (1, 1), "the probe alone"
            counters = world.edge.guard.counters(world.edge.clock.monotonic_ms())
            assert (counters["scanner"], counters["bans"], counters["unheard"]) == (1, 1, 21)
            assert world.core.all(events.CallArrived) == []

    asyncio.run(story())


def test_a_phone_that_comes_back_proves_that_it_is_not_who_was_banned_in_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            phone, forger = world.phone(), world.phone()
            forger.request("OPTIONS", headers=SCANNER)
            forger.request("REGISTER", headers=SCANNER, call="2")
            forger.request("INVITE", body=sdp(), call="3")
            assert (await register(world, phone)).status == 200
            counters = world.edge.guard.counters(world.edge.clock.monotonic_ms())
            assert (counters["scanner"], counters["unheard"], counters["banned_now"]) == (2, 1, 0)
            await answered(world, world.phone())

    asyncio.run(story())


def test_rubbish_is_answered_for_a_while_then_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            for number in range(200):
                phone.put(f"OPTIONS sip:x SIP/2.0\r\nCall-ID: {number}\r\n\r\n")
            await quiet(world)
            counters = world.edge.guard.counters(0)
            assert world.edge.point.statistics().malformed_dropped == counters["malformed"]
            assert 50 <= counters["malformed"] < 60, "points fade a little meanwhile"
            assert counters["malformed"] + counters["unheard"] == 200

    asyncio.run(story())


def test_who_answers_in_anothers_name_proves_nothing_for_it(tmp_path: Path) -> None:
    """Whoever received our message can send the ACK or the answer to it with a forged source."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            forged = Phone(world.edge.point.port, "127.0.0.9")
            world.phones.append(forged)
            forged.name, forged.edge = phone.name, phone.edge
            arrived = await world.arrive(phone)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            forged.ack(await phone.response(200, "INVITE"))
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            forged.reply(await phone.asked("BYE"), 200)
            for number in range(2):
                forged.request("OPTIONS", headers=SCANNER, call=f"s{number}")
            await quiet(world)
            assert world.edge.guard.counters(0)["unheard"] == 1, (
                "a stranger still, and so banned at the first"
            )

    asyncio.run(story())


def test_a_caller_who_is_in_a_call_is_heard_whatever_comes_in_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            forger = world.phone()
            for number in range(100):
                forger.request("OPTIONS", headers=SCANNER, call=f"f{number}")
                forger.request("BYE", to_tag="guessed", call=f"b{number}")
                forger.put(b"rubbish")
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            assert (await world.core.expect(events.CallerHungUp)).call == call
            counters = world.edge.guard.counters(0)
            assert (counters["stray"], counters["malformed"], counters["bans"]) == (100, 100, 0)

    asyncio.run(story())


def test_looking_for_a_number_that_leads_out_ends_in_silence(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:

            def refuse(message: object) -> None:
                if isinstance(message, events.CallArrived):
                    world.core.send(
                        commands.RefuseCall(edge=EDGE, call=message.call, status=404, reason="Not Found")
                    )

            world.core.auto = refuse
            phone = world.phone()
            for number in range(13):
                await phone.call(call=f"s{number}", to=f"sip:{number}004412345@127.0.0.1")
                await phone.response(404)
            await phone.call(call="last")
            await quiet(world)
            counters = world.edge.guard.counters(0)
            assert (counters["sweep"], counters["bans"], counters["unheard"]) == (13, 1, 1)

    asyncio.run(story())


def test_allowed_networks_are_heard_whatever_they_do(tmp_path: Path) -> None:
    async def story() -> None:
        config = config_for(tmp_path, guard_allow=("127.0.0.0/8",))
        async with world_in(tmp_path, config=config) as world:
            phone = world.phone()
            for number in range(100):
                phone.request("OPTIONS", headers=SCANNER, call=f"f{number}")
                await phone.response(200, "OPTIONS")

    asyncio.run(story())


async def test_a_full_buffer_is_no_load_while_all_of_it_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_in(tmp_path) as world:
        world.edge.guard.saw("127.0.0.1", "scanner", world.edge.clock.monotonic_ms(), "x")
        admission, flooding = world.edge.admission, world.phone()
        looked: list[Signs] = []
        monkeypatch.setattr(SipPoint, "backlog", 1.0)
        monkeypatch.setattr(
            admission,
            "_asked_for",
            lambda signs, ask=admission._asked_for: looked.append(signs) or ask(signs),
        )
        async with asyncio.timeout(PATIENCE_S):
            while len(looked) < 2 * LOOKS:
                flooding.put("x")
                await asyncio.sleep(0.005)
            assert admission.step == 0
            while admission.step < STEP_MAX:  # noqa: ASYNC110 - it looks ten times a second
                await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("step", "answers"),
    [
        (0, {"OPTIONS": 200, "INVITE": 100, "REGISTER": 401, "INFO": 415, "BYE": 200}),
        (1, {"OPTIONS": 503, "INVITE": 100, "REGISTER": 401, "INFO": 415, "BYE": 200}),
        (2, {"OPTIONS": 503, "INVITE": 503, "REGISTER": 401, "INFO": 415, "BYE": 200}),
        (3, {"OPTIONS": 503, "INVITE": 503, "REGISTER": 503, "INFO": 415, "BYE": 200}),
        (4, {"OPTIONS": 503, "INVITE": 503, "REGISTER": 503, "INFO": 503, "BYE": 200}),
    ],
)
def test_under_load_work_is_refused_in_order_and_hang_ups_pass(
    step: int, answers: dict[str, int], tmp_path: Path
) -> None:
    signs = (Signs(), Signs(100), Signs(250), Signs(500), Signs(1_000))[step]

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            admission, now_ms = world.edge.admission, world.edge.clock.monotonic_ms() + 10_000
            for _ in range(LOOKS):
                admission.look(signs, now_ms)
            assert admission.step == step

            async def answer(method: str, **more: str) -> Response:
                phone.request(method, **more)  # type: ignore[arg-type]
                while True:
                    message = await phone.receive()
                    if isinstance(message, Response) and message.cseq.method == method:
                        return message

            got = {
                "OPTIONS": await answer("OPTIONS", call="o"),
                "INVITE": await answer("INVITE", call="i", body=sdp()),
                "REGISTER": await answer("REGISTER", call="r"),
                "INFO": await answer("INFO", to_tag=tag, body="x", content_type="text/x-nothing"),
                "BYE": await answer("BYE", to_tag=tag),
            }
            if got["INVITE"].status == 100 and answers["INVITE"] == 503:
                got["INVITE"] = await phone.response(503, "INVITE")
            for method, status in answers.items():
                assert got[method].status == status, method
                assert (got[method].get("Retry-After") is not None) == (status == 503)
            assert (await world.core.expect(events.CallerHungUp)).call == call

    asyncio.run(story())


@pytest.mark.parametrize(
    "where",
    [
        {"host": "127.0.0.1"},
        {"host": "carrier.example", "hosts": ("127.0.0.1",)},
        {"host": "carrier.example", "proxy": "127.0.0.1:5066"},
        {"host": "localhost"},
    ],
)
def test_a_trunk_is_heard_whatever_comes_in_its_name(tmp_path: Path, where: dict[str, Any]) -> None:
    async def story() -> None:
        trunks = {"carrier": Trunk(health_s=0, **where)}
        async with world_in(tmp_path, config=replace(config_for(tmp_path), trunks=trunks)) as world:
            if where == {"host": "localhost"} and not world.core.all(events.EdgeInventory)[0].trunks:
                await world.core.expect(events.TrunkChanged)  # its name was looked up
            phone = world.phone()
            for number in range(20):
                phone.request("OPTIONS", headers=SCANNER, call=f"f{number}")
                await phone.response(200, "OPTIONS")

    asyncio.run(story())


def test_huge_headers_and_forged_cancels_are_counted_as_what_they_are(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            number = await phone.call()
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            await phone.response(180)
            forger = world.phone()
            forger.request("CANCEL", cseq=number, branch=f"z9hG4bK{phone.name}x{number}INVITE", call="other")
            forger.request("OPTIONS", headers=(f"X-Long: {'x' * 9_000}",), call="huge")
            forger.request("OPTIONS", headers=tuple(f"X-{index}: 1" for index in range(200)), call="many")
            await quiet(world)
            counters = world.edge.guard.counters(0)
            assert (counters.get("huge"), counters.get("malformed")) == (2, None)
            assert counters.get("spoofed", 0) + counters.get("stray", 0) == 1
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())
