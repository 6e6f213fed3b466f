"""Categories of work orders: written as TOML, kept in the database.

The file is read at every start and what it names is brought up to date; a category that left the file stays,
because orders have it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from acd_core.config import ConfigError
from agent_web import wire
from agent_web.catalogue import queries
from agent_web.database import Database


class CategoryEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One category of the file; `deadline_h` hours until an order is late, 0 for never."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,64}$")]
    names: Annotated[dict[str, str], msgspec.Meta(min_length=1)]
    kind: str
    deadline_h: Annotated[int, msgspec.Meta(ge=0, le=24 * 366)] = 0


class CategoriesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    categories: tuple[CategoryEntry, ...]


def load_categories(path: Path) -> tuple[CategoryEntry, ...]:
    """The file's categories; `ConfigError` with place and reason."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = msgspec.convert(document, CategoriesFile).categories
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    ids = [entry.id for entry in entries]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: the category {twice[0]} stands there twice")
    return entries


async def save_categories(connection: Any, entries: tuple[CategoryEntry, ...]) -> None:
    """Bring the database up to date with the file."""
    for position, entry in enumerate(entries):
        await connection.execute(queries.SAVE, entry.id, entry.names, entry.kind, entry.deadline_h, position)


class Categories:
    """The categories as the database has them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[wire.Category]:
        """In the order of the file."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.ALL)
        return [
            wire.Category(id=row["id"], names=row["names"], kind=row["kind"], deadline_h=row["deadline_h"])
            for row in rows
        ]
