"""The browser-audio process: the table of legs behind the link, on uvloop."""

from __future__ import annotations

import asyncio
import logging
import signal

import uvloop

from acd_core.config import Config
from acd_core.link.aio import LinkServer, Peer
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from gateways.webrtc.addresses import listen_hosts
from gateways.webrtc.legs import Legs
from gateways.webrtc.lite_leg import LiteAudio
from gateways.webrtc.messages import FromBrowserAudio, ToBrowserAudio

log = logging.getLogger(__name__)

NAME = "webrtc"
_STOP_TIMEOUT_S = 2.0


def main(config: Config) -> int:
    """Run until told to stop (SIGTERM, SIGINT)."""
    set_up(config, NAME)
    with ReadyFile(config, NAME) as ready:
        try:
            uvloop.run(serve(config, ready))
        except OSError as error:
            log.error("can't listen: %s; see webrtc.listen_hosts and webrtc.listen_port", error)
            return 1
    return 0


async def serve(config: Config, ready: ReadyFile) -> None:
    """Serve the edges until told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def tell(edge: str, message: FromBrowserAudio) -> None:
        server.peers[edge].send(message)

    def on_message(peer: Peer, message: ToBrowserAudio) -> None:
        legs.take(peer.name, message)

    def on_up(peer: Peer, fresh: bool) -> None:
        if fresh:
            legs.forget_edge(peer.name)

    def on_down(peer: Peer) -> None:
        log.warning("link to %s is down; its legs stay", peer.name)

    hosts = listen_hosts(config)
    audio = await LiteAudio.start(hosts, config.webrtc.listen_port, config.webrtc.advertised_host)
    reached = audio.doors.candidates
    legs = Legs(audio, config.webrtc.legs_max, tell)
    server = LinkServer(
        config.socket(NAME),
        role=NAME,
        name=f"{NAME}1",
        send_type=FromBrowserAudio,
        receive_type=ToBrowserAudio,
        on_message=on_message,
        on_up=on_up,
        on_down=on_down,
    )
    serving = loop.create_task(server.run())
    stopping = loop.create_task(stop.wait())
    started = loop.create_task(server.started.wait())
    try:
        await asyncio.wait((started, serving), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving  # it failed: say why
        ready.write()
        log.info("serving; browsers reach it on %s", ", ".join(f"{host} {port}" for host, port in reached))
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
    finally:
        await _stop(legs, (serving, stopping, started))


async def _stop(legs: Legs, tasks: tuple[asyncio.Task[object], ...]) -> None:
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await legs.stop()
    except TimeoutError:
        log.warning("some legs did not close in %.0f s", _STOP_TIMEOUT_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
