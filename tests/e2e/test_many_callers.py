"""Twenty callers at once, five operators: everyone is answered, in order of arrival, by one operator, and recorded."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path


from acd_core.domain.events import CallArrived
from gateways.media import g711
from tests.e2e.calls import channels, seconds_heard
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.sipp import start_callers
from tests.e2e.stack import Stack, free_port
from tests.support.tones import tone

CALLERS = 20
OPERATORS = ("op01", "op02", "op03", "op04", "op05")
TALK_S = 1.5
GUARD_S = 120


def test_twenty_callers_and_five_operators(
    stack: Stack, operator: Callable[..., Operator], tmp_path: Path
) -> None:
    desks = [operator(user) for user in OPERATORS]
    before = stack.events()[-1].seq
    raw = tmp_path / "tone.ul"
    raw.write_bytes(g711.encode(tone(CALLER_HZ, 10.0), 0).tobytes())
    callers = start_callers(
        tmp_path,
        tone=raw,
        number="186",
        count=CALLERS,
        rate=CALLERS,
        port=free_port(socket.SOCK_DGRAM),
        remote_port=stack.sip_port,
        wait_s=GUARD_S,
    )
    try:
        _serve(desks)
        assert callers.wait(GUARD_S) == 0, (tmp_path / "sipp.log").read_text(errors="replace")[-3000:]
    finally:
        callers.kill()
        callers.wait()
    _check(stack, before)


def _serve(desks: list[Operator]) -> None:
    """Every operator takes what rings, talks a little, hangs up, is ready again."""
    served = 0
    deadline = time.monotonic() + GUARD_S
    since: dict[str, float] = {}
    while served < CALLERS or any(desk.state() in ("ringing", "talking") for desk in desks):
        assert time.monotonic() < deadline, f"only {served} calls were served"
        for desk in desks:
            state = desk.state()
            if state == "ringing" and desk.find("accept").is_visible():
                desk.accept()
                since[desk.user] = time.monotonic()
            elif state == "talking" and time.monotonic() - since.get(desk.user, 0) > TALK_S:
                desk.find("hang-up").click()
                desk.wait_state("wrap_up")
                served += 1
                desk.finish_wrap_up()
        time.sleep(0.02)


def _check(stack: Stack, before: int) -> None:
    arrived = [
        record.event
        for record in stack.events()
        if record.seq > before and isinstance(record.event, CallArrived)
    ]
    assert len(arrived) == CALLERS
    in_order = [event.call for event in sorted(arrived, key=lambda event: (event.at_ms, event.call))]
    stories = [story for story in stack.stories() if getattr(story, "call", "") in set(in_order)]
    # Offers are made in order of arrival; how fast an operator accepts is theirs.
    offered = [story.call for story in stories if story.step == "offered"]
    assert offered == in_order, "everyone was offered once, in order of arrival"
    connected = [story.call for story in stories if story.step == "connected"]
    assert sorted(connected) == sorted(in_order), "everyone was answered, nobody twice"
    rows = stack.until(
        lambda: (
            rows
            if len(rows := stack.sql("select * from recordings where call = any($1)", in_order)) == CALLERS
            else []
        ),
        "all recordings in the database",
    )
    assert sorted(row["call"] for row in rows) == sorted(in_order)
    for row in rows:
        left, right = channels(stack, row)
        assert seconds_heard(left, CALLER_HZ) > 0.8, row["path"]
        assert seconds_heard(right, OPERATOR_HZ) > 0.8, row["path"]
        assert seconds_heard(left, OPERATOR_HZ) < 0.3, row["path"]
