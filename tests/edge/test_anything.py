"""Anything at all sent to a whole edge over a socket: it goes on, and keeps nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge.world import Phone, World, config_for, world_in
from tests.sip.fuzz_peer import PASSWORD, USERS, Peer

MESSAGES = 1_500
DATAGRAM_MAX = 65_507
NOWHERE = "phone.invalid"  # names are not looked up, so that nothing leaves this machine


def _core(world: World, rng: random.Random) -> None:
    """A core that decides by chance."""

    def decide(message: Any) -> None:
        if not isinstance(message, events.CallArrived):
            return
        call = message.call
        ring = commands.RingCaller(edge="edge1", call=call)
        answer = commands.AnswerCaller(edge="edge1", call=call)
        heard = commands.ProgressCaller(edge="edge1", call=call, max_ms=30_000)
        refuse = commands.RefuseCall(edge="edge1", call=call, status=404, reason="Nobody")
        end = commands.EndCall(edge="edge1", call=call, cause="over")
        phone = commands.RingPhone(edge="edge1", call=call, agent="ayse", offer=1, user="ayse", caller="1")
        fates = ([ring], [refuse], [answer, phone], [ring, answer], [answer, end], [end])
        early = ([heard], [heard, answer, phone], [ring, heard], [heard, end])
        for command in rng.choice((*fates, *early)):
            world.core.send(command)

    world.core.auto = decide


def test_a_whole_edge_takes_anything(tmp_path: Path) -> None:
    problems: list[dict[str, Any]] = []

    async def story() -> None:
        rng = random.Random(7)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        async with world_in(tmp_path, config=config_for(tmp_path, guard_allow=("127.0.0.0/8",))) as world:
            for user in USERS[:2]:
                set_phone_password(phones_path(world.config.data_path), "santral", user, PASSWORD)
            _core(world, rng)
            phones, asker = [world.phone() for _ in range(3)], world.phone()
            by_port = {phone.port: phone for phone in phones}
            peer = Peer(rng, tuple(("127.0.0.1", port) for port in by_port), NOWHERE)
            for number in range(MESSAGES):
                data, source, _ = peer.next()
                if len(data) <= DATAGRAM_MAX:
                    by_port[source[1]].put(data)
                if number % 20 == 0:
                    await _listen(phones, asker, peer)
                if number % 300 == 299:
                    world.jump(40_000)
            await _listen(phones, asker, peer)
            assert world.core.all(events.CallArrived)
            assert not problems
            for _ in range(40):
                world.jump(40_000)
                await _listen(phones, asker, peer)
            statistics = world.edge.point.statistics()
            assert (statistics.clients_live, statistics.servers_live) == (0, 0)

    asyncio.run(story())
    assert not problems


@pytest.mark.parametrize(
    "header", ['Allow: ",', 'Supported: "', "Reason: ,", "P-Asserted-Identity: <", "Diversion: ,"]
)
def test_what_is_only_told_may_be_nonsense(header: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, headers=(header,))
            world.core.send(commands.AnswerCaller(edge="edge1", call=arrived.call))
            response = await phone.response(200, "INVITE")
            phone.ack(response)
            phone.request("UPDATE", to_tag=response.to.tag or "", headers=(header,))
            await phone.response(200, "UPDATE")

    asyncio.run(story())


async def _listen(phones: list[Phone], asker: Phone, peer: Peer) -> None:
    """Until the edge has done what it was sent (datagrams are read in order), and hear what it said."""
    asker.request("OPTIONS", call=str(next(asker.number)))
    await asker.receive()
    for phone in phones:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = phone.socket.recv(65_536)
                if data[:1].isalpha():
                    peer.heard(data)
