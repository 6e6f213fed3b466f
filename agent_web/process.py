"""The web process: builds the features, connects them to core and database, serves until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import uvloop
from hypercorn.asyncio import serve

from acd_core.config import Config, ConfigError
from acd_core.link.heartbeat import beat_of
from acd_core.link.places import core_place
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from agent_web.app import Features, create_app
from agent_web.auth.passwords import Passwords
from agent_web.auth.service import Auth
from agent_web.auth.throttle import Throttle
from agent_web.auth.watch import Watch
from agent_web.calls.explanation import Explanations
from agent_web.calls.history import PastCalls
from agent_web.calls.service import Visitors
from agent_web.catalogue.service import Categories
from agent_web.centre.service import Centre
from agent_web.certificate import certificate_files, wants_tls
from agent_web.core_link import CoreLink
from agent_web.database import Database
from agent_web.demo import Seed
from agent_web.desk.service import Desks
from agent_web.limits import STOP_TIMEOUT_S
from agent_web.listener import listen, server_settings
from agent_web.orders.live import LiveOrders
from agent_web.orders.service import Orders
from agent_web.sockets import SERVER_RESTARTS
from agent_web.telephony.service import Telephony
from agent_web.times import now_ms
from agent_web.wallboard.service import Boards

NAME = "web"
LINK_NAME = "web1"
_REACH_WAIT_S = 5.0
_PREPARE_WAIT_S = 60.0

_log = logging.getLogger(__name__)


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; 2 when it can't begin (the log says why)."""
    set_up(config, NAME)
    try:
        with ReadyFile(config, NAME) as ready:
            uvloop.run(_until_signal(WebProcess(config), ready))
    except ConfigError as error:
        _log.error("%s", error)
        return 2
    return 0


async def _until_signal(web: WebProcess, ready: ReadyFile) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, web.stop)
    await web.run(ready.write)


class WebProcess:
    """One web process; `stop()` ends `run()`."""

    def __init__(self, config: Config) -> None:
        """Binds the port; `ConfigError` when something of the configuration can't be."""
        self._config = config
        self._passwords = Passwords()
        self._seed = Seed(config, self._passwords)
        self._tls = certificate_files(config, dt.datetime.now(dt.UTC)) if wants_tls(config) else None
        self._listener: socket.socket = listen(config.web.listen_host, config.web.listen_port)
        self._stopped = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that is served."""
        port: int = self._listener.getsockname()[1]
        return port

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def run(self, serving: Callable[[], None]) -> None:
        """Serve; `serving()` is called when pages can be loaded and, if the database is there, log-ins exist."""
        features, core = self._features()
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._stopped.wait(),
                core.run(),
                features.database.run(self._seed),
                features.watch.run(),
                features.live_orders.listen(),
                features.live_orders.tell(),
                features.live_orders.broadcast.run(),
                features.boards.broadcast.run(),
                features.telephony.broadcast.run(),
                features.telephony.run(),
                self._serve(features),
                self._say_serving(features.database, serving),
            )
        ]
        try:
            await self._watch_over(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._listener.close()
            self._passwords.close()

    def _features(self) -> tuple[Features, CoreLink]:
        config = self._config
        core = CoreLink(core_place(config), LINK_NAME, beat_of(config.link.silence_s))
        database = Database(config, NAME)
        auth = Auth(database, self._passwords, Throttle(time.monotonic), now_ms)
        features = Features(
            core=core,
            database=database,
            auth=auth,
            watch=Watch(auth),
            desks=Desks(core, LINK_NAME, now_ms, dials=bool(config.dial)),
            boards=Boards(core, now_ms),
            telephony=Telephony(core, now_ms, time.monotonic),
            centre=Centre(core, time.monotonic),
            visitors=Visitors(core, LINK_NAME, time.monotonic),
            past_calls=PastCalls(database),
            explanations=Explanations(core, database),
            categories=Categories(database),
            orders=Orders(database, now_ms),
            live_orders=LiveOrders(config, database),
        )
        core.attach(
            *(features.desks, features.boards, features.visitors, features.explanations, features.telephony)
        )
        return features, core

    async def _watch_over(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Wait for the stop, or for a task that failed, whose error ends the process."""
        waiting = set(tasks)
        while not self._stopped.is_set():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        server = tasks[-2]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await server

    async def _serve(self, features: Features) -> None:
        async def stop() -> None:
            await self._stopped.wait()
            # Open sockets would keep the server waiting for its connections.
            features.desks.close_all(SERVER_RESTARTS, "server restarts")
            features.visitors.close_all(SERVER_RESTARTS, "server restarts")
            features.boards.broadcast.close_all(SERVER_RESTARTS, "server restarts")
            features.telephony.broadcast.close_all(SERVER_RESTARTS, "server restarts")
            features.live_orders.broadcast.close_all(SERVER_RESTARTS, "server restarts")

        app = create_app(features, now_ms)
        await serve(app, server_settings(self._listener, self._tls), shutdown_trigger=stop)

    async def _say_serving(self, database: Database, serving: Callable[[], None]) -> None:
        """Serve without the database when it is away; with it, log-ins are there when we say so."""
        for event, patience_s in ((database.reached, _REACH_WAIT_S), (database.prepared, _PREPARE_WAIT_S)):
            try:
                async with asyncio.timeout(patience_s):
                    await event.wait()
            except TimeoutError:
                _log.warning("serving without the database")
                break
        scheme = "https" if self._tls else "http"
        _log.info("serving %s on %s port %d", scheme, self._config.web.listen_host, self.port)
        serving()
