"""Whole calls through the core's engine: stamp, journal, router, digest, dispatcher, actors on trio.

Prints calls per second of processor time, and as a ratio to the router alone on the same events in the same run. No sockets:
what leaves stands in the peers' bounded outboxes. `python -m benchmarks.core`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trio
import trio.testing

from acd_core.actors.board import Board
from acd_core.actors.dispatch import Dispatcher
from acd_core.actors.peers import Peers
from acd_core.actors.registry import Registry
from acd_core.actors.supervisor import Supervisor
from acd_core.clock import Clock
from acd_core.domain import events as ev
from acd_core.domain.commands import AnyCommand
from acd_core.domain.plan import Flow, Number, Plan, PromptText, Queue, QueueStep
from acd_core.domain.roster import Agent, Roster
from acd_core.domain.router import Router
from acd_core.engine import Engine
from acd_core.journal.writer import JournalWriter
from acd_core.recovery import recover

AGENTS = 1_000
QUEUES = 20
BATCH = 50  # calls between two turns of the actors, as many as a link's read may bring


def opening() -> Iterator[ev.AnyEvent]:
    """Plan, roster, links, and every agent ready."""
    yield ev.CoreStarted(code_version="1")
    queues = {f"q{number:02}": Queue(name=f"Queue {number}") for number in range(QUEUES)}
    flows = {name: Flow(start="wait", steps={"wait": QueueStep(queue=name)}) for name in queues}
    yield ev.PlanChanged(
        version=1,
        plan=Plan(
            name="benchmark",
            numbers=tuple(Number(dialled=name, service=name, flow=name) for name in queues),
            prompts={"music": PromptText(wav="/music.wav")},
            flows=flows,
            queues=queues,
        ),
    )
    agents = {
        f"a{number:05}": Agent(
            name=f"Agent {number}", queues=tuple(f"q{(number + step) % QUEUES:02}" for step in range(3))
        )
        for number in range(AGENTS)
    }
    yield ev.RosterChanged(version=1, roster=Roster(agents=agents))
    yield ev.EdgeInventory(edge="edge1", instance="e")
    yield ev.WebInventory(web="web1", instance="w")
    for agent in agents:
        yield ev.SessionOpened(agent=agent, session=f"s-{agent}", web="web1")
        yield ev.AudioConnected(agent=agent, session=f"s-{agent}", edge="edge1", leg=f"l-{agent}")
        yield ev.ReadyRequested(agent=agent, session=f"s-{agent}")


def call(router: Router, number: int) -> Iterator[ev.AnyEvent]:
    """One call from arrival to the end of the wrap-up; who gets it is asked of the state."""
    id_ = f"c{number:08}"
    yield ev.CallArrived(
        call=id_, edge="edge1", caller="5321234567", dialled=f"q{number % QUEUES:02}", at_ms=number
    )
    agent, offer = router.state.calls[id_].agent, router.state.calls[id_].offer
    yield ev.OfferAccepted(agent=agent, session=f"s-{agent}", call=id_, offer=offer)
    yield ev.CallerHungUp(call=id_)
    yield ev.WrapUpFinished(agent=agent, session=f"s-{agent}")


def router_alone(calls: int) -> float:
    """Calls per second of processor time."""
    router = Router()
    for event in opening():
        router.apply(event, 1)
    begun = time.process_time()
    for number in range(calls):
        for event in call(router, number):
            router.apply(event, 2 + number)
    return calls / (time.process_time() - begun)


async def whole_core(folder: Path, calls: int) -> float:
    """The same through engine, journal, dispatcher and actors."""
    recovered = recover(folder)
    writer = JournalWriter(
        folder, last_seq=0, end=None, segment_max_bytes=16 * 1024 * 1024, sync_interval_ms=10
    )
    peers = Peers(recovered, writer.journal_id)
    dispatchers: list[Dispatcher] = []

    def dispatch(seq: int, commands: tuple[AnyCommand, ...]) -> None:
        dispatchers[0].dispatch(seq, commands)

    engine = Engine(recovered, writer, Clock(), dispatch)
    board = Board(lambda: engine.router.state, engine.clock.now_ms, lambda picture: None, lambda: engine.seq)
    async with trio.open_nursery() as nursery:
        registry = Registry(
            Supervisor(nursery), lambda: engine.router.state, engine.clock.now_ms, engine.handle, board
        )
        dispatchers.append(Dispatcher(peers, registry, board, engine.router.state))
        for event in opening():
            engine.handle(event, "web1:x", 1)
        registry.ensure_queues()
        await trio.testing.wait_all_tasks_blocked()
        begun = time.process_time()
        for number in range(calls):
            for event in call(engine.router, number):
                engine.handle(event, "web1:x", 1)
            if number % BATCH == 0:
                await trio.lowlevel.checkpoint()
        spent_s = time.process_time() - begun
        nursery.cancel_scope.cancel()
    writer.close()
    return calls / spent_s


def main() -> None:
    """Print both figures and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    calls = parser.parse_args().calls
    alone = router_alone(calls)
    with tempfile.TemporaryDirectory() as folder:
        whole = trio.run(whole_core, Path(folder), calls)
    print(f"{AGENTS} agents x 3 of {QUEUES} queues, {calls} calls of 4 events, processor time")
    print(f"router alone   {alone:9.0f} calls/s")
    print(f"whole core     {whole:9.0f} calls/s   {alone / whole:.1f} times the router's cost")


if __name__ == "__main__":
    main()
