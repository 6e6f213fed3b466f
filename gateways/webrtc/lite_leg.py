"""Browser legs without a WebRTC library: an ICE lite agent, DTLS by OpenSSL, SRTP by libsrtp, and PCMU as it
is.

A page's audio is never decoded here: packets are decrypted and go to the engine, the engine's packets are
renumbered, encrypted and go to the page. That is all the work a leg makes
(docs/decisions/0041-browser-audio.md has the figures).

A leg goes through these: it waits for the page's connectivity checks (`Doors` answers them), then for the
DTLS handshake that the page begins, then audio flows. It takes the address that the page nominated last, so a
page whose network changes keeps its leg; but once audio flows only when the page answers there. The source of
a check is easily forged, and who has a leg could else point its audio at anybody. A leg ends when the page says
so (DTLS close_notify), when the handshake fails, when nothing came up in time, or when the page has fallen silent:
a page that talks sends fifty packets a second, and one that only listens a check every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
from collections.abc import Sequence

from gateways.media import rtp
from gateways.media.reception import Reception
from gateways.media.reports import Reports
from gateways.webrtc import stun
from gateways.webrtc.door import Door, Doors
from gateways.webrtc.dtls import Credentials, DtlsError, DtlsServer, State
from gateways.webrtc.interface import CLOSED, FAILED, LOST, Address, LegEvents
from gateways.webrtc.relay import PCMU, EngineRelay
from gateways.webrtc.sdp import Identity, Offer, build_answer, parse_offer
from gateways.webrtc.srtp import Srtp
from gateways.webrtc.stream import CLOCK_HZ, Stream
from gateways.webrtc.udp import UdpAddress

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 15.0
SILENT_TALKER_S = 3.0  # after audio
SILENT_LISTENER_S = 10.0  # after anything else
_WATCH_EVERY_S = 0.5
_STALL_S = 0.25  # this process was not running for so long: nobody's silence
_ICE_CHARS = string.ascii_letters + string.digits


class LiteAudio:
    """The gateway (`BrowserAudio`)."""

    def __init__(self, doors: Doors) -> None:
        """`doors` are open."""
        self.doors = doors
        self.credentials = Credentials()
        self.legs: set[LiteLeg] = set()
        self._watch = asyncio.get_running_loop().create_task(self._watch_legs())

    @classmethod
    async def start(cls, hosts: Sequence[str], port: int = 0, advertised_host: str = "") -> LiteAudio:
        """Bind the sockets that browsers come to."""
        doors = Doors(hosts, port, advertised_host)
        try:
            await doors.open()
        except OSError:
            await doors.close()
            raise
        return cls(doors)

    async def open(self, offer: str, engine: Address, events: LegEvents) -> LiteLeg:
        """Answer a page's offer."""
        parsed = parse_offer(offer)
        leg = LiteLeg(self, parsed, events)
        leg.relay_socket = await EngineRelay.open(engine, leg.to_page)
        self.legs.add(leg)
        self.doors.admit(leg)
        return leg

    async def stop(self) -> None:
        """Give the sockets back."""
        self._watch.cancel()
        await asyncio.wait([self._watch])
        await self.doors.close()

    async def _watch_legs(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + _WATCH_EVERY_S
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now = loop.time()
            late_s, due = now - due, now + _WATCH_EVERY_S
            for leg in list(self.legs):
                if late_s > _STALL_S:
                    leg.stood_still(late_s, now)
                leg.watch(now)


class LiteLeg:
    """One page's audio (`BrowserLeg`, and `Guest` of the doors)."""

    relay_socket: EngineRelay

    def __init__(self, audio: LiteAudio, offer: Offer, events: LegEvents) -> None:
        """Nothing is bound yet; `LiteAudio.open` does that."""
        self._audio = audio
        self._events = events
        self._loop = asyncio.get_running_loop()
        self.remote_ufrag, self._remote_password = offer.ufrag, offer.password.encode()
        self.ufrag = _random_chars(8)
        password = _random_chars(24)
        self.password = password.encode()
        self._ssrc = secrets.randbits(32)
        self.answer = build_answer(
            offer,
            Identity(
                self.ufrag, password, audio.credentials.fingerprint, self._ssrc, cname=_random_chars(16)
            ),
            audio.doors.candidates,
        )
        self._dtls = DtlsServer(audio.credentials, offer.fingerprints)
        self._retransmission: asyncio.TimerHandle | None = None
        self._srtp: Srtp | None = None
        # The first number is below the middle, so that it does not wrap before SRTP's first packets are known to
        # both sides (RFC 3711 section 3.3.1: the rollover is guessed from the first packet).
        self._stream = Stream(secrets.randbits(15), secrets.randbits(32))
        self._reports = Reports(self._ssrc)
        self._reception: Reception | None = None
        self._door: Door | None = None
        self.page: UdpAddress = ()
        self._asked: tuple[Door, UdpAddress, bytes] | None = None  # where the page says it is now
        self._began_at = self._heard_at = self._loop.time()
        self._spoke_at = 0.0  # when audio came last
        self._closing: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """The handshake is done, and the leg not over."""
        return self._srtp is not None

    @property
    def relay(self) -> Address:
        """Where the engine sends this leg's audio."""
        return Address(*self.relay_socket.bound_to)

    def move(self, engine: Address) -> None:
        """The engine is elsewhere now."""
        self.relay_socket.move(engine)

    async def close(self) -> None:
        """Say goodbye and free everything, telling nobody."""
        self._end(None)
        if self._closing is not None:
            await self._closing

    def checked(self, door: Door, address: UdpAddress, *, nominated: bool) -> None:
        """The page's check came (and was answered): RFC 8445 section 7.3.1.5, for lite agents 7.3.2."""
        self._heard_at = self._loop.time()
        if self._door is None or (nominated and not self.connected):
            self._door, self.page = door, address
        elif (door, address) == (self._door, self.page):
            self._asked = None
        elif nominated or self._is_asked(door, address):
            self._ask(door, address)

    def _is_asked(self, door: Door, address: UdpAddress) -> bool:
        return self._asked is not None and self._asked[:2] == (door, address)

    def _ask(self, door: Door, address: UdpAddress) -> None:
        """The page checks again and again where it is, so a question that is lost is asked again."""
        if self._asked is None or not self._is_asked(door, address):
            self._asked = (door, address, secrets.token_bytes(stun.TRANSACTION_BYTES))
        user = f"{self.remote_ufrag}:{self.ufrag}"
        door.send(stun.question(user, self._remote_password, self._asked[2]), address)

    def answered(self, door: Door, address: UdpAddress, data: bytes) -> None:
        """The page is there: its audio goes there from now on."""
        if self._asked is None or not self._is_asked(door, address):
            return
        if stun.is_answer(data, self._asked[2], self._remote_password):
            self._door, self.page, self._asked = door, address, None

    def receive(self, data: bytes) -> None:
        """A datagram of the page: RFC 7983 section 7 tells what by the first byte."""
        first = data[0]
        if 128 <= first <= 191:
            self._receive_srtp(data)
        elif 20 <= first <= 63:
            self._receive_dtls(data)

    def to_page(self, packet: rtp.Packet) -> None:
        """A packet of the engine."""
        if self._srtp is None or self._door is None:
            return
        kind, marker, sequence, timestamp, ssrc, payload = packet
        numbers = self._stream.next(ssrc, sequence, timestamp, self._loop.time())
        if numbers is not None:
            plain = rtp.build(kind, marker, numbers.sequence, numbers.timestamp, self._ssrc, payload)
            self._door.send(self._srtp.protect(plain), self.page)

    def stood_still(self, late_s: float, now: float) -> None:
        """This process was stopped or starved: what the page sent meanwhile waits in the socket, or was just read."""
        self._began_at = min(self._began_at + late_s, now)
        self._heard_at = min(self._heard_at + late_s, now)
        self._spoke_at = min(self._spoke_at + late_s, now)

    def watch(self, now: float) -> None:
        """Now and then: is the page still there?"""
        if self._srtp is None:
            if now - self._began_at > CONNECT_TIMEOUT_S:
                self._end(FAILED)
            return
        talking = self._heard_at - self._spoke_at < 1.0
        if now - self._heard_at > (SILENT_TALKER_S if talking else SILENT_LISTENER_S):
            self._end(LOST)
        elif self._reports.due(now):
            self._report(now, goodbye=False)

    def _receive_srtp(self, data: bytes) -> None:
        if self._srtp is None:
            return
        now = self._loop.time()
        if rtp.is_rtcp(data):
            plain = self._srtp.unprotect_rtcp(data)
            if plain is not None:
                self._heard_at = now
                self._reports.receive(plain, now)
            return
        plain = self._srtp.unprotect(data)
        packet = rtp.parse(plain) if plain is not None else None
        if packet is None or packet[0] != PCMU or not packet[5]:
            return
        self._heard_at = self._spoke_at = now
        kind, marker, sequence, timestamp, ssrc, payload = packet
        reception = self._reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._reception = Reception(ssrc, sequence)
        reception.update(sequence)
        reception.update_jitter(timestamp, now * CLOCK_HZ)
        self.relay_socket.send_audio(rtp.build(kind, marker, sequence, timestamp, ssrc, payload))

    def _report(self, now: float, *, goodbye: bool) -> None:
        if self._srtp is not None and self._door is not None:
            sent, timestamp = self._stream.sent, self._stream.timestamp
            plain = self._reports.build(now, sent, timestamp, self._reception, goodbye)
            self._door.send(self._srtp.protect_rtcp(plain), self.page)

    def _receive_dtls(self, data: bytes) -> None:
        if self._closing is not None:
            return
        try:
            keys = self._dtls.receive(data)
        except DtlsError as error:
            log.warning("a page's handshake failed: %s", error)
            self._send_dtls()
            self._end(FAILED)
            return
        self._send_dtls()
        if keys is not None:
            self._srtp = keys
            self._heard_at = self._loop.time()
            self._events.connected()
        elif self._dtls.state is State.CLOSED:
            self._end(CLOSED)

    def _send_dtls(self) -> None:
        """Send what the handshake has to say and see when it wants to say it again."""
        if self._door is not None:
            for datagram in self._dtls.datagrams():
                self._door.send(datagram, self.page)
        if self._retransmission is not None:
            self._retransmission.cancel()
            self._retransmission = None
        timeout_s = self._dtls.timeout_s()
        if timeout_s is not None and self._closing is None:
            self._retransmission = self._loop.call_later(timeout_s, self._retransmit)

    def _retransmit(self) -> None:
        self._retransmission = None
        try:
            self._dtls.retransmit()
        except DtlsError:
            self._end(FAILED)
            return
        self._send_dtls()

    def _end(self, reason: str | None) -> None:
        """Free everything once; the first reason counts."""
        if self._closing is not None:
            return
        self._log_quality()
        self._closing = self._loop.create_task(self.relay_socket.close())
        self._audio.legs.discard(self)
        self._report(self._loop.time(), goodbye=True)
        self._dtls.close()
        self._send_dtls()
        self._audio.doors.forget(self)
        self._srtp = None
        if reason is not None:
            self._events.closed(reason)

    def _log_quality(self) -> None:
        """One line a leg: what to look at when an operator says that the audio was bad."""
        reception, reports = self._reception, self._reports
        log.info(
            "audio of a page: %d packets from it, %d of them lost; %d to it, %d lost, %d too late to send; "
            "round trip %.0f ms",
            reception.received if reception is not None else 0,
            reception.lost if reception is not None else 0,
            self._stream.sent,
            reports.peer_lost,
            self._stream.late,
            reports.round_trip_ms,
        )


def _random_chars(count: int) -> str:
    return "".join(secrets.choice(_ICE_CHARS) for _ in range(count))
