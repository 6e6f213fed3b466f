"""How phones prove who they are: by which algorithm, with nonces that grow old, and one host for a whole office."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest

from gateways.edge.limits import EdgeLimits
from gateways.edge.phones import Phones, set_phone_password
from gateways.sip.auth import Algorithm, DigestClient, parse_auth
from gateways.sip.message import Request
from tests.edge.test_phones import nothing_came, phone_file, prove, register
from tests.edge.world import World, config_for, world_in

MD5_AND_SHA = ["MD5", "SHA-256"]


async def asked_for(world: World, user: str, *headers: str) -> list[str]:
    """The algorithms of the challenges to a REGISTER of this user, in order."""
    phone = world.phone()
    phone.request("REGISTER", "sip:santral", to=f"sip:{user}@santral", call="q", headers=headers)
    challenge = await phone.response(401)
    return [parse_auth(value, "")[1]["algorithm"] for value in challenge.get_all("WWW-Authenticate")]


@pytest.mark.parametrize("digest", [("MD5", "SHA-256"), ("SHA-256", "MD5"), ("SHA-256",)])
def test_a_phone_is_asked_for_the_configured_algorithms_in_this_order(
    tmp_path: Path, digest: tuple[Algorithm, ...]
) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path, config=config_for(tmp_path, digest=digest)) as world:
            assert await asked_for(world, "101") == list(digest)
            assert await asked_for(world, "nobody") == list(digest)
            assert (await register(world, world.phone())).status == 200

    asyncio.run(story())


def test_a_phone_may_have_an_algorithm_of_its_own_and_no_hash_for_another(tmp_path: Path) -> None:
    path = phone_file(tmp_path)
    set_phone_password(path, "santral", "101", "secret", ["SHA-256"])
    set_phone_password(path, "santral", "102", "secret", ["MD5"])
    written = tomllib.loads(path.read_text())["phones"]
    assert set(written["101"]) == {"realm", "sha256", "algorithms"}
    assert set(written["102"]) == {"realm", "md5", "algorithms"}

    async def story() -> None:
        async with world_in(tmp_path) as world:
            assert await asked_for(world, "101") == ["SHA-256"]
            assert await asked_for(world, "102") == ["MD5"]
            for user in ("101", "102"):
                assert (await register(world, world.phone(), user=user)).status == 200
            # Who answers by an algorithm that the phone must not use proves nothing, with the right password neither.
            phone = world.phone()
            phone.request("REGISTER", "sip:santral", to="sip:102@santral", call="down")
            challenge = await phone.response(401)
            challenge.set("WWW-Authenticate", challenge.get_all("WWW-Authenticate")[0])
            asked = Request("REGISTER", "sip:santral", [("CSeq", "7 REGISTER")])
            proof = DigestClient("101", "secret", lambda n: "x" * n).answer(asked, challenge)
            assert proof is not None
            assert "algorithm=MD5" in (proof.get("Authorization") or "")
            headers = (f"Authorization: {proof.get('Authorization')}",)
            phone.request("REGISTER", "sip:santral", to="sip:101@santral", call="down", headers=headers)
            await phone.response(401)

    asyncio.run(story())


def test_a_user_agent_that_gives_up_at_sha_256_is_asked_for_md5_if_its_phone_may(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")
    set_phone_password(phone_file(tmp_path), "santral", "102", "secret", ["SHA-256"])

    async def story() -> None:
        async with world_in(tmp_path) as world:
            old = "User-Agent: baresip v1.0.0 (x86_64/linux)"
            assert await asked_for(world, "101", old) == ["MD5"]
            assert await asked_for(world, "101", "User-Agent: baresip v3.1.0") == MD5_AND_SHA
            assert await asked_for(world, "102", old) == ["SHA-256"]

    asyncio.run(story())


def test_a_nonce_that_grew_old_is_said_to_be_stale_and_is_no_failure(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            phone.request("REGISTER", "sip:santral", to="sip:101@santral", call="old")
            challenge = await phone.response(401)
            asked = Request("REGISTER", "sip:santral", [("CSeq", "7 REGISTER")])
            proof = DigestClient("101", "secret", lambda n: "x" * n).answer(asked, challenge)
            assert proof is not None
            world.jump(301_000)
            headers = (f"Authorization: {proof.get('Authorization')}",)
            phone.request("REGISTER", "sip:santral", to="sip:101@santral", call="old", headers=headers)
            again = await phone.response(401)
            assert all("stale=true" in value for value in again.get_all("WWW-Authenticate"))
            assert world.edge.statistics().registrar.failed == 0
            assert (await register(world, phone)).status == 200

    asyncio.run(story())


def test_one_phone_with_a_wrong_password_does_not_silence_its_office(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All phones behind a router have one address. (All here are on 127.0.0.1.)"""
    path = phone_file(tmp_path)
    for user in ("101", "102", "103", "104"):
        set_phone_password(path, "santral", user, "secret")

    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(register_failures_max=3)) as world:
            office = {user: world.phone() for user in ("101", "102")}
            for user, phone in office.items():
                assert (await register(world, phone, user=user)).status == 200
            wrong = world.phone()
            for _ in range(2):
                assert (await register(world, wrong, user="103", password="old")).status == 401
            await prove(wrong, user="103", password="old")
            await nothing_came(wrong)
            for user, phone in office.items():
                assert (await register(world, phone, user=user)).status == 200, "they are known here"
            # Somebody at the next desk guesses the password of 101 from now on: 102 does not suffer.
            for _ in range(2):
                assert (await register(world, wrong, user="101", password="guess")).status == 401
            await prove(wrong, user="101", password="guess")
            await nothing_came(wrong)
            assert (await register(world, office["102"], user="102")).status == 200
            # Nor does naming 102 let them guess anybody else's for longer.
            await prove(wrong, user="103", password="guess", to="sip:102@santral")
            await nothing_came(wrong)
            # A colleague who is not registered yet comes in all the same.
            assert (await register(world, world.phone(), user="104")).status == 200
            world.jump(61_000)
            assert (await register(world, wrong, user="103")).status == 200

    asyncio.run(story())
    lines = [record.getMessage() for record in caplog.records if "too many" in record.getMessage()]
    assert lines[0] == "SIP: too many wrong passwords from 127.0.0.1 103: not heard for a while"
    assert len(lines) == 1, "one a minute, whoever else it is"


def test_one_password_tried_with_many_names_silences_the_host_but_not_who_is_registered_there(
    tmp_path: Path,
) -> None:
    path = phone_file(tmp_path)
    for user in ("101", "102"):
        set_phone_password(path, "santral", user, "secret")

    async def story() -> None:
        limits = EdgeLimits(register_failures_max=3, register_host_failures_max=5)
        async with world_in(tmp_path, limits=limits) as world:
            phone, guesser = world.phone(), world.phone()
            assert (await register(world, phone)).status == 200
            for user in range(900, 904):
                assert (await register(world, guesser, user=str(user), password="1234")).status == 401
            await prove(guesser, user="904", password="1234")
            await nothing_came(guesser)
            guesser.request("REGISTER", "sip:santral", to="sip:102@santral", call="late")
            await nothing_came(guesser)
            assert (await register(world, phone)).status == 200

    asyncio.run(story())


def test_names_that_are_not_there_are_asked_like_phones_that_are(tmp_path: Path) -> None:
    """Also when some phones may use one algorithm alone: for each choice as many as there are such phones, for ever the same."""
    path = phone_file(tmp_path)
    for number in range(10):
        set_phone_password(path, "santral", f"p{number}", "secret", ("SHA-256",) if number < 3 else ())
    phones, other_edge = Phones(path, "santral"), Phones(path, "santral")
    names = [f"nobody{number}" for number in range(1_000)]
    asked = [phones.algorithms(name) for name in names]
    assert 250 < asked.count(("SHA-256",)) < 350
    assert asked.count(("MD5", "SHA-256")) == 1_000 - asked.count(("SHA-256",))
    assert [other_edge.algorithms(name) for name in names] == asked
    assert path.with_suffix(".key").stat().st_mode & 0o077 == 0
    set_phone_password(path, "santral", "p0", "secret")
    assert sum(phones.algorithms(name) != before for name, before in zip(names, asked, strict=True)) < 150


def test_where_no_key_can_be_kept_names_are_asked_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = phone_file(tmp_path)
    for number in range(10):
        set_phone_password(path, "santral", f"p{number}", "secret", ("SHA-256",) if number < 3 else ())
    path.with_suffix(".key").mkdir()
    phones = Phones(path, "santral")
    names = [f"nobody{number}" for number in range(100)]
    asked = [phones.algorithms(name) for name in names]
    assert [phones.algorithms(name) for name in names] == asked
    assert len(set(asked)) == 2
    assert [record.getMessage() for record in caplog.records if "key" in record.getMessage()] == [
        f"phones: {path.with_suffix('.key')}: no key can be kept: Is a directory; it is another after each start"
    ]


def test_a_name_that_no_phone_has_is_remembered_no_longer_than_it_takes(tmp_path: Path) -> None:
    phone_file(tmp_path)

    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(register_failures_max=3)) as world:
            guesser = world.phone()
            for end in "ab":
                assert (await register(world, guesser, user="9" * 65 + end)).status == 401
            await prove(guesser, user="9" * 65 + "c")
            await nothing_came(guesser)

    asyncio.run(story())
