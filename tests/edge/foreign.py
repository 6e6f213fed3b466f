"""Foreign programs at the edge: SIPp by a scenario of ours, others while a test needs them, and what a core says to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.phones import phones_path, set_phone_password
from gateways.sip.auth import Algorithm
from tests.e2e.phone import Baresip
from tests.edge.world import EDGE, PATIENCE_S, World, config_for, replace
from tests.peers.sipp import sipp_command
from tests.support.ports import free_ports

SCENARIOS = Path(__file__).parent / "sipp"
_SIPP_S = 60


class SippRun:
    """One SIPp, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Its exit code: 0 when all went as written."""
        return await self._process.wait()

    async def finish(self) -> None:
        """Fails, with what SIPp could not stand, when anything went differently than written."""
        code = await self.wait()
        assert code == 0, f"SIPp ended with {code}\n{self.complaints()}"

    def complaints(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:] if self._log.exists() else ""

    async def stop(self) -> None:
        if not self.ended:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def sipp_running(
    scenario: str,
    folder: Path,
    *options: str,
    remote: int = 0,
    port: int = 0,
    calls: int = 1,
    host: str = "127.0.0.1",
) -> AsyncIterator[SippRun]:
    """SIPp, which calls port `remote` if there is one; `port` is its own, and `host` that of both."""
    port = port or free_ports(2)
    log = folder / f"{scenario}-{port}.log"
    file = SCENARIOS / f"{scenario}.xml"
    command = sipp_command(file, log, host=host, remote=remote, port=port, calls=calls, patience_s=_SIPP_S)
    process = await asyncio.create_subprocess_exec(
        *command,
        *("-l", "200", *options),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    run = SippRun(process, log)
    try:
        yield run
    except Exception as error:
        error.add_note(run.complaints())  # as likely as not the reason
        raise
    finally:
        await run.stop()


async def run_sipp(
    world: World, scenario: str, folder: Path, *options: str, port: int = 0, calls: int = 1
) -> None:
    """One call to the edge, unless `calls` says otherwise, until it is over."""
    remote = world.edge.point.port
    async with sipp_running(scenario, folder, *options, remote=remote, port=port, calls=calls) as sipp:
        await sipp.finish()


@contextlib.asynccontextmanager
async def calling(
    world: World, scenario: str, folder: Path, *options: str, port: int = 0
) -> AsyncIterator[SippRun]:
    """SIPp has its call with the edge while the test goes on, and has to end it as written."""
    async with sipp_running(scenario, folder, *options, remote=world.edge.point.port, port=port) as sipp:
        yield sipp
        await sipp.finish()


def sipp_callee(
    scenario: str, folder: Path, port: int, calls: int = 1
) -> contextlib.AbstractAsyncContextManager[SippRun]:
    """So many calls, taken as the scenario has it."""
    return sipp_running(scenario, folder, port=port, calls=calls)


@contextlib.asynccontextmanager
async def started(make: Callable[[], Any]) -> AsyncIterator[Any]:
    """A program whose driver blocks, made in a thread and closed in the end."""
    peer = await asyncio.to_thread(make)
    try:
        yield peer
    finally:
        await asyncio.to_thread(peer.close)


async def until(condition: Callable[[], bool]) -> None:
    """Of the edge, which tells nobody of it."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


def baresip(
    folder: Path,
    registrar: str,
    user: str = "101",
    *,
    more: str = "",
    modules: tuple[str, ...] = (),
    rtp_min: int = 0,
) -> Baresip:
    """baresip as this user's phone, which registers at once; `registrar`: host and port, `more`: of its account."""
    return Baresip(
        folder,
        name=user,
        tone_hz=500,
        ports=(free_ports(2), free_ports(2), rtp_min or free_ports(10)),
        modules=modules,
        account=f"<sip:{user}@{registrar}>;auth_pass=secret;regint=60{more}",
    )


def at_edge(world: World) -> str:
    """Where it is called over UDP."""
    return f"127.0.0.1:{world.edge.point.port}"


def answering(world: World, *kinds: type[commands.EdgeCommand]) -> None:
    """The core says these to every call that arrives."""

    def react(message: Any) -> None:
        if isinstance(message, events.CallArrived):
            for kind in kinds:
                more = {"cause": "x"} if kind is commands.EndCall else {}
                world.core.send(kind(edge=EDGE, call=message.call, **more))

    world.core.auto = react


def know(world: World, user: str, *algorithms: Algorithm) -> None:
    """A telephone of ours, with the password `secret`."""
    set_phone_password(phones_path(world.config.data_path), "santral", user, "secret", algorithms)


def ring(call: str, user: str, offer: int = 3) -> commands.RingPhone:
    return commands.RingPhone(
        edge=EDGE, call=call, agent="ayse", offer=offer, user=user, caller="0532", service="Su"
    )


def over_a_trunk(folder: Path, **more: Any) -> Config:
    """Whoever calls is a trusted exchange."""
    return replace(
        config_for(folder), trunks={"pbx": Trunk(host="127.0.0.1", health_s=0, trusted=True, **more)}
    )
