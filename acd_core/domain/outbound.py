"""Calls that begin with us. So far none does: a phone that dials is refused, and so is a page that asks for it."""

from __future__ import annotations

from acd_core.domain.commands import EntityGone, RefuseCall
from acd_core.domain.events import PhoneDialled, TrunkChanged
from acd_core.domain.turn import Turn

NO_DIALLING = "no_dialling"


def phone_dialled(turn: Turn, event: PhoneDialled) -> None:
    """No phone of ours may call out: 403, and nothing is kept of the call."""
    state = turn.state
    if event.call in state.calls or event.call in state.ended:
        turn.stale(event, "known")
        return
    turn.know_edge(event.edge)
    turn.emit(RefuseCall(edge=event.edge, call=event.call, status=403, reason=NO_DIALLING))
    turn.gone.append(EntityGone(entity="call", id=event.call))


def trunk_changed(turn: Turn, event: TrunkChanged) -> None:
    """No decision goes by the state of a trunk."""
    turn.stale(event, "up" if event.up else "down")
