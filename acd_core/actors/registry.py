"""Which actors live: one a call, an agent, a queue, an edge and a web, made when the domain first speaks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from acd_core.actors.board import Board
from acd_core.actors.entity import EntityActor, Note
from acd_core.actors.queue import QueueActor
from acd_core.actors.supervisor import Supervisor
from acd_core.domain.commands import EntityGone, SetDeadline
from acd_core.domain.deadline import EntityKind, Timed
from acd_core.domain.events import DeadlinePassed
from acd_core.domain.state import State, deadlines


class Registry:
    """Starts actors through the supervisor and hands them the domain's notes."""

    def __init__(
        self,
        supervisor: Supervisor,
        state: Callable[[], State],
        now_ms: Callable[[], int],
        due: Callable[[DeadlinePassed], None],
        board: Board,
    ) -> None:
        """`due` takes a passed deadline into the engine."""
        self._supervisor, self._state, self._now_ms, self._due, self._board = (
            supervisor,
            state,
            now_ms,
            due,
            board,
        )
        self._entities: dict[tuple[EntityKind, str], EntityActor] = {}
        self._queues: dict[str, QueueActor] = {}

    def __len__(self) -> int:
        return len(self._entities) + len(self._queues)

    def rebuild(self) -> None:
        """Make the actors of everything that lives in a recovered state."""
        state = self._state()
        for deadline in deadlines(state):
            self.ensure(deadline.entity, deadline.id)
        for call in state.calls:
            self.ensure("call", call)
        for agent in state.agents:
            self.ensure("agent", agent)
        self.ensure_queues()

    def ensure(self, kind: EntityKind, id_: str) -> EntityActor:
        """The actor of this entity, made when there is none."""
        actor = self._entities.get((kind, id_))
        if actor is None:
            actor = EntityActor(lambda: self._pending(kind, id_), self._now_ms, self._due)
            self._entities[kind, id_] = actor
            self._supervisor.start(f"{kind} {id_}", actor.run, restart="transient")
        return actor

    def tell(self, note: Note) -> None:
        """Give a note to the actor it is for."""
        if isinstance(note, EntityGone):
            actor = self._entities.pop((note.entity, note.id), None)
            if actor is not None:
                actor.tell(note)
        else:
            self.ensure(note.entity, note.id).tell(note)

    def ensure_queues(self) -> None:
        """Make the actors of the plan's queues."""
        for id_ in self._state().queues:
            if id_ not in self._queues:
                actor = self._queues[id_] = QueueActor(partial(self._queue_lives, id_), self._board.touch)
                self._supervisor.start(f"queue {id_}", actor.run, restart="transient")

    def touch_queues(self, queues: Iterable[str]) -> None:
        """Something changed in these queues."""
        for queue in queues:
            actor = self._queues.get(queue)
            if actor is not None:
                actor.touch()

    def _queue_lives(self, queue: str) -> bool:
        if queue in self._state().queues:
            return True
        self._queues.pop(queue, None)
        return False

    def _pending(self, kind: EntityKind, id_: str) -> list[SetDeadline]:
        state = self._state()
        kinds: dict[EntityKind, Mapping[str, Timed]] = {
            "call": state.calls,
            "agent": state.agents,
            "edge": state.edges,
        }
        entity = kinds.get(kind, {}).get(id_)
        if entity is None:
            return []
        return [
            SetDeadline(entity=kind, id=id_, key=key, generation=deadline.generation, at_ms=deadline.at_ms)
            for key, deadline in entity.deadlines.items()
        ]
