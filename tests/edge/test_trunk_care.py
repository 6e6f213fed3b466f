"""Trunks are looked after: OPTIONS, registrations and what is told when they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from pathlib import Path

import pytest

from acd_core.domain import events
from acd_core.link.signals import LinesGiven, LinesHeld
from acd_core.telephony import Edges, Trunk
from gateways.edge.limits import Timing
from gateways.edge.trunk_secrets import (
    TrunkSecret,
    TrunkSecretError,
    read_trunk_secret,
    write_trunk_secret,
)
from gateways.sip.auth import Challenger, DigestSecret, Granted
from gateways.sip.message import Request
from tests.edge.test_trunks import carriers, dial_out, trunked
from tests.edge.world import Phone, World, config_for, replace, sdp, world_in
from tests.support.ports import free_ports

QUICK = Timing(trunk_options_wait_s=0.25, trunk_options_again_s=0.01, trunk_register_again_s=0.01)


def secret_at(folder: Path, name: str = "t1", password: str = "secret") -> Path:
    path = folder / "data" / "trunks" / name
    write_trunk_secret(path, "santral", "carrier.example", password)
    return path


class Registrar:
    """The carrier's side of a registration."""

    def __init__(self, side: Phone) -> None:
        self.side = side
        numbers = itertools.count()
        self.challenger = Challenger("carrier.example", b"k" * 32, lambda n: f"{next(numbers):0{n}}")
        self.known = DigestSecret.from_password("santral", "carrier.example", "secret")

    async def asked(self) -> Request:
        return await self.side.asked("REGISTER")

    def challenge(self, request: Request) -> None:
        headers = tuple(f"{name}: {value}" for name, value in self.challenger.challenge(1_000))
        self.side.reply(request, 401, headers=headers)

    def is_proven(self, request: Request) -> bool:
        return isinstance(self.challenger.verify(request, lambda user: self.known, 1_001), Granted)

    def grant(self, request: Request, expires_s: int) -> None:
        contact = f"Contact: {request.contacts[0]};expires={expires_s}"
        self.side.reply(request, 200, headers=(contact,))

    async def granted(self, expires_s: int) -> Request:
        """A whole registration."""
        first = await self.asked()
        self.challenge(first)
        proven = await self.asked()
        assert self.is_proven(proven)
        assert (proven.call_id, proven.cseq.number) == (first.call_id, first.cseq.number + 1)
        self.grant(proven, expires_s)
        return proven


async def changed(world: World, up: bool) -> str:
    return (await world.core.expect(events.TrunkChanged, lambda event: event.up is up)).reason


async def came_up(world: World, trunk: str = "t1") -> None:
    """It is; what happened before the core was there stands in the inventory alone."""
    if trunk not in world.core.all(events.EdgeInventory)[0].trunks:
        await changed(world, True)


REGISTERING = {"register": True, "user": "santral"}


def test_a_trunk_registers_with_hashes_and_renews_in_time(tmp_path: Path) -> None:
    secret_at(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, REGISTERING) as (world, [side]):
            carrier = Registrar(side)
            assert world.core.all(events.EdgeInventory)[0].trunks == ()
            assert world.edge.trunks.rows()[0].reason == "not registered yet"
            first = await carrier.granted(expires_s=1)
            assert first.uri == "sip:127.0.0.1"
            assert first.from_.uri.user == "santral"
            assert first.get("Expires") == "600"
            await changed(world, True)
            again = await carrier.granted(expires_s=600)
            assert again.call_id == first.call_id
            assert again.cseq.number > first.cseq.number
            assert world.core.all(events.TrunkChanged)[-1].up
            # A call is challenged too, and the hashes answer.
            world.core.send(dial_out())
            invite = await side.asked("INVITE")
            headers = tuple(
                f"Proxy-Authenticate: {value}" for _, value in carrier.challenger.challenge(1_000)
            )
            side.reply(invite, 407, headers=headers)
            await side.asked("ACK")
            proven = await side.asked("INVITE")
            assert proven.get("Proxy-Authorization")
            assert proven.from_.tag == invite.from_.tag
            side.reply(proven, 200, body=sdp())
            await world.core.expect(events.DialAnswered)
            world.edge.trunk_care.close()
            gone = await carrier.asked()
            assert gone.get("Expires") == "0"

    asyncio.run(story())


def test_a_wrong_password_is_tried_once_and_takes_the_trunk_down(tmp_path: Path) -> None:
    secret_at(tmp_path, password="guess")

    async def story() -> None:
        async with carriers(tmp_path, REGISTERING, timing=QUICK) as (world, [side]):
            carrier = Registrar(side)
            carrier.challenge(await carrier.asked())
            wrong = await carrier.asked()
            assert not carrier.is_proven(wrong)
            carrier.challenge(wrong)
            later = await carrier.asked()
            assert later.get("Authorization") is None, "after a while, from the beginning"
            assert world.edge.trunks.rows()[0].reason == "registration refused with 401"
            # The right one is taken up as soon as it is written.
            secret_at(tmp_path)
            carrier.challenge(later)
            proven = await carrier.asked()
            assert carrier.is_proven(proven)
            carrier.grant(proven, 600)
            await changed(world, True)

    asyncio.run(story())


def test_a_registrar_that_wants_longer_registrations_gets_them(tmp_path: Path) -> None:
    """RFC 3261 10.2.8."""
    secret_at(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, REGISTERING) as (world, [side]):
            carrier = Registrar(side)
            side.reply(await carrier.asked(), 423, headers=("Min-Expires: 1800",))
            longer = await carrier.asked()
            assert longer.get("Expires") == "1800"
            carrier.grant(longer, 1800)
            await changed(world, True)

    asyncio.run(story())


def test_a_registration_that_is_refused_or_runs_out_takes_the_trunk_down(tmp_path: Path) -> None:
    secret_at(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, REGISTERING, timing=QUICK) as (world, [side]):
            carrier = Registrar(side)
            carrier.grant(await carrier.asked(), 1)
            await changed(world, True)
            await carrier.asked()  # the renewal, to which nobody says anything
            assert await changed(world, False) == "registration ran out"
            world.core.send(dial_out())
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.cause) == (503, "no_trunk")
            world.jump(33_000)  # that one is given up
            while (again := await carrier.asked()).cseq.number < 3:
                pass
            carrier.grant(again, 1)
            await changed(world, True)
            side.reply(await carrier.asked(), 403)
            assert await changed(world, False) == "registration refused with 403"

    asyncio.run(story())


def test_a_trunk_that_answers_no_options_is_down_until_it_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"health_s": 1}, {"order": 20}, timing=QUICK) as (world, [side, next_]):
            first = await side.asked("OPTIONS")
            assert first.uri == f"sip:127.0.0.1:{side.port}"
            assert await changed(world, False) == "no answer to OPTIONS"
            world.core.send(dial_out())
            await next_.asked("INVITE")
            later = await side.asked("OPTIONS")
            while later.call_id == first.call_id:
                later = await side.asked("OPTIONS")
            side.reply(later, 404)  # whatever it says, it is there
            await changed(world, True)

    asyncio.run(story())


def test_a_trunk_that_says_503_to_options_is_not_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"health_s": 1}, timing=QUICK) as (world, [side]):
            for _ in range(2):
                side.reply(await side.asked("OPTIONS"), 503)
            assert await changed(world, False) == "no answer to OPTIONS"

    asyncio.run(story())


def test_the_name_of_a_trunk_is_looked_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"host": "localhost"}, {"host": "nowhere.invalid"}) as (
            world,
            [side, _],
        ):
            await came_up(world)
            world.core.send(dial_out())
            invite = await side.asked("INVITE")
            assert invite.uri == f"sip:02121112233@localhost:{side.port};user=phone"
            assert world.edge.trunks.rows()[1].reason == "nowhere.invalid has no address"

    asyncio.run(story())


def test_the_file_of_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = secret_at(tmp_path, password="unusual")
    assert path.stat().st_mode & 0o077 == 0
    assert "unusual" not in path.read_text()
    assert read_trunk_secret(path) == ("santral", "carrier.example")
    trunk = Trunk(host="127.0.0.1", user="santral")
    secret = TrunkSecret("t1", trunk, path)
    first = secret.client()
    assert first is not None
    assert secret.client() is first
    with caplog.at_level(logging.ERROR):
        path.write_text("md5 = 'c0ffee")
        assert secret.client() is first, "what was there stays in force"
        assert len(caplog.records) == 1
        secret.client()
        assert len(caplog.records) == 1, "once for each version"
        assert "c0ffee" not in caplog.text
        other = Trunk(host="127.0.0.1", user="somebody")
        assert TrunkSecret("t1", other, secret_at(tmp_path)).client() is None
        assert TrunkSecret("t1", Trunk(host="127.0.0.1"), tmp_path / "none").client() is None
    for user, realm, password in (("", "r", "p"), ("a:b", "r", "p"), ("a", "", "p"), ("a", "r", "")):
        with pytest.raises(TrunkSecretError):
            write_trunk_secret(path, user, realm, password)


def test_the_first_of_several_edges_registers_alone(tmp_path: Path) -> None:
    """The others call out over the trunk all the same."""
    secret_at(tmp_path)

    async def story() -> None:
        first = free_ports(2)
        with contextlib.closing(Phone(0)) as side:
            trunk = Trunk(host="127.0.0.1", port=side.port, register=True, user="santral", health_s=0)
            config = trunked(config_for(tmp_path), t1=trunk)
            config = replace(config, edges=Edges(count=2, ports=(first, first + 1)))
            async with world_in(tmp_path, config=config, number=2) as world:
                side.edge = ("127.0.0.1", world.edge.point.port)
                assert world.core.all(events.EdgeInventory)[0].trunks == ("t1",)
                world.core.signal(LinesGiven(number=1, lines={"t1": 15}))
                await world.core.expect(LinesHeld, lambda held: held.number == 1)
                world.core.send(dial_out())
                assert (await side.receive()).cseq.method == "INVITE"

    asyncio.run(story())
