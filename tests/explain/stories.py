"""A call's life for the tests of explanations: every kind of reason, as the domain gives it."""

from __future__ import annotations

from typing import Any

from acd_core.domain.commands import CallStory, Considered, Decided, Rejected
from acd_core.domain.plan import SearchStep
from acd_core.explain.story import Names, QueueNames, Reason, Told, Waiting

AT_MS = 1_792_582_200_000  # 2026-10-21 14:30:00 in Istanbul
STEPS = (
    SearchStep(after_ms=20_000, lower_levels=1),
    SearchStep(after_ms=60_000, announce=("x",), add_teams=("night",), add_queues=("bills",)),
    SearchStep(after_ms=90_000, offer_callback=("x",), to_sites=True, move_to="bills"),
)
NAMES = Names(
    agents={"op01": "Ayşe Yılmaz", "op02": "Mehmet Demir"},
    queues={
        "faults": QueueNames(name="Arıza", steps=STEPS),
        "bills": QueueNames(name="Fatura"),
    },
    skills={"canal": "Kanal"},
    teams={"night": "Gece ekibi"},
    timezone="Europe/Istanbul",
)
REJECTED = (
    Rejected(why="level_too_low", count=3),
    Rejected(why="not_ready", count=1, agents=("op02",)),
    Rejected(why="talking", count=5),
    Rejected(why="wrap_up", count=2),
)


def step(name: str, after_ms: int = 0, **more: Any) -> CallStory:
    return CallStory(call="c1", step=name, at_ms=AT_MS + after_ms, queue="faults", **more)  # type: ignore[arg-type]


def decided(kind: str, after_ms: int = 0, **more: Any) -> Decided:
    known = {"waited_ms": after_ms, "waiting": 4, **more}
    return Decided(call="c1", kind=kind, at_ms=AT_MS + after_ms, queue="faults", **known)  # type: ignore[arg-type]


def offered(strategy: str, *scores: int, **more: Any) -> Decided:
    considered = tuple(
        Considered(agent=f"op{number:02d}", score=score) for number, score in enumerate(scores, 1)
    )
    return decided(
        "offered",
        agent="op01",
        strategy=strategy,
        candidates=3,
        considered=considered,
        **{"waited_ms": 80_000, **more},
    )


def told(*reasons: Reason, **more: Any) -> Told:
    return Told(call="c1", live=True, whole=True, reasons=reasons, names=NAMES, **more)


def waiting(**more: Any) -> Waiting:
    known: dict[str, Any] = {
        "decision": decided("waits", 45_000, rejected=REJECTED, steps=(1,)),
        "before": 2,
        "asked": (("canal", 2),),
        "step": 2,
        "step_ms": AT_MS + 60_000,
        "leaves_ms": AT_MS + 600_000,
    }
    return Waiting(**{**known, **more})
