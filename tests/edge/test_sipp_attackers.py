"""SIPp and sipsak mean no good: each is refused, counted, and not heard any more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.link.signals import EdgePicture, PictureWanted, SourceRow
from acd_core.telephony import Trunk
from gateways.edge.admission import CALM_MS
from gateways.edge.limits import EdgeLimits
from gateways.edge.sources import RateLimiter
from tests.edge.foreign import answering, know, run_sipp, until
from tests.edge.test_calls import answered
from tests.edge.test_trunks import trunked
from tests.edge.world import EDGE, World, config_for, world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


async def test_a_stranger_reaches_nobody_through_us(tmp_path: Path) -> None:
    port = free_ports(2)
    trunk = Trunk(host="127.0.0.1", port=port, hosts=("192.0.2.9",), health_s=0)
    async with world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world:

        def refuse(message: object) -> None:
            if isinstance(message, events.CallArrived):
                world.core.send(
                    commands.RefuseCall(edge=EDGE, call=message.call, status=404, reason="Not Found")
                )

        world.core.auto = refuse
        await run_sipp(world, "stranger_dials", tmp_path, "-key", "carrier", f"127.0.0.1:{port}")
        assert world.core.all(events.PhoneDialled) == []
        assert world.edge.point.statistics().requests_sent == 0


async def test_who_guesses_passwords_is_asked_for_none_any_more(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register_wrong", tmp_path, "-r", "100", calls=7)
        await run_sipp(world, "register_silent", tmp_path, "-s", "101")
        assert world.edge.statistics().registrar.failed == 8
        assert world.core.all(events.PhoneRegistered) == []


async def test_headers_longer_than_anybody_needs_are_refused_and_counted(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await run_sipp(world, "huge", tmp_path, "-key", "long", "x" * 9_000)
        assert world.edge.guard.counters(0)["huge"] == 1


async def test_a_scanner_hears_nothing_any_more(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await run_sipp(world, "scanner", tmp_path)
        counters = world.edge.guard.counters(world.edge.clock.monotonic_ms())
        assert (counters["scanner"], counters["bans"], counters["unheard"]) == (1, 1, 1)


async def test_a_forger_who_knows_all_of_a_call_ends_it_neither_by_bye_nor_by_cancel(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        phone = world.phone()
        call, tag = await answered(world, phone)
        keys = {
            "from": f"<sip:05321112233@127.0.0.1>;tag=f{phone.name}",
            "to": f"<sip:185@127.0.0.1>;tag={tag}",
            "via": f"SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bK{phone.name}x1INVITE;rport",
        }
        options = [part for name, value in keys.items() for part in ("-key", name, value)]
        await run_sipp(world, "forger", tmp_path, "-i", "127.0.0.2", "-cid_str", f"{phone.name}-1", *options)
        assert world.edge.guard.counters(0)["spoofed"] == 2
        phone.request("BYE", to_tag=tag)
        await phone.response(200, "BYE")
        assert (await world.core.expect(events.CallerHungUp)).call == call


async def test_a_host_that_calls_too_often_waits_and_another_does_not(tmp_path: Path) -> None:
    limits = EdgeLimits(invites_per_second=0.001, invites_burst=2)
    async with world_in(tmp_path, limits=limits) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await run_sipp(world, "plain", tmp_path, "-s", "185", calls=2)
        await run_sipp(world, "too_often", tmp_path)
        await run_sipp(world, "plain", tmp_path, "-s", "185", "-i", "127.0.0.2")
        assert len(world.core.all(events.CallArrived)) == 3


async def sipsak(world: World, *options: str) -> None:
    """One run of its; how it ends depends on what we still answer, so nobody asks."""
    uri = f"sip:185@127.0.0.1:{world.edge.point.port}"
    process = await asyncio.create_subprocess_exec(
        "sipsak",
        *("-i", *options, "-s", uri),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_banned(world: World, runs: int, *options: str) -> None:
    """So many of its runs at a time, as often as it takes: how much of what it sends is ever read is the machine's."""
    for _ in range(30):
        await asyncio.gather(*(sipsak(world, *options) for _ in range(runs)))
        if world.edge.guard.counters(0)["bans"]:
            return
    raise AssertionError(world.edge.guard.counters(0))


async def calm(world: World) -> None:
    """What filled the receive buffer is over: a step of admission is given back every two seconds, here at once."""
    admission = world.edge.admission
    while step := admission.step:
        world.jump(CALM_MS)
        await until(lambda before=step: admission.step < before)


async def the_picture_of_a_ban(world: World, kind: str) -> SourceRow:
    """What the page shows of it. A caller from elsewhere has noticed nothing."""
    await run_sipp(world, "plain", world.config.data_path, "-s", "185", "-i", "127.0.0.2")
    world.core.signal(PictureWanted(web="web1", on=True))
    seen = await world.core.expect(EdgePicture, lambda one: one.counters["banned_now"] == 1)
    (row,) = (row for row in seen.sources if row.source == "127.0.0.1")
    assert row.banned_until_ms > seen.at_ms
    assert row.kinds[kind] == seen.counters[kind]
    return row


async def test_requests_with_letters_crossed_out_at_random_are_heard_for_a_while_only(tmp_path: Path) -> None:
    """sipsak's torture of parsers: each of its runs stops when three of its messages were not answered."""
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await until_banned(world, 8, "-R", "--timer-t1=5")
        assert (await the_picture_of_a_ban(world, "malformed")).kinds["malformed"] >= 45


async def test_a_flood_is_not_read(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        # A slow machine reads no thousand messages a second, which are what a stranger may send.
        world.edge.guard._strangers = RateLimiter(20.0, 50.0, 10)
        await until_banned(world, 1, "-F", "-e", "5000")
        await calm(world)
        await the_picture_of_a_ban(world, "flood")
