"""A small plan and roster for simulations, and how to run them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from acd_core.domain.plan import Flow, MenuStep, Number, Plan, PlayStep, PromptText, Queue, QueueStep, Site
from acd_core.domain.roster import Agent, Roster, Shift
from loadtest.sim.arrivals import Arrival
from loadtest.sim.watcher import Outcome
from loadtest.sim.world import Simulation

# Monday, 6 January 2025, 10:00 in Istanbul.
MONDAY_MS = 1_736_146_800_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000

PLAN = Plan(
    name="small",
    numbers=(
        Number(dialled="185", service="Water", flow="hotline"),
        Number(dialled="186", service="Straight", flow="straight"),
    ),
    prompts={
        "music": PromptText(text={"tr": "Müzik"}),
        "greeting": PromptText(text={"tr": "a" * 20}),
        "menu": PromptText(text={"tr": "b" * 10}),
        "full": PromptText(text={"tr": "c" * 10}),
    },
    flows={
        "hotline": Flow(
            start="greeting",
            steps={
                "greeting": PlayStep(prompts=("greeting",), next="menu"),
                "menu": MenuStep(
                    prompts=("menu",), keys={"1": "water"}, otherwise="water", timeout_ms=5_000, repeats=1
                ),
                "water": QueueStep(queue="water"),
            },
        ),
        "straight": Flow(start="water", steps={"water": QueueStep(queue="water")}),
    },
    queues={
        "water": Queue(name="Su", wrap_up_ms=30_000),
        "bills": Queue(name="Fatura", wrap_up_ms=10_000),
    },
    skills={"sewer": "Kanal", "english": "İngilizce"},
    sites={"north": Site(name="Kuzey", user="north", capacity=2)},
)


def roster(
    *agents: str, queues: tuple[str, ...] = ("water",), shifts: dict[str, Shift] | None = None
) -> Roster:
    """So many operators; with shifts, all of them work all of those."""
    shifts = shifts or {}
    return Roster(
        agents={id_: Agent(name=id_, queues=queues, shifts=tuple(shifts)) for id_ in agents}, shifts=shifts
    )


def call(after_ms: int, *, queue: str = "water", talk_ms: int | None = MINUTE_MS, **more: Any) -> Arrival:
    """Somebody who calls so long after ten o'clock, straight into a queue."""
    more.setdefault("wrapup_ms", 0)
    return Arrival(at_ms=MONDAY_MS + after_ms, caller="+905321112233", queue=queue, talk_ms=talk_ms, **more)


def run(arrivals: Iterable[Arrival], people: Roster, plan: Plan = PLAN, **more: Any) -> list[Outcome]:
    """All outcomes in order of arrival."""
    return sorted(Simulation(plan, people, arrivals, **more).run(), key=lambda outcome: outcome.number)
