"""Real child processes for the supervisor: small Python programs, and what is shown about them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from santral.up.child import ChildSpec, Launch
from santral.up.restarts import RestartLimits
from santral.up.supervisor import Supervisor

GUARD_S = 60.0  # only against a test that hangs
QUICK = RestartLimits(pause_first_s=0.01, pause_max_s=0.02, restarts_max=3)

SERVE = """
import os, pathlib, signal, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
print("serving", flush=True)
signal.pause()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + SERVE
SERVE_THEN_DIE = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
while not pathlib.Path(sys.argv[1] + ".seen").exists():
    time.sleep(0.01)
os.unlink(sys.argv[1] + ".seen")
sys.exit("died on purpose")
"""
DIE = "import sys; sys.exit('no good')"
REFUSE = "import sys; print('a setting is wrong', file=sys.stderr); sys.exit(2)"
SERVE_REFUSE_SERVE = """
import os, pathlib, signal, sys, time
me, lives = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1] + ".lives")
life = len(lives.read_text()) if lives.exists() else 0
lives.write_text("x" * (life + 1))
if life == 1:
    print("a setting is wrong", file=sys.stderr)
    sys.exit(2)
me.write_text(str(os.getpid()))
if life == 2:
    signal.pause()
while not pathlib.Path(sys.argv[1] + ".seen").exists():
    time.sleep(0.01)
os.unlink(sys.argv[1] + ".seen")
sys.exit("died on purpose")
"""
NEVER_READY = "import signal; signal.pause()"


@dataclass
class Stage:
    """A supervisor over programs, with everything it shows."""

    folder: Path
    limits: RestartLimits = QUICK
    shown: list[str] = field(default_factory=list)

    def spec(
        self,
        name: str,
        program: str,
        *,
        stop_within_s: float = GUARD_S,
        ready_within_s: float = GUARD_S,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> ChildSpec:
        ready = self.folder / f"{name}.ready"
        launch = Launch((sys.executable, "-S", "-c", program, str(ready)), dict(os.environ), self.folder)

        def is_ready(pid: int) -> bool:
            if not ready.exists() or ready.read_text() != str(pid):
                return False
            Path(f"{ready}.seen").touch()
            return True

        return ChildSpec(
            name,
            lambda: launch,
            is_ready,
            stop_within_s=stop_within_s,
            ready_within_s=ready_within_s,
            stop_signal=stop_signal,
        )

    def supervisor(self, *stages: list[ChildSpec]) -> Supervisor:
        return Supervisor(stages, self.folder, self.shown.append, limits=self.limits)


async def until(condition: Callable[[], bool]) -> None:
    """Looks again and again until it holds."""
    async with asyncio.timeout(GUARD_S):
        while not condition():  # noqa: ASYNC110 - it happens in other processes, which set no event
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """A zombie, which only waits for its parent to look at it, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
