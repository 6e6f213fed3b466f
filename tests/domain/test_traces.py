"""Recorded histories: what goes in, what comes out, line by line.

A file of `tests/traces/` is one story: its first line says which, `load` puts documents of that folder in force, `in` is an
event at a time, `out` each command it gives (without its empty fields). A deadline that passes with generation 0 is the one in
force of its key. A change that alters a story shows here as a difference
that somebody reads; when it is meant, `SANTRAL_REWRITE_TRACES=1` writes what comes out now. To record a new story, write its
`in` lines and rewrite.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acd_core.documents import load_plan, load_roster
from acd_core.domain.commands import CallStep, DecisionKind
from acd_core.domain.events import AnyEvent, DeadlinePassed, PlanChanged, RosterChanged
from acd_core.domain.invariants import check
from acd_core.domain.plan import Strategy
from acd_core.domain.router import Router
from acd_core.domain.state import decode_state, encode_state, timed
from tests.domain.hearsay import Hearsay
from tests.domain.oracle import Oracle

FOLDER = Path(__file__).resolve().parents[1] / "traces"
FILES = sorted(FOLDER.glob("*.jsonl"))
YEARS = range(2023, 2024)  # of calendars, so that a story is the same whenever it is told

# Every rule of who gets a call, and the stories that tell it.
RULES: dict[str, tuple[str, ...]] = {
    "first come, first served; priority before arrival": (
        "answered_at_the_page",
        "answered_at_the_phone",
        "order_same_moment",
        "priority_before_arrival",
    ),
    "aging and its limit": ("order_aging", "order_aging_cap"),
    "hazards before everything": ("hazard",),
    "longest idle": ("strategy_longest_idle",),
    "fewest calls": ("strategy_fewest_calls",),
    "least occupied": ("strategy_least_occupied",),
    "top-down": ("strategy_top_down",),
    "round robin": ("strategy_round_robin",),
    "proficiency": ("strategy_proficiency",),
    "random by seed": ("strategy_random",),
    "ring all": ("ring_all_late_answer", "ring_all_next", "ring_all_winner"),
    "steps lower levels": ("step_lower_levels",),
    "steps add teams": ("step_add_teams",),
    "steps add queues": ("step_add_queues",),
    "steps move calls on": ("step_move_to", "step_move_to_full"),
    "steps ask for sites": ("step_to_sites",),
    "steps offer a callback": ("callback_anonymous", "callback_expired", "callback_settled"),
    "condition: more calls wait": ("when_waiting_over",),
    "condition: the expected wait is longer": ("when_expected_wait",),
    "condition: fewer operators are ready": ("when_ready_at_most",),
    "condition: within hours": ("when_during",),
    "way out: full": ("full_to_another_queue", "queue_full"),
    "way out: waited too long": ("rung_in_vain", "waited_too_long"),
    "way out: nobody logged in": ("last_operator_back", "last_operator_gone"),
    **{
        f"offer {cause}, then {then}": (f"offer_{cause}_{then}",)
        for cause in ("declined", "no_answer", "unreachable", "vanished")
        for then in ("ready", "not_ready", "logged_out")
    },
    "failed offers: the call keeps its place": ("not_answered", "phone_unreachable", "rejected"),
    "how long it rings, by channel": ("offer_timeout_by_channel",),
    "a page that goes away while it rings": ("offer_page_back", "page_gone_while_ringing"),
    "wrap-up, its extension and its cap": ("wrap_up_cap", "wrap_up_extended"),
    "not ready: planned, overdue, too long": ("break_overdue", "break_too_long", "lunch_after_the_call"),
    "the longest log-in": ("login_over", "login_over_in_a_call", "login_over_in_wrap_up"),
    "the longest conversation": ("talk_too_long",),
    "last operator": ("last_operator",),
    "preferred operator": ("preferred", "preferred_on_break", "preferred_released", "preferred_widened"),
    "repeat caller": ("repeat_caller",),
    "anonymous callers": ("anonymous",),
    "known callers": ("caller_with_skills", "vip"),
    "hours, holidays and modes": ("closed_by_a_supervisor", "emergency", "holiday", "hours"),
    "flows": ("no_key", "unknown_number"),
    "heard before the answer": (
        "early_and_connected",
        "early_and_turned_away",
        "early_core_killed",
        "early_for_too_long",
    ),
    "callers who hang up": ("gone_in_the_greeting", "gone_in_the_queue", "gone_while_ringing"),
    "pages and log-ins": (
        "log_out_in_a_call",
        "page_back_in_time",
        "page_blinks",
        "page_gone_for_good",
        "taken_over",
    ),
    "operators who dial": (
        "dialled_and_answered",
        "dialled_at_a_strange_phone",
        "dialled_at_the_phone",
        "dialled_barred",
        "dialled_busy",
        "dialled_cancelled",
        "dialled_core_killed",
        "dialled_edge_killed",
        "dialled_no_reply",
    ),
    "callers who are handed on": ("transferred_to_a_colleague", "transferred_to_a_number"),
    "callers who are handed on to whom was asked first": ("transferred_after_asking",),
    "callers who are handed on to a number outside": ("transferred_outside", "transferred_outside_in_vain"),
    "processes that die": ("core_killed", "edge_killed", "edge_link_blinks", "edge_stays_away", "web_killed"),
    "operators at another edge than the call": (
        "elsewhere_answered",
        "elsewhere_call_away",
        "elsewhere_cut_off",
        "elsewhere_edge_away",
        "elsewhere_edge_killed",
    ),
    "documents that change": ("agent_removed", "plan_changed"),
}


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One of: the story's title, documents to load, an event, a command."""

    story: str = ""
    at: int = 0
    load: tuple[str, ...] = ()
    event: AnyEvent | None = msgspec.field(name="in", default=None)
    command: dict[str, Any] = msgspec.field(name="out", default_factory=dict)


def told(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines() if line.strip()]


def happens(lines: list[Line], *, restarts: bool = False) -> Iterator[Line]:
    """The same story as the router of today tells it; or as many routers, each going on from a snapshot of the one before."""
    router = Router()
    oracle, hearsay = Oracle(router.state), Hearsay(router.state)
    for line in lines:
        if line.story:
            yield line
        elif line.event is not None or line.load:
            yield line
            events = [line.event] if line.event is not None else [_load(router, name) for name in line.load]
            for event in events:
                told = _in_force(router, event)
                oracle.before(router.state, told, line.at)
                commands = router.apply(told, line.at)
                for command in commands:
                    yield Line(command=_full(msgspec.to_builtins(command)))
                check(router.state)
                oracle.after(router.state, told, commands)
                hearsay.after(router.state, told, commands)
                if restarts:
                    router = Router(decode_state(encode_state(router.state)))


def _in_force(router: Router, event: AnyEvent) -> AnyEvent:
    """A deadline without a generation is the one in force."""
    if not isinstance(event, DeadlinePassed) or event.generation:
        return event
    deadline = timed(router.state)[event.entity][event.id].deadlines[event.key]
    return msgspec.structs.replace(event, generation=deadline.generation)


def _full(value: Any) -> Any:
    """Without empty fields, for the reader's sake."""
    if isinstance(value, dict):
        return {key: _full(entry) for key, entry in value.items() if entry}
    if isinstance(value, list | tuple):
        return [_full(entry) for entry in value]
    return value


def _load(router: Router, name: str) -> AnyEvent:
    path = FOLDER / name
    text = path.read_text(encoding="utf-8")
    if name.startswith("plan"):
        return PlanChanged(
            version=router.state.plan_version + 1, plan=load_plan(text, path.parent, name, YEARS)
        )
    roster = load_roster(text, router.state.plan, name)
    return RosterChanged(version=router.state.roster_version + 1, roster=roster)


def written(lines: Iterator[Line]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_story_is_told_as_it_was_recorded(path: Path) -> None:
    now = written(happens(told(path)))
    if os.environ.get("SANTRAL_REWRITE_TRACES"):
        path.write_bytes(now)
    assert now.splitlines() == path.read_bytes().splitlines()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_story_is_the_same_with_a_restart_after_every_event(path: Path) -> None:
    assert written(happens(told(path), restarts=True)).splitlines() == path.read_bytes().splitlines()


def test_every_rule_has_its_stories_and_every_story_its_rule() -> None:
    told = [story for stories in RULES.values() for story in stories]
    assert sorted(told) == [path.stem for path in FILES]
    assert all(RULES.values())


def test_every_rule_that_a_document_can_ask_for_is_told() -> None:
    """What the stories' plans and the stories themselves leave out would be a rule that nobody can read about."""
    seen: set[str] = set()
    for path in FILES:
        for line in told(path):
            command = line.command
            seen.add(command.get("step", "") if command.get("type") == "CallStory" else "")
            if command.get("type") == "Decided":
                seen.update((command["kind"], command.get("strategy", "")))
    wanted = {*typing.get_args(CallStep), *typing.get_args(DecisionKind), *typing.get_args(Strategy)}
    assert not wanted - seen
