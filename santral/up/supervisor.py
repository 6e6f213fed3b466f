"""Starts the children in order, restarts what dies, stops all in reverse, gives up loudly.

Children come in stages: those of one stage start together, the next stage starts when all of them are ready.
A child that dies later is started again by itself; the others reach it again over their links, which is what
makes a restart of one process harmless to the rest. When a child can't be kept alive (`restarts`), or says
by its exit code, before it ever served, that a restart is no use, everything is stopped and the last lines it
printed are shown. One that served before gets its restarts all the same: whoever broke a file under it may mend it,
and the conversations of the others are not worth less for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from santral.up.child import CannotStartError, Child, ChildSpec, describe_end
from santral.up.output import OutputPump, RotatingLog
from santral.up.restarts import RestartLimits, Restarts

EXIT_CANNOT_RUN = 2  # a setting or an argument is wrong: the same again would end the same way


class GaveUpError(Exception):
    """A child can't be kept alive; the text is for the terminal."""


class Supervisor:
    """The children of one machine, from the first start to the last stop."""

    def __init__(
        self,
        stages: Sequence[Sequence[ChildSpec]],
        logs: Path,
        show: Callable[[str], None],
        *,
        limits: RestartLimits | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        self._limits = limits or RestartLimits()
        self._show = show
        self._inherited = tuple(inherited)
        self._stages = [[_Kept(spec, logs, show, self._limits) for spec in stage] for stage in stages]

    async def run(self, stop: asyncio.Event, on_serving: Callable[[], None]) -> None:
        """Until `stop` is set; calls `on_serving` when every child is ready for the first time.

        Raises `GaveUpError` after everything was stopped.
        """
        stopping = asyncio.create_task(stop.wait())
        try:
            await self._start(stopping)
            if not stopping.done():
                on_serving()
                await self._watch(stopping)
        finally:
            stopping.cancel()
            await self._stop()

    def kill(self) -> None:
        """For somebody who asks a second time: every process at once."""
        for kept in self._all():
            kept.kill()

    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        return {kept.name: kept.pid for kept in self._all() if kept.pid is not None}

    async def _start(self, stopping: asyncio.Task[bool]) -> None:
        for stage in self._stages:
            for kept in stage:
                kept.start(self._inherited)
            for kept in stage:
                serving = asyncio.create_task(kept.served.wait())
                try:
                    await self._wait_for_trouble_or(serving, stopping)
                finally:
                    serving.cancel()
                if stopping.done():
                    return

    async def _watch(self, stopping: asyncio.Task[bool]) -> None:
        await self._wait_for_trouble_or(stopping)

    async def _wait_for_trouble_or(self, *awaited: asyncio.Task[bool]) -> None:
        """Returns when one of `awaited` is done; raises when a child's keeper gave up first."""
        keepers = {kept.task for kept in self._all() if kept.task is not None}
        done, _ = await asyncio.wait({*awaited, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        for keeper in done & keepers:
            keeper.result()

    async def _stop(self) -> None:
        for kept in self._all():
            kept.hush()
        for stage in reversed(self._stages):
            await asyncio.gather(*(kept.stop() for kept in stage))

    def _all(self) -> list[_Kept]:
        return [kept for stage in self._stages for kept in stage]


class _Kept:
    """A child that is kept alive: its present life, if any, and the task that sees to the next."""

    def __init__(
        self, spec: ChildSpec, logs: Path, show: Callable[[str], None], limits: RestartLimits
    ) -> None:
        self.served = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._spec = spec
        self._log_path = logs / f"{spec.name}.log"
        self._show = show
        self._limits = limits
        self._restarts = Restarts(limits)
        self._pump: OutputPump | None = None
        self._child: Child | None = None
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def hush(self) -> None:
        if self._pump is not None:
            self._pump.hush()

    def start(self, inherited: Sequence[int]) -> None:
        self.task = asyncio.create_task(self._keep(inherited))

    async def stop(self) -> None:
        self._stopping.set()
        if self.task is None:
            return
        if self._child is not None:
            await self._child.stop()
        else:
            self.task.cancel()
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.exception()  # told already, or one of several that gave up together

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    async def _keep(self, inherited: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            log = RotatingLog(self._log_path)
        except OSError as error:
            raise GaveUpError(f"{self.name}: can't write {self._log_path} ({error.strerror})") from error
        self._pump = OutputPump(self.name, log, self._show, loop.time, self._spec.style)
        try:
            while not self._stopping.is_set():
                how, served_s = await self._live(inherited, self._pump)
                if self._stopping.is_set():
                    break
                pause_s = self._restarts.after_end(served_s)
                if pause_s is None:
                    if self._spec.is_vital or not self.served.is_set():
                        raise self._gave_up(how)
                    pause_s = self._limits.pause_max_s
                self._show(f"{self.name} ended ({how}); starting it again in {pause_s:.1f} s")
                await asyncio.sleep(pause_s)
        finally:
            log.close()

    async def _live(self, inherited: Sequence[int], pump: OutputPump) -> tuple[str, float | None]:
        """One life of the child: how it ended and for how long it served, if it did."""
        loop = asyncio.get_running_loop()
        served_from: float | None = None
        try:
            self._child = child = Child(self._spec, pump, inherited)
        except CannotStartError as error:
            if self.served.is_set():
                return f"can't be started: {error}", None
            raise GaveUpError(f"{self.name}: {error}") from error
        except OSError as error:
            return f"can't be started: {error}", None
        try:
            if await child.wait_ready():
                served_from = loop.time()
                if self.served.is_set():
                    self._show(f"{self.name} serves again")
                self.served.set()
                code = await child.wait_ended()
                how = describe_end(code)
            elif self._stopping.is_set():
                code = await child.wait_ended()
                how = describe_end(code)
            else:
                code, how = await self._end_of_unready(child)
        finally:
            self._child = None
        if code == EXIT_CANNOT_RUN and not self._stopping.is_set() and not self.served.is_set():
            raise self._gave_up(how)
        return how, None if served_from is None else loop.time() - served_from

    async def _end_of_unready(self, child: Child) -> tuple[int, str]:
        """The child ended before it was ready, or is ended now because it took too long."""
        is_late = not child.has_ended
        if is_late:
            await child.stop()
        code = await child.wait_ended()
        how = f"not ready within {self._spec.ready_within_s:.0f} s" if is_late else describe_end(code)
        return code, how

    def _gave_up(self, how: str) -> GaveUpError:
        lines = "".join(f"\n  | {line}" for line in (self._pump.last_lines if self._pump else []))
        times = self._restarts.in_a_row
        often = f" {times} times in a row" if times > 1 else ""
        return GaveUpError(
            f"{self.name} ended{often} ({how}). The last it said:{lines or ' nothing'}\n"
            f"All of it is in {self._log_path}"
        )
