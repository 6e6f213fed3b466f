"""A centre to measure: twenty queues that ask for skills, agents who have them at levels, calls that are answered and
calls that wait.

The same events are told to whatever is measured and to its floor, so they are worked out once, on a router of their
own (`Day`): who is offered a call is read from the commands, as the edge and the pages would.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from acd_core.domain import events as ev
from acd_core.domain.commands import AnyCommand, Decided, DeskView
from acd_core.domain.plan import Flow, Number, Plan, PromptText, Queue, QueueStep, SearchStep
from acd_core.domain.roster import Agent, Roster
from acd_core.domain.router import Router

History: TypeAlias = list[tuple[ev.AnyEvent, int]]

QUEUES = 20
SKILLS_EACH = 3
EVENTS_A_CALL = 4


def documents(agents: int) -> tuple[Plan, Roster]:
    """Queues with a number, a skill and two steps each; agents with three skills at levels 1 to 5, who serve those three queues.

    Agents of even numbers serve queues of even numbers, the others the others: one half can be busy while the other is not.
    A queue asks for level 2: who has level 1 comes into question with the first step.
    """
    queues = [f"q{number:02}" for number in range(QUEUES)]
    steps = [
        (
            SearchStep(after_ms=60_000, lower_levels=1),
            SearchStep(after_ms=180_000, add_queues=(queues[(number + 2) % QUEUES],)),
        )
        for number in range(QUEUES)
    ]
    plan = Plan(
        name="benchmark",
        numbers=tuple(Number(dialled=queue, service=queue, flow=queue) for queue in queues),
        prompts={"music": PromptText(text={"tr": "Müzik"})},
        flows={queue: Flow(start="wait", steps={"wait": QueueStep(queue=queue)}) for queue in queues},
        queues={
            queue: Queue(
                name=queue,
                priority=number % 3,
                aging_per_min=1,
                aging_max=10,
                skills={f"s{number:02}": 2},
                steps=steps[number],
                waiting_max=20_000,
            )
            for number, queue in enumerate(queues)
        },
        skills={f"s{number:02}": f"Skill {number}" for number in range(QUEUES)},
    )
    return plan, Roster(agents={_agent(number): _entry(number) for number in range(agents)})


def _agent(number: int) -> str:
    return f"a{number:06}"


def _entry(number: int) -> Agent:
    served = [(number + step) % QUEUES for step in (0, 6, 14)]
    levels = [(number // QUEUES + step) % 5 + 1 for step in range(SKILLS_EACH)]
    return Agent(
        name=f"Agent {number}",
        queues=tuple(f"q{queue:02}" for queue in served),
        skills={f"s{queue:02}": level for queue, level in zip(served, levels, strict=True)},
    )


class Day:
    """What happens at the centre, event by event, with a router that says who is offered what."""

    def __init__(self) -> None:
        """Nothing yet; the first second of 1970 is over."""
        self.router = Router()
        self.history: History = []
        self.now_ms = 1_000
        self.talking: deque[tuple[str, str]] = deque()  # call and agent, the longest conversation first
        self._offered: deque[DeskView] = deque()
        self._calls = 0
        self.waited = 0  # calls for whom nobody was free at once

    def tell(self, event: ev.AnyEvent) -> None:
        """One event happens, and whoever is offered a call by it accepts it a little later."""
        self._tell(event)
        while self._offered:
            view = self._offered.popleft()
            offer = view.offer
            assert offer is not None
            self._tell(
                ev.OfferAccepted(agent=view.agent, session=view.session, call=offer.call, offer=offer.offer)
            )
            self.talking.append((offer.call, view.agent))

    def _tell(self, event: ev.AnyEvent) -> tuple[AnyCommand, ...]:
        self.history.append((event, self.now_ms))
        commands = self.router.apply(event, self.now_ms)
        for command in commands:
            if type(command) is DeskView and command.state == "ringing":
                self._offered.append(command)
            elif type(command) is Decided and command.kind == "waits":
                self.waited += 1
        return commands

    def open(self, agents: int, ready: int) -> None:
        """Plan, roster, links; all agents log in, and so many of them are ready."""
        plan, roster = documents(agents)
        self.tell(ev.CoreStarted(code_version="1"))
        self.tell(ev.PlanChanged(version=1, plan=plan))
        self.tell(ev.RosterChanged(version=1, roster=roster))
        self.tell(ev.EdgeInventory(edge="edge1", instance="e"))
        self.tell(ev.WebInventory(web="web1", instance="w"))
        for number, agent in enumerate(roster.agents):
            self.now_ms += 1
            self.tell(ev.SessionOpened(agent=agent, session=f"s-{agent}", web="web1"))
            self.tell(ev.AudioConnected(agent=agent, session=f"s-{agent}", edge="edge1", leg=f"l-{agent}"))
            if number < ready:
                self.tell(ev.ReadyRequested(agent=agent, session=f"s-{agent}"))

    def arrive(self, queue: int) -> None:
        """Somebody calls, whose number nobody has called from for a while; offered at once when somebody is free."""
        self._calls += 1
        number = f"+90532{self._calls % 10_000_000:07}"
        self.tell(
            ev.CallArrived(
                call=f"c{self._calls:08}",
                edge="edge1",
                caller=number,
                number=number,
                dialled=f"q{queue:02}",
                at_ms=self.now_ms,
            )
        )

    def end_one(self) -> None:
        """The longest conversation ends, and the operator's work after it; who waits is offered to them."""
        call, agent = self.talking.popleft()
        self.tell(ev.CallerHungUp(call=call))
        self.tell(ev.WrapUpFinished(agent=agent, session=f"s-{agent}"))

    def calls(self, number: int, *, in_flight: int, step_ms: int = 1) -> None:
        """So many calls arrive, over all queues; as many are in flight at a time."""
        for _ in range(number):
            self.now_ms += step_ms
            self.arrive(self._calls % QUEUES)
            if self._in_flight() > in_flight:
                self.end_one()

    def drain(self) -> None:
        """Every call ends."""
        while self.talking:
            self.end_one()

    def _in_flight(self) -> int:
        return len(self.router.state.calls)

    def take_history(self) -> History:
        """What happened since it was asked last."""
        history, self.history = self.history, []
        return history


def mixed_day(agents: int, calls: int) -> tuple[Day, History, int]:
    """A centre that is open, the events of so many whole calls, and how many of these waited.

    Most meet a ready agent, four fifths of the agents being busy; in each fifth block of calls all are, and callers wait.
    """
    day = Day()
    day.open(agents, ready=agents)
    opening = day.take_history()
    state = day.router.state
    quiet, crowded = agents * 8 // 10, agents * 21 // 20
    for number in range(10):
        if number % 5 == 4:
            day.calls(calls // 10, in_flight=crowded)
        else:
            while len(state.calls) > quiet:
                day.end_one()
            day.calls(calls // 10, in_flight=quiet)
    day.drain()
    lives = day.take_history()
    day.history = opening
    return day, lives, day.waited
