"""Session descriptions (RFC 4566), offer and answer (RFC 3264), telephone events (RFC 4733)."""

from __future__ import annotations

import msgspec
import pytest

from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.sdp import (
    LocalMedia,
    MediaAgreement,
    SessionDescription,
    accept_answer,
    answer_offer,
    make_offer,
    parse_sdp,
)

LOCAL = LocalMedia("192.0.2.2", 20_000, 7)
PHONE = """v=0
o=- 3890000000 3890000001 IN IP4 192.0.2.1
s=call
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVP 96 9 0 8 101
a=rtpmap:96 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:30
a=sendrecv
"""


def offer(text: str = PHONE) -> SessionDescription:
    return parse_sdp(text.replace("\n", "\r\n").encode())


def changed(old: str, new: str, text: str = PHONE) -> SessionDescription:
    assert old in text
    return offer(text.replace(old, new))


def lines(description: SessionDescription) -> list[str]:
    return description.to_bytes().decode().split("\r\n")


def test_answer_takes_the_first_codec_that_we_have() -> None:
    """RFC 3264 6.1: in the order of the offer"""
    answer, agreement = answer_offer(offer(), LOCAL)
    assert agreement == MediaAgreement(
        codec="PCMU",
        payload_type=0,
        dtmf_payload_type=101,
        ptime_ms=30,
        remote_address="192.0.2.1",
        remote_port=4000,
        direction="sendrecv",
    )
    assert lines(answer) == [
        "v=0",
        "o=- 7 1 IN IP4 192.0.2.2",
        "s=santral",
        "c=IN IP4 192.0.2.2",
        "t=0 0",
        "m=audio 20000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_static_payload_types_need_no_map() -> None:
    """RFC 3551 6"""
    bare = offer("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 8 0\n")
    _, agreement = answer_offer(bare, LOCAL)
    assert (agreement.codec, agreement.payload_type, agreement.dtmf_payload_type) == ("PCMA", 8, None)
    assert (agreement.ptime_ms, agreement.direction) == (20, "sendrecv")


def test_events_have_a_dynamic_type_and_g711_its_own() -> None:
    """RFC 3551 6: PCMU is 0 and PCMA 8; audio on another number would be taken for another codec by the engine."""
    text = PHONE.replace("96 9 0 8 101", "110 8 120").replace("rtpmap:0 PCMU", "rtpmap:110 pcmu")
    text = text.replace("rtpmap:101 telephone", "rtpmap:120 telephone")
    answer, agreement = answer_offer(offer(text), LOCAL)
    assert (agreement.codec, agreement.payload_type, agreement.dtmf_payload_type) == ("PCMA", 8, 120)
    assert answer.media[0].formats == ("8", "120")


def test_a_payload_type_beyond_seven_bits_is_none() -> None:
    text = PHONE.replace("96 9 0 8 101", "0 999").replace("rtpmap:101 telephone", "rtpmap:999 telephone")
    _, agreement = answer_offer(offer(text), LOCAL)
    assert agreement.dtmf_payload_type is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=ptime:30", ""),
        ("o=- ", "o=a phone "),
        ("s=call", "s=call "),
        ("IN IP4 192.0.2.1\nt", "IN IP4 192.0.2.1 \nt"),
    ],
)
def test_small_faults_of_real_devices_are_borne(old: str, new: str) -> None:
    _, agreement = answer_offer(changed(old, new), LOCAL)
    assert agreement.codec == "PCMU"


def test_number_of_a_static_type_used_for_something_else() -> None:
    _, agreement = answer_offer(changed("rtpmap:0 PCMU/8000", "rtpmap:0 G729/8000"), LOCAL)
    assert agreement.codec == "PCMA"


def test_events_at_another_rate_are_not_taken() -> None:
    _, agreement = answer_offer(changed("telephone-event/8000", "telephone-event/48000"), LOCAL)
    assert agreement.dtmf_payload_type is None


@pytest.mark.parametrize(
    "refused",
    [
        changed("96 9 0 8 101", "96 9 101"),
        changed("m=audio 4000", "m=audio 0"),
        changed("m=audio", "m=video"),
        changed("RTP/AVP", "RTP/SAVP"),
        changed("c=IN IP4 192.0.2.1\n", ""),
        offer(PHONE.split("m=", maxsplit=1)[0]),
    ],
)
def test_nothing_in_common(refused: SessionDescription) -> None:
    with pytest.raises(NoCommonCodecError):
        answer_offer(refused, LOCAL)


def test_our_own_choice_of_codecs() -> None:
    _, agreement = answer_offer(offer(), msgspec.structs.replace(LOCAL, codecs=("PCMA",)))
    assert agreement.codec == "PCMA"


def test_every_stream_gets_its_line() -> None:
    """RFC 3264 6: same number, same order; what is not taken has port 0"""
    text = PHONE.replace("m=audio 4000", "m=video 5000 RTP/AVP 31\na=rtpmap:31 H261/90000\nm=audio 4000")
    text += "m=audio 6000 RTP/AVP 0\nm=application 0 udp wb\n"
    answer, agreement = answer_offer(offer(text), LOCAL)
    assert agreement.remote_port == 4000
    assert [(media.kind, media.port, media.protocol) for media in answer.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 20_000, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"),
        ("application", 0, "udp"),
    ]
    assert answer.media[0].formats == ("31",)


def test_first_audio_stream_without_our_codecs_is_passed_over() -> None:
    text = PHONE.replace("m=audio 4000", "m=audio 3000 RTP/AVP 9\nm=audio 4000")
    answer, agreement = answer_offer(offer(text), LOCAL)
    assert agreement.remote_port == 4000
    assert [media.port for media in answer.media] == [0, 20_000]


@pytest.mark.parametrize(
    ("theirs", "ours", "answered"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_directions(theirs: str, ours: str, answered: str) -> None:
    """RFC 3264 6.1"""
    local = msgspec.structs.replace(LOCAL, direction=ours)
    answer, agreement = answer_offer(changed("a=sendrecv", f"a={theirs}"), local)
    assert agreement.direction == answered
    assert (answered, None) in answer.media[0].attributes


def test_direction_of_the_session_counts_for_its_streams() -> None:
    text = PHONE.replace("a=sendrecv\n", "").replace("t=0 0\n", "t=0 0\na=sendonly\n")
    assert answer_offer(offer(text), LOCAL)[1].direction == "recvonly"
    text = text.replace("a=ptime:30", "a=recvonly")
    assert answer_offer(offer(text), LOCAL)[1].direction == "sendonly"


def test_hold_of_rfc_2543() -> None:
    """RFC 3264 8.4: an unspecified address hears nothing"""
    _, agreement = answer_offer(changed("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"), LOCAL)
    assert (agreement.remote_address, agreement.direction) == ("0.0.0.0", "recvonly")


def test_address_of_the_stream_goes_before_that_of_the_session() -> None:
    _, agreement = answer_offer(changed("a=ptime:30", "c=IN IP6 2001:db8::9\na=ptime:30"), LOCAL)
    assert agreement.remote_address == "2001:db8::9"


def test_ipv6() -> None:
    answer, _ = answer_offer(offer(), msgspec.structs.replace(LOCAL, address="2001:db8::2"))
    assert "c=IN IP6 2001:db8::2" in lines(answer)
    assert "o=- 7 1 IN IP6 2001:db8::2" in lines(answer)


@pytest.mark.parametrize("ptime", ["0", "999", "-20", "x", "20.5", ""])
def test_silly_packet_times_are_ignored(ptime: str) -> None:
    assert answer_offer(changed("ptime:30", f"ptime:{ptime}"), LOCAL)[1].ptime_ms == 20


def test_our_offer_and_its_answer() -> None:
    ours = make_offer(LOCAL)
    assert ours.media[0].formats == ("8", "0", "101")
    peer = LocalMedia("198.51.100.5", 9000, 3, codecs=("PCMU",), direction="recvonly")
    answer, theirs = answer_offer(parse_sdp(ours.to_bytes()), peer)
    agreed = accept_answer(ours, parse_sdp(answer.to_bytes()))
    assert (agreed.codec, agreed.payload_type, agreed.dtmf_payload_type) == ("PCMU", 0, 101)
    assert (agreed.remote_address, agreed.remote_port) == ("198.51.100.5", 9000)
    assert (theirs.direction, agreed.direction) == ("recvonly", "sendonly")


def test_answer_without_events() -> None:
    answer = changed("96 9 0 8 101", "8")
    agreed = accept_answer(make_offer(LOCAL), answer)
    assert (agreed.codec, agreed.dtmf_payload_type, agreed.ptime_ms) == ("PCMA", None, 30)


@pytest.mark.parametrize(
    "answer",
    [
        changed("m=audio 4000", "m=audio 0"),
        changed("96 9 0 8 101", "18"),
        changed("m=audio", "m=video"),
        offer(PHONE.split("m=", maxsplit=1)[0]),
        changed("c=IN IP4 192.0.2.1\n", ""),
    ],
)
def test_answer_that_agrees_on_nothing(answer: SessionDescription) -> None:
    with pytest.raises(NoCommonCodecError):
        accept_answer(make_offer(LOCAL), answer)


def test_version_is_counted_by_the_user() -> None:
    assert "o=- 7 2 IN IP4 192.0.2.2" in lines(make_offer(LOCAL).with_version(2))


def test_everything_that_is_kept_is_written_again() -> None:
    text = PHONE.replace("t=0 0\n", "t=0 0\na=tool:x\na=group\n").replace("a=ptime", "c=IN IP6 ::1\na=ptime")
    assert parse_sdp(offer(text).to_bytes()) == offer(text)


def test_read_and_written_again() -> None:
    first = offer()
    assert parse_sdp(first.to_bytes()) == first
    # RFC 4566 5: bare line feeds are tolerated, and other lines passed over
    assert parse_sdp(PHONE.encode()) == first
    more = PHONE.replace("s=call\n", "s=call\ni=about\nb=AS:64\nk=clear:x\n").encode()
    assert parse_sdp(more) == first


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("v=0", "v=1", 1),
        ("v=0\n", "", 1),
        ("o=- 3890000000 3890000001 IN IP4 192.0.2.1\n", "", 0),
        ("o=- 3890000000 3890000001 IN IP4 192.0.2.1", "o=- 1 1 IN IP4", 2),
        ("c=IN IP4 192.0.2.1", "c=IN IP4", 4),
        ("c=IN IP4 192.0.2.1", "c=IN IP7 192.0.2.1", 4),
        ("c=IN IP4 192.0.2.1", f"c=IN IP4 {'x' * 256}", 4),
        ("m=audio 4000 RTP/AVP 96 9 0 8 101", "m=audio 4000 RTP/AVP", 6),
        ("m=audio 4000", "m=audio 65536", 6),
        ("m=audio 4000", "m=audio -1", 6),
        ("a=ptime:30", "a=ptime:30\r", 12),
        ("a=ptime:30", "A=ptime:30", 12),
        ("a=ptime:30", "ptime", 12),
    ],
)
def test_faults_name_their_line(old: str, new: str, line: int) -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp(PHONE.replace(old, new).replace("\n", "\r\n").encode())
    assert caught.value.line == line


@pytest.mark.parametrize("data", [b"", b"\r\n", b"v=0", b"\xff\xfe", b"v=0\r\n" + b"a=x\r\n" * 600])
def test_no_session_description(data: bytes) -> None:
    with pytest.raises(SdpError):
        parse_sdp(data)


def test_too_many_formats() -> None:
    with pytest.raises(SdpError, match="too many formats"):
        changed("96 9 0 8 101", "0 " * 65)


def test_too_many_streams() -> None:
    with pytest.raises(SdpError, match="too many media"):
        parse_sdp((PHONE + "m=audio 1 RTP/AVP 0\n" * 33).encode())
