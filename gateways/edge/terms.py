"""What was agreed on for one leg (RFC 3264), put into force in the audio engine.

Codecs are PCMU, PCMA and telephone-event. A hold is a direction: a peer that says `sendonly` or `inactive` is
not sent to, one that says `recvonly` or `inactive` is not listened to. A name where an address belongs is not
looked up, and an address that audio can't go to is not tried: audio then goes to the peer's own address.
"""

from __future__ import annotations

from gateways.edge.addresses import takes_audio
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.parts import Parts
from gateways.sip.admission import Refusal
from gateways.sip.negotiation import Negotiation
from gateways.sip.sdp import LocalMedia, MediaAgreement

_PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}  # RFC 3551 6


def judge_offer(body: bytes) -> Refusal | None:
    """Whether an offer can be answered at all; asked before ports are taken."""
    return Negotiation(LocalMedia("127.0.0.1", 9, 1)).take_offer(body)


def local_media(parts: Parts, audio: AudioLeg, peer_host: str) -> LocalMedia:
    """Our side of a leg's session descriptions. The leg is bound."""
    host = audio.told_host or parts.addresses.rtp_host(peer_host)
    return LocalMedia(host, audio.port, parts.clock.now_ms())


def connect(audio: AudioLeg, agreement: MediaAgreement, peer_host: str) -> None:
    """This is in force from now on."""
    remote = agreement.remote_address
    audio.connect(
        remote if takes_audio(remote, peer_host) else peer_host,
        agreement.remote_port,
        payload_type=_PAYLOAD_TYPES[agreement.codec],
        dtmf_payload_type=-1 if agreement.dtmf_payload_type is None else agreement.dtmf_payload_type,
        send=agreement.direction in ("sendrecv", "sendonly"),
        receive=agreement.direction in ("sendrecv", "recvonly"),
        peer_host=peer_host,
    )
