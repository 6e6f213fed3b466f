"""How sessions end: by time, by disuse, by an administrator; and what a socket that is open then does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import asyncpg
import pytest

from acd_core.config import Config
from agent_web.auth.passwords import Passwords, readable_password
from agent_web.auth.service import Auth
from agent_web.auth.throttle import Throttle
from agent_web.auth.watch import Watch
from agent_web.database import Database
from agent_web.limits import (
    ACCOUNT_FAILURES_FREE,
    SESSION_ABSOLUTE_MS,
    SESSION_IDLE_MS,
    SOURCE_FAILURES_FREE,
    THROTTLE_FORGET_S,
    THROTTLE_KEYS_MAX,
    THROTTLE_MAX_S,
    USER_SOCKETS_MAX,
)
from agent_web.problems import RefusalError
from agent_web.sockets import LOGGED_OUT, TOO_MANY, PageSocket
from agent_web.sources import network_of
from tests.web.world import PASSWORD, run


@dataclass
class Clock:
    ms: int = 1_772_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def now_s(self) -> float:
        return self.ms / 1000


@dataclass
class Closed:
    """Stands where a page's socket stands; only the code matters here."""

    codes: list[int] = field(default_factory=list)

    def close(self, code: int, reason: str) -> None:
        self.codes.append(code)

    def __hash__(self) -> int:
        return id(self)


@asynccontextmanager
async def _auth(config: Config, clock: Clock) -> AsyncIterator[Auth]:
    database = Database(config, "test")
    passwords = Passwords()
    up = asyncio.Event()
    database.on_change(lambda there: up.set())

    async def nothing(connection: object) -> None:
        pass

    running = asyncio.create_task(database.run(nothing))
    try:
        await up.wait()
        yield Auth(database, passwords, Throttle(clock.now_s), clock.now_ms)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        passwords.close()


def test_a_session_ends_by_disuse_and_after_its_time(config: Config) -> None:
    async def story() -> None:
        clock = Clock()
        async with _auth(config, clock) as auth:
            token, login = await auth.log_in("AYSE ", PASSWORD, "127.0.0.1")
            end_ms = clock.ms + SESSION_ABSOLUTE_MS
            while clock.ms + SESSION_IDLE_MS < end_ms:
                clock.ms += SESSION_IDLE_MS - 1
                assert await auth.find(token) == login, "every use keeps it"
            clock.ms = end_ms
            assert await auth.find(token) is None
            token, _ = await auth.log_in("ayse", PASSWORD, "127.0.0.1")
            clock.ms += SESSION_IDLE_MS
            assert await auth.find(token) is None
            await auth.clean()
        connection = await asyncpg.connect(config.database.dsn)
        assert await connection.fetchval("SELECT count(*) FROM web_sessions") == 0
        assert await connection.fetchval("SELECT count(*) FROM login_audit WHERE outcome = 'logged_in'") == 2
        await connection.close()

    run(story())


def test_an_open_socket_is_use_and_closes_when_the_session_ended_but_not_in_a_call(config: Config) -> None:
    async def story() -> None:
        clock = Clock()
        async with _auth(config, clock) as auth:
            watch = Watch(auth)
            token, login = await auth.log_in("ayse", PASSWORD, "127.0.0.1")
            page, busy = Closed(), True
            with watch.watching(login, cast(PageSocket, page), lambda: busy):
                for _ in range(3):
                    clock.ms += SESSION_IDLE_MS - 1
                    await watch.check()
                assert await auth.find(token) is not None
                connection = await asyncpg.connect(config.database.dsn)
                await connection.execute("UPDATE users SET disabled = true WHERE user_name = 'ayse'")
                await connection.close()
                await watch.check()
                assert page.codes == [], "nobody is cut off in a call"
                busy = False
                await watch.check()
                assert page.codes == [LOGGED_OUT]
            assert await auth.find(token) is None
            with pytest.raises(RefusalError, match="wrong"):
                await auth.log_in("ayse", PASSWORD, "127.0.0.1")

    run(story())


def test_one_user_takes_no_place_of_others(config: Config) -> None:
    async def story() -> None:
        clock = Clock()
        async with _auth(config, clock) as auth:
            watch = Watch(auth)
            _, login = await auth.log_in("ayse", PASSWORD, "127.0.0.1")
            _, other = await auth.log_in("mehmet", PASSWORD, "127.0.0.1")
            pages = [Closed() for _ in range(USER_SOCKETS_MAX + 1)]
            with contextlib.ExitStack() as stack:
                for page in pages:
                    stack.enter_context(watch.watching(login, cast(PageSocket, page)))
                others = Closed()
                stack.enter_context(watch.watching(other, cast(PageSocket, others)))
            assert [page.codes for page in pages] == [[]] * USER_SOCKETS_MAX + [[TOO_MANY]]
            assert others.codes == []

    run(story())


def test_throttling_counts_by_account_and_by_source_and_forgets() -> None:
    clock = Clock()
    throttle = Throttle(clock.now_s)
    for number in range(ACCOUNT_FAILURES_FREE):
        assert throttle.begin("ayse", f"10.0.0.{number}") == 0
    assert throttle.begin("ayse", "10.0.0.99") == pytest.approx(1)
    assert throttle.begin("mehmet", "10.0.0.99") == 0, "an attempt that did not take place counts for nobody"
    waits = []
    for _ in range(12):
        waits.append(throttle.begin("ayse", "10.0.0.99"))
        clock.ms += int(waits[-1] * 1000) + 1
        assert throttle.begin("ayse", "10.0.0.99") == 0
    assert waits == sorted(waits)
    assert max(waits) <= THROTTLE_MAX_S
    throttle.succeeded("ayse", "10.0.0.99")
    assert throttle.begin("ayse", "10.0.0.1") == 0

    for number in range(SOURCE_FAILURES_FREE):
        assert throttle.begin(f"user{number}", "10.9.9.9") == 0
    assert throttle.begin("somebody", "10.9.9.9") > 0
    clock.ms += THROTTLE_FORGET_S * 1000 + 1
    assert throttle.begin("somebody", "10.9.9.9") == 0


def test_whoever_guesses_keeps_nobody_out_who_logged_in_from_there_before() -> None:
    clock = Clock()
    throttle = Throttle(clock.now_s)
    assert throttle.begin("ayse", "10.0.0.1") == 0
    throttle.succeeded("ayse", "10.0.0.1")
    for number in range(SOURCE_FAILURES_FREE + 5):
        throttle.begin("ayse", "10.9.9.9")
        throttle.begin(f"user{number}", "10.0.0.1")
    assert throttle.begin("ayse", "10.9.9.9") > 0
    assert throttle.begin("mehmet", "10.0.0.1") > 0
    assert throttle.begin("ayse", "10.0.0.1") == 0, "the own place is not theirs to close"
    throttle.succeeded("ayse", "10.0.0.1")
    for _ in range(ACCOUNT_FAILURES_FREE):
        assert throttle.begin("ayse", "10.0.0.1") == 0
    assert throttle.begin("ayse", "10.0.0.1") > 0, "but who guesses there is slowed down all the same"
    assert throttle.begin("ayse", "10.0.0.2") > 0


def test_where_an_account_logged_in_before_is_known_after_a_restart(config: Config) -> None:
    async def story() -> None:
        clock = Clock()
        async with _auth(config, clock) as auth:
            await auth.log_in("ayse", PASSWORD, "2001:db8::1")
        async with _auth(config, clock) as auth:
            for _ in range(ACCOUNT_FAILURES_FREE):
                with pytest.raises(RefusalError, match="wrong"):
                    await auth.log_in("ayse", "guess", "10.9.9.9")
            with pytest.raises(RefusalError, match="Too many"):
                await auth.log_in("ayse", PASSWORD, "10.9.9.9")
            await auth.log_in("ayse", PASSWORD, "2001:db8::2")

    run(story())


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_the_addresses_of_one_network_count_as_one(source: str, network: str) -> None:
    assert network_of(source) == network


def test_the_tables_of_the_throttle_are_bounded() -> None:
    clock = Clock()
    throttle = Throttle(clock.now_s)
    for _ in range(ACCOUNT_FAILURES_FREE):
        throttle.begin("victim", "10.0.0.1")
    for number in range(THROTTLE_KEYS_MAX + 10):
        throttle.begin(f"user{number}", f"source{number}")
    assert len(throttle._accounts._counts) == THROTTLE_KEYS_MAX
    assert len(throttle._sources._counts) == THROTTLE_KEYS_MAX


def test_password_checks_in_line_are_bounded() -> None:
    async def story() -> None:
        passwords = Passwords(line_max=3)
        kept = await passwords.hash("right")
        assert kept.startswith("$argon2id$")
        checks = (passwords.matches(kept, "right") for _ in range(5))
        results = await asyncio.gather(*checks, return_exceptions=True)
        assert results.count(True) == 3
        assert not await passwords.matches(kept, "wrong")
        assert not await passwords.matches(None, "right")
        assert not await passwords.matches("torn", "right")
        passwords.close()

    run(story())


def test_readable_passwords_are_readable_and_differ() -> None:
    made = {readable_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 19 and password.replace("-", "").isalpha() for password in made)
