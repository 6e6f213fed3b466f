"""What the edge tells a browser-audio process and hears from it, on its own link (`webrtc.sock`).

The interface is what any WebRTC gateway can fill (`lite_leg` here, rtpengine later): a browser's offer goes
in with the engine's plain RTP address, an answer comes out with the plain RTP address the engine shall send
to. Plain RTP is PCMU, 20 ms, on loopback.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Base of all messages; the tag is the class name."""


class OfferLeg(Message, frozen=True, kw_only=True):
    """A browser's SDP offer for a new leg; its audio goes to engine_host:engine_port."""

    leg: str
    sdp: str
    engine_host: str
    engine_port: int


class MoveLeg(Message, frozen=True, kw_only=True):
    """The engine restarted and listens elsewhere for this leg."""

    leg: str
    engine_host: str
    engine_port: int


class CloseLeg(Message, frozen=True, kw_only=True):
    """Close the browser's connection."""

    leg: str


class LegAnswered(Message, frozen=True, kw_only=True):
    """The SDP answer for the page; the engine sends this leg's audio to relay_host:relay_port."""

    leg: str
    sdp: str
    relay_host: str
    relay_port: int


class LegConnected(Message, frozen=True, kw_only=True):
    """ICE and DTLS are up."""

    leg: str


class LegClosed(Message, frozen=True, kw_only=True):
    """The connection ended or was never made; `reason`: closed, failed, bad_offer, too_many …"""

    leg: str
    reason: str


ToBrowserAudio: TypeAlias = OfferLeg | MoveLeg | CloseLeg
FromBrowserAudio: TypeAlias = LegAnswered | LegConnected | LegClosed
