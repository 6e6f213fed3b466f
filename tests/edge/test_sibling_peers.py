"""A telephone that knows nothing of our stack at the second of two edges, its caller at the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from tests.edge.foreign import calling, run_sipp
from tests.edge.test_calls import answered
from tests.edge.test_siblings import FAR, NEAR, ring, two_edges
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


async def test_sipp_registers_at_the_second_edge_is_rung_by_the_first_and_hung_up(tmp_path: Path) -> None:
    async with two_edges(tmp_path) as (near, far):
        port = free_ports(2)
        await run_sipp(far, "register", tmp_path, "-s", "101", "-ap", "secret", port=port)
        assert (await far.core.expect(events.PhoneRegistered)).user == "101"
        async with calling(far, "phone_answers", tmp_path, port=port):
            call, _ = await answered(near, near.phone())
            near.core.send(ring(call, at=FAR))
            assert (await near.core.expect(events.PhoneAnswered)).call == call
            near.core.send(commands.Join(edge=NEAR, call=call, agent="ada", offer=1, part=1, at=FAR))
            await near.engine.expect(engine.StartRecording)
            near.core.send(commands.EndPhone(edge=NEAR, call=call, agent="ada", offer=1))


async def test_sipp_calls_at_the_second_edge_and_hangs_up(tmp_path: Path) -> None:
    async with two_edges(tmp_path) as (near, far):

        def take(message: object) -> None:
            if isinstance(message, events.CallArrived):
                for kind in (commands.RingCaller, commands.AnswerCaller):
                    far.core.send(kind(edge=FAR, call=message.call))

        far.core.auto = take
        await run_sipp(far, "plain", tmp_path, "-s", "185")
        assert (await far.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        assert near.core.all(events.CallArrived) == []
