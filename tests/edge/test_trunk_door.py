"""Calls that come from a trunk's address and have to show more: its secret, or a certificate."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.sip.auth import DigestClient
from gateways.sip.message import Request, Response
from tests.edge.foreign import answering, run_sipp
from tests.edge.test_transports import StreamPhone, config
from tests.edge.test_trunk_care import secret_at
from tests.edge.test_trunks import carriers
from tests.edge.world import Phone, World, config_for, replace, sdp, world_in
from tests.support.certificates import Authority

PROVING = {"incoming": "digest", "user": "santral", "capacity": 2}


async def calls(side: Phone, call: str, *headers: str) -> Response:
    """The answer to an INVITE, acknowledged; 100 is none."""
    number = await side.call(call=call, headers=headers)
    while True:
        message = await side.receive()
        if isinstance(message, Response) and message.status > 100 and message.cseq.number == number:
            return message


def proof(challenge: Response, uri: str, user: str = "santral", password: str = "secret") -> str:
    asked = Request("INVITE", uri, [("CSeq", "1 INVITE")])
    again = DigestClient(user, password, lambda n: "x" * n).answer(asked, challenge)
    assert again is not None
    return f"Authorization: {again.get('Authorization')}"


def test_a_trunk_proves_its_secret_call_by_call(tmp_path: Path) -> None:
    secret_at(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, PROVING) as (world, [side]):
            uri = f"sip:185@{side.host}:{side.edge[1]}"
            challenge = await calls(side, "1")
            assert challenge.status == 401
            assert all('realm="carrier.example"' in value for value in challenge.get_all("WWW-Authenticate"))
            for wrong in (
                proof(challenge, uri, password="guess"),
                proof(challenge, uri, user="somebody"),
                'Authorization: Digest username="santral", realm="carrier.example", nonce="made up"',
            ):
                assert (await calls(side, "2", wrong)).status == 401
            assert world.edge.guard.counters(0)["bad_auth"] == 2
            assert world.core.all(events.CallArrived) == []
            right = proof(challenge, uri)
            await side.call(call="3", headers=(right,))
            assert (await world.core.expect(events.CallArrived)).trunk == "t1"
            assert (await calls(side, "4", right)).status == 401, "a proof serves once"
            assert world.edge.trunks.rows()[0].live == 1

    asyncio.run(story())


def test_without_its_secret_nobody_is_believed(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, PROVING) as (world, [side]):
            assert (await calls(side, "1")).status == 403
            assert world.core.all(events.CallArrived) == []

    asyncio.run(story())


@pytest.mark.peers
async def test_sipp_proves_the_secret_of_its_trunk(tmp_path: Path) -> None:
    secret_at(tmp_path)
    trunk = Trunk(host="127.0.0.1", health_s=0, **PROVING)
    async with world_in(tmp_path, config=replace(config_for(tmp_path), trunks={"t1": trunk})) as world:
        answering(world, commands.AnswerCaller)
        uri = f"185@127.0.0.1:{world.edge.point.port}"
        who = ("-au", "santral", "-ap", "secret", "-auth_uri", uri)
        await run_sipp(world, "trunk_proves", tmp_path, *who)
        assert (await world.core.expect(events.CallArrived)).trunk == "t1"


async def by_tls(world: World, authority: Authority) -> StreamPhone:
    """A carrier with a certificate of the authority."""
    files = authority.issue("carrier")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(files.certificate, files.key)
    phone = StreamPhone(world, "TLS")
    world.phones.append(phone)
    phone.takes(*await asyncio.open_connection(*phone.edge, ssl=context))
    return phone


def test_a_trunk_with_a_certificate_calls_by_tls_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "clients")

    async def story() -> None:
        settings = config(tmp_path, tls_client_ca_file=str(authority.certificate))
        files = authority.issue("edge")
        sip = replace(settings.sip, tls_certificate_file=str(files.certificate), tls_key_file=str(files.key))
        trunk = Trunk(host="127.0.0.1", transport="TLS", health_s=0, incoming="tls")
        async with world_in(tmp_path, config=replace(settings, sip=sip, trunks={"t1": trunk})) as world:
            assert (await calls(world.phone(), "forged")).status == 403
            carrier = await by_tls(world, authority)
            await carrier.call(body=sdp())
            assert (await world.core.expect(events.CallArrived)).trunk == "t1"
            assert world.edge.calls.statistics().refused_at_door == 1

    asyncio.run(story())
