"""Where SIP phones are registered.

Some register at several edges, so that one of them may fail, and one that goes to another edge is still known at the first for
a while. A phone is rung where it registered last; the others are kept, and are its next ones when that edge is away, or says
that the phone has gone.
"""

from __future__ import annotations

from acd_core.domain.state import State


def arrive(state: State, user: str, edge: str) -> None:
    """It is rung at this edge from now on."""
    before = state.phones.get(user)
    spare = [other for other in state.spare_phones.get(user, ()) if other != edge]
    if before is not None and before != edge:
        spare.append(before)
    state.phones[user] = edge
    _keep(state, user, spare)


def leave(state: State, user: str, edge: str) -> None:
    """It is not there any more, and is rung at the latest of the others; at one whose link is up if there is one."""
    spare = [other for other in state.spare_phones.get(user, ()) if other != edge]
    if state.phones[user] == edge:
        if spare:
            state.phones[user] = spare.pop(_latest(state, spare))
        else:
            del state.phones[user]
    _keep(state, user, spare)


def turn_to_others(state: State, edge: str) -> list[str]:
    """The link to this edge is down: who is registered elsewhere too is rung there. Those."""
    moved = []
    for user in users_at(state, edge):
        spare = state.spare_phones.get(user, ())
        if state.phones[user] == edge and spare:
            other = spare[_latest(state, list(spare))]
            if state.edges[other].up:
                arrive(state, user, other)
                moved.append(user)
    return moved


def is_at(state: State, user: str, edge: str) -> bool:
    """Whether it is registered there, first or last."""
    return state.phones.get(user) == edge or edge in state.spare_phones.get(user, ())


def users_at(state: State, edge: str) -> list[str]:
    """All that are registered there, in order."""
    return sorted(user for user in state.phones if is_at(state, user, edge))


def _latest(state: State, spare: list[str]) -> int:
    up = [place for place, edge in enumerate(spare) if state.edges[edge].up]
    return up[-1] if up else len(spare) - 1


def _keep(state: State, user: str, spare: list[str]) -> None:
    if spare:
        state.spare_phones[user] = tuple(spare)
    else:
        state.spare_phones.pop(user, None)
