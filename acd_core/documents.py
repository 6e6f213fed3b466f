"""Plan and roster as people write them: TOML, checked whole before it may take effect.

Two steps: the shape (every key known, every value of its type), then the sense (what is referred to exists, every step can
be reached, every caller gets somewhere, numbers are in range). The first fault is a `DocumentError` that says where and why.
What is only odd (a missing recording, a queue that nobody serves) is a warning.
"""

from __future__ import annotations

import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from acd_core.domain import agent as agents
from acd_core.domain.limits import AGENTS_MAX, CALLS_LIVE_MAX, PROMPTS_A_PLAY_MAX
from acd_core.domain.plan import (
    Document,
    Flow,
    HangUpStep,
    MenuStep,
    Plan,
    PlayStep,
    PromptText,
    Queue,
    QueueStep,
    Step,
)
from acd_core.domain.roster import Roster
from acd_core.toml_places import Path as Place
from acd_core.toml_places import Places

D = TypeVar("D", bound=Document)

_KEYS = frozenset("0123456789*#ABCD")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIALLED = re.compile(r"[A-Za-z0-9+*#][A-Za-z0-9+*#._-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_LONGEST_MS = 24 * 3600 * 1000
# The core says these itself; in a plan they would tell two things apart no more.
_OWN_REASONS = frozenset(
    {
        agents.LOGGED_IN,
        agents.NO_ANSWER,
        agents.NO_AUDIO,
        agents.PAGE_LOST,
        agents.PHONE_UNREACHABLE,
        agents.REJECTED,
    }
)


class DocumentError(Exception):
    """A plan or roster that can't be used; the text says where and why."""


def load_plan(text: str, base: Path, name: str = "plan") -> Plan:
    """The plan in this text; recordings are relative to `base`, the text is called `name` in errors."""
    source = _Source(text, name)
    plan = source.shape(Plan)
    _PlanCheck(plan, source).run()
    prompts = {
        id_: msgspec.structs.replace(entry, wav=str((base / entry.wav).absolute())) if entry.wav else entry
        for id_, entry in plan.prompts.items()
    }
    return msgspec.structs.replace(plan, prompts=prompts)


def load_roster(text: str, plan: Plan | None = None, name: str = "roster") -> Roster:
    """The roster in this text, checked against the plan when there is one."""
    source = _Source(text, name)
    roster = source.shape(Roster)
    _check_roster(roster, plan, source)
    return roster


def warnings(plan: Plan, roster: Roster | None = None) -> tuple[str, ...]:
    """What is odd about a plan that can be used, and about a roster beside it."""
    found: list[str] = []
    for id_, entry in plan.prompts.items():
        if entry.wav and not Path(entry.wav).is_file():
            instead = "its text is spoken instead" if entry.text else "and it has no text: its id is spoken"
            found.append(f"prompts.{id_}.wav: {entry.wav} does not exist; {instead}")
    flows = {number.flow for number in plan.numbers}
    found.extend(f"flows.{id_}: no number leads here" for id_ in plan.flows if id_ not in flows)
    steps = [step for flow in plan.flows.values() for step in flow.steps.values()]
    queues = {step.queue for step in steps if isinstance(step, QueueStep)}
    found.extend(f"queues.{id_}: no flow leads here" for id_ in plan.queues if id_ not in queues)
    if roster is not None:
        served = {queue for agent in roster.agents.values() for queue in agent.queues}
        found.extend(f"queues.{id_}: no agent serves it" for id_ in plan.queues if id_ not in served)
    return tuple(found)


class _Source:
    """A text, what TOML makes of it, and where everything stands."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        try:
            self._document: Any = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DocumentError(f"{name}: not valid TOML: {error}") from error
        self._places = Places(text)

    def fail(self, place: Place, reason: str) -> NoReturn:
        line = self._places.line(place)
        where = f"{self._name}, line {line}" if line else self._name
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        raise DocumentError(f"{where}: {key}: {reason}" if key else f"{where}: {reason}")

    def shape(self, kind: type[D]) -> D:
        """The whole document as this type."""
        made = self._make(self._document, kind, ())
        assert isinstance(made, kind)
        return made

    def _make(self, value: Any, kind: Any, place: Place) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is dict and isinstance(value, dict):
            return {key: self._make(entry, arguments[1], (*place, key)) for key, entry in value.items()}
        if origin is tuple and isinstance(value, list):
            return tuple(
                self._make(entry, arguments[0], (*place, number)) for number, entry in enumerate(value)
            )
        if origin in (types.UnionType, typing.Union):
            kind = self._step_kind(value, arguments, place)
        if isinstance(kind, type) and issubclass(kind, Document):
            return self._make_struct(value, kind, place)
        try:
            return msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as error:
            self.fail(place, _lower(str(error)))

    def _make_struct(self, value: Any, kind: type[Document], place: Place) -> Document:
        if not isinstance(value, dict):
            self.fail(place, "expected a table")
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        for key in value:
            if key not in fields and key != tag:
                known = ", ".join(sorted(fields))
                self.fail((*place, key), f"unknown key (known here: {known})")
        given = {}
        for key, field in fields.items():
            if key in value:
                given[field.name] = self._make(value[key], field.type, (*place, key))
            elif field.required:
                self.fail(place, f"the key {key} is missing")
        return kind(**given)

    def _step_kind(self, value: Any, kinds: tuple[Any, ...], place: Place) -> Any:
        by_tag = {kind.__struct_config__.tag: kind for kind in kinds}
        tag = value.get("type") if isinstance(value, dict) else None
        if tag not in by_tag:
            self.fail(place, f"the type must be one of {', '.join(sorted(by_tag))}, not {tag!r}")
        return by_tag[tag]


class _PlanCheck:
    """Whether a plan makes sense."""

    def __init__(self, plan: Plan, source: _Source) -> None:
        self._plan = plan
        self._fail = source.fail

    def run(self) -> None:
        plan = self._plan
        if not plan.numbers:
            self._fail(("numbers",), "a plan needs at least one number")
        for id_, entry in plan.prompts.items():
            self._prompt(id_, entry)
        for id_, queue in plan.queues.items():
            self._queue(id_, queue)
        for id_, flow in plan.flows.items():
            self._flow(id_, flow)
        self._numbers()
        self._reasons()
        self._range(("session_grace_ms",), plan.session_grace_ms, 1, _LONGEST_MS)
        self._range(("edge_grace_ms",), plan.edge_grace_ms, 1, _LONGEST_MS)

    def _numbers(self) -> None:
        seen: set[str] = set()
        for index, number in enumerate(self._plan.numbers):
            place: Place = ("numbers", index)
            if not _DIALLED.fullmatch(number.dialled):
                self._fail((*place, "dialled"), f"{number.dialled!r} is nothing that can be dialled")
            if number.dialled in seen:
                self._fail((*place, "dialled"), f"{number.dialled} is there twice")
            seen.add(number.dialled)
            if not number.service:
                self._fail((*place, "service"), "the pop-up needs a service to show")
            if number.flow not in self._plan.flows:
                self._fail((*place, "flow"), f"there is no flow {number.flow}")
            self._language((*place, "language"), number.language)

    def _prompt(self, id_: str, entry: PromptText) -> None:
        place: Place = ("prompts", id_)
        self._id(place, id_)
        if not entry.text and not entry.wav:
            self._fail(place, "a prompt needs a text or a wav")
        for language, text in entry.text.items():
            self._language((*place, "text", language), language)
            if not text.strip():
                self._fail((*place, "text", language), "the text is empty")

    def _queue(self, id_: str, queue: Queue) -> None:
        place: Place = ("queues", id_)
        self._id(place, id_)
        if not queue.name:
            self._fail((*place, "name"), "the name is empty")
        if queue.music not in self._plan.prompts:
            self._fail((*place, "music"), f"there is no prompt {queue.music}")
        for key in ("announce", "operator_lost", "full_prompts"):
            self._prompts((*place, key), getattr(queue, key))
        self._range((*place, "waiting_max"), queue.waiting_max, 1, CALLS_LIVE_MAX)
        self._range((*place, "priority"), queue.priority, -1_000_000, 1_000_000)
        for key, least in (("offer_timeout_ms", 1), ("wrap_up_ms", 0), ("agent_grace_ms", 1)):
            self._range((*place, key), getattr(queue, key), least, _LONGEST_MS)

    def _flow(self, id_: str, flow: Flow) -> None:
        place: Place = ("flows", id_)
        self._id(place, id_)
        if flow.start not in flow.steps:
            self._fail((*place, "start"), f"there is no step {flow.start}")
        for name, step in flow.steps.items():
            self._step((*place, "steps", name), step, flow)
        reached = {flow.start}
        waiting = [flow.start]
        while waiting:
            for target in _targets(flow.steps[waiting.pop()]):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        for name in flow.steps:
            if name not in reached:
                self._fail((*place, "steps", name), "no other step leads here")
            self._no_endless_speech((*place, "steps", name), name, flow)

    def _step(self, place: Place, step: Step, flow: Flow) -> None:
        if isinstance(step, QueueStep):
            if step.queue not in self._plan.queues:
                self._fail((*place, "queue"), f"there is no queue {step.queue}")
            return
        self._prompts((*place, "prompts"), step.prompts)
        if not step.prompts and not isinstance(step, HangUpStep):
            self._fail((*place, "prompts"), "there is nothing to say")
        if isinstance(step, PlayStep):
            self._target((*place, "next"), step.next, flow)
        elif isinstance(step, MenuStep):
            self._menu(place, step, flow)

    def _menu(self, place: Place, step: MenuStep, flow: Flow) -> None:
        self._prompts((*place, "invalid_prompts"), step.invalid_prompts)
        if len(step.invalid_prompts) + len(step.prompts) > PROMPTS_A_PLAY_MAX:
            self._fail(
                (*place, "invalid_prompts"), f"more than {PROMPTS_A_PLAY_MAX} prompts with the menu's own"
            )
        if not step.keys:
            self._fail((*place, "keys"), "a menu needs at least one key")
        for key, target in step.keys.items():
            if key not in _KEYS:
                self._fail((*place, "keys", key), f"{key!r} is no key of a telephone (0-9, *, #, A-D)")
            self._target((*place, "keys", key), target, flow)
        self._target((*place, "otherwise"), step.otherwise, flow)
        self._range((*place, "timeout_ms"), step.timeout_ms, 1, _LONGEST_MS)
        self._range((*place, "repeats"), step.repeats, 0, 100)

    def _target(self, place: Place, target: str, flow: Flow) -> None:
        if target not in flow.steps:
            self._fail(place, f"there is no step {target} in this flow")

    def _no_endless_speech(self, place: Place, name: str, flow: Flow) -> None:
        """A caller who presses nothing gets somewhere too: a circle of announcements and menus would hold them for ever."""
        seen: list[str] = []
        while isinstance(step := flow.steps[name], PlayStep | MenuStep):
            seen.append(name)
            name = step.next if isinstance(step, PlayStep) else step.otherwise
            if name in seen:
                self._fail(
                    place, f"whoever presses nothing goes round in {', '.join(seen)} and never gets out"
                )

    def _prompts(self, place: Place, ids: tuple[str, ...]) -> None:
        if len(ids) > PROMPTS_A_PLAY_MAX:
            self._fail(place, f"more than {PROMPTS_A_PLAY_MAX} prompts")
        for id_ in ids:
            if id_ not in self._plan.prompts:
                self._fail(place, f"there is no prompt {id_}")

    def _reasons(self) -> None:
        reasons = self._plan.not_ready_reasons
        for index, reason in enumerate(reasons):
            place: Place = ("not_ready_reasons", index)
            self._id(place, reason)
            if reason in _OWN_REASONS:
                self._fail(place, f"{reason} is a reason that the system gives itself")
            if reason in reasons[:index]:
                self._fail(place, f"{reason} is there twice")

    def _id(self, place: Place, id_: str) -> None:
        if not _NAME.fullmatch(id_):
            self._fail(place, f"{id_!r} is no name (letters, digits, dot, hyphen and underscore, at most 64)")

    def _language(self, place: Place, language: str) -> None:
        if not _LANGUAGE.fullmatch(language):
            self._fail(place, f"{language!r} is no language (two letters: tr, en, pl, zh)")

    def _range(self, place: Place, value: int, least: int, most: int) -> None:
        if not least <= value <= most:
            self._fail(place, f"{value} is not within {least} to {most}")


def _targets(step: Step) -> list[str]:
    if isinstance(step, PlayStep):
        return [step.next]
    if isinstance(step, MenuStep):
        return [*step.keys.values(), step.otherwise]
    return []


def _check_roster(roster: Roster, plan: Plan | None, source: _Source) -> None:
    if len(roster.agents) > AGENTS_MAX:
        source.fail(("agents",), f"{len(roster.agents)} agents are more than {AGENTS_MAX}")
    phones: dict[str, str] = {}
    for id_, agent in roster.agents.items():
        place: Place = ("agents", id_)
        if not _NAME.fullmatch(id_):
            source.fail(place, f"{id_!r} is no id (letters, digits, dot, hyphen and underscore, at most 64)")
        if not agent.name:
            source.fail((*place, "name"), "the name is empty")
        if not agent.queues:
            source.fail((*place, "queues"), "an agent serves at least one queue")
        for index, queue in enumerate(agent.queues):
            if queue in agent.queues[:index]:
                source.fail((*place, "queues"), f"{queue} is there twice")
            if plan is not None and queue not in plan.queues:
                source.fail((*place, "queues"), f"the plan has no queue {queue}")
        if agent.phone:
            if not _NAME.fullmatch(agent.phone):
                source.fail((*place, "phone"), f"{agent.phone!r} is no user of a SIP phone")
            if agent.phone in phones:
                source.fail((*place, "phone"), f"{agent.phone} is the phone of {phones[agent.phone]} already")
            phones[agent.phone] = id_
        if agent.team and agent.team not in roster.teams:
            source.fail((*place, "team"), f"there is no team {agent.team}")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
