"""Look-ups into the plan and the roster in force, worked out once for each."""

from __future__ import annotations

from acd_core.domain.commands import Prompt
from acd_core.domain.plan import Caller, Number, Plan, PromptText, QueueStep
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.state import State


class Lookups:
    """Numbers, callers, owners of phones, prompts, and who serves what."""

    def __init__(self, state: State) -> None:
        """For the documents of this state; made anew when one changes."""
        plan, roster = state.plan, state.roster
        self._state = state
        self.agents: dict[str, Entry] = {} if roster is None else roster.agents
        self.numbers: dict[str, Number] = (
            {} if plan is None else {number.dialled: number for number in plan.numbers}
        )
        self.callers: dict[str, Caller] = (
            {}
            if plan is None
            else {number: caller for caller in plan.callers.values() for number in caller.numbers}
        )
        agents = self.agents
        self.phone_owner = {agents[id_].phone: id_ for id_ in sorted(agents) if agents[id_].phone}
        self.asked_skills = _asked_skills(plan, state.arrived_skills)
        self.least_occupied = any(
            queue.definition.strategy == "least_occupied" for queue in state.queues.values()
        )
        self._of_team: dict[str, tuple[str, ...]] = {}
        self._widened_to: dict[str, tuple[str, ...]] = {}
        self._learn_teams(state)
        self._prompts: dict[tuple[tuple[str, ...], str], tuple[Prompt, ...]] = {}

    def _learn_teams(self, state: State) -> None:
        serving: dict[str, dict[str, None]] = {}
        widened: dict[str, dict[str, None]] = {}
        if state.roster is not None:
            for id_, team in state.roster.teams.items():
                serving[id_] = dict.fromkeys(team.queues)
        for queue_id, queue in state.queues.items():
            for team_id in queue.definition.teams:
                serving.setdefault(team_id, {})[queue_id] = None
            for step in queue.definition.steps:
                for team_id in step.add_teams:
                    widened.setdefault(team_id, {})[queue_id] = None
        self._of_team = {id_: tuple(queues) for id_, queues in serving.items()}
        self._widened_to = {id_: tuple(queues) for id_, queues in widened.items()}

    def entry(self, agent: str) -> Entry | None:
        """Their entry in the roster."""
        return self.agents.get(agent)

    def serves(self, entry: Entry) -> tuple[str, ...]:
        """The queues whose calls are this agent's from the beginning."""
        team = self._of_team.get(entry.team, ())
        return entry.queues + team if team else entry.queues

    def may_serve(self, entry: Entry) -> tuple[str, ...]:
        """And those whose calls may become theirs by a step, each once."""
        queues = self.serves(entry) + self._widened_to.get(entry.team, ())
        return tuple(dict.fromkeys(queues))

    def prompts(self, ids: tuple[str, ...], language: str) -> tuple[Prompt, ...]:
        """What these prompts are in this language; one that a new plan no longer has is left out."""
        key = (ids, language)
        found = self._prompts.get(key)
        if found is None:
            entries = [(id_, self._text(id_)) for id_ in ids]
            found = tuple([_prompt(id_, entry, language) for id_, entry in entries if entry is not None])
            self._prompts[key] = found
        return found

    def _text(self, id_: str) -> PromptText | None:
        entry = None if self._state.plan is None else self._state.plan.prompts.get(id_)
        return entry or self._state.old_prompts.get(id_)


def _asked_skills(plan: Plan | None, arrived: tuple[str, ...]) -> tuple[str, ...]:
    """What calls may ask for beside what their queue does."""
    asked = set(arrived)
    if plan is not None:
        for number in plan.numbers:
            asked.update(number.skills)
        for caller in plan.callers.values():
            asked.update(caller.skills)
        for flow in plan.flows.values():
            for step in flow.steps.values():
                if isinstance(step, QueueStep):
                    asked.update(step.skills)
    return tuple(sorted(asked))


def _prompt(id_: str, entry: PromptText, language: str) -> Prompt:
    if language in entry.text:
        return Prompt(id=id_, language=language, text=entry.text[language], wav=entry.wav)
    for other in sorted(entry.text):
        return Prompt(id=id_, language=other, text=entry.text[other], wav=entry.wav)
    # Without any text the id is spoken should the file be missing: heard, so noticed.
    return Prompt(id=id_, language=language, text=id_, wav=entry.wav)
