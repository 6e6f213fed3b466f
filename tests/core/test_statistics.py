"""What counts come to: published examples, nothing divided by nothing, and what must hold between the variants."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.domain.counters import QueueCounters
from acd_core.statistics import (
    ABANDONMENT,
    FLOW_OUTS,
    SERVICE_LEVELS,
    agent_time,
    answer_ms,
    combined,
    handling_ms,
    queue_statistics,
    service_level,
)

DOCS = Path(__file__).parents[2] / "docs" / "statistics.md"
COUNTS = st.integers(0, 10**6)


@st.composite
def counters(draw: st.DrawFn) -> QueueCounters:
    """Counts as a queue can have them."""
    answered, abandoned = draw(COUNTS), draw(COUNTS)
    left = {name: draw(COUNTS) for name in (*FLOW_OUTS, "lost")}
    handled = draw(st.integers(0, answered))
    abandoned_in_time = draw(st.integers(0, abandoned))
    return QueueCounters(
        entered=answered + abandoned + sum(left.values()) + draw(COUNTS),
        answered=answered,
        answered_in_time=draw(st.integers(0, answered)),
        answered_wait_ms=draw(COUNTS) if answered else 0,
        abandoned=abandoned,
        abandoned_in_time=abandoned_in_time,
        abandoned_wait_ms=draw(COUNTS) if abandoned else 0,
        short_abandoned=draw(st.integers(0, abandoned_in_time)),
        full=draw(COUNTS),
        longest_wait_ms=draw(COUNTS),
        handled=handled,
        talk_ms=draw(COUNTS) if handled else 0,
        wrapped_up=draw(st.integers(0, handled)),
        **left,
    )


def test_the_example_that_the_five_formulas_were_published_with() -> None:
    """ICMI, Queue Tips, 1 August 2002: the same day by formulas 1 to 5."""
    day = QueueCounters(
        entered=1_060,
        answered=1_000,
        answered_in_time=860,
        abandoned=60,
        abandoned_in_time=20,
        short_abandoned=10,
    )
    levels = queue_statistics(day).service_level
    formulas = ("abandoned_in_time_met", "of_answered", "of_all", "without_abandoned_in_time", "short_met")
    published = ((860 + 20) / 1_060, 860 / 1_000, 860 / 1_060, 860 / 1_040, (860 + 10) / 1_060)
    assert [levels[id_] for id_ in formulas] == [pytest.approx(level) for level in published]
    assert [round(100 * (levels[id_] or 0)) for id_ in formulas[:4]] == [83, 86, 81, 83], "as printed"


def test_the_three_types_of_the_cisco_guide() -> None:
    """70 answered and 10 given up in time, 20 beyond: ignored, negative and positive impact (CTI server user guide, table 3)."""
    day = QueueCounters(
        entered=100, answered=90, answered_in_time=70, abandoned=10, abandoned_in_time=10, short_abandoned=0
    )
    assert service_level(day, "without_abandoned_in_time") == pytest.approx(70 / 90)
    assert service_level(day, "of_all") == pytest.approx(0.7)
    assert service_level(day, "abandoned_in_time_met") == pytest.approx(0.8)


def test_calls_that_left_by_a_rule_count_where_the_variant_says_so() -> None:
    day = QueueCounters(
        entered=25,
        answered=8,
        answered_in_time=6,
        abandoned=4,
        abandoned_in_time=2,
        short_abandoned=1,
        moved=3,
        callbacks=2,
        waited_out=1,
        unstaffed=2,
        lost=1,
        full=5,
    )
    levels = queue_statistics(day).service_level
    assert levels["without_short"] == service_level(day) == pytest.approx(6 / 11)
    assert levels["with_flow_outs"] == pytest.approx(6 / 20)
    assert levels["with_flow_outs_without_short"] == pytest.approx(6 / 19)
    assert levels["of_entered"] == pytest.approx(6 / 25)
    assert levels["of_offered"] == pytest.approx(6 / 30)
    assert levels["abandoned_in_time_met_without_short"] == pytest.approx(7 / 11)
    assert queue_statistics(day).abandonment == {
        "abandoned": pytest.approx(4 / 12),
        "abandoned_without_short": pytest.approx(3 / 11),
        "abandoned_of_offered": pytest.approx(4 / 30),
    }


def test_times() -> None:
    day = QueueCounters(
        answered=4,
        answered_wait_ms=10_000,
        abandoned=2,
        abandoned_wait_ms=9_000,
        handled=3,
        talk_ms=300_000,
        wrap_up_ms=60_000,
        wrapped_up=2,
        longest_wait_ms=8_000,
    )
    figures = queue_statistics(day)
    assert (figures.answer_ms, figures.abandoned_wait_ms) == (2_500, 4_500)
    assert (figures.talk_ms, figures.wrap_up_ms, figures.handling_ms) == (100_000, 30_000, 120_000)
    assert (answer_ms(day), handling_ms(day), figures.longest_wait_ms) == (2_500, 120_000, 8_000)


def test_of_nothing_there_is_no_share_and_no_mean() -> None:
    figures = queue_statistics(QueueCounters())
    assert set(figures.service_level.values()) == set(figures.abandonment.values()) == {None}
    for name in ("answer_ms", "abandoned_wait_ms", "talk_ms", "wrap_up_ms", "handling_ms"):
        assert getattr(figures, name) is None
    assert agent_time([]).occupancy is agent_time([{}]).utilisation is None
    # All who called hung up at once: nobody is left to be served in time or not.
    assert (
        service_level(QueueCounters(entered=2, abandoned=2, abandoned_in_time=2, short_abandoned=2)) is None
    )


def test_an_unknown_variant_is_an_error() -> None:
    with pytest.raises(KeyError):
        service_level(QueueCounters(), "best")


def test_a_short_abandon_may_be_longer_than_the_target() -> None:
    """Nonsense of a plan that is allowed: no share leaves its bounds for it."""
    day = QueueCounters(entered=5, answered=1, abandoned=4, abandoned_in_time=1, short_abandoned=3)
    assert service_level(day, "abandoned_in_time_met_without_short") == 0


def test_who_entered_before_midnight_may_be_answered_after_it() -> None:
    assert service_level(QueueCounters(entered=1, answered=3, answered_in_time=2), "of_entered") == 1


def test_occupancy_is_of_the_time_that_calls_could_come() -> None:
    spent = [
        {"logged_out": 5_000, "not_ready": 2_000, "ready": 1_000, "ringing": 500, "talking": 2_000},
        {"ready": 1_000, "wrap_up": 1_500},
    ]
    time = agent_time(spent)
    assert (time.busy_ms, time.ready_ms, time.not_ready_ms) == (4_000, 2_000, 2_000)
    assert time.occupancy == pytest.approx(4 / 6)
    assert time.utilisation == pytest.approx(6 / 8)


@given(counters())
def test_shares_are_shares_and_keep_their_order(day: QueueCounters) -> None:
    figures = queue_statistics(day)
    for share in (*figures.service_level.values(), *figures.abandonment.values()):
        assert share is None or 0 <= share <= 1
    level = {id_: share for id_, share in figures.service_level.items() if share is not None}
    # Each of these is at most the next, wherever both are of something.
    for chain in (
        (
            "of_offered",
            "of_entered",
            "with_flow_outs",
            "of_all",
            "without_short",
            "without_abandoned_in_time",
        ),
        ("without_abandoned_in_time", "of_answered"),
        ("with_flow_outs", "with_flow_outs_without_short", "without_short"),
        ("of_all", "short_met", "abandoned_in_time_met"),
        ("without_short", "abandoned_in_time_met_without_short", "abandoned_in_time_met"),
    ):
        known = [level[id_] for id_ in chain if id_ in level]
        for lower, higher in itertools.pairwise(known):
            assert lower <= higher + 1e-12, chain


@given(st.lists(counters(), max_size=5))
def test_several_queues_are_the_sum_of_their_counts(days: list[QueueCounters]) -> None:
    total = combined(days)
    for name in QueueCounters.__struct_fields__:
        values = [getattr(day, name) for day in days]
        assert getattr(total, name) == (max(values, default=0) if name == "longest_wait_ms" else sum(values))
    for ratio in (*SERVICE_LEVELS, *ABANDONMENT):
        shares = [share for day in days if (share := ratio.of(day)) is not None]
        share = ratio.of(total)
        assert (share is None) == (not shares)
        if share is not None:
            assert min(shares) - 1e-12 <= share <= max(shares) + 1e-12


@given(st.lists(st.dictionaries(st.sampled_from(["ready", "talking", "wrap_up", "not_ready"]), COUNTS)))
def test_time_of_several_agents_is_the_sum(spent: list[dict[str, int]]) -> None:
    time = agent_time(spent)
    assert time.busy_ms == sum(agent_time([each]).busy_ms for each in spent)
    assert time.occupancy is None or 0 <= time.occupancy <= 1
    total = sum(sum(each.values()) for each in spent)
    assert math.isclose(time.busy_ms + time.ready_ms + time.not_ready_ms, total)


def test_ids_are_unique_and_every_name_is_a_counter() -> None:
    ids = [ratio.id for ratio in (*SERVICE_LEVELS, *ABANDONMENT)]
    assert len(ids) == len(set(ids))
    for ratio in (*SERVICE_LEVELS, *ABANDONMENT):
        for name in (*ratio.part, *ratio.less_part, *ratio.whole, *ratio.less_whole):
            assert name in QueueCounters.__struct_fields__
        assert ratio.source


def test_the_documentation_gives_every_variant_as_it_is_calculated() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for ratio in (*SERVICE_LEVELS, *ABANDONMENT):
        row = re.search(rf"^\| `{ratio.id}` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
        assert row, ratio.id
        assert row[1] == f"`{ratio.formula}`", ratio.id
        assert row[2] == ratio.source, ratio.id


def test_the_documentation_explains_every_counter() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in msgspec.structs.fields(QueueCounters):
        assert f"| `{name.name}` |" in text, name.name
