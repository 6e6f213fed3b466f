"""The edge process: SIP on UDP, links to core, audio engine, speech and browser audio, on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys

import uvloop

from acd_core.config import Config
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from gateways.edge.edge import Edge
from gateways.edge.listeners.place import PointError

_log = logging.getLogger(__name__)

NAME = "edge"
EDGE_NAME = "edge1"
CANNOT_SERVE = 2
_GOODBYE_S = 0.5  # for BYEs to be answered and the core to hear of the ends


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; 2 when the SIP port can't be had."""
    set_up(config, NAME)
    with ReadyFile(config, NAME) as ready:
        return uvloop.run(_serve(config, ready))


async def _serve(config: Config, ready: ReadyFile) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    edge = Edge(config, EDGE_NAME)
    try:
        edge.open()
    except PointError as error:
        print(f"santral edge: {error}", file=sys.stderr)  # noqa: T201 - said to whoever started it, log or not
        return CANNOT_SERVE
    ready.write()
    _log.info("serving SIP on %s:%d", config.sip.listen_host, edge.point.port)
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
