"""Who calls: known callers of the plan, callers who called before, and for which agent a call is kept.

Numbers are compared in international form; a caller who withholds it is never recognised.
"""

from __future__ import annotations

from acd_core.domain.call import Call, Contact
from acd_core.domain.events import CallArrived
from acd_core.domain.limits import CONTACTS_MAX
from acd_core.domain.plan import Number
from acd_core.domain.reasons import decided
from acd_core.domain.squads import Skills
from acd_core.domain.turn import Turn


def recognise(turn: Turn, call: Call, event: CallArrived, number: Number) -> None:
    """Note what the dialled number, the caller and the event ask for."""
    call.own_priority = event.priority
    skills: dict[str, int] = {}
    if call.number:
        caller = turn.index.look.callers.get(call.number)
        if caller is not None:
            call.vip = caller.vip
            call.preferred = caller.agent
            call.own_priority += caller.priority
            call.caller_name = call.caller_name or caller.name
            ask_more(skills, caller.skills)
        _remember(turn, call)
    if event.skills:
        ask_more(skills, _known(turn, event.skills))
    if skills:
        call.own_skills = tuple(sorted(skills.items()))
    ask_as(call, number)


def ask_as(call: Call, number: Number) -> None:
    """The call asks for what it brings along itself, and for what this number of the plan does."""
    call.asked_priority = call.own_priority + number.priority
    call.asked_skills = merged(call.own_skills, number.skills)


def ask_more(skills: dict[str, int], more: dict[str, int]) -> None:
    """Where both ask for a skill, the higher level counts."""
    for skill, level in more.items():
        skills[skill] = max(level, skills.get(skill, 0))


def merged(first: Skills, second: dict[str, int]) -> Skills:
    """Both, in order."""
    if not second:
        return first
    skills = dict(first)
    ask_more(skills, second)
    return tuple(sorted(skills.items()))


def _known(turn: Turn, skills: dict[str, int]) -> dict[str, int]:
    """What a call brings along, of the plan's skills; agents are told apart by a new one from now on."""
    state = turn.state
    known = {skill: level for skill, level in skills.items() if skill in turn.plan.skills}
    new = set(known).difference(turn.index.look.asked_skills)
    if new:
        state.arrived_skills = tuple(sorted({*state.arrived_skills, *new}))
        turn.index.rebuild(state)
    return known


def _remember(turn: Turn, call: Call) -> None:
    contacts = turn.state.contacts
    contact = contacts.pop(call.number, None)
    if contact is None:
        while len(contacts) >= CONTACTS_MAX:
            del contacts[next(iter(contacts))]
        contact = Contact(called_ms=turn.now_ms)
    elif turn.now_ms - contact.called_ms <= turn.plan.repeat_caller_ms:
        call.repeat = contact.calls
        contact.calls += 1
    else:
        contact.calls = 1
    contact.called_ms = turn.now_ms
    contacts[call.number] = contact


def spoke(turn: Turn, call: Call) -> None:
    """A conversation ended: its agent is who this caller spoke with last."""
    contact = turn.state.contacts.get(call.number) if call.number else None
    if contact is not None:
        contact.agent, contact.spoke_ms = call.agent, turn.now_ms


def keep(turn: Turn, call: Call) -> None:
    """Keep a call that enters a queue for the agent the caller prefers or spoke with last, when they are at work."""
    definition = turn.state.queues[call.queue].definition
    if not call.preferred and not (call.number and definition.last_operator_ms):
        return
    id_ = call.preferred or _last_operator(turn, call, definition.last_operator_ms)
    agent = turn.state.agents.get(id_) if id_ and not call.hazard else None
    if agent is None or agent.state in ("logged_out", "not_ready") or id_ == call.handed_by:
        return
    crew = turn.index.crews[call.queue]
    squad = crew.members.get(id_)
    if squad is None or turn.index.ways(call)[0].refuses(squad):
        return
    standing = turn.index.standing.get(id_)
    at_hand = standing is not None and call.edge not in turn.index.away
    if not at_hand and not definition.preferred_hold_ms:
        return
    call.only, call.only_until_ms = id_, turn.now_ms + definition.preferred_hold_ms
    turn.story(call, "preferred", agent=id_)
    decided(turn, call, "kept", agent=id_, until_ms=call.only_until_ms)


def release(turn: Turn, call: Call) -> None:
    """The agent did not come in time, or will not come: whoever is first may have the call."""
    id_, call.only, call.only_until_ms = call.only, "", 0
    turn.story(call, "released", agent=id_)
    decided(turn, call, "released", agent=id_)


def _last_operator(turn: Turn, call: Call, within_ms: int) -> str:
    contact = turn.state.contacts.get(call.number) if call.number and within_ms else None
    if contact is None or not contact.agent or turn.now_ms - contact.spoke_ms > within_ms:
        return ""
    return contact.agent
