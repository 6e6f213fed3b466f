"""Session descriptions (RFC 4566) and offer/answer (RFC 3264) for telephone audio: PCMU, PCMA, telephone-event.

The parser keeps what audio needs (origin, connections, media lines, attributes) and drops the rest. Every
`m=` line of an offer gets its line in the answer, in the same order (RFC 3264 6): one audio stream is
taken, all others are refused with port 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.limits import SDP_FORMATS_MAX, SDP_LINES_MAX, SDP_MEDIA_MAX

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Attribute = tuple[str, str | None]

EVENTS = "telephone-event"  # RFC 4733
_EVENTS_NAME = EVENTS.upper()
_EVENTS_PAYLOAD_TYPE = 101  # what we call it in offers of ours
_EVENTS_FMTP = "0-16"
_STATIC = {0: "PCMU", 8: "PCMA"}  # RFC 3551 6
_PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}
_PAYLOAD_TYPE_MAX = 127  # RFC 3550 5.1: seven bits
_PROTOCOLS = ("RTP/AVP", "RTP/AVPF")
_DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
_HOST_MAX = 255  # RFC 1035 2.3.4
_UNSPECIFIED = ("0.0.0.0", "::")
PTIME_MS = 20


class Media(msgspec.Struct, frozen=True):
    """One `m=` line and what follows it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str = ""  # its own address; empty: the session's
    attributes: tuple[Attribute, ...] = ()

    def values(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for attribute, value in self.attributes if attribute == name and value is not None]

    def codecs(self) -> dict[int, str]:
        """The formats that are payload types, in the order of preference, each with its encoding name in upper case; empty when
        that is none of 8000 Hz with one channel."""
        mapped: dict[str, str] = {}
        for name, value in self.attributes:
            if name == "rtpmap" and value is not None:
                number_text, _, encoding = value.partition(" ")
                mapped.setdefault(number_text, encoding)
        found: dict[int, str] = {}
        for text in self.formats:
            if (
                text.isascii()
                and text.isdigit()
                and len(text) <= 3
                and (number := int(text)) <= _PAYLOAD_TYPE_MAX
            ):
                said = mapped.get(str(number))
                if said is None:
                    found[number] = _STATIC.get(number, "")
                else:
                    encoding, _, rate = said.strip().partition("/")
                    found[number] = encoding.upper() if rate in ("8000", "8000/1") else ""
        return found


class SessionDescription(msgspec.Struct, frozen=True):
    """A session description. `session_id` and `version` are text: they may exceed any integer."""

    username: str
    session_id: str
    version: str
    address: str  # of the origin
    connection: str = ""
    name: str = "-"
    time: str = "0 0"
    attributes: tuple[Attribute, ...] = ()
    media: tuple[Media, ...] = ()

    def with_version(self, version: int) -> SessionDescription:
        """The same under another version number (RFC 3264 8: one more for each change)."""
        return msgspec.structs.replace(self, version=str(version))

    def direction(self, media: Media) -> Direction:
        """The direction of a stream: its own, else the session's, else sendrecv (RFC 4566 6)."""
        for name, _ in (*media.attributes, *self.attributes):
            for direction in _DIRECTIONS:
                if name == direction:
                    return direction
        return "sendrecv"

    def address_of(self, media: Media) -> str:
        """Where a stream is received."""
        return media.connection or self.connection

    def to_bytes(self) -> bytes:
        """The description as it goes into a body."""
        lines = [
            "v=0",
            f"o={self.username} {self.session_id} {self.version} {_network(self.address)}",
            f"s={self.name}",
        ]
        if self.connection:
            lines.append(f"c={_network(self.connection)}")
        lines.append(f"t={self.time}")
        lines += [_attribute(attribute) for attribute in self.attributes]
        for media in self.media:
            lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.connection:
                lines.append(f"c={_network(media.connection)}")
            lines += [_attribute(attribute) for attribute in media.attributes]
        return ("\r\n".join(lines) + "\r\n").encode()


def _network(address: str) -> str:
    return f"IN IP{6 if ':' in address else 4} {address}"


def _attribute(attribute: Attribute) -> str:
    name, value = attribute
    return f"a={name}" if value is None else f"a={name}:{value}"


# Parsing

_Line = tuple[int, str, str]  # number, type, value


@lru_cache(maxsize=64)  # an offer is judged at the door and taken when there is audio
def parse_sdp(data: bytes) -> SessionDescription:
    """A session description; raises `SdpError`."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")  # RFC 4566 5: a bare LF should be taken too
    rows = [row.rstrip(" \t") for row in text.rstrip("\n").split("\n")]
    if len(rows) > SDP_LINES_MAX:
        raise SdpError("too many lines")
    if rows[0] != "v=0":
        raise SdpError("does not begin with v=0", 1)
    blocks: list[list[_Line]] = [[]]
    for number, row in enumerate(rows[1:], 2):
        kind, equals, value = row[:1], row[1:2], row[2:]
        if not row:
            continue  # seen from real devices, and harmless
        if equals != "=" or not ("a" <= kind <= "z") or "\r" in row or "\0" in row:
            raise SdpError("not a type and a value", number)
        if kind == "m":
            blocks.append([])
        blocks[-1].append((number, kind, value))
    if len(blocks) - 1 > SDP_MEDIA_MAX:
        raise SdpError("too many media")
    session, *media = blocks
    origin = next(((number, value) for number, kind, value in session if kind == "o"), None)
    if origin is None:
        raise SdpError("no origin")
    words = origin[1].rsplit(maxsplit=5)  # user names with a blank are seen too
    if len(words) != 6:
        raise SdpError("bad origin", origin[0])
    return SessionDescription(
        username=words[0],
        session_id=words[1],
        version=words[2],
        address=words[5],
        connection=_connection(session),
        name=next((value for _, kind, value in session if kind == "s"), "-"),
        time=_time(session),
        attributes=_attributes(session),
        media=tuple(_media(block) for block in media),
    )


def _connection(block: list[_Line]) -> str:
    for number, kind, value in block:
        if kind == "c":
            words = value.split()
            if (
                len(words) != 3
                or words[0] != "IN"
                or words[1] not in ("IP4", "IP6")
                or len(words[2]) > _HOST_MAX
            ):
                raise SdpError("bad connection", number)
            return words[2].partition("/")[0]  # a multicast address may carry a scope
    return ""


def _time(block: list[_Line]) -> str:
    """The first `t=`, which an answer repeats; one that is missing or no two numbers means a session without end."""
    text = next((value for _, kind, value in block if kind == "t"), "")
    words = text.split(" ")
    return text if len(words) == 2 and all(w.isascii() and w.isdigit() for w in words) else "0 0"


def _attributes(block: list[_Line]) -> tuple[Attribute, ...]:
    attributes: list[Attribute] = []
    for _, kind, value in block:
        if kind == "a":
            name, colon, text = value.partition(":")
            attributes.append((name, text if colon else None))
    return tuple(attributes)


def _media(block: list[_Line]) -> Media:
    number, _, value = block[0]
    words = value.split()
    if len(words) < 4:
        raise SdpError("bad media", number)
    if len(words) > SDP_FORMATS_MAX + 3:
        raise SdpError("too many formats", number)
    port = words[1].partition("/")[0]
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
        raise SdpError("bad port", number)
    return Media(words[0], int(port), words[2], tuple(words[3:]), _connection(block), _attributes(block))


# Offer and answer


class LocalMedia(msgspec.Struct, frozen=True):
    """Our side of a session. The answer says less than `direction` when the peer wants less."""

    address: str
    port: int
    session_id: int
    version: int = 1
    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    direction: Direction = "sendrecv"


class MediaAgreement(msgspec.Struct, frozen=True):
    """What one offer and its answer agree on."""

    codec: str
    payload_type: int
    dtmf_payload_type: int | None  # of the events that we receive
    ptime_ms: int  # what the peer would like to receive
    remote_address: str
    remote_port: int
    direction: Direction  # ours
    slot: int = 0  # which of the `m=` lines it is


def make_offer(local: LocalMedia) -> SessionDescription:
    """An offer of one audio stream with all our codecs."""
    payload_types = [(_PAYLOAD_TYPES[codec], codec) for codec in local.codecs]
    return _describe(local, [_audio(local, payload_types, _EVENTS_PAYLOAD_TYPE, "RTP/AVP", local.direction)])


def offer_again(
    local: LocalMedia, said: SessionDescription, heard: SessionDescription, agreement: MediaAgreement
) -> SessionDescription:
    """A later offer in a session that has descriptions of ours and of the peer (RFC 3264 8).

    It has every `m=` line of the session in its place, the audio in its slot and the others refused, and no
    payload type that meant one thing means another (8.3.2). The codec in use comes first, so that an offer
    which is only to refresh the session changes nothing.
    """
    slot = agreement.slot
    known = [description.media[slot] for description in (said, heard) if slot < len(description.media)]
    codecs = [agreement.codec, *(codec for codec in local.codecs if codec != agreement.codec)]
    payload_types = [(_PAYLOAD_TYPES[codec], codec) for codec in codecs if codec in local.codecs]
    audio = _audio(local, payload_types, _free_events_type(known), known[0].protocol, local.direction)
    longest = max(said.media, heard.media, key=len)
    media = [Media(line.kind, 0, line.protocol, line.formats) for line in longest]
    media[slot] = audio
    return _describe(local, media, said.time)


def _free_events_type(known: list[Media]) -> int | None:
    """The payload type that telephone events had in this stream, else one that nothing had."""
    for media in known:
        if (number := _events_type(media.codecs())) is not None:
            return number
    taken = {number for media in known for number in media.codecs()}
    dynamic = range(96, _PAYLOAD_TYPE_MAX + 1)  # RFC 3551 6
    return next((number for number in (_EVENTS_PAYLOAD_TYPE, *dynamic) if number not in taken), None)


def answer_offer(offer: SessionDescription, local: LocalMedia) -> tuple[SessionDescription, MediaAgreement]:
    """Our answer, and what was agreed; raises `NoCommonCodecError`."""
    agreement: MediaAgreement | None = None
    answered: list[Media] = []
    for slot, media in enumerate(offer.media):
        if agreement is None:
            agreement = _agree(offer, media, slot, local)
            if agreement is not None:
                codec = (agreement.payload_type, agreement.codec)
                answered.append(
                    _audio(local, [codec], agreement.dtmf_payload_type, media.protocol, agreement.direction)
                )
                continue
        answered.append(Media(media.kind, 0, media.protocol, media.formats))  # RFC 3264 6: refused
    if agreement is None:
        raise NoCommonCodecError
    return _describe(local, answered, offer.time), agreement  # RFC 3264 6: the time is the offer's


def accept_answer(offer: SessionDescription, answer: SessionDescription) -> MediaAgreement:
    """What the answer to our offer agrees on; raises `NoCommonCodecError`."""
    slot = next((at for at, media in enumerate(offer.media) if media.port), 0)
    ours = offer.media[slot]
    theirs = answer.media[slot] if slot < len(answer.media) else None
    if theirs is None or theirs.kind != "audio" or theirs.port == 0 or not answer.address_of(theirs):
        raise NoCommonCodecError
    offered, answered = ours.codecs(), theirs.codecs()
    for number, codec in answered.items():
        if codec in offered.values() and number == _PAYLOAD_TYPES.get(codec):
            events = _events_type(offered) if _events_type(answered) is not None else None
            direction = _common(offer.direction(ours), _reverse(_meant(answer, theirs)))
            return _agreement(answer, slot, codec, number, events, direction)
    raise NoCommonCodecError


def _agree(offer: SessionDescription, media: Media, slot: int, local: LocalMedia) -> MediaAgreement | None:
    """What this stream of an offer would agree on; None: not for us."""
    if media.kind != "audio" or media.port == 0 or media.protocol not in _PROTOCOLS:
        return None
    if not offer.address_of(media):
        return None
    direction = _common(local.direction, _reverse(_meant(offer, media)))
    # RFC 3264 6.1: the offerer's order of preference is followed.
    codecs = media.codecs()
    for number, codec in codecs.items():
        if codec in local.codecs and number == _PAYLOAD_TYPES[codec]:
            return _agreement(offer, slot, codec, number, _events_type(codecs), direction)
    return None


def _agreement(
    remote: SessionDescription,
    slot: int,
    codec: str,
    payload_type: int,
    events: int | None,
    direction: Direction,
) -> MediaAgreement:
    media = remote.media[slot]
    return MediaAgreement(
        codec=codec,
        payload_type=payload_type,
        dtmf_payload_type=events,
        ptime_ms=_ptime_ms(media),
        remote_address=remote.address_of(media),
        remote_port=media.port,
        direction=direction,
        slot=slot,
    )


def _events_type(codecs: dict[int, str]) -> int | None:
    """The payload type of telephone events among these."""
    return next((number for number, codec in codecs.items() if codec == _EVENTS_NAME), None)


def _ptime_ms(media: Media) -> int:
    text = next(iter(media.values("ptime")), "")
    sensible = text.isascii() and text.isdigit() and len(text) <= 3 and 0 < int(text) <= 200
    return int(text) if sensible else PTIME_MS


def _meant(description: SessionDescription, media: Media) -> Direction:
    """The direction of the peer; an unspecified address is the hold of RFC 2543 (RFC 3264 8.4): it hears nothing."""
    direction = description.direction(media)
    if description.address_of(media) in _UNSPECIFIED:
        return _common(direction, "sendonly")
    return direction


def _reverse(direction: Direction) -> Direction:
    """The same direction seen from the other side."""
    if direction == "sendonly":
        return "recvonly"
    return "sendonly" if direction == "recvonly" else direction


def _common(one: Direction, other: Direction) -> Direction:
    """Only what both allow."""
    send = one in ("sendrecv", "sendonly") and other in ("sendrecv", "sendonly")
    receive = one in ("sendrecv", "recvonly") and other in ("sendrecv", "recvonly")
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def _audio(
    local: LocalMedia,
    codecs: list[tuple[int, str]],
    events: int | None,
    protocol: str,
    direction: Direction,
) -> Media:
    attributes: list[Attribute] = [("rtpmap", f"{number} {codec}/8000") for number, codec in codecs]
    formats = [str(number) for number, _ in codecs]
    if events is not None:
        formats.append(str(events))
        attributes.append(("rtpmap", f"{events} {EVENTS}/8000"))
        attributes.append(("fmtp", f"{events} {_EVENTS_FMTP}"))
    attributes.append(("ptime", str(PTIME_MS)))
    attributes.append((direction, None))
    return Media("audio", local.port, protocol, tuple(formats), "", tuple(attributes))


def _describe(local: LocalMedia, media: list[Media], time: str = "0 0") -> SessionDescription:
    return SessionDescription(
        username="-",
        session_id=str(local.session_id),
        version=str(local.version),
        address=local.address,
        connection=local.address,
        name="santral",
        time=time,
        media=tuple(media),
    )
