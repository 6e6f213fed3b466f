"""The plan: numbers, prompts, flows, queues, calendars and callers, one validated and versioned document.

What is written here is also what a TOML file has, key by key, but for the fields named in `COMPILED`: those are worked out when
the file is read (documents), so that the domain needs no calendar, no time zone and no list of holidays.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything in a plan or roster; an unknown key is an error."""


class PromptText(Document, frozen=True, kw_only=True):
    """What is heard: a recorded file takes precedence over the text, `text` is by language (`tr`, `en` …)."""

    text: dict[str, str] = {}
    wav: str = ""  # relative to the plan's file when written, absolute once loaded


# When a call is answered, and its costs begin: as it comes, or when somebody is there. Until then it hears early media.
Answer: TypeAlias = Literal["at_once", "when_connected"]


class Number(Document, frozen=True, kw_only=True):
    """A dialled number and the flow it starts. `service` is what the operator's pop-up says."""

    dialled: str
    service: str
    flow: str
    language: str = "tr"
    priority: int = 0  # added to that of the queue
    skills: dict[str, int] = {}  # what its calls need of an operator, and at which level at least
    answer: Answer = "at_once"
    early_media_max_ms: int = 50_000  # with "when_connected": answered after this time anyway


class Caller(Document, frozen=True, kw_only=True):
    """Somebody known by their number: more important, or with an operator of their own."""

    name: str
    numbers: tuple[str, ...]  # as people write them; in international form (+90…) once loaded
    vip: bool = False  # the operator is told so
    priority: int = 0
    agent: str = ""  # preferred, for as long as the queue's `preferred_hold_ms`
    skills: dict[str, int] = {}


# --- time ------------------------------------------------------------------------------------------------------------


class Holiday(Document, frozen=True, kw_only=True):
    """A day that is not like others; without hours the calendar is closed."""

    date: str  # 2026-10-29
    name: str = ""
    open: tuple[str, ...] = ()  # "08:00-12:00"


class Calendar(Document, frozen=True, kw_only=True):
    """When something is open: by weekday, but for holidays. Hours are local to the plan's `timezone`; 24:00 is midnight."""

    open: dict[str, tuple[str, ...]] = {}  # mon, tue … sun: "08:00-17:00"
    country: str = ""  # whose public holidays count (ISO 3166, such as TR); empty: none
    subdivision: str = ""
    holidays: tuple[Holiday, ...] = ()  # of its own; they outweigh the public ones
    # Compiled, in milliseconds since 1970: when it is open, and which days are holidays. In order, without overlap.
    open_ms: tuple[tuple[int, int], ...] = ()
    holiday_ms: tuple[tuple[int, int], ...] = ()


# --- flows -----------------------------------------------------------------------------------------------------------


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


class HoursStep(Document, tag_field="type", tag="hours", frozen=True, kw_only=True):
    """Go on by the calendar and by the mode the centre is in: emergency before closed before holiday before open."""

    calendar: str
    open: str
    closed: str
    holiday: str = ""  # empty: as closed
    emergency: str = ""  # empty: as if there were none


class QueueStep(Document, tag_field="type", tag="queue", frozen=True, kw_only=True):
    """Wait in a queue for an operator. A `hazard` goes before everything else, and is not refused when the queue is full."""

    queue: str
    priority: int = 0  # added to that of the queue
    skills: dict[str, int] = {}
    hazard: bool = False


class HangUpStep(Document, tag_field="type", tag="hang_up", frozen=True, kw_only=True):
    """Say something and end the call."""

    prompts: tuple[str, ...] = ()


Step: TypeAlias = PlayStep | MenuStep | HoursStep | QueueStep | HangUpStep


class Flow(Document, frozen=True, kw_only=True):
    """The caller's script: named steps, the first is `start`."""

    start: str
    steps: dict[str, Step]


# --- queues ----------------------------------------------------------------------------------------------------------

Strategy: TypeAlias = Literal[
    "longest_idle",
    "fewest_calls",
    "least_occupied",
    "top_down",
    "round_robin",
    "proficiency",
    "random",
    "ring_all",
]
AudioChannel: TypeAlias = Literal["browser", "phone"]


class Condition(Document, frozen=True, kw_only=True):
    """All that are given must hold, else the step waits until they do. -1: not asked."""

    waiting_over: int = -1  # more calls wait in the queue
    expected_wait_over_ms: int = -1
    ready_at_most: int = -1  # not more of the queue's own operators are ready
    during: str = ""  # a calendar that is open


class SearchStep(Document, frozen=True, kw_only=True):
    """What changes for a call that has waited so long. All that is given is done, in the order of these fields."""

    after_ms: int  # in this queue
    when: Condition = Condition()
    announce: tuple[str, ...] = ()
    lower_levels: int = 0  # every level asked for goes down by so many, not below 1
    add_teams: tuple[str, ...] = ()  # their operators may take the call too
    add_queues: tuple[
        str, ...
    ] = ()  # it waits there in parallel: their operators may take it when ours don't
    offer_callback: tuple[str, ...] = ()  # heard; key 1 has the caller called back and ends the call
    to_sites: bool = False
    move_to: str = ""  # overflow: waits there from now on, at its old place


class WayOut(Document, frozen=True, kw_only=True):
    """What becomes of a call that can't wait here: told something, then on to another queue or flow, else ended."""

    prompts: tuple[str, ...] = ()
    queue: str = ""
    flow: str = ""


class OfferRule(Document, frozen=True, kw_only=True):
    """What becomes of an operator whose offer failed; `ready` means after a pause, else the call would be back at once."""

    then: Literal["ready", "not_ready", "logged_out"] = "not_ready"
    pause_ms: int = 5_000


class Queue(Document, frozen=True, kw_only=True):
    """Calls waiting for operators.

    Over all queues of an operator the call with the highest `priority + min(aging_per_min × minutes waited, aging_max)` goes
    first, then the first arrival, then the lowest id.
    """

    name: str
    priority: int = 0
    aging_per_min: int = 0
    aging_max: int = 0
    strategy: Strategy = "longest_idle"
    ring_max: int = 5  # with ring_all: how many ring at once
    skills: dict[str, int] = {}  # what is needed of an operator, and at which level (1-5) at least
    teams: tuple[str, ...] = ()  # whole teams that serve it, beside the operators who name it
    steps: tuple[SearchStep, ...] = ()
    music: str = "music"  # a prompt, looped
    announce: tuple[str, ...] = ()  # heard once on entering
    operator_lost: tuple[str, ...] = ()  # heard when the operator's audio goes away in mid-call
    waiting_max: int = 1_000
    when_full: WayOut = WayOut()
    wait_max_ms: int = 3_600_000
    when_waited: WayOut = WayOut()
    unstaffed_max_ms: int = 0  # how long nobody may be logged in for it; 0: callers wait for somebody to come
    when_unstaffed: WayOut = WayOut()
    offer_timeout_ms: int = 15_000
    offer_timeout_by_channel_ms: dict[AudioChannel, int] = {}
    on_declined: OfferRule = OfferRule()
    on_no_answer: OfferRule = OfferRule()
    on_unreachable: OfferRule = OfferRule()
    on_vanished: OfferRule = OfferRule()
    vanished_grace_ms: int = (
        3_000  # an operator who rings and whose page went away may come back within this time
    )
    wrap_up_ms: int = 60_000
    wrap_up_extension_ms: int = 60_000
    wrap_up_max_ms: int = 600_000  # with all extensions
    talk_max_ms: int = 14_400_000
    agent_grace_ms: int = (
        20_000  # an operator whose page or audio vanished in mid-call has the call again within this time
    )
    last_operator_ms: int = 0  # who spoke to an operator within this time is kept for them; 0: never
    preferred_hold_ms: int = 20_000  # kept for the last or the preferred operator for so long
    repeat_priority: int = 0  # added for who called within the plan's `repeat_caller_ms`
    service_level_ms: int = 20_000
    short_abandon_ms: int = 5_000


class Outbound(Document, frozen=True, kw_only=True):
    """Calls that operators dial: in no queue, so what queues say of conversations is said here."""

    number: str = ""  # shown to who is called; empty: the first of the plan's numbers
    ring_max_ms: int = 120_000  # not answered by then: given up
    talk_max_ms: int = 14_400_000
    agent_grace_ms: int = 20_000
    music: str = ""  # a prompt, looped while the operator's audio is away; empty: silence
    operator_lost: tuple[str, ...] = ()
    wrap_up_ms: int = 60_000
    wrap_up_extension_ms: int = 60_000
    wrap_up_max_ms: int = 600_000


class Site(Document, frozen=True, kw_only=True):
    """A remote location with an exchange of its own that can take some of our calls."""

    name: str
    user: str  # it registers as
    capacity: int  # calls at a time
    district: str = ""
    order: int = 100  # the lower, the sooner
    weight: int = 1  # its share among those of one order
    cost: int = 0  # of a minute, in thousandths


class NotReadyReason(Document, frozen=True, kw_only=True):
    """Why an operator takes no calls."""

    paid: bool = True
    planned_ms: int = 0  # how long it should last; 0: not said


def _reasons() -> dict[str, NotReadyReason]:
    return {
        "break": NotReadyReason(planned_ms=900_000),
        "lunch": NotReadyReason(paid=False, planned_ms=2_700_000),
        "training": NotReadyReason(),
        "back_office": NotReadyReason(),
    }


class Plan(Document, frozen=True, kw_only=True):
    """The whole plan."""

    name: str
    numbers: tuple[Number, ...]
    prompts: dict[str, PromptText]
    flows: dict[str, Flow]
    queues: dict[str, Queue]
    skills: dict[str, str] = {}  # id and name
    callers: dict[str, Caller] = {}
    calendars: dict[str, Calendar] = {}
    sites: dict[str, Site] = {}
    outbound: Outbound = Outbound()
    country: str = "TR"  # how numbers without a country are read (ISO 3166)
    timezone: str = "Europe/Istanbul"
    not_ready_reasons: dict[str, NotReadyReason] = msgspec.field(default_factory=_reasons)
    not_ready_max_ms: int = 14_400_000  # then the operator is logged out
    login_max_ms: int = 57_600_000  # then the operator is logged out, after the current call
    session_grace_ms: int = 30_000  # an idle operator whose page vanished is logged out after this time
    edge_grace_ms: int = 60_000  # calls of an edge that went away and stays away end after this time
    repeat_caller_ms: int = 86_400_000
    callback_max_ms: int = (
        86_400_000  # a callback that was asked for is forgotten, and counted, after this time
    )
    seed: int = 0  # of random choices
    # Compiled: when a new day of counting begins, and from when to when calendars are known, in milliseconds since 1970.
    midnights_ms: tuple[int, ...] = ()
    compiled_ms: tuple[int, int] = (0, 0)


# Worked out, never written.
COMPILED: dict[type[Document], frozenset[str]] = {
    Calendar: frozenset({"open_ms", "holiday_ms"}),
    Plan: frozenset({"midnights_ms", "compiled_ms"}),
}
