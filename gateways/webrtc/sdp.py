"""The page's offer and our answer to it (RFC 8829 section 5.3, RFC 8866): one audio section, PCMU, everything
multiplexed.

What an answer needs is taken out of the offer and checked; all else is left where it is. Candidates are not
read: a browser behind mDNS names gives none that mean anything here, and a page can't make this process send
packets to addresses of its choosing. Our candidates are in the answer, the browser checks them, and where its
checks come from is where it is (peer-reflexive, RFC 8445 section 7.3.1.3).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from gateways.webrtc.interface import Address, BadOfferError

OFFER_MAX_BYTES = 32 * 1024
# By name, with the bytes of each, strongest first; weaker ones are not accepted (RFC 8122 section 5).
HASHES = {"sha-512": 64, "sha-384": 48, "sha-256": 32}

_ICE_CHARS = re.compile(r"[A-Za-z0-9+/]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")
_PROFILES = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF")
_REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly"}


class Offer(NamedTuple):
    """What of the page's offer matters."""

    mid: str
    ufrag: str
    password: str
    fingerprints: dict[str, str]  # hash name → upper-case hexadecimal with colons
    direction: str


class Identity(NamedTuple):
    """Our side of a leg, as the answer states it."""

    ufrag: str
    password: str
    fingerprint: str  # sha-256
    ssrc: int
    cname: str


def parse_offer(text: str) -> Offer:
    """Read an offer or raise `BadOfferError` with the reason."""
    lines = _lines(text)
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) != 1:
        raise BadOfferError(f"{len(starts)} media sections where one of audio is expected")
    session, media = lines[: starts[0]], lines[starts[0] :]
    formats = _media_formats(media[0])
    attributes = _attributes(session) | _attributes(media)
    if "0" not in formats:
        raise BadOfferError("PCMU (payload type 0) is not offered")
    if "rtcp-mux" not in attributes:
        raise BadOfferError("RTP and RTCP are not multiplexed (rtcp-mux)")
    if attributes.get("setup", ["actpass"])[0] not in ("actpass", "active"):
        raise BadOfferError("the page does not offer to begin the DTLS handshake")
    directions = [name for name in (*_REVERSED, "inactive") if name in attributes] or ["sendrecv"]
    if directions[0] == "inactive":
        raise BadOfferError("the audio section is inactive")
    mid = attributes.get("mid", ["0"])[0]
    if not _TOKEN.fullmatch(mid):
        raise BadOfferError("mid is no token")
    return Offer(
        mid=mid,
        ufrag=_ice_value(attributes, "ice-ufrag", 4),
        password=_ice_value(attributes, "ice-pwd", 22),
        fingerprints=_fingerprints(attributes.get("fingerprint", [])),
        direction=directions[0],
    )


def build_answer(offer: Offer, ours: Identity, candidates: Sequence[Address]) -> str:
    """The answer: PCMU, ICE lite with all candidates in it, and the page begins the DTLS handshake."""
    default = candidates[0]
    family = "IP6" if ":" in default.host else "IP4"
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 0.0.0.0",  # RFC 8829 section 5.2.1: says nothing of the machine
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {offer.mid}",
        "a=ice-lite",
        f"m=audio {default.port} UDP/TLS/RTP/SAVPF 0",
        f"c=IN {family} {default.host}",
        *(_candidate(index, address) for index, address in enumerate(candidates)),
        "a=end-of-candidates",
        f"a=ice-ufrag:{ours.ufrag}",
        f"a=ice-pwd:{ours.password}",
        f"a=fingerprint:sha-256 {ours.fingerprint}",
        "a=setup:passive",
        f"a=mid:{offer.mid}",
        f"a={_REVERSED[offer.direction]}",
        "a=rtcp-mux",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=maxptime:20",
        f"a=msid:{ours.cname} {ours.cname}",
        f"a=ssrc:{ours.ssrc} cname:{ours.cname}",
    ]
    return "\r\n".join(lines) + "\r\n"


def _candidate(index: int, address: Address) -> str:
    """A host candidate (RFC 8839 section 5.1); the first is preferred (RFC 8445 section 5.1.2.1)."""
    priority = (126 << 24) | ((65535 - index) << 8) | 255
    return f"a=candidate:{index + 1} 1 udp {priority} {address.host} {address.port} typ host"


def _lines(text: str) -> list[str]:
    if len(text) > OFFER_MAX_BYTES:
        raise BadOfferError(f"longer than {OFFER_MAX_BYTES} bytes")
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or lines[0] != "v=0":
        raise BadOfferError("no SDP")
    return lines


def _media_formats(line: str) -> list[str]:
    """The payload types of `m=audio PORT PROFILE FORMAT…`."""
    parts = line[2:].split(" ")
    if len(parts) < 4 or parts[0] != "audio" or parts[2] not in _PROFILES:
        raise BadOfferError("the media section is not WebRTC audio")
    if parts[1] == "0":
        raise BadOfferError("the audio section is refused by its own port 0")
    return parts[3:]


def _attributes(lines: Sequence[str]) -> dict[str, list[str]]:
    """`a=name:value` by name, in order; those of the media section stand for themselves and override the
    session's.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            found.setdefault(name, []).append(value)
    return found


def _ice_value(attributes: dict[str, list[str]], name: str, shortest: int) -> str:
    """RFC 8839 section 5.4."""
    value = attributes.get(name, [""])[0]
    if not shortest <= len(value) <= 256 or not _ICE_CHARS.fullmatch(value):
        raise BadOfferError(f"{name} is missing or malformed")
    return value


def _fingerprints(values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, _, digits = value.lower().partition(" ")
        if name in HASHES:
            if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2})*", digits) or len(digits) + 1 != 3 * HASHES[name]:
                raise BadOfferError("a fingerprint is malformed")
            found[name] = digits.upper()
    if not found:
        raise BadOfferError("no fingerprint of a hash that is accepted here")
    return found
