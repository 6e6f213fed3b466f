"""The pages before a core whose every word the test chooses: states that a running centre reaches seldom, or never for long.

Web process, sockets and database are real; they run in a thread of their own, since the browser's driver holds the test's.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from acd_core.config import Config, Database, Web
from acd_core.domain import commands, events
from acd_core.link.signals import Wallboard
from acd_core.telephony import DialRule
from agent_web.times import now_ms
from persistence.embedded import EmbeddedPostgres
from tests.persistence.servers import public_folder, running
from tests.web.world import CATEGORIES, PASSWORD, USERS, ScriptedCore, World, make_template, world

PATIENCE_S = 60.0  # a guard on a busy machine, never reached otherwise
AGENT = "agent-ayse"
_WEB = "web1"

_T = TypeVar("_T")


class Stage:
    """What the core says to the pages, and what it hears from them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, world_: World) -> None:
        self.loop, self._world = loop, world_
        self._revision = 0
        self.session = ""  # of the operator's page that came last

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://localhost:{self._world.web.port}"

    @staticmethod
    def logins() -> dict[str, str]:
        """Users and their passwords."""
        return {user: PASSWORD for user, *_ in USERS}

    @property
    def _core(self) -> ScriptedCore:
        return self._world.core

    def heard(self, kind: type[_T]) -> _T:
        """The next of this kind that the pages ask for; what else they said before is passed over."""

        async def listen() -> _T:
            while True:
                message = await self._core.heard.next(object)
                if isinstance(message, kind):
                    return message

        return self._do(listen())

    def operator_came(self) -> None:
        """The operator's page is there."""
        self.session = self.heard(events.SessionOpened).session

    def show(self, **fields: Any) -> None:
        """What the desk of the operator's page shows from now on."""
        self._revision += 1
        shown: dict[str, Any] = {
            "state": "not_ready",
            "since_ms": self.now_ms(),
            "audio": "browser",
            **fields,
        }
        self._say(
            commands.DeskView(web=_WEB, agent=AGENT, session=self.session, revision=self._revision, **shown)
        )

    def refuse(self, request: str, reason: str) -> None:
        """What the operator asked for can't be."""
        self._say(
            commands.RequestRefused(
                web=_WEB, agent=AGENT, session=self.session, request=request, reason=reason
            )
        )

    def picture(self, board: Wallboard) -> None:
        """What wallboards show from now on."""
        self._call(lambda: self._core.signal(board))

    def tell(self, signal: Any) -> None:
        """A signal of edges, as the core passes it on."""
        self._call(lambda: self._core.signal(signal))

    @staticmethod
    def now_ms() -> int:
        """The time of server and pages."""
        return now_ms()

    def _say(self, command: Any) -> None:
        self._call(lambda: self._core.send(command))

    def _call(self, work: Callable[[], None]) -> None:
        async def call() -> None:
            work()

        self._do(call())

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """A web process with pages, served by a thread, and a core that says what the test wants."""
    with public_folder() as folder:
        server = EmbeddedPostgres(folder / "data", folder / "run")
        with running(server):
            thread = _Thread(_config(folder, server.dsn))
            thread.start()
            try:
                yield thread.stage()
            finally:
                thread.end()


def _config(folder: Path, dsn: str) -> Config:
    categories = folder / "categories.toml"
    categories.write_text(CATEGORIES, encoding="utf-8")
    return Config(
        data_dir=str(folder / "var"),
        categories_file=str(categories),
        web=Web(listen_port=0),
        database=Database(dsn=dsn),
        dial=(DialRule(trunks=("carrier",)),),
    )


class _Thread(threading.Thread):
    def __init__(self, config: Config) -> None:
        super().__init__(name="stage", daemon=True)
        self._config = config
        self._ready = threading.Event()
        self._stage: Stage | None = None
        self._over: asyncio.Event | None = None

    def stage(self) -> Stage:
        assert self._ready.wait(PATIENCE_S)
        assert self._stage is not None, "the web process did not start"
        return self._stage

    def end(self) -> None:
        stage, over = self._stage, self._over
        if stage is not None and over is not None:
            stage.loop.call_soon_threadsafe(over.set)
        self.join(PATIENCE_S)
        assert not self.is_alive()

    def run(self) -> None:
        try:
            uvloop.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        await make_template(self._config)
        async with world(self._config) as here:
            self._over = asyncio.Event()
            self._stage = Stage(asyncio.get_running_loop(), here)
            self._ready.set()
            await self._over.wait()
