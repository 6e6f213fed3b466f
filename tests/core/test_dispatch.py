"""Commands that concern others than whom they name."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from acd_core.domain.commands import EntityGone
from acd_core.domain.router import Router
from acd_core.link.session import Channel, LinkSession
from acd_core.link.signals import FromCore, Siblings, ToCore
from tests.core.test_board import Kept


def test_all_edges_hear_of_one_that_was_away_too_long(tmp_path: Path) -> None:
    async def story() -> None:
        async with trio.open_nursery() as nursery:
            kept = Kept(tmp_path, nursery, Router())
            edge = LinkSession(
                role="edge",
                name="edge2",
                receive_type=FromCore,
                resolve=lambda hello: (Channel("never"), -1),
                wake=lambda: None,
                client_channel=Channel("edge2:x"),
            )
            core = LinkSession(
                role="core",
                name="core",
                receive_type=ToCore,
                resolve=lambda hello: (kept.peers.of_hello(hello)[0].channel, -1),
                wake=lambda: None,
            )
            core.feed(edge.data_to_send())
            kept.dispatch((EntityGone(entity="agent", id="ann"), EntityGone(entity="edge", id="edge1")))
            assert edge.feed(core.data_to_send()) == [(0, Siblings(gone="edge1"))]
            nursery.cancel_scope.cancel()

    trio.run(story, clock=MockClock(autojump_threshold=0))
