"""Simulated operators: they come and go by their shifts, answer what their page offers, wrap up and take breaks.

They know what an operator knows, their desk (`DeskView`), and act like one: by what a page or the audio can say to the core.
Whose shift ends during a conversation finishes it and its wrap-up, then logs out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol
from zoneinfo import ZoneInfo

from acd_core.domain.commands import DeskView
from acd_core.domain.events import (
    AnyEvent,
    AudioConnected,
    NotReadyRequested,
    OfferAccepted,
    ReadyRequested,
    SessionClosed,
    SessionOpened,
    WrapUpExtended,
    WrapUpFinished,
)
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.chance import uniform
from loadtest.sim.clockwork import Clockwork
from loadtest.sim.shifts import stays

EDGE, WEB = "sim-edge", "sim-web"
BREAK = "break"


class Stays(Protocol):
    """Says when an operator comes and goes, in order; None for one who is always there."""

    def __call__(self, agent: str, from_ms: int) -> Iterator[tuple[int, int]] | None:
        """The stays that have not ended by `from_ms`."""


class Operator:
    """One operator at their desk."""

    __slots__ = (
        "answered",
        "break_ms",
        "breaks",
        "id",
        "is_there",
        "leaving",
        "offer",
        "page",
        "state",
        "stays",
        "until_ms",
        "wrapping",
    )

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.page = id_
        self.state = "logged_out"
        self.is_there = False  # on their shift
        self.leaving = False
        self.until_ms = 0  # the end of the stay
        self.stays: Iterator[tuple[int, int]] = iter(())
        self.offer = 0  # the last that was seen
        self.wrapping = ""  # the call whose wrap-up was begun last
        self.answered = 0
        self.breaks = 0
        self.break_ms = 0  # when the next is due


class Operators:
    """All of the roster."""

    def __init__(
        self,
        plan: Plan,
        roster: Roster,
        clockwork: Clockwork,
        tell: Callable[[AnyEvent], None],
        wrap_up_ms: Callable[[str], int | None],
        *,
        seed: int,
        behaviour: Behaviour,
        when: Stays | None = None,
    ) -> None:
        """`tell` hands over an event of this instant; `wrap_up_ms` says how long an operator's call is followed up."""
        self._clock, self._tell, self._wrap_up_ms = clockwork, tell, wrap_up_ms
        self._seed, self._behaviour = seed, behaviour
        self._when = when or shifts_of(plan, roster)
        self.all = {id_: Operator(id_) for id_ in roster.agents}
        self.logged_in = 0
        reasons = plan.not_ready_reasons
        self._break = BREAK if BREAK in reasons else next(iter(reasons), "")

    def begin(self) -> None:
        """Who is there now logs in, the others when their time comes."""
        for id_, operator in self.all.items():
            found = self._when(id_, self._clock.now_ms)
            if found is None:
                operator.until_ms = 1 << 62
                self._come(operator)
            else:
                operator.stays = found
                self._wait_for_next(operator)

    def see(self, view: DeskView) -> None:
        """The page shows this."""
        operator = self.all[view.agent]
        before, operator.state = operator.state, view.state
        if view.state == "ringing":
            offer = view.offer
            if offer is not None and offer.offer != operator.offer:
                operator.offer = offer.offer
                self._ring(operator, offer.call)
        elif view.state == "wrap_up":
            self._follow_up(operator, view)
        elif view.state == "not_ready":
            if before != "not_ready":
                self._stopped(operator, view.reason)
        elif view.state == "logged_out" and before != "logged_out":
            self._out(operator)
        if operator.leaving and before != view.state:
            self._leave(operator)

    # --- shifts ---

    def _wait_for_next(self, operator: Operator) -> None:
        stay = next(operator.stays, None)
        if stay is None:
            return
        begin_ms, operator.until_ms = stay
        if begin_ms <= self._clock.now_ms:
            self._come(operator)
        else:
            self._clock.at(begin_ms, self._come, operator)

    def _come(self, operator: Operator) -> None:
        operator.is_there = True
        if operator.state == "logged_out":
            self._log_in(operator)
        elif operator.leaving:  # still busy since the stay before: they just stay
            operator.leaving = False
            self._tell(ReadyRequested(agent=operator.id, session=operator.page))
        if operator.until_ms < 1 << 62:
            self._clock.at(operator.until_ms, self._end_of_stay, operator)

    def _log_in(self, operator: Operator) -> None:
        id_, page = operator.id, operator.page
        self.logged_in += 1
        self._tell(SessionOpened(agent=id_, session=page, web=WEB))
        self._tell(AudioConnected(agent=id_, session=page, edge=EDGE, leg=page))
        self._tell(ReadyRequested(agent=id_, session=page))
        self._plan_break(operator)

    def _end_of_stay(self, operator: Operator) -> None:
        stay = next(operator.stays, None)
        if stay is not None and stay[0] <= self._clock.now_ms:
            operator.until_ms = stay[1]  # the next part of the same stay
            self._clock.at(operator.until_ms, self._end_of_stay, operator)
            return
        operator.is_there, operator.leaving = False, True
        if stay is not None:
            begin_ms, operator.until_ms = stay
            self._clock.at(begin_ms, self._come, operator)
        self._leave(operator)

    def _leave(self, operator: Operator) -> None:
        """Log out now, or ask for it after the call."""
        id_, page = operator.id, operator.page
        if operator.state in ("ready", "not_ready") or not self._break:
            self._tell(SessionClosed(agent=id_, session=page))
        elif operator.state in ("talking", "wrap_up"):
            self._tell(NotReadyRequested(agent=id_, session=page, reason=self._break))

    def _out(self, operator: Operator) -> None:
        self.logged_in -= 1
        operator.leaving = False
        operator.break_ms = 0
        if operator.is_there:  # logged out by the core, or back already
            self._log_in(operator)

    # --- calls ---

    def _ring(self, operator: Operator, call: str) -> None:
        delay_ms = self._behaviour.answer_delay_ms
        event = OfferAccepted(agent=operator.id, session=operator.page, call=call, offer=operator.offer)
        if not delay_ms:
            self._tell(event)
            return
        operator.answered += 1
        share = 0.5 + uniform(self._seed, operator.id, f"answer {operator.answered}")
        self._clock.at(self._clock.now_ms + round(delay_ms * share), self._answer, event)

    def _answer(self, event: OfferAccepted) -> None:
        operator = self.all[event.agent]
        if operator.state == "ringing" and operator.offer == event.offer:
            self._tell(event)

    def _follow_up(self, operator: Operator, view: DeskView) -> None:
        call = view.call
        if call is None:
            return
        wanted_ms = self._wrap_up_ms(operator.id)
        if wanted_ms is None:
            return  # for as long as the queue gives
        end_ms = call.ended_ms + wanted_ms
        if end_ms > view.deadline_ms:
            if view.can_extend:
                self._tell(WrapUpExtended(agent=operator.id, session=operator.page))
        elif operator.wrapping != call.call:
            operator.wrapping = call.call
            if end_ms <= self._clock.now_ms:
                self._tell(WrapUpFinished(agent=operator.id, session=operator.page))
            else:
                self._clock.at(end_ms, self._wrapped_up, (operator, call.call))

    def _wrapped_up(self, of: tuple[Operator, str]) -> None:
        operator, call = of
        if operator.state == "wrap_up" and operator.wrapping == call:
            self._tell(WrapUpFinished(agent=operator.id, session=operator.page))

    # --- not ready ---

    def _stopped(self, operator: Operator, reason: str) -> None:
        if operator.leaving or reason == "logged_in":
            return
        on_break = operator.break_ms and reason == self._break
        delay_ms = self._behaviour.break_ms if on_break else self._behaviour.return_ms
        self._clock.at(self._clock.now_ms + delay_ms, self._return, operator)
        if on_break:
            self._plan_break(operator)

    def _return(self, operator: Operator) -> None:
        if operator.state == "not_ready" and not operator.leaving:
            self._tell(ReadyRequested(agent=operator.id, session=operator.page))

    def _plan_break(self, operator: Operator) -> None:
        every_ms = self._behaviour.break_every_ms
        if every_ms:
            operator.breaks += 1
            share = 0.5 + uniform(self._seed, operator.id, f"break {operator.breaks}")
            operator.break_ms = self._clock.now_ms + round(every_ms * share)
            self._clock.at(operator.break_ms, self._take_break, (operator, operator.break_ms))

    def _take_break(self, of: tuple[Operator, int]) -> None:
        operator, due_ms = of
        if operator.break_ms != due_ms or operator.leaving or not self._break:
            return  # of a stay that is over
        if operator.state == "ringing":  # after this call
            operator.break_ms += self._behaviour.return_ms
            self._clock.at(operator.break_ms, self._take_break, (operator, operator.break_ms))
        elif operator.state != "logged_out":
            self._tell(NotReadyRequested(agent=operator.id, session=operator.page, reason=self._break))


def shifts_of(plan: Plan, roster: Roster) -> Stays:
    """By the roster; an operator without shifts is always there."""
    timezone = ZoneInfo(plan.timezone)

    def when(agent: str, from_ms: int) -> Iterator[tuple[int, int]] | None:
        entry = roster.agents[agent]
        return stays(roster, entry, timezone, from_ms) if entry.shifts else None

    return when
