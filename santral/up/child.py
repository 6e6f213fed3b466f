"""One process under the supervisor: started so that it can't outlive us, watched, stopped.

A child leads a session of its own, so that Ctrl-C at the terminal reaches the supervisor alone and the stop
goes in order. When the supervisor itself is killed, the kernel sends the child its `orphan_signal`
(PR_SET_PDEATHSIG); `inherited` descriptors, among them that of the lock, stay open until the last child is
gone, so a second `santral up` knows when it may begin.

Everything happens in one thread: the signal on the parent's death is tied to the thread that started the
child, and a fork with other threads about is best avoided. The end of a process is seen through its pidfd.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from santral.up.output import PYTHON_LINES, LineStyle, OutputPump

_PR_SET_PDEATHSIG = 1
_READ_BYTES = 64 * 1024
_POLL_READY_S = 0.05

_prctl = ctypes.CDLL(None, use_errno=True).prctl


class CannotStartError(Exception):
    """Raised by a spec's `prepare` when trying again is no use; the text says what to do."""


class RunsAs(Protocol):
    """The user to run a child as; `persistence.embedded.account.Account` is one."""

    @property
    def uid(self) -> int: ...

    @property
    def gid(self) -> int: ...

    @property
    def groups(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process this time."""

    command: Sequence[str]
    environment: dict[str, str]
    folder: Path
    run_as: RunsAs | None = None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What the supervisor knows of a child.

    `prepare` is called before each start, in the supervisor's only thread: it may take a second, not more. It
    raises `CannotStartError` when there is something for a person to do first.
    `is_ready` is asked, with the pid, until it holds. Calls go on without one that is not `is_vital`: once it has
    served it is started again for as long as the others serve.
    """

    name: str
    prepare: Callable[[], Launch]
    is_ready: Callable[[int], bool]
    ready_within_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL
    style: LineStyle = PYTHON_LINES
    is_vital: bool = True


class Child:
    """One life of a process."""

    def __init__(self, spec: ChildSpec, pump: OutputPump, inherited: Sequence[int]) -> None:
        launch = spec.prepare()
        self._spec = spec
        self._pump = pump
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        account = launch.run_as
        self._process = subprocess.Popen(
            list(launch.command),
            env=launch.environment,
            cwd=launch.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(inherited),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
            preexec_fn=_dies_with_parent(spec.orphan_signal),  # noqa: PLW1509 - there is one thread
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._output, self._read_output)
        self._loop.add_reader(self._pidfd, self._note_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._ended.done()

    async def wait_ready(self) -> bool:
        """False when the process ended, or its time for that ran out, before it was ready."""
        deadline = self._loop.time() + self._spec.ready_within_s
        while not self._ended.done():
            if self._spec.is_ready(self.pid):
                return True
            if self._loop.time() >= deadline:
                return False
            await asyncio.wait([self._ended], timeout=_POLL_READY_S)
        return False

    async def wait_ended(self) -> int:
        """The exit code, or minus the number of the signal that ended it."""
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """Politely, then by force; returns when the process is gone."""
        self._signal(self._spec.stop_signal)
        await asyncio.wait([self._ended], timeout=self._spec.stop_within_s)
        self.kill()
        await self.wait_ended()

    def kill(self) -> None:
        """At once, with all that it has started in its session."""
        if not self._ended.done():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _signal(self, number: signal.Signals) -> None:
        if not self._ended.done():
            self._process.send_signal(number)

    def _read_output(self) -> None:
        try:
            data = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._pump.feed(data)
        else:
            self._loop.remove_reader(self._output)

    def _note_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self._read_the_rest()
        self._ended.set_result(code)

    def _read_the_rest(self) -> None:
        """What is in the pipe now; a grandchild that still holds the other end has nothing more to say."""
        self._loop.remove_reader(self._output)
        try:
            while data := os.read(self._output, _READ_BYTES):
                self._pump.feed(data)
        except BlockingIOError:
            pass
        self._pump.end()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Run in the child after it has become the user it runs as, which would undo the request."""
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(os.EX_OSERR)

    return ask_the_kernel


def describe_end(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
