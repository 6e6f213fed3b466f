"""The first log-ins. Nothing has a default password: they are made at random and written to a file that only
this user can read.

An ordinary start makes one administrator when there is none (`first-login.txt`). With `santral up --demo`
the first agents of the roster get a log-in, and there is a supervisor and an administrator (`demo-logins.txt`).
All agents of a city would take long: a password's hash is slow on purpose. The file is written before the database
commits: a crash in between makes new passwords, not unknown ones.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from acd_core.config import Config, ConfigError
from acd_core.documents import DocumentError, load_roster, read_document
from agent_web import wire
from agent_web.auth import queries
from agent_web.auth.passwords import Passwords, readable_password
from agent_web.catalogue.service import load_categories, save_categories
from agent_web.times import as_time, now_ms

_log = logging.getLogger(__name__)

DEMO_OPERATORS_MAX = 10  # agents of the roster with a log-in in the demo
_SEED_LOCK = 0x73656564  # "seed": of several web processes one makes the log-ins


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in that has to be."""

    user: str
    name: str
    role: wire.Role
    agent: str | None = None


class Seed:
    """What a database needs before anybody can work with it; run in a transaction."""

    def __init__(self, config: Config, passwords: Passwords, environ: Mapping[str, str] = os.environ) -> None:
        """Reads the files the configuration names, so that a bad one stops the start; `ConfigError` says
        which.
        """
        self._config, self._passwords = config, passwords
        self._demo = environ.get("SANTRAL_DEMO") == "1"
        self._categories = (
            load_categories(config.resolve(config.categories_file)) if config.categories_file else ()
        )
        self._wanted = _demo_users(config) if self._demo else ()

    async def __call__(self, connection: Any) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SEED_LOCK)
        await save_categories(connection, self._categories)
        if self._demo:
            known = {row["user_name"] for row in await connection.fetch(queries.USER_NAMES)}
            missing = [wanted for wanted in self._wanted if wanted.user not in known]
            await self._add(connection, missing, self._config.data_path / "demo-logins.txt")
        elif not await connection.fetchval(queries.HAS_ADMIN):
            admin = Wanted(user="admin", name="Administrator", role="admin")
            await self._add(connection, [admin], self._config.data_path / "first-login.txt")

    async def _add(self, connection: Any, missing: list[Wanted], path: Path) -> None:
        if not missing:
            return
        made = [(wanted, readable_password()) for wanted in missing]
        _append(path, made)
        hashes = await asyncio.gather(*(self._passwords.hash(password) for _, password in made))
        for (wanted, _), password_hash in zip(made, hashes, strict=True):
            await queries.add_user(
                connection,
                user=wanted.user,
                name=wanted.name,
                password_hash=password_hash,
                agent=wanted.agent,
                roles=(wanted.role,),
                now=as_time(now_ms()),
            )
        _log.info("made %d log-ins; they are in %s", len(made), path)


def _demo_users(config: Config) -> tuple[Wanted, ...]:
    users: list[Wanted] = []
    if config.roster_file:
        path = config.resolve(config.roster_file)
        try:
            roster = load_roster(read_document(path), name=str(path))
        except DocumentError as error:
            raise ConfigError(str(error)) from error  # names the file
        users = [
            Wanted(user=agent.lower(), name=entry.name, role="operator", agent=agent)
            for agent, entry in itertools.islice(roster.agents.items(), DEMO_OPERATORS_MAX)
        ]
    users.append(Wanted(user="supervisor", name="Supervisor", role="supervisor"))
    users.append(Wanted(user="admin", name="Administrator", role="admin"))
    return tuple(users)


def _append(path: Path, made: list[tuple[Wanted, str]]) -> None:
    """Add lines `user password role name` (separated by tabs); a user's last line counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write("user\tpassword\trole\tname\n")
        file.writelines(
            f"{wanted.user}\t{password}\t{wanted.role}\t{wanted.name}\n" for wanted, password in made
        )
        file.flush()
        os.fsync(file.fileno())
