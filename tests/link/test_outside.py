"""The link between machines over real TLS on loopback: who holds the secret is heard, and nobody else learns a thing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import shutil
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from acd_core.link.door import PROVE_WITHIN_S, STRANGERS_MAX, STRANGERS_OF_HOST_MAX
from acd_core.link.heartbeat import BEAT_S, SILENT_BEATS_MAX
from acd_core.link.outside import BIND_AGAIN_S, Outside
from acd_core.link.proof import ANSWER_BYTES, CHALLENGE_BYTES, REFUSED, VERDICT_BYTES, ClientProof
from acd_core.link.secure import client_side, make_missing, read_secret, server_side
from acd_core.machines import Link, host_and_port
from tests.link.outside import GUARD_S, Note, Relay, core_config, core_doors, other_machine, remote
from tests.support.certificates import Authority

QUICK_BEAT_S = 0.1


class Client:
    """A `LinkClient` that keeps what it hears."""

    def __init__(
        self, config: Config, name: str = "edge1", role: str = "edge", beat_s: float = BEAT_S
    ) -> None:
        self.heard: list[str] = []
        self.times: list[int] = []
        self.freshness: list[bool] = []
        self.downs = 0
        self.link = LinkClient(
            remote(config),
            role=role,
            name=name,
            send_type=Note,
            receive_type=Note,
            on_message=lambda note: self.heard.append(note.text),
            on_up=self.freshness.append,
            on_down=self._down,
            on_time=lambda asked_ms, answered_ms, theirs_ms: self.times.append(theirs_ms),
            beat_s=beat_s,
        )

    @property
    def ups(self) -> int:
        return len(self.freshness)

    def _down(self) -> None:
        self.downs += 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(GUARD_S):
        while not condition():  # noqa: ASYNC110 - it happens in another thread, which sets no event
            await asyncio.sleep(0.005)


def run(clients: list[Client], story: Callable[[], Awaitable[None]]) -> None:
    """The story, with the clients running beside it."""

    async def main() -> None:
        tasks = [asyncio.create_task(client.link.run()) for client in clients]
        try:
            await story()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


def dial(config: Config, source: str = "127.0.0.1") -> socket.socket:
    """A connection to the core's port for other machines, from this address."""
    place = host_and_port(config.link.listen)
    return socket.create_connection(place, GUARD_S, source_address=(source, 0))  # type: ignore[arg-type]


def encrypted(there: Config, connection: socket.socket) -> ssl.SSLSocket:
    return client_side(there).tls.wrap_socket(connection)


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or what came before the end."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def test_an_edge_on_another_machine_speaks_with_the_core(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        client = Client(other_machine(config))

        async def story() -> None:
            await until(lambda: client.ups == 1)
            client.link.send(Note("a"))
            client.link.send(Note("b"))
            await until(lambda: client.heard == ["A", "B"])

        run([client], story)
        assert core.heard == ["a", "b"]
        assert client.times[0] == 5_000


def test_who_has_another_key_is_told_so_and_learns_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        there = other_machine(config)
        there.link_secret_file.write_text("0" * 64)
        client = Client(there)

        async def story() -> None:
            await until(lambda: "another key" in client.link.error)
            await until(lambda: core.door.failed >= 3)

        run([client], story)
        with encrypted(there, dial(config)) as connection:
            exactly(connection, CHALLENGE_BYTES)
            connection.sendall(bytes(ANSWER_BYTES))
            assert exactly(connection, 4_096) == REFUSED, "no proof of the core's, no hello"
        assert client.ups == 0
        assert core.ups == []
    assert caplog.text.count("127.0.0.1 does not have the key of this link") == 1
    assert caplog.text.count("the core has another key") == 1
    assert "0" * 64 not in caplog.text
    assert config.link_secret_file.read_text().strip() not in caplog.text


@pytest.mark.parametrize("says_back", [False, True])
def test_a_core_that_cannot_prove_itself_is_told_nothing(tmp_path: Path, says_back: bool) -> None:
    """It holds the certificate's key, and not the secret, and perhaps says back what it heard."""
    config = core_config(tmp_path)
    make_missing(config)
    there = other_machine(config)
    config.link_secret_file.write_text("0" * 64)
    heard = b""

    def pretend(listener: socket.socket) -> None:
        nonlocal heard
        connection, _ = listener.accept()
        with server_side(config).tls.wrap_socket(connection, server_side=True) as encrypted_:
            encrypted_.sendall(b"santral link 1\n" + bytes(32))
            answer = exactly(encrypted_, ANSWER_BYTES)
            encrypted_.sendall(answer[-VERDICT_BYTES:] if says_back else b"x" * VERDICT_BYTES)
            try:
                heard = exactly(encrypted_, 1)
            except OSError:
                heard = b""

    client = Client(there)

    async def story() -> None:
        await asyncio.to_thread(pretend, listener)
        await until(lambda: "does not have the key of this link" in client.link.error)

    with socket.create_server(host_and_port(config.link.listen) or ("", 0)) as listener:
        run([client], story)
    assert heard == b""
    assert client.ups == 0


def test_without_tls_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x05\x00hello", b"\xff" * 100_000):
            with dial(config) as connection:
                try:
                    connection.sendall(said)
                    answer = exactly(connection, 4_096)
                except ConnectionError:
                    answer = b""
            assert len(answer) <= 7, "an alert of TLS at most"
        with dial(config):
            pass  # looked whether the port is open
        asyncio.run(until(lambda: core.door.failed == 4))
        assert core.ups == []
    assert caplog.text.count("does not speak TLS 1.3 as this core does") >= 1


def test_an_old_tls_is_not_spoken(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    with core_doors(config):
        tls = client_side(other_machine(config)).tls
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_2
        with dial(config) as connection, pytest.raises(ssl.SSLError):
            tls.wrap_socket(connection)


def test_a_certificate_that_was_not_pinned_ends_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = core_config(tmp_path)
    other = Config(base_dir=str(tmp_path), data_dir="other", link=Link(listen="127.0.0.1:1"))
    make_missing(other)
    with core_doors(config) as core:
        there = other_machine(config)
        shutil.copy2(other.link_trust_file, there.link_trust_file)
        client = Client(there)

        async def story() -> None:
            await until(lambda: "shows another certificate" in client.link.error)

        run([client], story)
        asyncio.run(until(lambda: "another certificate is pinned there" in caplog.text))
        with dial(config) as connection, pytest.raises(ssl.SSLCertVerificationError):
            encrypted(there, connection)  # a client that says why
        asyncio.run(until(lambda: "does not know this core's certificate" in caplog.text))
        assert core.ups == []


def test_a_pinned_certificate_counts_however_old_it_is_and_one_of_an_authority_by_its_name(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("core")  # for 127.0.0.1, not for 127.0.0.2
    given = {"certificate_file": str(files.certificate), "key_file": str(files.key)}
    listen = core_config(tmp_path).link.listen.replace("127.0.0.1", "0.0.0.0")
    config = Config(base_dir=str(tmp_path), data_dir="core", link=Link(listen=listen, **given))
    shutil.copy2(files.certificate, tmp_path / "pinned.pem")
    with core_doors(config) as core:
        (tmp_path / "core/link/core.crt").touch()  # `other_machine` copies it; here it is none
        clients = {}
        for number, (host, trust) in enumerate(
            (
                ("127.0.0.1", authority.certificate),
                ("127.0.0.2", authority.certificate),
                ("127.0.0.2", "pinned.pem"),
            )
        ):
            there = other_machine(config, f"machine{number}", trust_file=str(trust))
            place = f"{host}:{listen.rpartition(':')[2]}"
            there = msgspec.structs.replace(there, link=msgspec.structs.replace(there.link, core=place))
            clients[number] = Client(there, f"edge{number}")

        async def story() -> None:
            await until(lambda: clients[0].ups == 1 and clients[2].ups == 1)
            await until(lambda: "shows another certificate" in clients[1].link.error)

        run(list(clients.values()), story)
        assert sorted(core.ups) == ["edge0", "edge2"]


def test_a_proof_is_of_no_use_on_another_connection(tmp_path: Path) -> None:
    """Neither as it was said once, nor passed on by somebody in between who even has the certificate's key."""
    config = core_config(tmp_path)
    with core_doors(config) as core:
        there = other_machine(config)
        secret = read_secret(there)
        with encrypted(there, dial(config)) as first:
            proof = ClientProof(secret, first.get_channel_binding("tls-unique") or b"")
            answer = proof.answer(exactly(first, CHALLENGE_BYTES))
            first.sendall(answer)
            proof.judge(exactly(first, VERDICT_BYTES))
        with encrypted(there, dial(config)) as again:
            exactly(again, CHALLENGE_BYTES)
            again.sendall(answer)
            assert exactly(again, VERDICT_BYTES) == REFUSED
        with encrypted(there, dial(config)) as passed_on:
            victim = ClientProof(secret, hashlib.sha384(b"the victim's handshake").digest())
            passed_on.sendall(victim.answer(exactly(passed_on, CHALLENGE_BYTES)))
            assert exactly(passed_on, VERDICT_BYTES) == REFUSED
        asyncio.run(until(lambda: core.door.failed == 2))


def test_strangers_are_few_at_a_time_and_the_others_come_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        flood = [dial(config, f"127.0.0.{host}") for host in range(9, 13) for _ in range(80)]
        asyncio.run(until(lambda: core.door.turned_away >= 320 - STRANGERS_MAX))
        client = Client(other_machine(config))

        async def story() -> None:
            await until(lambda: client.ups == 1)

        run([client], story)
        for connection in flood:
            connection.close()
        asyncio.run(until(lambda: core.door.failed == 4 * STRANGERS_OF_HOST_MAX))
    assert caplog.text.count("127.0.0.9 comes too often") == 1


def test_who_says_nothing_is_not_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither before TLS, nor after it; time passes at once in this test."""
    config = core_config(tmp_path)
    make_missing(config)
    there = other_machine(config)

    async def served(stream: trio.abc.Stream, host: str) -> None:
        raise AssertionError("nobody proved anything")

    async def main() -> None:
        outside = Outside("127.0.0.1", 1, server_side(config), served)
        for after_tls in (False, True):
            client, server = trio.testing.memory_stream_pair()
            began_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(outside.greet, server, "192.0.2.1")
                if after_tls:
                    secure = trio.SSLStream(client, client_side(there).tls, https_compatible=True)
                    assert len(await secure.receive_some()) == CHALLENGE_BYTES
                while await client.receive_some():
                    pass
            assert trio.current_time() - began_s == pytest.approx(PROVE_WITHIN_S, abs=0.1)
        assert outside.door.failed == 2
        assert outside.door.enter("192.0.2.1", lambda: None), "nobody is inside any longer"

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert caplog.text.count("did not prove itself within 5 s") == 1


def test_a_second_process_of_a_name_is_refused_and_both_sides_are_told_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        first = Client(other_machine(config, "one"))
        second = Client(other_machine(config, "two"))

        async def story() -> None:
            await until(lambda: first.ups == 1)
            late = asyncio.create_task(second.link.run())
            await until(lambda: "edge1 is connected already, from 127.0.0.1" in second.link.error)
            assert first.downs == 0
            late.cancel()

        run([first], story)
        # The name is free again when its bearer is gone.
        asyncio.run(until(lambda: core.downs == ["edge1"]))

        async def later() -> None:
            await until(lambda: second.ups == 1)

        run([second], later)
    assert "a client at 127.0.0.1 was cut off: refused: edge1 is connected already" in caplog.text


@pytest.mark.parametrize("role", ["store", "control", "media"])
def test_who_works_on_the_cores_files_or_orders_it_about_is_not_heard_from_elsewhere(
    tmp_path: Path, role: str
) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        client = Client(other_machine(config), f"{role}1", role)

        async def story() -> None:
            await until(lambda: f"role '{role}' is for the core's own machine" in client.link.error)

        run([client], story)
        assert core.ups == []


def test_a_silent_network_is_noticed_on_both_sides_and_nothing_is_lost_or_done_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config, QUICK_BEAT_S) as core:
        there = other_machine(config)

        async def main() -> None:
            place = host_and_port(config.link.listen)
            assert place is not None
            relay = Relay(place[1])
            await relay.start()
            far = msgspec.structs.replace(there.link, core=f"127.0.0.1:{relay.port}")
            client = Client(msgspec.structs.replace(there, link=far), beat_s=QUICK_BEAT_S)
            running = asyncio.create_task(client.link.run())
            loop = asyncio.get_running_loop()
            await until(lambda: client.ups == 1)
            client.link.send(Note("before"))
            await until(lambda: client.heard == ["BEFORE"])
            relay.pull()
            pulled_s = loop.time()
            client.link.send(Note("in the dark"))
            await until(lambda: client.downs == 1 and core.downs == ["edge1"])
            silence_s = QUICK_BEAT_S * SILENT_BEATS_MAX
            assert silence_s * 0.8 <= loop.time() - pulled_s <= silence_s + 5.0, "a busy machine is late"
            client.link.send(Note("darker"))
            relay.plug_in()
            await until(lambda: client.heard == ["BEFORE", "IN THE DARK", "DARKER"])
            assert client.freshness == [True] + [False] * (client.ups - 1), "it is the core it knows"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            relay.close()

        asyncio.run(main())
        assert core.heard == ["before", "in the dark", "darker"]
    assert "gives no sign of life" in caplog.text


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda file: file.chmod(0o644), "can be read by others"),
        (lambda file: file.write_text("short\n"), "shorter than 32 characters"),
        (lambda file: file.unlink(), "can't be read"),
        (lambda file: file.write_bytes(b"\xff" * 64), "is no key"),
        (lambda file: (file.parent / "core.crt").unlink(), "core.crt can't be read"),
        (lambda file: (file.parent / "core.crt").write_text("?"), "is no certificate"),
    ],
)
def test_what_is_wrong_with_the_files_is_named_and_mended_without_a_restart(
    tmp_path: Path, spoil: Callable[[Path], object], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config):
        there = other_machine(config)
        spoil(there.link_secret_file)
        client = Client(there)

        async def story() -> None:
            await until(lambda: reason in client.link.error)
            for file in ("secret", "core.crt"):
                there.link_secret_file.unlink(missing_ok=True)
                shutil.copy2(config.data_path / "link" / file, there.data_path / "link" / file)
            shutil.copy2(config.link_secret_file, there.link_secret_file)
            await until(lambda: client.ups == 1)

        with caplog.at_level(logging.ERROR):
            run([client], story)
        assert "short\n" not in caplog.text


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    given = {"SANTRAL_LINK_SECRET": "k" * 32}
    make_missing(config, given)
    assert not config.link_secret_file.exists()
    assert read_secret(config, given) == b"k" * 32
    make_missing(config, {})
    assert config.link_secret_file.stat().st_mode & 0o777 == 0o600
    assert read_secret(config, {}) != b"k" * 32


def test_a_port_that_is_taken_keeps_no_core_away_and_is_served_once_it_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Time passes at once in this test."""
    config = core_config(tmp_path)
    make_missing(config)
    place = host_and_port(config.link.listen)
    assert place is not None

    async def served(stream: trio.abc.Stream, host: str) -> None:
        raise AssertionError("nobody proved anything")

    async def main() -> None:
        outside = Outside(*place, server_side(config), served)
        async with trio.open_nursery() as nursery:
            with socket.create_server(place):
                await nursery.start(outside.run)  # the processes of this machine are served from here on
                await trio.sleep(2.5 * BIND_AGAIN_S)
            await trio.sleep(BIND_AGAIN_S)
            stream = await trio.open_tcp_stream(*place)
            assert await stream.receive_some() == b"", "closed, as nothing was proven in time"
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert caplog.text.count("can't be had") == 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_strangers_send_and_however_they_go_the_core_goes_on(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    config = core_config(tmp_path)
    with core_doors(config) as core:
        there = other_machine(config)
        for number in range(150):
            connection = dial(config, f"127.0.0.{10 + number % 20}")
            if chance.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            try:
                if chance.random() < 0.3:
                    connection.sendall(chance.randbytes(chance.choice((1, 5, 300, 70_000))))
                elif chance.random() < 0.6:
                    connection.sendall(spoilt_hello(there, chance))
                else:
                    connection = encrypted(there, connection)
                    connection.sendall(chance.randbytes(chance.choice((1, 63, ANSWER_BYTES, 5_000))))
                if chance.random() < 0.3:
                    connection.settimeout(0.02)
                    connection.recv(chance.choice((1, 4_096)))
            except OSError:
                pass
            connection.close()
        client = Client(there)

        async def story() -> None:
            await until(lambda: client.ups == 1)

        run([client], story)
        assert core.ups == ["edge1"]


def spoilt_hello(there: Config, chance: random.Random) -> bytes:
    """What a TLS client says first, with a few other bytes in it, or not all of it."""
    outgoing = ssl.MemoryBIO()
    client = client_side(there).tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    hello = bytearray(outgoing.read())
    for _ in range(chance.choice((0, 1, 3))):
        hello[chance.randrange(len(hello))] = chance.randrange(256)
    return bytes(hello[: chance.choice((len(hello), chance.randrange(len(hello))))])
