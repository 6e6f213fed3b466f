"""`santral up --demo` as a user starts it, with ports, folders and a plan of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from acd_core.config import Config, load_config
from acd_core.domain.commands import CallStory, Decided
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord, StoryRecord
from tests.support.ports import free_port, free_ports

GUARD_S = 90.0
PROCESSES = ("store", "core", "media", "webrtc", "speech", "edge", "web")
ROOT = Path(__file__).resolve().parents[2]

_CONFIG = """\
data_dir = "var"
plan_file = "{plan}"
roster_file = "{roster}"
categories_file = "{categories}"

[web]
listen_port = {web_port}

[sip]
listen_port = {sip_port}

[edges]
count = {edges}

[rtp]
port_min = {rtp_min}
port_max = {rtp_max}

[trunks.carrier]
host = "{trunk_host}"
port = {trunk_port}
health_s = 0

[[dial]]
prefix = "90"
strip = 2
add = "0"
trunks = ["carrier"]
"""
# Not the address of the callers, who come over no trunk.
TRUNK_HOST = "127.0.0.2"


class Stack:
    """A running system of its own below `folder`."""

    def __init__(self, folder: Path, *, plan: Path, roster: Path, categories: Path, edges: int = 1) -> None:
        """Writes the configuration; `start` starts."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        rtp_min = 30000 + (os.getpid() % 100) * 200 if edges == 1 else 50000 + (os.getpid() % 50) * 200
        self._processes = (*PROCESSES, *(f"edge{number}" for number in range(2, edges + 1)))
        self._file = folder / "santral.toml"
        self._file.write_text(
            _CONFIG.format(
                plan=plan,
                roster=roster,
                categories=categories,
                web_port=free_port(),
                sip_port=free_ports(2 * edges) if edges > 1 else free_port(),
                edges=edges,
                rtp_min=rtp_min,
                rtp_max=rtp_min + 199,
                trunk_host=TRUNK_HOST,
                trunk_port=free_ports(2),  # the peer binds the port above its own for TLS
            )
        )
        self.config: Config = load_config(self._file, {})
        self._output = folder / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.config.web.listen_port}"

    @property
    def sip_port(self) -> int:
        """Where the hotline answers."""
        return self.config.sip.listen_port

    def start(self) -> None:
        """Start, and wait until every process serves."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "santral", "up", "--demo", "--config", str(self._file)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.until(lambda: all(self.pid(name) for name in self._processes), "all processes serve")

    def stop(self) -> int:
        """Stop as Ctrl-C does; the exit code."""
        assert self._process is not None
        try:
            self._process.send_signal(signal.SIGINT)
            return self._process.wait(GUARD_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"no clean stop; {self.output()}") from None

    def output(self) -> str:
        """What `santral up` and its processes printed last."""
        return self._output.read_text(errors="replace")[-6000:]

    def pid(self, name: str) -> int:
        """The pid of a serving process, 0 when it does not serve."""
        try:
            return int(self.config.ready_file(name).read_text())
        except (OSError, ValueError):
            return 0

    def kill(self, name: str) -> int:
        """`kill -9` one process; its pid."""
        pid = self.pid(name)
        assert pid, f"{name} does not serve"
        os.kill(pid, signal.SIGKILL)
        return pid

    def until(self, condition: Callable[[], Any], what: str, guard_s: float = GUARD_S) -> Any:
        """Wait for a condition of the running system; its value."""
        deadline = time.monotonic() + guard_s
        while True:
            value = condition()
            if value:
                return value
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"santral up ended with {self._process.returncode}; {self.output()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {guard_s} s: {what}; {self.output()}")
            time.sleep(0.05)

    def logins(self) -> dict[str, str]:
        """User and password of the demo's log-ins."""
        lines = (self.config.data_path / "demo-logins.txt").read_text().splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        return {row[0]: row[1] for row in rows}

    def sql(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows from the system's own database."""

        async def run() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.dsn())
            try:
                return [dict(row) for row in await connection.fetch(query, *arguments)]
            finally:
                await connection.close()

        # In a thread of its own: the browser's driver holds this one's event loop.
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result(GUARD_S)

    def dsn(self) -> str:
        """The DSN that the processes were given."""
        environment = Path(f"/proc/{self.pid('store')}/environ").read_bytes().split(b"\0")
        found = [entry for entry in environment if entry.startswith(b"SANTRAL_DATABASE_DSN=")]
        return found[0].partition(b"=")[2].decode()

    def events(self) -> list[EventRecord]:
        """The journal's events so far."""
        return [
            record for record in read_journal(self.config.journal_path) if isinstance(record, EventRecord)
        ]

    def stories(self) -> list[Any]:
        """The journal's story so far."""
        return [
            story
            for record in read_journal(self.config.journal_path)
            if isinstance(record, StoryRecord)
            for story in record.stories
        ]

    def steps(self, call: str) -> list[str]:
        """The steps of one call's story, in order."""
        return [story.step for story in self.stories() if isinstance(story, CallStory) and story.call == call]

    def decisions(self, call: str) -> list[Decided]:
        """What was decided about one call in queues, in order."""
        return [story for story in self.stories() if isinstance(story, Decided) and story.call == call]
