"""The speech process: the speaker behind the link. A crash of the library ends this process alone."""

from __future__ import annotations

import logging

import uvloop

from acd_core.config import Config
from acd_core.link.aio import LinkServer, Peer
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from gateways.serving import serve_until, told_to_stop
from gateways.speech.messages import FromSpeech, ToSpeech
from gateways.speech.speaker import Speaker

log = logging.getLogger(__name__)

NAME = "speech"


def main(config: Config) -> int:
    """Run until told to stop (SIGTERM, SIGINT)."""
    set_up(config, NAME)
    with ReadyFile(config, NAME) as ready:
        uvloop.run(serve(config, ready))
    return 0


async def serve(config: Config, ready: ReadyFile) -> None:
    """Serve the edges until told to stop."""
    told = told_to_stop()

    def tell(edge: str, message: FromSpeech) -> None:
        server.peers[edge].send(message)

    def on_message(peer: Peer, message: ToSpeech) -> None:
        speaker.take(peer.name, message)

    def on_up(peer: Peer, fresh: bool) -> None:
        log.info("%s is here", peer.name)

    def on_down(peer: Peer) -> None:
        log.info("%s is gone", peer.name)

    speaker = Speaker(config.prompts_path, tell)
    server = LinkServer(
        config.socket(NAME),
        role=NAME,
        name=f"{NAME}1",
        send_type=FromSpeech,
        receive_type=ToSpeech,
        on_message=on_message,
        on_up=on_up,
        on_down=on_down,
    )

    def begun() -> None:
        ready.write()
        log.info("serving; spoken texts are kept in %s", config.prompts_path)

    await serve_until(
        told, server, begun=begun, end=speaker.stop, unfinished="a text is still being spoken; it is given up"
    )
