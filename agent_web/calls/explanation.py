"""Why a call went where it went, told to supervisors.

The core is asked while its link stands: it knows the calls of the moment, and what keeps a waiting one. What it does not know, or
knows in part, is read from the database. One question about a call serves all who ask about it meanwhile; a core that is silent
for too long counts as away, for what is asked of it here is no more than a look.
"""

from __future__ import annotations

import asyncio

from acd_core.explain.clock import wall_clock
from acd_core.explain.sentences import tell, tell_waiting
from acd_core.explain.story import Told, merged
from acd_core.explain.texts import Language
from acd_core.link.signals import ExplainAsked, Explained
from agent_web import wire
from agent_web.core_port import CorePort
from agent_web.database import Database, DatabaseAwayError
from agent_web.limits import EXPLAIN_TIMEOUT_S, EXPLANATIONS_ASKED_MAX
from persistence.reasons import read_told


class Explanations:
    """Asks core and database."""

    def __init__(self, core: CorePort, database: Database, *, patience_s: float = EXPLAIN_TIMEOUT_S) -> None:
        self._core, self._database, self._patience_s = core, database, patience_s
        self._asked: dict[str, asyncio.Future[Told | None]] = {}

    def answered(self, message: Explained) -> None:
        """The core told what it knows; who is no longer waited for is nobody's loss."""
        waiting = self._asked.pop(message.call, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message.told)

    async def of(self, call: str, language: Language) -> wire.Explanation | None:
        """The whole story in sentences; None when there is no such call.

        Raises `DatabaseAwayError` when the core knows nothing and the database can't be asked.
        """
        told = await self._find(call)
        if told is None:
            return None
        clock = wall_clock(told.names.timezone)
        lines = tell(told, language, clock)
        now = () if told.waiting is None else tell_waiting(told.waiting, told.names, language, clock)
        return wire.Explanation(
            call=told.call,
            live=told.live,
            timezone=told.names.timezone,
            lines=[
                wire.ExplanationLine(at_ms=line.at_ms, clock=line.clock, text=line.text) for line in lines
            ],
            now=list(now),
        )

    async def _find(self, call: str) -> Told | None:
        live = await self._ask_core(call)
        if live is not None and live.whole and not live.left_out:
            return live
        try:
            async with self._database.connection() as connection:
                stored = await read_told(connection, call)
        except DatabaseAwayError:
            if live is None:
                raise
            return live
        if live is None or stored is None:
            return live or stored
        return merged(stored, live)

    async def _ask_core(self, call: str) -> Told | None:
        waiting = self._asked.get(call)
        if waiting is None:
            full = len(self._asked) >= EXPLANATIONS_ASKED_MAX
            if full or not self._core.signal(ExplainAsked(call=call)):
                return None
            waiting = self._asked[call] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(waiting)
        except TimeoutError:
            if self._asked.get(call) is waiting:
                del self._asked[call]
            return None
