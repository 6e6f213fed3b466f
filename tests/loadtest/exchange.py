"""A telephone exchange on loopback, made of our own SIP stack: the test says what becomes of the first call, the second, ..."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from acd_core.config import Config
from gateways.edge.addresses import LocalAddresses
from gateways.edge.clock import Clock
from gateways.edge.dialogs import Dialogs
from gateways.edge.guard.guard import Guard
from gateways.edge.listeners.place import Place
from gateways.edge.listeners.tls import TlsContexts
from gateways.edge.point import SipPoint
from gateways.edge.sources import OnceLog
from gateways.edge.trace import Trace
from gateways.media import rtp, telephone_event
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog, dialog_id_of
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.message import Request, Response
from gateways.sip.sdp import LocalMedia, answer_offer, parse_sdp
from tests.support.rtp_phone import RtpPhone


class Exchange:
    """Answers a call with the status that `status_of` has for its number; 180 rings until it is cancelled."""

    def __init__(
        self,
        status_of: Callable[[int], int],
        *,
        last_key: str = "",
        body: bytes | None = None,
        place: Place | None = None,
        make_tls: Callable[[], TlsContexts] | None = None,
    ) -> None:
        """With `last_key` it hangs up when that key was pressed; `body` instead of a proper answer."""
        self.status_of, self.last_key, self.body = status_of, last_key, body
        addresses, clock = LocalAddresses(Config()), Clock()
        guard = Guard(OnceLog(logging.getLogger(__name__), "SIP", clock.monotonic_ms))
        self.place = place or Place("UDP", "127.0.0.1", 0)
        trace = Trace(Path(), 0, clock)
        self.point = SipPoint([self.place], addresses, clock, trace, guard, make_tls=make_tls)
        self.dialogs = Dialogs()
        self.callers: list[str] = []
        self.lines: list[Line] = []

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        dialog = dialog_id_of(request)
        if dialog is None:
            self.callers.append(request.from_.uri.user_text)
            self.lines.append(Line(self, key, request, source, self.status_of(len(self.callers))))
            return
        line = self.dialogs.find(dialog)
        if line is None:
            self.point.respond(key, respond(request, 481))
        else:
            line.request_received(key, request, source)


class Line:
    """One call at the exchange."""

    def __init__(
        self, exchange: Exchange, key: ServerKey, invite: Request, source: Flow, status: int
    ) -> None:
        self._exchange, self._invite, self._source = exchange, invite, source
        self._tag = f"t{len(exchange.callers)}"
        self._dialog: Dialog | None = None
        self.phone = RtpPhone()
        self.keys = ""
        self.story: list[str] = []
        self._detector = telephone_event.KeyDetector()
        point = exchange.point
        if status == 200:
            self._answer(key)
        else:
            point.respond(key, respond(invite, status, to_tag=self._tag), self if status < 200 else None)

    def _answer(self, key: ServerKey) -> None:
        exchange = self._exchange
        local = LocalMedia("127.0.0.1", self.phone.port, 1)
        answer, agreement = answer_offer(parse_sdp(self._invite.body), local)
        assert agreement.codec == "PCMU"
        self.phone.payload_type = agreement.payload_type
        self.phone.target = (agreement.remote_address, agreement.remote_port)
        self._dialog = Dialog.as_callee(self._invite, self._tag)
        exchange.dialogs.add(self._dialog.id, self)
        response = respond(
            self._invite,
            200,
            to_tag=self._tag,
            contact=exchange.point.contact(self._source),
            body=answer.to_bytes() if exchange.body is None else exchange.body,
            content_type="application/sdp",
        )
        self._dialog.response_sent(self._invite, response)
        exchange.point.respond(key, response, self)
        asyncio.get_running_loop().add_reader(self.phone.socket.fileno(), self._audio)
        self.phone.send_frame()

    def _audio(self) -> None:
        for packet in self.phone.receive():
            payload_type, _, _, timestamp, _, payload = packet
            event = telephone_event.parse(payload) if payload_type == 101 else None
            if event is not None:
                self.keys += "".join(press.key for press in self._detector.put(timestamp, event, 0.0))
        if self._exchange.last_key and self._exchange.last_key in self.keys and "BYE sent" not in self.story:
            self.ask("BYE")

    def ask(self, method: str) -> None:
        """A request of ours within the dialog."""
        assert self._dialog is not None
        self.story.append(f"{method} sent")
        self._exchange.point.request(self._dialog.request(method), self._source, self)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.phone.socket.fileno())
        self.phone.close()

    def tone(self) -> list[rtp.Packet]:
        """What was said."""
        return [packet for packet in self.phone.packets if packet[0] == 0]

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        self.story.append(request.method)
        self._exchange.point.respond(key, respond(request, 200))

    def cancelled(self, key: ServerKey, request: Request) -> None:
        self.story.append("CANCEL")
        self._exchange.point.respond(key, respond(self._invite, 487, to_tag=self._tag))

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        assert self._dialog is not None
        self._dialog.ack_received(request)
        self.story.append("ACK")

    def not_acknowledged(self, key: ServerKey) -> None:
        self.story.append("no ACK")

    def answered_for(self, key: ServerKey) -> None:
        self.story.append("504")

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        if response.status >= 200:
            self.story.append(f"{response.status} {response.cseq.method}")

    def failed(self, key: ClientKey, status: int) -> None:
        self.story.append(f"no answer: {status}")

    def ended(self, key: ClientKey) -> None:
        raise AssertionError("no INVITE is sent from here")


@contextlib.asynccontextmanager
async def open_exchange(exchange: Exchange) -> AsyncIterator[str]:
    """Its address as a URI."""
    exchange.point.open(exchange)
    try:
        port = exchange.point.port_of(exchange.place.transport, ipv6=False)
        yield f"sip:185@127.0.0.1:{port}"
    finally:
        for line in exchange.lines:
            line.close()
        exchange.point.close()
