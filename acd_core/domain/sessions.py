"""Operators' pages: opened, lost, opened again, taken over by another page, closed.

A page that is lost keeps its operator for the plan's grace: nothing is offered meanwhile, a conversation goes on as long as
its audio lives, and after the grace the agent is logged out, at once or when the conversation is over.
"""

from __future__ import annotations

from acd_core.domain.agent import PAGE_LOST, Agent
from acd_core.domain.commands import RequestRefused, SessionReplaced
from acd_core.domain.desk import show
from acd_core.domain.devices import lose_leg
from acd_core.domain.events import SessionClosed, SessionLost, SessionOpened
from acd_core.domain.link_ends import Web
from acd_core.domain.offers import fail, take_back
from acd_core.domain.shift import drop_audio, log_in, log_out
from acd_core.domain.turn import Turn

NO_PLAN = "no_plan"
UNKNOWN_AGENT = "unknown_agent"


def opened(turn: Turn, event: SessionOpened) -> None:
    """A page of an operator connected."""
    if event.web not in turn.state.webs:
        turn.state.webs[event.web] = Web(id=event.web)
    open_page(turn, event.agent, event.session, event.web)


def open_page(turn: Turn, id_: str, session: str, web: str) -> None:
    """Log in, reconnect, or take over from another page."""
    roster = turn.state.roster
    if turn.state.plan is None or roster is None or id_ not in roster.agents:
        reason = NO_PLAN if turn.state.plan is None else UNKNOWN_AGENT
        turn.emit(RequestRefused(web=web, agent=id_, session=session, request="", reason=reason))
        return
    agent = turn.state.agents.get(id_)
    if agent is None:
        agent = turn.state.agents[id_] = Agent(id=id_)
        turn.index.enrol(turn.state, agent)
    another = agent.session != session
    if another and agent.online:
        turn.emit(SessionReplaced(web=agent.web, agent=id_, session=agent.session))
        agent.replaced_session, agent.replaced_web = agent.session, agent.web
    agent.session, agent.web, agent.online = session, web, True
    turn.clear_deadline("agent", agent, "session")
    turn.clear_deadline("agent", agent, "vanish")
    turn.touch(agent)
    if agent.state == "logged_out":
        log_in(turn, agent)
    elif another and agent.leg:
        # The leg was set up by the page before: audio is only taken from the page the agent works at.
        lost = agent.leg
        drop_audio(turn, agent)
        lose_leg(turn, agent, lost)


def lost(turn: Turn, agent: Agent, event: SessionLost) -> None:
    """A page's socket closed."""
    if _is_theirs(turn, agent, event):
        lose_page(turn, agent)


def lose_page(turn: Turn, agent: Agent, *, keep_offer: bool = False) -> None:
    """The agent's page is away; it has the plan's grace to come back, and a shorter one while it rings, unless a phone rings."""
    agent.online = False
    turn.touch(agent)
    if agent.state == "ringing" and not keep_offer:
        call = turn.state.calls[agent.call]
        if call.ringing[agent.id].audio == "browser":
            grace_ms = turn.state.queues[call.queue].definition.vanished_grace_ms
            turn.set_deadline("agent", agent, "vanish", turn.now_ms + grace_ms)
    turn.set_deadline("agent", agent, "session", turn.now_ms + turn.plan.session_grace_ms)


def closed(turn: Turn, agent: Agent, event: SessionClosed) -> None:
    """The operator logged out."""
    if not _is_theirs(turn, agent, event):
        return
    if agent.state == "talking":
        # There is no log-out out of a conversation: the page is told so, and is as good as lost if it goes nevertheless.
        show(turn, agent)
        lose_page(turn, agent)
        return
    if agent.state == "ringing":
        take_back(turn, turn.state.calls[agent.call], agent, "withdrawn", detail="logged_out")
    log_out(turn, agent)


def vanished(turn: Turn, agent: Agent) -> None:
    """The page of an agent who rings did not come back within the queue's grace."""
    assert not agent.online, f"agent {agent.id}: the page is back, the deadline was kept"
    fail(turn, turn.state.calls[agent.call], agent, "vanished", detail=PAGE_LOST)


def grace_over(turn: Turn, agent: Agent) -> None:
    """The page did not come back. A conversation goes on, and its end is the log-out."""
    assert not agent.online, f"agent {agent.id}: the page is back, the deadline was kept"
    if agent.state == "ringing":
        take_back(turn, turn.state.calls[agent.call], agent, "withdrawn", detail=PAGE_LOST)
    if agent.state != "talking":
        log_out(turn, agent)


def _is_theirs(turn: Turn, agent: Agent, event: SessionLost | SessionClosed) -> bool:
    if agent.online and event.session == agent.session:
        return True
    if event.session == agent.replaced_session:
        agent.replaced_session, agent.replaced_web = "", ""
    turn.stale(event, "not their session")
    return False
