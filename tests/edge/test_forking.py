"""One INVITE of ours that several answer: who is first has the call, everybody else is thanked and hung up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import ringing, with_phone
from tests.edge.world import sdp, world_in


def test_a_device_that_answers_after_the_call_is_over_is_hung_up(tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4: for 64 T1 after the first 2xx, whatever became of the leg."""

    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 200, body=sdp(45_000), tag="first")
            await phone.asked("ACK")
            await world.core.expect(events.PhoneAnswered)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            phone.reply(await phone.asked("BYE"), 200)
            phone.reply(invite, 200, body=sdp(45_002), tag="late")
            assert (await phone.asked("ACK")).to.tag == "late"
            assert (await phone.asked("BYE")).to.tag == "late"
            assert world.core.all(events.PhoneHungUp) == []

    asyncio.run(story())


def test_two_devices_that_answer_across_the_cancel_are_both_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 180)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            await phone.asked("CANCEL")
            for tag in ("one", "two"):
                phone.reply(invite, 200, body=sdp(45_000), tag=tag)
                assert (await phone.asked("ACK")).to.tag == tag
                assert (await phone.asked("BYE")).to.tag == tag
            assert world.core.all(events.PhoneAnswered) == []

    asyncio.run(story())
