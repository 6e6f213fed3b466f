"""Santral for the same load: core, media engine and edge as processes of their own, as `santral up` runs them; the desk is here.

No page and no database: agents have telephones, and say that they are ready over the link by which the web process says it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from acd_core.config import Config, load_config
from acd_core.domain import events as ev
from acd_core.domain.commands import DeskView
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from benchmarks.beside.load import SERVER, Load, Processes

REALM, PASSWORD = "santral", "secret"
_PATIENCE_S = 60.0
_PROCESSES = ("core", "media", "edge")
_CONFIG = """\
data_dir = "data"
run_dir = "run"
plan_file = "plan.toml"
roster_file = "roster.toml"
[sip]
listen_host = "{server}"
listen_port = {port}
calls_max = 10000
invites_per_second = 10000
[rtp]
port_min = 20000
port_max = 31999
"""
_PLAN = """\
name = "beside"
numbers = [{numbers}]
[prompts]
music = {{ wav = "{music}" }}
"""
_NUMBER = '{{ dialled = "{name}", service = "{name}", flow = "f{name}", language = "en" }}'
_QUEUE = """\
[flows.f{name}]
start = "wait"
steps = {{ wait = {{ type = "queue", queue = "q{name}" }} }}
[queues.q{name}]
name = "{name}"
wrap_up_ms = 0
waiting_max = 20000
"""
_ROOT = Path(__file__).resolve().parents[2]
_MUSIC = _ROOT / "examples" / "city-water" / "music.wav"


class Santral:
    """The whole of it. `queues`: which agents (a1 … aN) serve the queue of each number."""

    name = "Santral"
    direction = (
        "inactive"  # else it sends silence to everybody, where Asterisk sends nothing to who sends nothing
    )

    def __init__(self, processes: Processes, port: int, agents_port: int, queues: dict[str, int]) -> None:
        """Nothing runs yet."""
        self._processes, self.port, self._queues = processes, port, queues
        self._agents_port = agents_port
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: set[str] = set()
        self._registered: set[str] = set()
        self._desk: LinkClient | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, agents: int) -> None:
        """Write configuration, plan and roster; start all; have all telephones registered and all agents ready."""
        folder = self._processes.folder
        (folder / "santral.toml").write_text(_CONFIG.format(server=SERVER, port=self.port))
        (folder / "plan.toml").write_text(self._plan())
        (folder / "roster.toml").write_text(self._roster(agents))
        config = load_config(folder / "santral.toml", {})
        _know_phones(config, agents)
        for name in _PROCESSES:
            await self._start(config, name)
        load = Load(self._processes, self.port, self._agents_port, self.direction)
        await load.register(agents, PASSWORD)
        await self._log_in(config, [f"a{n}" for n in range(1, agents + 1)])

    def _plan(self) -> str:
        numbers = ", ".join(_NUMBER.format(name=name) for name in self._queues)
        plan = _PLAN.format(numbers=numbers, music=_MUSIC)
        return plan + "".join(_QUEUE.format(name=name) for name in self._queues)

    def _roster(self, agents: int) -> str:
        rows = []
        for n in range(1, agents + 1):
            serves = ", ".join(f'"q{name}"' for name, members in self._queues.items() if n <= members)
            rows.append(f'[agents.a{n}]\nname = "{n}"\nphone = "a{n}"\nqueues = [{serves}]\n')
        return "".join(rows)

    async def _start(self, config: Config, name: str) -> None:
        command = [
            sys.executable,
            "-m",
            "santral",
            name,
            "--config",
            str(self._processes.folder / "santral.toml"),
        ]
        self._running[name] = process = self._processes.start(name, command, {"PYTHONPATH": str(_ROOT)})
        async with asyncio.timeout(_PATIENCE_S):
            while not config.ready_file(name).exists():
                if process.poll() is not None:
                    raise RuntimeError(f"santral {name} ended with {process.returncode}")
                await asyncio.sleep(0.05)

    async def _log_in(self, config: Config, agents: list[str]) -> None:
        self._desk = desk = LinkClient(
            config.socket("core"),
            role="web",
            name="web1",
            send_type=signals.ToCore,
            receive_type=signals.FromCore,
            on_message=self._heard,
            on_up=lambda fresh: None,
            on_down=lambda: None,
        )
        self._task = asyncio.create_task(desk.run())
        await _until(lambda: desk.connected)
        desk.send(ev.WebInventory(web="web1", instance=desk.stream))
        for agent in agents:
            desk.send(ev.SessionOpened(agent=agent, session=f"s-{agent}", web="web1"))
        await _until(lambda: len(self._registered) == len(agents))
        for agent in agents:
            desk.send(ev.PhoneChosen(agent=agent, session=f"s-{agent}"))
            desk.send(ev.ReadyRequested(agent=agent, session=f"s-{agent}"))
        await _until(lambda: len(self._ready) == len(agents))

    def _heard(self, message: Any) -> None:
        if isinstance(message, DeskView):
            if message.phone_registered:
                self._registered.add(message.agent)
            (self._ready.add if message.state == "ready" else self._ready.discard)(message.agent)

    def pids(self) -> dict[str, int]:
        """Its processes."""
        return {name: process.pid for name, process in self._running.items()}

    async def stop(self) -> None:
        """In reverse order."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for process in reversed(self._running.values()):
            await asyncio.to_thread(self._processes.end, process)


def _know_phones(config: Config, agents: int) -> None:
    path = config.data_path / "phones.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for n in range(1, agents + 1):
        secret = hashlib.md5(f"a{n}:{REALM}:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
        lines.append(f'[phones."a{n}"]\nrealm = "{REALM}"\nmd5 = "{secret}"\nalgorithms = ["MD5"]\n')
    path.write_text("\n".join(lines))
    path.chmod(0o600)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - many small things, seldom waited for
            await asyncio.sleep(0.05)
