"""A small plan and roster for tests of the core process."""

from __future__ import annotations

from acd_core.domain.plan import Flow as PlanFlow
from acd_core.domain.plan import Number, Plan, PlayStep, PromptText, Queue, QueueStep
from acd_core.domain.roster import Agent, Roster

PLAN = Plan(
    name="test",
    numbers=(Number(dialled="185", service="Water", flow="main"),),
    prompts={"hello": PromptText(text={"tr": "Merhaba"}), "music": PromptText(wav="/music.wav")},
    flows={
        "main": PlanFlow(
            start="hello",
            steps={"hello": PlayStep(prompts=("hello",), next="wait"), "wait": QueueStep(queue="water")},
        )
    },
    queues={"water": Queue(name="Water", offer_timeout_ms=400, agent_grace_ms=400)},
    edge_grace_ms=400,
    session_grace_ms=400,
)
ROSTER = Roster(
    agents={"ada": Agent(name="Ada", queues=("water",)), "bob": Agent(name="Bob", queues=("water",))}
)
