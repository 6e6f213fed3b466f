"""Real phones hand their caller on: Linphone and baresip as they do it by themselves, SIPp to the letter of RFC 3515."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from tests.edge.foreign import at_edge, baresip, know, ring, run_sipp, started
from tests.edge.test_calls import answered
from tests.edge.world import EDGE, World, world_in
from tests.peers.linphone import Linphone
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


async def joined(world: World, call: str) -> None:
    """The phone has answered, and talks with the caller."""
    assert (await world.core.expect(events.PhoneAnswered)).offer == 3
    world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=3, part=1))
    await world.engine.expect(engine.StartRecording)


async def asked(world: World, target: str) -> events.TransferAsked:
    event = await world.core.expect(events.TransferAsked)
    assert (event.agent, event.offer, event.target) == ("ayse", 3, target)
    return event


def decide(world: World, event: events.TransferAsked, status: int) -> None:
    world.core.send(
        commands.TransferAnswered(
            edge=EDGE, call=event.call, agent="ayse", offer=3, transfer=event.transfer, status=status
        )
    )
    if status == 200:
        world.core.send(commands.EndPhone(edge=EDGE, call=event.call, agent="ayse", offer=3))


async def hung_up_by_itself(world: World, call: str) -> None:
    """The phone's leg is gone; the caller's is not, and the core has heard of no hang-up."""
    await world.engine.expect(engine.FreeLeg, lambda freed: freed.leg == f"{call}-p3")
    assert [held.call for held in world.edge.calls.inventory()] == [call]
    assert not world.core.all(events.PhoneHungUp)
    assert not world.core.all(events.CallerHungUp)


async def test_linphone_hands_its_caller_on(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "phone", "101")) as phone,
    ):
        know(world, "101")
        port = world.edge.point.port
        await asyncio.to_thread(phone.register, "127.0.0.1", port, "secret")
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "101"))
        await asyncio.to_thread(phone.ringing)
        phone.answer()
        await joined(world, call)
        await asyncio.to_thread(phone.became, "CallStreamsRunning")
        phone.transfer(f"sip:186@127.0.0.1:{port}")
        decide(world, await asked(world, "186"), 486)
        await asyncio.to_thread(phone.program.wait_for, "SIP/2.0 486")
        phone.transfer(f"sip:187@127.0.0.1:{port}")
        decide(world, await asked(world, "187"), 200)
        await hung_up_by_itself(world, call)
        await asyncio.to_thread(phone.became, "CallEnd")


async def test_linphone_puts_its_caller_through_to_whom_it_has_asked(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "phone", "101")) as phone,
    ):
        know(world, "101")
        port = world.edge.point.port
        await asyncio.to_thread(phone.register, "127.0.0.1", port, "secret")
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "101"))
        await asyncio.to_thread(phone.ringing)
        phone.answer()
        await joined(world, call)
        await asyncio.to_thread(phone.became, "CallStreamsRunning")
        phone.hold()
        await asyncio.to_thread(phone.became, "CallPaused")
        phone.call(f"sip:185@127.0.0.1:{port}")
        asking = (await world.core.expect(events.CallArrived, lambda event: event.call != call)).call
        world.core.send(commands.AnswerCaller(edge=EDGE, call=asking))
        await asyncio.to_thread(phone.became, "CallStreamsRunning")
        phone.put_through(1, to=2)
        event = await world.core.expect(events.TransferAsked)
        assert (event.call, event.other, event.target) == (call, asking, "185")
        decide(world, event, 200)
        world.core.send(commands.EndCall(edge=EDGE, call=asking, cause="handed_on"))
        await world.engine.expect(engine.FreeLeg, lambda freed: freed.leg == f"{call}-p3")
        assert [held.call for held in world.edge.calls.inventory()] == [call]


async def test_baresip_hands_its_caller_on(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        async with started(lambda: baresip(tmp_path / "phone", at_edge(world))) as phone:
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            await asyncio.to_thread(phone.wait_for, "CALL_INCOMING")
            phone.accept()
            await joined(world, call)
            phone.transfer(f"sip:186@127.0.0.1:{world.edge.point.port}")
            decide(world, await asked(world, "186"), 180)
            decide(world, world.core.all(events.TransferAsked)[-1], 200)
            await hung_up_by_itself(world, call)
            await asyncio.to_thread(phone.wait_for, "CALL_CLOSED")


async def test_sipp_hands_its_caller_on_and_is_told_each_step(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        port = free_ports(2)
        await run_sipp(world, "register", tmp_path, "-s", "101", "-ap", "secret", port=port)
        phone = asyncio.create_task(run_sipp(world, "phone_transfers", tmp_path, port=port))
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "101"))
        await joined(world, call)
        event = await asked(world, "186")
        decide(world, event, 180)
        decide(world, event, 200)
        await phone
        await hung_up_by_itself(world, call)
