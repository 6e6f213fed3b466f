"""One leg: a pair of ports, what arrives on them and where it is sent.

Everything from the network passes here and none of it is trusted: a datagram is audio, a key, a report, or it
is counted and forgotten. The peer's address comes from signalling first; then the first valid packet's source
takes over, for a peer behind address translation knows not its own address. Once latched, other sources are
dropped, so that nobody can talk into a call or draw its audio away by guessing a port; another takes over
only if it is the address that was signalled or when the leg has been silent. A host that signalling does not know
is heard, but has to go on for a while before it is sent to, and loses the leg at once to one that signalling knows. Once
such a one has spoken, no other host gets the leg: who is muted, or suppresses silence, would else be listened to.

Whoever signals may name somebody else as the one to send to (RFC 3264 has nothing against it), or forge who signals:
one small message would have us send 50 packets a second to a victim. So a stranger's leg sends to an address that
no packet came from for a short time at most, all addresses of a call together; `_waits_since` is when that began.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from gateways.media import rtp, telephone_event
from gateways.media.g711 import TO_LAW
from gateways.media.jitter import JitterBuffer
from gateways.media.key_sender import KeySender
from gateways.media.limits import (
    LATCH_UNKNOWN_MS,
    LATCH_UNKNOWN_PACKETS,
    LATCH_UNKNOWN_PAUSE_MS,
    LEG_SILENT_MS,
    UNHEARD_MS,
    UNPROVED_MS,
)
from gateways.media.messages import ConnectLeg, FromEngine, Key, LegFreed, LegHeard, LegSilent
from gateways.media.player import Playback
from gateways.media.ports import Pair
from gateways.media.reception import Reception, Verdict
from gateways.media.reports import Reports

Address: TypeAlias = Any  # as the socket module gives it: (host, port), with two more numbers for IPv6

_PAYLOAD_MAX_BYTES = 8 * rtp.FRAME_SAMPLES  # longer packets than 160 ms are no telephone's
_SILENT_S = LEG_SILENT_MS / 1_000
_PAUSE_S = LATCH_UNKNOWN_PAUSE_MS / 1_000


class _Kind(enum.Enum):
    """What a payload type means on a leg."""

    AUDIO = enum.auto()
    OTHER_LAW = enum.auto()  # a static type needs no agreement to be understood
    EVENT = enum.auto()
    NOISE = enum.auto()


# Looked up once: an enumeration's members cost the reader of 25,000 packets a second too much.
_AUDIO, _OTHER_LAW, _EVENT = _Kind.AUDIO, _Kind.OTHER_LAW, _Kind.EVENT
_NEWEST, _REORDERED = Verdict.NEWEST, Verdict.REORDERED


class Leg:
    """The state of one leg. The engine owns its row in the matrix."""

    def __init__(
        self,
        owner: str,
        name: str,
        row: int,
        pair: Pair,
        ssrc: int,
        outgoing: memoryview,
        tell: Callable[[str, FromEngine], None],
        *,
        stranger: bool = False,
    ) -> None:
        """`outgoing` is the leg's packet in the array of all; `tell` reports to the owner."""
        self.owner, self.name, self.row, self.pair = owner, name, row, pair
        self.reports = Reports(ssrc)
        self.outgoing = outgoing
        self.sendto: Callable[[memoryview | bytes, Address], int] = pair.rtp.sendto
        self.destination: Address = None  # where the audio goes; None: nowhere yet
        self.ip_version = 6 if pair.rtp.family == socket.AF_INET6 else 4
        self.connected = self.sending = self.receiving = False
        self.payload_type = 0
        self.playback: Playback | None = None
        self.jitter = JitterBuffer()
        self.last_frame = b""
        self.concealed = 0
        self.sent = 0
        self.send_errors = 0
        self.foreign = self.malformed = self.unexpected = self.duplicates = 0
        self._tell = tell
        self._kinds: dict[int, _Kind] = {}
        self._signalled: Address = None
        self._hosts: set[str] = set()  # from which the peer's packets are expected
        self._home = ""  # where the signalling came from first: that is what is proved
        self._source: Address = None
        self._stranger, self._proved = stranger, False
        self._waits_since: float | None = (
            None  # sent to an address that nothing came from; None: something did
        )
        self._waited_s = 0.0  # in all for addresses elsewhere, before now
        self._on_trial = False  # the source's host is none that signalling knows, and it is not sent to yet
        self._trial_packets, self._trial_began = 0, 0.0
        self._known_spoke = False  # a host that signalling knows, since it named this address
        self._heard = False
        self._heard_at = 0.0
        self._reception: Reception | None = None
        self._received_before = self._lost_before = 0  # of earlier sources on this leg
        self._keys = telephone_event.KeyDetector()
        self.pressing = KeySender()
        self.dtmf_payload_type = -1
        self._rtcp_source: Address = None

    def connect(self, command: ConnectLeg, address: Address, now: float) -> None:
        """Take over what signalling agreed; a changed address must be latched anew."""
        self._home = self._home or command.peer_host
        if self._signalled != address or not self.connected:
            self._signalled = address
            self._source = self._rtcp_source = None
            self._on_trial = self._known_spoke = False
            if self._waits_since is None and address is not None:
                self._waits_since = now  # else it would begin anew with every change
            self.destination = address if self._may_wait(now) else None
        if command.payload_type != self.payload_type:
            self.payload_type = command.payload_type
            self._forget_audio()  # what is buffered is in the other law
        if not command.receive:
            self._forget_audio()
        remote_host = address[0] if address is not None else command.remote_host  # as sources are spelled
        self._hosts = {host for host in (remote_host, command.peer_host) if host}
        self._kinds = dict.fromkeys(TO_LAW, _Kind.OTHER_LAW)
        self._kinds[rtp.COMFORT_NOISE] = _Kind.NOISE
        self.dtmf_payload_type = command.dtmf_payload_type
        if command.dtmf_payload_type < 0:
            self.pressing = KeySender()
        if command.dtmf_payload_type >= 0:
            self._kinds[command.dtmf_payload_type] = _Kind.EVENT
        self._kinds[command.payload_type] = _Kind.AUDIO
        self.connected = True
        self.sending, self.receiving = command.send, command.receive

    def prove(self, now: float) -> None:
        """Who signals is no forger; whom they named may still have asked for nothing."""
        if not self._proved:
            self._proved = True
            if self._waits_since is not None:
                self._waits_since = now
                self.destination = self._signalled if self._may_wait(now) else None

    def _may_wait(self, now: float) -> bool:
        """Whether to go on sending to an address that no packet came from."""
        if not self._stranger or self._waits_since is None or self._signalled is None:
            return True
        at_home = self._signalled[0] == self._home
        if self._proved and at_home:
            return True
        if self._proved:
            limit_ms = UNHEARD_MS
        else:
            limit_ms = UNPROVED_MS if at_home else 0
        return (self._waited_s + now - self._waits_since) * 1_000 < limit_ms

    def _waits_no_longer(self, now: float) -> None:
        """Something came from where audio goes."""
        if self._waits_since is None:
            return
        if self._proved and self._signalled is not None and self._signalled[0] != self._home:
            self._waited_s = min(self._waited_s + now - self._waits_since, UNHEARD_MS / 1_000)
        self._waits_since = None

    def _forget_audio(self) -> None:
        self.jitter.reset()
        self.last_frame = b""
        self.concealed = 0

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take a datagram that came to the RTP port."""
        packet = rtp.parse(data)
        if packet is None or len(packet[5]) > _PAYLOAD_MAX_BYTES:
            self.malformed += 1
            return
        payload_type, _, sequence, timestamp, ssrc, payload = packet
        kind = self._kinds.get(payload_type)
        if kind is None:
            self._receive_unexpected(data, source, now)
            return
        if source != self._source and not self._latch(source, now):
            self.foreign += 1
            return
        if self._on_trial:
            self._try(source, now)
        reception = self._reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._begin_reception(ssrc, sequence)
        verdict = reception.update(sequence)
        if verdict is not _NEWEST and not self._accept(verdict):
            return
        self._heard_at = now
        if not self._heard:  # on hold too: whoever watches the peer must learn when it falls silent
            self._heard = True
            self._tell(self.owner, LegHeard(leg=self.name))
        if kind is not _AUDIO:
            if kind is _EVENT:
                self._receive_event(timestamp, payload, now)
            if kind is not _OTHER_LAW:
                return
            payload = payload.translate(TO_LAW[self.payload_type])
        reception.update_jitter(timestamp, now * 8_000)
        if self.receiving:
            self.jitter.put(timestamp, payload, verdict is not _REORDERED)

    def _accept(self, verdict: Verdict) -> bool:
        """Whether a packet out of its place counts."""
        if verdict == Verdict.DUPLICATE:
            self.duplicates += 1
        elif verdict == Verdict.RESTARTED:
            self.jitter.reset()
            self._begin_keys()
        return verdict in (Verdict.REORDERED, Verdict.RESTARTED)

    def _receive_unexpected(self, data: bytes, source: Address, now: float) -> None:
        if rtp.is_rtcp(data):
            self.receive_rtcp(data, source, now)
        else:
            self.unexpected += 1

    def _latch(self, source: Address, now: float) -> bool:
        """Whether this source may take the leg over, and let it."""
        known = not self._hosts or source[0] in self._hosts
        if self._known_spoke and not known:
            return False
        taken = self._source is not None
        if taken and now - self._heard_at < (_PAUSE_S if self._on_trial else _SILENT_S):
            expected = known and bool(self._hosts) and self._source[0] not in self._hosts
            # Whoever is sent to while another is tried goes on where a pause made room for that one.
            resumed = self._on_trial and source == self.destination
            if not expected and not resumed and source != self._signalled:
                return False
        self._source = source
        self._on_trial = not known
        if known:
            self._known_spoke = bool(self._hosts)
            self.destination = source
            self._waits_no_longer(now)
        else:
            self._trial_packets, self._trial_began = 0, now
        if taken:
            self._forget_audio()
        return True

    def _try(self, source: Address, now: float) -> None:
        """Whoever sprays packets at our ports moves on; a peer whose media come from an unknown host goes on."""
        if now - self._heard_at >= _PAUSE_S:
            self._trial_packets, self._trial_began = 0, now
        self._trial_packets += 1
        long_enough = (now - self._trial_began) * 1_000 >= LATCH_UNKNOWN_MS
        if self._trial_packets >= LATCH_UNKNOWN_PACKETS and long_enough:
            self._on_trial = False
            self.destination = source
            self._waits_no_longer(now)

    def _begin_reception(self, ssrc: int, sequence: int) -> Reception:
        """Another synchronization source: its numbers have nothing to do with those before (RFC 3550, section 8)."""
        if self._reception is not None:
            self._received_before += self._reception.received
            self._lost_before += self._reception.lost
            self._forget_audio()
            self._begin_keys()
        self._reception = Reception(ssrc, sequence)
        return self._reception

    def _begin_keys(self) -> None:
        """A new timeline: by the old one its keys might be taken for late packets until the call ends."""
        self._tell_presses(self._keys.finish())
        self._keys = telephone_event.KeyDetector()

    def _receive_event(self, timestamp: int, payload: bytes, now: float) -> None:
        event = telephone_event.parse(payload)
        if event is None:
            self.malformed += 1
            return
        self._tell_presses(self._keys.put(timestamp, event, now))

    def _tell_presses(self, presses: list[telephone_event.Press]) -> None:
        for press in presses:
            self._tell(self.owner, Key(leg=self.name, key=press.key, duration_ms=press.duration_ms))

    def check(self, now: float) -> None:
        """What time alone brings: silence, a key whose end was lost. Called several times a second."""
        if self._keys.down:
            self._tell_presses(self._keys.check(now))
        if self.destination is not None and not self._may_wait(now):
            self.destination = None
        if self._heard and now - self._heard_at >= _SILENT_S:
            self._heard = False
            silent_ms = int((now - self._heard_at) * 1_000)
            self._tell(self.owner, LegSilent(leg=self.name, silent_ms=silent_ms))

    def receive_rtcp(self, data: bytes, source: Address, now: float) -> None:
        """Take a datagram that came to the RTCP port, or RTCP that came to the RTP port (RFC 5761)."""
        known = self._signalled if self._on_trial else self._source or self._signalled
        if known is None or source[0] != known[0]:
            self.foreign += 1
        elif self.reports.receive(data, now):
            self._rtcp_source = source
            if self._source is None or self._on_trial:  # who only listens reports all the same
                self.destination = self._signalled
                self._waits_no_longer(now)
        else:
            self.malformed += 1

    def report(self, now: float, timestamp: int, goodbye: bool = False) -> None:
        """Send a report, to where the peer's come from, else to the port after its RTP port."""
        target = self._rtcp_source
        if target is None:
            if self.destination is None or self.destination[1] >= 65_535:
                return
            target = (self.destination[0], self.destination[1] + 1, *self.destination[2:])
        try:
            self.pair.rtcp.sendto(
                self.reports.build(now, self.sent, timestamp, self._reception, goodbye), target
            )
        except OSError:
            self.send_errors += 1

    def freed(self) -> LegFreed:
        """What was counted."""
        reception = self._reception
        return LegFreed(
            leg=self.name,
            packets_sent=self.sent,
            packets_received=self._received_before + (reception.received if reception else 0),
            packets_lost=self._lost_before + (reception.lost if reception else 0),
            packets_late=self.jitter.late,
            jitter_ms=round(reception.jitter / 8, 1) if reception else 0.0,
        )

    def counters(self) -> str:
        """What is only of interest when something was wrong."""
        return (
            f"foreign {self.foreign}, malformed {self.malformed}, unexpected {self.unexpected}, "
            f"duplicates {self.duplicates}, skipped {self.jitter.skipped}, send errors {self.send_errors}, "
            f"lost at the peer {self.reports.peer_lost}, round trip {self.reports.round_trip_ms:.1f} ms"
        )
