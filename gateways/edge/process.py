"""An edge process: SIP, links to core, audio engine, speech and browser audio, on uvloop.

There may be several on one machine, and on several machines, each with its own number. Each has ports, calls, a trace and a log
of its own, and a name by which the others know it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys

import uvloop

from acd_core.config import Config
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from acd_core.telephony import edge_process
from gateways.edge.edge import Edge
from gateways.edge.listeners.place import PointError

_log = logging.getLogger(__name__)

CANNOT_SERVE = 2
_GARBAGE_THRESHOLDS = (2_000, 5, 10_000)
_GOODBYE_S = 0.5  # for BYEs to be answered and the core to hear of the ends


def edge_name(number: int) -> str:
    """As the core knows it."""
    return f"edge{number}"


def main(config: Config, number: int = 1) -> int:
    """Run until SIGTERM or SIGINT; 2 when a SIP port can't be had."""
    name = edge_process(number)
    set_up(config, name)
    with ReadyFile(config, name) as ready:
        return uvloop.run(_serve(config, number, ready))


def _look_for_garbage_seldom() -> None:
    """What was made so far lives for ever, and calls leave no cycles (`graveyard`): the youngest are looked at as ever, for
    what else makes some, and all objects only after very many of them, since calls stand still meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)


async def _serve(config: Config, number: int, ready: ReadyFile) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stopping_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stopping_signal, stop.set)
    edge = Edge(config, edge_name(number), number=number)
    try:
        edge.open()
    except PointError as error:
        print(f"santral edge: {error}", file=sys.stderr)  # noqa: T201 - said to whoever started it, log or not
        return CANNOT_SERVE
    _look_for_garbage_seldom()
    ready.write()
    _log.info("serving SIP: %s", ", ".join(str(place) for place in edge.point.places))
    running = loop.create_task(edge.run())
    stopping = loop.create_task(stop.wait())
    try:
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running  # it failed: say why
        edge.end_calls()
        await asyncio.sleep(_GOODBYE_S)
    finally:
        for task in (running, stopping):
            task.cancel()
        for task in (running, stopping):
            with contextlib.suppress(asyncio.CancelledError):
                await task
        edge.close()
    return 0
