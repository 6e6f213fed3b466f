"""A process of its own that serves the edges over a link: when it is ready, when it is told to stop, how it comes to an end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from acd_core.link.aio import LinkServer

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 2.0


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT from now on."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told


async def serve_until(
    told: asyncio.Event,
    server: LinkServer,
    *,
    begun: Callable[[], None],
    end: Callable[[], Awaitable[None]],
    unfinished: str,
) -> None:
    """Raises what the link failed with. `unfinished` is said when `end` takes too long and is given up."""
    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.run())
    stopping = loop.create_task(told.wait())
    started = loop.create_task(server.started.wait())
    try:
        await asyncio.wait((started, serving), return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            begun()
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving  # it failed: say why
    finally:
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await end()
        except TimeoutError:
            _log.warning("%s", unfinished)
        for task in (serving, stopping, started):
            task.cancel()
        await asyncio.gather(serving, stopping, started, return_exceptions=True)
