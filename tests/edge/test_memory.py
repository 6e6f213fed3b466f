"""Memory is flat: of hundreds of calls that were, nothing is left, neither an object of any class nor a byte in a table."""

from __future__ import annotations

import functools
import gc
import itertools
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import acd_core
import gateways
from acd_core.domain import commands, events
from gateways.edge.limits import Timing
from tests.edge.foreign import answering, run_sipp, until
from tests.edge.world import World, config_for, world_in

pytestmark = pytest.mark.peers

CALLS = 100
STUCK_MS = 70_000  # every transaction is over by then (RFC 3261: 64·T1 twice)
ROUNDS_MAX = 6
BYTES_A_CALL_MAX = 30  # its Call-ID alone, kept in a set, is twice as much
OURS = tuple(str(Path(package.__path__[0]) / "*") for package in (acd_core, gateways))


@pytest.fixture
def traced() -> Iterator[None]:
    gc.unfreeze()  # a core that ran in this process before has frozen what it found, caches among it
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def calls_were(world: World, folder: Path, count: int) -> None:
    """So many came and went, four at a time, and all that waits for their end has had its time."""
    await run_sipp(world, "plain", folder, "-s", "185", "-r", "200", "-l", "4", calls=count)
    for _ in range(count):
        await world.core.expect(events.CallerHungUp)
    await until(lambda: not len(world.edge.calls._dead))
    for _ in range(2):
        world.jump(STUCK_MS)
    await world.heard_all()
    forget_what_is_cached()
    for told in (world.core, world.engine, world.speech):
        told.heard.clear()
        told.read = 0


def forget_what_is_cached() -> None:
    """Headers that were read are kept by value, a bounded number of them that these few calls do not reach."""
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper) and str(one.__module__).startswith(
            ("gateways.", "acd_core.")
        ):
            one.cache_clear()


def objects() -> Counter[str]:
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    return Counter(
        kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(("gateways.", "acd_core."))
    )


def size() -> int:
    """Bytes that our code has asked for and holds."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    ours = snapshot.filter_traces([tracemalloc.Filter(True, pattern) for pattern in OURS])
    return sum(statistic.size for statistic in ours.statistics("filename"))


async def test_nothing_is_left_of_hundreds_of_calls(tmp_path: Path, traced: None) -> None:
    config = config_for(tmp_path, trace_messages_max=100)
    async with world_in(tmp_path, config=config, timing=Timing(dead_call_rest_s=0.02)) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await calls_were(world, tmp_path, CALLS)
        before, sizes = objects(), [size()]
        # What stays of calls is there after each round; a table that grows by a jump, now and then, is not.
        for _ in range(ROUNDS_MAX):
            await calls_were(world, tmp_path, CALLS)
            sizes.append(size())
            if sizes[-1] - sizes[-2] <= BYTES_A_CALL_MAX * CALLS:
                break
        else:
            grown = [later - earlier for earlier, later in itertools.pairwise(sizes)]
            pytest.fail(f"{grown} bytes after {CALLS} calls each")
        assert objects() - before == Counter()
