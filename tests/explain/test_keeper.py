"""What the keeper remembers, and what it lets go when there is too much."""

from __future__ import annotations

from acd_core.domain.commands import CallStory, Considered, Decided, Rejected
from acd_core.explain.keeper import FIRST_KEPT, LAST_KEPT, Keeper


def step(call: str, name: str, at_ms: int = 0) -> CallStory:
    return CallStory(call=call, step=name, at_ms=at_ms, queue="water")  # type: ignore[arg-type]


def decided(call: str, at_ms: int) -> Decided:
    return Decided(
        call=call,
        kind="waits",
        at_ms=at_ms,
        queue="water",
        steps=(1, 2),
        considered=(Considered(agent="a", score=1),),
        rejected=(Rejected(why="talking", count=2, agents=("a", "b")),),
    )


def test_a_call_is_told_as_it_was_said() -> None:
    keeper = Keeper()
    reasons = (step("c1", "arrived"), decided("c1", 5), step("c1", "ended", 9))
    for reason in reasons[:2]:
        keeper.add(reason)
    kept = keeper.find("c1")
    assert kept is not None
    assert (kept.reasons, kept.live, kept.whole, kept.left_out) == (reasons[:2], True, True, 0)
    keeper.add(reasons[2])
    keeper.add(step("c1", "recorded", 12))
    kept = keeper.find("c1")
    assert kept is not None
    assert (kept.reasons[:3], kept.reasons[3].at_ms, kept.live) == (reasons, 12, False)
    assert keeper.find("c2") is None


def test_a_story_that_an_operator_began_is_whole() -> None:
    keeper = Keeper()
    for story in (step("c1", "dialled"), step("c1", "rings", 5)):
        keeper.add(story)
    kept = keeper.find("c1")
    assert kept is not None
    assert kept.whole


def test_a_story_that_began_before_is_not_whole() -> None:
    keeper = Keeper()
    keeper.add(decided("c1", 5))
    kept = keeper.find("c1")
    assert kept is not None
    assert not kept.whole


def test_of_a_long_story_the_beginning_and_the_end_are_kept() -> None:
    keeper = Keeper()
    keeper.add(step("c1", "arrived"))
    for at_ms in range(1, 100):
        keeper.add(decided("c1", at_ms))
    kept = keeper.find("c1")
    assert kept is not None
    times = [reason.at_ms for reason in kept.reasons]
    assert times == [*range(FIRST_KEPT), *range(100 - LAST_KEPT, 100)]
    assert (kept.gap_at, kept.left_out) == (FIRST_KEPT, 100 - FIRST_KEPT - LAST_KEPT)
    assert len(keeper) == FIRST_KEPT + LAST_KEPT


def test_the_call_that_ended_longest_ago_is_forgotten_first() -> None:
    keeper = Keeper(ended_max=2)
    for call in ("c1", "c2", "c3"):
        keeper.add(step(call, "arrived"))
    for call in ("c2", "c1", "c3"):
        keeper.add(step(call, "ended"))
    assert [keeper.find(call) is not None for call in ("c1", "c2", "c3")] == [True, False, True]
    assert len(keeper) == 4


def test_one_live_call_too_many_is_not_kept() -> None:
    keeper = Keeper(live_max=1)
    for call in ("c1", "c2"):
        keeper.add(step(call, "arrived"))
    assert keeper.find("c1") is not None
    assert keeper.find("c2") is None
    keeper.add(step("c1", "ended"))
    keeper.add(step("c3", "arrived"))
    assert keeper.find("c3") is not None


def test_without_room_for_all_reasons_ended_calls_go_and_then_what_is_old() -> None:
    keeper = Keeper(reasons_max=6)
    for name in ("arrived", "ended"):
        keeper.add(step("old", name))
    for at_ms in range(5):
        keeper.add(decided("c1", at_ms))
    assert keeper.find("old") is None
    for at_ms in range(5, 9):
        keeper.add(decided("c1", at_ms))
    kept = keeper.find("c1")
    assert kept is not None
    assert [reason.at_ms for reason in kept.reasons] == [0, 1, 2, 3, 4, 8]
    assert (len(keeper), kept.left_out, kept.gap_at) == (6, 3, 5)
    keeper.add(decided("c2", 9))
    other = keeper.find("c2")
    assert other is not None
    assert (other.reasons, other.left_out) == ((), 1)
    assert len(keeper) == 6
