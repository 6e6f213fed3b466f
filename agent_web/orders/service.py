"""Work orders: made once however often the form is sent, changed by whoever saw the present version, never
lost.

A form carries a key that the page made when it opened. The key is unique for each user, so a double click, or
a second attempt after an answer that got lost, finds the order that is there. A call has one order at most.
Changes name the version they were made on; a stale one is answered with the present order and changes
nothing. Numbers are given within the transaction that makes the order: none is missing, none is given twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg

from agent_web import wire
from agent_web.auth.service import Login
from agent_web.database import Database
from agent_web.orders import form, queries, search, status
from agent_web.problems import RefusalError
from agent_web.times import as_time


class Orders:
    """Makes, changes, finds and lists work orders."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def create(self, new: wire.NewOrder, login: Login) -> tuple[wire.Order, bool]:
        """The order of this form, and whether it was made just now."""
        try:
            async with self._database.transaction() as connection:
                order_id = await self._add(connection, new, login)
        except asyncpg.UniqueViolationError:
            return await self._existing(new, login), False
        return await self.get(order_id), True

    async def _add(self, connection: Any, new: wire.NewOrder, login: Login) -> int:
        now = as_time(self._now_ms())
        hours = await connection.fetchval(queries.DEADLINE_H, new.category)
        if hours is None:
            raise _unknown_category()
        year = now.astimezone().year
        number = f"{year}-{await connection.fetchval(queries.NEXT_NUMBER, year):06d}"
        words = search.fold(
            " ".join((number, new.citizen_name, new.address, new.district, new.caller_phone, new.description))
        )
        order_id: int = await connection.fetchval(
            queries.ADD,
            number,
            new.call or None,
            new.category,
            new.caller_phone,
            new.citizen_name,
            new.address,
            new.district,
            new.description,
            new.priority,
            login.user_id,
            now,
            now + timedelta(hours=hours) if hours else None,
            new.key,
            form.digest(new),
            words,
        )
        await connection.execute(queries.ADD_HISTORY, order_id, 1, "created", "", "new", login.user_id, now)
        await connection.execute(queries.NOTIFY, str(order_id))
        return order_id

    async def _existing(self, new: wire.NewOrder, login: Login) -> wire.Order:
        """The order that stands in the way of a new one: this form's own, or the call's."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(queries.BY_KEY, login.user_id, new.key)
            if row is not None:
                order = await _whole(connection, row)
                if row["form_digest"] != form.digest(new):
                    text = f"This form was saved as {order.tracking_number} already, with other contents."
                    raise RefusalError(409, "key_reused", text, order=order)
                return order
            row = await connection.fetchrow(queries.BY_CALL, new.call)
            order = await _whole(connection, row)
            text = f"This call has the work order {order.tracking_number} already."
            raise RefusalError(409, "call_has_order", text, order=order)

    async def get(self, order_id: int) -> wire.Order:
        """One order, whole."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(queries.BY_ID, order_id)
            if row is None:
                raise _unknown_order(order_id)
            return await _whole(connection, row)

    async def change(self, order_id: int, patch: wire.OrderPatch, login: Login) -> wire.Order:
        """Change status and description of the version the page has seen."""
        async with self._database.transaction() as connection:
            before = await connection.fetchrow(queries.LOCK, order_id)
            if before is None:
                raise _unknown_order(order_id)
            if before["version"] != patch.version:
                row = await connection.fetchrow(queries.BY_ID, order_id)
                text = "Somebody else changed this work order meanwhile."
                raise RefusalError(409, "version_conflict", text, order=await _whole(connection, row))
            await self._change(connection, order_id, before, patch, login)
        return await self.get(order_id)

    async def _change(
        self, connection: Any, order_id: int, before: Any, patch: wire.OrderPatch, login: Login
    ) -> None:
        changes = {
            name: value
            for name, value in (("status", patch.status), ("description", patch.description))
            if value is not None and value != before[name]
        }
        if not changes:
            return
        if "status" in changes:
            _check_status(before["status"], changes["status"])
        after = {**before, **changes}
        now = as_time(self._now_ms())
        names = ("tracking_number", "citizen_name", "address", "district", "caller_phone", "description")
        words = search.fold(" ".join(after[name] for name in names))
        await connection.execute(queries.CHANGE, order_id, after["status"], after["description"], words, now)
        for name, value in changes.items():
            await connection.execute(
                queries.ADD_HISTORY,
                order_id,
                before["version"] + 1,
                name,
                before[name],
                value,
                login.user_id,
                now,
            )
        await connection.execute(queries.NOTIFY, str(order_id))

    async def list(self, *, state: str, category: str, text: str, before: int, limit: int) -> wire.OrderPage:
        """A page of the register, newest first."""
        words = search.query(text)
        # Nothing that is kept holds U+0000; PostgreSQL would take it for a broken text.
        if (text.strip() and not words) or "\0" in state + category:
            return wire.OrderPage(orders=[], next=None)
        statement, arguments = queries.listing(state, category, words, before, limit + 1)
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, *arguments)
        orders = [queries.order_row(row) for row in rows[:limit]]
        return wire.OrderPage(orders=orders, next=orders[-1].id if len(rows) > limit else None)


async def _whole(connection: Any, row: Any) -> wire.Order:
    return queries.order(row, await connection.fetch(queries.HISTORY, row["id"]))


def _check_status(before: wire.OrderStatus, after: str) -> None:
    if after not in status.NEXT:
        raise RefusalError(
            422,
            "bad_fields",
            f"There is no status {after!r}.",
            errors=[wire.FieldError(field="status", reason="unknown")],
        )
    if after not in status.NEXT[before]:
        raise RefusalError(409, "status_not_allowed", f"An order that is {before} can't become {after}.")


def _unknown_order(order_id: int) -> RefusalError:
    return RefusalError(404, "not_found", f"There is no work order {order_id}.")


def _unknown_category() -> RefusalError:
    text = "There is no such category any more."
    return RefusalError(422, "bad_fields", text, errors=[wire.FieldError(field="category", reason="unknown")])
