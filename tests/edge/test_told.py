"""What trunks and exchanges tell of a call: who calls, through whom, and why it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import config_for, replace, world_in

ASSERTED = ("P-Asserted-Identity: <tel:+905329998877>",)


def trunked(folder: Path, **trunk: object) -> Config:
    carrier = Trunk(host="127.0.0.1", health_s=0, **trunk)  # type: ignore[arg-type]
    return replace(config_for(folder), trunks={"carrier": carrier})


@pytest.mark.parametrize("trusted", [True, False])
def test_the_word_of_a_trusted_trunk_counts(tmp_path: Path, trusted: bool) -> None:
    """RFC 3325 9.1: and of nobody else"""

    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path, trusted=trusted)) as world:
            arrived = await world.arrive(world.phone(), headers=ASSERTED)
            assert (arrived.trunk, arrived.asserted) == ("carrier", trusted)
            assert arrived.number == ("+905329998877" if trusted else "+905321112233")
            hidden = await world.arrive(world.phone(), headers=(*ASSERTED, "Privacy: id"))
            assert (hidden.caller, hidden.caller_name, hidden.number) == ("anonymous", "", "")

    asyncio.run(story())


def test_the_word_of_one_who_is_no_trunk_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            arrived = await world.arrive(world.phone(), headers=ASSERTED)
            assert (arrived.trunk, arrived.asserted, arrived.number) == ("", False, "+905321112233")
            assert arrived.diverted == ()

    asyncio.run(story())


@pytest.mark.parametrize(
    "headers",
    [
        (
            "Diversion: <sip:02121230000@pbx.example>;reason=no-answer;counter=1",
            "Diversion: <sip:02121239999@pbx.example>;reason=unconditional;privacy=full",
            "Diversion: <sip:02121231111@pbx.example>;reason=user-busy",
        ),
        (
            "History-Info: <sip:02121231111@pbx.example?Reason=SIP%3Bcause%3D486>;index=1",
            "History-Info: <sip:02121230000@pbx.example?Reason=SIP%3Bcause%3D408>;index=1.1",
            "History-Info: <sip:185@here.example>;index=1.1.1",
        ),
    ],
)
def test_who_passed_the_call_on_is_told_the_last_one_first(tmp_path: Path, headers: tuple[str, ...]) -> None:
    """RFC 5806, RFC 7044; numbers that would not be known are left out"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            arrived = await world.arrive(world.phone(), headers=headers)
            assert arrived.diverted == ("02121230000", "02121231111")

    asyncio.run(story())


def test_why_the_caller_hung_up_is_told(tmp_path: Path) -> None:
    """RFC 3326: the telephone network's word before SIP's"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            reasons = ("Reason: SIP;cause=200", 'Reason: Q.850;cause=31;text="Normal, unspecified"')
            phone.request("BYE", to_tag=tag, headers=reasons)
            await phone.response(200, "BYE")
            gone = await world.core.expect(events.CallerHungUp)
            assert gone.reason == 'Q.850;cause=31;text="Normal, unspecified"'

            other = world.phone()
            number = await other.call()
            await world.core.expect(events.CallArrived)
            branch = f"z9hG4bK{other.name}x{number}INVITE"
            other.request("CANCEL", cseq=number, branch=branch, headers=("Reason: Q.850;cause=102",))
            await other.response(487, "INVITE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.cause, gone.reason) == ("caller_cancelled", "Q.850;cause=102")

    asyncio.run(story())


def test_why_we_hang_up_is_said(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            for cause, reason in (("flow_ended", "Q.850;cause=16"), ("audio_lost", "Q.850;cause=41")):
                phone = world.phone()
                call, _ = await answered(world, phone)
                world.core.send(commands.EndCall(edge=EDGE, call=call, cause=cause))
                assert (await phone.asked("BYE")).get("Reason") == reason

    asyncio.run(story())
