"""Conversations: joined, held while the agent's audio is away, joined again, given back to the queue.

Each time caller and agent are joined is one part of the recording, numbered from 1 over the whole call. A call that the agent
dialled (outbound.py) is held and joined again like any other, but it has no queue to be given back to.
"""

from __future__ import annotations

from acd_core.domain.agent import NO_AUDIO, Agent
from acd_core.domain.answer import answer
from acd_core.domain.call import Call, move
from acd_core.domain.callers import spoke
from acd_core.domain.commands import EndPhone, Join, Part
from acd_core.domain.desk import desk_call, put_on_air
from acd_core.domain.manner import manner
from acd_core.domain.offers import withdraw
from acd_core.domain.queue import Queue
from acd_core.domain.shift import back_from_dialling, begin_wrap_up, dialled, log_out, on_roster, stop
from acd_core.domain.sound import play_music
from acd_core.domain.turn import Turn
from acd_core.domain.wait import wait

ANSWERED_BY_ANOTHER = "answered_by_another"


def connect(turn: Turn, call: Call, agent: Agent) -> None:
    """The offer is accepted; offers of the same call to others are withdrawn once the two are joined."""
    turn.clear_deadline("agent", agent, "offer")
    queue = turn.state.queues[call.queue]
    queue.waiting -= 1
    queue.talking += 1
    if call.id in turn.index.bucket_of:
        turn.index.remove_call(call)
    ring = call.ringing.pop(agent.id)
    call.agent, call.offer = agent.id, ring.offer
    call.audio, call.audio_edge = ring.audio, ring.edge
    call.only, call.only_until_ms, call.callback_offered = "", 0, False
    if not call.answered_ms:
        call.answered_ms = turn.now_ms
        _count_answer(queue, turn.now_ms - call.queued_ms)
    agent.offered = None
    agent.calls += 1
    agent.desk = desk_call(turn.state, call, turn.now_ms)
    others = bool(call.ringing)
    answer(turn, call)
    join(turn, call, agent)
    turn.story(call, "connected", agent=agent.id)
    turn.move_agent(agent, "talking")
    if others:
        withdraw(turn, call, ANSWERED_BY_ANOTHER)
    move(call, "talking", turn.now_ms)
    turn.set_deadline("call", call, "talk", turn.now_ms + queue.definition.talk_max_ms)


def _count_answer(queue: Queue, wait_ms: int) -> None:
    day = queue.day
    day.answered += 1
    day.answered_wait_ms += wait_ms
    if wait_ms <= queue.definition.service_level_ms:
        day.answered_in_time += 1
    if wait_ms > day.longest_wait_ms:
        day.longest_wait_ms = wait_ms


def join(turn: Turn, call: Call, agent: Agent) -> None:
    """Connect the two as the next part of the recording."""
    call.part += 1
    call.unrecorded += (call.part,)
    if call.audio == "browser":
        assert agent.leg
        call.leg, call.audio_edge = agent.leg, agent.leg_edge
    say_join(turn, call)


def say_join(turn: Turn, call: Call) -> None:
    """Tell the edge who is joined, now or once more."""
    turn.emit(
        Join(
            edge=call.edge,
            call=call.id,
            agent=call.agent,
            offer=call.offer,
            part=call.part,
            leg=call.leg,
            at=call.audio_edge,
        )
    )


def hold(turn: Turn, call: Call, agent: Agent, detail: str = "") -> None:
    """The agent's audio is away: the caller hears why, then music, and the agent has the queue's grace to come back."""
    how = manner(turn.state, call.queue)
    turn.emit(Part(edge=call.edge, call=call.id, agent=agent.id, part=call.part))
    call.leg = ""
    move(call, "held", turn.now_ms)
    play_music(turn, call, how.operator_lost)
    turn.set_deadline("call", call, "held", turn.now_ms + how.agent_grace_ms)
    put_on_air(agent, False)
    turn.story(call, "held", agent=agent.id, detail=detail)
    turn.touch(agent)


def resume(turn: Turn, call: Call, agent: Agent) -> None:
    """The agent is back within the grace."""
    turn.clear_deadline("call", call, "held")
    move(call, "talking", turn.now_ms)
    join(turn, call, agent)
    put_on_air(agent, True)
    turn.story(call, "resumed", agent=agent.id)
    turn.touch(agent)


def switch_leg(turn: Turn, call: Call, agent: Agent) -> None:
    """The agent's page set its audio up anew in mid-call."""
    turn.emit(Part(edge=call.edge, call=call.id, agent=agent.id, part=call.part))
    join(turn, call, agent)
    turn.story(call, "resumed", agent=agent.id, detail="new_leg")


def give_back(turn: Turn, call: Call) -> None:
    """The grace is over: the call waits again at its old place, which is the first; the agent must log in or get audio."""
    agent = turn.state.agents[call.agent]
    queue = turn.state.queues[call.queue]
    queue.talking -= 1
    queue.waiting += 1
    turn.story(call, "requeued", agent=agent.id)
    turn.clear_deadline("call", call, "talk")
    _let_go_outside(turn, call)
    _separate(call, agent)
    agent.desk = None
    # The search begins again, at the place that the arrival gives.
    call.queued_ms = call.search_ms = turn.now_ms
    call.steps = ()
    move(call, "waiting", turn.now_ms)
    wait(turn, call)
    if agent.online and on_roster(turn, agent):
        stop(turn, agent, NO_AUDIO)
    else:
        log_out(turn, agent)


def _let_go_outside(turn: Turn, call: Call) -> None:
    """Whom the agent was about to hand the caller on to is called no longer."""
    if call.outside is not None:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent="", offer=call.outside.attempt))
        turn.clear_deadline("call", call, "outside")
        call.outside = None


def leave(turn: Turn, call: Call, *, phone_is_gone: bool, hands_on: bool = False) -> None:
    """The call ends out of a conversation, or its agent hands it on: the agent goes to wrap-up."""
    agent = turn.state.agents[call.agent]
    if call.audio == "phone" and not phone_is_gone:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent=agent.id, offer=call.offer))
    if not hands_on:
        spoke(turn, call)  # of several, the one who saw to the end of it
    assert agent.desk is not None
    talk_ms = turn.now_ms - agent.desk.answered_ms
    if call.outbound:
        dialled(turn, agent).talk_ms += talk_ms
    else:
        queue = turn.state.queues[call.queue]
        queue.talking -= 1
        queue.day.handled += 1
        queue.day.talk_ms += talk_ms
        queue.day.transferred += hands_on
    _separate(call, agent)
    begin_wrap_up(turn, agent, manner(turn.state, call.queue).wrap_up_ms)


def leave_unanswered(turn: Turn, call: Call, *, phone_is_gone: bool) -> None:
    """A call that was dialled comes to nothing: the agent goes on with what they were at."""
    agent = turn.state.agents[call.agent]
    if call.audio == "phone" and not phone_is_gone:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent=agent.id, offer=call.offer))
    _separate(call, agent)
    back_from_dialling(turn, agent)


def _separate(call: Call, agent: Agent) -> None:
    assert (agent.call, call.agent) == (call.id, agent.id)
    call.agent, call.offer, call.audio, call.audio_edge, call.leg = "", 0, "none", "", ""
    agent.call, agent.offer = "", 0
