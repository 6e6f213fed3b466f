"""The links to edges and webs break and come back, theirs or our process new or old: what they hold is reconciled with
what we know.

While a link is down nothing of its is offered, and what it holds is kept: an edge's calls for the plan's grace, a web's pages
for the session's grace. What rings at an edge that is away for a call of another is withdrawn at once, since the call need not
wait for it; a conversation across the two goes on until it is known that the edge's process is gone. The inventory comes behind
everything that the peer had still to say. An edge process that is the same as before has heard, or is about to hear, all that
we told it, also across a restart of the core: its link resumes by number. So only differences are mended, and what is under way
already does no harm when it is said twice. A new one, should it hold calls nevertheless, is also told again what should be
heard.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.answer import is_answered, let_hear
from acd_core.domain.call import Call
from acd_core.domain.commands import (
    AnswerCaller,
    DropAudio,
    EndCall,
    EndPhone,
    EntityGone,
    Part,
    PreparePrompts,
    Prompt,
)
from acd_core.domain.devices import lose_leg, moved, register, take_leg, unregister
from acd_core.domain.ending import end
from acd_core.domain.events import EdgeDown, EdgeInventory, HeldCall, WebDown, WebInventory
from acd_core.domain.limits import AGENTS_MAX
from acd_core.domain.link_ends import Edge, Web
from acd_core.domain.offers import ring_phone, take_back
from acd_core.domain.order import audio_edge
from acd_core.domain.outbound import was_answered, without_audio
from acd_core.domain.outside import join
from acd_core.domain.phones import is_at, turn_to_others, users_at
from acd_core.domain.plan import Plan
from acd_core.domain.sessions import lose_page, open_page
from acd_core.domain.shift import back_to_ready, forget_leg
from acd_core.domain.sound import sound_again
from acd_core.domain.talk import say_join
from acd_core.domain.turn import Turn

EDGE_AWAY = "edge_away"
LOST_AT_EDGE = "lost_at_edge"
EDGE_LOST = "edge_lost"
UNKNOWN_CALL = "unknown_call"


def edge_down(turn: Turn, event: EdgeDown) -> None:
    """The link to an edge broke."""
    edge = turn.state.edges.get(event.edge)
    if edge is None or not edge.up:
        turn.stale(event, "unknown" if edge is None else "down")
    else:
        take_down(turn, edge)
        for user in turn_to_others(turn.state, edge.id):
            moved(turn, user)
        _withdraw_across(turn, edge)


def take_down(turn: Turn, edge: Edge) -> None:
    """Offer nothing there until it is back; after the grace its calls end."""
    edge.up = False
    plan = turn.state.plan
    grace_ms = 0 if plan is None else plan.edge_grace_ms
    turn.set_deadline("edge", edge, "grace", turn.now_ms + grace_ms)
    turn.index.set_away(edge.id, True, _calls_at(turn, edge))
    _touch_agents_at(turn, edge)


def edge_grace_over(turn: Turn, edge: Edge) -> None:
    """The edge stayed away: its calls end, its audio and phones are gone."""
    state = turn.state
    for call in _calls_at(turn, edge):
        _lose_call(turn, call, EDGE_LOST)
    for agent in _legs_at(turn, edge):
        _lose(turn, agent)
    _cut_across(turn, edge)
    for user in users_at(state, edge.id):
        unregister(turn, user, edge.id)
    turn.index.set_away(edge.id, False, [])
    del state.edges[edge.id]
    turn.gone.append(EntityGone(entity="edge", id=edge.id))


def _withdraw_across(turn: Turn, edge: Edge) -> None:
    """Offers of other edges' calls to operators whose device is at this one, through no fault of theirs."""
    for call in _calls_elsewhere(turn, edge):
        for id_ in sorted(id_ for id_, ring in call.ringing.items() if ring.edge == edge.id):
            agent = turn.state.agents[id_]
            take_back(turn, call, agent, "withdrawn", detail=EDGE_AWAY)
            back_to_ready(turn, agent)


def _cut_across(turn: Turn, edge: Edge) -> None:
    """The process is gone, and with it its part of what other edges' calls had there. Browsers' legs are seen to already."""
    _withdraw_across(turn, edge)
    for call in _calls_elsewhere(turn, edge):
        if call.state == "talking" and call.audio == "phone" and call.audio_edge == edge.id:
            without_audio(turn, call, EDGE_LOST, phone_is_gone=False)


def _lose_call(turn: Turn, call: Call, cause: str) -> None:
    if call.state in ("waiting", "ringing") and not call.answered_ms:
        turn.state.queues[call.queue].day.lost += 1
    # An edge may yet hear that it was to dial this, and must then hear that it need not.
    end(turn, call, cause, edge_knows=call.state != "dialling", phone_is_gone=True)


def edge_inventory(turn: Turn, event: EdgeInventory) -> None:
    """The link to an edge is up, and this is all it holds."""
    state = turn.state
    edge = state.edges.get(event.edge)
    if edge is None:
        edge = state.edges[event.edge] = Edge(id=event.edge, instance=event.instance)
    turn.clear_deadline("edge", edge, "grace")
    sound = edge.instance != event.instance
    edge.instance, edge.up = event.instance, True
    turn.fresh_calls.extend(turn.index.set_away(edge.id, False, _calls_at(turn, edge)))
    held = {call.call: call for call in event.calls}
    for call in _calls_at(turn, edge):
        # The same process may be about to hear that it is to dial; otherwise the call's deadline ends it.
        to_come = call.state == "dialling" and not sound
        if call.id not in held and not to_come:
            _lose_call(turn, call, LOST_AT_EDGE)
    known = {call.id: call for call in _calls_at(turn, edge)}
    _reconcile_legs(turn, edge, event)
    if sound:
        _cut_across(turn, edge)
    for id_ in sorted(held):
        ours = known.get(id_)
        if ours is None:
            turn.emit(EndCall(edge=edge.id, call=id_, cause=UNKNOWN_CALL))
        elif id_ in state.calls:  # else it was dialled with audio that is no more, and the edge was told
            _mend(turn, ours, held[id_], sound)
    _reconcile_phones(turn, edge, event)
    if state.plan is not None:
        turn.emit(PreparePrompts(edge=edge.id, prompts=texts(state.plan)))
    _touch_agents_at(turn, edge)


def texts(plan: Plan) -> tuple[Prompt, ...]:
    """All that a plan may have spoken, in every language it has."""
    return tuple(
        Prompt(id=id_, language=language, text=plan.prompts[id_].text[language], wav=plan.prompts[id_].wav)
        for id_ in sorted(plan.prompts)
        for language in sorted(plan.prompts[id_].text)
    )


def _mend(turn: Turn, call: Call, held: HeldCall, sound: bool) -> None:
    _silence(turn, call, held)
    if call.state == "dialling":
        if held.answered:
            was_answered(turn, call, "")
        return
    if held.answered and call.early_max_ms:
        is_answered(turn, call)
    if not held.answered and not call.outbound:
        if call.early_max_ms:
            let_hear(turn, call)
        else:
            turn.emit(AnswerCaller(edge=call.edge, call=call.id))
            sound = True
    if call.state == "talking":
        if held.agent != call.agent:
            say_join(turn, call)
        return
    if call.outside is not None and call.outside.answered:
        join(turn, call)
        return
    if held.agent:
        turn.emit(Part(edge=call.edge, call=call.id, agent=held.agent, part=call.part))
        sound = True
    if not sound:
        return
    sound_again(turn, call)
    for id_ in sorted(call.ringing):
        if call.ringing[id_].audio == "phone":
            ring_phone(turn, call, turn.state.agents[id_])


def _silence(turn: Turn, call: Call, held: HeldCall) -> None:
    """End phones that ring, or were answered, for an offer that no longer stands."""
    stand = {ring.offer for ring in call.ringing.values()} | {call.offer}
    if call.outside is not None:
        stand.add(call.outside.attempt)
    for offer in held.ringing:
        if offer not in stand:
            turn.emit(EndPhone(edge=call.edge, call=call.id, agent="", offer=offer))


def _reconcile_legs(turn: Turn, edge: Edge, event: EdgeInventory) -> None:
    held = {(leg.agent, leg.leg) for leg in event.browser_legs}
    for agent in _legs_at(turn, edge):
        if (agent.id, agent.leg) not in held:
            _lose(turn, agent)
    for id_, leg in sorted(held):
        known = turn.state.agents.get(id_)
        if known is not None and known.leg == leg and known.leg_edge == edge.id:
            continue
        if known is None or known.state == "logged_out" or known.leg:
            turn.emit(DropAudio(edge=edge.id, agent=id_, leg=leg))
        else:
            # We missed its coming; the page it belongs to is the one we know, or it will be dropped at the next log-in.
            take_leg(turn, known, edge.id, leg)


def _reconcile_phones(turn: Turn, edge: Edge, event: EdgeInventory) -> None:
    state, there = turn.state, set(event.phones)
    for user in users_at(state, edge.id):
        if user not in there:
            unregister(turn, user, edge.id)
    for user in sorted(there):
        at = state.edges.get(state.phones.get(user, ""))
        if at is not None and at.up and is_at(state, user, edge.id):
            continue  # it has registered at that one since: only its registration here is as old as before
        if user in state.phones or len(state.phones) < AGENTS_MAX:
            register(turn, user, edge.id)


def web_down(turn: Turn, event: WebDown) -> None:
    """The link to a web process broke: its pages are as good as lost."""
    web = turn.state.webs.get(event.web)
    if web is None:
        turn.stale(event, "unknown")
    else:
        del turn.state.webs[web.id]
        _lose_pages(turn, web, frozenset())


def forget_link(turn: Turn, web: Web) -> None:
    """It is our end that broke: the pages are most likely there still, and what rings goes on ringing."""
    del turn.state.webs[web.id]
    _lose_pages(turn, web, frozenset(), keep_offers=True)


def web_inventory(turn: Turn, event: WebInventory) -> None:
    """The link to a web process is up, and these are its pages."""
    state = turn.state
    web = state.webs.get(event.web)
    if web is None:
        web = state.webs[event.web] = Web(id=event.web)
    web.instance = event.instance
    pages: dict[str, list[str]] = {}
    for page in event.sessions:
        pages.setdefault(page.agent, []).append(page.session)
    _lose_pages(turn, web, frozenset((page.agent, page.session) for page in event.sessions))
    for id_ in sorted(pages):
        known = state.agents.get(id_)
        sessions = pages[id_]
        if known is not None and known.session in sessions:
            # Of several pages of one agent, the one they worked at last stays theirs.
            sessions.remove(known.session)
            sessions.append(known.session)
        for session in sessions:
            if known is None or known.replaced_session != session:
                open_page(turn, id_, session, web.id)


def _lose_pages(turn: Turn, web: Web, kept: frozenset[tuple[str, str]], *, keep_offers: bool = False) -> None:
    agents = turn.state.agents
    for id_ in sorted(agents):
        agent = agents[id_]
        if agent.online and agent.web == web.id and (id_, agent.session) not in kept:
            lose_page(turn, agent, keep_offer=keep_offers)


def _lose(turn: Turn, agent: Agent) -> None:
    leg = agent.leg
    forget_leg(agent)
    lose_leg(turn, agent, leg)


def _calls_at(turn: Turn, edge: Edge) -> list[Call]:
    calls = turn.state.calls
    return [calls[id_] for id_ in sorted(calls) if calls[id_].edge == edge.id]


def _calls_elsewhere(turn: Turn, edge: Edge) -> list[Call]:
    calls = turn.state.calls
    return [calls[id_] for id_ in sorted(calls) if calls[id_].edge != edge.id]


def _legs_at(turn: Turn, edge: Edge) -> list[Agent]:
    agents = turn.state.agents
    return [agents[id_] for id_ in sorted(agents) if agents[id_].leg_edge == edge.id]


def _touch_agents_at(turn: Turn, edge: Edge) -> None:
    """Have ready agents with audio there put in, or taken out of, the lines."""
    agents = turn.state.agents
    for id_ in sorted(agents):
        if agents[id_].state == "ready" and audio_edge(turn.state, agents[id_]) == edge.id:
            turn.touch(agents[id_])
