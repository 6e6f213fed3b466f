"""Twenty callers at once, five operators: everyone is answered, in order of arrival, by one operator, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acd_core.domain.commands import CallStory
from acd_core.domain.events import CallArrived
from gateways.media import g711
from tests.e2e.calls import channels, seconds_heard
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.sipp import start_callers
from tests.e2e.stack import Stack
from tests.support.ports import free_port
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
        number="187",
        count=CALLERS,
        rate=CALLERS,
        port=free_port(),
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
    """Every operator takes what rings, talks a little, hangs up, is ready again: by the buttons of their own page."""
    for desk in desks:
        desk.page.evaluate(_BUSY_HANDS, TALK_S * 1000)


# Presses what a person would press, as soon as it is there. A test that went from page to page would make the operators wait
# for each other.
_BUSY_HANDS = """
(talk_ms) => {
  const find = (id) => document.querySelector(`[data-testid=${id}]`)
  let since = 0
  setInterval(() => {
    const state = find('agent-state')?.dataset.state
    if (state === 'ringing') find('accept')?.click()
    else if (state === 'talking') {
      since ||= performance.now()
      if (performance.now() - since > talk_ms) find('hang-up')?.click()
    } else if (state === 'wrap_up') find('wrap-up-done')?.click()
    if (state !== 'talking') since = 0
  }, 50)
}
"""


def _check(stack: Stack, before: int) -> None:
    arrived = [
        record.event
        for record in stack.events()
        if record.seq > before and isinstance(record.event, CallArrived)
    ]
    assert len(arrived) == CALLERS
    in_order = [event.call for event in sorted(arrived, key=lambda event: (event.at_ms, event.call))]
    stories = [
        story for story in stack.stories() if isinstance(story, CallStory) and story.call in set(in_order)
    ]
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
