"""How many calls a second the router alone can take through their whole life, and what that is of a bare dispatch loop.

A call arrives straight into one of 20 queues, is offered, accepted, ended by the caller, and the operator finishes the wrap-up:
four events. Every agent serves three queues. The floor, measured in the same run on the same events, looks a handler up by
the event's type and calls it, and does nothing else.

    .venv/bin/python -m benchmarks.router [CALLS] [AGENTS]
"""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from acd_core.domain import events as ev
from acd_core.domain.commands import AnyCommand, DeskView
from acd_core.domain.plan import Flow, Number, Plan, PromptText, Queue, QueueStep
from acd_core.domain.roster import Agent, Roster
from acd_core.domain.router import Router

History: TypeAlias = list[tuple[ev.AnyEvent, int]]

QUEUES = 20
IN_FLIGHT = 500
REPEATS = 5


def documents(agents: int) -> tuple[Plan, Roster]:
    """Twenty queues with a number each; agents that serve three of them."""
    queues = [f"q{number:02}" for number in range(QUEUES)]
    plan = Plan(
        name="benchmark",
        numbers=tuple(Number(dialled=queue, service=queue, flow=queue) for queue in queues),
        prompts={"music": PromptText(text={"tr": "Müzik"})},
        flows={queue: Flow(start="wait", steps={"wait": QueueStep(queue=queue)}) for queue in queues},
        queues={queue: Queue(name=queue) for queue in queues},
    )
    roster = Roster(
        agents={
            f"a{number:06}": Agent(
                name="A", queues=tuple(queues[(number + step) % QUEUES] for step in (0, 7, 13))
            )
            for number in range(agents)
        }
    )
    return plan, roster


def ready_router(agents: int) -> Router:
    """A router with all agents ready."""
    router = Router()
    plan, roster = documents(agents)
    now_ms = 1_000
    router.apply(ev.PlanChanged(version=1, plan=plan), now_ms)
    router.apply(ev.RosterChanged(version=1, roster=roster), now_ms)
    router.apply(ev.EdgeInventory(edge="e", instance="1"), now_ms)
    router.apply(ev.WebInventory(web="w", instance="1"), now_ms)
    for number, agent in enumerate(roster.agents):
        now_ms += 1
        router.apply(ev.SessionOpened(agent=agent, session=agent, web="w"), now_ms)
        router.apply(ev.AudioConnected(agent=agent, session=agent, edge="e", leg=f"l{number}"), now_ms)
        router.apply(ev.ReadyRequested(agent=agent, session=agent), now_ms)
    return router


def lives(router: Router, calls: int) -> History:
    """Take so many calls through their life, some hundred at a time, and write down what happened."""
    talking: deque[tuple[str, str]] = deque()
    history: History = []
    now_ms = router.state.now_ms

    def tell(event: ev.AnyEvent) -> tuple[AnyCommand, ...]:
        history.append((event, now_ms))
        return router.apply(event, now_ms)

    def end_one() -> None:
        call, agent = talking.popleft()
        tell(ev.CallerHungUp(call=call))
        tell(ev.WrapUpFinished(agent=agent, session=agent))

    for number in range(calls):
        now_ms += 1
        call = f"c{number:08}"
        dialled = f"q{number % QUEUES:02}"
        desk = tell(ev.CallArrived(call=call, edge="e", caller="05", dialled=dialled, at_ms=now_ms))[-1]
        if not isinstance(desk, DeskView) or desk.offer is None:
            raise SystemExit("nobody was free: more agents or fewer calls at a time")
        tell(ev.OfferAccepted(agent=desk.agent, session=desk.agent, call=call, offer=desk.offer.offer))
        talking.append((call, desk.agent))
        if len(talking) >= min(IN_FLIGHT, len(router.state.agents) // 4):
            end_one()
    while talking:
        end_one()
    return history


def seconds(apply: Callable[[ev.AnyEvent, int], tuple[AnyCommand, ...]], history: History) -> float:
    """Processor time to tell all of it, so that a busy machine shows less."""
    begin = time.thread_time()
    for event, now_ms in history:
        apply(event, now_ms)
    return time.thread_time() - begin


def bare(history: History) -> Callable[[ev.AnyEvent, int], tuple[AnyCommand, ...]]:
    """Looks a handler up by the event's type and calls it, and nothing else."""

    def nothing(event: ev.AnyEvent, now_ms: int) -> tuple[AnyCommand, ...]:
        return ()

    handlers = {type(event): nothing for event, _ in history}
    return lambda event, now_ms: handlers[type(event)](event, now_ms)


def main(calls: int = 20_000, agents: int = 1_000) -> None:
    """Measure a few times; the best run says what the code costs, the spread what the machine was doing."""
    write = sys.stdout.write
    write(f"{platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    write(f"{agents} agents x 3 of {QUEUES} queues, {calls} calls, best of {REPEATS}\n")
    history = lives(ready_router(agents), calls)
    spent, floor = [], []
    for _ in range(REPEATS):
        router = ready_router(agents)
        gc.collect()
        gc.freeze()  # what a long-lived core holds is not what a call costs
        spent.append(seconds(router.apply, history))
        floor.append(seconds(bare(history), history))
        gc.unfreeze()
    write(f"router        {calls / min(spent):12,.0f} calls/s {len(history) / min(spent):12,.0f} events/s\n")
    write(f"bare dispatch {calls / min(floor):12,.0f} calls/s {len(history) / min(floor):12,.0f} events/s\n")
    write(
        f"ratio {min(spent) / min(floor):.0f}; slowest run {calls / max(spent):,.0f} calls/s; budget 25,000\n"
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
