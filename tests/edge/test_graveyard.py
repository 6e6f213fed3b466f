"""Ended calls are taken apart: nothing of them is left for the garbage collector to find, and nothing else is touched."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.link import signals
from gateways.edge.call import Call
from gateways.edge.graveyard import _OF_A_CALL
from gateways.edge.limits import Timing
from gateways.edge.phones import phones_path, set_phone_password
from gateways.edge.refresher import Refresher
from gateways.edge.silence import SilenceWatch
from gateways.webrtc import messages as webrtc
from tests.edge.test_browsers import citizen, negotiated
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_dialling_phone import beside_a_carrier, cancel, dialled, let_dial
from tests.edge.test_phone_transfer import asks_first, bye_of, dials_outside, talking
from tests.edge.test_phones import register, with_phone
from tests.edge.test_session_timer import timed
from tests.edge.test_trunks import carriers
from tests.edge.world import PATIENCE_S, World, sdp, world_in

AT_ONCE = Timing(dead_call_rest_s=0.05)


@pytest.fixture
def collected() -> Iterator[Counter[str]]:
    """What the collector, which looks once in the end alone, finds of a call's objects."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    yield found
    gc.enable()


def look(found: Counter[str]) -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        of_a_call = (*_OF_A_CALL, Refresher, SilenceWatch)
        found.update(type(one).__name__ for one in gc.garbage if isinstance(one, of_a_call))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def buried(world: World) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(world.edge.calls._dead):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


def test_a_call_with_a_phone_leaves_nothing_to_the_collector(tmp_path: Path, collected: Counter[str]) -> None:
    set_phone_password(phones_path(tmp_path / "data"), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path, timing=AT_ONCE) as world:
            phone, caller = world.phone(), world.phone()
            assert (await register(world, phone)).status == 200
            call, tag = await answered(world, caller)
            ring = commands.RingPhone(
                edge=EDGE, call=call, agent="ayse", offer=1, user="101", caller="0532", service="Su"
            )
            world.core.send(ring)
            phone.reply(await phone.asked("INVITE"), 200, body=sdp())
            await world.core.expect(events.PhoneAnswered)
            await phone.asked("ACK")
            world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1))
            caller.request("BYE", to_tag=tag)
            await caller.response(200, "BYE")
            await world.core.expect(events.CallerHungUp)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            phone.reply(await phone.asked("BYE"), 200)
            await world.heard_all()
            await buried(world)
            world.jump(70_000)
            look(collected)

    asyncio.run(story())
    assert collected == {}


def test_a_call_that_was_cancelled_leaves_nothing_and_a_living_one_is_not_touched(
    tmp_path: Path, collected: Counter[str]
) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=AT_ONCE) as world:
            living, caller = world.phone(), world.phone()
            call, tag = await answered(world, living)
            number = await caller.call()
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            await caller.response(180)
            dead = weakref.ref(world.edge.calls._calls[arrived.call])
            caller.request("CANCEL", cseq=number, branch=f"z9hG4bK{caller.name}x{number}INVITE")
            await caller.response(487)
            await world.core.expect(events.CallerHungUp)
            await buried(world)
            world.jump(70_000)
            assert dead() is None, "freed by the last reference"
            assert isinstance(world.edge.calls._calls[call], Call)
            look(collected)
            living.request("BYE", to_tag=tag)
            await living.response(200, "BYE")
            assert (await world.core.expect(events.CallerHungUp)).call == call

    asyncio.run(story())
    assert collected == {}


@pytest.mark.parametrize("how", ["talks", "refused", "gives_up"])
def test_a_phone_that_dials_leaves_nothing_to_the_collector(
    tmp_path: Path, collected: Counter[str], how: str
) -> None:
    async def story() -> None:
        async with beside_a_carrier(tmp_path, timing=AT_ONCE) as (world, [carrier]):
            phone = world.phone()
            call = await dialled(world, phone)
            if how == "talks":
                let_dial(world, call)
                invite = await carrier.asked("INVITE")
                carrier.reply(invite, 200, body=sdp(45_000))
                ok = await phone.response(200, "INVITE")
                phone.ack(ok, call="out")
                await carrier.asked("ACK")
                world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=5, part=1))
                phone.request("BYE", to_tag=ok.to.tag or "", call="out", caller="101")
                await phone.response(200, "BYE")
                await world.core.expect(events.PhoneHungUp)
                world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
                carrier.reply(await carrier.asked("BYE"), 200)
            elif how == "refused":
                world.core.send(commands.RefuseCall(edge=EDGE, call=call, status=403, reason="barred"))
                await phone.response(403, "INVITE")
            else:
                cancel(phone)
                await phone.response(487, "INVITE")
            await world.heard_all()
            await buried(world)
            world.jump(70_000)
            look(collected)

    asyncio.run(story())
    assert collected == {}


@pytest.mark.parametrize("how", ["outside", "asked_first"])
def test_a_caller_who_is_handed_on_leaves_nothing_to_the_collector(
    tmp_path: Path, collected: Counter[str], how: str
) -> None:
    async def story() -> None:
        folder = with_phone(tmp_path)
        async with carriers(folder, {"hosts": ("192.0.2.9",)}, timing=AT_ONCE) as (world, [carrier]):
            talk = await talking(world)
            if how == "outside":
                asked = await talk.asks("<sip:02121112233@santral>")
                dials_outside(world, talk.call)
                invite = await carrier.asked("INVITE")
                carrier.reply(invite, 200, body=sdp(47_000))
                await carrier.asked("ACK")
                talk.answers(asked, 200)
                talk.ends_phone()
                join = commands.Join(edge=EDGE, call=talk.call, agent="", offer=7, part=1, unrecorded=True)
                world.core.send(join)
                await talk.phone.asked("NOTIFY")
                talk.say("BYE")
                await talk.phone.response(200, "BYE")
                carrier.put(bye_of(carrier, invite))
                await carrier.response(200, "BYE")
                world.core.send(commands.EndCall(edge=EDGE, call=talk.call, cause="outside_hung_up"))
                talk.caller.reply(await talk.caller.asked("BYE"), 200)
            else:
                asking, _ = await asks_first(world, talk)
                world.core.send(commands.EndCall(edge=EDGE, call=asking, cause="handed_on"))
                talk.phone.reply(await talk.phone.asked("BYE"), 200)
                talk.caller.request("BYE", to_tag=talk.caller.to_tag)
                await talk.caller.response(200, "BYE")
                talk.phone.reply(await talk.phone.asked("BYE"), 200)
            await world.heard_all()
            await buried(world)
            world.jump(70_000)
            look(collected)

    asyncio.run(story())
    assert collected == {}


@pytest.mark.parametrize("who", ["core", "page"])
def test_a_call_from_the_page_leaves_nothing_to_the_collector(
    tmp_path: Path, collected: Counter[str], who: str
) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=AT_ONCE) as world:
            leg, _ = await negotiated(world, citizen())
            world.browsers.send(webrtc.LegConnected(leg=leg))
            call = (await world.core.expect(events.CallArrived)).call
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            if who == "core":
                world.core.send(commands.EndCall(edge=EDGE, call=call, cause="flow_ended"))
                await world.browsers.expect(webrtc.CloseLeg)
            else:
                world.core.signal(signals.BrowserHangUp(peer="v1"))
                await world.core.expect(events.CallerHungUp)
            await world.heard_all()
            await buried(world)
            look(collected)

    asyncio.run(story())
    assert collected == {}


def test_an_answer_that_comes_after_all_that_finds_who_asked(tmp_path: Path) -> None:
    """A re-INVITE of ours that is only rung for may be accepted long after the call has ended."""

    async def story() -> None:
        async with world_in(tmp_path, timing=AT_ONCE) as world:
            caller = world.phone()
            ok = await timed(world, caller, "600;refresher=uas")
            world.jump(300_000)
            refresh = await caller.asked("INVITE")
            caller.reply(refresh, 100)
            caller.request("BYE", to_tag=ok.to.tag or "")
            await caller.response(200, "BYE")
            await buried(world)
            caller.reply(refresh, 200, body=sdp())
            assert (await caller.asked("ACK")).cseq.number == refresh.cseq.number

    asyncio.run(story())
