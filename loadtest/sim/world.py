"""The simulated world around the real router: callers, operators, prompts and clocks, none of which takes any time.

`Simulation.run` takes events in order of simulated time (arrivals, what was arranged in the clockwork, what somebody does at
once), applies each to the domain's `Router`, and reacts to the few commands that somebody outside would act upon: a prompt is
heard to its end, a page shows an offer, a deadline is set. What became of a call is read from its story. Nothing else of what
a core does (journal, wallboard, link) is there, which is why a year takes minutes.

A caller hangs up when the conversation has lasted its time, or when their patience ends, which begins with the waiting. A
caller presses no keys: a menu goes where it goes without one. There is one edge, and nobody's audio or page is ever lost.
At one instant, what was arranged comes before who arrives.
"""

from __future__ import annotations

import re
import wave
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from acd_core.domain.commands import (
    AgentStory,
    CallStory,
    ClearDeadline,
    DeskView,
    EntityGone,
    Join,
    Play,
    Prompt,
    SetDeadline,
)
from acd_core.domain.events import (
    AnyEvent,
    CallArrived,
    CallerHungUp,
    EdgeInventory,
    KeyPressed,
    PlanChanged,
    PlaybackDone,
    RecordingFinished,
    RosterChanged,
    WebInventory,
)
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from acd_core.domain.router import Router
from acd_core.numbers import normalise
from loadtest.sim.arrivals import Arrival, parse_skills
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.chance import uniform
from loadtest.sim.clockwork import Clockwork
from loadtest.sim.operators import EDGE, WEB, Operators, Stays
from loadtest.sim.straight import dialled_for, with_straight_ways
from loadtest.sim.watcher import (
    ABANDONED,
    ANSWERED,
    GONE_BEFORE_QUEUE,
    INTERVAL_MS,
    NEVER,
    REFUSED,
    UNFINISHED,
    Caller,
    Outcome,
    Watcher,
)

AFTER_THE_LAST_MS = 86_400_000  # then whoever is still there has not finished

_PLAIN_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
_DAY_MS = 86_400_000
_CALLBACK_KEY = "1"
_IDLE = frozenset({"ready", "not_ready", "logged_out"})


class Simulation:
    """One run; give the arrivals in order of time."""

    def __init__(
        self,
        plan: Plan,
        roster: Roster,
        arrivals: Iterable[Arrival],
        *,
        seed: int = 0,
        answer_delay_ms: int = 0,
        behaviour: Behaviour | None = None,
        watcher: Watcher | None = None,
        when: Stays | None = None,
    ) -> None:
        """`answer_delay_ms` outweighs that of the behaviour; `when` the shifts of the roster."""
        behaviour = behaviour or Behaviour()
        if answer_delay_ms:
            behaviour = msgspec.structs.replace(behaviour, answer_delay_ms=answer_delay_ms)
        self.plan = msgspec.structs.replace(with_straight_ways(plan), seed=seed)
        self.roster = roster
        self.router = Router()
        self.events = 0
        self._arrivals = arrivals
        self._seed, self._behaviour, self._watcher, self._when = seed, behaviour, watcher or Watcher(), when
        self._first_number = plan.numbers[0].dialled
        self._clock = Clockwork(0, self._tell)
        self._soon: deque[AnyEvent] = deque()
        self._callers: dict[str, Caller] = {}
        self._midnight_ms = 0  # the next; before the first event of a run, none
        self._done: list[Outcome] = []
        self._wrap_ups: dict[str, int | None] = {}  # of the operators who speak or follow up
        self._lengths_ms: dict[tuple[Prompt, ...], int] = {}
        self._reactions: dict[type, Callable[[Any], None]] = {
            Play: self._play,
            Join: self._join,
            SetDeadline: self._clock.set,
            ClearDeadline: self._clock.clear,
            EntityGone: self._clock.gone,
            CallStory: self._call_story,
            AgentStory: self._agent_story,
        }
        self._steps: dict[str, Callable[[CallStory], None]] = {
            "queued": self._queued,
            "connected": self._connected,
            "callback_offered": self._callback_offered,
            "refused": self._ended,
            "ended": self._ended,
        }

    @property
    def now_ms(self) -> int:
        """Simulated time."""
        return self._clock.now_ms

    def run(self) -> Iterator[Outcome]:
        """Every caller's outcome, in the order in which the calls end."""
        arrivals = iter(self._arrivals)
        arrival = next(arrivals, None)
        if arrival is None:
            return
        clock, soon, done = self._clock, self._soon, self._done
        self._begin(arrival.at_ms // INTERVAL_MS * INTERVAL_MS)
        number = 0
        end_ms = 1 << 62
        while arrival is not None or self._callers or self._wrap_ups:
            if soon:
                self._tell(soon.popleft())
            elif arrival is not None and not (clock.heap and clock.heap[0][0] <= arrival.at_ms):
                number += 1
                clock.now_ms = max(clock.now_ms, arrival.at_ms)
                self._arrive(number, arrival)
                last_ms = arrival.at_ms
                arrival = next(arrivals, None)
                if arrival is None:
                    end_ms = last_ms + AFTER_THE_LAST_MS
            elif clock.heap and clock.now_ms <= end_ms:
                clock.step()
            else:
                break
            if done:
                yield from done
                done.clear()
        for caller in list(self._callers.values()):
            self._finish(caller, UNFINISHED)
        yield from done
        self._end_of_day()
        self._watcher.ends(clock.now_ms)

    def _begin(self, start_ms: int) -> None:
        clock = self._clock
        clock.now_ms = start_ms
        self._watcher.begins(start_ms)
        operators = Operators(
            self.plan,
            self.roster,
            clock,
            self._soon.append,
            self._wrap_ups.get,
            seed=self._seed,
            behaviour=self._behaviour,
            when=self._when,
        )
        self._reactions[DeskView] = operators.see
        for event in (
            PlanChanged(version=1, plan=self.plan),
            RosterChanged(version=1, roster=self.roster),
            EdgeInventory(edge=EDGE, instance="1"),
            WebInventory(web=WEB, instance="1"),
        ):
            self._tell(event)
        operators.begin()

    def _tell(self, event: AnyEvent) -> None:
        now_ms = self._clock.now_ms
        if now_ms >= self._midnight_ms:
            self._end_of_day()
        self.events += 1
        react = self._reactions.get
        for command in self.router.apply(event, now_ms):
            reaction = react(type(command))
            if reaction is not None:
                reaction(command)

    def _end_of_day(self) -> None:
        """Hand over the domain's counts before the first event of a new day has them begin anew."""
        if self._midnight_ms:
            self._watcher.day_ends({id_: queue.day for id_, queue in self.router.state.queues.items()})
        midnights, now_ms = self.plan.midnights_ms, self._clock.now_ms
        after = bisect_right(midnights, now_ms)
        if 0 < after < len(midnights):
            self._midnight_ms = midnights[after]
        else:
            self._midnight_ms = (now_ms // _DAY_MS + 1) * _DAY_MS

    # --- callers ---

    def _arrive(self, number: int, arrival: Arrival) -> None:
        id_ = f"{number:08d}"
        self._callers[id_] = Caller(id_, number, arrival)
        dialled = arrival.dialled or self._first_number
        text = arrival.caller
        self._tell(
            CallArrived(
                call=id_,
                edge=EDGE,
                caller=text,
                dialled=dialled_for(dialled, arrival.queue) if arrival.queue else dialled,
                at_ms=arrival.at_ms,
                number=text if _PLAIN_NUMBER.fullmatch(text) else normalise(text, self.plan.country),
                language=arrival.language,
                priority=arrival.priority,
                skills=parse_skills(arrival.skills),
            )
        )

    def _play(self, command: Play) -> None:
        length_ms = self._lengths_ms.get(command.prompts)
        if length_ms is None:
            length_ms = sum(self._length_ms(prompt) for prompt in command.prompts)
            self._lengths_ms[command.prompts] = length_ms
        event = PlaybackDone(call=command.call, play=command.play)
        self._clock.at(self._clock.now_ms + length_ms, self._tell, event)

    def _length_ms(self, prompt: Prompt) -> int:
        """A recorded prompt's own length, else what its text takes to be spoken."""
        if prompt.wav:
            try:
                with wave.open(prompt.wav) as file:
                    return int(file.getnframes() * 1000 // file.getframerate())
            except (OSError, EOFError, wave.Error):
                pass  # as the media engine does: what can't be played is spoken
        return len(prompt.text) * self._behaviour.speech_ms_a_char

    def _queued(self, story: CallStory) -> None:
        caller = self._callers[story.call]
        now_ms = self._clock.now_ms
        caller.queue = story.queue
        if caller.queued_ms == NEVER:
            caller.queued_ms = now_ms
            patience_ms = caller.arrival.patience_ms
            if patience_ms is not None:
                self._clock.at(now_ms + patience_ms, self._lose_patience, caller)
        if caller.answered_ms == NEVER:
            self._watcher.queued(caller, now_ms)

    def _callback_offered(self, story: CallStory) -> None:
        share = self._behaviour.callback_share
        if share and uniform(self._seed, story.call, "callback") < share:
            self._soon.append(KeyPressed(call=story.call, key=_CALLBACK_KEY))

    def _lose_patience(self, caller: Caller) -> None:
        if caller.answered_ms == caller.ended_ms == NEVER:
            self._tell(CallerHungUp(call=caller.id))

    def _connected(self, story: CallStory) -> None:
        caller = self._callers[story.call]
        caller.agent = story.agent
        self._wrap_ups[story.agent] = caller.arrival.wrapup_ms
        if caller.answered_ms != NEVER:
            return
        now_ms = caller.answered_ms = self._clock.now_ms
        self._watcher.answered(caller, now_ms)
        talk_ms = caller.arrival.talk_ms
        if talk_ms is not None:
            self._clock.at(now_ms + talk_ms, self._said_all, caller)

    def _said_all(self, caller: Caller) -> None:
        if caller.ended_ms == NEVER:
            self._tell(CallerHungUp(call=caller.id))

    def _join(self, command: Join) -> None:
        self._callers[command.call].parts = command.part

    def _ended(self, story: CallStory) -> None:
        caller = self._callers[story.call]
        if caller.answered_ms != NEVER:
            outcome = ANSWERED
        elif story.step == "refused":
            outcome = REFUSED
        elif story.detail == "caller_hung_up":
            outcome = ABANDONED if caller.queued_ms != NEVER else GONE_BEFORE_QUEUE
        else:
            outcome = story.detail
        self._finish(caller, outcome)
        for part in range(1, caller.parts + 1):
            self._soon.append(_recording(caller, part))

    def _finish(self, caller: Caller, outcome: str) -> None:
        now_ms = caller.ended_ms = self._clock.now_ms
        del self._callers[caller.id]
        queued_ms = caller.queued_ms
        waited_until_ms = now_ms if caller.answered_ms == NEVER else caller.answered_ms
        result = Outcome(
            number=caller.number,
            call=caller.id,
            queue=caller.queue or caller.arrival.queue,
            arrived_ms=caller.arrival.at_ms,
            queued_ms=queued_ms,
            answered_ms=caller.answered_ms,
            ended_ms=now_ms,
            outcome=outcome,
            agent=caller.agent,
            site=caller.arrival.site,
            waited_ms=0 if queued_ms == NEVER else waited_until_ms - queued_ms,
        )
        self._done.append(result)
        self._watcher.ended(caller, result)

    def _call_story(self, story: CallStory) -> None:
        step = self._steps.get(story.step)
        if step is not None:
            step(story)

    def _agent_story(self, story: AgentStory) -> None:
        if story.state in _IDLE:
            self._wrap_ups.pop(story.agent, None)
        self._watcher.agent(story.agent, story.state, story.at_ms)


def _recording(caller: Caller, part: int) -> RecordingFinished:
    return RecordingFinished(
        call=caller.id,
        part=part,
        agent=caller.agent,
        path="",
        started_at_ms=caller.answered_ms,
        duration_ms=caller.ended_ms - caller.answered_ms,
        size_bytes=0,
        sha256="",
    )
