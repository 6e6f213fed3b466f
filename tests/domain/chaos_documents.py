"""Plans and rosters that use every rule there is, for chaos.py: as the documents of a city would be, but with short times.

Each plan is one that may take effect by itself (test_chaos.py asks `documents`), and changing from one to another takes queues,
flows, steps, skills and agents away under calls that are there.
"""

from __future__ import annotations

import msgspec

from acd_core.documents.calendars import compiled
from acd_core.domain.plan import (
    Calendar,
    Caller,
    Condition,
    Flow,
    HangUpStep,
    Holiday,
    HoursStep,
    MenuStep,
    NotReadyReason,
    Number,
    OfferRule,
    Outbound,
    Plan,
    PlayStep,
    PromptText,
    Queue,
    QueueStep,
    SearchStep,
    WayOut,
)
from acd_core.domain.roster import Agent, Roster, Team

YEARS = range(2023, 2025)
SAID = ("greeting", "menu", "invalid", "wait", "lost", "full", "sorry", "bye", "callback", "wider", "music")
OLD_CUSTOMER, ANNS_FRIEND, ENGLISH = "+902120000001", "+902120000002", "+442070000003"


def _queues() -> dict[str, Queue]:
    return {
        # Everything of a queue at once; a step widens by levels, then by a team, then by another queue.
        "water": Queue(
            name="Su",
            priority=10,
            aging_per_min=4,
            aging_max=6,
            skills={"water": 3},
            teams=("day",),
            announce=("wait",),
            operator_lost=("lost",),
            steps=(
                SearchStep(after_ms=5_000, lower_levels=1),
                SearchStep(after_ms=9_000, add_teams=("night",), when=Condition(ready_at_most=0)),
                SearchStep(after_ms=14_000, add_queues=("parks",), announce=("wider",)),
                SearchStep(after_ms=20_000, offer_callback=("callback",), lower_levels=2),
                SearchStep(after_ms=30_000, when=Condition(expected_wait_over_ms=120_000), to_sites=True),
            ),
            waiting_max=5,
            when_full=WayOut(prompts=("full",), queue="overflow"),
            wait_max_ms=60_000,
            when_waited=WayOut(prompts=("sorry",)),
            unstaffed_max_ms=25_000,
            when_unstaffed=WayOut(flow="after"),
            on_declined=OfferRule(then="ready", pause_ms=3_000),
            on_no_answer=OfferRule(then="logged_out"),
            last_operator_ms=600_000,
            preferred_hold_ms=8_000,
            repeat_priority=3,
            wrap_up_ms=20_000,
            wrap_up_extension_ms=15_000,
            wrap_up_max_ms=45_000,
        ),
        # Rings all; its calls move on while others wait.
        "bills": Queue(
            name="Fatura",
            priority=5,
            strategy="ring_all",
            ring_max=3,
            teams=("day", "night"),
            steps=(
                SearchStep(after_ms=3_000, offer_callback=("callback",)),
                SearchStep(after_ms=12_000, when=Condition(waiting_over=1), move_to="overflow"),
            ),
            waiting_max=4,
            when_full=WayOut(flow="after"),
            wait_max_ms=40_000,
            when_waited=WayOut(queue="overflow"),
            on_unreachable=OfferRule(then="ready", pause_ms=2_000),
            on_vanished=OfferRule(then="logged_out"),
            offer_timeout_by_channel_ms={"phone": 25_000},
            last_operator_ms=60_000,
            preferred_hold_ms=0,
        ),
        "gas": Queue(
            name="Gaz",
            strategy="fewest_calls",
            skills={"gas": 2},
            steps=(
                SearchStep(after_ms=0, add_teams=("field",), when=Condition(during="office")),
                SearchStep(after_ms=8_000, add_queues=("overflow", "roads")),
                SearchStep(after_ms=30_000, move_to="overflow", announce=("wider",)),
            ),
            waiting_max=2,
            on_declined=OfferRule(then="logged_out"),
            on_no_answer=OfferRule(then="ready", pause_ms=1_000),
            talk_max_ms=60_000,
            wait_max_ms=120_000,
        ),
        "parks": Queue(
            name="Park",
            strategy="least_occupied",
            aging_per_min=60,
            aging_max=20,
            wrap_up_ms=5_000,
            wait_max_ms=90_000,
            when_waited=WayOut(prompts=("sorry",), flow="after"),
            preferred_hold_ms=5_000,
            last_operator_ms=86_400_000,
        ),
        "roads": Queue(
            name="Yol",
            strategy="round_robin",
            teams=("field",),
            skills={"english": 1},
            steps=(SearchStep(after_ms=6_000, lower_levels=4, add_teams=("day",)),),
            on_vanished=OfferRule(then="ready", pause_ms=4_000),
            vanished_grace_ms=0,
            unstaffed_max_ms=10_000,
            when_unstaffed=WayOut(prompts=("sorry",), queue="overflow"),
        ),
        "tax": Queue(
            name="Vergi",
            strategy="proficiency",
            skills={"tax": 2, "english": 1},
            priority=-5,
            wrap_up_ms=0,
            steps=(SearchStep(after_ms=10_000, lower_levels=1, add_queues=("overflow",)),),
            wait_max_ms=50_000,
            when_waited=WayOut(queue="overflow"),
        ),
        "mayor": Queue(
            name="Başkan", strategy="top_down", priority=100, waiting_max=1, teams=("day", "field")
        ),
        # Where everything overflows to.
        "overflow": Queue(
            name="Taşma",
            strategy="random",
            aging_per_min=2,
            aging_max=100,
            waiting_max=6,
            teams=("night", "field"),
            wait_max_ms=200_000,
            agent_grace_ms=5_000,
            wrap_up_ms=10_000,
            wrap_up_max_ms=10_000,
        ),
    }


def _hotline() -> Flow:
    names = ("water", "bills", "gas", "parks", "roads", "tax", "mayor", "overflow")
    keys = {str(number): name for number, name in enumerate(names, 1)}
    steps: dict[str, PlayStep | MenuStep | HoursStep | QueueStep | HangUpStep] = {
        "hours": HoursStep(
            calendar="office", open="greeting", closed="sorry", holiday="holiday", emergency="danger"
        ),
        "greeting": PlayStep(prompts=("greeting",), next="menu", type_ahead=True),
        "menu": MenuStep(
            prompts=("menu",),
            keys={**keys, "9": "bye", "0": "danger"},
            otherwise="water",
            invalid_prompts=("invalid",),
            timeout_ms=5_000,
            repeats=1,
        ),
        "sorry": PlayStep(prompts=("sorry",), next="overflow"),
        "holiday": HangUpStep(prompts=("bye", "sorry")),
        "danger": QueueStep(queue="gas", hazard=True),
        "bye": HangUpStep(prompts=("bye",)),
    }
    for name in names:
        steps[name] = QueueStep(queue=name)
    return Flow(start="hours", steps=steps)


def _straight(queue: str, priority: int = 0, skills: dict[str, int] | None = None) -> Flow:
    step = QueueStep(queue=queue, priority=priority, skills=skills or {})
    return Flow(start="go", steps={"go": step})


RICH = compiled(
    Plan(
        name="chaos",
        outbound=Outbound(
            number="02121850000",
            ring_max_ms=30_000,
            music="music",
            operator_lost=("lost",),
            wrap_up_ms=20_000,
        ),
        numbers=(
            Number(dialled="185", service="Hotline", flow="hotline", answer="when_connected"),
            Number(dialled="1850", service="Hotline (English)", flow="hotline", language="en"),
            Number(dialled="186", service="Water", flow="water", priority=2),
            Number(dialled="187", service="Closed", flow="closed"),
            Number(
                dialled="188",
                service="Bills",
                flow="bills",
                skills={"english": 1},
                answer="when_connected",
                early_media_max_ms=9_000,
            ),
            Number(dialled="189", service="Gas", flow="gas"),
            Number(dialled="190", service="Parks", flow="parks"),
            Number(dialled="191", service="Tax", flow="tax", skills={"tax": 1}),
        ),
        prompts={id_: PromptText(text={"tr": id_, "en": id_}) for id_ in SAID},
        flows={
            "hotline": _hotline(),
            "water": _straight("water", priority=1),
            "bills": _straight("bills"),
            "gas": _straight("gas", skills={"english": 2}),
            "parks": _straight("parks"),
            "tax": _straight("tax", skills={"english": 2}),
            "after": Flow(
                start="say",
                steps={
                    "say": PlayStep(prompts=("sorry",), next="go"),
                    "go": QueueStep(queue="overflow", priority=1),
                },
            ),
            "closed": Flow(start="bye", steps={"bye": HangUpStep()}),
        },
        queues=_queues(),
        skills={"water": "Su", "gas": "Gaz", "tax": "Vergi", "english": "English", "polish": "Polski"},
        callers={
            "old": Caller(name="Old customer", numbers=(OLD_CUSTOMER,), vip=True, priority=4),
            "friend": Caller(name="Ann's friend", numbers=(ANNS_FRIEND,), agent="ann"),
            "guest": Caller(name="Guest", numbers=(ENGLISH,), skills={"english": 3}, agent="dan"),
        },
        calendars={
            "office": Calendar(
                open=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ("00:00-19:00",)),
                holidays=(Holiday(date="2023-11-16", name="Day off", open=("00:00-02:00",)),),
            )
        },
        not_ready_reasons={
            "break": NotReadyReason(planned_ms=60_000),
            "lunch": NotReadyReason(paid=False, planned_ms=120_000),
            "training": NotReadyReason(),
        },
        not_ready_max_ms=1_800_000,
        login_max_ms=7_200_000,
        session_grace_ms=30_000,
        repeat_caller_ms=1_800_000,
        callback_max_ms=3_600_000,
        seed=7,
    ),
    YEARS,
)


def _other() -> Plan:
    """Two queues gone, the strategies dealt anew, steps fewer and other, the ways out the other way round."""
    queues = _queues()
    del queues["bills"], queues["tax"]
    queues["water"] = Queue(
        name="Su",
        strategy="random",
        skills={"water": 1},
        steps=(SearchStep(after_ms=2_000, lower_levels=1, add_teams=("field",)),),
        when_waited=WayOut(queue="gas"),
        wait_max_ms=20_000,
        waiting_max=2,
    )
    queues["gas"] = Queue(name="Gaz", strategy="top_down", skills={"gas": 1}, wait_max_ms=30_000)
    queues["overflow"] = msgspec.structs.replace(
        queues["overflow"],
        strategy="ring_all",
        ring_max=2,
        when_waited=WayOut(queue="water"),
        steps=(
            SearchStep(after_ms=4_000, add_queues=("mayor",)),
            SearchStep(after_ms=15_000, move_to="water", when=Condition(waiting_over=0, ready_at_most=2)),
        ),
    )
    queues["parks"] = msgspec.structs.replace(
        queues["parks"], strategy="proficiency", skills={"water": 1, "tax": 1}, when_waited=WayOut()
    )
    queues["mayor"] = msgspec.structs.replace(queues["mayor"], strategy="least_occupied", wrap_up_ms=0)
    queues["roads"] = msgspec.structs.replace(queues["roads"], strategy="fewest_calls")
    prompts = {id_: entry for id_, entry in RICH.prompts.items() if id_ not in ("lost", "full")}
    menu = MenuStep(prompts=("menu",), keys={"1": "gas", "2": "mayor"}, otherwise="overflow", repeats=0)
    flows = {
        "hotline": Flow(
            start="greeting",
            steps={
                "greeting": menu,
                "gas": QueueStep(queue="gas", hazard=True),
                "mayor": QueueStep(queue="mayor"),
                "overflow": PlayStep(prompts=("menu",), next="go"),
                "go": QueueStep(queue="overflow"),
            },
        ),
        "water": _straight("water", skills={"polish": 1}),
        "after": Flow(start="bye", steps={"bye": HangUpStep(prompts=("bye",))}),
        "closed": RICH.flows["closed"],
    }
    queues["parks"] = msgspec.structs.replace(queues["parks"], when_waited=WayOut(flow="after"))
    return compiled(
        msgspec.structs.replace(
            RICH,
            name="other",
            numbers=(
                Number(dialled="185", service="Hotline", flow="hotline"),
                Number(dialled="186", service="Water", flow="water"),
                Number(dialled="190", service="Closed", flow="closed"),
            ),
            prompts=prompts,
            flows=flows,
            queues=queues,
            callers={"friend": RICH.callers["friend"]},
            outbound=Outbound(),
            session_grace_ms=5_000,
            seed=8,
        ),
        range(2023, 2024),
    )


def _dealt() -> Plan:
    """The rich plan with the strategies dealt anew, and a centre that nobody may enter for long."""
    strategies = ("round_robin", "random", "proficiency", "ring_all", "least_occupied", "top_down")
    names = ("water", "gas", "bills", "roads", "tax", "parks")
    queues = _queues()
    for name, strategy in zip(names, strategies, strict=True):
        queues[name] = msgspec.structs.replace(queues[name], strategy=strategy, unstaffed_max_ms=15_000)
    return msgspec.structs.replace(RICH, name="dealt", queues=queues, not_ready_max_ms=90_000, seed=9)


def _reworked() -> Plan:
    """The rich plan's steps in another order, others before them; three queues gone, with the calendar; nobody is ranked."""
    gone = ("gas", "roads", "parks")
    queues = {id_: queue for id_, queue in _queues().items() if id_ not in gone}
    water, bills = queues["water"], queues["bills"]
    lower, night, _, callback, _ = water.steps
    steps = (
        SearchStep(after_ms=1_000, add_teams=("field",), announce=("wider",)),
        msgspec.structs.replace(callback, after_ms=6_000),
        SearchStep(after_ms=7_000, lower_levels=1, when=Condition(ready_at_most=1)),
        msgspec.structs.replace(night, after_ms=8_000, when=Condition()),
        msgspec.structs.replace(lower, after_ms=16_000),
    )
    queues["water"] = msgspec.structs.replace(water, steps=steps, waiting_max=1, strategy="ring_all")
    queues["bills"] = msgspec.structs.replace(bills, steps=bills.steps[1:], when_full=water.when_full)
    queues["overflow"] = msgspec.structs.replace(queues["overflow"], waiting_max=2)
    flows = {id_: flow for id_, flow in RICH.flows.items() if id_ not in gone}
    menu = MenuStep(prompts=("menu",), keys={"1": "water", "2": "bills", "7": "mayor"}, otherwise="water")
    flows["hotline"] = Flow(
        start="menu",
        steps={"menu": menu, **{name: QueueStep(queue=name) for name in ("water", "bills", "mayor")}},
    )
    return msgspec.structs.replace(
        RICH,
        name="reworked",
        numbers=tuple(number for number in RICH.numbers if number.flow not in gone),
        prompts={id_: entry for id_, entry in RICH.prompts.items() if id_ != "invalid"},
        flows=flows,
        queues=queues,
        calendars={},
    )


PLANS = (RICH, _other(), _dealt(), _reworked())

_TEAMS = {
    "day": Team(name="Day"),
    "night": Team(name="Night", queues=("parks", "mayor")),
    "field": Team(name="Field", queues=("gas",)),
}
_AGENTS = {
    "ann": Agent(name="Ann", team="day", skills={"water": 5, "english": 2}, phone="201", order=1),
    "bob": Agent(name="Bob", team="day", queues=("gas", "tax"), skills={"water": 2, "gas": 3, "tax": 1}),
    "cem": Agent(name="Cem", team="night", queues=("tax",), skills={"tax": 4, "english": 1, "water": 3}),
    "dan": Agent(
        name="Dan", team="night", queues=("water", "overflow"), skills={"water": 4, "english": 3}, phone="202"
    ),
    "eda": Agent(name="Eda", team="field", queues=("roads",), skills={"gas": 2, "english": 5}, order=7),
    "fay": Agent(name="Fay", team="field", skills={"gas": 5, "polish": 1}, phone="203", order=7),
    "gul": Agent(name="Gül", queues=("overflow", "parks", "water"), skills={"water": 3}),
    "hal": Agent(name="Hal", team="day", queues=("overflow", "roads", "tax"), skills={"tax": 2}, order=0),
}
ROSTERS = (
    Roster(agents=_AGENTS, teams=_TEAMS),
    Roster(
        agents=_AGENTS
        | {
            "ann": Agent(name="Ann", team="night", queues=("gas",), skills={"gas": 1, "tax": 3}),
            "cem": Agent(name="Cem", team="day", queues=("mayor",), skills={"water": 1}, phone="201"),
            "fay": Agent(name="Fay", queues=("water", "gas"), skills={"water": 5, "gas": 1}, order=0),
        },
        teams=_TEAMS | {"night": Team(name="Night", queues=("roads",))},
    ),
    Roster(
        agents={id_: _AGENTS[id_] for id_ in ("ann", "dan", "eda", "gul")},
        teams=_TEAMS
        | {"day": Team(name="Day", queues=("overflow",)), "field": Team(name="Field", queues=("parks",))},
    ),
)
