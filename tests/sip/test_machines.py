"""The tables of the four state machines: the whole grid of states and inputs."""

from __future__ import annotations

import pytest

from gateways.sip import machines
from gateways.sip.machines import Machine
from gateways.sip.transaction import Input, State

RESPONSES = {Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE}
FROM_OUTSIDE = {
    # What the wire, our user and the transport can do to a transaction at any time.
    "INVITE_CLIENT": RESPONSES | {Input.CANCEL, Input.TRANSPORT_ERROR},
    "REQUEST_CLIENT": RESPONSES | {Input.CANCEL, Input.TRANSPORT_ERROR},
    "INVITE_SERVER": {Input.REQUEST, Input.ACK, Input.CANCEL},
    "REQUEST_SERVER": {Input.REQUEST},
}
ANSWERABLE = {State.TRYING, State.PROCEEDING}  # where our user may still respond
TIMERS = {
    # RFC 3261 table 4, RFC 6026 8.2; each state waits for exactly these.
    ("INVITE_CLIENT", State.CALLING): {Input.TIMER_A, Input.TIMER_B},
    ("INVITE_CLIENT", State.PROCEEDING): {Input.TIMER_C, Input.TIMER_CANCELLED},
    ("INVITE_CLIENT", State.COMPLETED): {Input.TIMER_D},
    ("INVITE_CLIENT", State.ACCEPTED): {Input.TIMER_M},
    ("REQUEST_CLIENT", State.TRYING): {Input.TIMER_E, Input.TIMER_F},
    ("REQUEST_CLIENT", State.PROCEEDING): {Input.TIMER_E, Input.TIMER_F},
    ("REQUEST_CLIENT", State.COMPLETED): {Input.TIMER_K},
    ("INVITE_SERVER", State.PROCEEDING): {Input.TIMER_UNANSWERED},
    ("INVITE_SERVER", State.COMPLETED): {Input.TIMER_G, Input.TIMER_H},
    ("INVITE_SERVER", State.CONFIRMED): {Input.TIMER_I},
    ("INVITE_SERVER", State.ACCEPTED): {Input.TIMER_OK, Input.TIMER_L},
    ("INVITE_SERVER", State.ACKNOWLEDGED): {Input.TIMER_L},
    ("REQUEST_SERVER", State.TRYING): {Input.TIMER_UNANSWERED},
    ("REQUEST_SERVER", State.PROCEEDING): {Input.TIMER_UNANSWERED},
    ("REQUEST_SERVER", State.COMPLETED): {Input.TIMER_J},
}


def machine(name: str) -> Machine:
    found = getattr(machines, name)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_every_state_lists_exactly_what_can_reach_it(name: str) -> None:
    for state, row in machine(name).items():
        expected = FROM_OUTSIDE[name] | TIMERS[name, state]
        if "SERVER" in name and state in ANSWERABLE:
            expected |= RESPONSES
        assert set(row) == expected, (name, state)


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_every_state_is_reached_and_every_path_ends(name: str) -> None:
    table = machine(name)
    first = next(iter(table))
    reached = {first}
    while True:
        more = {to for state in reached if state in table for to, _ in table[state].values()} - reached
        if not more:
            break
        reached |= more
    assert reached == {*table, State.TERMINATED}
    for state, row in table.items():
        ends = {to for what, (to, _) in row.items() if what.name.startswith("TIMER")}
        assert ends - {state} or name == "INVITE_CLIENT", f"{state} of {name} must not last for ever"


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_only_a_timer_or_a_dead_transport_ends_a_transaction(name: str) -> None:
    """Copies may come for a while after the last word: nothing ends at once (RFC 3261 17.1.1.2)."""
    for row in machine(name).values():
        for what, (to, _) in row.items():
            if to is State.TERMINATED:
                assert what.name.startswith("TIMER") or what is Input.TRANSPORT_ERROR
