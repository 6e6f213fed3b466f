"""Whose a name is at the core: its process may come again, another process has to wait until it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from acd_core.link.session import Channel, LinkError, LinkSession
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
