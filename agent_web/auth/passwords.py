"""Passwords: argon2id in threads of its own, so that a check never holds up the pages, and readable random
ones.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2

from agent_web.limits import HASHES_WAITING_MAX

_log = logging.getLogger(__name__)

_CONSONANTS = "bcdfghjkmnprstvz"
_VOWELS = "aeiou"
_THREADS = 2


class BusyError(Exception):
    """More password checks are in line than will be done soon."""


class Passwords:
    """Hashes and checks passwords with the library's parameters (RFC 9106, low memory)."""

    def __init__(self, line_max: int = HASHES_WAITING_MAX) -> None:
        """`line_max`: password checks in line; a further one is refused."""
        self._line_max = line_max
        self._hasher = argon2.PasswordHasher()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="password")
        self._in_line = 0
        # Checked for unknown users, so that they take as long as known ones.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, known_hash: str | None, password: str) -> bool:
        """Whether it is the password; without a hash (unknown user) false after the same work."""
        if self._in_line >= self._line_max:
            raise BusyError
        self._in_line += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._matches, known_hash or self._nobody, password
            ) and bool(known_hash)
        finally:
            self._in_line -= 1

    def _matches(self, known_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(known_hash, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.InvalidHashError, argon2.exceptions.VerificationError):
            _log.exception("a kept password hash can't be read")
            return False

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def readable_password() -> str:
    """A random password of about 50 bits that can be read out and typed: four groups of two syllables."""
    groups = (
        "".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(2)) for _ in range(4)
    )
    return "-".join(groups)
