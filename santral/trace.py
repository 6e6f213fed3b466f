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
    from gateways.edge.trace_view import UnknownCallError, render

    if live and pcap is not None:
        return _unusable("--live and --pcap are two different views: give one of them")
    if not live and not call:
        return _unusable("which call? Give its id, or --live for what comes")
    try:
        if live:
            return _follow(config, call, pause)
        if pcap is not None:
            return _capture(config, call, pcap)
        print(render(config, call))
    except UnknownCallError as unknown:
        print(unknown, file=sys.stderr)
        return 1
    return 0


def _follow(config: Config, call: str, pause: Callable[[float], None]) -> int:
    from gateways.edge.trace_view import check_known, follow

    if call:
        check_known(config, call)

    def wait() -> bool:
        sys.stdout.flush()
        pause(_LOOK_EVERY_S)
        return False

    for line in follow(config, call, wait):
        print(line)
    return 0


def _capture(config: Config, call: str, path: Path) -> int:
    from gateways.edge.trace_view import capture

    try:
        count = capture(config, call, path)
    except OSError as error:
        return _unusable(f"{path}: {error.strerror}")
    if not count:
        print(f"No SIP messages of {call} are in the trace (a call from the page has none).", file=sys.stderr)
        return 1
    print(f"{count} messages of {call} are in {path}")
    return 0


def _unusable(why: str) -> int:
    print(f"santral trace: {why}", file=sys.stderr)
    return 2
