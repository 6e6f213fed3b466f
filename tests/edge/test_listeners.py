"""Connections: what goes by which, and what is done about those that cost more than they bring."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateways.edge.clock import Clock
from gateways.edge.listeners.place import Place, PointError
from gateways.edge.listeners.stream import StreamLimits, StreamListener
from gateways.edge.listeners.tls import TlsContexts
from gateways.edge.listeners.udp import UdpListener
from gateways.sip.events import Address, Send
from gateways.sip.limits import MESSAGE_BYTES_MAX
from tests.support.certificates import Authority
from tests.support.ports import free_port

PATIENCE_S = 10.0
MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
OTHER = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
QUICK = 0.01  # seconds between two looks at the connections


class Owner:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.news = asyncio.Event()
        self.welcome = True
        self.echo: Callable[[bytes, Address], None] | None = None

    def message(self, data: bytes, source: Address) -> None:
        self._note("message", data, source)
        if self.echo is not None:
            self.echo(data, source)

    def unsent(self, send: Send, reason: str) -> None:
        self._note("unsent", send.data, reason)

    def admits(self, host: str) -> bool:
        return self.welcome

    def broken(self, host: str, reason: str) -> None:
        self._note("broken", host, reason)

    def flow_lost(self, address: Address) -> None:
        self._note("lost", address)

    def _note(self, *what: Any) -> None:
        self.heard.append(what)
        self.news.set()

    async def hear(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        """The latest of so many of this kind."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [what for what in self.heard if what[0] == kind]) < count:
                self.news.clear()
                await self.news.wait()
        return found[-1]


class Line:
    """A listener and its owner."""

    def __init__(self, listener: StreamListener, owner: Owner, clock: Clock) -> None:
        self.listener, self.owner, self.clock = listener, owner, clock
        self.clients: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @property
    def address(self) -> Address:
        return self.listener.place.host, self.listener.place.port

    async def client(
        self, context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.clients.append(await asyncio.open_connection(*self.address, ssl=context))
        return self.clients[-1]

    async def begun(self, count: int) -> None:
        """So many connections are within a message."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(each._begun_ms is not None for each in self.listener._all) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def swept(self) -> None:
        """All connections were looked at once more."""
        last = self.listener._sweeping
        async with asyncio.timeout(PATIENCE_S):
            while self.listener._sweeping is last:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def later(self, seconds: float) -> None:
        self.clock._began_ns -= int(seconds * 1e9)


@contextlib.asynccontextmanager
async def line(
    tls: TlsContexts | None = None, *, host: str = "127.0.0.1", port: int = 0, **limits: Any
) -> AsyncIterator[Line]:
    owner, clock = Owner(), Clock()
    place = Place("TLS" if tls else "TCP", host, port)
    listener = StreamListener(place, owner, clock, tls=tls, limits=StreamLimits(sweep_s=QUICK, **limits))
    listener.open()
    opened = Line(listener, owner, clock)
    try:
        yield opened
    finally:
        listener.close()
        for _, writer in opened.clients:
            writer.close()


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop.run(story())  # as the edge does


async def closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


def address_of(writer: asyncio.StreamWriter) -> Address:
    host, port = writer.get_extra_info("sockname")[:2]
    return host, port


# What goes where


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_messages_come_whole_and_answers_go_back_by_the_same_connection(host: str) -> None:
    async def story() -> None:
        async with line(host=host) as here:
            reader, writer = await here.client()
            writer.write(MESSAGE + MESSAGE[:10])
            assert await here.owner.hear("message") == ("message", MESSAGE, address_of(writer))
            writer.write(MESSAGE[10:])
            await here.owner.hear("message", 2)
            assert here.listener.is_connected(address_of(writer))
            here.listener.send(Send(OTHER, address_of(writer), otherwise=("127.0.0.1", 9)))
            assert await reader.readexactly(len(OTHER)) == OTHER

    play(story)


def test_who_asks_whether_we_are_there_is_told() -> None:
    async def story() -> None:
        async with line() as here:
            reader, writer = await here.client()
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            assert here.owner.heard == []

    play(story)


def test_a_connection_is_made_for_what_has_none_and_used_again() -> None:
    async def story() -> None:
        async with line() as far, line() as here:
            here.listener.send(Send(MESSAGE, far.address))
            here.listener.send(Send(OTHER, far.address))
            await far.owner.hear("message", 2)
            sources = {what[2] for what in far.owner.heard}
            assert [what[1] for what in far.owner.heard] == [MESSAGE, OTHER]
            assert len(sources) == len(here.listener) == 1
            far.listener.send(Send(MESSAGE, sources.pop()))
            assert (await here.owner.hear("message"))[2] == far.address

    play(story)


def test_a_response_whose_connection_is_gone_goes_where_its_via_says() -> None:
    async def story() -> None:
        async with line() as far, line() as here:
            _, writer = await here.client()
            writer.write(MESSAGE)
            *_, source = await here.owner.hear("message")
            writer.close()
            assert await here.owner.hear("lost") == ("lost", source)
            here.listener.send(Send(OTHER, source, otherwise=far.address))
            assert (await far.owner.hear("message"))[1] == OTHER

    play(story)


def test_what_reaches_nobody_comes_back() -> None:
    async def story() -> None:
        async with line(waiting_max=2) as here:
            nobody = ("127.0.0.1", free_port())
            for data in (b"1", b"2", b"3"):
                here.listener.send(Send(data, nobody))
            assert here.owner.heard == [("unsent", b"3", "too many messages wait for the connection")]
            await here.owner.hear("unsent", 3)
            assert [what[1] for what in here.owner.heard] == [b"3", b"1", b"2"]
            assert "no connection" in here.owner.heard[-1][2]
            assert len(here.listener) == 0
            assert not [what for what in here.owner.heard if what[0] == "lost"], "it never stood"

    play(story)


def test_a_far_end_that_does_not_answer_is_given_up() -> None:
    async def story() -> None:
        with socket.socket() as silent:
            # A queue for connections that is full: the system answers no further one.
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            with contextlib.ExitStack() as queue:
                for _ in range(4):
                    waiting = queue.enter_context(socket.socket())
                    waiting.setblocking(False)
                    waiting.connect_ex(silent.getsockname())
                async with line(connect_s=0.05) as here:
                    here.listener.send(Send(MESSAGE, silent.getsockname()))
                    assert await here.owner.hear("unsent") == ("unsent", MESSAGE, "no connection in time")

    play(story)


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_system_watches_whether_the_far_end_is_there(tmp_path: Path, encrypted: bool) -> None:
    tls = TlsContexts(*Authority(tmp_path).issue("one")) if encrypted else None

    async def story() -> None:
        async with line(tls) as far, line(tls) as here:
            here.listener.send(Send(MESSAGE, far.address))
            await far.owner.hear("message")
            for listener in (far.listener, here.listener):
                (connection,) = listener._all
                assert connection._transport is not None
                connected = connection._transport.get_extra_info("socket")
                assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
                assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000

    play(story)


def test_closing_ends_what_is_being_set_up(tmp_path: Path) -> None:
    tls = TlsContexts(*Authority(tmp_path).issue("one"))

    async def story() -> None:
        async with line(tls) as here:
            await here.client()
            async with asyncio.timeout(PATIENCE_S):
                while not here.listener._tasks:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
                here.listener.close()
                while here.listener._tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            assert len(here.listener) == 0

    play(story)


def test_closing_lets_go_of_everything() -> None:
    async def story() -> None:
        async with line() as here:
            reader, writer = await here.client()
            writer.write(MESSAGE)
            await here.owner.hear("message")
            here.listener.close()
            await closed(reader)
            here.listener.send(Send(MESSAGE, address_of(writer)))
            with socket.socket() as again:
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(here.address)

    play(story)


# What costs too much


def test_connections_of_one_host_have_a_limit() -> None:
    async def story() -> None:
        async with line(connections_a_host_max=2) as here:
            clients = [await here.client() for _ in range(2)]
            for _, writer in clients:
                writer.write(MESSAGE)
            await here.owner.hear("message", 2)
            reader, _ = await here.client()
            await closed(reader)
            assert await here.owner.hear("broken") == ("broken", "127.0.0.1", "too many connections")
            clients[0][1].close()
            await here.owner.hear("lost")
            _, writer = await here.client()
            writer.write(MESSAGE)
            await here.owner.hear("message", 3)

    play(story)


def test_a_network_that_one_customer_has_counts_as_one_host() -> None:
    async def story() -> None:
        async with line(connections_a_host_max=2) as here:
            with socket.create_server(("127.0.0.1", 0)) as server:
                for number in range(3):
                    with socket.create_connection(server.getsockname()):
                        here.listener._take(server.accept()[0], (f"2001:db8::{number}", 5060))
            assert await here.owner.hear("broken") == ("broken", "2001:db8::2", "too many connections")
            await here.owner.hear("lost", 2)
            assert not here.listener._of_host

    play(story)


def test_all_connections_together_have_a_limit_also_for_ours() -> None:
    async def story() -> None:
        async with line(connections_max=1) as here, line() as far:
            _, writer = await here.client()
            writer.write(MESSAGE)
            await here.owner.hear("message")
            reader, _ = await here.client()
            await closed(reader)
            here.listener.send(Send(MESSAGE, far.address))
            assert await here.owner.hear("unsent") == ("unsent", MESSAGE, "too many connections")

    play(story)


def test_who_is_not_heard_has_no_connection_either() -> None:
    async def story() -> None:
        async with line() as here:
            here.owner.welcome = False
            reader, _ = await here.client()
            await closed(reader)
            assert here.owner.heard == []

    play(story)


def test_who_says_nothing_is_not_kept() -> None:
    async def story() -> None:
        async with line(first_message_s=30) as here:
            silent, _ = await here.client()
            _, writer = await here.client()
            writer.write(MESSAGE)
            await here.owner.hear("message")
            here.later(31)
            await closed(silent)
            assert (await here.owner.hear("broken"))[2] == "no message within 30 s"
            writer.write(MESSAGE)
            await here.owner.hear("message", 2)

    play(story)


def test_a_message_that_never_ends_is_not_waited_for() -> None:
    async def story() -> None:
        async with line(message_s=30) as here:
            reader, writer = await here.client()
            writer.write(MESSAGE + MESSAGE[:5])
            await here.owner.hear("message")
            for _ in range(3):  # a byte now and then is no sign of life
                here.later(11)
                writer.write(b"x")
                await writer.drain()
            await closed(reader)
            assert (await here.owner.hear("broken"))[2] == "a message not ended within 30 s"

    play(story)


def test_each_message_has_its_own_time() -> None:
    async def story() -> None:
        async with line(message_s=30) as here:
            _, writer = await here.client()
            writer.write(MESSAGE[:5])
            await writer.drain()
            await here.begun(1)
            for number in range(1, 4):  # each chunk ends one and begins the next
                here.later(20)
                writer.write(MESSAGE[5:] + MESSAGE[:5])
                await here.owner.hear("message", number)
                await here.swept()
            assert not [what for what in here.owner.heard if what[0] == "broken"]

    play(story)


def test_a_connection_that_brings_pings_stays_and_an_idle_one_goes() -> None:
    async def story() -> None:
        async with line(idle_s=100) as here:
            lively, idle = await here.client(), await here.client()
            for _, writer in (lively, idle):
                writer.write(MESSAGE)
            await here.owner.hear("message", 2)
            here.later(60)
            lively[1].write(b"\r\n\r\n")
            assert await lively[0].readexactly(2) == b"\r\n"
            here.later(60)
            await closed(idle[0])
            assert await here.owner.hear("lost") == ("lost", address_of(idle[1]))
            assert here.listener.is_connected(address_of(lively[1]))

    play(story)


def test_who_does_not_read_is_not_written_to_for_ever() -> None:
    async def story() -> None:
        async with line(unread_bytes_max=100_000) as here:
            _, writer = await here.client()
            writer.write(MESSAGE)
            *_, source = await here.owner.hear("message")
            for _ in range(2_000):  # 20 MB, more than the system keeps
                here.listener.send(Send(b"x" * 10_000, source))
                if not here.listener.is_connected(source):
                    break
            assert (await here.owner.hear("broken"))[2] == "more than 100000 bytes not read"
            assert await here.owner.hear("lost") == ("lost", source)
            assert len(here.listener) == 0

    play(story)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"OPTIONS sip:x SIP/2.0\r\nVia: x\r\n\r\n", "no Content-Length"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "no Content-Length"),
        (b"x" * (MESSAGE_BYTES_MAX + 10), "headers of more than"),
    ],
)
def test_what_cannot_be_framed_ends_the_connection(data: bytes, reason: str) -> None:
    async def story() -> None:
        async with line() as here:
            reader, writer = await here.client()
            writer.write(MESSAGE + data)
            await closed(reader)
            assert reason in (await here.owner.hear("broken"))[2]
            assert await here.owner.hear("message") == ("message", MESSAGE, address_of(writer))
            await here.owner.hear("lost")

    play(story)


def test_a_connection_closed_by_what_came_brings_nothing_more() -> None:
    async def story() -> None:
        async with line(unread_bytes_max=10) as here:
            here.owner.echo = lambda data, source: here.listener.send(Send(b"x" * 30_000_000, source))
            reader, writer = await here.client()
            writer.write(MESSAGE * 3)
            await here.owner.hear("lost")
            assert len([what for what in here.owner.heard if what[0] == "message"]) == 1
            assert reader is not None

    play(story)


def test_a_process_without_descriptors_takes_the_connection_later() -> None:
    async def story() -> None:
        async with line() as here:
            with socket.socket() as client:
                client.setblocking(False)
                soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
                with socket.socket() as probe:
                    highest = probe.fileno()
                client.connect_ex(here.address)
                client.setblocking(True)
                resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        while here.listener._pause is None:  # noqa: ASYNC110 - nobody is told
                            await asyncio.sleep(0.001)
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                here.listener._pause.cancel()
                here.listener._listen()  # as it does a second later
                client.send(MESSAGE)
                await here.owner.hear("message")

    play(story)


# TLS


def test_tls_carries_messages_both_ways(tmp_path: Path) -> None:
    tls = TlsContexts(*Authority(tmp_path).issue("one"))

    async def story() -> None:
        async with line(tls) as far, line(tls) as here:
            here.listener.send(Send(MESSAGE, far.address))
            *_, source = await far.owner.hear("message")
            far.listener.send(Send(OTHER, source))
            assert (await here.owner.hear("message"))[1] == OTHER

    play(story)


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    tls = TlsContexts(*Authority(tmp_path).issue("one"))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    async def story() -> None:
        async with line(tls) as here:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await here.client(old)
            assert (await here.owner.hear("broken"))[2].startswith("TLS: ")

    play(story)


def test_what_is_no_handshake_ends_it_and_so_does_silence(tmp_path: Path) -> None:
    tls = TlsContexts(*Authority(tmp_path).issue("one"))

    async def story() -> None:
        async with line(tls, handshake_s=0.2) as here:
            reader, writer = await here.client()
            writer.write(MESSAGE * 10)
            assert await reader.read(1) in (b"", b"\x15"), "an alert at most"
            await here.owner.hear("broken")
            silent, _ = await here.client()
            await closed(silent)
            await here.owner.hear("broken", 2)
            assert len(here.listener) == 0
            assert not [what for what in here.owner.heard if what[0] in ("message", "lost")]

    play(story)


def test_with_an_authority_only_its_own_are_served_and_reached(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    member = TlsContexts(*ours.issue("member"), ours.certificate)
    stranger = TlsContexts(*theirs.issue("stranger"))

    async def story() -> None:
        async with line(member) as here, line(member) as colleague, line(stranger) as outside:
            here.listener.send(Send(MESSAGE, colleague.address))
            await colleague.owner.hear("message")
            here.listener.send(Send(MESSAGE, outside.address))
            assert "CERTIFICATE_VERIFY_FAILED" in (await here.owner.hear("unsent"))[2].upper()
            outside.listener.send(Send(MESSAGE, here.address))
            await here.owner.hear("broken")
            assert not [what for what in here.owner.heard if what[0] == "message"]

    play(story)


def test_files_that_do_not_serve_are_named(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("one")
    with pytest.raises(PointError, match=r"one.crt and .*missing"):
        TlsContexts(files.certificate, tmp_path / "missing")
    with pytest.raises(PointError, match=r"tls_client_ca_file .*missing"):
        TlsContexts(*files, tmp_path / "missing")


# Places


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_taken_port_is_told_with_its_setting(transport: Any) -> None:
    async def story() -> None:
        kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            place = Place(transport, "127.0.0.1", taken.getsockname()[1])
            setting = {"UDP": "listen_port", "TCP": "tcp_port"}[transport]
            listener = (
                UdpListener(place, Owner())
                if transport == "UDP"
                else StreamListener(place, Owner(), Clock(), limits=StreamLimits())
            )
            with pytest.raises(PointError, match=rf"in use.*\[sip\] {setting}"):
                listener.open()
        for host, what in (("192.0.2.1", "listen_host"), ("2001:db8::1", "listen_host6")):
            with pytest.raises(PointError, match=rf"no such address.*{what}"):
                UdpListener(Place("UDP", host, 0), Owner()).open()

    play(story)


def test_both_families_may_have_the_same_port() -> None:
    async def story() -> None:
        port = free_port()
        async with line(host="0.0.0.0", port=port), line(host="::", port=port) as second:
            assert second.listener.place.port == port

    play(story)
