"""Offer and answer of one leg (RFC 3264): what was agreed goes to the audio engine.

Codecs are PCMU, PCMA and telephone-event. A hold is a direction: a peer that says `sendonly` or `inactive` is
not sent to, one that says `recvonly` or `inactive` is not listened to. A name where an address belongs is not
looked up, and an address that audio can't go to is not tried: audio then goes to the peer's own address.
"""

from __future__ import annotations

import msgspec

from gateways.edge.addresses import takes_audio
from gateways.edge.audio_leg import AudioLeg
from gateways.sip.errors import NoCommonCodecError
from gateways.sip.sdp import (
    LocalMedia,
    MediaAgreement,
    SessionDescription,
    accept_answer,
    answer_offer,
    make_offer,
    parse_sdp,
)

SDP_TYPE = "application/sdp"
_PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}  # RFC 3551 6


def is_acceptable(offer: SessionDescription) -> bool:
    """Whether an offer can be answered at all; asked before ports are taken."""
    try:
        answer_offer(offer, LocalMedia("127.0.0.1", 9, 1))
    except NoCommonCodecError:
        return False
    return True


class Terms:
    """The audio terms of one leg, first and later ones."""

    def __init__(self, audio: AudioLeg, address: str, session_id: int, peer_host: str) -> None:
        """`address` is what SDP says; the port is the audio leg's, which is bound by now."""
        self._audio, self._peer_host = audio, peer_host
        self._local = LocalMedia(address, audio.port, session_id)
        self._said = b""
        self._offered: SessionDescription | None = None

    @property
    def awaits_answer(self) -> bool:
        """An offer of ours is open."""
        return self._offered is not None

    def offer(self) -> bytes:
        """Our offer; `take_answer` comes next."""
        self._offered, body = self._versioned(make_offer(self._local))
        return body

    def take_answer(self, body: bytes) -> None:
        """The peer's answer; raises `SdpError` or `NoCommonCodecError`."""
        assert self._offered is not None
        agreement = accept_answer(self._offered, parse_sdp(body))
        self._offered = None
        self._apply(agreement)

    def answer(self, offer: SessionDescription) -> bytes:
        """Our answer, in force at once; raises `NoCommonCodecError` and leaves everything as it was."""
        answer, agreement = answer_offer(offer, self._local)
        _, body = self._versioned(answer)
        self._apply(agreement)
        return body

    def _versioned(self, said: SessionDescription) -> tuple[SessionDescription, bytes]:
        """RFC 3264 8: the version in `o=` grows by one when anything changed, and only then."""
        body = said.to_bytes()
        if self._said and body != self._said:
            self._local = msgspec.structs.replace(self._local, version=self._local.version + 1)
            said = said.with_version(self._local.version)
            body = said.to_bytes()
        self._said = body
        return said, body

    def _apply(self, agreement: MediaAgreement) -> None:
        remote = agreement.remote_address
        self._audio.connect(
            remote if takes_audio(remote, self._peer_host) else self._peer_host,
            agreement.remote_port,
            payload_type=_PAYLOAD_TYPES[agreement.codec],
            dtmf_payload_type=-1 if agreement.dtmf_payload_type is None else agreement.dtmf_payload_type,
            send=agreement.direction in ("sendrecv", "sendonly"),
            receive=agreement.direction in ("sendrecv", "recvonly"),
            peer_host=self._peer_host,
        )
