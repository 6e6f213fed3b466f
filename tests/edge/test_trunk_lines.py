"""Trunks that several edges share: each keeps to the lines that the core gave it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.config import Edges
from acd_core.domain import commands, events
from acd_core.link.signals import LinesGiven, LinesHeld
from acd_core.telephony import Trunk
from tests.edge.test_trunks import NUMBER, dial_out, trunked
from tests.edge.world import EDGE, Phone, config_for, replace, world_in


def test_an_edge_has_the_lines_that_it_is_given_and_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        carrier = Phone(0)
        trunk = Trunk(host="127.0.0.1", port=carrier.port, health_s=0, capacity=30)
        config = replace(trunked(config_for(tmp_path), t1=trunk), edges=Edges(count=2))
        async with world_in(tmp_path, config=config) as world:
            carrier.edge = ("127.0.0.1", world.edge.point.port)
            said = await world.core.expect(LinesHeld)
            [row] = said.rows
            assert (row.trunk, row.live, row.lines, row.capacity, said.number) == ("t1", 0, 0, 30, 0)
            world.core.send(dial_out(call="early"))
            assert (await world.core.expect(events.DialFailed)).cause == "no_trunk"
            await carrier.call(call="1")
            assert (await carrier.response(503)).get("Retry-After")
            world.core.signal(LinesGiven(number=7, lines={"t1": 1, "gone": 5}))
            said = await world.core.expect(LinesHeld, lambda held: held.number == 7)
            assert said.rows[0].lines == 1
            await carrier.call(call="2")
            arrived = await world.core.expect(events.CallArrived)
            await carrier.call(call="3")
            await carrier.response(503)
            # What is taken away while it is used ends nothing.
            world.core.signal(LinesGiven(number=8, lines={"t1": 0}))
            said = await world.core.expect(LinesHeld, lambda held: held.number == 8)
            assert (said.rows[0].live, said.rows[0].lines) == (1, 0)
            world.core.send(commands.RefuseCall(edge=EDGE, call=arrived.call, status=486, reason="Busy"))
            await carrier.response(486)
            world.core.send(dial_out(NUMBER, call="late"))
            assert (await world.core.expect(events.DialFailed)).cause == "no_trunk"
        carrier.close()

    asyncio.run(story())


def test_one_edge_alone_needs_nobodys_word(tmp_path: Path) -> None:
    async def story() -> None:
        carrier = Phone(0)
        trunk = Trunk(host="127.0.0.1", port=carrier.port, health_s=0)
        async with world_in(tmp_path, config=trunked(config_for(tmp_path), t1=trunk)) as world:
            carrier.edge = ("127.0.0.1", world.edge.point.port)
            await carrier.call()
            assert (await world.core.expect(events.CallArrived)).trunk == "t1"
            assert world.core.all(LinesHeld) == []
        carrier.close()

    asyncio.run(story())
