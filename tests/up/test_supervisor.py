"""The supervisor with real processes: order, restarts, giving up, stopping, and what a killed one leaves."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from santral.up.child import CannotStartError, Launch
from santral.up.restarts import RestartLimits
from santral.up.supervisor import GaveUpError
from tests.tooling.imports import ROOT
from tests.up.children import (
    DIE,
    GUARD_S,
    NEVER_READY,
    REFUSE,
    SERVE,
    SERVE_REFUSE_SERVE,
    SERVE_THEN_DIE,
    STUBBORN,
    Stage,
    is_alive,
    until,
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_starts_in_order_and_stops_in_reverse(stage: Stage) -> None:
    note = stage.folder / "order"
    program = f"""
import os, pathlib, signal, sys
name = pathlib.Path(sys.argv[1]).stem
def note(text):
    with open({str(note)!r}, "a") as file: file.write(text + " " + name + chr(10))
def stop(*_):
    note("stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("start")
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
while True: signal.pause()
"""
    stages = [[stage.spec("store", program)], [stage.spec("core", program)], [stage.spec("edge", program)]]

    async def run() -> None:
        stop = asyncio.Event()
        await stage.supervisor(*stages).run(stop, stop.set)

    asyncio.run(run())
    assert note.read_text().splitlines() == [
        *("start store", "start core", "start edge"),
        *("stop edge", "stop core", "stop store"),
    ]
    assert stage.shown == []


def test_a_killed_child_comes_back_and_the_others_stay(stage: Stage) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        serving = asyncio.Event()
        supervisor = stage.supervisor([stage.spec("core", SERVE)], [stage.spec("edge", SERVE)])
        running = asyncio.create_task(supervisor.run(stop, serving.set))
        await asyncio.wait_for(serving.wait(), GUARD_S)
        before = supervisor.pids()
        os.kill(before["core"], signal.SIGKILL)
        await until(lambda: "core serves again" in stage.shown)
        after = supervisor.pids()
        assert after["core"] != before["core"]
        assert after["edge"] == before["edge"]
        stop.set()
        await running
        assert not any(is_alive(pid) for pid in after.values())

    asyncio.run(run())
    assert stage.shown == ["core ended (killed by SIGKILL); starting it again in 0.0 s", "core serves again"]


def test_a_setting_that_is_broken_for_a_while_stops_nobody_else(stage: Stage) -> None:
    async def run() -> None:
        supervisor = stage.supervisor([stage.spec("core", SERVE)], [stage.spec("edge", SERVE_REFUSE_SERVE)])
        stop = asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop, lambda: None))
        await until(lambda: "edge serves again" in stage.shown or running.done())
        stop.set()
        await running

    asyncio.run(run())
    assert sum("starting it again" in line for line in stage.shown) == 2


def test_a_database_that_can_not_be_started_for_a_while_stops_nobody_else(stage: Stage) -> None:
    """As with a disk that is full: calls go on without it."""
    spec = stage.spec("postgres", SERVE)
    starts = 0

    def prepare() -> Launch:
        nonlocal starts
        starts += 1
        if starts == 2:
            raise CannotStartError("the disk is full; free some space")
        return spec.prepare()

    async def run() -> None:
        supervisor = stage.supervisor([dataclasses.replace(spec, prepare=prepare)])
        stop, serving = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop, serving.set))
        await serving.wait()
        os.kill(supervisor.pids()["postgres"], signal.SIGKILL)
        await until(lambda: "postgres serves again" in stage.shown or running.done())
        stop.set()
        await running

    asyncio.run(run())
    assert any("free some space" in line for line in stage.shown)


def test_gives_up_on_a_child_that_keeps_dying_and_stops_the_others(stage: Stage) -> None:
    others: list[int] = []

    async def run() -> None:
        supervisor = stage.supervisor([stage.spec("core", SERVE)], [stage.spec("edge", SERVE_THEN_DIE)])
        await supervisor.run(asyncio.Event(), lambda: others.append(supervisor.pids()["core"]))

    with pytest.raises(GaveUpError, match="edge ended 4 times in a row") as caught:
        asyncio.run(run())
    assert "| died on purpose" in str(caught.value)
    assert str(stage.folder / "edge.log") in str(caught.value)
    assert others
    assert not any(is_alive(pid) for pid in others)
    assert sum("starting it again" in line for line in stage.shown) == stage.limits.restarts_max


def test_a_child_that_never_serves_is_given_up_sooner(stage: Stage) -> None:
    with pytest.raises(GaveUpError, match=r"core ended 3 times in a row \(exit code 1\)"):
        asyncio.run(stage.supervisor([stage.spec("core", DIE)]).run(asyncio.Event(), pytest.fail))


def test_what_calls_go_on_without_is_never_given_up_once_it_served(stage: Stage) -> None:
    async def run() -> None:
        store = dataclasses.replace(stage.spec("store", SERVE_THEN_DIE), is_vital=False)
        supervisor = stage.supervisor([store], [stage.spec("core", SERVE)])
        stop = asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop, lambda: None))
        often = 2 * stage.limits.restarts_max
        await until(lambda: stage.shown.count("store serves again") >= often or running.done())
        assert supervisor.pids()["core"]
        stop.set()
        await running

    asyncio.run(run())


def test_a_wrong_setting_is_not_tried_again(stage: Stage) -> None:
    with pytest.raises(GaveUpError, match=r"\| a setting is wrong"):
        asyncio.run(stage.supervisor([stage.spec("core", REFUSE)]).run(asyncio.Event(), pytest.fail))
    assert stage.shown == []


def test_a_child_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    stage = Stage(tmp_path, RestartLimits(pause_first_s=0, tries_before_serving_max=1))
    spec = stage.spec("core", NEVER_READY, ready_within_s=0.0)
    with pytest.raises(GaveUpError, match="not ready within 0 s"):
        asyncio.run(stage.supervisor([spec]).run(asyncio.Event(), pytest.fail))


def test_a_program_that_is_missing_is_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    spec = stage.spec("core", SERVE)
    launch = spec.prepare()
    missing = type(launch)(("/no/such/program",), launch.environment, launch.folder)
    unstartable = type(spec)("core", lambda: missing, spec.is_ready)
    with pytest.raises(GaveUpError, match="/no/such/program"):
        asyncio.run(stage.supervisor([unstartable]).run(asyncio.Event(), pytest.fail))


def test_a_child_that_does_not_listen_is_killed(stage: Stage) -> None:
    async def run() -> list[int]:
        stop = asyncio.Event()
        supervisor = stage.supervisor([stage.spec("core", STUBBORN, stop_within_s=0.1)])
        pids: list[int] = []

        def on_serving() -> None:
            pids.extend(supervisor.pids().values())
            stop.set()

        await supervisor.run(stop, on_serving)
        return pids

    pids = asyncio.run(run())
    assert pids
    assert not any(is_alive(pid) for pid in pids)


def test_a_second_request_to_stop_does_not_wait(stage: Stage) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        serving = asyncio.Event()
        supervisor = stage.supervisor([stage.spec("core", STUBBORN)])
        running = asyncio.create_task(supervisor.run(stop, serving.set))
        await asyncio.wait_for(serving.wait(), GUARD_S)
        stop.set()
        await asyncio.sleep(0)
        supervisor.kill()
        await asyncio.wait_for(running, GUARD_S / 2)

    asyncio.run(run())


def test_a_stop_during_the_start_stops_what_has_started(stage: Stage) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        supervisor = stage.supervisor([stage.spec("store", SERVE)], [stage.spec("core", NEVER_READY)])
        running = asyncio.create_task(supervisor.run(stop, pytest.fail))
        await until(lambda: len(supervisor.pids()) == 2)
        pids = supervisor.pids()
        stop.set()
        await running
        assert not any(is_alive(pid) for pid in pids.values())

    asyncio.run(run())


def test_a_stop_during_a_pause_does_not_wait_for_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, RestartLimits(pause_first_s=GUARD_S * 10, pause_max_s=GUARD_S * 10))

    async def run() -> None:
        stop = asyncio.Event()
        supervisor = stage.supervisor([stage.spec("core", SERVE_THEN_DIE)])
        running = asyncio.create_task(supervisor.run(stop, lambda: None))
        await until(lambda: any("starting it again" in line for line in stage.shown))
        stop.set()
        await asyncio.wait_for(running, GUARD_S)

    asyncio.run(run())


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    """The program below is a supervisor of its own, which is killed together with nobody."""
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        from santral.up.lock import UpLock
        from tests.up.children import SERVE, STUBBORN, Stage
        from santral.up.supervisor import Supervisor

        async def run():
            stage = Stage(Path({str(tmp_path)!r}))
            specs = [stage.spec("core", SERVE), stage.spec("edge", STUBBORN)]
            supervisor = Supervisor([specs], stage.folder, print, inherited=[UpLock(stage.folder).descriptor])
            await supervisor.run(
                asyncio.Event(), lambda: print(*supervisor.pids().values(), flush=True)
            )

        asyncio.run(run())
        """
    )
    command = [sys.executable, "-c", program]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    for _ in range(2):  # the second one finds the first one's lock free again
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as supervisor:
            assert supervisor.stdout is not None
            pids = [int(word) for word in supervisor.stdout.readline().split()]
            assert len(pids) == 2
            assert all(is_alive(pid) for pid in pids)
            supervisor.kill()
        asyncio.run(until(lambda pids=pids: not any(is_alive(pid) for pid in pids)))
