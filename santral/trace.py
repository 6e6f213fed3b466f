"""`santral trace`: the ladder of a call, its messages as a packet capture, or messages as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from acd_core.config import Config

_LOOK_EVERY_S = 0.2


def run_trace(
    config: Config, call: str, pcap: Path | None, *, live: bool, pause: Callable[[float], None] = time.sleep
) -> int:
    """0 done, 1 nothing found, 2 the options don't fit together. A live view goes on until it is interrupted."""
    from gateways.edge.trace_view import capture, follow, render

    if live:
        if pcap is not None:
            return _unusable("--live and --pcap are two different views: give one of them")

        def wait() -> bool:
            sys.stdout.flush()
            pause(_LOOK_EVERY_S)
            return False

        for line in follow(config, call, wait):
            print(line)
        return 0
    if not call:
        return _unusable("which call? Give its id, or --live for what comes")
    if pcap is None:
        print(render(config, call))
        return 0
    try:
        count = capture(config, call, pcap)
    except OSError as error:
        return _unusable(f"{pcap}: {error.strerror}")
    if not count:
        print(render(config, call))
        return 1
    print(f"{count} messages of {call} are in {pcap}")
    return 0


def _unusable(why: str) -> int:
    print(f"santral trace: {why}", file=sys.stderr)
    return 2
