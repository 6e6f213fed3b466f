"""The edge as a process: a port that is taken, readiness, and a clean stop that says goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from acd_core.config import Config, Sip
from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from tests.edge.test_calls import EDGE
from tests.edge.world import PATIENCE_S, Engine, Phone, Scripted, sdp
from tests.support.ports import free_port

_START = """
import sys, msgspec
from acd_core.config import Config
from gateways.edge.process import main
sys.exit(main(msgspec.json.decode(sys.argv[1], type=Config)))
"""


def config_at(folder: Path, port: int, host: str = "127.0.0.1") -> Config:
    config = Config(base_dir=str(folder), data_dir="data", sip=Sip(listen_host=host, listen_port=port))
    config.run_path.mkdir(parents=True, exist_ok=True)
    return config


async def start(config: Config) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _START, msgspec.json.encode(config).decode()),
        stderr=asyncio.subprocess.PIPE,
    )


async def refused(config: Config) -> str:
    """What a process that can't serve says."""
    process = await start(config)
    assert process.stderr is not None
    said = (await process.stderr.read()).decode()
    assert await process.wait() == 2
    assert not config.ready_file("edge").exists()
    shutil.rmtree(config.run_path, ignore_errors=True)
    return said


def test_a_port_that_is_taken_and_an_address_that_is_not_ours(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        said = asyncio.run(refused(config_at(tmp_path, port)))
    (line,) = said.splitlines()
    assert f"UDP port {port} on 127.0.0.1 is in use" in line
    assert "[sip] listen_port" in line
    said = asyncio.run(refused(config_at(tmp_path, 5060, "192.0.2.1")))
    (line,) = said.splitlines()
    assert "no such address" in line


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[asyncio.subprocess.Process, Scripted, Engine]]:
    core, engine = Scripted(config, "core", FromCore, ToCore), Engine(config)
    await core.start()
    await engine.start()
    process = await start(config)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await core.up.wait()
            await engine.up.wait()
        yield process, core, engine
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
        await core.stop()
        await engine.stop()
        shutil.rmtree(config.run_path, ignore_errors=True)


def test_sigterm_hangs_up_tells_the_core_and_ends_well(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with running(config_at(tmp_path, port)) as (process, core, _):
            inventory = await core.expect(events.EdgeInventory)
            assert (inventory.edge, inventory.calls) == (EDGE, ())
            phone = Phone(port)
            await phone.call(body=sdp())
            arrived = await core.expect(events.CallArrived)
            core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            phone.ack(await phone.response(200))
            ringing = Phone(port)
            await ringing.call(body=sdp())
            await core.expect(events.CallArrived)
            process.send_signal(signal.SIGTERM)
            phone.reply(await phone.asked("BYE"), 200)
            await ringing.response(503)  # its carrier may have another edge
            gone = {(await core.expect(events.CallerHungUp)).cause for _ in range(2)}
            assert gone == {"edge_stopped"}
            async with asyncio.timeout(PATIENCE_S):
                assert await process.wait() == 0
            phone.close()
            ringing.close()

    asyncio.run(story())
