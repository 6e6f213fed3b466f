"""Who calls, and what that changes: known callers, those who called before, and for which operator a call is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.plan import Caller, Flow, Number, Plan, QueueStep
from tests.domain.world import PLAN, ROSTER, World

HOUR_MS = 3_600_000
FRIEND, STRANGER = "+905551234567", "+905550000000"


def city(**water: Any) -> Plan:
    """Callers are known for an hour, and for ten minutes by the operator they spoke with; 189 is for hazards."""
    queue = msgspec.structs.replace(PLAN.queues["water"], last_operator_ms=600_000, waiting_max=100, **water)
    return msgspec.structs.replace(
        PLAN,
        queues=PLAN.queues | {"water": queue},
        callers={"friend": Caller(name="Friend", numbers=(FRIEND,), vip=True, priority=3, agent="bob")},
        numbers=(*PLAN.numbers, Number(dialled="189", service="Gas", flow="gas")),
        flows=PLAN.flows | {"gas": Flow(start="gas", steps={"gas": QueueStep(queue="water", hazard=True)})},
        repeat_caller_ms=HOUR_MS,
    )


def busy(world: World, *agents: str) -> None:
    """These operators are in wrap-up after a call of somebody whom nobody knows."""
    for agent in agents:
        world.make_ready(agent)
        world.talk(f"{agent}-call", agent)
        world.hang_up(f"{agent}-call")


def spoken(world: World, agent: str) -> None:
    """The stranger spoke with this operator, who is in wrap-up since."""
    world.make_ready(agent)
    world.arrive("before", number=STRANGER)
    world.accept(agent)
    world.hang_up("before")


@pytest.mark.parametrize(("later_ms", "repeat"), [(HOUR_MS, 1), (HOUR_MS + 1, 0)])
def test_who_calls_again_within_the_time_is_a_repeat_caller(later_ms: int, repeat: int) -> None:
    world = World(city(repeat_priority=4))
    world.arrive("c1", number=STRANGER)
    world.now_ms += later_ms - 10
    world.arrive("c2", number=STRANGER)
    assert (world.call("c1").repeat, world.call("c1").priority) == (0, 0)
    assert (world.call("c2").repeat, world.call("c2").priority) == (repeat, 4 * repeat)


def test_each_call_is_counted_from_the_one_before_and_a_long_silence_begins_anew() -> None:
    world = World(city())
    for number in range(1, 4):
        world.now_ms += HOUR_MS - 1_000
        world.arrive(f"c{number}", number=STRANGER)
        assert world.call(f"c{number}").repeat == number - 1
    world.now_ms += HOUR_MS
    world.arrive("c4", number=STRANGER)
    world.arrive("c5", number=STRANGER)
    assert (world.call("c4").repeat, world.call("c5").repeat) == (0, 1)


def test_nobody_without_a_number_is_ever_recognised() -> None:
    world = World(city(repeat_priority=4))
    spoken(world, "ann")
    for call in ("c1", "c2"):
        world.arrive(call)
        assert (world.call(call).repeat, world.call(call).only, world.call(call).priority) == (0, "", 0)
    assert list(world.state.contacts) == [STRANGER]


@pytest.mark.parametrize(("later_ms", "kept_for"), [(600_000, "ann"), (600_001, "")])
def test_a_call_is_kept_for_the_operator_they_spoke_with_last(later_ms: int, kept_for: str) -> None:
    world = World(city(wrap_up_ms=HOUR_MS, wrap_up_max_ms=HOUR_MS))
    spoken(world, "ann")
    world.make_ready("bob")
    world.now_ms += later_ms - 40
    assert world.now_ms + 10 - world.state.contacts[STRANGER].spoke_ms == later_ms
    world.arrive("c1", number=STRANGER)
    assert world.call("c1").only == kept_for
    assert world.agent("bob").call == ("" if kept_for else "c1")


def test_who_the_plan_gives_a_caller_comes_before_who_they_spoke_with_last() -> None:
    world = World(city())
    world.make_ready("ann")
    world.arrive("before", number=FRIEND)
    world.accept("ann")
    world.hang_up("before")
    busy(world, "bob")
    world.arrive("c1", number=FRIEND)
    call = world.call("c1")
    assert (call.only, call.vip, call.caller_name, call.priority) == ("bob", True, "Friend", 3)


@pytest.mark.parametrize("state", ["not_ready", "logged_out", "never there"])
def test_a_call_is_kept_for_nobody_who_is_not_at_work(state: str) -> None:
    world = World(city())
    if state != "never there":
        world.make_ready("bob")
        world.ask(ev.NotReadyRequested, "bob")
    if state == "logged_out":
        world.do(ev.SessionClosed(agent="bob", session="bob-page"))
    world.arrive("c1", number=FRIEND)
    assert world.call("c1").only == ""


def test_a_call_is_kept_for_nobody_who_may_not_take_it() -> None:
    """Bob does not serve bills, and water asks for more than he can."""
    world = World(city())
    busy(world, "bob")
    world.arrive("c1", "185", number=FRIEND)
    world.played("c1")
    world.press("c1", "2")
    assert (world.call("c1").queue, world.call("c1").only) == ("bills", "")
    skilled = msgspec.structs.replace(city(skills={"water": 2}), skills={"water": "Su"})
    agents = ROSTER.agents | {"bob": msgspec.structs.replace(ROSTER.agents["bob"], skills={"water": 1})}
    world.do(ev.RosterChanged(version=2, roster=msgspec.structs.replace(ROSTER, agents=agents)))
    world.do(ev.PlanChanged(version=2, plan=skilled))
    world.arrive("c2", number=FRIEND)
    assert (world.call("c2").queue, world.call("c2").only) == ("water", "")


def test_a_hazard_is_kept_for_nobody() -> None:
    world = World(city())
    busy(world, "bob")
    world.make_ready("ann")
    world.arrive("c1", "189", number=FRIEND)
    assert (world.call("c1").only, world.agent("ann").call) == ("", "c1")


def test_a_call_is_held_for_who_is_busy_only_where_the_queue_has_a_time_for_it() -> None:
    world = World(city(preferred_hold_ms=0))
    busy(world, "bob")
    world.arrive("c1", number=FRIEND)
    assert world.call("c1").only == ""
    world.hang_up("c1")
    world.ask(ev.ReadyRequested, "bob")
    world.make_ready("ann")
    world.now_ms += 1_000
    world.arrive("c2", number=FRIEND)
    assert world.call("c2").only == world.call("c2").preferred == "bob", (
        "who is at hand has it without a hold"
    )
    assert world.agent("bob").call == "c2"


def test_who_called_longest_ago_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd_core.domain.callers.CONTACTS_MAX", 2)
    world = World(city())
    for call, number in enumerate(("+901", "+902", "+901", "+903")):
        world.arrive(f"c{call}", number=number)
    assert list(world.state.contacts) == ["+901", "+903"]
    assert world.state.contacts["+901"].calls == 2
