"""Carriers that know nothing of our stack: Kamailio as registrar and proxy, SIPp and sippy as those who are called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Transport, Trunk
from gateways.media import messages as engine
from tests.edge.foreign import sipp_callee, sipp_running, started
from tests.edge.test_trunk_care import QUICK, came_up, changed, secret_at
from tests.edge.test_trunks import CALL, dial_out, trunked
from tests.edge.world import EDGE, Phone, World, config_for, world_in
from tests.peers.kamailio import Kamailio
from tests.peers.sippy_peer import Sippy
from tests.support.certificates import Authority
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers

CARRIER = """\
route[TEST] {{
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("carrier.example", "secret", "0")) {{
            www_challenge("carrier.example", "1"); exit;
        }}
        consume_credentials();
        save("location"); exit;
    }}
    if (is_method("BYE") && !pv_proxy_authenticate("carrier.example", "secret", "0")) {{
        proxy_challenge("carrier.example", "1"); exit;
    }}
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not here"); exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (is_method("INVITE") && $fU == "citizen") {{
        if (!lookup("location")) {{ sl_send_reply("404", "Not registered"); exit; }}
        t_check_trans();
        record_route();
        t_relay();
        exit;
    }}
    if (is_method("INVITE")) {{
        if (!pv_proxy_authenticate("carrier.example", "secret", "0")) {{
            proxy_challenge("carrier.example", "1"); exit;
        }}
        consume_credentials();
        t_check_trans();
        record_route();
        $du = "sip:127.0.0.1:{subscriber}";
        t_relay();
        exit;
    }}
    sl_send_reply("200", "OK");
}}
"""
# A proxy that rings two telephones at once and stays on the way to both.
FORKS = """\
route[TEST] {{
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not here"); exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    t_check_trans();
    record_route();
    $ru = "sip:one@127.0.0.1:{one}";
    append_branch("sip:two@127.0.0.1:{two}");
    t_relay();
}}
"""
# It moves every number to the next one, 02121112299 to more than anybody tries, and nobody is there.
MOVES = """\
route[TEST] {
    if (!is_method("INVITE")) { exit; }
    if ($rU == "02121112299") {
        $ru = "sip:02121113330@127.0.0.1:" + $Rp;
        $var(n) = 1;
        while ($var(n) < 9) {
            append_branch("sip:0212111333" + $var(n) + "@127.0.0.1:" + $Rp);
            $var(n) = $var(n) + 1;
        }
    } else if ($rU =~ "^0212111223") {
        $var(n) = $(rU{s.substr,10,1});
        $ru = "sip:0212111223" + ($(var(n){s.int}) + 1) + "@127.0.0.1:" + $Rp;
    } else {
        sl_send_reply("480", "Nobody there"); exit;
    }
    append_branch();
    sl_send_reply("302", "Moved");
}
"""
REGISTRAR = """\
modparam("auth", "algorithm", "{algorithm}")
modparam("registrar", "min_expires", 700)
modparam("registrar", "max_expires", 3600)
modparam("usrloc", "db_mode", 0)
"""


@contextlib.asynccontextmanager
async def carrier(
    folder: Path, subscriber: int, algorithm: str = "MD5", certificate: tuple[Path, Path] | None = None
) -> AsyncIterator[Kamailio]:
    server = await asyncio.to_thread(
        lambda: Kamailio(
            folder / "kamailio",
            CARRIER.format(subscriber=subscriber),
            modules=("auth", "usrloc", "registrar"),
            parameters=REGISTRAR.format(algorithm=algorithm),
            certificate=certificate,
        )
    )
    try:
        yield server
    finally:
        await asyncio.to_thread(server.close)


@pytest.mark.parametrize(
    ("transport", "algorithm"), [("UDP", "MD5"), ("UDP", "SHA-256"), ("TCP", "MD5"), ("TLS", "SHA-256")]
)
async def test_kamailio_registers_us_and_carries_calls_both_ways(
    tmp_path: Path, transport: Transport, algorithm: str
) -> None:
    """It challenges both, wants longer registrations than we ask for (423), and stays in the dialog."""
    secret_at(tmp_path, "carrier")
    subscriber, ours = free_ports(2), free_ports(4)
    authority = Authority(tmp_path)
    files, own = authority.issue("kamailio"), authority.issue("edge")
    async with (
        carrier(tmp_path, subscriber, algorithm, files) as server,
        sipp_callee("trunk_answers", tmp_path, subscriber) as called,
    ):
        trunk = Trunk(
            host="127.0.0.1",
            port=server.tls_port if transport == "TLS" else server.port,
            transport=transport,
            user="santral",
            register=True,
            health_s=0,
        )
        settings = config_for(
            tmp_path,
            listen_port=ours,
            tcp_port=ours,
            tls_port=ours + 1,
            tls_certificate_file=str(own.certificate),
            tls_key_file=str(own.key),
        )
        config = trunked(settings, carrier=trunk)
        async with world_in(tmp_path, config=config) as world:
            await came_up(world, "carrier")
            world.core.send(dial_out())
            assert (await world.core.expect(events.DialProgress)).status == 180
            assert (await world.core.expect(events.DialAnswered)).trunk == "carrier"
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            await called.finish()
            citizen = Phone(server.port)
            try:
                uri = f"sip:santral@127.0.0.1:{server.port}"
                await citizen.call(uri=uri, to="sip:185@carrier.example", caller="citizen")
                arrived = await world.core.expect(events.CallArrived)
                assert (arrived.trunk, arrived.dialled) == ("carrier", "185")
                assert world.edge.trunks.rows()[0].live == 1
                world.core.send(commands.RefuseCall(edge=EDGE, call=arrived.call, status=486, reason=""))
                await citizen.response(486, "INVITE")
            finally:
                citizen.close()


async def test_a_registrar_that_dies_takes_the_trunk_down_and_brings_it_back(tmp_path: Path) -> None:
    async with carrier(tmp_path, 9) as server:
        trunk = Trunk(host="127.0.0.1", port=server.port, health_s=1)
        config = trunked(config_for(tmp_path), carrier=trunk)
        async with world_in(tmp_path, config=config, timing=QUICK) as world:
            await came_up(world, "carrier")
            await asyncio.to_thread(server.close)
            assert await changed(world, False) == "no answer to OPTIONS"


@pytest.mark.parametrize(("scenario", "progress"), [("trunk_reliable", 183), ("trunk_moves", 180)])
async def test_sipp_is_called_and_hung_up(tmp_path: Path, scenario: str, progress: int) -> None:
    """It says itself what it expects of us: PRACK for each reliable response, the number that the call was moved to."""
    port = free_ports(2)
    config = trunked(config_for(tmp_path), carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
    async with (
        sipp_callee(scenario, tmp_path, port) as called,
        world_in(tmp_path, config=config) as world,
    ):
        world.core.send(dial_out())
        assert (await world.core.expect(events.DialProgress)).status == progress
        assert (await world.core.expect(events.DialAnswered)).trunk == "carrier"
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
        await called.finish()


async def test_sipp_has_no_room_and_another_sipp_takes_the_call(tmp_path: Path) -> None:
    first, second = free_ports(2), free_ports(2)
    full = Trunk(host="127.0.0.1", port=first, health_s=0, order=1)
    free = Trunk(host="127.0.0.1", port=second, health_s=0, order=2)
    config = trunked(config_for(tmp_path), full=full, free=free)
    async with (
        sipp_callee("trunk_overloaded", tmp_path, first) as refused,
        sipp_callee("trunk_answers", tmp_path, second) as called,
        world_in(tmp_path, config=config) as world,
    ):
        world.core.send(dial_out())
        assert await changed(world, False) == "calls failed with 503"
        assert (await world.core.expect(events.DialAnswered)).trunk == "free"
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
        await refused.finish()
        await called.finish()


async def test_of_two_telephones_that_kamailio_rings_at_once_one_has_the_call(tmp_path: Path) -> None:
    """The one is heard before the other answers; both are picked up, and who came second is hung up."""
    one, two, media = free_ports(2), free_ports(2), free_ports(8)
    script = FORKS.format(one=one, two=two)
    async with (
        sipp_running("fork_takes", tmp_path, "-mp", str(media), port=one) as taken,
        sipp_running("fork_crosses", tmp_path, "-mp", str(media + 4), port=two) as crossing,
        started(lambda: Kamailio(tmp_path / "kamailio", script, modules=("corex",))) as proxy,
    ):
        trunk = Trunk(host="127.0.0.1", port=proxy.port, health_s=0)
        async with world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world:
            world.core.send(dial_out())
            await world.core.expect(events.DialProgress, lambda told: told.status == 183)
            await world.core.expect(events.DialAnswered)
            await crossing.finish()
            heard = [leg.remote_port for leg in world.engine.all(engine.ConnectLeg)]
            assert heard == [media + 4, media]
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            await taken.finish()
            assert world.edge.statistics().dialogs == 0


async def test_a_call_that_kamailio_moves_ends_after_three_moves_and_five_targets(tmp_path: Path) -> None:
    async with started(lambda: Kamailio(tmp_path / "kamailio", MOVES, modules=("corex",))) as proxy:
        trunk = Trunk(host="127.0.0.1", port=proxy.port, health_s=0)
        async with world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world:
            sip = world.edge.point.statistics
            world.core.send(dial_out("+902121112231"))
            assert (await world.core.expect(events.DialFailed)).status == 302
            assert sip().requests_sent == 1 + 3
            world.core.send(dial_out("+902121112299", call="c-1-d8", offer=8))
            assert (await world.core.expect(events.DialFailed)).status == 480
            assert sip().requests_sent == 1 + 3 + 1 + 5


async def sippy(folder: Path, world: World) -> Sippy:
    return await asyncio.to_thread(Sippy, folder / "sippy", world.edge.point.port, port=PORT)


PORT = free_ports(2)


@contextlib.asynccontextmanager
async def world_before_sippy(folder: Path) -> AsyncIterator[tuple[World, Sippy]]:
    config = trunked(config_for(folder), carrier=Trunk(host="127.0.0.1", port=PORT, health_s=0))
    async with world_in(folder, config=config) as world:
        called = await sippy(folder, world)
        try:
            yield world, called
        finally:
            await asyncio.to_thread(called.close)


async def test_sippy_is_called_and_hangs_up(tmp_path: Path) -> None:
    async with world_before_sippy(tmp_path) as (world, called):
        called.answer_with("ring")
        world.core.send(dial_out())
        await asyncio.to_thread(called.wait_for, "try")
        assert (await world.core.expect(events.DialProgress)).status == 180
        called.accept()
        await world.core.expect(events.DialAnswered)
        called.hang_up()
        gone = await world.core.expect(events.CallerHungUp)
        assert (gone.call, gone.cause) == (CALL, "caller_hung_up")
        assert world.edge.statistics().calls.live == 0


async def test_sippy_is_called_and_it_is_taken_back(tmp_path: Path) -> None:
    async with world_before_sippy(tmp_path) as (world, called):
        called.answer_with("ring")
        world.core.send(dial_out())
        await world.core.expect(events.DialProgress)
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
        ended = await asyncio.to_thread(called.wait_for, "fail", "disconnect")
        assert ended["call"] == 0
        called.answer_with(486)
        world.core.send(dial_out(call="c-1-d8", offer=8))
        assert (await world.core.expect(events.DialFailed)).status == 486
