"""One operator with several devices: which of them ring at once, which after the others, and who has the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from gateways.sip.message import Request
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_phones import nothing_came, register
from tests.edge.world import Phone, World, sdp, world_in

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


class Devices:
    """The devices of 101, and a caller who waits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.call = ""
        self.phones: list[Phone] = []

    async def has(self, *qualities: str) -> list[Phone]:
        """So many are registered, as much wanted as that; then a call is offered."""
        for q in qualities:
            phone = self.world.phone()
            contact = f"<{phone.contact('101')}>" + (f";q={q}" if q else "")
            assert (await register(self.world, phone, contact=contact)).status == 200
            self.phones.append(phone)
        self.call, _ = await answered(self.world, self.world.phone())
        self.world.core.send(
            commands.RingPhone(
                edge=EDGE, call=self.call, agent="ayse", offer=3, user="101", caller="0532", service="Su"
            )
        )
        return self.phones

    def end(self) -> None:
        self.world.core.send(commands.EndPhone(edge=EDGE, call=self.call, agent="ayse", offer=3))

    async def legs(self, count: int) -> None:
        await self.world.heard_all()
        assert self.world.edge.statistics().audio.legs == count


async def rings(phone: Phone) -> Request:
    invite = await phone.asked("INVITE")
    phone.reply(invite, 180)
    return invite


async def stopped(phone: Phone, invite: Request) -> str:
    """It is cancelled; the reason."""
    cancel = await phone.asked("CANCEL")
    phone.reply(cancel, 200)
    phone.reply(invite, 487)
    await phone.asked("ACK")
    return cancel.get("Reason") or ""


def play(folder: Path, story: Callable[[Devices], Coroutine[Any, Any, None]]) -> None:
    set_phone_password(phones_path(folder / "data"), "santral", "101", "secret")

    async def whole() -> None:
        async with world_in(folder) as world:
            await story(Devices(world))

    asyncio.run(whole())


def test_devices_ring_at_once_and_the_others_hear_where_it_was_answered(tmp_path: Path) -> None:
    async def story(devices: Devices) -> None:
        phones = await devices.has("", "", "1.0")
        invites = [await rings(phone) for phone in phones]
        assert {invite.request_uri.host for invite in invites} == {"127.0.0.1"}
        assert {invite.request_uri.port for invite in invites} == {phone.port for phone in phones}
        phones[1].reply(invites[1], 200, body=sdp(45_002))
        await phones[1].asked("ACK")
        assert (await devices.world.core.expect(events.PhoneAnswered)).offer == 3
        for at in (0, 2):
            assert await stopped(phones[at], invites[at]) == ELSEWHERE
        await devices.legs(2)
        devices.end()
        phones[1].reply(await phones[1].asked("BYE"), 200)
        await devices.legs(1)
        assert len(devices.world.core.all(events.PhoneAnswered)) == 1
        assert devices.world.core.all(events.PhoneFailed) == []

    play(tmp_path, story)


def test_two_devices_that_are_picked_up_at_the_same_moment(tmp_path: Path) -> None:
    async def story(devices: Devices) -> None:
        first, second = await devices.has("", "")
        invites = [await rings(phone) for phone in (first, second)]
        first.reply(invites[0], 200, body=sdp(45_000))
        await first.asked("ACK")
        second.reply(invites[1], 200, body=sdp(45_002))
        await second.asked("ACK")
        bye = await second.asked("BYE")
        assert bye.get("Reason") == ELSEWHERE
        second.reply(bye, 200)
        await devices.legs(2)
        assert len(devices.world.core.all(events.PhoneAnswered)) == 1

    play(tmp_path, story)


def test_less_wanted_devices_ring_when_the_others_will_not(tmp_path: Path) -> None:
    async def story(devices: Devices) -> None:
        least, most, also_most = await devices.has("0.1", "0.9", "0.9")
        for phone, status in ((most, 486), (also_most, 480)):
            await nothing_came(least)
            phone.reply(await rings(phone), status)
            await phone.asked("ACK")
        least.reply(await rings(least), 200, body=sdp(45_000))
        await least.asked("ACK")
        await devices.world.core.expect(events.PhoneAnswered)
        assert devices.world.core.all(events.PhoneFailed) == []

    play(tmp_path, story)


def test_less_wanted_devices_ring_after_a_while_and_the_others_no_longer(tmp_path: Path) -> None:
    async def story(devices: Devices) -> None:
        most, least = await devices.has("1.0", "0.5")
        first = await rings(most)
        await nothing_came(most)
        devices.world.jump(6_900)
        await nothing_came(least)
        devices.world.jump(200)
        assert await stopped(most, first) == "", "a call that was missed there"
        second = await rings(least)
        await nothing_came(least)
        devices.world.jump(60_000)
        least.reply(second, 200, body=sdp(45_000))
        await devices.world.core.expect(events.PhoneAnswered)

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("said", "told"),
    [((480, 486), 480), ((486, 480), 486), ((503, 486), 486), ((408, 486), 486), ((503, 500), 503)],
)
def test_of_several_refusals_the_best_is_told(tmp_path: Path, said: tuple[int, ...], told: int) -> None:
    async def story(devices: Devices) -> None:
        phones = await devices.has("", "")
        for phone, status in zip(phones, said, strict=True):
            phone.reply(await rings(phone), status)
            await phone.asked("ACK")
        assert (await devices.world.core.expect(events.PhoneFailed)).status == told
        await devices.legs(1)

    play(tmp_path, story)


def test_who_declines_for_everybody_ends_it(tmp_path: Path) -> None:
    """RFC 3261 21.6"""

    async def story(devices: Devices) -> None:
        most, also_most, least = await devices.has("1.0", "1.0", "0.5")
        invites = [await rings(phone) for phone in (most, also_most)]
        most.reply(invites[0], 603)
        assert await stopped(also_most, invites[1]) == ""
        assert (await devices.world.core.expect(events.PhoneFailed)).status == 603
        await nothing_came(least)

    play(tmp_path, story)


def test_an_offer_that_is_taken_back_stops_them_all(tmp_path: Path) -> None:
    async def story(devices: Devices) -> None:
        most, also_most, least = await devices.has("1.0", "1.0", "0.5")
        invites = [await rings(phone) for phone in (most, also_most)]
        devices.end()
        for phone, invite in zip((most, also_most), invites, strict=True):
            await stopped(phone, invite)
        devices.world.jump(20_000)
        await nothing_came(least)
        await devices.legs(1)

    play(tmp_path, story)


def test_a_device_with_two_flows_rings_by_one(tmp_path: Path) -> None:
    """RFC 5626 7: never by both; by the other when this one is gone."""

    async def story(devices: Devices) -> None:
        world = devices.world
        flows = [world.phone() for _ in range(2)]
        for number, phone in enumerate(flows, 1):
            contact = f'<{phone.contact("101")}>;+sip.instance="<urn:uuid:1>";reg-id={number}'
            ok = await register(world, phone, contact=contact, headers=("Supported: outbound, path",))
            assert ok.get("Require") == "outbound"
        desk = world.phone()
        assert (await register(world, desk)).status == 200
        ((latest, other),) = world.edge.registrar.targets("101")
        assert [latest.flow.port, other.flow.port] == [desk.port, flows[1].port]
        assert world.edge.registrar.user_at(other.flow) == "101"
        world.edge.registrar.flow_lost(other.flow)
        ((_, other),) = world.edge.registrar.targets("101")
        assert other.flow.port == flows[0].port

    play(tmp_path, story)
