from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateways.media import rtcp
from gateways.media.reception import Reception, ReportBlock
from gateways.media.reports import Reports

WORD = st.integers(0, 2**32 - 1)
BLOCKS = st.builds(ReportBlock, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), WORD, WORD)
HEARD = st.none() | st.builds(rtcp.Heard, WORD, BLOCKS, WORD, WORD)
SENT = st.none() | st.builds(rtcp.Sent, st.floats(1e9, 2e9), WORD, WORD, WORD)


@given(WORD, st.binary(min_size=1, max_size=40), SENT, HEARD, st.booleans())
def test_what_is_built_is_parsed(
    ssrc: int, name: bytes, sent: rtcp.Sent | None, heard: rtcp.Heard | None, goodbye: bool
) -> None:
    data = rtcp.build(ssrc, name, sent, heard, goodbye)
    assert len(data) % 4 == 0
    datagram = rtcp.parse(data)
    assert datagram is not None
    [report] = datagram.reports
    assert report.ssrc == ssrc
    assert report.blocks == (() if heard is None else (heard,))
    assert datagram.goodbyes == ((ssrc,) if goodbye else ())
    if sent is not None:
        assert abs(report.ntp_middle - rtcp.ntp_middle(sent.wall_s)) <= 1


@given(WORD, SENT, HEARD, st.integers(0, 200))
def test_a_cut_datagram_keeps_what_was_whole(
    ssrc: int, sent: rtcp.Sent | None, heard: rtcp.Heard | None, length: int
) -> None:
    whole = rtcp.build(ssrc, b"name", sent, heard, goodbye=True)
    datagram = rtcp.parse(whole[:length])
    if datagram is not None:
        assert datagram.reports == rtcp.parse(whole).reports[: len(datagram.reports)]  # type: ignore[union-attr]


@given(st.binary(max_size=200))
def test_garbage_never_raises(data: bytes) -> None:
    rtcp.parse(data)
    rtcp.parse(b"\x81\xc8" + data)
    rtcp.parse(b"\x9f\xc9" + data)
    rtcp.parse(b"\x85\xcb" + data)


def test_the_round_trip_is_found() -> None:
    ours, theirs = Reports(1), Reports(2)
    reception = Reception(2, 0)
    for number in range(10):
        reception.update(number)
    peer_reception = Reception(1, 0)
    peer_reception.update(0)
    # Their report reaches us at 100.0; ours leaves at 101.0 and takes 40 ms; theirs leaves 2 s later and takes as long.
    assert ours.receive(theirs.build(99.96, 5, 800, None, goodbye=False), 100.0)
    assert theirs.receive(ours.build(101.0, 50, 8_000, reception, goodbye=False), 101.04)
    assert abs(theirs.round_trip_ms - 80) < 1
    assert ours.receive(theirs.build(103.04, 6, 960, peer_reception, goodbye=False), 103.08)
    assert abs(ours.round_trip_ms - 80) < 1


def test_reports_are_spaced_by_half_to_one_and_a_half_intervals() -> None:
    reports = Reports(1)
    times = [tick / 5 for tick in range(1_000) if reports.due(tick / 5)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 1.2 <= times[0] <= 4.0
    assert all(2.4 <= gap <= 7.8 for gap in gaps)
    assert max(gaps) - min(gaps) > 1


def test_who_sent_nothing_since_gives_a_receivers_report() -> None:
    reports = Reports(1)
    first = reports.build(10.0, 5, 800, None, goodbye=False)
    second = reports.build(15.0, 5, 800, None, goodbye=False)
    assert (first[1], second[1]) == (rtcp.SENDER_REPORT, rtcp.RECEIVER_REPORT)
