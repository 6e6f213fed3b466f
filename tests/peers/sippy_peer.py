"""sippy, a SIP stack in Python that shares nothing with ours, as caller and as callee. UDP and IPv4 only."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.peers.program import PATIENCE_S, Program
from tests.support.ports import free_ports
from tests.tooling.imports import ROOT

PYTHON = ROOT / ".cache" / "sippy-venv" / "bin" / "python"
_PROGRAM = Path(__file__).parent / "sippy_program.py"


class Sippy:
    """One user agent that speaks with the SIP server on `peer_port`. Calls are numbered from 0 as they begin."""

    def __init__(self, folder: Path, peer_port: int, *, port: int = 0, contact_port: int = 0) -> None:
        """`port`: its own; `contact_port`: where it says to be found, if not there."""
        self.port, self.rtp_port = port or free_ports(2), free_ports(2)
        numbers = (self.port, peer_port, self.rtp_port, contact_port or self.port)
        command = [str(PYTHON), str(_PROGRAM), *map(str, numbers)]
        self.program = Program(command, folder, environment={"SIPLOG_BEND": "none"})
        self.heard: list[dict[str, Any]] = []
        self.wait_for("up")

    def call(self, to: str, *, caller: str = "05321112233", **more: Any) -> None:
        """INVITE; `user` and `password` answer a challenge, `late` sends no offer, `headers` go along."""
        self._do("call", to=to, caller=caller, **more)

    def answer_with(self, how: str | int) -> None:
        """How calls are taken from now on: "accept" at once, "ring" until `accept`, or a status that refuses.

        Waits until it is so; events of calls that come before are passed over.
        """
        self._do("answer", how=how)
        self.wait_for("answers")

    def accept(self, call: int = 0) -> None:
        """Take a call that rings."""
        self._do("accept", call=call)

    def update(self, direction: str, call: int = 0) -> None:
        """A re-INVITE that offers sendonly, recvonly, inactive or sendrecv."""
        self._do("update", call=call, direction=direction)

    def hang_up(self, call: int = 0) -> None:
        """BYE, or CANCEL while it rings."""
        self._do("bye", call=call)

    def register(self, user: str, password: str) -> None:
        """Register and wait until it is done."""
        self._do("register", user=user, password=password)
        self.wait_for("registered")

    def wait_for(self, *kinds: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next event of these kinds: up, answers, try, ring, connect, update, fail, disconnect, redirect, registered."""
        deadline = time.monotonic() + patience_s
        while True:
            match = self.program.wait_for(r"^\{\"event.*\}$", max(0.0, deadline - time.monotonic()))
            event: dict[str, Any] = json.loads(match[0])
            self.heard.append(event)
            if event["event"] in kinds:
                return event

    def complaints(self) -> list[str]:
        """Lines that are no events: what it could not stand."""
        return [line for line in self.program.lines if not re.match(r'^\{"event', line)]

    def close(self) -> None:
        """End it."""
        self.program.close()

    def _do(self, what: str, **more: Any) -> None:
        self.program.say(json.dumps({"do": what, **more}))
