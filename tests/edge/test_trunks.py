"""Calls of ours over trunks: which trunk takes them, what is sent there, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import DialRule, Trunk
from gateways.edge.limits import Timing
from gateways.edge.phones import phones_path, set_phone_password
from gateways.sip.message import Request
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register
from tests.edge.test_real_engine import OPERATOR_HZ, EngineProcess, Speaker, engine
from tests.edge.test_sipp import SCENARIOS
from tests.edge.world import Phone, World, config_for, replace, sdp, world_in
from tests.support.ports import free_ports

__all__ = ["engine"]

NUMBER = "+902121112233"
CALL = "c-1-d7"


def dial_out(number: str = NUMBER, *, call: str = CALL, leg: str = "b1", **more: Any) -> commands.DialOut:
    settings: dict[str, Any] = {"agent": "ayse", "offer": 7, "leg": leg, "caller": "+902125550000", **more}
    return commands.DialOut(edge=EDGE, call=call, number=number, **settings)


def trunked(config: Config, *rules: DialRule, **trunks: Trunk) -> Config:
    rule = DialRule(trunks=tuple(trunks), prefix="90", strip=2, add="0", allow=("national",))
    return replace(config, trunks=trunks, dial=rules or (rule,))


@contextlib.asynccontextmanager
async def carriers(
    folder: Path, *settings: dict[str, Any], timing: Timing | None = None, rules: tuple[DialRule, ...] = ()
) -> AsyncIterator[tuple[World, list[Phone]]]:
    """An edge with trunks t1, t2 …, each to a text phone that plays the carrier."""
    sides = []
    with contextlib.ExitStack() as stack:
        trunks: dict[str, Trunk] = {}
        for number, more in enumerate(settings, 1):
            side = Phone(0)
            stack.callback(side.close)
            sides.append(side)
            trunks[f"t{number}"] = Trunk(**{"host": "127.0.0.1", "port": side.port, "health_s": 0, **more})
        config = trunked(config_for(folder), *rules, **trunks)
        async with world_in(folder, config=config, timing=timing) as world:
            for side in sides:
                side.edge = ("127.0.0.1", world.edge.point.port)
            yield world, sides


@pytest.mark.skipif(
    shutil.which("sipp") is None and "CI" not in os.environ, reason="SIPp (sip-tester) is not installed"
)
def test_a_call_over_a_static_trunk_is_heard_both_ways(tmp_path: Path, engine: EngineProcess) -> None:
    """SIPp is the carrier and sends back what it hears: the operator hears themselves over both ways at once."""
    port, media_port = free_ports(2), free_ports(4)
    config = trunked(engine.config, carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
    set_phone_password(phones_path(config.data_path), "santral", "101", "secret")

    async def story() -> None:
        carrier = await asyncio.create_subprocess_exec(
            *("sipp", "-sf", str(SCENARIOS / "trunk_answers.xml"), "-i", "127.0.0.1", "-p", str(port)),
            *("-mi", "127.0.0.1", "-mp", str(media_port), "-rtp_echo", "-m", "1", "-nostdin"),
            *("-timeout", "60s", "-timeout_error"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        operator = Speaker(OPERATOR_HZ, 2)
        try:
            async with world_in(tmp_path, config=config, real_engine=True) as world:
                phone = world.phone()
                assert (await register(world, phone)).status == 200
                world.core.send(dial_out(leg="", user="101"))
                invite = await phone.asked("INVITE")
                assert invite.from_.uri.user == NUMBER
                phone.reply(invite, 200, body=sdp(operator.rtp.port))
                await phone.asked("ACK")
                operator.talk_to(invite.body)
                assert (await world.core.expect(events.DialProgress)).status == 180
                answered = await world.core.expect(events.DialAnswered)
                assert (answered.call, answered.trunk) == (CALL, "carrier")
                world.core.send(commands.Join(edge=EDGE, call=CALL, agent="ayse", offer=7, part=1))
                await operator.hears(OPERATOR_HZ)
                world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
                await phone.asked("BYE")
                assert await carrier.wait() == 0
                finished = await world.core.expect(events.RecordingFinished)
                assert (finished.call, finished.agent) == (CALL, "ayse")
                assert world.core.all(events.PhoneAnswered) == []
        finally:
            await operator.stop()
            if carrier.returncode is None:
                carrier.kill()
                await carrier.wait()

    asyncio.run(story())


def test_what_goes_out_is_the_number_by_the_rules_and_the_caller_as_the_trunk_wants_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"trusted": True}) as (world, [carrier]):
            assert world.core.all(events.EdgeInventory)[0].trunks == ("t1",)
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            assert invite.uri == f"sip:02121112233@127.0.0.1:{carrier.port};user=phone"
            assert invite.from_.uri.user == "+902125550000"
            assert (invite.get("P-Asserted-Identity") or "").startswith("<sip:+902125550000@")
            carrier.reply(invite, 200, body=sdp())
            await carrier.asked("ACK")
            assert (await world.core.expect(events.DialAnswered)).trunk == "t1"
            [row] = world.edge.trunks.rows()
            assert (row.trunk, row.up, row.live, row.capacity) == ("t1", True, 1, 30)
            bye(carrier, invite)
            await carrier.response(200, "BYE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (CALL, "caller_hung_up")
            assert world.edge.trunks.rows()[0].live == 0

    asyncio.run(story())


def bye(callee: Phone, invite: Request) -> None:
    """The called party, who answered with the tag `phone`, hangs up."""
    callee.put(
        f"BYE sip:santral@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{callee.port};branch=z9hG4bKbye;rport\r\n"
        f"From: {invite.get('To')};tag=phone\r\nTo: {invite.get('From')}\r\nCall-ID: {invite.call_id}\r\n"
        "CSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
