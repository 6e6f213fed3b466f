"""Real phones register: Linphone by SHA-256, baresip by MD5, SIPp over TCP, and a phone behind Kamailio, which leaves a Path."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from acd_core.domain import events
from gateways.sip.auth import Algorithm
from tests.edge.foreign import SCENARIOS, at_edge, baresip, know, ring, started, until
from tests.edge.test_calls import answered
from tests.edge.test_phone_health import wait, wait_for_question
from tests.edge.test_phones import register
from tests.edge.test_transports import config
from tests.edge.world import sdp, world_in
from tests.peers.kamailio import Kamailio
from tests.peers.linphone import Linphone
from tests.peers.sipp import Sipp
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers

# A border element as carriers have them: registrations pass it and it is on the way of every call to the phone.
BORDER = """\
route[TEST] {{
    if (is_method("REGISTER")) {{ add_path(); $du = "sip:127.0.0.1:{edge}"; t_relay(); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (loose_route_preloaded()) {{ record_route(); t_relay(); exit; }}
    if (loose_route()) {{ t_relay(); exit; }}
    sl_send_reply("404", "Not here");
}}
"""


async def test_linphone_proves_itself_by_sha_256_and_once_more_when_its_nonce_is_old(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "phone", "101")) as phone,
    ):
        know(world, "101", "SHA-256")
        await asyncio.to_thread(phone.register, "127.0.0.1", world.edge.point.port, "secret")
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        assert "algorithm=SHA-256" in phone.log()
        assert "algorithm=MD5" not in phone.log()
        world.jump(301_000)
        await asyncio.to_thread(phone.unregister)
        assert "stale=true" in phone.log()
        assert world.edge.statistics().registrar.granted == 2
        assert world.edge.statistics().registrar.failed == 0


async def test_linphone_with_a_wrong_password_is_not_registered(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "phone", "101")) as phone,
    ):
        know(world, "101")
        phone.ask_to_register("127.0.0.1", world.edge.point.port, "guess")
        await asyncio.to_thread(phone.became, "RegistrationFailed")
        assert world.core.all(events.PhoneRegistered) == []
        assert world.edge.statistics().registrar.failed >= 1


@pytest.mark.parametrize("algorithms", [(), ("MD5",)])
async def test_baresip_which_knows_md5_alone(tmp_path: Path, algorithms: tuple[Algorithm, ...]) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101", *algorithms)
        async with started(lambda: baresip(tmp_path / "phone", at_edge(world))):
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"


async def test_sipp_registers_over_tcp_and_is_gone_with_its_connection(tmp_path: Path) -> None:
    async with world_in(tmp_path, config=config(tmp_path)) as world:
        know(world, "101")
        options = ("-t", "t1", "-s", "101", "-ap", "secret")
        port = world.edge.point.port_of("TCP")
        async with started(lambda: Sipp(tmp_path, SCENARIOS / "register.xml", port, *options)) as sipp:
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            await asyncio.to_thread(sipp.finish)
            assert (await world.core.expect(events.PhoneUnregistered)).user == "101"


async def test_sipp_as_a_proxy_sees_its_path_come_back_and_lead_every_request(tmp_path: Path) -> None:
    """Registered, asked whether the phone is there, rung, and told that the call was answered elsewhere."""
    async with world_in(tmp_path) as world:
        know(world, "101")
        port = free_ports(2)

        def sipp(scenario: str, *options: str) -> Sipp:
            return Sipp(tmp_path, SCENARIOS / f"{scenario}.xml", world.edge.point.port, *options, port=port)

        async with started(lambda: sipp("register_path", "-s", "101", "-ap", "secret")) as proxy:
            await asyncio.to_thread(proxy.finish)
        await world.core.expect(events.PhoneRegistered)
        async with started(lambda: sipp("asked")) as proxy:
            wait_for_question(world)
            await asyncio.to_thread(proxy.finish)
            await until(lambda: not world.edge.registrar._health._asked)
        desk = world.phone()
        assert (await register(world, desk, contact=f"<{desk.contact('101')}>;q=0.5")).status == 200
        async with started(lambda: sipp("phone_elsewhere")) as proxy:
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            invite = await desk.asked("INVITE")
            desk.reply(invite, 180)
            # A CANCEL waits for the first word of the phone (RFC 3261 9.1), however late SIPp begins to listen.
            desk.reply(invite, 200, body=sdp(45_000))
            await world.core.expect(events.PhoneAnswered)
            await asyncio.to_thread(proxy.finish)
        assert world.edge.statistics().registrar.lost == 0


async def test_a_phone_behind_kamailio_is_rung_asked_and_missed_by_its_path(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        script = BORDER.format(edge=world.edge.point.port)
        async with (
            started(lambda: Kamailio(tmp_path / "kamailio", script, modules=("path",))) as border,
            started(lambda: Linphone(tmp_path / "phone", "101")) as phone,
        ):
            await asyncio.to_thread(phone.register, "127.0.0.1", border.port, "secret")
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            ((binding,),) = world.edge.registrar.targets("101")
            assert [str(hop) for hop in binding.path] == [f"<sip:127.0.0.1:{border.port};lr>"]
            assert binding.contact.uri.port == phone.port
            assert f"Path: <sip:127.0.0.1:{border.port};lr>" in phone.log()

            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            await asyncio.to_thread(phone.ringing)
            phone.answer()
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            assert f"Record-Route: <sip:127.0.0.1:{border.port};lr" in phone.log()
            await asyncio.to_thread(phone.became, "CallStreamsRunning")
            phone.hang_up()
            assert (await world.core.expect(events.PhoneHungUp)).agent == "ayse"

            asked = world.edge.registrar._health
            wait_for_question(world)
            await asyncio.to_thread(phone.program.wait_for, "^OPTIONS sip:101@")
            await until(lambda: not asked._asked)
            wait(world, 20)
            assert world.edge.registrar.users == ("101",), "it has answered, through Kamailio"
            os.kill(phone.program.pid, signal.SIGKILL)
            wait(world, 31)
            assert (await world.core.expect(events.PhoneUnregistered)).user == "101"
            assert world.edge.statistics().registrar.lost == 1


async def test_two_real_devices_ring_and_the_other_hears_where_it_was_answered(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        async with (
            started(lambda: baresip(tmp_path / "desk", at_edge(world))) as desk,
            started(lambda: Linphone(tmp_path / "handset", "101")) as handset,
        ):
            await world.core.expect(events.PhoneRegistered)
            await asyncio.to_thread(handset.register, "127.0.0.1", world.edge.point.port, "secret")
            assert len(world.edge.registrar.targets("101")[0]) == 2
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            await asyncio.to_thread(handset.ringing)
            await asyncio.to_thread(desk.wait_for, "CALL_INCOMING")
            desk.accept()
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            await asyncio.to_thread(handset.became, "CallEnd")
            assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in handset.log()
            assert world.core.all(events.PhoneFailed) == []
