"""Offers and answers of one dialog (RFC 3264 8, RFC 6337): one open at a time, lines kept, versions that grow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.admission import Refusal
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.negotiation import Negotiation
from gateways.sip.sdp import Direction, LocalMedia, SessionDescription, parse_sdp

LOCAL = LocalMedia("192.0.2.2", 20_000, 7)
REMOTE = LocalMedia("192.0.2.1", 4_000, 9, codecs=("PCMU", "PCMA"))
VIDEO_TOO = b"""v=0
o=- 9 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=3034423619 3042462419
m=video 6000 RTP/AVP 101
a=rtpmap:101 H264/90000
m=audio 4000 RTP/AVP 8 0 101 96
a=rtpmap:101 opus/48000/2
a=rtpmap:96 telephone-event/8000
m=image 6002 udptl t38
"""


def said(body: bytes) -> SessionDescription:
    return parse_sdp(body)


def answered(negotiation: Negotiation, offer: bytes) -> SessionDescription:
    assert negotiation.take_offer(offer) is None
    return said(negotiation.make_answer()[0])


def test_ours_first() -> None:
    ours, theirs = Negotiation(LOCAL), Negotiation(REMOTE)
    offer = ours.make_offer()
    assert ours.state == "offer_out"
    assert theirs.take_offer(offer) is None
    assert theirs.state == "offer_in"
    answer, agreement = theirs.make_answer()
    mine = ours.take_answer(answer)
    assert (ours.state, theirs.state) == ("idle", "idle")
    assert (mine.codec, mine.remote_port, mine.dtmf_payload_type) == ("PCMA", 4_000, 101)
    assert (agreement.codec, agreement.remote_port) == ("PCMA", 20_000)
    assert ours.agreement == mine


def test_a_later_offer_keeps_every_line_and_what_each_number_means() -> None:
    """RFC 3264 8: the number of lines never falls; 8.3.2: 101 is opus in this stream, and stays so."""
    ours = Negotiation(LOCAL)
    first = answered(ours, VIDEO_TOO)
    assert [(media.kind, media.port) for media in first.media] == [
        ("video", 0),
        ("audio", 20_000),
        ("image", 0),
    ]
    assert ours.agreement is not None
    assert ours.agreement.slot == 1
    again = said(ours.make_offer())
    assert [(media.kind, media.port) for media in again.media] == [
        ("video", 0),
        ("audio", 20_000),
        ("image", 0),
    ]
    assert again.media[0].formats == ("101",)
    assert again.media[1].formats == ("8", "0", "96")
    assert again.media[1].codecs()[96] == "TELEPHONE-EVENT"
    answer = VIDEO_TOO.replace(b"m=audio 4000 RTP/AVP 8 0 101 96", b"m=audio 4002 RTP/AVP 0 96")
    agreement = ours.take_answer(answer)
    assert (agreement.codec, agreement.remote_port, agreement.slot) == ("PCMU", 4_002, 1)


def test_events_get_a_number_that_meant_nothing_else() -> None:
    ours = Negotiation(LOCAL)
    answered(ours, VIDEO_TOO.replace(b"a=rtpmap:96 telephone-event/8000", b"a=rtpmap:96 speex/8000"))
    audio = said(ours.make_offer()).media[1]
    assert audio.formats == ("8", "0", "97")
    assert audio.codecs()[97] == "TELEPHONE-EVENT"


def test_no_number_left_for_events() -> None:
    numbers = " ".join(str(number) for number in range(96, 128))
    ours = Negotiation(LOCAL)
    answered(
        ours,
        VIDEO_TOO.replace(b"RTP/AVP 8 0 101 96", f"RTP/AVP 8 {numbers}".encode()).replace(
            b"96 tel", b"1 tel"
        ),
    )
    assert said(ours.make_offer()).media[1].formats == ("8", "0")


def test_the_answer_repeats_the_time_of_the_offer() -> None:
    """RFC 3264 6"""
    ours = Negotiation(LOCAL)
    assert answered(ours, VIDEO_TOO).time == "3034423619 3042462419"
    assert said(ours.make_offer()).time == "3034423619 3042462419"
    ours.rolled_back()
    for odd in (b"t=now", b"t=1 2 3", b"a=x"):
        body = VIDEO_TOO.replace(b"t=3034423619 3042462419", odd)
        assert answered(Negotiation(LOCAL), body).time == "0 0"


def test_an_offer_that_only_refreshes_says_the_same_in_the_same_version() -> None:
    """RFC 3264 8, RFC 4028 7.4: the codec in use stays in front, so nothing changes."""
    ours, theirs = Negotiation(LOCAL), Negotiation(REMOTE)
    ours.take_answer(_answer(theirs, ours.make_offer()))
    before = ours.agreement
    offer = ours.make_offer()
    assert said(offer).version == "1"
    assert ours.take_answer(_answer(theirs, offer)) == before
    other_way = theirs.make_offer()
    assert said(other_way).media[0].formats == ("8", "0", "101"), "PCMA is in use, whatever we like best"
    assert said(other_way).version == "2", "but it is another description than our answer was"


def _answer(negotiation: Negotiation, offer: bytes) -> bytes:
    assert negotiation.take_offer(offer) is None
    return negotiation.make_answer()[0]


def test_hold_and_resume_from_here() -> None:
    ours, theirs = Negotiation(LOCAL), Negotiation(REMOTE)
    ours.take_answer(_answer(theirs, ours.make_offer()))
    held = ours.take_answer(_answer(theirs, ours.make_offer("sendonly")))
    assert held.direction == "sendonly"
    assert theirs.agreement is not None
    assert theirs.agreement.direction == "recvonly"
    assert ours.take_answer(_answer(theirs, ours.make_offer("sendrecv"))).direction == "sendrecv"
    assert said(ours.make_offer()).version == "3"


def test_crossing_offers() -> None:
    """RFC 6337 4, RFC 3311 5.2: 491 for the one that crosses, 500 for one too many."""
    ours = Negotiation(LOCAL)
    ours.make_offer()
    assert ours.take_offer(VIDEO_TOO) == Refusal(491)
    with pytest.raises(ValueError, match="offer_out"):
        ours.make_offer()
    ours.rolled_back()
    assert ours.take_offer(VIDEO_TOO) is None
    refusal = ours.take_offer(VIDEO_TOO)
    assert refusal is not None
    assert refusal.status == 500
    assert 0 <= int(dict(refusal.headers)["Retry-After"]) <= 10
    with pytest.raises(ValueError, match="offer_in"):
        ours.make_offer()
    ours.make_answer()
    assert ours.state == "idle"


def test_what_is_refused_changes_nothing() -> None:
    """RFC 3261 14.1; and a version that was said never means anything else."""
    ours, theirs = Negotiation(LOCAL), Negotiation(REMOTE)
    ours.take_answer(_answer(theirs, ours.make_offer()))
    before = ours.agreement
    assert said(ours.make_offer("inactive")).version == "2"
    ours.rolled_back()
    assert ours.agreement == before
    assert said(_answer(ours, theirs.make_offer())).media[0].attributes[-1] == ("sendrecv", None), (
        "nor is it half held"
    )
    theirs.rolled_back()
    before = ours.agreement
    assert ours.take_offer(b"v=0\nnonsense") == Refusal(400, "Bad SDP - line 2: not a type and a value")
    refusal = ours.take_offer(b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nm=video 1 RTP/AVP 9\n")
    assert refusal is not None
    assert refusal.status == 488
    assert dict(refusal.headers)["Warning"].startswith("305 ")
    assert (ours.state, ours.agreement) == ("idle", before)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"", SdpError), (b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nm=audio 0 RTP/AVP 0\n", NoCommonCodecError)],
)
def test_an_answer_that_is_none(answer: bytes, error: type[Exception]) -> None:
    ours = Negotiation(LOCAL)
    ours.make_offer()
    with pytest.raises(error):
        ours.preview_answer(answer)
    assert ours.state == "offer_out"
    with pytest.raises(error):
        ours.take_answer(answer)
    assert (ours.state, ours.agreement) == ("idle", None)
    with pytest.raises(ValueError, match="open"):
        ours.take_answer(answer)


def test_early_media_of_two_branches() -> None:
    """RFC 3261 13.2.1: an unreliable 183 shows the answer; each branch has its own, the offer is one."""
    ours, one, other = Negotiation(LOCAL), Negotiation(REMOTE), Negotiation(LocalMedia("192.0.2.3", 5_000, 3))
    offer = ours.make_offer()
    branch = ours.forked()
    assert ours.preview_answer(_answer(one, offer)).remote_port == 4_000
    assert branch.preview_answer(_answer(other, offer)).remote_port == 5_000
    assert ours.agreement is None
    assert branch.take_answer(_answer(other, offer)).remote_port == 5_000
    assert ours.state == "offer_out"
    with pytest.raises(ValueError, match="no offer"):
        branch.forked()


MOVES = ("offer", "hold", "refused", "theirs", "theirs_refused", "grow")


@given(st.lists(st.sampled_from(MOVES), max_size=12))
def test_lines_never_go_and_a_version_means_one_description(moves: list[str]) -> None:
    """RFC 3264 8 over any history, for everything we say."""
    ours = Negotiation(LOCAL)
    spoken: list[SessionDescription] = []
    lines, port, direction = 1, 4_000, "sendrecv"
    held: Direction
    for move in moves:
        if move in ("offer", "hold", "refused"):
            held = "sendonly" if move == "hold" else "sendrecv"
            spoken.append(said(ours.make_offer(held)))
            if move == "refused":
                ours.rolled_back()
            else:
                lines = max(lines, len(spoken[-1].media))
                ours.take_answer(_peer(lines, port, direction))
        elif ours.state == "idle":
            lines += move == "grow"
            port += 2
            assert ours.take_offer(_peer(lines, port, direction)) is None
            if move == "theirs_refused":
                ours.rolled_back()
            else:
                spoken.append(said(ours.make_answer()[0]))
    counts = [len(description.media) for description in spoken]
    assert counts == sorted(counts)
    assert [int(one.version) for one in spoken] == sorted(int(one.version) for one in spoken)
    for one, other in itertools.pairwise(spoken):
        assert (one == other) == (one.version == other.version)


def _peer(lines: int, port: int, direction: str) -> bytes:
    head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
    return (
        head + f"m=audio {port} RTP/AVP 0\na={direction}\n" + "m=video 0 RTP/AVP 31\n" * (lines - 1)
    ).encode()
