"""Which actors live: one a queue, and one for each call, agent, edge and callback that has had a deadline to wait for, until the
domain says that it is gone.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from functools import partial

from acd_core.actors.board import Board
from acd_core.actors.entity import EntityActor
from acd_core.actors.queue import QueueActor
from acd_core.actors.supervisor import Supervisor
from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.deadline import EntityKind
from acd_core.domain.events import DeadlinePassed
from acd_core.domain.state import State, deadlines, timed


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
        self._entities: dict[EntityKind, dict[str, EntityActor]] = {
            kind: {} for kind in typing.get_args(EntityKind)
        }
        self._queues: dict[str, QueueActor] = {}

    def __len__(self) -> int:
        return sum(len(actors) for actors in self._entities.values()) + len(self._queues)

    def rebuild(self) -> None:
        """Make the actors of everything that has a deadline in a recovered state, and of its queues."""
        for deadline in deadlines(self._state()):
            self.set_deadline(deadline)
        self.ensure_queues()

    def set_deadline(self, deadline: SetDeadline) -> None:
        """Hand it to the entity's actor, made when there is none."""
        actors = self._entities[deadline.entity]
        actor = actors.get(deadline.id)
        if actor is None:
            actor = actors[deadline.id] = self._make(deadline.entity, deadline.id)
        actor.set(deadline)

    def clear_deadline(self, note: ClearDeadline) -> None:
        """Tell the entity's actor."""
        actor = self._entities[note.entity].get(note.id)
        if actor is not None:
            actor.clear(note.key)

    def entity_gone(self, note: EntityGone) -> None:
        """Let the entity's actor end."""
        actor = self._entities[note.entity].pop(note.id, None)
        if actor is not None:
            actor.gone()

    def ensure_queues(self) -> None:
        """Make the actors of the plan's queues."""
        for id_ in self._state().queues:
            if id_ not in self._queues:
                actor = self._queues[id_] = QueueActor(
                    partial(self._queue_lives, id_), partial(self._board.touch_queue, id_)
                )
                self._supervisor.start(f"queue {id_}", actor.run, restart="transient")

    def touch_queues(self, queues: Iterable[str]) -> None:
        """Something changed in these queues."""
        for queue in queues:
            actor = self._queues.get(queue)
            if actor is not None and not actor.touched:
                actor.touch()

    def _make(self, kind: EntityKind, id_: str) -> EntityActor:
        return EntityActor(
            partial(self._pending, kind, id_), self._now_ms, self._due, partial(self._start, f"{kind} {id_}")
        )

    def _start(self, name: str, actor: EntityActor) -> None:
        self._supervisor.start(name, actor.run, restart="transient")

    def _queue_lives(self, queue: str) -> bool:
        if queue in self._state().queues:
            return True
        self._queues.pop(queue, None)
        return False

    def _pending(self, kind: EntityKind, id_: str) -> list[SetDeadline]:
        entity = timed(self._state()).get(kind, {}).get(id_)
        if entity is None:
            return []
        return [
            SetDeadline(entity=kind, id=id_, key=key, generation=deadline.generation, at_ms=deadline.at_ms)
            for key, deadline in entity.deadlines.items()
        ]
