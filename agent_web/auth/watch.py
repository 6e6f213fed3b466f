"""Watches over the sockets of logged-in users: an open one counts as use of its session, and one whose
session ended is closed.

A session can end while a socket is open: after its sixteen hours, by a log-out at another web process, by the
user being disabled. Nobody is cut off in the middle of a call for that; the socket closes when the call is
over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from agent_web.auth.service import Auth, Login
from agent_web.database import DatabaseAwayError
from agent_web.limits import USER_SOCKETS_MAX
from agent_web.sockets import LOGGED_OUT, TOO_MANY, PageSocket

CHECK_INTERVAL_S = 60.0
_CLEAN_EVERY = 60  # checks


class Watch:
    """All open sockets of logged-in users."""

    def __init__(self, auth: Auth, check_interval_s: float = CHECK_INTERVAL_S) -> None:
        self._auth, self._check_interval_s = auth, check_interval_s
        self._watched: dict[PageSocket, tuple[Login, Callable[[], bool]]] = {}
        self._ended: set[bytes] = set()  # sessions that ended while somebody was in a call

    @contextlib.contextmanager
    def watching(
        self, login: Login, socket: PageSocket, busy: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Watch this socket while the block runs; not to be closed while `busy()`. One user's sockets are limited, so
        that a program that went wild takes no place of others'.
        """
        if sum(owner.user_id == login.user_id for owner, _ in self._watched.values()) >= USER_SOCKETS_MAX:
            socket.close(TOO_MANY, "too many pages of one user")
        self._watched[socket] = (login, busy)
        try:
            yield
        finally:
            del self._watched[socket]

    async def run(self) -> None:
        """Check until cancelled."""
        checks = 0
        while True:
            await asyncio.sleep(self._check_interval_s)
            await self.check()
            checks += 1
            if checks % _CLEAN_EVERY == 0:
                with contextlib.suppress(DatabaseAwayError):
                    await self._auth.clean()

    async def check(self) -> None:
        """Count use, close what ended."""
        token_hashes = {login.token_hash for login, _ in self._watched.values()}
        self._ended &= token_hashes
        self._ended |= await self._auth.use(token_hashes - self._ended)
        for socket, (login, busy) in list(self._watched.items()):
            if login.token_hash in self._ended and not busy():
                socket.close(LOGGED_OUT, "the session ended")

    def log_out(self, login: Login) -> None:
        """Close every socket of this session, whatever goes on."""
        for socket, (owner, _) in list(self._watched.items()):
            if owner.token_hash == login.token_hash:
                socket.close(LOGGED_OUT, "logged out")
