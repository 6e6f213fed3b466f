"""Who carries out what: each command of a decision goes to the peer, the actor or the board it concerns, in the
order decided.

What leaves the core goes straight into the receiving peer's outbox, under its id: the order of ids is the
order of the wire, which is what lets a receiver do each command once also across a new core, and what keeps
"hang up the last call" before "ring for the next".
"""

from __future__ import annotations

import logging
from collections import Counter

from acd_core.actors.board import Board
from acd_core.actors.peers import Peers
from acd_core.actors.registry import Registry
from acd_core.domain.commands import (
    AgentStory,
    AnyCommand,
    CallStory,
    ClearDeadline,
    DeskView,
    EntityGone,
    SetDeadline,
    StaleEvent,
)
from acd_core.domain.limits import STALE_NAMES_MAX
from acd_core.domain.state import State
from acd_core.recovery import command_number, receiver_of

_log = logging.getLogger(__name__)


class Dispatcher:
    """Gives out the commands of one event."""

    def __init__(self, peers: Peers, registry: Registry, board: Board, state: State) -> None:
        """`state` is read for which queues an agent's change concerns."""
        self._peers, self._registry, self._board, self._state = peers, registry, board, state
        self.stale: Counter[str] = Counter()

    def dispatch(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        """Give out all commands of event `seq`."""
        for index, command in enumerate(commands):
            if receiver := receiver_of(command):
                self._peers.send(receiver, command_number(seq, index), command)
                if isinstance(command, DeskView):
                    self._board.touch()  # an operator's audio is on the board, and no step of a story
            elif isinstance(command, SetDeadline | ClearDeadline | EntityGone):
                self._registry.tell(command)
            elif isinstance(command, CallStory):
                self._on_call(command)
            elif isinstance(command, AgentStory):
                self._on_agent(command)
            elif isinstance(command, StaleEvent):
                self._on_stale(command)

    def _on_call(self, story: CallStory) -> None:
        if story.step == "arrived":
            self._registry.ensure("call", story.call)
        if story.queue:
            self._registry.touch_queues((story.queue,))
        else:
            self._board.touch()

    def _on_agent(self, story: AgentStory) -> None:
        self._registry.ensure("agent", story.agent)
        roster = self._state.roster
        agent = roster.agents.get(story.agent) if roster is not None else None
        self._registry.touch_queues(agent.queues if agent is not None else ())
        self._board.touch()

    def _on_stale(self, stale: StaleEvent) -> None:
        name = f"{stale.event} while {stale.state}"
        if name in self.stale or len(self.stale) < STALE_NAMES_MAX:
            self.stale[name] += 1
            if self.stale[name] == 1:
                _log.info("too late to matter, counted from now on: %s", name)
