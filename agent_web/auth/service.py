"""Log-ins: who may come in, with which roles, for how long.

The browser holds a random token in a cookie; the database holds its hash. A session ends after two hours
without a request or an open socket, after sixteen hours in all, or at log-out. Sessions that were seen lately
are remembered here, so that operators can go on working, and reload their page, while the database is away.
The CSRF token is derived from the session's token: whoever knows it could read an answer of ours within this
session, which a foreign page can't.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from agent_web import wire
from agent_web.auth import queries
from agent_web.auth.passwords import BusyError, Passwords
from agent_web.auth.throttle import Throttle
from agent_web.database import Database, DatabaseAwayError
from agent_web.limits import (
    AUDIT_KEPT_DAYS,
    HOME_DAYS,
    SESSION_ABSOLUTE_MS,
    SESSION_IDLE_MS,
    SESSIONS_REMEMBERED_MAX,
    THROTTLE_KEYS_MAX,
)
from agent_web.problems import RefusalError
from agent_web.sources import network_of
from agent_web.times import as_ms, as_time

_log = logging.getLogger(__name__)

_TOUCH_AFTER_MS = 60_000
_DAY_MS = 24 * 3600 * 1000


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A logged-in user, by one session."""

    token_hash: bytes
    csrf: str
    user_id: int
    user: str
    name: str
    roles: tuple[wire.Role, ...]
    agent: str | None
    expires_ms: int


class _Remembered(msgspec.Struct, kw_only=True):
    login: Login
    last_used_ms: int


class Auth:
    """Logs users in and out and recognises them."""

    def __init__(
        self, database: Database, passwords: Passwords, throttle: Throttle, now_ms: Callable[[], int]
    ) -> None:
        self._database, self._passwords, self._throttle, self._now_ms = database, passwords, throttle, now_ms
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asked: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._to_end: dict[
            bytes, None
        ] = {}  # logged out while the database was away; full: the oldest is forgotten

    async def log_in(self, user: str, password: str, source: str) -> tuple[str, Login]:
        """The session's token and who it is; `RefusalError` for a wrong password or too many attempts."""
        account = user.strip().lower()
        network = network_of(source)
        wait_s = self._throttle.begin(account, network)
        if wait_s > 0 and await self._was_here(account, network):
            self._throttle.is_home(account, network)
            wait_s = self._throttle.begin(account, network)
        if wait_s > 0:
            raise _too_many(math.ceil(wait_s))
        try:
            async with self._database.connection() as connection:
                row = await connection.fetchrow(queries.FIND_USER, account)
            # No connection is held while the hash is computed: guessing must not empty the pool.
            good = await self._passwords.matches(row["password_hash"] if row else None, password)
            if row is None or not good:
                await self._audit(account, source, "wrong_password")
                raise RefusalError(401, "wrong_password", "The user name or the password is wrong.")
            token, login = await self._open_session(row, source)
        except DatabaseAwayError:
            self._throttle.not_checked(account, network)
            raise
        except BusyError as error:
            self._throttle.not_checked(account, network)
            raise _too_many(1) from error
        self._throttle.succeeded(account, network)
        return token, login

    async def _was_here(self, account: str, network: str) -> bool:
        """Whether the account logged in well from there lately, as far as an earlier process wrote it down; asked once
        of each, so that those who have to wait can't keep the database busy.
        """
        if (account, network) in self._asked:
            return False
        since = as_time(self._now_ms() - HOME_DAYS * _DAY_MS)
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetch(queries.LOGGED_IN_FROM, account, since)
        except DatabaseAwayError:
            return False
        self._asked[account, network] = None
        if len(self._asked) > THROTTLE_KEYS_MAX:
            self._asked.popitem(last=False)
        return any(network_of(row["source"]) == network for row in rows)

    async def _open_session(self, row: Any, source: str) -> tuple[str, Login]:
        token = secrets.token_urlsafe(32)
        now_ms = self._now_ms()
        login = _login(row, token, now_ms + SESSION_ABSOLUTE_MS)
        async with self._database.transaction() as connection:
            await connection.execute(
                queries.ADD_SESSION,
                login.token_hash,
                login.user_id,
                as_time(now_ms),
                as_time(login.expires_ms),
                source,
            )
            await connection.execute(queries.ADD_AUDIT, as_time(now_ms), login.user, source, "logged_in")
        self._remember(login, now_ms)
        return token, login

    async def find(self, token: str) -> Login | None:
        """Whose token this is, or None; works for sessions seen lately while the database is away."""
        now_ms = self._now_ms()
        token_hash = _hash(token)
        if token_hash in self._to_end:
            return None
        remembered = self._remembered.get(token_hash)
        try:
            async with self._database.connection() as connection:
                # The memory may know of a later use than the database, which was away then.
                idle_since_ms = now_ms - SESSION_IDLE_MS
                if remembered is not None and remembered.last_used_ms > idle_since_ms:
                    idle_since_ms = 0
                row = await connection.fetchrow(
                    queries.FIND_SESSION, token_hash, as_time(now_ms), as_time(idle_since_ms)
                )
                if row is None:
                    self._remembered.pop(token_hash, None)
                    return None
                if now_ms - as_ms(row["last_used_at"]) > _TOUCH_AFTER_MS:
                    await connection.fetch(queries.USE_SESSIONS, [token_hash], as_time(now_ms))
        except DatabaseAwayError:
            if remembered is None or not self._alive(remembered, now_ms):
                raise
            remembered.last_used_ms = now_ms
            return remembered.login
        login = _login(row, token, as_ms(row["expires_at"]))
        self._remember(login, now_ms)
        return login

    async def use(self, token_hashes: Iterable[bytes]) -> set[bytes]:
        """Count open sockets as use of their sessions; returns those that have ended meanwhile."""
        now_ms = self._now_ms()
        wanted = set(token_hashes)
        for token_hash in wanted:
            remembered = self._remembered.get(token_hash)
            if remembered is not None:
                remembered.last_used_ms = now_ms
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetch(queries.USE_SESSIONS, list(wanted), as_time(now_ms))
        except DatabaseAwayError:
            return set()  # whoever works goes on working
        ended = wanted - {row["token_hash"] for row in rows}
        for token_hash in ended:
            self._remembered.pop(token_hash, None)
        return ended

    async def log_out(self, login: Login, source: str) -> None:
        """The session ends, here at once, in the database as soon as it can be reached."""
        self._remembered.pop(login.token_hash, None)
        self._to_end[login.token_hash] = None
        if len(self._to_end) > SESSIONS_REMEMBERED_MAX:
            del self._to_end[next(iter(self._to_end))]
        try:
            await self.end_logged_out()
            await self._audit(login.user, source, "logged_out")
        except DatabaseAwayError:
            _log.warning("log-out of %r is noted; the database is away", login.user)

    async def end_logged_out(self) -> None:
        """Take log-outs to the database."""
        if self._to_end:
            ending = list(self._to_end)
            async with self._database.connection() as connection:
                await connection.execute(queries.END_SESSIONS, ending)
            for token_hash in ending:
                self._to_end.pop(token_hash, None)

    async def clean(self) -> None:
        """Forget sessions that ended and audit entries past their time."""
        now_ms = self._now_ms()
        await self.end_logged_out()
        async with self._database.connection() as connection:
            await connection.execute(
                queries.CLEAN_SESSIONS, as_time(now_ms), as_time(now_ms - SESSION_IDLE_MS)
            )
            await connection.execute(queries.CLEAN_AUDIT, as_time(now_ms - AUDIT_KEPT_DAYS * _DAY_MS))

    async def _audit(self, account: str, source: str, outcome: str) -> None:
        _log.info("log-in of %r from %s: %s", account, source, outcome)
        async with self._database.connection() as connection:
            await connection.execute(queries.ADD_AUDIT, as_time(self._now_ms()), account, source, outcome)

    def _remember(self, login: Login, now_ms: int) -> None:
        self._remembered[login.token_hash] = _Remembered(login=login, last_used_ms=now_ms)
        self._remembered.move_to_end(login.token_hash)
        if len(self._remembered) > SESSIONS_REMEMBERED_MAX:
            self._remembered.popitem(last=False)

    def _alive(self, remembered: _Remembered, now_ms: int) -> bool:
        return remembered.login.expires_ms > now_ms and remembered.last_used_ms > now_ms - SESSION_IDLE_MS


def _login(row: Any, token: str, expires_ms: int) -> Login:
    digest = hmac.digest(token.encode(), b"csrf", "sha256")
    return Login(
        token_hash=_hash(token),
        csrf=base64.urlsafe_b64encode(digest).decode().rstrip("="),
        user_id=row["id"],
        user=row["user_name"],
        name=row["name"],
        roles=tuple(row["roles"]),
        agent=row["agent"],
        expires_ms=expires_ms,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _too_many(wait_s: int) -> RefusalError:
    text = f"Too many attempts. Try again in {wait_s} s."
    return RefusalError(429, "too_many_attempts", text, retry_after_s=wait_s)
