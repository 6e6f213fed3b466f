"""The whole grid: every event in every state of the call or agent it is about."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain import tables
from acd_core.domain.agent import MOVES as AGENT_MOVES
from acd_core.domain.call import MOVES as CALL_MOVES
from acd_core.domain.commands import RequestRefused
from acd_core.domain.state import State, encode_state
from tests.domain.world import EDGE, PLAN, ROSTER, WEB, World

EVENTS: tuple[type[ev.Event], ...] = typing.get_args(ev.AnyEvent)
CALL_STATES = tuple(CALL_MOVES)
BEGINNINGS = ("playing", "dialling")  # of a call that arrives, of one that an operator dials
AGENT_STATES = tuple(AGENT_MOVES)


def handed_outside(state: str) -> World:
    """A number outside is dialled for c1, and ann is still on the line, or not."""
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
    number = "+903124441111"
    asked = {"transfer": 1, "target": number, "to": number, "trunks": ("carrier",), "at_ms": world.now_ms}
    world.do(ev.TransferAsked(agent="ann", call="c1", offer=1, **asked))  # type: ignore[arg-type]
    if state == "away":
        world.do(ev.PhoneHungUp(agent="ann", call="c1", handing=True))
    return world


def in_call_state(state: str, *, outside: bool = False) -> World:
    """Call c1 is in this state; ann has it, or will."""
    world = World()
    if state in ("playing", "menu"):
        world.make_ready("ann")
        world.arrive("c1", "185")
        if state == "menu":
            world.played("c1")
        return world
    if state == "dialling":
        world.use_phone("ann")
        world.dial_at_phone("201", "c1")
        return world
    if state != "waiting":
        world.make_ready("ann")
    world.arrive("c1")
    if state == "away" or outside:
        return handed_outside(state)
    if state in ("talking", "held"):
        world.accept("ann")
    if state == "held":
        world.lose_audio("ann")
    return world


def in_agent_state(state: str, *, phone: bool = False) -> World:
    """Agent ann is in this state, with call c1 where that needs one."""
    world = World()
    world.log_in("ann")
    if phone:
        world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
        world.ask(ev.PhoneChosen, "ann")
    else:
        world.connect_audio("ann")
    if state == "logged_out":
        world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    elif state != "not_ready":
        world.ask(ev.ReadyRequested, "ann")
    if state in ("ringing", "talking", "wrap_up"):
        world.arrive("c1")
    if state in ("talking", "wrap_up"):
        if phone:
            world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
        else:
            world.accept("ann")
    if state == "wrap_up":
        world.hang_up("c1")
    assert world.agent("ann").state == state
    return world


def sample(kind: type[ev.Event], world: World) -> Any:
    """An event of this kind about call c1 and agent ann, as up to date as it can be."""
    agent, call = world.state.agents.get("ann"), world.state.calls.get("c1")
    values: dict[str, Any] = {
        "agent": "ann",
        "agents": {},
        "at_ms": world.now_ms,
        "call": "c1",
        "barred": "",
        "caller": "1",
        "code_version": "2",
        "dialled": "185",
        "duration_ms": 1,
        "edge": EDGE,
        "instance": "x",
        "key": "1",
        "keys": "1",
        "leg": agent.leg if agent is not None and kind is ev.AudioLost else "another-leg",
        "offer": agent.offer if agent is not None else 1,
        "part": 1,
        "path": "p",
        "plan": PLAN,
        "play": call.play if call is not None else 1,
        "roster": ROSTER,
        "session": "ann-page",
        "sha256": "",
        "size_bytes": 1,
        "started_at_ms": 1,
        "status": 480,
        "user": "201",
        "version": 2,
        "web": WEB,
        "reason": "lunch",
        "mode": "emergency",
        "callback": "c1",
        "number": "+903121234567",
        "trunk": "carrier",
        "cause": "busy",
        "up": False,
        "by": "caller",
        "to": "+903121234567",
        "trunks": ("carrier",),
        "transfer": 1,
        "attempt": call.outside.attempt if call is not None and call.outside is not None else 0,
        "target": "186",
    }
    if kind is ev.DeadlinePassed:
        return ev.DeadlinePassed(entity="call", id="c1", key="flow", generation=0)
    names = [field.name for field in msgspec.structs.fields(kind)]
    return kind(**{name: values[name] for name in names if name in values})


def plain(state: State) -> bytes:
    """The state without the time and the counts of what was stale."""
    return encode_state(msgspec.structs.replace(state, now_ms=0, stale={}))


def test_every_event_has_its_place_in_one_table() -> None:
    placed = [
        *tables.WORLD,
        *tables.CALLS,
        *tables.AGENTS,
        *tables.REQUESTS,
        ev.DeadlinePassed,
    ]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(EVENTS)


def test_every_row_names_every_state() -> None:
    for kind, calls in tables.CALLS.items():
        assert set(calls) == set(CALL_STATES), kind
    for kind, agents in (*tables.AGENTS.items(), *tables.REQUESTS.items()):
        assert set(agents) == set(AGENT_STATES), kind


def test_every_state_can_be_left_and_reached() -> None:
    for state, targets in AGENT_MOVES.items():
        assert targets - {state}, state
        assert any(state in AGENT_MOVES[other] for other in AGENT_STATES if other != state), state
    for call_state in set(CALL_STATES).difference(BEGINNINGS):
        assert any(call_state in CALL_MOVES[other] for other in CALL_STATES if other != call_state), (
            call_state
        )


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", [*CALL_STATES, "gone"])
def test_every_event_in_every_state_of_a_call(kind: type[ev.Event], state: str) -> None:
    of_outside = state == "talking" and kind in (ev.DialProgress, ev.DialAnswered, ev.DialFailed)
    world = World() if state == "gone" else in_call_state(state, outside=of_outside)
    if kind is ev.OutsideHungUp and state == "away":
        world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=2))
    if state != "gone":
        world.call("c1").callback_offered = True
        if kind is ev.CallerAnswered and state in ("playing", "menu", "waiting", "ringing"):
            world.call("c1").early_max_ms = 1
    before = plain(world.state)
    world.do(sample(kind, world))
    row: Any = tables.CALLS.get(kind)
    if kind is ev.DeadlinePassed or (row is not None and (state == "gone" or row[state] == tables.STALE)):
        assert world.names() == ["StaleEvent"]
        assert plain(world.state) == before
    elif row is not None:
        assert "StaleEvent" not in world.names()


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("phone", [False, True], ids=["browser", "phone"])
@pytest.mark.parametrize("state", AGENT_STATES)
def test_every_event_in_every_state_of_an_agent(kind: type[ev.Event], state: str, phone: bool) -> None:
    world = in_agent_state(state, phone=phone)
    before = plain(world.state)
    world.do(sample(kind, world))
    row: Any = tables.AGENTS.get(kind) or tables.REQUESTS.get(kind)  # type: ignore[call-overload]
    if row is None:
        return
    rule = row[state]
    if isinstance(rule, tables.Refusal):
        assert world.the(RequestRefused).reason == rule.reason
        assert plain(world.state) == before
    elif rule == tables.STALE:
        assert world.names() == ["StaleEvent"]
        assert plain(world.state) == before


@pytest.mark.parametrize("kind", [*tables.AGENTS, *tables.REQUESTS], ids=lambda kind: kind.__name__)
def test_events_of_an_agent_who_never_logged_in(kind: type[ev.Event]) -> None:
    world = World()
    before = plain(world.state)
    world.do(sample(kind, world))
    assert world.names()[0] == "StaleEvent"
    assert plain(world.state) == before


@pytest.mark.parametrize("entity", ["call", "agent", "edge", "web"])
def test_deadlines_of_nobody_are_stale(entity: Any) -> None:
    world = World()
    world.do(ev.DeadlinePassed(entity=entity, id="nobody", key="flow", generation=1))
    assert world.names() == ["StaleEvent"]
    assert world.state.stale == {f"DeadlinePassed {entity} flow": 1}


def test_names_of_stale_events_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd_core.domain.turn.STALE_NAMES_MAX", 1)
    world = World()
    for key in ("a", "b", "a"):
        world.do(ev.DeadlinePassed(entity="call", id="nobody", key=key, generation=1))
    assert world.state.stale == {"DeadlinePassed call a": 2}
