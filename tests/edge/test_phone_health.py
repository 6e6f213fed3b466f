"""Whether registered phones are still there: asked by OPTIONS, lost with their connection. The tests move the clock."""

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
from tests.edge.test_transports import StreamPhone, config
from tests.edge.world import Phone, World, world_in
from tests.support.ports import free_port

USERS = [str(number) for number in range(101, 151)]
PATH = "Path: <sip:127.0.0.1:{port};lr>"


def play(folder: Path, story: Callable[[World], Coroutine[Any, Any, None]], **more: Any) -> None:
    async def whole() -> None:
        async with world_in(folder, **more) as world:
            for user in USERS:
                set_phone_password(phones_path(world.config.data_path), "santral", user, "secret")
            await story(world)

    asyncio.run(whole())


def wait(world: World, seconds: float) -> None:
    """Let that much time pass for the phones."""
    for _ in range(int(seconds * 2)):
        world.jump(500)
        world.edge.registrar.timer_due()


def wait_for_question(world: World) -> None:
    """Let time pass until somebody is asked, and no longer: their answer has time to come."""
    for _ in range(62):
        if world.edge.registrar._health._asked:
            return
        wait(world, 0.5)
    raise AssertionError("nobody was asked within 31 s")


async def there(world: World, phone: Phone, **more: Any) -> None:
    assert (await register(world, phone, **more)).status == 200
    await world.core.expect(events.PhoneRegistered)


async def asked(phone: Phone) -> Request:
    """The next question; repetitions of it are passed over."""
    return await phone.asked("OPTIONS")


async def heard(phone: Phone) -> None:
    """The edge has taken what the phone said until now."""
    phone.request("OPTIONS", call="heard")
    await phone.response(200, "OPTIONS")


async def gone(world: World) -> str:
    return (await world.core.expect(events.PhoneUnregistered)).user


def questions(world: World) -> int:
    """How many were asked so far; each is a transaction."""
    return world.edge.point.statistics().clients_live


def test_a_quiet_phone_is_asked_and_stays(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        await there(world, phone)
        wait(world, 22)
        await nothing_came(phone)
        for _ in range(2):
            wait(world, 8)
            question = await asked(phone)
            assert question.uri == phone.contact("101")
            assert question.to.uri.user_text == "101"
            phone.reply(question, 404)  # whatever it says
            await heard(phone)
            wait(world, 21)
            await nothing_came(phone)
        assert world.edge.registrar.users == ("101",)
        assert world.edge.statistics().registrar.lost == 0

    play(tmp_path, story)


def test_a_phone_without_power_is_lost_within_45_seconds(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        await there(world, phone)
        wait(world, 31)
        first = await asked(phone)
        wait(world, 4)
        assert world.edge.registrar.users == ("101",), "one question may be lost"
        wait(world, 10)
        assert await gone(world) == "101"
        assert world.edge.statistics().registrar.lost == 1
        while (second := await asked(phone)).via.branch == first.via.branch:
            pass
        phone.reply(second, 200)  # too late
        await heard(phone)
        assert world.edge.registrar.users == ()
        assert world.edge.registrar.targets("101") == ()
        await there(world, phone)

    play(tmp_path, story)


def test_one_answer_that_is_lost_does_no_harm(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        await there(world, phone)
        for _ in range(2):
            wait(world, 30)
            first = await asked(phone)
            wait(world, 8)
            while (second := await asked(phone)).via.branch == first.via.branch:
                pass
            phone.reply(second, 200)
            await heard(phone)
        assert world.edge.registrar.users == ("101",)
        assert world.edge.statistics().registrar.lost == 0

    play(tmp_path, story)


def test_a_phone_that_registers_again_is_asked_later_and_one_that_left_never(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        await there(world, phone)
        for _ in range(3):
            wait(world, 20)
            assert (await register(world, phone)).status == 200
        await nothing_came(phone)
        assert (await register(world, phone, expires_s=0)).status == 200
        assert await gone(world) == "101"
        wait(world, 120)
        await nothing_came(phone)
        assert world.edge.registrar._health.next_deadline_ms() is None

    play(tmp_path, story)


def test_only_the_last_contact_that_is_lost_is_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        kept, lost = world.phone(), world.phone()
        await there(world, kept)
        assert (await register(world, lost)).status == 200
        assert len(world.edge.registrar.targets("101")[0]) == 2
        wait(world, 30)
        kept.reply(await asked(kept), 200)
        await heard(kept)
        wait(world, 14)
        assert world.edge.statistics().registrar.lost == 1
        ((left,),) = world.edge.registrar.targets("101")
        assert left.flow.port == kept.port
        assert world.core.all(events.PhoneUnregistered) == []
        wait(world, 40)
        assert await gone(world) == "101"

    play(tmp_path, story)


@pytest.mark.parametrize("status", [408, 430, 480, 503])
def test_a_proxy_that_cannot_find_the_phone_is_believed(tmp_path: Path, status: int) -> None:
    """A phone's own 480 would only say that it wants no calls."""

    async def story(world: World) -> None:
        proxy = world.phone()
        way = PATH.format(port=proxy.port)
        await there(world, proxy, headers=(way, "Supported: path"))
        answers = 0
        seen: set[str] = set()
        while world.edge.registrar.users:
            wait(world, 30 if answers == 0 else 3)
            question = await asked(proxy)
            if question.via.branch not in seen:
                seen.add(question.via.branch)
                assert question.get("Route") == f"<sip:127.0.0.1:{proxy.port};lr>"
                proxy.reply(question, status)
                await heard(proxy)
                answers += 1
                if answers == 1:
                    timer = world.edge.registrar._timer
                    assert timer is not None
                    assert timer.when() - asyncio.get_running_loop().time() < 2.1, "it is asked again soon"
        assert await gone(world) == "101"
        assert answers == 2

    play(tmp_path, story)


def test_a_phone_that_wants_no_calls_is_there(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        await there(world, phone)
        for _ in range(3):
            wait(world, 30)
            phone.reply(await asked(phone), 480)
            await heard(phone)
        assert world.edge.registrar.users == ("101",)
        assert world.edge.statistics().registrar.lost == 0

    play(tmp_path, story)


def test_phones_are_not_asked_all_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        house = world.phone()
        for user in USERS:
            await there(world, house, user=user, contact=house.contact(user))
        before = questions(world)
        world.jump(30_000)
        world.edge.registrar.timer_due()
        assert questions(world) - before == 20, "a turn"
        world.jump(100)
        world.edge.registrar.timer_due()
        assert questions(world) - before == 40
        paces = {world.edge.registrar._health._pace_ms(binding) for binding in bindings(world)}
        assert len(paces) > 40, "each has its own"
        assert min(paces) >= 22_500
        assert max(paces) <= 30_000

    def bindings(world: World) -> list[Any]:
        return [world.edge.registrar.targets(user)[0][0] for user in USERS]

    play(tmp_path, story)


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_a_phone_is_lost_with_its_connection(tmp_path: Path, transport: str) -> None:
    async def story(world: World) -> None:
        phone = StreamPhone(world, transport)
        world.phones.append(phone)
        await phone.connect()
        await there(world, phone)
        phone.leave()
        assert await gone(world) == "101"
        call, _ = await answered(world, world.phone())
        world.core.send(
            commands.RingPhone(
                edge=EDGE, call=call, agent="ayse", offer=3, user="101", caller="0532", service="Su"
            )
        )
        assert (await world.core.expect(events.PhoneFailed)).status == 480

    play(tmp_path, story, config=config(tmp_path))


def test_a_proxys_connection_that_closes_takes_no_phone_with_it(tmp_path: Path) -> None:
    """It is rung, and asked, by a new connection to where the proxy listens."""

    async def story(world: World) -> None:
        proxy = StreamPhone(world, "TCP")
        world.phones.append(proxy)
        await proxy.connect()
        port = free_port()
        way = f"Path: <sip:127.0.0.1:{port};transport=tcp;lr>"
        await there(world, proxy, headers=(way, "Supported: path"))
        lost = asyncio.Event()
        told = world.edge.point.on_flow_lost
        world.edge.point.on_flow_lost = lambda flow: (told(flow), lost.set())[1]
        proxy.leave()
        async with asyncio.timeout(10):
            await lost.wait()
        assert world.edge.registrar.users == ("101",)
        proxy.port = port
        await proxy.listen()
        wait(world, 31)
        question = await asked(proxy)
        assert question.get("Route") == f"<sip:127.0.0.1:{port};transport=tcp;lr>"

    play(tmp_path, story, config=config(tmp_path))


def test_a_path_leads_to_no_other_host(tmp_path: Path) -> None:
    """Whoever has a phone's password writes it, and we would connect to wherever it says."""

    async def story(world: World) -> None:
        proxy = StreamPhone(world, "TCP")
        world.phones.append(proxy)
        await proxy.connect()
        way = "Path: <sip:127.0.0.2:22;transport=tcp;lr>"
        await there(world, proxy, headers=(way, "Supported: path"))
        lost = asyncio.Event()
        world.edge.point.on_flow_lost = lambda flow: lost.set()
        proxy.leave()
        async with asyncio.timeout(10):
            await lost.wait()
        ((binding,),) = world.edge.registrar.targets("101")
        assert world.edge.registrar.way_to(binding) == binding.flow
        wait(world, 60)
        assert await gone(world) == "101"

    play(tmp_path, story, config=config(tmp_path))
