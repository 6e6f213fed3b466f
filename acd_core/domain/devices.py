"""Agents' audio: browser legs that come and go, SIP phones that register, answer, fail and hang up.

Audio that goes away takes a ready agent out of the lines, withdraws an offer, and puts a conversation on hold for the
queue's grace. An agent whom only the loss of audio made not ready is ready again when it comes back within the
session's grace: they asked for calls, and did not take that back.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.agent import NO_AUDIO, PHONE_UNREACHABLE, Agent
from acd_core.domain.call import audio_in
from acd_core.domain.commands import DropAudio
from acd_core.domain.ending import end, put_down
from acd_core.domain.events import (
    AudioConnected,
    AudioCutOff,
    AudioLost,
    PhoneAnswered,
    PhoneFailed,
    PhoneHungUp,
    PhoneRegistered,
    PhoneUnregistered,
)
from acd_core.domain.limits import AGENTS_MAX
from acd_core.domain.offers import Failure, fail, take_back
from acd_core.domain.order import audio_edge
from acd_core.domain.outbound import without_audio
from acd_core.domain.phones import arrive, is_at, leave
from acd_core.domain.shift import check_audio, forget_leg, make_ready, on_roster, stop
from acd_core.domain.talk import connect, hold, resume, switch_leg
from acd_core.domain.transfer import left_alone
from acd_core.domain.turn import Turn

# RFC 3261 21.4.24, 21.6.2: the operator, or the phone on their behalf, will not take it. All else is a phone out of reach.
_DECLINED = frozenset({486, 603})


def drop_stray(turn: Turn, event: AudioConnected) -> None:
    """Audio of nobody who is logged in, or of a page that is no longer the agent's."""
    turn.emit(DropAudio(edge=event.edge, agent=event.agent, leg=event.leg))


def stray_audio(turn: Turn, agent: Agent, event: AudioConnected) -> None:
    """The agent logged out while the page set its audio up."""
    turn.stale(event, agent.state)
    drop_stray(turn, event)


def audio_connected(turn: Turn, agent: Agent, event: AudioConnected) -> None:
    """The page's audio flows."""
    if event.session != agent.session:
        turn.stale(event, "not their session")
        drop_stray(turn, event)
    else:
        take_leg(turn, agent, event.edge, event.leg)


def take_leg(turn: Turn, agent: Agent, edge: str, leg: str) -> None:
    """This is the agent's browser leg now."""
    is_new = (agent.leg, agent.leg_edge) != (leg, edge)
    if agent.leg and is_new:
        turn.emit(DropAudio(edge=agent.leg_edge, agent=agent.id, leg=agent.leg))
    turn.know_edge(edge)
    agent.leg, agent.leg_edge = leg, edge
    turn.touch(agent)
    call = turn.state.calls.get(agent.call)
    if call is not None and audio_in(call, agent) == "browser":
        if call.state == "held":
            resume(turn, call, agent)
        elif call.state == "talking" and is_new:
            switch_leg(turn, call, agent)
        elif call.state == "ringing":
            call.ringing[agent.id] = msgspec.structs.replace(call.ringing[agent.id], edge=edge)
    _audio_back(turn, agent)


def _audio_back(turn: Turn, agent: Agent) -> None:
    if not audio_edge(turn.state, agent):
        return
    since_ms, agent.audio_lost_ms = agent.audio_lost_ms, 0
    waits_for_it = agent.state == "not_ready" and agent.reason == NO_AUDIO and since_ms
    in_time = turn.now_ms - since_ms <= turn.plan.session_grace_ms
    if waits_for_it and in_time and on_roster(turn, agent):
        make_ready(turn, agent)


def audio_lost(turn: Turn, agent: Agent, event: AudioLost) -> None:
    """A browser leg closed or fell silent."""
    if not agent.leg or event.leg != agent.leg:
        turn.stale(event, "not their leg")
        return
    forget_leg(agent)
    lose_leg(turn, agent, event.leg)


def lose_leg(turn: Turn, agent: Agent, leg: str) -> None:
    """The agent has this browser leg no more."""
    turn.touch(agent)
    if not agent.phone_chosen:
        agent.audio_lost_ms = turn.now_ms
    call = turn.state.calls.get(agent.call)
    if call is not None and audio_in(call, agent) == "browser":
        if call.state == "ringing":
            take_back(turn, call, agent, "withdrawn", detail=NO_AUDIO)
            stop(turn, agent, NO_AUDIO)
        elif call.state == "dialling":
            end(turn, call, NO_AUDIO)
        elif call.state == "talking" and call.leg == leg:
            hold(turn, call, agent)
    check_audio(turn, agent)


def phone_registered(turn: Turn, event: PhoneRegistered) -> None:
    """A SIP phone can be rung at this edge."""
    phones = turn.state.phones
    if event.user not in phones and len(phones) >= AGENTS_MAX:
        turn.stale(event, "too many")
        return
    register(turn, event.user, event.edge)


def register(turn: Turn, user: str, edge: str) -> None:
    """Note where the phone is, and what that means for its owner."""
    if turn.state.phones.get(user) == edge:
        return
    turn.know_edge(edge)
    arrive(turn.state, user, edge)
    moved(turn, user)


def moved(turn: Turn, user: str) -> None:
    """The phone is rung at another edge than before, or at one again."""
    agent = _owner(turn, user)
    if agent is not None:
        turn.touch(agent)
        if agent.phone_chosen:
            _audio_back(turn, agent)


def phone_unregistered(turn: Turn, event: PhoneUnregistered) -> None:
    """A SIP phone can't be rung at this edge any more."""
    if not is_at(turn.state, event.user, event.edge):
        turn.stale(event, "not registered there")
    else:
        unregister(turn, event.user, event.edge)


def unregister(turn: Turn, user: str, edge: str) -> None:
    """The phone is not at this edge. A conversation it is in goes on: registration and dialog are two things."""
    before = turn.state.phones[user]
    leave(turn.state, user, edge)
    if user in turn.state.phones:
        if turn.state.phones[user] != before:
            moved(turn, user)
        return
    agent = _owner(turn, user)
    if agent is not None:
        if agent.phone_chosen:
            agent.audio_lost_ms = turn.now_ms
        check_audio(turn, agent)


def phone_answered(turn: Turn, agent: Agent, event: PhoneAnswered) -> None:
    """The phone rung for this offer was picked up."""
    if _is_rung(turn, agent, event):
        connect(turn, turn.state.calls[agent.call], agent)


def phone_failed(turn: Turn, agent: Agent, event: PhoneFailed) -> None:
    """The phone could not be rung, or the operator declined there."""
    if not _is_rung(turn, agent, event):
        return
    call = turn.state.calls[agent.call]
    failure: Failure = "declined" if event.status in _DECLINED else "unreachable"
    fail(turn, call, agent, failure, detail=event.cause or str(event.status), phone_is_gone=True)


def phone_failed_dialling(turn: Turn, agent: Agent, event: PhoneFailed) -> None:
    """The phone of an operator who dials at their page was rung first, and could not be had."""
    call = turn.state.calls[agent.call]
    if call.state == "dialling" and _is_rung(turn, agent, event):
        end(turn, call, PHONE_UNREACHABLE, phone_is_gone=True)
    elif call.state != "dialling":
        turn.stale(event, call.state)


def phone_hung_up(turn: Turn, agent: Agent, event: PhoneHungUp) -> None:
    """The operator hung up their phone."""
    call = turn.state.calls[agent.call]
    if event.call != call.id or call.audio != "phone":
        turn.stale(event, "another call")
    elif (event.handing and not call.outbound) or call.outside is not None:
        left_alone(turn, call)
    else:
        put_down(turn, call, phone_is_gone=True)


def audio_cut_off(turn: Turn, agent: Agent, event: AudioCutOff) -> None:
    """The edge of the call can't reach their device at another edge, or no longer: the call goes back to where it was."""
    call = turn.state.calls[agent.call]
    if (event.call, event.offer) != (call.id, call.offer) or call.state != "talking":
        turn.stale(event, "another call" if event.call != call.id else call.state)
        return
    if event.part and event.part != call.part:
        turn.stale(event, "joined anew")  # with other audio, which the edge had not heard of
        return
    without_audio(turn, call, event.cause, phone_is_gone=True)


def _is_rung(turn: Turn, agent: Agent, event: PhoneAnswered | PhoneFailed) -> bool:
    current = agent.call == event.call and agent.offer == event.offer
    if current and audio_in(turn.state.calls[agent.call], agent) == "phone":
        return True
    turn.stale(event, "another offer")
    return False


def _owner(turn: Turn, user: str) -> Agent | None:
    agent = turn.state.agents.get(turn.index.look.phone_owner.get(user, ""))
    return None if agent is None or agent.state == "logged_out" else agent
