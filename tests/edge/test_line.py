"""Requests of ours within a dialog: challenges are met (RFC 3261 22), and whoever asked hears once what came of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateways.edge.chance import token
from gateways.edge.line import Line
from gateways.sip.auth import DigestClient
from gateways.sip.dialog import Dialog
from gateways.sip.events import ClientKey, Flow
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from tests.edge.world import Phone, World, world_in

CHALLENGE = 'WWW-Authenticate: Digest realm="carrier", nonce="n{number}", qop="auth", algorithm=SHA-256{more}'


def line_to(world: World, phone: Phone, password: str = "secret") -> Line:
    invite = parse_message(
        (
            "INVITE sip:185@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n"
            "From: <sip:a@127.0.0.1>;tag=f\r\nTo: <sip:185@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:a@127.0.0.1:{phone.port}>\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(invite, Request)
    credentials = DigestClient("santral", password, token) if password else None
    dialog = Dialog.as_callee(invite, "t")
    dialog.response_sent(invite, Response(200, "OK", [("CSeq", "1 INVITE")], b""))
    dialog.ack_missing()
    return Line(world.edge.point, dialog, Flow("UDP", "127.0.0.1", phone.port), credentials)


def challenge(phone: Phone, request: Request, number: int, more: str = "") -> None:
    phone.reply(request, 401, headers=(CHALLENGE.format(number=number, more=more),))


def test_a_challenge_is_answered_with_a_number_that_nobody_has_used(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, answers = world.phone(), list[int]()
            line = line_to(world, phone)

            def done(key: ClientKey, status: int, response: Response | None) -> None:
                answers.append(status)

            assert line.request("INFO", done)
            first = await phone.asked("INFO")
            assert line.request("OPTIONS", done)
            between = await phone.asked("OPTIONS")
            challenge(phone, first, 1)
            again = await phone.asked("INFO")
            assert 'nonce="n1"' in (again.get("Authorization") or "")
            assert (first.cseq.number, between.cseq.number, again.cseq.number) == (1, 2, 3)
            challenge(phone, again, 2, ", stale=true")
            last = await phone.asked("INFO")
            assert 'nonce="n2"' in (last.get("Authorization") or "")
            phone.reply(last, 200)
            phone.reply(between, 200)
            await world.heard_all()
            assert sorted(answers) == [200, 200]

    asyncio.run(story())


def test_without_credentials_and_with_wrong_ones_it_stays_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            for password in ("", "wrong"):
                phone = world.phone()
                answered = asyncio.get_running_loop().create_future()
                line = line_to(world, phone, password)
                line.request(
                    "BYE", lambda key, status, response, answered=answered: answered.set_result(status)
                )
                challenge(phone, await phone.asked("BYE"), 1)
                if password:
                    challenge(phone, await phone.asked("BYE"), 2)
                async with asyncio.timeout(5):
                    assert await answered == 401

    asyncio.run(story())


def test_an_invite_that_nobody_answers_does_not_block_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, answers = world.phone(), list[int]()
            line = line_to(world, phone)
            line.request("INVITE", lambda key, status, response: answers.append(status))
            await phone.asked("INVITE")
            assert line.dialog.invite_pending
            world.jump(33_000)
            assert answers == [408]
            assert not line.dialog.invite_pending

    asyncio.run(story())
