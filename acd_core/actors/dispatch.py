"""Who carries out what: each command of a decision goes to the peer, the actor or the board it concerns, in the
order decided.

What leaves the core goes straight into the receiving peer's outbox, under its id: the order of ids is the
order of the wire, which is what lets a receiver do each command once also across a new core, and what keeps
"hang up the last call" before "ring for the next".
"""

from __future__ import annotations

import logging
import typing
from collections import Counter
from collections.abc import Callable
from typing import Any

from acd_core.actors.board import Board
from acd_core.actors.peers import Peers
from acd_core.actors.registry import Registry
from acd_core.domain.commands import (
    AgentStory,
    AnyCommand,
    CallStory,
    ClearDeadline,
    Decided,
    DeskView,
    EntityGone,
    SetDeadline,
    StaleEvent,
    ToEdge,
    ToWeb,
)
from acd_core.domain.limits import STALE_NAMES_MAX
from acd_core.domain.state import State
from acd_core.link.signals import Siblings
from acd_core.recovery import command_number

_log = logging.getLogger(__name__)


class Dispatcher:
    """Gives out the commands of one event."""

    def __init__(
        self,
        peers: Peers,
        registry: Registry,
        board: Board,
        state: State,
        keep: Callable[[CallStory | Decided], None],
    ) -> None:
        """`state` is read for which queues an agent's change concerns; `keep` remembers why a call went where it went."""
        self._peers, self._registry, self._board, self._state = peers, registry, board, state
        self._keep = keep
        self.stale: Counter[str] = Counter()
        # By type, looked up once a command; each is given the command and its number.
        self._ways: dict[type, Callable[[Any, int], None]] = {
            **dict.fromkeys(typing.get_args(ToEdge), self._to_edge),
            **dict.fromkeys(typing.get_args(ToWeb), self._to_web),
            DeskView: self._to_desk,
            SetDeadline: self._on_deadline,
            ClearDeadline: lambda command, number: registry.clear_deadline(command),
            EntityGone: self._on_gone,
            CallStory: self._on_call,
            AgentStory: self._on_agent,
            Decided: self._on_decided,
            StaleEvent: self._on_stale,
        }

    def dispatch(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        """Give out all commands of event `seq`."""
        ways = self._ways
        for number, command in enumerate(commands, command_number(seq, 0)):
            ways[type(command)](command, number)
        self._board.touch()  # what concerns no one call, agent or queue, such as the centre's mode

    def _to_edge(self, command: Any, number: int) -> None:
        if command.edge:
            self._peers.send(command.edge, number, command)

    def _to_web(self, command: Any, number: int) -> None:
        if command.web:
            self._peers.send(command.web, number, command)

    def _to_desk(self, view: DeskView, number: int) -> None:
        if view.web:
            self._peers.send(view.web, number, view)
            self._board.touch_agent(view.agent)  # an operator's audio is on the board, and no step of a story

    def _on_call(self, story: CallStory, number: int) -> None:
        self._keep(story)
        self._board.touch_call(story.call)
        if story.agent:
            # Whose page may be away, so that nothing else tells of their audio.
            self._board.touch_agent(story.agent)
        if story.queue:
            self._registry.touch_queues((story.queue,))

    def _on_agent(self, story: AgentStory, number: int) -> None:
        roster = self._state.roster
        agent = roster.agents.get(story.agent) if roster is not None else None
        self._registry.touch_queues(agent.queues if agent is not None else ())
        self._board.touch_agent(story.agent)

    def _on_decided(self, decision: Decided, number: int) -> None:
        self._keep(decision)
        self._board.touch_call(decision.call)
        self._registry.touch_queues((decision.queue,))

    def _on_deadline(self, deadline: SetDeadline, number: int) -> None:
        self._registry.set_deadline(deadline)
        if deadline.entity == "agent":
            self._board.touch_agent(
                deadline.id
            )  # the grace of one whose page went away is all that tells of it

    def _on_gone(self, gone: EntityGone, number: int) -> None:
        self._registry.entity_gone(gone)
        if gone.entity == "edge":
            self._peers.signal_all(
                "edge", Siblings(gone=gone.id)
            )  # what rings there for its calls rings in vain

    def _on_stale(self, stale: StaleEvent, number: int) -> None:
        name = f"{stale.event} while {stale.state}"
        if name in self.stale or len(self.stale) < STALE_NAMES_MAX:
            self.stale[name] += 1
            if self.stale[name] == 1:
                _log.info("too late to matter, counted from now on: %s", name)
