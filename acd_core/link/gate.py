"""The way of another machine's process to the core, on asyncio: TCP, TLS, the proof of the secret, then the link's protocol."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from acd_core.link.places import Remote
from acd_core.link.proof import CHALLENGE_BYTES, VERDICT_BYTES, ClientProof
from acd_core.link.secure import client_side
from acd_core.link.session import LinkError

_Protocol = TypeVar("_Protocol", bound=asyncio.Protocol)


async def open_remote(place: Remote, make: Callable[[], _Protocol]) -> _Protocol:
    """A protocol of `make` on a connection whose other end has proven itself; raises `ConfigError`, `LinkError` and `OSError`."""
    secure = client_side(place.config)
    gate = _Gate(secure.secret, make)
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_connection(
            lambda: gate, place.host, place.port, ssl=secure.tls, server_hostname=place.host
        )
    except ssl.SSLCertVerificationError as error:
        raise LinkError(
            f"what answers there shows another certificate than {place.config.link_trust_file} ({error.verify_message})"
        ) from error
    except (ssl.SSLEOFError, ConnectionResetError) as error:
        raise LinkError("the core hung up on us unheard: it is stopping, or we come too often") from error
    except ssl.SSLError as error:
        raise LinkError(f"what answers there does not speak TLS 1.3 ({error.reason or error})") from error
    try:
        return await gate.opened
    except BaseException:
        transport.abort()
        raise


class _Gate(asyncio.Protocol, Generic[_Protocol]):
    """Holds the transport until both sides are proven."""

    def __init__(self, secret: bytes, make: Callable[[], _Protocol]) -> None:
        self._secret, self._make = secret, make
        self._input = b""
        self._proof: ClientProof | None = None
        self._is_answered = False
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[_Protocol] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's
        binding = transport.get_extra_info("ssl_object").get_channel_binding("tls-unique")
        self._proof = ClientProof(self._secret, binding)

    def data_received(self, data: bytes) -> None:
        assert self._proof is not None
        assert self._transport is not None
        self._input += data
        try:
            if not self._is_answered and len(self._input) >= CHALLENGE_BYTES:
                challenge, self._input = self._input[:CHALLENGE_BYTES], self._input[CHALLENGE_BYTES:]
                self._transport.write(self._proof.answer(challenge))
                self._is_answered = True
            if self._is_answered and len(self._input) >= VERDICT_BYTES:
                self._proof.judge(
                    self._input
                )  # and nothing more: the core speaks when it has heard our hello
                self._open(self._transport)
        except LinkError as error:
            self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(LinkError("the core closed the connection before the proof was done"))

    def _open(self, transport: asyncio.Transport) -> None:
        protocol = self._make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if not self.opened.done():
            self.opened.set_result(protocol)

    def _fail(self, error: LinkError) -> None:
        if self._transport is not None:
            self._transport.abort()
        if not self.opened.done():
            self.opened.set_exception(error)
