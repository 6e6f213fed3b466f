"""Callers and agents: SIPp on addresses of their own, the same scenarios for both sides."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from benchmarks.beside.capture import Capture

HERE = Path(__file__).resolve().parent
SERVER, AGENTS, CALLERS = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_BUFFER_BYTES = str(4 * 1024 * 1024)
_CALLS_MAX = "50000"


class Processes:
    """All that was started for one side, ended in reverse order whatever happens."""

    def __init__(self, folder: Path) -> None:
        """Their outputs go into `folder`."""
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._captures: list[Capture] = []

    def follow(self, capture: Capture) -> None:
        """End this one too."""
        self._captures.append(capture)

    def start(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Run in the background, in a session of its own: Ctrl-C is for us alone, who end the others."""
        with (self.folder / f"{name}.out").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self._started.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], patience_s: float = 10.0) -> None:
        """SIGTERM, then the whole session by SIGKILL."""
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process in self._started:
            self._started.remove(process)

    def close(self) -> None:
        """All of them."""
        for capture in self._captures:
            capture.close()
        for process in reversed(list(self._started)):
            self.end(process)


class Load:
    """SIPp towards one server."""

    def __init__(self, processes: Processes, port: int, agents_port: int, direction: str) -> None:
        """`direction`: what the SDP of callers and agents says."""
        self._processes, self._port, self._agents_port = processes, port, agents_port
        self._direction = direction
        self._bank: subprocess.Popen[bytes] | None = None
        self._phase = 70

    def _command(self, scenario: str, host: str, port: int, *options: str) -> list[str]:
        return [
            *(
                "sipp",
                f"{SERVER}:{self._port}",
                "-sf",
                str(HERE / f"{scenario}.xml"),
                "-i",
                host,
                "-p",
                str(port),
            ),
            *(
                "-nostdin",
                "-buff_size",
                _BUFFER_BYTES,
                "-l",
                _CALLS_MAX,
                "-default_behaviors",
                "all,-abortunexp",
            ),
            *("-key", "direction", self._direction, *options),
        ]

    def talk(self, milliseconds: int) -> None:
        """From now on agents talk for so long. Nobody may be talking."""
        self.hush()
        command = self._command("agents", AGENTS, self._agents_port, "-d", str(milliseconds))
        self._bank = self._processes.start("agents", command)

    def hush(self) -> None:
        """No agents' telephones any more."""
        if self._bank is not None:
            self._processes.end(self._bank)
            self._bank = None

    def call(self, service: str, rate: float, count: int) -> subprocess.Popen[bytes]:
        """So many callers, so many a second; the process ends when all their calls are over."""
        self._phase += 1
        port = self._agents_port + 2 + 2 * (self._phase - 70)
        options = ("-s", service, "-key", "phase", str(self._phase), "-r", f"{rate:g}", "-m", str(count))
        return self._processes.start("callers", self._command("callers", CALLERS, port, *options))

    async def call_and_wait(self, service: str, rate: float, count: int, patience_s: float) -> None:
        """As above, until all are over or patience is."""
        await self.finish(self.call(service, rate, count), patience_s)

    async def finish(self, callers: subprocess.Popen[bytes], patience_s: float) -> None:
        """Wait for them; who is not over by then never will be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while callers.poll() is None:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
        self._processes.end(callers)

    async def register(self, count: int, password: str) -> None:
        """Telephones a1 … at the agents' address, where nobody may be yet: they are rung where they registered from."""
        numbers = ("-r", "400", "-m", str(count))
        command = self._command("registering", AGENTS, self._agents_port, *numbers)
        # SIPp takes one user for all; the credentials of each are of a file.
        users = self._processes.folder / "users.csv"
        users.write_text(
            "SEQUENTIAL\n"
            + "".join(
                f"a{n};[authentication username=a{n} password={password}]\n" for n in range(1, count + 1)
            )
        )
        await self.finish(self._processes.start("registering", [*command, "-inf", str(users)]), 60)
