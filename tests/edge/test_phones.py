"""Operators' SIP phones: registration with digest, and the leg that rings one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from gateways.edge.limits import EdgeLimits, Timing
from gateways.edge.phones import Phones, PhonesError, phones_path, remove_phone, set_phone_password
from gateways.media import messages as engine
from gateways.sip.auth import DigestClient
from gateways.sip.message import Request, Response
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Phone, World, sdp, world_in


async def prove(
    phone: Phone,
    *,
    user: str = "101",
    password: str = "secret",
    expires_s: int = 300,
    to: str = "",
    headers: tuple[str, ...] = (),
    contact: str = "",
) -> int:
    """Send a REGISTER, and again with credentials; the number of the second."""
    aor = f"sip:{user}@santral"
    headers = (f"Expires: {expires_s}", *headers)

    def send(*more: str) -> None:
        phone.request(
            "REGISTER",
            "sip:santral",
            to=to or aor,
            caller=user,
            call="reg",
            headers=(*headers, *more),
            contact=contact,
        )

    send()
    challenge = await phone.response(401)
    number = challenge.cseq.number
    asked = Request("REGISTER", "sip:santral", [("CSeq", f"{number} REGISTER")])
    proof = DigestClient(user, password, lambda n: "x" * n).answer(asked, challenge)
    assert proof is not None
    send(f"Authorization: {proof.get('Authorization')}")
    return number + 1


async def register(world: World, phone: Phone, **more: Any) -> Response:
    """The final answer to a REGISTER with credentials."""
    number = await prove(phone, **more)
    while True:
        message = await phone.receive()
        if isinstance(message, Response) and message.cseq.number >= number:
            return message


async def nothing_came(phone: Phone) -> None:
    """What was sent last got no answer: the answer to a question asked after it comes first."""
    phone.request("OPTIONS", call="after")
    message = await phone.receive()
    assert isinstance(message, Response)
    assert message.cseq.method == "OPTIONS"


def phone_file(folder: Path) -> Path:
    return phones_path(folder / "data")


def test_a_phone_registers_and_goes(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            ok = await register(world, phone)
            assert ok.status == 200
            assert ok.contacts[0].params["expires"] == "120", "short, so that a new edge learns of it soon"
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            assert (await register(world, phone, expires_s=0)).status == 200
            assert (await world.core.expect(events.PhoneUnregistered)).user == "101"

    asyncio.run(story())


def test_a_wrong_password_a_stranger_and_somebody_elses_address_are_refused(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        limits = EdgeLimits(register_failures_max=3)
        async with world_in(tmp_path, limits=limits) as world:
            phone = world.phone()
            assert (await register(world, phone, to="sip:102@santral")).status == 403
            assert (await register(world, phone, password="guess")).status == 401
            assert (await register(world, phone, password="other")).status == 401
            await prove(phone, password="again")
            await nothing_came(phone)
            # 101 is not heard from there from now on, with the right password neither.
            phone.request("REGISTER", "sip:santral", to="sip:101@santral", call="late")
            await nothing_came(phone)
            assert world.core.all(events.PhoneRegistered) == []
            statistics = world.edge.statistics().registrar
            assert (statistics.failed, statistics.refused_unread, statistics.bindings) == (3, 1, 0)

    asyncio.run(story())


def test_whoever_knows_one_password_guesses_no_more_often(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")
    set_phone_password(phone_file(tmp_path), "santral", "102", "other")

    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(register_failures_max=3)) as world:
            phone = world.phone()
            for _ in range(2):
                assert (await register(world, phone)).status == 200
                assert (await register(world, phone, user="102", password="guess")).status == 401
            await prove(phone, user="102", password="guess")
            await nothing_came(phone)
            world.jump(61_000)
            assert (await register(world, phone, user="102", password="other")).status == 200

    asyncio.run(story())


def test_names_that_are_not_there_are_refused_as_if_they_were(tmp_path: Path) -> None:
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(register_failures_max=2)) as world:
            answers = []
            for user in ("101", "999"):
                phone = world.phone()
                answers.append(await register(world, phone, user=user, password="guess"))
                await prove(phone, user=user, password="guess")
                await nothing_came(phone)
            known, unknown = (
                [field.split("nonce")[0] for field in each.get_all("WWW-Authenticate")] for each in answers
            )
            assert known == unknown

    asyncio.run(story())


def test_forged_failures_do_not_shut_out_the_phone(tmp_path: Path) -> None:
    """Whoever forges a phone's address never sees a nonce that went there, so what they send is no guess."""
    set_phone_password(phone_file(tmp_path), "santral", "101", "secret")

    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(register_failures_max=2)) as world:
            phone = world.phone()
            forged = (
                'Authorization: Digest username="101", realm="santral", nonce="made up", uri="sip:santral", '
            )
            forged += 'response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="x"'
            for _ in range(6):
                phone.request(
                    "REGISTER",
                    "sip:santral",
                    to="sip:101@santral",
                    caller="101",
                    call="forged",
                    headers=(forged,),
                )
                await phone.response(401)
            assert (await register(world, phone)).status == 200

    asyncio.run(story())


def test_a_password_set_while_the_edge_runs_counts_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            assert (await register(world, phone)).status == 401
            set_phone_password(phone_file(tmp_path), "santral", "101", "secret")
            assert (await register(world, phone)).status == 200

    asyncio.run(story())


async def ringing(world: World, offer: int = 1) -> tuple[Phone, Phone, str, Request]:
    """A caller who waits, and the operator's phone that rings for them."""
    phone = world.phone()
    assert (await register(world, phone)).status == 200
    caller = world.phone()
    call, _ = await answered(world, caller)
    world.core.send(
        commands.RingPhone(
            edge=EDGE, call=call, agent="ayse", offer=offer, user="101", caller="0532", service="Su arıza"
        )
    )
    return caller, phone, call, await phone.asked("INVITE")


def with_phone(folder: Path) -> Path:
    set_phone_password(phone_file(folder), "santral", "101", "secret")
    return folder


def test_a_phone_rings_answers_talks_and_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            assert invite.from_.uri.user == "0532"
            assert invite.from_.display_name == "Su arıza"
            assert b"RTP/AVP 8 0 101" in invite.body
            phone.reply(invite, 180)
            phone.reply(invite, 200, body=sdp(45_000))
            await phone.asked("ACK")
            assert (await world.core.expect(events.PhoneAnswered)).offer == 1
            join = commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1)
            world.core.send(join)
            gains = await world.engine.expect(engine.SetGains)
            assert {(gain.source, gain.target, gain.gain) for gain in gains.gains} == {
                (call, f"{call}-p1", 1.0),
                (f"{call}-p1", call, 1.0),
            }
            recording = await world.engine.expect(engine.StartRecording)
            assert (recording.left, recording.right) == (call, f"{call}-p1")
            assert recording.path.endswith(f"/{call}-1.wav")
            phone.request("BYE", to_tag=invite.from_.tag or "", call="x")
            # Another Call-ID is another dialog.
            await phone.response(481)
            bye = (
                f"BYE sip:santral@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{phone.port};"
                f"branch=z9hG4bKbye;rport\r\nFrom: <sip:101@santral>;tag=phone\r\n"
                f"To: {invite.get('From')}\r\nCall-ID: {invite.call_id}\r\nCSeq: 1 BYE\r\n\r\n"
            )
            phone.put(bye)
            await phone.response(200, "BYE")
            assert (await world.core.expect(events.PhoneHungUp)).agent == "ayse"
            await world.engine.expect(engine.StopRecording)
            world.engine.send(
                engine.RecordingDone(
                    recording=recording.recording,
                    path=recording.path,
                    started_at_ms=1,
                    duration_ms=2,
                    size_bytes=3,
                    sha256="ab",
                )
            )
            finished = await world.core.expect(events.RecordingFinished)
            assert (finished.part, finished.agent) == (1, "ayse")
            assert Path(recording.path) == world.config.recordings_path / finished.path

    asyncio.run(story())


@pytest.mark.parametrize("status", [486, 603, 480, 302, 401])
def test_a_phone_that_does_not_want_to(tmp_path: Path, status: int) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world, offer=7)
            phone.reply(invite, status)
            await phone.asked("ACK")
            failed = await world.core.expect(events.PhoneFailed)
            assert (failed.call, failed.offer, failed.status) == (call, 7, status)

    asyncio.run(story())


def test_a_phone_that_is_not_registered_is_480(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            world.core.send(
                commands.RingPhone(edge=EDGE, call=call, agent="ayse", offer=1, user="101", caller="1")
            )
            assert (await world.core.expect(events.PhoneFailed)).status == 480
            assert (await world.engine.expect(engine.FreeLeg)).leg == f"{call}-p1"

    asyncio.run(story())


def test_a_phone_that_does_not_answer_at_all_is_408(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            await ringing(world)
            world.jump(33_000)
            assert (await world.core.expect(events.PhoneFailed)).status == 408

    asyncio.run(story())


def test_a_phone_that_rings_too_long_is_given_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path), timing=Timing(ring_max_s=0.05)) as world:
            _, phone, _, invite = await ringing(world)
            phone.reply(invite, 180)
            assert (await world.core.expect(events.PhoneFailed)).status == 408
            await phone.asked("CANCEL")

    asyncio.run(story())


def test_a_second_device_that_answers_too_is_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 200, body=sdp(45_000), tag="first")
            await phone.asked("ACK")
            phone.reply(invite, 200, body=sdp(45_002), tag="second")
            assert (await phone.asked("ACK")).to.tag == "second"
            assert (await phone.asked("BYE")).to.tag == "second"
            await world.core.expect(events.PhoneAnswered)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            assert (await phone.asked("BYE")).to.tag == "first"

    asyncio.run(story())


def test_a_phone_whose_audio_cannot_be_used_is_488(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, _, invite = await ringing(world)
            phone.reply(invite, 200, body="not SDP")
            await phone.asked("ACK")
            await phone.asked("BYE")
            assert (await world.core.expect(events.PhoneFailed)).status == 488

    asyncio.run(story())


def test_a_registration_runs_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            assert (await register(world, world.phone())).status == 200
            await world.core.expect(events.PhoneRegistered)
            world.jump(121_000)
            world.edge.registrar.timer_due()
            assert (await world.core.expect(events.PhoneUnregistered)).user == "101"

    asyncio.run(story())


def test_a_withdrawn_offer_cancels(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 180)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            cancel = await phone.asked("CANCEL")
            phone.reply(cancel, 200)
            phone.reply(invite, 487)
            await phone.asked("ACK")
            assert world.core.all(events.PhoneFailed) == []

    asyncio.run(story())


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 180)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            cancel = await phone.asked("CANCEL")
            phone.reply(invite, 200, body=sdp(45_000))
            phone.reply(cancel, 481)
            await phone.asked("ACK")
            bye = await phone.asked("BYE")
            phone.reply(bye, 200)
            assert world.core.all(events.PhoneAnswered) == []
            assert world.edge.statistics().audio.legs == 1, "the caller's"

    asyncio.run(story())


def test_the_caller_hangs_up_while_the_phone_rings(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            caller, phone, _, invite = await ringing(world)
            phone.reply(invite, 180)
            caller.request("BYE", to_tag=caller.to_tag)
            cancel = await phone.asked("CANCEL")
            phone.reply(cancel, 200)
            phone.reply(invite, 487)
            await world.core.expect(events.CallerHungUp)
            assert world.edge.statistics().calls.live == 0

    asyncio.run(story())


def test_the_file_of_credentials(tmp_path: Path) -> None:
    path = tmp_path / "phones.toml"
    set_phone_password(path, "santral", "101", "unusual")
    set_phone_password(path, "santral", "10 2\"'x", "two")
    set_phone_password(path, "other", "103", "three")
    assert path.stat().st_mode & 0o077 == 0
    assert "unusual" not in path.read_text()
    phones = Phones(path, "santral")
    first = phones.secret("101")
    assert first is not None
    assert phones.secret("10 2\"'x") is not None
    assert phones.secret("103") is None, "of another realm"
    path.write_text("broken = [")
    assert phones.secret("101") == first, "the credentials from before stay in force"
    with pytest.raises(PhonesError):
        set_phone_password(path, "santral", "101", "x")
    path.unlink()
    assert phones.secret("101") is None
    assert remove_phone(path, "101") is False
    for user, password in (("", "x"), ("a:b", "x"), ("a", ""), ("a\n", "x")):
        with pytest.raises(PhonesError):
            set_phone_password(path, "santral", user, password)
