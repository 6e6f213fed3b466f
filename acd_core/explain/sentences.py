"""The story of a call in sentences, in four languages. Pure: reasons and names in, lines out.

A step of the story that says no more than the decision beside it is left out (`offered`, `widened` …).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from acd_core.domain.commands import CallStory, Decided, DecisionKind, Rejected
from acd_core.domain.plan import SearchStep
from acd_core.explain.clock import Clock
from acd_core.explain.story import Names, QueueNames, Reason, Told, Waiting
from acd_core.explain.texts import Language
from acd_core.explain.words import Words

NAMED_MAX = 3  # in one clause; the others are counted
_NO_WAIT_MS = 1_000  # nobody calls less a wait

_SAID_BY: dict[DecisionKind, str] = {
    "offered": "offered",
    "kept": "preferred",
    "released": "released",
    "widened": "widened",
    "left": "moved",
}
_OF_NOBODY = frozenset({"widened", "moved"})
_BY_TIME = frozenset({"longest_idle", "ring_all"})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a story; `at_ms` is 0 for one that belongs to no moment."""

    at_ms: int
    clock: str
    text: str


def tell(told: Told, language: Language, clock: Clock) -> tuple[Line, ...]:
    """What happened, in order."""
    dialled = any(isinstance(reason, CallStory) and reason.step == "dialled" for reason in told.reasons)
    teller = _Teller(told.names, language, clock, dialled=dialled)
    said = {
        (_SAID_BY[reason.kind], reason.agent, reason.at_ms)
        for reason in told.reasons
        if isinstance(reason, Decided) and reason.kind in _SAID_BY
    }
    lines = [] if told.whole else [teller.remark("not_whole")]
    for index, reason in enumerate(told.reasons):
        if told.left_out and index == told.gap_at:
            lines.append(teller.missing(told.left_out))
        if not isinstance(reason, CallStory) or not _is_said(reason, said):
            lines.append(Line(at_ms=reason.at_ms, clock=clock(reason.at_ms), text=teller.sentence(reason)))
    if told.left_out and told.gap_at >= len(told.reasons):
        lines.append(teller.missing(told.left_out))
    return tuple(lines)


def tell_waiting(waiting: Waiting, names: Names, language: Language, clock: Clock) -> tuple[str, ...]:
    """Why the call waits right now, and what comes next."""
    return _Teller(names, language, clock).waiting(waiting)


def _is_said(story: CallStory, said: set[tuple[str, str, int]]) -> bool:
    agent = "" if story.step in _OF_NOBODY else story.agent
    return (story.step, agent, story.at_ms) in said


class _Teller:
    """Makes sentences with the names of one story."""

    def __init__(self, names: Names, language: Language, clock: Clock, *, dialled: bool = False) -> None:
        """`dialled`: by an operator, so that who is called the caller elsewhere was called."""
        self.names, self.clock, self.dialled = names, clock, dialled
        self.words = Words(language)

    def sentence(self, reason: Reason) -> str:
        """What one reason says."""
        if isinstance(reason, CallStory):
            return self._step(reason)
        return _DECISIONS[reason.kind](self, reason)

    def remark(self, key: str) -> Line:
        """Something about the story itself."""
        return Line(at_ms=0, clock="", text=self.words.say(key))

    def missing(self, count: int) -> Line:
        """So many reasons are not there."""
        return Line(at_ms=0, clock="", text=self.words.count("missing", count))

    # --- the story ---

    def _step(self, story: CallStory) -> str:
        plain = story.step in ("arrived", "dialled", "flow", "transferring", "transferred")
        shown = story.detail if plain else self._detail(story.detail)
        queue = story.detail if story.step == "moved" else story.queue
        text = self.words.say(
            self._key(story), agent=self.agent(story.agent), queue=self.queue(queue), detail=shown
        )
        return self.words.together((text, *self._marks(story))) if story.step == "queued" else text

    def _key(self, story: CallStory) -> str:
        """Some steps are another thing in a call that an operator dialled."""
        if story.step == "dialled" and not story.agent:
            return "dialled_refused"
        other = f"{story.step}_dialled"
        return other if self.dialled and self.words.find(other) else story.step

    def _marks(self, story: CallStory) -> list[str]:
        """What is special about a call that comes into a queue; a mark of a later release says nothing."""
        known = (self.words.find(f"mark_{mark}") for mark in story.detail.split())
        return [text for text in known if isinstance(text, str)]

    def _detail(self, detail: str) -> str:
        other = self.words.find(f"cause_{detail}_dialled") if self.dialled else None
        known = other or self.words.find(f"cause_{detail}")
        return known if isinstance(known, str) else detail.replace("_", " ")

    # --- decisions ---

    def offered(self, reason: Decided) -> str:
        """Who was chosen of how many, why, and who would have been next."""
        parts = []
        if reason.candidates:
            parts.append(self.words.count("were_free", reason.candidates))
        parts.append(self._choice(reason))
        if reason.rejected:
            parts.append(self.words.say("the_others", rejected=self._rejected(reason)))
        parts.append(self._waited(reason))
        return self.words.together(parts)

    def _choice(self, reason: Decided) -> str:
        agent, strategy = self.agent(reason.agent), reason.strategy
        considered = reason.considered
        if reason.until_ms:  # it was kept for them
            why = "why_handed_on" if reason.detail else "why_preferred"
            return self.words.say("chosen_why", agent=agent, why=self.words.say(why))
        if self.words.find(f"why_{strategy}") is None or not considered:
            return self.words.say("chosen", agent=agent)
        why = self.words.say(f"why_{strategy}", score=self._score(strategy, considered[0].score))
        if len(considered) < 2 or strategy == "ring_all":  # there the next one rings as well
            return self.words.say("chosen_why", agent=agent, why=why)
        return self.words.say(
            "chosen_why_next",
            agent=agent,
            why=why,
            next=self.agent(considered[1].agent),
            score=self._score(strategy, considered[1].score),
        )

    def _score(self, strategy: str, score: int) -> str:
        words = self.words
        if strategy in _BY_TIME:
            return words.duration(score)
        match strategy:
            case "fewest_calls":
                return words.count("score_calls", score)
            case "least_occupied":
                return words.percent(score)
            case "top_down":
                return words.say("score_order", n=str(score))
            case "round_robin":
                return words.count("score_offers", score)
            case "proficiency":
                return words.count("score_levels", score)
            case _:
                return words.say("score_random")

    def _waited(self, reason: Decided) -> str:
        words = self.words
        time, priority = words.duration(reason.waited_ms), words.tenths(reason.priority)
        if reason.waited_ms < _NO_WAIT_MS:
            return words.say("has_priority", priority=priority) if reason.priority else ""
        if not reason.priority:
            return words.say("had_waited", time=time)
        return words.say("had_waited_priority", time=time, priority=priority)

    def waits(self, reason: Decided) -> str:
        """Why nobody was offered it."""
        parts = [self._nobody(reason, "nobody", "nobody_there")]
        parts.append(self._asked(reason.asked))
        parts.append(self._step_to_come(reason))
        if reason.waiting:
            parts.append(self.words.count("waiting_in_queue", reason.waiting))
        return self.words.together(parts)

    def _step_to_come(self, reason: Decided) -> str:
        """The first step not yet taken, unless it was due already."""
        queue = self.names.queues.get(reason.queue)
        steps = () if queue is None else queue.steps
        queued_ms = reason.at_ms - reason.waited_ms
        left = [
            (queued_ms + step.after_ms, number)
            for number, step in enumerate(steps, 1)
            if number not in reason.steps and step.after_ms > reason.waited_ms
        ]
        if not left:
            return ""
        at_ms, number = min(left)
        return self._comes(reason.queue, number, at_ms)

    def _kept_until(self, reason: Decided) -> str:
        if not reason.agent or not reason.until_ms:
            return ""
        return self.words.say("kept", agent=self.agent(reason.agent), clock=self.clock(reason.until_ms))

    def _nobody(self, reason: Decided, key: str, there: str) -> str:
        if reason.rejected:
            return self.words.say(key, rejected=self._rejected(reason))
        if reason.candidates:
            return self.words.say("others_first", queue=self.queue(reason.queue))
        return self.words.say(there, queue=self.queue(reason.queue))

    def _asked(self, skills: tuple[tuple[str, int], ...]) -> str:
        if not skills:
            return ""
        levels = self.words.listed(
            self.words.say("level", skill=self.names.skills.get(skill, skill), level=str(level))
            for skill, level in skills
        )
        return self.words.say("asked_levels", levels=levels)

    def kept(self, reason: Decided) -> str:
        """For whom, until when."""
        return self.words.say("kept", agent=self.agent(reason.agent), clock=self.clock(reason.until_ms))

    def released(self, reason: Decided) -> str:
        """Whom it had been kept for."""
        if not reason.agent:
            return self.words.say("released")
        return self.words.say("kept_over", agent=self.agent(reason.agent))

    def widened(self, reason: Decided) -> str:
        """What the step does."""
        return self._of_step(reason.queue, reason.step, "step_done")

    def not_yet(self, reason: Decided) -> str:
        """Which step, and what it would do."""
        return self._of_step(reason.queue, reason.step, "step_waits")

    def _of_step(self, queue: str, number: int, key: str) -> str:
        effects = self._effects(queue, number)
        if not effects:
            return self.words.say(f"{key}_plain", step=str(number))
        return self.words.say(key, step=str(number), effects=effects)

    def no_room(self, reason: Decided) -> str:
        """Which queue, and how many wait there."""
        full = self.words.say("queue_full", queue=self.queue(reason.queue))
        return self.words.together((full, self.words.count("waiting_in_queue", reason.waiting)))

    def left(self, reason: Decided) -> str:
        """Which queue, and why."""
        queue = self.queue(reason.queue)
        if reason.detail in self.names.queues:
            return self.words.say("left_to", queue=queue, to=self.queue(reason.detail))
        if reason.detail:
            return self.words.say("left", queue=queue, detail=self._detail(reason.detail))
        return self.words.say("left_plain", queue=queue)

    # --- right now ---

    def waiting(self, waiting: Waiting) -> tuple[str, ...]:
        """Each sentence by itself."""
        words, reason = self.words, waiting.decision
        lines = [
            words.together(
                (
                    words.say(
                        "waits_now", queue=self.queue(reason.queue), time=words.duration(reason.waited_ms)
                    ),
                    words.count("before_it", waiting.before) if waiting.before else words.say("is_next"),
                )
            ),
            self._nobody(reason, "nobody_now", "nobody_there_now"),
            self._kept_until(reason),
            self._asked(waiting.asked),
            *(self._of_step(reason.queue, number, "step_waits") for number in waiting.held),
            self._comes(reason.queue, waiting.step, waiting.step_ms) if waiting.step else "",
        ]
        if waiting.unstaffed_ms:
            lines.append(words.say("unstaffed_at", clock=self.clock(waiting.unstaffed_ms)))
        if waiting.leaves_ms:
            lines.append(words.say("leaves_at", clock=self.clock(waiting.leaves_ms)))
        return tuple(line for line in lines if line)

    def _comes(self, queue: str, number: int, at_ms: int) -> str:
        effects, clock = self._effects(queue, number), self.clock(at_ms)
        if not effects:
            return self.words.say("next_step_plain", step=str(number), clock=clock)
        return self.words.say("next_step", step=str(number), clock=clock, effects=effects)

    # --- parts ---

    def agent(self, id_: str) -> str:
        """An operator's name."""
        return self.names.agents.get(id_, id_)

    def queue(self, id_: str) -> str:
        """A queue's name, between marks."""
        queue = self.names.queues.get(id_)
        return self.words.quoted(id_ if queue is None else queue.name)

    def _rejected(self, reason: Decided) -> str:
        return self.words.clauses(self._clause(one) for one in reason.rejected)

    def _clause(self, rejected: Rejected) -> str:
        text = self.words.count(f"no_{rejected.why}", rejected.count)
        shown = [self.agent(agent) for agent in rejected.agents[:NAMED_MAX]]
        if not shown:
            return text
        others = rejected.count - len(shown)
        if others > 0:
            shown.append(self.words.count("and_others", others))
        return self.words.say("with_names", text=text, names=self.words.listed(shown))

    def _effects(self, queue: str, number: int) -> str:
        names: QueueNames | None = self.names.queues.get(queue)
        if names is None or not 1 <= number <= len(names.steps):
            return ""
        return self.words.clauses(self._each_effect(names.steps[number - 1]))

    def _each_effect(self, step: SearchStep) -> list[str]:
        words = self.words
        effects = []
        if step.announce:
            effects.append(words.say("announce"))
        if step.lower_levels:
            effects.append(words.count("lower_levels", step.lower_levels))
        if step.add_teams:
            teams = words.listed(self.names.teams.get(team, team) for team in step.add_teams)
            effects.append(words.say("add_teams", teams=teams))
        if step.add_queues:
            effects.append(words.say("add_queues", queues=words.listed(map(self.queue, step.add_queues))))
        if step.offer_callback:
            effects.append(words.say("offer_callback"))
        if step.to_sites:
            effects.append(words.say("to_sites"))
        if step.move_to:
            effects.append(words.say("move_to", queue=self.queue(step.move_to)))
        return effects


_DECISIONS: dict[DecisionKind, Callable[[_Teller, Decided], str]] = {
    "offered": _Teller.offered,
    "waits": _Teller.waits,
    "kept": _Teller.kept,
    "released": _Teller.released,
    "widened": _Teller.widened,
    "no_room": _Teller.no_room,
    "not_yet": _Teller.not_yet,
    "left": _Teller.left,
}
