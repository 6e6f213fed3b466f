"""A flood of what anybody may ask takes nothing from the calls: no memory, no room, no tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.limits import EdgeLimits
from tests.edge.test_calls import EDGE
from tests.edge.world import config_for, world_in

FLOOD = 300
HEARD = ("127.0.0.0/8",)  # so that it is not the guard who helps


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", (), 200),
        ("REGISTER", ("Expires: 60",), 401),
        ("BYE", (), 481),
        ("INFO", (), 481),
        ("NOTIFY", (), 405),
    ],
)
def test_what_is_answered_to_anybody_leaves_nothing_behind(
    tmp_path: Path, method: str, headers: tuple[str, ...], status: int
) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=config_for(tmp_path, guard_allow=HEARD)) as world:
            phone = world.phone()
            for number in range(FLOOD):
                phone.request(method, call=f"flood{number}", headers=headers)
                answer = await phone.response(status)
                assert answer.to.tag
            statistics = world.edge.point.statistics()
            assert (statistics.servers_live, statistics.timers) == (0, 0)
            await world.arrive(phone)

    asyncio.run(story())


def test_a_copy_of_what_was_answered_is_answered_again_with_the_same_tag(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            tags = set()
            for _ in range(2):
                phone.request("OPTIONS", branch="z9hG4bKsame", cseq=7)
                tags.add((await phone.response(200)).to.tag)
            assert len(tags) == 1

    asyncio.run(story())


def test_callers_refused_because_all_lines_are_taken_use_up_no_rate(tmp_path: Path) -> None:
    """Else the first free line would be kept from those who were refused a moment ago."""

    async def story() -> None:
        limits = EdgeLimits(invites_per_second=0.001, invites_burst=2)
        config = config_for(tmp_path, calls_max=1, guard_allow=HEARD)
        async with world_in(tmp_path, config=config, limits=limits) as world:
            first = world.phone()
            arrived = await world.arrive(first)
            for _ in range(5):
                await world.phone().call()
            for phone in world.phones[1:]:
                await phone.response(503)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            await first.response(480)
            last = world.phone()
            await last.call()
            assert (await world.core.expect(events.CallArrived)).call != arrived.call
            third = world.phone()
            await third.call()
            await third.response(503)

    asyncio.run(story())


def test_a_network_that_one_customer_has_is_one_caller(tmp_path: Path) -> None:
    """A /64 has more addresses than any table."""

    async def story() -> None:
        limits = EdgeLimits(invites_per_second=0.001, invites_burst=2)
        config = config_for(tmp_path, listen_host6="::1")
        async with world_in(tmp_path, config=config, limits=limits) as world:
            point = world.edge.point
            for number in range(2, 6):
                lines = (
                    "INVITE sip:185@[::1] SIP/2.0",
                    f"Via: SIP/2.0/UDP [::{number}];branch=z9hG4bK{number}",
                    "From: <sip:1@[::1]>;tag=1",
                    "To: <sip:185@[::1]>",
                    f"Contact: <sip:1@[::{number}]>",
                    f"Call-ID: {number}",
                    "CSeq: 1 INVITE",
                )
                data = "".join(f"{line}\r\n" for line in (*lines, "")).encode()
                point.message(point._doors["udp6"], data, (f"::{number}", 5060))
            assert world.edge.calls.statistics().refused_at_door == 2

    asyncio.run(story())
