"""Several phones ring for one call: one has it, the others stop, whatever they were doing at that moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from gateways.edge.limits import EdgeLimits
from gateways.edge.phones import set_phone_password
from gateways.media import messages as engine
from gateways.sip.message import Request
from tests.e2e.phone import Baresip
from tests.edge.foreign import at_edge, baresip, run_sipp
from tests.edge.test_browsers import speaking
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_phones import phone_file, register
from tests.edge.world import Phone, Scripted, World, sdp, world_in
from tests.support.ports import free_port

USERS = ("101", "102", "103")
needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None and "CI" not in os.environ, reason="SIPp (sip-tester) is not installed"
)
needs_baresip = pytest.mark.skipif(
    shutil.which("baresip") is None and "CI" not in os.environ, reason="baresip is not installed"
)


def with_phones(folder: Path) -> Path:
    for user in USERS:
        set_phone_password(phone_file(folder), "santral", user, "secret")
    return folder


def ring(world: World, call: str, number: int) -> None:
    """Offer `number` is for the phone 10`number` of the agent a`number`."""
    world.core.send(
        commands.RingPhone(
            edge=EDGE,
            call=call,
            agent=f"a{number}",
            offer=number,
            user=f"10{number}",
            caller="0532",
            service="Su",
        )
    )


def end(world: World, call: str, number: int) -> None:
    world.core.send(commands.EndPhone(edge=EDGE, call=call, agent=f"a{number}", offer=number))


def join(world: World, call: str, number: int, leg: str = "") -> None:
    world.core.send(commands.Join(edge=EDGE, call=call, agent=f"a{number}", offer=number, part=1, leg=leg))


class Rung:
    """A caller who waits, and three phones that ring for them."""

    def __init__(self, world: World, caller: Phone, call: str) -> None:
        self.world, self.caller, self.call = world, caller, call
        self.phones: list[Phone] = []
        self.invites: list[Request] = []

    def pick_up(self, number: int) -> None:
        at = number - 1
        self.phones[at].reply(self.invites[at], 200, body=sdp(45_000 + 2 * at))

    async def stopped(self, number: int) -> str:
        """The phone is cancelled, for this reason, and says so."""
        phone = self.phones[number - 1]
        cancel = await phone.asked("CANCEL")
        phone.reply(cancel, 200)
        phone.reply(self.invites[number - 1], 487)
        await phone.asked("ACK")
        return cancel.get("Reason") or ""

    async def legs(self, count: int) -> None:
        """The edge has come down to so many legs of audio."""
        await self.world.heard_all()
        assert self.world.edge.statistics().audio.legs == count


@contextlib.asynccontextmanager
async def three_ring(folder: Path) -> AsyncIterator[Rung]:
    async with world_in(with_phones(folder)) as world:
        phones = [world.phone() for _ in USERS]
        for user, phone in zip(USERS, phones, strict=True):
            assert (await register(world, phone, user=user)).status == 200
        caller = world.phone()
        call, _ = await answered(world, caller)
        rung = Rung(world, caller, call)
        for number, phone in enumerate(phones, 1):
            ring(world, call, number)
            invite = await phone.asked("INVITE")
            phone.reply(invite, 180)
            rung.phones.append(phone)
            rung.invites.append(invite)
        yield rung


def test_one_answers_and_the_others_stop(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            world, call = rung.world, rung.call
            assert len({invite.call_id for invite in rung.invites}) == 3, "three dialogs, not branches of one"
            rung.pick_up(2)
            assert (await world.core.expect(events.PhoneAnswered)).offer == 2
            join(world, call, 2)
            end(world, call, 1)
            end(world, call, 3)
            gains = await world.engine.expect(engine.SetGains)
            assert {gain.source for gain in gains.gains} == {call, f"{call}-p2"}
            for number in (1, 3):
                assert await rung.stopped(number) == 'SIP;cause=200;text="Call completed elsewhere"'
            await rung.legs(2)
            assert world.core.all(events.PhoneFailed) == []
            assert world.edge.calls.inventory() == (events.HeldCall(call=call, answered=True, agent="a2"),)

    asyncio.run(story())


def test_two_that_answer_at_the_same_moment(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            world, call = rung.world, rung.call
            rung.pick_up(3)
            rung.pick_up(1)
            first = (await world.core.expect(events.PhoneAnswered)).offer
            second = (await world.core.expect(events.PhoneAnswered)).offer
            assert {first, second} == {1, 3}
            join(world, call, first)
            end(world, call, 2)
            end(world, call, second)
            loser = rung.phones[second - 1]
            await loser.asked("ACK")
            loser.reply(await loser.asked("BYE"), 200)
            await rung.stopped(2)
            await rung.legs(2)
            assert world.core.all(events.PhoneHungUp) == []
            recording = await world.engine.expect(engine.StartRecording)
            assert recording.right == f"{call}-p{first}"

    asyncio.run(story())


def test_one_that_answers_across_its_cancel_is_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            world, call = rung.world, rung.call
            rung.pick_up(1)
            await world.core.expect(events.PhoneAnswered)
            join(world, call, 1)
            end(world, call, 2)
            end(world, call, 3)
            late = rung.phones[1]
            cancel = await late.asked("CANCEL")
            rung.pick_up(2)
            late.reply(cancel, 481)
            assert (await late.asked("ACK")).to.tag == "phone"
            late.reply(await late.asked("BYE"), 200)
            await rung.stopped(3)
            await rung.legs(2)
            assert len(world.core.all(events.PhoneAnswered)) == 1

    asyncio.run(story())


def test_all_decline(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            for number, status in ((2, 486), (1, 603), (3, 480)):
                rung.phones[number - 1].reply(rung.invites[number - 1], status)
                failed = await rung.world.core.expect(events.PhoneFailed)
                assert (failed.agent, failed.offer, failed.status) == (f"a{number}", number, status)
            await rung.legs(1)
            assert rung.world.edge.calls.inventory() == (events.HeldCall(call=rung.call, answered=True),)

    asyncio.run(story())


def test_the_caller_hangs_up_while_three_ring(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            rung.caller.request("BYE", to_tag=rung.caller.to_tag)
            for number in (1, 2, 3):
                assert await rung.stopped(number) == "", "a call that was missed"
            assert (await rung.world.core.expect(events.CallerHungUp)).call == rung.call
            await rung.legs(0)
            assert rung.world.edge.statistics().calls.live == 0
            # The core's word crosses the caller's.
            for number in (1, 2, 3):
                end(rung.world, rung.call, number)
            await rung.world.heard_all()
            assert rung.world.edge.statistics().calls.commands_late == 3

    asyncio.run(story())


def test_an_operator_at_a_page_is_faster_than_the_phones(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            leg = await speaking(rung.world)
            join(rung.world, rung.call, 4, leg)
            gains = await rung.world.engine.expect(engine.SetGains)
            assert {gain.source for gain in gains.gains} == {rung.call, leg}
            for number in (1, 2, 3):
                end(rung.world, rung.call, number)
            for number in (1, 2, 3):
                await rung.stopped(number)
            await rung.legs(2)

    asyncio.run(story())


def test_another_core_hears_what_rings(tmp_path: Path) -> None:
    async def story() -> None:
        async with three_ring(tmp_path) as rung:
            world, call = rung.world, rung.call
            await world.core.stop()
            await world.went_away(world.edge.core)
            rung.pick_up(2)
            await rung.phones[1].asked("ACK")
            rung.phones[0].reply(rung.invites[0], 486)
            await rung.phones[0].asked("ACK")
            world.core = Scripted(world.config, "core", FromCore, ToCore)
            await world.core.start()
            inventory = await world.core.expect(events.EdgeInventory)
            assert inventory.calls == (events.HeldCall(call=call, answered=True, ringing=(2, 3)),)
            ring(world, call, 2)
            assert (await world.core.expect(events.PhoneAnswered)).offer == 2, "said again to whom it is new"
            join(world, call, 2)
            end(world, call, 3)
            await rung.stopped(3)

    asyncio.run(story())


def test_only_so_many_phones_ring_for_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phones(tmp_path), limits=EdgeLimits(phones_a_call_max=1)) as world:
            phone = world.phone()
            await register(world, phone)
            call, _ = await answered(world, world.phone())
            ring(world, call, 1)
            ring(world, call, 2)
            failed = await world.core.expect(events.PhoneFailed)
            assert (failed.agent, failed.offer, failed.status) == ("a2", 2, 503)
            await phone.asked("INVITE")
            assert world.edge.calls.inventory()[0].ringing == (1,)

    asyncio.run(story())


@needs_sipp
def test_sipp_answers_stops_and_crosses_the_cancel(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phones(tmp_path)) as world:
            call, _ = await answered(world, world.phone())
            phones = []
            for user, scenario in zip(USERS, ("phone_answers", "phone_stops", "phone_crosses"), strict=True):
                port = free_port()
                await run_sipp(world, "register", tmp_path, "-s", user, "-ap", "secret", port=port)
                phones.append(asyncio.create_task(run_sipp(world, scenario, tmp_path, port=port)))
            # An INVITE that comes before SIPp listens is lost and sent again (RFC 3261 17.1.1.2), and no CANCEL leaves
            # before a phone has said something (9.1).
            for number in (1, 2, 3):
                ring(world, call, number)
            await world.core.expect(events.PhoneAnswered)
            join(world, call, 1)
            end(world, call, 2)
            end(world, call, 3)
            await asyncio.gather(phones[1], phones[2])
            end(world, call, 1)
            await phones[0]
            assert len(world.core.all(events.PhoneAnswered)) == 1
            assert world.core.all(events.PhoneFailed) == []
            await world.heard_all()
            assert world.edge.statistics().audio.legs == 1, "the caller's"

    asyncio.run(story())


@needs_baresip
def test_three_real_phones_ring_and_one_is_picked_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phones(tmp_path)) as world:
            phones: list[Baresip] = []
            try:
                for user in USERS:
                    phones.append(await asyncio.to_thread(baresip, tmp_path / user, at_edge(world), user))
                    await world.core.expect(events.PhoneRegistered)
                call, _ = await answered(world, world.phone())
                for number in (1, 2, 3):
                    ring(world, call, number)
                for phone in phones:
                    await asyncio.to_thread(phone.wait_for, "CALL_INCOMING")
                phones[1].accept()
                assert (await world.core.expect(events.PhoneAnswered)).offer == 2
                join(world, call, 2)
                end(world, call, 1)
                end(world, call, 3)
                for phone in (phones[0], phones[2]):
                    await asyncio.to_thread(phone.wait_for, "CALL_CLOSED")
                end(world, call, 2)
                await asyncio.to_thread(phones[1].wait_for, "CALL_CLOSED")
                assert world.core.all(events.PhoneFailed) == []
            finally:
                for phone in phones:
                    await asyncio.to_thread(phone.close)

    asyncio.run(story())
