"""Max-Forwards over the legs of a call (RFC 7332): each has one less than the one it is made for, so circles end."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.domain import commands, events
from tests.edge.test_calls import EDGE
from tests.edge.test_dialling_phone import beside_a_carrier, dialled, let_dial
from tests.edge.test_phones import register, with_phone
from tests.edge.world import Phone, world_in


def with_hops(phone: Phone, hops: int) -> Phone:
    """From now on its requests have so many left."""
    put = phone.put

    def less(data: str | bytes) -> None:
        assert isinstance(data, str)
        put(data.replace("Max-Forwards: 70", f"Max-Forwards: {hops}"))

    phone.put = less  # type: ignore[method-assign]
    return phone


@pytest.mark.parametrize(("hops", "left"), [(70, 69), (1, 0), (0, None)])
async def test_the_operators_phone_is_a_hop_further(hops: int, left: int | None, tmp_path: Path) -> None:
    with_phone(tmp_path)
    async with world_in(tmp_path) as world:
        phone = world.phone()
        assert (await register(world, phone)).status == 200
        arrived = await world.arrive(with_hops(world.phone(), hops))
        ring = commands.RingPhone(
            edge=EDGE, call=arrived.call, agent="ayse", offer=1, user="101", caller="0532"
        )
        world.core.send(ring)
        if left is None:
            assert (await world.core.expect(events.PhoneFailed)).status == 483
        else:
            assert (await phone.asked("INVITE")).max_forwards == left


@pytest.mark.parametrize(("hops", "left"), [(3, 2), (0, None)])
async def test_what_a_phone_dials_is_a_hop_further(hops: int, left: int | None, tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        call = await dialled(world, with_hops(world.phone(), hops))
        let_dial(world, call)
        if left is None:
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.trunk) == (483, "")
        else:
            assert (await carrier.asked("INVITE")).max_forwards == left
