"""Which actors live: one a queue, made when the plan has it, and the agenda, which waits on the deadlines of all entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from acd_core.actors.agenda import Agenda
from acd_core.actors.board import Board
from acd_core.actors.queue import QueueActor
from acd_core.actors.supervisor import Supervisor
from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
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
        self._supervisor, self._state, self._board = supervisor, state, board
        self._agenda = Agenda(lambda: deadlines(state()), now_ms, due)
        self._queues: dict[str, QueueActor] = {}
        self.set_deadline: Callable[[SetDeadline], None] = self._agenda.set
        self.clear_deadline: Callable[[ClearDeadline], None] = self._agenda.clear
        self.entity_gone: Callable[[EntityGone], None] = self._agenda.gone

    def rebuild(self) -> None:
        """Make the actors of a recovered state."""
        self._supervisor.start("agenda", self._agenda.run)
        self.ensure_queues()

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

    def _queue_lives(self, queue: str) -> bool:
        if queue in self._state().queues:
            return True
        self._queues.pop(queue, None)
        return False
