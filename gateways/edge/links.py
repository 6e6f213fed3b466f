"""The edge's links: clients of core, engine, speech and browser audio.

Each message is handled in a turn of the loop of its own, in order. One that meets a fault of ours is logged
by the loop and the others go on: within the link's own callback it would cut the connection and take the rest
of its batch with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acd_core.link.aio import LinkClient
from acd_core.link.heartbeat import BEAT_S
from acd_core.link.places import Remote
from gateways.edge.clock import Clock


def link_to(
    place: Path | Remote,
    name: str,
    *,
    send_type: Any,
    receive_type: Any,
    on_message: Callable[[Any], None],
    on_up: Callable[[bool], None],
    on_down: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
    beat_s: float = BEAT_S,
) -> LinkClient:
    """A link of the edge `name`; `run` it. `clock` follows the other side's, where that tells the time."""

    def in_turn(message: Any) -> None:
        asyncio.get_running_loop().call_soon(on_message, message)

    clock = clock or Clock()
    return LinkClient(
        place,
        role="edge",
        name=name,
        send_type=send_type,
        receive_type=receive_type,
        on_message=in_turn,
        on_up=on_up,
        on_down=on_down,
        on_time=clock.core_said,
        monotonic_ms=clock.monotonic_ms,
        beat_s=beat_s,
    )
