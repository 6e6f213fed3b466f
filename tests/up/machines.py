"""Two machines: the core's in a network namespace of its own, when we may make one, and this one.

Without the right to make namespaces, both are addresses of loopback, which leaves out the network between and nothing else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acd_core.config import Config, load_config
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
GUARD_S = 60.0
_IP = shutil.which("ip")
_TEST_RANGE = ipaddress.ip_address("198.18.0.0")  # /15


@dataclass(frozen=True)
class Network:
    """Addresses of the two, and what a command on the far one begins with."""

    far: str
    near: str
    prefix: tuple[str, ...]
    _cable: str = ""

    def cut(self) -> None:
        """Pull the cable."""
        self._set("down")

    def mend(self) -> None:
        """Plug it in."""
        self._set("up")

    def _set(self, state: str) -> None:
        assert _IP is not None
        subprocess.run([_IP, "link", "set", self._cable, state], check=True)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A cable between another namespace and this one, or two addresses of loopback."""
    name = f"s{os.getpid()}"
    # Out of the range for tests of networks (RFC 2544), so that two of us on one machine don't meet.
    subnet = _TEST_RANGE + 4 * (os.getpid() % 2**15)
    far, near = subnet + 1, subnet + 2
    ours, theirs = f"{name}a", f"{name}b"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        yield Network("127.0.0.1", "127.0.0.2", ())
        return
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        _ip("addr", "add", f"{near}/30", "dev", ours)
        _ip("link", "set", ours, "up")
        for command in (
            ("addr", "add", f"{far}/30", "dev", theirs),
            ("link", "set", theirs, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", name, *command)
        yield Network(str(far), str(near), (_IP or "ip", "netns", "exec", name), ours)
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run([_IP or "ip", *arguments], check=True, capture_output=True)


class Machine:
    """One `santral up`, with folder, configuration and surroundings of its own."""

    def __init__(self, folder: Path, configuration: str, prefix: tuple[str, ...], **environ: str) -> None:
        folder.mkdir()
        folder.chmod(0o711)  # the database's user passes through
        self._file = folder / "santral.toml"
        self._file.write_text(configuration)
        self._prefix = prefix
        self._environ = {
            **os.environ,
            "SANTRAL_WEB_LISTEN_PORT": str(free_port()),
            "SANTRAL_SIP_LISTEN_PORT": str(free_port()),
            "SANTRAL_LINK_SILENCE_S": "2",
            **environ,
        }
        self.config: Config = load_config(self._file, self._environ)
        self._output = folder / "up.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._also: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of ours there."""
        return subprocess.run(
            self._command(*arguments),
            cwd=ROOT,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=GUARD_S,
            check=False,
        )

    def start(self) -> None:
        """`santral up`."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command("up"),
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def start_also(self, name: str, *arguments: str) -> None:
        """One more process, by hand, until it serves."""
        with self._output.open("ab") as output:
            command = self._command(*arguments)
            self._also.append(
                subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=output, stderr=output)
            )
        self.until(lambda: self.pid(name), f"{name} serves")

    def stop(self) -> None:
        """As Ctrl-C does, and cleanly."""
        for process in self._also:
            process.terminate()
        for process in self._also:
            process.wait(GUARD_S)
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(GUARD_S) == 0, self.output()
        finally:
            self._process.kill()

    def output(self) -> str:
        """All that it printed."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def log(self, name: str) -> str:
        """What a process wrote down."""
        file = self.config.logs_path / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def pid(self, name: str) -> int:
        """Of a process that serves; 0: it doesn't."""
        try:
            return int(self.config.ready_file(name).read_text())
        except (OSError, ValueError):
            return 0

    def signal(self, name: str, number: signal.Signals) -> int:
        """To one of its processes; its pid."""
        pid = self.pid(name)
        assert pid, f"{name} does not serve; {self.output()[-3000:]}"
        os.kill(pid, number)
        return pid

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + GUARD_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}; {self.output()[-4000:]}"
            assert self._process is None or self._process.poll() is None, self.output()[-4000:]
            time.sleep(0.02)

    def _command(self, *arguments: str) -> list[str]:
        return [*self._prefix, sys.executable, "-m", "santral", *arguments, "--config", str(self._file)]
