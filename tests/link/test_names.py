"""Whose a name is at the core: its process may come again, another process has to wait until it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from acd_core.link.session import Channel, LinkError, LinkSession
from acd_core.link.trio_server import REFUSAL_AGAIN_S
from tests.link.test_heartbeat import Note, Silent


def client(stream: str) -> LinkSession:
    """Of a process with this numbering."""
    return LinkSession(
        role="edge",
        name="e1",
        receive_type=Note,
        resolve=lambda hello: (Channel("never"), -1),
        wake=lambda: None,
        client_channel=Channel(stream),
    )


def test_a_process_that_comes_again_takes_its_name_over_and_another_is_told_who_has_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        core = Silent(tmp_path / "unused.sock")
        async with trio.open_nursery() as nursery:
            ends = []
            for _ in range(2):  # its first connection stands, as when a cable was pulled
                end, server = trio.testing.memory_stream_pair()
                nursery.start_soon(core.server.serve, server, "192.0.2.7")
                await end.send_all(client("e1:first").data_to_send())
                assert await end.receive_some()
                ends.append(end)
            assert await ends[0].receive_some() == b"", "the earlier one is closed"
            stranger, server = trio.testing.memory_stream_pair()
            nursery.start_soon(core.server.serve, server, "192.0.2.8")
            session = client("e1:second")
            await stranger.send_all(session.data_to_send())
            with pytest.raises(LinkError, match=r"e1 is connected already, from 192\.0\.2\.7"):
                session.feed(bytes(await stranger.receive_some()))
            assert core.said == ["e1 up", "e1 up"]
            await ends[1].aclose()
            await stranger.aclose()
        assert core.said == ["e1 up", "e1 up", "e1 down"]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_who_breaks_off_with_its_hello_leaves_the_name_to_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        core = Silent(tmp_path / "unused.sock")
        async with trio.open_nursery() as nursery:
            first, server = trio.testing.memory_stream_pair()
            nursery.start_soon(core.server.serve, server)
            await first.send_all(client("e1:first").data_to_send())
            assert await first.receive_some()
            again, server = trio.testing.memory_stream_pair()
            nursery.start_soon(core.server.serve, server)
            await again.send_all(client("e1:first").data_to_send() + b"\xff" * 5)
            assert await first.receive_some() == b"", "its numbers went with the later connection"
        assert core.said == ["e1 up", "e1 up", "e1 down"]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_refusal_is_said_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        core = Silent(tmp_path / "unused.sock")
        async with trio.open_nursery() as nursery:
            for host in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7"):
                stranger, server = trio.testing.memory_stream_pair()
                nursery.start_soon(core.server.serve, server, host)
                await stranger.send_all(b"\xff" * 5)
                while await stranger.receive_some():
                    pass
            assert caplog.text.count("was cut off") == 2
            await trio.sleep(REFUSAL_AGAIN_S)
            stranger, server = trio.testing.memory_stream_pair()
            nursery.start_soon(core.server.serve, server, "192.0.2.7")
            await stranger.send_all(b"\xff" * 5)
            while await stranger.receive_some():
                pass
            assert caplog.text.count("a client at 192.0.2.7 was cut off") == 2
        assert core.server.refused == 5

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
