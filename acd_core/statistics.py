"""What the counts of a queue mean: service level, speed of answer, abandonment, handling time; and agents' occupancy.

There is no one service level. What separates the published ones is what becomes of callers who hang up: whether they count as
missed, as met when they left within the target, or not at all. So every variant has an id that never changes, and its formula is
data: the same few counts give all of them, the text of the formula is made from what is calculated, and a report can say which
one it shows. docs/statistics.md gives each with its source, and says what is counted when.

A share of nothing is `None`: neither 0 % nor 100 % would be true of a queue that nobody called. Counts of several queues are
added before anything is divided (`combined`), because a mean of shares would weigh a quiet queue like a busy one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from acd_core.domain.commands import AgentState
from acd_core.domain.counters import QueueCounters

# Calls that left the queue by a rule of the plan, neither answered nor hung up.
FLOW_OUTS = ("moved", "callbacks", "waited_out", "unstaffed")
BUSY: tuple[AgentState, ...] = ("ringing", "talking", "wrap_up")  # a ringing agent can have no other call
# The variant that a wallboard shows when it shows one.
SHOWN = "without_short"


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over counts; `part` and `whole` are names of counters, those in `without` are taken out of both or of `whole`."""

    id: str
    part: tuple[str, ...]
    whole: tuple[str, ...]
    less_part: tuple[str, ...] = ()
    less_whole: tuple[str, ...] = ()
    source: str

    @property
    def formula(self) -> str:
        """As people write it."""
        return f"{_text(self.part, self.less_part)} / {_text(self.whole, self.less_whole)}"

    def of(self, counters: QueueCounters) -> float | None:
        """The share, from 0 to 1; `None` of nothing."""
        whole = _sum(counters, self.whole) - _sum(counters, self.less_whole)
        if whole <= 0:
            return None
        # A threshold for short abandons above the target takes out calls that were never in the part, and who entered before
        # midnight is answered after it.
        return min(1.0, max(0, _sum(counters, self.part) - _sum(counters, self.less_part)) / whole)


ICMI = "ICMI, Queue Tips: Service Level Calculations (1 August 2002)"
CISCO = "Cisco, Unified Intelligence Center 9.0(1) User Guide, Unified ICM Service-Level Calculation"
GENESYS = "Genesys, Genesys Cloud CX Resource Center, Configure the service level calculation"

SERVICE_LEVELS: tuple[Ratio, ...] = (
    Ratio(
        id="of_answered",
        part=("answered_in_time",),
        whole=("answered",),
        source=f"{ICMI}, formula 2; {GENESYS}, without abandons",
    ),
    Ratio(
        id="of_all",
        part=("answered_in_time",),
        whole=("answered", "abandoned"),
        source=f"{ICMI}, formula 3; {CISCO}, negative impact; {GENESYS}, with short abandons",
    ),
    Ratio(
        id="without_short",
        part=("answered_in_time",),
        whole=("answered", "abandoned"),
        less_whole=("short_abandoned",),
        source=f"{GENESYS}, without short abandons; {CISCO}, negative impact with a short calls timer",
    ),
    Ratio(
        id="without_abandoned_in_time",
        part=("answered_in_time",),
        whole=("answered", "abandoned"),
        less_whole=("abandoned_in_time",),
        source=f"{ICMI}, formula 4; {CISCO}, abandoned calls ignored",
    ),
    Ratio(
        id="abandoned_in_time_met",
        part=("answered_in_time", "abandoned_in_time"),
        whole=("answered", "abandoned"),
        source=f"{ICMI}, formula 1; {CISCO}, positive impact",
    ),
    Ratio(
        id="abandoned_in_time_met_without_short",
        part=("answered_in_time", "abandoned_in_time"),
        less_part=("short_abandoned",),
        whole=("answered", "abandoned"),
        less_whole=("short_abandoned",),
        source=f"{CISCO}, positive impact with a short calls timer",
    ),
    Ratio(
        id="short_met",
        part=("answered_in_time", "short_abandoned"),
        whole=("answered", "abandoned"),
        source=f"{ICMI}, formula 5",
    ),
    Ratio(
        id="with_flow_outs",
        part=("answered_in_time",),
        whole=("answered", "abandoned", *FLOW_OUTS),
        source=f"{GENESYS}, with flow-outs and short abandons",
    ),
    Ratio(
        id="with_flow_outs_without_short",
        part=("answered_in_time",),
        whole=("answered", "abandoned", *FLOW_OUTS),
        less_whole=("short_abandoned",),
        source=f"{GENESYS}, with flow-outs",
    ),
    Ratio(
        id="of_entered",
        part=("answered_in_time",),
        whole=("entered",),
        source="Call Centre Helper, How to Calculate Contact Centre Service Level (22 November 2017)",
    ),
    Ratio(
        id="of_offered",
        part=("answered_in_time",),
        whole=("entered", "full"),
        source="Code of Maryland Regulations 20.50.12.08 A (of all calls offered to the utility)",
    ),
)

ABANDONMENT: tuple[Ratio, ...] = (
    Ratio(
        id="abandoned",
        part=("abandoned",),
        whole=("answered", "abandoned"),
        source="Mandelbaum and Zeltyn, The Palm/Erlang-A Queue (Technion, 2005), 4.5",
    ),
    Ratio(
        id="abandoned_without_short",
        part=("abandoned",),
        less_part=("short_abandoned",),
        whole=("answered", "abandoned"),
        less_whole=("short_abandoned",),
        source="Mandelbaum and Zeltyn, The Palm/Erlang-A Queue (Technion, 2005), 4.2",
    ),
    Ratio(
        id="abandoned_of_offered",
        part=("abandoned",),
        whole=("entered", "full"),
        source="Code of Maryland Regulations 20.50.12.08 B",
    ),
)

_RATIOS = {ratio.id: ratio for ratio in (*SERVICE_LEVELS, *ABANDONMENT)}


class QueueStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue's counts come to. Shares are from 0 to 1, times in milliseconds; `None`: of nothing."""

    service_level: dict[str, float | None]  # by the id of the variant
    abandonment: dict[str, float | None]
    answer_ms: float | None  # ASA: the mean wait of those answered, who waited not at all included
    abandoned_wait_ms: float | None  # mean
    talk_ms: float | None  # mean, with holds
    wrap_up_ms: float | None  # mean of the wrap-ups that ended
    handling_ms: float | None  # AHT: talk and wrap-up for each conversation
    longest_wait_ms: int


class AgentTime(msgspec.Struct, frozen=True, kw_only=True):
    """What agents' time went into, in milliseconds, and its shares."""

    busy_ms: int
    ready_ms: int
    not_ready_ms: int
    occupancy: float | None  # busy, of busy and ready
    utilisation: float | None  # busy and ready, of all the time logged in


def service_level(counters: QueueCounters, variant: str = SHOWN) -> float | None:
    """One variant; `KeyError` for an id that there is not."""
    return _RATIOS[variant].of(counters)


def queue_statistics(counters: QueueCounters) -> QueueStatistics:
    """All that can be said of these counts."""
    return QueueStatistics(
        service_level={ratio.id: ratio.of(counters) for ratio in SERVICE_LEVELS},
        abandonment={ratio.id: ratio.of(counters) for ratio in ABANDONMENT},
        answer_ms=answer_ms(counters),
        abandoned_wait_ms=_mean(counters.abandoned_wait_ms, counters.abandoned),
        talk_ms=_mean(counters.talk_ms, counters.handled),
        wrap_up_ms=_mean(counters.wrap_up_ms, counters.wrapped_up),
        handling_ms=handling_ms(counters),
        longest_wait_ms=counters.longest_wait_ms,
    )


def answer_ms(counters: QueueCounters) -> float | None:
    """The average speed of answer (ASA)."""
    return _mean(counters.answered_wait_ms, counters.answered)


def handling_ms(counters: QueueCounters) -> float | None:
    """The average handling time (AHT)."""
    return _mean(counters.talk_ms + counters.wrap_up_ms, counters.handled)


def combined(counters: Iterable[QueueCounters]) -> QueueCounters:
    """The counts of several queues as those of one: sums, and the longest of the waits."""
    total = QueueCounters()
    for each in counters:
        for name in QueueCounters.__struct_fields__:
            mine, other = getattr(total, name), getattr(each, name)
            setattr(total, name, max(mine, other) if name == "longest_wait_ms" else mine + other)
    return total


def agent_time(spent_ms: Iterable[Mapping[AgentState, int]]) -> AgentTime:
    """The time of one or several agents, from what each spent in every state."""
    busy = ready = not_ready = 0
    for states in spent_ms:
        busy += sum(states.get(state, 0) for state in BUSY)
        ready += states.get("ready", 0)
        not_ready += states.get("not_ready", 0)
    return AgentTime(
        busy_ms=busy,
        ready_ms=ready,
        not_ready_ms=not_ready,
        occupancy=_mean(busy, busy + ready),
        utilisation=_mean(busy + ready, busy + ready + not_ready),
    )


def _sum(counters: QueueCounters, names: tuple[str, ...]) -> int:
    return sum(getattr(counters, name) for name in names)


def _mean(total: int, count: int) -> float | None:
    return total / count if count else None


def _text(plus: tuple[str, ...], minus: tuple[str, ...]) -> str:
    text = " + ".join(plus) + "".join(f" − {name}" for name in minus)
    return f"({text})" if len(plus) + len(minus) > 1 else text
