"""Within a call, with stacks that know nothing of ours: holds, late offers, routes of both kinds, and who hangs up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from tests.edge.foreign import answering, know, ring, started
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import World, world_in
from tests.peers.kamailio import PROXY, Kamailio
from tests.peers.linphone import Linphone
from tests.peers.sippy_peer import Sippy

pytestmark = pytest.mark.peers

# A proxy of RFC 2543's time, which takes its own address from the Request-URI and the next one from the Route.
STRICT = PROXY.replace("record_route();", 'append_hf("Record-Route: <sip:127.0.0.1:$Rp>\\r\\n");')


async def terms(world: World, leg: str, sends: bool, receives: bool) -> None:
    def fits(connect: engine.ConnectLeg) -> bool:
        return (connect.leg, connect.send, connect.receive) == (leg, sends, receives)

    await world.engine.expect(engine.ConnectLeg, fits)


@pytest.mark.parametrize("script", [PROXY, STRICT], ids=["loose", "strict"])
async def test_sippy_holds_resumes_and_is_hung_up_over_the_route_that_kamailio_recorded(
    tmp_path: Path, script: str
) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        target = f"sip:127.0.0.1:{world.edge.point.port}"
        async with (
            started(lambda: Kamailio(tmp_path / "kamailio", script.format(target=target))) as proxy,
            started(lambda: Sippy(tmp_path / "sippy", proxy.port)) as caller,
        ):
            caller.call("185")
            await asyncio.to_thread(caller.wait_for, "connect")
            call = (await world.core.expect(events.CallArrived)).call
            await terms(world, call, True, True)
            caller.update("sendonly")
            await terms(world, call, False, True)
            await asyncio.to_thread(caller.wait_for, "connect")
            caller.update("sendrecv")
            await terms(world, call, True, True)
            await asyncio.to_thread(caller.wait_for, "connect")
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="flow_ended"))
            await asyncio.to_thread(caller.wait_for, "disconnect")
            assert world.edge.point.statistics().acks_missing == 0


async def test_sippy_calls_without_an_offer_and_changes_its_terms(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        async with started(lambda: Sippy(tmp_path / "sippy", world.edge.point.port)) as caller:
            caller.call("185", late=True)
            await asyncio.to_thread(caller.wait_for, "preconnect")
            call = (await world.core.expect(events.CallArrived)).call
            await terms(world, call, True, True)
            caller.update("inactive")
            await terms(world, call, False, False)
            await asyncio.to_thread(caller.wait_for, "connect")
            caller.hang_up()
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert caller.complaints() == []


async def test_linphone_holds_resumes_and_may_not_hand_on(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        async with started(lambda: Linphone(tmp_path / "phone", "101")) as phone:
            await asyncio.to_thread(phone.register, "127.0.0.1", world.edge.point.port, "secret")
            await world.core.expect(events.PhoneRegistered)
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            await asyncio.to_thread(phone.ringing)
            phone.answer()
            await world.core.expect(events.PhoneAnswered)
            await terms(world, f"{call}-p3", True, True)
            phone.hold()
            await terms(world, f"{call}-p3", False, True)
            await asyncio.to_thread(phone.became, "CallPaused")
            phone.resume()
            await terms(world, f"{call}-p3", True, True)
            await asyncio.to_thread(phone.became, "CallStreamsRunning")
            phone.transfer("sip:102@127.0.0.1")
            await asyncio.to_thread(phone.program.wait_for, "SIP/2.0 403")
            assert world.core.all(events.PhoneHungUp) == []
            phone.hang_up()
            assert (await world.core.expect(events.PhoneHungUp)).agent == "ayse"
