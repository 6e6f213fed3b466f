"""What a router says, kept as those keep it who are told, and held against what it knows.

The oracle judges what is decided; this judges whether everybody hears of it. An agenda that is told of deadlines has those in
force, a page shows the desk as it is, an edge lets every caller hear what their state says and ends every call, every ringing and
every audio that is nobody's any more, once. A violation is an `AssertionError` that names the call or the agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from acd_core.domain import events as ev
from acd_core.domain.agent import MOVES, Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import (
    AgentStory,
    AnswerCaller,
    AnyCommand,
    CallStory,
    ClearDeadline,
    Command,
    DeskView,
    DialOut,
    DialOutside,
    DropAudio,
    EdgeCommand,
    EndCall,
    EndPhone,
    EntityGone,
    Join,
    Part,
    Play,
    PlayMusic,
    ProgressCaller,
    RefuseCall,
    RingPhone,
    SendKeys,
    SetDeadline,
    StaleEvent,
    TakeOver,
    TransferAnswered,
)
from acd_core.domain.state import State, deadlines

Leg: TypeAlias = tuple[str, str, str]  # edge, agent, leg
Phone: TypeAlias = tuple[str, int]  # call, offer

SHOWN = {"ringing": "offer", "wrap_up": "wrap_up", "ready": "pause", "not_ready": "planned"}
# What may be said of a call that is over.
AFTERWARDS = {"recorded", "callback_settled", "callback_expired"}


class Hearsay:
    """Told of every event and what the router said to it."""

    def __init__(self, state: State) -> None:
        """Begin with a router that has nothing to tell of yet but its documents."""
        self._agenda = {(set_.entity, set_.id, set_.key): set_ for set_ in deadlines(state)}
        self._arrivals: dict[str, int] = {}  # of calls told of and not over
        self._sounds: dict[str, Command] = {}  # by call: what its caller was last to hear
        self._early: dict[str, int] = {}  # callers who are not answered, and for how long they may stay so
        self._heard: set[str] = set()  # calls that were dialled, and whose other side is heard
        self._phones: set[Phone] = set()  # that ring or talk
        self._legs: set[Leg] = set()
        self._registered: set[tuple[str, str]] = set()  # phones, each at its edges
        self._pages: dict[str, DeskView] = {}
        self._agents: dict[str, str] = {}

    def after(self, state: State, event: ev.AnyEvent, commands: Sequence[AnyCommand]) -> None:
        """Judge what was said."""
        self._hear_event(state, event)
        over: set[str] = set()  # calls that ended in this event
        gone: set[tuple[str, str]] = set()
        for command in commands:
            if isinstance(command, SetDeadline):
                assert (command.entity, command.id) not in gone, f"{command} after its entity went"
                self._agenda[command.entity, command.id, command.key] = command
            elif isinstance(command, ClearDeadline):
                del self._agenda[command.entity, command.id, command.key]
            elif isinstance(command, EntityGone):
                gone.add((command.entity, command.id))
                for known in [key for key in self._agenda if key[:2] == (command.entity, command.id)]:
                    del self._agenda[known]
            elif isinstance(command, CallStory):
                self._hear_call_story(command, over)
            elif isinstance(command, AgentStory):
                before = self._agents.get(command.agent, "logged_out")
                assert command.state in MOVES[before], f"{command.agent}: {before} to {command.state}"  # type: ignore[index]
                self._agents[command.agent] = command.state
            elif isinstance(command, DeskView):
                self._pages[command.agent] = command
            elif isinstance(command, DropAudio):
                self._legs.discard((command.edge, command.agent, command.leg))
            elif isinstance(command, EdgeCommand):
                self._hear_edge_command(command, over)
        assert {id_ for entity, id_ in gone if entity == "call"} == over | self._refused(commands), (
            "gone calls"
        )
        said = [(command.edge, command.call) for command in commands if isinstance(command, EndCall)]
        assert len(said) == len(set(said)), f"ended twice: {said}"
        ends = {call for _, call in said}
        lost = isinstance(event, ev.EdgeInventory) or _is_edge_lost(event)
        for id_ in over:
            told = id_ in ends or lost or isinstance(event, ev.CallerHungUp | ev.DialFailed)
            assert told, f"call {id_} is over and its edge is not told"
        if isinstance(event, ev.TransferAsked):
            answers = [command.status for command in commands if isinstance(command, TransferAnswered)]
            stale = any(isinstance(command, StaleEvent) for command in commands)
            dials = any(isinstance(command, DialOutside) for command in commands)
            assert len(answers) == (not stale), f"{event} is answered {answers}"
            assert (answers == [100]) == dials, f"{event}: {answers}"
            assert (answers == [200]) == (self._said(commands, "transferred") == 1), f"{event}: {answers}"
        self._phones_gone(state, event, over)
        self._hear_registrations(event, {id_ for entity, id_ in gone if entity == "edge"})
        self._compare(state)

    @staticmethod
    def _said(commands: Sequence[AnyCommand], step: str) -> int:
        return sum(isinstance(command, CallStory) and command.step == step for command in commands)

    @staticmethod
    def _refused(commands: Sequence[AnyCommand]) -> set[str]:
        return {command.call for command in commands if isinstance(command, RefuseCall)}

    def _hear_event(self, state: State, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.DeadlinePassed):
            known = self._agenda.get((event.entity, event.id, event.key))
            if known is not None and known.generation == event.generation:
                del self._agenda[event.entity, event.id, event.key]
                if event.entity == "edge":
                    self._legs = {leg for leg in self._legs if leg[0] != event.id}
        elif isinstance(event, ev.DialProgress) and event.status == 183:
            self._heard.add(event.call)
        elif isinstance(event, ev.CallerAnswered):
            self._early.pop(event.call, None)
        elif isinstance(event, ev.AudioConnected):
            self._legs.add((event.edge, event.agent, event.leg))
        elif isinstance(event, ev.AudioLost):
            self._legs = {leg for leg in self._legs if leg[1:] != (event.agent, event.leg)}
        elif isinstance(event, ev.EdgeInventory):
            for held in event.calls:
                if held.answered and held.call in state.calls and state.calls[held.call].edge == event.edge:
                    self._early.pop(held.call, None)
            self._legs = {leg for leg in self._legs if leg[0] != event.edge}
            self._legs.update((event.edge, leg.agent, leg.leg) for leg in event.browser_legs)

    def _phones_gone(self, state: State, event: ev.AnyEvent, over: set[str]) -> None:
        """Phones that ring or talk no more without a word to their edge, because it is who said so."""
        for call, offer in tuple(self._phones):
            here = isinstance(event, ev.PhoneFailed | ev.AudioCutOff)
            said = here and (call, offer) == (event.call, event.offer)
            if isinstance(event, ev.DialFailed | ev.OutsideHungUp):
                said = (call, offer) == (event.call, event.attempt)
            elif isinstance(event, ev.PhoneHungUp):
                said = call == event.call and (event.handing or call not in over)
            if said and (call, offer) not in _standing(state):
                self._phones.remove((call, offer))
            elif call in over:
                quits = isinstance(event, ev.PhoneHungUp | ev.EdgeInventory | ev.AudioCutOff)
                known = quits or _is_edge_lost(event)
                assert known, f"a phone of call {call} rings on for offer {offer}"
                self._phones.remove((call, offer))

    def _hear_registrations(self, event: ev.AnyEvent, gone: set[str]) -> None:
        if isinstance(event, ev.PhoneRegistered):
            self._registered.add((event.user, event.edge))
        elif isinstance(event, ev.PhoneUnregistered):
            self._registered.discard((event.user, event.edge))
        elif isinstance(event, ev.EdgeInventory):
            self._registered = {one for one in self._registered if one[1] != event.edge}
            self._registered.update((user, event.edge) for user in event.phones)
        self._registered = {one for one in self._registered if one[1] not in gone}

    def _hear_call_story(self, story: CallStory, over: set[str]) -> None:
        if story.step in ("arrived", "dialled"):
            assert story.call not in self._arrivals, f"call {story.call} arrives twice"
            self._arrivals[story.call] = story.at_ms
            if story.step == "arrived":
                self._early[story.call] = -1
        elif story.step in ("ended", "refused"):
            assert story.detail, f"call {story.call} ends without a cause"
            del self._arrivals[story.call]
            self._early.pop(story.call, None)
            self._heard.discard(story.call)
            if story.step == "ended":
                over.add(story.call)
                self._sounds.pop(story.call, None)
        elif story.step not in AFTERWARDS:
            assert story.call in self._arrivals, f"call {story.call} is over, and {story.step}"

    def _hear_edge_command(self, command: EdgeCommand, over: set[str]) -> None:
        if isinstance(command, Play | PlayMusic | Join | Part):
            assert command.call in self._arrivals, f"call {command.call} is over: {command}"
            self._sounds[command.call] = command
        elif isinstance(command, ProgressCaller):
            assert command.call in self._early, f"call {command.call} is answered: {command}"
            self._early[command.call] = command.max_ms
        elif isinstance(command, AnswerCaller):
            self._early.pop(command.call, None)
        elif isinstance(command, SendKeys):
            joined = isinstance(self._sounds.get(command.call), Join)
            assert joined or command.call in self._heard, f"nobody of call {command.call} hears keys"
        elif isinstance(command, RingPhone):
            self._phones.add((command.call, command.offer))
        elif isinstance(command, DialOut):
            assert command.call not in self._sounds, f"call {command.call} is dialled again"
            if not command.leg:
                self._phones.add((command.call, command.offer))
        elif isinstance(command, TakeOver):
            if (command.of, command.offer) in self._phones:
                self._phones.remove((command.of, command.offer))
                self._phones.add((command.call, command.offer))
        elif isinstance(command, DialOutside):
            self._phones.add((command.call, command.attempt))
        elif isinstance(command, EndPhone):
            self._phones.discard((command.call, command.offer))

    def _compare(self, state: State) -> None:
        in_force = {(set_.entity, set_.id, set_.key): set_ for set_ in deadlines(state)}
        assert self._agenda == in_force, "the agenda is that of the deadlines in force"
        early = {call.id: call.early_max_ms for call in state.calls.values() if call.early_max_ms}
        assert self._early == early, "who is not answered yet"
        assert self._arrivals == {call.id: call.arrived_ms for call in state.calls.values()}, "arrivals"
        for call in state.calls.values():
            sound = self._sounds.get(call.id)
            assert _may_hear(call, sound), f"call {call.id} ({call.state}) hears {sound}"
        assert self._phones == _standing(state), "phones ring for the offers that stand"
        spare = {(user, edge) for user, edges in state.spare_phones.items() for edge in edges}
        assert self._registered == spare | set(state.phones.items()), "phones are where they registered"
        for id_, agent in state.agents.items():
            assert self._agents.get(id_, "logged_out") == agent.state, f"{id_} is {agent.state}: nobody told"
            if agent.online:
                _is_shown(state, agent, self._pages[id_])
        theirs = {(agent.leg_edge, agent.id, agent.leg) for agent in state.agents.values() if agent.leg}
        assert self._legs <= theirs, f"audio of nobody: {self._legs - theirs}"


def _is_edge_lost(event: ev.AnyEvent) -> bool:
    return isinstance(event, ev.DeadlinePassed) and event.entity == "edge"


def _standing(state: State) -> set[Phone]:
    """Phones that should ring or talk."""
    phones: set[Phone] = set()
    for call in state.calls.values():
        phones.update((call.id, ring.offer) for ring in call.ringing.values() if ring.audio == "phone")
        if call.audio == "phone":
            phones.add((call.id, call.offer))
        if call.outside is not None:
            phones.add((call.id, call.outside.attempt))
    return phones


def _may_hear(call: Call, sound: Command | None) -> bool:
    if call.state == "dialling":
        return sound is None  # what the other side has them hear
    if call.state == "menu" and not call.speaking:
        return not isinstance(sound, Join)  # silence, until a key is pressed
    if call.state in ("playing", "menu"):
        return isinstance(sound, Play) and sound.play == call.play
    if call.state == "talking":
        joined = (call.agent, call.offer, call.part, call.leg)
        return isinstance(sound, Join) and (sound.agent, sound.offer, sound.part, sound.leg) == joined
    if call.outside is not None and call.outside.answered:
        theirs = ("", call.outside.attempt, call.part, "")
        return isinstance(sound, Join) and (sound.agent, sound.offer, sound.part, sound.leg) == theirs
    # The plan may have no music for those who were called.
    return isinstance(sound, PlayMusic) or (call.outbound and isinstance(sound, Part))


def _is_shown(state: State, agent: Agent, view: DeskView) -> None:
    key = SHOWN.get(agent.state, "")
    deadline = agent.deadlines.get(key)
    told = (view.web, view.session, view.state, view.since_ms, view.reason, view.next_reason, view.overdue)
    known = (
        agent.web,
        agent.session,
        agent.state,
        agent.since_ms,
        agent.reason,
        agent.next_reason,
        agent.overdue,
    )
    assert told == known, f"{agent.id}'s page shows {told}, not {known}"
    assert view.deadline_ms == (0 if deadline is None else deadline.at_ms), f"{agent.id}'s page: time"
    assert view.paused == ("pause" in agent.deadlines), f"{agent.id}'s page: pause"
    assert (view.offer, view.call) == (agent.offered, agent.desk), f"{agent.id}'s page: the call"
    assert view.phone_registered == (view.phone in state.phones), f"{agent.id}'s page: the phone"
    if agent.phone_chosen:
        assert view.audio == ("phone" if view.phone in state.phones else "none"), f"{agent.id}'s page: audio"
    else:
        assert view.audio == ("browser" if agent.leg else "none"), f"{agent.id}'s page: audio"
