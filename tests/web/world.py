"""A web process as people meet it: real server, real sockets, real database; the core behind the link is
scripted.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import ssl
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import uvloop
import websockets
from websockets.asyncio.client import ClientConnection

from acd_core.config import Config
from acd_core.domain import commands
from acd_core.domain.events import WebInventory
from acd_core.link.aio import LinkServer, Peer
from acd_core.link.signals import FromCore, ToCore
from agent_web.auth import queries
from agent_web.auth.passwords import Passwords
from agent_web.process import WebProcess
from agent_web.times import as_time, now_ms
from persistence.migrate import migrate, read_migrations
from persistence.pool import connection_when_there

PATIENCE_S = 60.0  # a guard on a busy machine, never reached otherwise
PASSWORD = "kote-binu-gola-sami"
USERS = (
    ("ayse", "Ayşe Yılmaz", "operator", "agent-ayse"),
    ("mehmet", "Mehmet Kaya", "operator", "agent-mehmet"),
    ("zeynep", "Zeynep Demir", "supervisor", None),
    ("admin", "Administrator", "admin", None),
)
CATEGORIES = """
[[categories]]
id = "water_fault"
kind = "fault"
deadline_h = 24
names = { tr = "Su arızası", en = "Water fault" }

[[categories]]
id = "suggestion"
kind = "suggestion"
deadline_h = 0
names = { tr = "Öneri", en = "Suggestion" }
"""

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)


async def make_template(config: Config) -> None:
    """Schema and users."""
    passwords = Passwords()
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    async with connection_when_there(config, "test") as connection:
        await migrate(connection, read_migrations())
        for user, name, role, agent in USERS:
            await queries.add_user(
                connection,
                user=user,
                name=name,
                password_hash=password_hash,
                agent=agent,
                roles=(role,),
                now=as_time(now_ms()),
            )


class Heard:
    """Messages that arrived, to be waited for one after the other."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._taken = 0
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, message: Any) -> None:
        self.all.append(message)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def next(self, kind: type[_T]) -> _T:
        """The next message not yet taken, which has to be of this kind."""
        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.all) > self._taken)
        message = self.all[self._taken]
        self._taken += 1
        assert isinstance(message, kind), f"{message} instead of {kind.__name__}"
        return message

    @property
    def untaken(self) -> list[Any]:
        return self.all[self._taken :]


class ScriptedCore:
    """The core's end of the link; the test says what it says."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.heard = Heard()
        self._server: LinkServer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._server = LinkServer(
            self._config.socket("core"),
            role="core",
            name="core",
            send_type=FromCore,
            receive_type=ToCore,
            on_message=lambda peer, message: self.heard.add(message),
            on_up=lambda peer, fresh: None,
            on_down=lambda peer: None,
        )
        self._task = asyncio.create_task(self._server.run())
        await self._server.started.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def web(self) -> Peer:
        assert self._server is not None
        return self._server.peers["web1"]

    def send(self, message: Any) -> None:
        self.web.send(message)

    def signal(self, message: Any) -> None:
        assert self.web.signal(message)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Socket:
    """A page's socket. Like a page it answers pings at once, whatever the test is doing; a deaf one reads nothing."""

    def __init__(self, connection: ClientConnection, *, deaf: bool = False) -> None:
        self.connection = connection
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._reader = None if deaf else asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                message = json.loads(await self.connection.recv())
                if message["type"] == "ping":
                    await self.send(type="pong", n=message["n"])
                else:
                    self._messages.put_nowait(message)
        self._messages.put_nowait(None)

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self) -> dict[str, Any]:
        """The next message that is no ping."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self._messages.get()
        assert message is not None, f"closed with {self.connection.close_code}"
        return message

    async def expect(self, kind: str) -> dict[str, Any]:
        message = await self.next()
        assert message["type"] == kind, message
        return message

    async def closed(self) -> int:
        """Wait for the close and return its code; messages before it are dropped."""
        async with asyncio.timeout(PATIENCE_S):
            await self.connection.wait_closed()
        code = self.connection.close_code
        assert code is not None
        return code

    async def end(self) -> None:
        """The page goes."""
        await self.connection.close()
        if self._reader is not None:
            await self._reader


@dataclass
class Browser:
    """One browser with its cookies."""

    port: int
    tls: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    source: str = "127.0.0.1"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str] | None) -> Answer:
        sent = {
            "Host": f"localhost:{self.port}",
            "Origin": self.origin,
            "X-CSRF-Token": self.csrf,
            **self._cookie(),
        }
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_S, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=PATIENCE_S, source_address=(self.source, 0)
            )
        )
        with contextlib.closing(kind) as connection:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def _cookie(self) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookie} if cookie else {}

    async def log_in(self, user: str, password: str = PASSWORD) -> Answer:
        answer = await self.ask("POST", "/api/login", {"user": user, "password": password})
        if answer.status == 200:
            self.csrf = answer.json["csrf"]
        return answer

    @contextlib.asynccontextmanager
    async def socket(
        self, path: str, *, origin: str | None = None, deaf: bool = False
    ) -> AsyncIterator[Socket]:
        scheme = "wss" if self.tls else "ws"
        async with websockets.connect(
            f"{scheme}://localhost:{self.port}{path}",
            host="127.0.0.1",
            origin=websockets.Origin(origin or self.origin),
            additional_headers=self._cookie(),
            ssl=self.tls,
            ping_interval=None,
            close_timeout=1,
            open_timeout=PATIENCE_S,
            proxy=None,
        ) as connection:
            socket = Socket(connection, deaf=deaf)
            try:
                yield socket
            finally:
                await socket.end()


@dataclass
class World:
    config: Config
    core: ScriptedCore
    web: WebProcess

    def browser(self, **settings: Any) -> Browser:
        return Browser(self.web.port, **settings)

    async def logged_in(self, user: str) -> Browser:
        browser = self.browser()
        answer = await browser.log_in(user)
        assert answer.status == 200, answer.text
        return browser

    @contextlib.asynccontextmanager
    async def desk(
        self, browser: Browser, *, tab: str = "tab-00000001", page: str = "page-0001"
    ) -> AsyncIterator[Socket]:
        """An operator's page after hello and welcome."""
        async with browser.socket("/ws/desk") as socket:
            await socket.send(type="hello", tab=tab, page=page, lang="tr")
            await socket.expect("welcome")
            await socket.expect("core")
            yield socket


@contextlib.asynccontextmanager
async def world(config: Config, *, core_up: bool = True) -> AsyncIterator[World]:
    """Core (scripted) and web, running."""
    core = ScriptedCore(config)
    if core_up:
        await core.start()
    web = WebProcess(config)
    serving = asyncio.Event()
    running = asyncio.create_task(web.run(serving.set))
    try:
        waiting = asyncio.create_task(serving.wait())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            await running
        if core_up:
            await core.heard.next(WebInventory)
        yield World(config, core, web)
    finally:
        web.stop()
        await running
        await core.stop()


def run(story: Coroutine[Any, Any, None]) -> None:
    """On the loop that the process runs on."""
    uvloop.run(story)


def view(session: str, **fields: Any) -> commands.DeskView:
    """A desk as the core shows it."""
    known: dict[str, Any] = {"revision": 1, "state": "not_ready", "since_ms": 1000}
    known.update(fields)
    return commands.DeskView(web="web1", agent="agent-ayse", session=session, **known)


def offer() -> commands.OfferView:
    return commands.OfferView(
        offer=3,
        call="c-17",
        caller="05321234567",
        caller_name="",
        dialled="185",
        service="Water line",
        queue="faults",
        queue_name="Faults",
        waited_since_ms=1000,
        deadline_ms=16000,
    )


def desk_call() -> commands.DeskCall:
    return commands.DeskCall(
        call="c-17",
        caller="05321234567",
        caller_name="",
        dialled="185",
        service="Water line",
        queue="faults",
        queue_name="Faults",
        arrived_ms=1000,
        answered_ms=2000,
    )


def replace(struct: _S, **changes: Any) -> _S:
    return msgspec.structs.replace(struct, **changes)
