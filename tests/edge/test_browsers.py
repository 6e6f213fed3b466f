"""Browser legs: an operator's audio, a citizen's test call, and a browser-audio process that dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from acd_core.link import signals
from gateways.edge.limits import EdgeLimits, Timing
from gateways.media import messages as engine
from gateways.webrtc import messages as webrtc
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Engine, Scripted, World, world_in


def offer(peer: str = "s1", **more: str) -> signals.BrowserOffer:
    return signals.BrowserOffer(web="web1", purpose="agent", peer=peer, sdp="offer", agent="ayse", **more)


def citizen(peer: str = "v1", caller: str = "0532 111 22 33") -> signals.BrowserOffer:
    return signals.BrowserOffer(
        web="web1", purpose="citizen", peer=peer, sdp="offer", dialled="185", caller=caller
    )


async def negotiated(world: World, what: signals.BrowserOffer) -> tuple[str, signals.BrowserAnswer]:
    """The leg's id and what the page was answered."""
    world.core.signal(what)
    offered = await world.browsers.expect(webrtc.OfferLeg)
    allocated = world.engine.all(engine.AllocateLeg)[-1]
    assert (allocated.leg, allocated.loopback, allocated.local_host) == (offered.leg, True, "127.0.0.1")
    world.browsers.send(
        webrtc.LegAnswered(leg=offered.leg, sdp="answer", relay_host="127.0.0.1", relay_port=50_000)
    )
    answer = await world.core.expect(signals.BrowserAnswer)
    assert (answer.web, answer.peer, answer.sdp, answer.error) == ("web1", what.peer, "answer", "")
    return offered.leg, answer


async def speaking(world: World, what: signals.BrowserOffer | None = None) -> str:
    leg, _ = await negotiated(world, what or offer())
    world.browsers.send(webrtc.LegConnected(leg=leg))
    world.engine.send(engine.LegHeard(leg=leg))
    connected = await world.core.expect(events.AudioConnected)
    assert (connected.agent, connected.leg) == ("ayse", leg)
    return leg


def test_an_operators_audio_connects_falls_silent_and_is_heard_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            leg = await speaking(world)
            connect = world.engine.all(engine.ConnectLeg)[-1]
            assert (connect.leg, connect.remote_port) == (leg, 50_000)
            world.engine.send(engine.LegSilent(leg=leg, silent_ms=2_000))
            assert (await world.core.expect(events.AudioLost)).leg == leg
            world.engine.send(engine.LegHeard(leg=leg))
            assert (await world.core.expect(events.AudioConnected)).leg == leg
            world.core.send(commands.DropAudio(edge=EDGE, agent="ayse", leg=leg))
            assert (await world.browsers.expect(webrtc.CloseLeg)).leg == leg
            assert (await world.core.expect(events.AudioLost)).leg == leg
            assert (await world.core.expect(signals.BrowserEnded)).cause == "dropped"
            assert world.edge.statistics().browser_legs == 0

    asyncio.run(story())


def test_a_page_that_offers_again_loses_its_former_leg(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            former = await speaking(world)
            later = await speaking(world)
            assert [close.leg for close in world.browsers.all(webrtc.CloseLeg)] == [former]
            assert [lost.leg for lost in world.core.all(events.AudioLost)] == [former]
            assert world.core.all(signals.BrowserEnded) == []
            assert later != former

    asyncio.run(story())


def test_a_page_that_offers_again_before_it_was_answered_hears_of_the_later_offer_alone(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            world.core.signal(offer())
            await world.browsers.expect(webrtc.OfferLeg)
            await negotiated(world, offer())
            assert [answer.error for answer in world.core.all(signals.BrowserAnswer)] == [""]

    asyncio.run(story())


def test_caller_and_operator_are_joined_parted_and_joined_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            leg = await speaking(world)
            call, _ = await answered(world, world.phone())
            join = commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1, leg=leg)
            world.core.send(join)
            recording = await world.engine.expect(engine.StartRecording)
            assert (recording.left, recording.right) == (call, leg)
            held = world.edge.calls.inventory()
            assert held == (events.HeldCall(call=call, answered=True, agent="ayse"),)
            world.core.send(commands.Part(edge=EDGE, call=call, agent="ayse", part=1))
            gains = await world.engine.expect(engine.SetGains)
            assert {gain.gain for gain in gains.gains} == {0.0}
            await world.engine.expect(engine.StopRecording)
            world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=2, leg=leg))
            assert (await world.engine.expect(engine.StartRecording)).path.endswith(f"{call}-2.wav")
            # The page is closed in mid-call: the leg is gone, the caller's stays.
            world.browsers.send(webrtc.LegClosed(leg=leg, reason="closed"))
            assert (await world.core.expect(events.AudioLost)).leg == leg
            assert (await world.engine.expect(engine.FreeLeg)).leg == leg
            world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=3, leg=leg))
            assert (await world.core.expect(events.AudioLost)).leg == leg, "said again to a late Join"
            assert world.edge.statistics().calls.live == 1

    asyncio.run(story())


def test_a_citizen_calls_from_the_page_presses_a_key_and_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            leg, answer = await negotiated(world, citizen())
            assert world.core.all(events.CallArrived) == [], "not before the browser is through"
            world.browsers.send(webrtc.LegConnected(leg=leg))
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.call, arrived.via, arrived.dialled) == (answer.call, "web", "185")
            assert (arrived.caller, arrived.number) == ("0532 111 22 33", "+905321112233")
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            world.core.signal(signals.BrowserKey(peer="v1", key="1"))
            world.core.signal(signals.BrowserKey(peer="v1", key="1*"))
            assert (await world.core.expect(events.KeyPressed)).key == "1"
            world.core.signal(signals.BrowserHangUp(peer="v1"))
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert len(world.core.all(events.KeyPressed)) == 1
            assert world.edge.statistics().calls.live == 0

    asyncio.run(story())


def test_the_core_ends_and_refuses_a_citizens_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            for command, cause in (
                (lambda call: commands.EndCall(edge=EDGE, call=call, cause="flow_ended"), "flow_ended"),
                (
                    lambda call: commands.RefuseCall(edge=EDGE, call=call, status=404, reason="?"),
                    "unknown_number",
                ),
            ):
                leg, _ = await negotiated(world, citizen())
                world.browsers.send(webrtc.LegConnected(leg=leg))
                arrived = await world.core.expect(events.CallArrived)
                world.core.send(command(arrived.call))
                ended = await world.core.expect(signals.BrowserEnded)
                assert (ended.peer, ended.cause) == ("v1", cause)
                await world.browsers.expect(webrtc.CloseLeg)
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_offers_that_cannot_be_answered(tmp_path: Path) -> None:
    async def story() -> None:
        limits = EdgeLimits(browser_legs_max=1)
        async with world_in(tmp_path, limits=limits, timing=Timing(browser_answer_timeout_s=0.05)) as world:
            world.core.signal(offer())
            refused = await world.browsers.expect(webrtc.OfferLeg)
            world.browsers.send(webrtc.LegClosed(leg=refused.leg, reason="bad_offer"))
            assert (await world.core.expect(signals.BrowserAnswer)).error == "bad_offer"
            world.core.signal(offer())
            await world.browsers.expect(webrtc.OfferLeg)
            world.core.signal(offer(peer="s2"))
            assert (await world.core.expect(signals.BrowserAnswer)).error == "too_many"
            # The first one never gets its answer.
            assert (await world.core.expect(signals.BrowserAnswer)).error == "audio_unavailable"
            world.engine.refuse_legs = True
            world.core.signal(offer())
            assert (await world.core.expect(signals.BrowserAnswer)).error == "audio_unavailable"
            await world.browsers.stop()
            await world.went_away(world.edge.browsers.link)
            world.core.signal(offer())
            assert (await world.core.expect(signals.BrowserAnswer)).error == "audio_unavailable"
            assert world.edge.statistics().browser_legs == 0

    asyncio.run(story())


def test_visitors_leave_half_of_the_legs_to_operators(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, limits=EdgeLimits(browser_legs_max=4)) as world:
            for peer in ("v1", "v2"):
                await negotiated(world, citizen(peer))
            world.core.signal(citizen("v3"))
            assert (await world.core.expect(signals.BrowserAnswer)).error == "busy"
            for peer in ("s1", "s2"):
                await negotiated(world, offer(peer))

    asyncio.run(story())


def test_a_new_browser_audio_process_has_lost_all_legs(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            leg = await speaking(world)
            visitor, _ = await negotiated(world, citizen())
            world.browsers.send(webrtc.LegConnected(leg=visitor))
            await world.core.expect(events.CallArrived)
            await world.browsers.stop()
            world.browsers = Scripted(world.config, "webrtc", webrtc.FromBrowserAudio, webrtc.ToBrowserAudio)
            await world.browsers.start()
            assert (await world.core.expect(events.AudioLost)).leg == leg
            assert (await world.core.expect(events.CallerHungUp)).cause == "browser_audio_restarted"
            assert {ended.peer for ended in world.core.all(signals.BrowserEnded)} == {"s1", "v1"}

    asyncio.run(story())


def test_a_page_must_be_heard_by_a_new_engine_too(tmp_path: Path) -> None:
    async def story() -> None:
        timing = Timing(browser_heard_again_s=0.05)
        async with world_in(tmp_path, timing=timing) as world:
            leg = await speaking(world)
            await world.engine.stop()
            world.engine = Engine(world.config)
            await world.engine.start()
            assert (await world.core.expect(events.AudioLost)).leg == leg
            world.engine.send(engine.LegHeard(leg=leg))
            assert (await world.core.expect(events.AudioConnected)).leg == leg

    asyncio.run(story())


def test_a_browsers_leg_moves_when_the_engine_has_its_port_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            leg = await speaking(world)
            await world.engine.stop()
            world.engine = Engine(world.config)
            answers = world.engine.auto
            assert answers is not None

            def taken(message: object) -> None:
                if isinstance(message, engine.AllocateLeg) and message.port:
                    world.engine.send(
                        engine.LegRefused(leg=message.leg, command="AllocateLeg", reason="port taken")
                    )
                else:
                    answers(message)

            world.engine.auto = taken
            world.engine.ports = iter([31_000])  # type: ignore[assignment]
            await world.engine.start()
            moved = await world.browsers.expect(webrtc.MoveLeg)
            assert (moved.leg, moved.engine_port) == (leg, 31_000)

    asyncio.run(story())
