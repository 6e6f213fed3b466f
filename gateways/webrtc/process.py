"""The browser-audio process: the table of legs behind the link, on uvloop."""

from __future__ import annotations

import logging

import uvloop

from acd_core.config import Config
from acd_core.link.aio import LinkServer, Peer
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from gateways.serving import serve_until, told_to_stop
from gateways.webrtc.addresses import listen_hosts
from gateways.webrtc.legs import Legs
from gateways.webrtc.lite_leg import LiteAudio
from gateways.webrtc.messages import FromBrowserAudio, ToBrowserAudio

log = logging.getLogger(__name__)

NAME = "webrtc"


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
    told = told_to_stop()

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

    def begun() -> None:
        ready.write()
        log.info("serving; browsers reach it on %s", ", ".join(f"{host} {port}" for host, port in reached))

    await serve_until(
        told,
        server,
        begun=begun,
        end=legs.stop,
        unfinished="some legs did not close in time; they are given up",
    )
