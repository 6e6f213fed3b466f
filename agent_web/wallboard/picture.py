"""The live picture as this process knows it: what the core said first, with every change since, ready to be told to pages.

Each row is encoded once, when it changes. The whole message is put together out of these pieces, so that a picture of 10,000
operators costs a join of bytes, not 10,000 encodings, however often it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from acd_core.link.signals import CallRow, QueueRow, ReasonRow, Wallboard, WallboardDelta, WallboardHead
from agent_web import wire


class _Assembled(msgspec.Struct, frozen=True, kw_only=True, tag="board"):
    """`wire.Board` with rows that are encoded already; a test holds the two together."""

    at_ms: int
    now_ms: int
    queues: list[msgspec.Raw]
    agents: list[msgspec.Raw]
    calls: list[msgspec.Raw]
    callbacks: msgspec.Raw
    calls_live: int
    callbacks_open: int
    mode: str
    store_behind: int
    edges: tuple[str, ...]


class _Rows(Protocol):
    """What both messages of the core have, as far as rows go."""

    @property
    def queues(self) -> tuple[QueueRow, ...]: ...
    @property
    def agents(self) -> tuple[Any, ...]: ...
    @property
    def calls(self) -> tuple[CallRow, ...]: ...


class LivePicture:
    """Queues stand by id, calls by arrival, agents in the order in which they were told."""

    def __init__(self, whole: Wallboard) -> None:
        """The core's first word, or a new beginning."""
        self.head: WallboardHead = whole.head
        self.reasons: tuple[ReasonRow, ...] = whole.not_ready_reasons
        self._queues: dict[str, msgspec.Raw] = {}
        self._agents: dict[str, msgspec.Raw] = {}
        self._calls: dict[str, tuple[int, str, msgspec.Raw]] = {}
        self._callbacks = _encoded(whole.callbacks, list[wire.BoardCallback])
        self._take(whole)

    def change(self, delta: WallboardDelta) -> None:
        """What became of it since."""
        self.head = delta.head
        for rows, gone in (
            (self._queues, delta.queues_gone),
            (self._agents, delta.agents_gone),
            (self._calls, delta.calls_gone),
        ):
            _forget(rows, gone)
        if delta.callbacks is not None:
            self._callbacks = _encoded(delta.callbacks, list[wire.BoardCallback])
        if delta.not_ready_reasons is not None:
            self.reasons = delta.not_ready_reasons
        self._take(delta)

    def text(self, now_ms: int) -> str:
        """The message to a page, a `wire.Board`."""
        head = self.head
        message = _Assembled(
            at_ms=head.at_ms,
            now_ms=now_ms,
            queues=[self._queues[id_] for id_ in sorted(self._queues)],
            agents=list(self._agents.values()),
            calls=[raw for _, _, raw in sorted(self._calls.values(), key=_arrival)],
            callbacks=self._callbacks,
            calls_live=head.calls_live,
            callbacks_open=head.callbacks_open,
            mode=head.mode,
            store_behind=head.store_behind,
            edges=head.edges,
        )
        return msgspec.json.encode(message).decode()

    def _take(self, rows: _Rows) -> None:
        for queue in rows.queues:
            self._queues[queue.queue] = _encoded(queue, wire.BoardQueue)
        for agent in rows.agents:
            self._agents[agent.agent] = _encoded(agent, wire.BoardAgent)
        for call in rows.calls:
            self._calls[call.call] = (call.arrived_ms, call.call, _encoded(call, wire.BoardCall))


def _encoded(row: object, kind: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(msgspec.convert(row, kind, from_attributes=True)))


def _forget(rows: dict[str, Any], ids: Iterable[str]) -> None:
    for id_ in ids:
        rows.pop(id_, None)


def _arrival(call: tuple[int, str, msgspec.Raw]) -> tuple[int, str]:
    return call[:2]
