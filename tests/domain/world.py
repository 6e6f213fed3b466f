"""A router with a clock, for tests: says what happened in a line each, and checks every invariant after every event."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import AnyCommand, CallStory, DeskView
from acd_core.domain.invariants import check, check_index
from acd_core.domain.plan import (
    Flow,
    HangUpStep,
    MenuStep,
    Number,
    Plan,
    PlayStep,
    PromptText,
    Queue,
    QueueStep,
    WayOut,
)
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.roster import Roster
from acd_core.domain.router import Router
from acd_core.domain.state import State, decode_state, encode_state, timed

C = TypeVar("C")

EDGE, WEB = "edge1", "web1"
START_MS = 1_700_000_000_000

PLAN = Plan(
    name="test",
    numbers=(
        Number(dialled="185", service="Water", flow="hotline"),
        Number(dialled="1850", service="Water (English)", flow="hotline", language="en"),
        Number(dialled="186", service="Straight", flow="straight"),
        Number(dialled="187", service="Closed", flow="closed"),
    ),
    prompts={
        "greeting": PromptText(text={"tr": "Merhaba", "en": "Hello"}),
        "menu": PromptText(text={"tr": "Bir ya da iki", "en": "One or two"}),
        "invalid": PromptText(text={"tr": "Hatalı"}),
        "wait": PromptText(text={"tr": "Bekleyiniz"}),
        "lost": PromptText(text={"tr": "Kesildi"}),
        "full": PromptText(text={"tr": "Dolu"}),
        "bye": PromptText(text={"pl": "Do widzenia", "en": "Good bye"}),
        "music": PromptText(wav="/music.wav"),
    },
    flows={
        "hotline": Flow(
            start="greeting",
            steps={
                "greeting": PlayStep(prompts=("greeting",), next="menu", type_ahead=True),
                "menu": MenuStep(
                    prompts=("menu",),
                    keys={"1": "water", "2": "bills", "9": "bye"},
                    otherwise="water",
                    invalid_prompts=("invalid",),
                    timeout_ms=5_000,
                    repeats=1,
                ),
                "water": QueueStep(queue="water"),
                "bills": QueueStep(queue="bills"),
                "bye": HangUpStep(prompts=("bye",)),
            },
        ),
        "straight": Flow(start="water", steps={"water": QueueStep(queue="water")}),
        "closed": Flow(start="bye", steps={"bye": HangUpStep()}),
    },
    queues={
        "water": Queue(
            name="Su",
            announce=("wait",),
            operator_lost=("lost",),
            when_full=WayOut(prompts=("full",)),
            waiting_max=3,
        ),
        "bills": Queue(name="Fatura", priority=5, waiting_max=1, wrap_up_ms=30_000),
    },
)
ROSTER = Roster(
    agents={
        "ann": Entry(name="Ann", queues=("water", "bills"), phone="201"),
        "bob": Entry(name="Bob", queues=("water",), phone="202"),
        "cem": Entry(name="Cem", queues=("bills",)),
    }
)


class World:
    """One router and everything it was told and said."""

    def __init__(
        self, plan: Plan | None = PLAN, roster: Roster | None = ROSTER, state: State | None = None
    ) -> None:
        """With plan, roster, one edge and one web, unless a state is given."""
        self.router = Router(state)
        self.now_ms = START_MS
        self.last: tuple[AnyCommand, ...] = ()
        self.history: list[tuple[ev.AnyEvent, int, tuple[AnyCommand, ...]]] = []
        if state is not None:
            return
        if plan is not None:
            self.do(ev.PlanChanged(version=1, plan=plan))
        if roster is not None:
            self.do(ev.RosterChanged(version=1, roster=roster))
        self.do(ev.EdgeInventory(edge=EDGE, instance="e1"))
        self.do(ev.WebInventory(web=WEB, instance="w1"))

    @property
    def state(self) -> State:
        return self.router.state

    def do(self, event: ev.AnyEvent, after_ms: int = 10) -> tuple[AnyCommand, ...]:
        """Let this happen a little later."""
        self.now_ms += after_ms
        self.last = self.router.apply(event, self.now_ms)
        self.history.append((event, self.now_ms, self.last))
        check(self.state)
        check_index(self.state, self.router.index)
        return self.last

    def restart(self) -> None:
        """Go on from a snapshot."""
        self.router = Router(decode_state(encode_state(self.state)))

    # --- what was said ---

    def said(self, kind: type[C]) -> list[C]:
        """The commands of this kind that the last event gave."""
        return [command for command in self.last if isinstance(command, kind)]

    def the(self, kind: type[C]) -> C:
        """The one command of this kind that the last event gave."""
        (command,) = self.said(kind)
        return command

    def names(self) -> list[str]:
        """The kinds of the last commands, in order."""
        return [type(command).__name__ for command in self.last]

    def steps(self) -> list[str]:
        """The steps of calls' stories that the last event told."""
        return [story.step for story in self.said(CallStory)]

    def desk(self, agent: str) -> DeskView:
        """What this agent's page was last shown."""
        for _, _, commands in reversed(self.history):
            for command in reversed(commands):
                if isinstance(command, DeskView) and command.agent == agent:
                    return command
        raise AssertionError(f"{agent} was shown nothing")

    def call(self, id_: str) -> Call:
        return self.state.calls[id_]

    def agent(self, id_: str) -> Agent:
        return self.state.agents[id_]

    def who(self, id_: str) -> str:
        """An agent's state and reason."""
        agent = self.agent(id_)
        return f"{agent.state} {agent.reason}".strip()

    # --- what happens ---

    def log_in(self, agent: str, session: str = "", web: str = WEB) -> None:
        self.do(ev.SessionOpened(agent=agent, session=session or f"{agent}-page", web=web))

    def connect_audio(self, agent: str, leg: str = "", edge: str = EDGE) -> None:
        session = self.agent(agent).session
        self.do(ev.AudioConnected(agent=agent, session=session, edge=edge, leg=leg or f"{agent}-leg"))

    def make_ready(self, *agents: str) -> None:
        """Log in, connect browser audio, press ready; in this order one after the other."""
        for agent in agents:
            if agent not in self.state.agents or not self.agent(agent).online:
                self.log_in(agent)
            if not self.agent(agent).leg:
                self.connect_audio(agent)
            self.ask(ev.ReadyRequested, agent)
            assert self.agent(agent).state != "not_ready"

    def use_phone(self, agent: str) -> None:
        """Log in and choose the registered SIP phone."""
        self.log_in(agent)
        assert self.state.roster is not None
        user = self.state.roster.agents[agent].phone
        self.do(ev.PhoneRegistered(edge=EDGE, user=user))
        self.ask(ev.PhoneChosen, agent)

    def ask(self, kind: type[ev.AgentRequest], agent: str, session: str = "", **fields: Any) -> None:
        """Something the agent asks for at their page; call and offer are the current ones unless given."""
        known = self.agent(agent)
        names = {field.name for field in msgspec.structs.fields(kind)}
        if "call" in names:
            fields.setdefault("call", known.call)
        if "offer" in names:
            fields.setdefault("offer", known.offer)
        request: Any = kind(agent=agent, session=session or known.session, request="r1", **fields)
        self.do(request)

    def accept(self, agent: str) -> None:
        self.ask(ev.OfferAccepted, agent)

    def arrive(
        self, call: str, dialled: str = "186", edge: str = EDGE, at_ms: int = 0, **fields: Any
    ) -> None:
        self.do(
            ev.CallArrived(
                call=call,
                edge=edge,
                caller="05551234567",
                dialled=dialled,
                at_ms=at_ms or self.now_ms,
                **fields,
            )
        )

    def played(self, call: str) -> None:
        """The current playback ends."""
        self.do(ev.PlaybackDone(call=call, play=self.call(call).play))

    def press(self, call: str, key: str) -> None:
        self.do(ev.KeyPressed(call=call, key=key))

    def dial(self, agent: str, number: str = "+903121234567") -> str:
        """This agent dials a number at their page; the id of the call."""
        self.ask(ev.DialRequested, agent, number=number, to=number, trunks=("carrier",))
        return self.agent(agent).call

    def dial_at_phone(self, user: str, call: str, number: str = "+903121234567", **fields: Any) -> None:
        """Somebody dials a number at this phone."""
        fields = {"edge": EDGE, "at_ms": self.now_ms, "to": number, "trunks": ("carrier",), **fields}
        self.do(ev.PhoneDialled(call=call, user=user, dialled=number, number=number, **fields))

    def hang_up(self, call: str) -> None:
        self.do(ev.CallerHungUp(call=call))

    def talk(self, call: str, agent: str, dialled: str = "186") -> None:
        """A call arrives and this ready agent takes it."""
        self.arrive(call, dialled)
        assert self.agent(agent).call == call
        self.accept(agent)

    def lose_audio(self, agent: str) -> None:
        self.do(ev.AudioLost(agent=agent, leg=self.agent(agent).leg))

    def lose_page(self, agent: str) -> None:
        self.do(ev.SessionLost(agent=agent, session=self.agent(agent).session))

    def deadline(self, entity: Any, id_: str, key: str) -> None:
        """Time goes on to this deadline."""
        deadline = timed(self.state)[entity][id_].deadlines[key]
        self.do(
            ev.DeadlinePassed(entity=entity, id=id_, key=key, generation=deadline.generation),
            max(0, deadline.at_ms - self.now_ms),
        )
