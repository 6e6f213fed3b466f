"""The real audio engine in a process of its own, for tests that want to hear something."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import msgspec

from acd_core.config import Config
from tests.edge.world import PATIENCE_S

_START = """
import sys, msgspec
from acd_core.config import Config
from gateways.media.process import main
sys.exit(main(msgspec.json.decode(sys.argv[1], type=Config)))
"""


class EngineProcess:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        text = msgspec.json.encode(self.config).decode()
        self.config.ready_file("media").unlink(missing_ok=True)
        self.child = subprocess.Popen([sys.executable, "-c", _START, text])
        until = time.monotonic() + PATIENCE_S
        while not self.config.ready_file("media").exists():
            assert self.child.poll() is None, "the engine ended at its start"
            assert time.monotonic() < until
            time.sleep(0.02)

    def kill(self) -> None:
        if self.child is not None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait(PATIENCE_S)
            self.child = None
