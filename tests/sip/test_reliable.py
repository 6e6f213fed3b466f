"""Reliable provisional responses (RFC 3262): repeated until acknowledged, each once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.limits import FORKS_MAX, RELIABLE_WAITING_MAX
from gateways.sip.message import Request, Response
from gateways.sip.reliable import ReliableUac, ReliableUas, TimedOut, asks_for_prack, reliable_for
from tests.sip.support import request, wire_request


def ringing(status: int = 180, *, tag: str = "here", body: bytes = b"") -> Response:
    return respond(wire_request(cseq=7), status, to_tag=tag, body=body, content_type="application/sdp")


def prack(rack: str) -> Request:
    return request("PRACK", to_tag="here", cseq=8, headers=[("RAck", rack)])


def test_repeated_at_doubling_intervals_until_the_prack() -> None:
    """RFC 3262 3: T1, 2 T1, 4 T1 and on, without the ceiling of T2."""
    uas = ReliableUas(4_711)
    first = uas.number(ringing(), 0)
    assert first is not None
    assert (first.get("RSeq"), first.get("Require")) == ("4711", "100rel")
    sent_at = []
    while (deadline := uas.next_deadline_ms()) is not None and deadline < 20_000:
        assert uas.poll(deadline - 1) is None
        assert uas.poll(deadline) is first
        sent_at.append(deadline)
    assert sent_at == [500, 1_500, 3_500, 7_500, 15_500]
    assert uas.acknowledged(prack("4711 7 INVITE")) is None
    assert uas.next_deadline_ms() is None
    assert uas.poll(60_000) is None


def test_no_prack_for_64_t1() -> None:
    uas = ReliableUas(1)
    uas.number(ringing(), 0)
    uas.number(ringing(183), 10)
    assert uas.poll(32_000) == TimedOut()
    assert uas.poll(32_000) is None
    assert uas.next_deadline_ms() is None


@pytest.mark.parametrize("rack", ["4712 7 INVITE", "4711 8 INVITE", "4711 7 UPDATE", "4710 7 INVITE"])
def test_a_prack_for_nothing(rack: str) -> None:
    """RFC 3262 3: 481, and the response is repeated on."""
    uas = ReliableUas(4_711)
    uas.number(ringing(), 0)
    assert uas.acknowledged(prack(rack)) == Refusal(481)
    assert uas.next_deadline_ms() == 500


@pytest.mark.parametrize(
    "rack", ["", "4711 7", "4711 x INVITE", "-1 7 INVITE", "4294967296 7 INVITE", "4711 7 INVITE x"]
)
def test_a_prack_that_cannot_be_read(rack: str) -> None:
    uas = ReliableUas(4_711)
    uas.number(ringing(), 0)
    refusal = uas.acknowledged(prack(rack))
    assert refusal is not None
    assert refusal.status == 400


def test_a_second_prack_for_the_same() -> None:
    uas = ReliableUas(1)
    uas.number(ringing(), 0)
    assert uas.acknowledged(prack("1 7 INVITE")) is None
    assert uas.acknowledged(prack("1 7 INVITE")) == Refusal(481)


def test_one_at_a_time_in_order() -> None:
    """RFC 3262 3: not a second before the first is acknowledged."""
    uas = ReliableUas(10)
    uas.number(ringing(180), 0)
    assert uas.number(ringing(183, body=b"v=0"), 100) is None
    assert uas.blocks_success
    assert uas.poll(200) is None
    assert uas.acknowledged(prack("10 7 INVITE")) is None
    second = uas.poll(200)
    assert isinstance(second, Response)
    assert (second.status, second.get("RSeq")) == (183, "11")
    assert uas.next_deadline_ms() == 700
    assert uas.acknowledged(prack("11 7 INVITE")) is None
    assert not uas.blocks_success


def test_what_waits_is_bounded() -> None:
    uas = ReliableUas(1)
    for _ in range(RELIABLE_WAITING_MAX + 1):
        uas.number(ringing(), 0)
    with pytest.raises(ValueError, match="too many"):
        uas.number(ringing(), 0)
    with pytest.raises(ValueError, match="range"):
        ReliableUas(2**31)


def test_after_the_final_response_a_prack_is_still_taken() -> None:
    """RFC 3262 3: but nothing is repeated."""
    uas = ReliableUas(1)
    uas.number(ringing(), 0)
    assert not uas.blocks_success, "no session description in it"
    uas.stop()
    assert uas.next_deadline_ms() is None
    assert uas.poll(500) is None
    assert uas.acknowledged(prack("1 7 INVITE")) is None


def answered(rseq: str | None, *, status: int = 183, tag: str = "a", require: str = "100rel") -> Response:
    response = ringing(status, tag=tag)
    if rseq is not None:
        response.add("RSeq", rseq)
    response.add("Require", require)
    return response


def test_each_response_gets_one_prack_in_order() -> None:
    """RFC 3262 4: copies and those that overtake another get none; each branch counts by itself."""
    uac = ReliableUac()
    assert uac.prack_for(answered("776656")) == "776656 7 INVITE"
    assert uac.prack_for(answered("776656")) is None
    assert uac.prack_for(answered("776658")) is None
    assert uac.prack_for(answered("776657")) == "776657 7 INVITE"
    assert uac.prack_for(answered("3", tag="b")) == "3 7 INVITE"
    for branch in range(FORKS_MAX):
        uac.prack_for(answered("1", tag=f"c{branch}"))
    assert uac.prack_for(answered("1", tag="d")) is None


@pytest.mark.parametrize(
    "response",
    [
        ringing(),
        answered("1", require="timer"),
        answered("1", require=","),
        answered(None),
        answered("0"),
        answered("x"),
        answered("1", status=100),
        answered("1", status=200),
    ],
)
def test_unreliable_responses(response: Response) -> None:
    assert not asks_for_prack(response)
    assert ReliableUac().prack_for(response) is None


def test_whether_to_be_reliable() -> None:
    plain, able, strict = (
        wire_request(headers=headers)
        for headers in (
            [],
            [("Supported", "timer, 100REL")],
            [("Require", "100rel"), ("Supported", "100rel")],
        )
    )
    assert [reliable_for(plain, policy) for policy in ("never", "supported")] == [False, False]
    assert reliable_for(plain, "required") == Refusal(421, headers=(("Require", "100rel"),))
    assert [reliable_for(able, policy) for policy in ("never", "supported", "required")] == [
        False,
        True,
        True,
    ]
    assert reliable_for(strict, "supported") is True
    assert reliable_for(strict, "never") == Refusal(420, headers=(("Unsupported", "100rel"),))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(1, 2**31 - 1))
def test_over_a_lossy_wire_every_response_arrives_once_and_in_order(
    lost: list[bool], count: int, first: int
) -> None:
    """Both sides against each other; a lost copy or PRACK is made good by the next copy."""
    uas, uac = ReliableUas(first), ReliableUac()
    losses = iter(lost)
    pracks: list[str] = []
    arrived: list[int] = []
    wire = [sent for at in range(count) if (sent := uas.number(ringing(180 + at), 0)) is not None]
    now_ms = 0
    while True:
        for sent in wire:
            if next(losses, False):
                continue
            rack = uac.prack_for(sent)
            if rack is not None:
                arrived.append(sent.status)
                pracks.append(rack)  # a transaction of its own, which repeats it: it comes sooner or later
        wire = []
        if pracks and not next(losses, False):
            assert uas.acknowledged(prack(pracks.pop())) is None
        polled = uas.poll(now_ms)
        if isinstance(polled, Response):
            wire.append(polled)
            continue
        if isinstance(polled, TimedOut):
            break
        deadline = uas.next_deadline_ms()
        if deadline is None:
            break
        now_ms = now_ms + 100 if pracks else deadline
    assert arrived == sorted(set(arrived))
    if not any(lost):
        assert len(arrived) == count
