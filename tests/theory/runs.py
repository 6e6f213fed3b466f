"""Runs of the real router as a plain queue, and what can be said of their means.

The world of `loadtest.sim` around the real `Router`: one queue, c operators who take what they are offered at once and follow
nothing up, callers who arrive at random, speak for an exponential time and have an exponential patience. That is M/M/c, and with
patience M/M/c+M, as long as nothing else gets in the way: so no limit of the plan is ever reached.

Calls of one run are not independent of each other, but batches of many are nearly so: the half width of an interval is the
quantile of Student's t times the standard error of the batches' means (Law and Kelton, Simulation Modeling and Analysis, 9.5.3).
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from acd_core.domain.plan import Flow, Number, Plan, PromptText, Queue, QueueStep, Strategy
from acd_core.domain.roster import Agent, Roster
from acd_core.erlang import Traffic
from loadtest.sim.arrivals import Arrival
from loadtest.sim.world import ABANDONED, ANSWERED, Outcome, Simulation

START_MS = 1_700_000_000_000
ENDLESS_MS = 10**13
WITHIN_MS = 20_000
BATCHES = 30
FAMILY_ERROR = 0.001  # that any of all right comparisons fails, were the seeds not fixed

FIGURES = ("waits", "wait_ms", "within", "abandons")


@dataclass(frozen=True)
class Setting:
    """One system and how long it is watched; patience as a multiple of the handling time, 0: endless."""

    agents: int
    rho: float
    patience: float
    seed: int
    calls: int = 30_000
    handling_ms: float = 180_000.0

    @property
    def traffic(self) -> Traffic:
        return Traffic(
            calls_per_hour=self.agents * self.rho / self.handling_ms * 3_600_000,
            handling_ms=self.handling_ms,
            patience_ms=self.patience * self.handling_ms if self.patience else math.inf,
        )

    def __str__(self) -> str:
        patience = f", patience {self.patience} x" if self.patience else ""
        return f"c {self.agents}, load {self.rho}{patience}, seed {self.seed}"


@dataclass(frozen=True)
class Estimate:
    """A mean and the half width of its interval."""

    mean: float
    half: float

    def agrees(self, value: float) -> bool:
        # A millisecond and a millionth are what whole milliseconds and a share of nobody can't tell apart.
        return abs(self.mean - value) <= self.half + (1.0 if self.mean > 1.0 else 1e-6)


def plan(strategy: Strategy) -> Plan:
    """One queue without limits."""
    queue = Queue(
        name="Theory",
        strategy=strategy,
        waiting_max=20_000,
        wait_max_ms=ENDLESS_MS,
        talk_max_ms=ENDLESS_MS,
    )
    return Plan(
        name="theory",
        numbers=(Number(dialled="1", service="Theory", flow="wait"),),
        prompts={"music": PromptText(text={"en": "Music"})},
        flows={"wait": Flow(start="wait", steps={"wait": QueueStep(queue="all")})},
        queues={"all": queue},
        not_ready_max_ms=ENDLESS_MS,
        login_max_ms=ENDLESS_MS,
    )


def roster(agents: int) -> Roster:
    return Roster(agents={f"a{number:03}": Agent(name="A", queues=("all",)) for number in range(agents)})


def arrivals(setting: Setting, *, last_first: bool = False) -> Iterator[Arrival]:
    """`last_first` gives each caller more priority than all before, which makes the queue a stack."""
    chance = random.Random(setting.seed)
    traffic = setting.traffic
    at_ms = float(START_MS)
    for number in range(setting.calls):
        at_ms += chance.expovariate(traffic.arrival_rate)
        patience_ms = chance.expovariate(1 / traffic.patience_ms) if setting.patience else None
        yield Arrival(
            at_ms=round(at_ms),
            queue="all",
            talk_ms=round(chance.expovariate(1 / setting.handling_ms)),
            patience_ms=None if patience_ms is None else round(patience_ms),
            wrapup_ms=0,
            priority=number if last_first else 0,
        )


def outcomes(
    setting: Setting, *, agents: int = 0, last_first: bool = False, strategy: Strategy = "longest_idle"
) -> list[Outcome]:
    """Every call of a run, in order of arrival; with other `agents` or `last_first` the system is another than the setting's."""
    simulation = Simulation(
        plan(strategy),
        roster(agents or setting.agents),
        arrivals(setting, last_first=last_first),
        when=lambda agent, from_ms: None,  # always there
    )
    return sorted(simulation.run(), key=lambda outcome: outcome.number)


def first_come_first_served(setting: Setting) -> list[tuple[str, int]]:
    """What becomes of each caller and how long they wait, worked out without a router: each takes the agent who is free soonest,
    or gives up when that is too late (after Kiefer and Wolfowitz 1955, On the theory of queues with many servers).
    """
    free_ms = [0] * setting.agents
    found = []
    for arrival in arrivals(setting):
        wait_ms = max(0, free_ms[0] - arrival.at_ms)
        if arrival.patience_ms is not None and arrival.patience_ms < wait_ms:
            found.append((ABANDONED, arrival.patience_ms))
            continue
        heapq.heapreplace(free_ms, arrival.at_ms + wait_ms + (arrival.talk_ms or 0))
        found.append((ANSWERED, wait_ms))
    return found


def estimates(calls: list[Outcome], comparisons: int) -> dict[str, Estimate]:
    """Of the calls behind the first twentieth, which began with nobody there."""
    steady = calls[len(calls) // 20 :]
    size = len(steady) // BATCHES
    quantile = student(1 - FAMILY_ERROR / comparisons / 2, BATCHES - 1)
    values = {name: [0.0] * BATCHES for name in FIGURES}
    for number in range(BATCHES):
        batch = steady[number * size : (number + 1) * size]
        for name, figure in zip(FIGURES, _figures(batch), strict=True):
            values[name][number] = figure
    return {name: _estimate(each, quantile) for name, each in values.items()}


def _figures(batch: list[Outcome]) -> tuple[float, float, float, float]:
    count = len(batch)
    return (
        sum(call.waited_ms > 0 for call in batch) / count,
        sum(call.waited_ms for call in batch) / count,
        sum(call.outcome == ANSWERED and call.waited_ms <= WITHIN_MS for call in batch) / count,
        sum(call.outcome == ABANDONED for call in batch) / count,
    )


def _estimate(values: list[float], quantile: float) -> Estimate:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return Estimate(mean, quantile * math.sqrt(variance / len(values)))


def student(share: float, freedom: int) -> float:
    """The quantile of Student's t, by halving over its density integrated by Simpson's rule."""
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)

    def below(t: float) -> float:
        steps = 2_000
        width = t / steps
        density = [
            (1 + (width * n) ** 2 / freedom) ** (-(freedom + 1) / 2)
            * (1 if n in (0, steps) else 2 + 2 * (n % 2))
            for n in range(steps + 1)
        ]
        return 0.5 + scale * width / 3 * math.fsum(density)

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return low
