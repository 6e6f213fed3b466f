"""The plan: numbers, prompts, flows and queues, one validated and versioned document."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything in a plan or roster; an unknown key is an error."""


class PromptText(Document, frozen=True, kw_only=True):
    """What is heard: a recorded file takes precedence over the text, `text` is by language (`tr`, `en` …)."""

    text: dict[str, str] = {}
    wav: str = ""  # relative to the plan's file when written, absolute once loaded


class Number(Document, frozen=True, kw_only=True):
    """A dialled number and the flow it starts. `service` is what the operator's pop-up says."""

    dialled: str
    service: str
    flow: str
    language: str = "tr"


class PlayStep(Document, tag_field="type", tag="play", frozen=True, kw_only=True):
    """Say something, then go on.

    With `type_ahead`, a key of the menu that is `next` is taken as pressed there; other keys are ignored.
    """

    prompts: tuple[str, ...]
    next: str
    type_ahead: bool = False


class MenuStep(Document, tag_field="type", tag="menu", frozen=True, kw_only=True):
    """Say something and take one key, also while it is being said.

    No key within `timeout_ms` after the prompt, or a key without meaning, plays again up to `repeats` times, then `otherwise`.
    """

    prompts: tuple[str, ...]
    keys: dict[str, str]
    otherwise: str
    invalid_prompts: tuple[str, ...] = ()
    timeout_ms: int = 5_000
    repeats: int = 2


class QueueStep(Document, tag_field="type", tag="queue", frozen=True, kw_only=True):
    """Wait in a queue for an operator."""

    queue: str


class HangUpStep(Document, tag_field="type", tag="hang_up", frozen=True, kw_only=True):
    """Say something and end the call."""

    prompts: tuple[str, ...] = ()


Step: TypeAlias = PlayStep | MenuStep | QueueStep | HangUpStep


class Flow(Document, frozen=True, kw_only=True):
    """The caller's script: named steps, the first is `start`."""

    start: str
    steps: dict[str, Step]


class Queue(Document, frozen=True, kw_only=True):
    """Calls waiting for operators. Higher `priority` goes first over all queues of an operator, then arrival, then id."""

    name: str
    priority: int = 0
    music: str = "music"  # a prompt, looped
    announce: tuple[str, ...] = ()  # heard once on entering
    operator_lost: tuple[str, ...] = ()  # heard when the operator's audio goes away in mid-call
    waiting_max: int = 1_000
    full_prompts: tuple[str, ...] = ()  # heard before the call ends when the queue is full
    offer_timeout_ms: int = 15_000
    wrap_up_ms: int = 60_000
    agent_grace_ms: int = (
        20_000  # an operator whose page or audio vanished in mid-call has the call again within this time
    )


class Plan(Document, frozen=True, kw_only=True):
    """The whole plan."""

    name: str
    numbers: tuple[Number, ...]
    prompts: dict[str, PromptText]
    flows: dict[str, Flow]
    queues: dict[str, Queue]
    not_ready_reasons: tuple[str, ...] = ("break", "lunch", "training", "back_office")
    session_grace_ms: int = 30_000  # an idle operator whose page vanished is logged out after this time
    edge_grace_ms: int = 60_000  # calls of an edge that went away and stays away end after this time
