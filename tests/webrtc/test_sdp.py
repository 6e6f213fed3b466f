"""Offers of real browsers, offers that can't be answered, and answers that another implementation reads."""

from __future__ import annotations

import aiortc.sdp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.webrtc.interface import Address, BadOfferError
from gateways.webrtc.sdp import OFFER_MAX_BYTES, Identity, build_answer, parse_offer

SHA256 = ":".join(["AB"] * 32)

CHROMIUM = f"""v=0
o=- 8263862412345 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 6a1b
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 bf3e2d8c-8dd8-4c73-9d5b-8e7f5c3f6a11.local 51234 typ host generation 0
a=ice-ufrag:kS3/
a=ice-pwd:u8Q+nR0lJ1sT4vXyZ6aBcDeF
a=ice-options:trickle
a=fingerprint:sha-256 {SHA256}
a=setup:actpass
a=mid:0
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:6a1b 9c2d
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ssrc:3217 cname:xyz
"""

# Firefox states fingerprint, ICE options and more for the whole session.
FIREFOX = f"""v=0
o=mozilla...THIS_IS_SDPARTA-99.0 4962303333179871722 0 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 {SHA256.lower()}
a=group:BUNDLE audio_0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 36768 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 192.168.99.58
a=candidate:0 1 UDP 2122252543 192.168.99.58 36768 typ host
a=sendonly
a=end-of-candidates
a=ice-pwd:e5d0a5ee2b2dd6f6b9ba4bb5b5dcbf79
a=ice-ufrag:8b7b0a10
a=mid:audio_0
a=rtcp-mux
a=rtpmap:0 PCMU/8000
a=setup:actpass
"""

OURS = Identity("AbCd1234", "x" * 24, SHA256, 4242, "name")


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_offer_of_chromium(ends: str) -> None:
    offer = parse_offer(CHROMIUM.replace("\n", ends))
    assert offer.mid == "0"
    assert (offer.ufrag, offer.password) == ("kS3/", "u8Q+nR0lJ1sT4vXyZ6aBcDeF")
    assert offer.fingerprints == {"sha-256": SHA256}
    assert offer.direction == "sendrecv"


def test_an_offer_of_firefox() -> None:
    offer = parse_offer(_crlf(FIREFOX))
    assert offer.mid == "audio_0"
    assert offer.fingerprints == {"sha-256": SHA256}
    assert offer.direction == "sendonly"


def test_the_section_overrides_the_session() -> None:
    text = CHROMIUM.replace("t=0 0\n", f"t=0 0\na=ice-ufrag:zzzz\na=fingerprint:sha-256 {'00:' * 31}00\n")
    offer = parse_offer(text)
    assert offer.ufrag == "kS3/"
    assert offer.fingerprints == {"sha-256": SHA256}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (CHROMIUM, "", "no SDP"),
        ("v=0", "v=1", "no SDP"),
        ("t=0 0", "t=0 0\n" + "a=x:" + "y" * OFFER_MAX_BYTES, "longer than"),
        ("m=audio", "x=audio", "0 media sections"),
        ("a=ssrc:3217 cname:xyz\n", "m=video 9 UDP/TLS/RTP/SAVPF 96\n", "2 media sections"),
        ("m=audio 9", "m=video 9", "not WebRTC audio"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "not WebRTC audio"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "m=audio", "not WebRTC audio"),
        ("m=audio 9 ", "m=audio 0 ", "port 0"),
        (" 9 0 8 13", " 9 8 13", "PCMU"),
        ("a=rtcp-mux\n", "", "rtcp-mux"),
        ("a=setup:actpass", "a=setup:passive", "DTLS"),
        ("a=sendrecv", "a=inactive", "inactive"),
        ("a=mid:0", "a=mid:0 evil", "mid"),
        ("a=mid:0", "a=mid:", "mid"),
        ("a=ice-ufrag:kS3/", "a=ice-ufrag:k S", "ice-ufrag"),
        ("a=ice-ufrag:kS3/", "a=ice-ufrag:kS3", "ice-ufrag"),
        ("a=ice-ufrag:kS3/\n", "", "ice-ufrag"),
        ("a=ice-pwd:u8Q+nR0lJ1sT4vXyZ6aBcDeF", "a=ice-pwd:short", "ice-pwd"),
        (f"a=fingerprint:sha-256 {SHA256}\n", "", "fingerprint"),
        ("sha-256 AB", "md5 AB", "fingerprint"),
        (f"sha-256 {SHA256}", "sha-256 12:34", "fingerprint"),
    ],
)
def test_what_can_not_be_answered_is_refused_with_its_reason(old: str, new: str, reason: str) -> None:
    assert old in CHROMIUM
    with pytest.raises(BadOfferError, match=reason):
        parse_offer(CHROMIUM.replace(old, new, 1))


@given(st.integers(0, len(CHROMIUM)), st.integers(0, len(CHROMIUM)), st.text(max_size=20))
def test_no_offer_is_more_than_refused(first: int, second: int, text: str) -> None:
    start, end = sorted((first, second))
    try:
        parse_offer(CHROMIUM[:start] + text + CHROMIUM[end:])
    except BadOfferError:
        pass


@pytest.mark.parametrize(
    ("direction", "reversed_"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly")],
)
def test_the_answer_as_another_implementation_reads_it(direction: str, reversed_: str) -> None:
    offer = parse_offer(CHROMIUM.replace("a=sendrecv", f"a={direction}"))
    addresses = [Address("192.0.2.1", 4000), Address("2001:db8::1", 4001)]
    answer = aiortc.sdp.SessionDescription.parse(build_answer(offer, OURS, addresses))
    (media,) = answer.media
    assert (media.kind, media.profile, media.direction) == ("audio", "UDP/TLS/RTP/SAVPF", reversed_)
    assert [(codec.mimeType, codec.payloadType) for codec in media.rtp.codecs] == [("audio/PCMU", 0)]
    assert media.rtp.muxId == "0"
    assert media.rtcp_mux
    assert media.ice.iceLite
    assert (media.ice.usernameFragment, media.ice.password) == (OURS.ufrag, OURS.password)
    assert media.dtls.role == "server"
    assert [(one.algorithm, one.value) for one in media.dtls.fingerprints] == [("sha-256", SHA256)]
    assert [(one.ip, one.port, one.type) for one in media.ice_candidates] == [
        ("192.0.2.1", 4000, "host"),
        ("2001:db8::1", 4001, "host"),
    ]
    assert media.ice_candidates[0].priority > media.ice_candidates[1].priority
    assert media.ice_candidates_complete
    assert [one.ssrc for one in media.ssrc] == [4242]
    assert (media.host, media.port) == ("192.0.2.1", 4000)
