"""One tick of everybody's audio as a few numpy calls: decode, conceal, multiply by the gains, add playbacks,
encode, send.

A leg has one row in every array for its life. Its outgoing packet lies ready in one structured array: a tick
writes payload, sequence number and timestamp of all rows at once, and the sockets send the bytes where they
lie. Per leg and tick there remain one look into the jitter buffer and one send.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateways.media import g711, rtp
from gateways.media.leg import Leg
from gateways.media.matrix import GainMatrix
from gateways.media.rtp import FRAME_SAMPLES

Samples32: TypeAlias = NDArray[np.float32]

# A lost frame repeats the one before while it fades, as the ear expects of a voice; after 60 ms there is silence.
_FADES = np.linspace(1, 0, 3 * FRAME_SAMPLES, dtype=np.float32).reshape(3, FRAME_SAMPLES)


class _Group:
    """The sending legs of one law."""

    def __init__(self, law: int, legs: list[Leg]) -> None:
        self.law = law
        self.legs = legs
        self.rows = np.fromiter((leg.row for leg in legs), np.intp, len(legs))


class Mixer:
    """The rows of all legs."""

    def __init__(self, rows_max: int) -> None:
        """Silence."""
        self.matrix = GainMatrix()
        self.heard: Samples32 = np.zeros((rows_max, FRAME_SAMPLES), np.float32)  # what each leg says
        self.playing: dict[int, Leg] = {}  # by row
        self._out: Samples32 = np.zeros((rows_max, FRAME_SAMPLES), np.float32)  # what each leg is told
        self._packets: NDArray[Any] = np.zeros(rows_max, rtp.PACKET)
        self._packets["version"] = rtp.VERSION_2
        self._packet_bytes = self._packets.view(np.uint8).data
        self._free = list(range(rows_max))
        self._rows = 0  # rows in use are below this
        self._receiving: list[Leg] = []
        self._sending: list[_Group] = []
        self._marked: set[int] = set()  # rows whose next packet carries the marker

    def take_row(self) -> tuple[int, int, memoryview] | None:
        """A row for a new leg, its SSRC and its outgoing packet; None when all are taken."""
        if not self._free:
            return None
        row = heapq.heappop(self._free)
        self._rows = max(self._rows, row + 1)
        ssrc = random.getrandbits(32)
        # RFC 3550, section 5.1: sequence number and timestamp begin anywhere.
        self._packets["ssrc"][row] = ssrc
        self._packets["sequence"][row] = random.getrandbits(16)
        self._packets["timestamp"][row] = random.getrandbits(32)
        start = row * rtp.PACKET_BYTES
        return row, ssrc, self._packet_bytes[start : start + rtp.PACKET_BYTES]

    def release_row(self, row: int) -> None:
        """The leg is gone."""
        self.matrix.remove(row)
        self.playing.pop(row, None)
        self.silence(row)
        self._marked.discard(row)
        heapq.heappush(self._free, row)

    def silence(self, row: int) -> None:
        """Nothing is heard from this leg any more."""
        self.heard[row] = 0

    def set_payload_type(self, row: int, payload_type: int, marked: bool) -> None:
        """How the leg's packets are labelled; `marked`: the next one begins a talk spurt (RFC 3551, section 4.1)."""
        if marked:
            self._marked.add(row)
        self._packets["payload_type"][row] = payload_type | (rtp.MARKER if row in self._marked else 0)

    def timestamp(self, row: int) -> int:
        """Of the leg's last packet."""
        return int(self._packets["timestamp"][row])

    def regroup(self, legs: Collection[Leg]) -> None:
        """Legs came, went or changed direction or law."""
        self._receiving = [leg for leg in legs if leg.connected and leg.receiving]
        self._sending = [
            _Group(law, group)
            for law in g711.ENCODE
            if (group := [leg for leg in legs if leg.connected and leg.sending and leg.payload_type == law])
        ]
        self._rows = max((leg.row for leg in legs), default=-1) + 1

    def tick(self) -> list[Leg]:
        """Move 20 ms; returns the legs whose playback has ended."""
        self._take_frames()
        out = self._out[: self._rows]
        self.matrix.multiply(self.heard, out)
        ended = self._add_playbacks() if self.playing else []
        np.rint(out, out=out)
        np.clip(out, -32_768, 32_767, out=out)
        self._send(out)
        return ended

    def skip(self, ticks: int) -> None:
        """Time passed without ticks: timestamps go on by as much."""
        self._packets["timestamp"][: self._rows] += ticks * FRAME_SAMPLES

    def _take_frames(self) -> None:
        """One frame of every leg into its row: heard, concealed or silence."""
        frames: dict[int, list[bytes]] = {law: [] for law in g711.DECODE}
        rows: dict[int, list[int]] = {law: [] for law in g711.DECODE}
        faded: list[int] = []
        fades: list[int] = []
        for leg in self._receiving:
            frame = leg.jitter.get()
            if frame is not None:
                leg.last_frame = frame
                leg.concealed = 0
            elif not leg.last_frame:
                continue
            elif leg.concealed == len(_FADES):
                leg.last_frame = b""
                self.heard[leg.row] = 0
                continue
            else:
                frame = leg.last_frame
                faded.append(leg.row)
                fades.append(leg.concealed)
                leg.concealed += 1
            frames[leg.payload_type].append(frame)
            rows[leg.payload_type].append(leg.row)
        for law, pieces in frames.items():
            if pieces:
                codes = np.frombuffer(b"".join(pieces), np.uint8).reshape(-1, FRAME_SAMPLES)
                self.heard[rows[law]] = g711.decode(codes, law)
        if faded:
            self.heard[faded] *= _FADES[fades]

    def _add_playbacks(self) -> list[Leg]:
        out = self._out
        return [
            leg
            for row, leg in self.playing.items()
            if leg.playback is not None and not leg.playback.add_to(out[row] if leg.sending else None)
        ]

    def _send(self, out: Samples32) -> None:
        packets = self._packets
        packets["timestamp"][: self._rows] += FRAME_SAMPLES
        for group in self._sending:
            packets["payload"][group.rows] = g711.encode(out[group.rows].astype(np.int16), group.law)
            packets["sequence"][group.rows] += 1
            for leg in group.legs:
                if leg.destination is None:
                    continue
                outgoing = self._pressed(leg) or leg.outgoing if leg.pressing else leg.outgoing
                try:
                    leg.sendto(outgoing, leg.destination)
                    leg.sent += 1
                except OSError:
                    leg.send_errors += 1
            if self._marked:
                self._unmark(group.legs)

    def _pressed(self, leg: Leg) -> bytes | None:
        """A key in the place of this packet's audio, under its number."""
        sequence, timestamp, ssrc = (
            int(self._packets[field][leg.row]) for field in ("sequence", "timestamp", "ssrc")
        )
        return leg.pressing.packet(leg.dtmf_payload_type, sequence, timestamp, ssrc)

    def _unmark(self, legs: list[Leg]) -> None:
        for leg in legs:
            if leg.row in self._marked and leg.sent:
                self._marked.discard(leg.row)
                self._packets["payload_type"][leg.row] = leg.payload_type
