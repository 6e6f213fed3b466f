"""Session timers (RFC 4028): agreed by both, refreshed by one, ended by either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.message import Request, Response
from gateways.sip.session_timer import SessionExpires, SessionTimer
from tests.sip.support import request, wire_request

TIMER = ("Supported", "100rel, timer")


def asking(session_expires: str = "", *more: tuple[str, str], able: bool = True) -> Request:
    headers = [TIMER] if able else []
    if session_expires:
        headers.append(("Session-Expires", session_expires))
    return wire_request(headers=[*headers, *more])


def ok(*headers: tuple[str, str]) -> Response:
    return respond(wire_request(), 200, to_tag="t", headers=headers)


def test_what_we_ask_for() -> None:
    """RFC 4028 7.1: who refreshes is left to the callee; Min-SE is said when it is more than the 90 s of all."""
    assert SessionTimer().offer_headers() == [("Session-Expires", "1800")]
    assert SessionTimer(600, 120).offer_headers() == [("Session-Expires", "600"), ("Min-SE", "120")]
    assert SessionTimer(60, 10).offer_headers() == [("Session-Expires", "90")]


@pytest.mark.parametrize(
    ("invite", "headers"),
    [
        (asking(), []),
        (asking("1200"), [("Session-Expires", "1200;refresher=uac"), ("Require", "timer")]),
        (asking("1200;refresher=uas"), [("Session-Expires", "1200;refresher=uas")]),
        (asking("7200;refresher=UAC"), [("Session-Expires", "1800;refresher=uac"), ("Require", "timer")]),
        (
            asking("7200", ("Min-SE", "3600")),
            [("Session-Expires", "3600;refresher=uac"), ("Require", "timer")],
        ),
        (asking("1200", able=False), [("Session-Expires", "1200;refresher=uas")]),
        (asking("30", able=False), [("Session-Expires", "90;refresher=uas")]),
    ],
)
def test_what_we_answer(invite: Request, headers: list[tuple[str, str]]) -> None:
    """RFC 4028 9, table 2: at most what is asked, at least what the path wants; a caller without timers has none."""
    timer = SessionTimer()
    assert timer.judge(invite) is None
    assert timer.answer_headers(invite) == headers


def test_too_short() -> None:
    """RFC 4028 9"""
    assert SessionTimer(min_se_s=300).judge(asking("299")) == Refusal(422, headers=(("Min-SE", "300"),))
    assert SessionTimer(min_se_s=300).judge(asking("299", able=False)) is None


@pytest.mark.parametrize(
    "text", ["soon", "-1", "90;refresher=both", "90;refresher=uac;refresher=uas", "9999999999"]
)
def test_what_cannot_be_read(text: str) -> None:
    refusal = SessionTimer().judge(asking(text))
    assert refusal is not None
    assert refusal.status == 400
    refusal = SessionTimer().judge(asking("1800", ("Min-SE", text)))
    assert refusal is None if text.startswith("90;") else refusal is not None and refusal.status == 400
    timer = SessionTimer()
    timer.agreed(ok(("Session-Expires", text)), ours=True, now_ms=0)
    assert not timer.runs


def test_a_422_raises_what_we_ask_for() -> None:
    """RFC 4028 7.3"""
    timer = SessionTimer(600)
    assert timer.refused(respond(wire_request(), 422, headers=[("Min-SE", "900")]))
    assert timer.offer_headers() == [("Session-Expires", "900"), ("Min-SE", "900")]
    assert not timer.refused(respond(wire_request(), 422, headers=[("Min-SE", "900")])), "asked for already"
    assert not timer.refused(respond(wire_request(), 422, headers=[("Min-SE", "x")]))
    assert not timer.refused(respond(wire_request(), 422))
    assert not timer.refused(respond(wire_request(), 486, headers=[("Min-SE", "2000")]))


def test_the_one_who_refreshes() -> None:
    """RFC 4028 7.2, 10: at half the interval, and BYE when that came to nothing."""
    timer = SessionTimer()
    timer.agreed(ok(("Session-Expires", "1800;refresher=uac")), ours=True, now_ms=1_000)
    assert timer.next_deadline_ms() == 901_000
    assert timer.due(900_999) is None
    assert timer.due(901_000) == "refresh"
    assert timer.due(901_000) is None
    assert timer.next_deadline_ms() == 1_769_000
    assert timer.offer_headers() == [("Session-Expires", "1800;refresher=uac")]
    assert timer.due(1_769_000) == "end"
    assert timer.next_deadline_ms() is None


def test_the_other_one() -> None:
    timer = SessionTimer()
    timer.agreed(ok(("Session-Expires", "90;refresher=uac")), ours=False, now_ms=0)
    assert timer.offer_headers() == [("Session-Expires", "1800;refresher=uas")]
    assert timer.next_deadline_ms() == 60_000
    assert timer.due(59_999) is None
    timer.agreed(ok(("Session-Expires", "90;refresher=uac")), ours=False, now_ms=45_000)
    assert timer.due(60_000) is None
    assert timer.due(105_000) == "end"


def test_a_2xx_without_it_ends_the_timer() -> None:
    """RFC 4028 7.2"""
    timer = SessionTimer()
    timer.agreed(ok(("Session-Expires", "90")), ours=True, now_ms=0)
    assert timer.next_deadline_ms() == 45_000, "said by nobody who refreshes: we do"
    timer.agreed(ok(), ours=True, now_ms=1_000)
    assert not timer.runs
    assert timer.due(10_000_000) is None


@given(
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.lists(st.booleans(), max_size=6),
)
def test_never_both_silent(
    ours_s: int, min_s: int, theirs_s: int, their_min_s: int, lost: list[bool]
) -> None:
    """Two of us: once agreed, exactly one refreshes; when refreshes are lost, both end, within the interval."""
    now_ms = 0
    caller, callee = SessionTimer(ours_s, min_s), SessionTimer(theirs_s, their_min_s)

    def refresh(sender: SessionTimer, receiver: SessionTimer) -> SessionExpires | None:
        for _ in range(3):
            asked = request(headers=[TIMER, *sender.offer_headers()])
            refusal = receiver.judge(asked)
            if refusal is None:
                response = ok(*receiver.answer_headers(asked))
                sender.agreed(response, ours=True, now_ms=now_ms)
                receiver.agreed(response, ours=False, now_ms=now_ms)
                return SessionExpires.parse(response.get("Session-Expires") or "")
            if not sender.refused(respond(wire_request(), refusal.status, headers=refusal.headers)):
                break
        return None

    agreed = refresh(caller, callee)
    assert agreed is not None, "one 422 at most lies between them"
    losses = iter(lost)
    for _ in range(10):
        assert agreed is not None
        refreshing = [
            timer for timer in (caller, callee) if timer.next_deadline_ms() == now_ms + agreed.seconds * 500
        ]
        assert len(refreshing) == 1
        sender = refreshing[0]
        receiver = callee if sender is caller else caller
        began_ms, now_ms = now_ms, now_ms + agreed.seconds * 500
        assert receiver.due(now_ms) is None
        assert sender.due(now_ms) == "refresh"
        if next(losses, True):
            for timer in (sender, receiver):
                deadline = timer.next_deadline_ms()
                assert deadline is not None
                assert now_ms < deadline < began_ms + agreed.seconds * 1_000
                assert timer.due(deadline) == "end"
            return
        agreed = refresh(sender, receiver)
