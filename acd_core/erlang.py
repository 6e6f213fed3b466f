"""How many agents how many calls need: Erlang's formulas, without and with callers who hang up.

Calls arrive at random (Poisson) at rate λ, are handled for an exponential time with mean 1/μ, and, where callers have patience,
hang up after an exponential time with mean 1/θ; c agents take them in order of arrival. With calls that can't wait this is
Erlang B, with endless patience Erlang C, with patience Erlang A (M/M/c+M).

How it is worked out, so that 2,000 agents are no harder than two:

- Erlang B by the recursion over c, Erlang C from it. No factorial, no power.
- Erlang A from the weights of the states, each from its neighbour by the balance of flows, beginning at the likeliest state, so
  that nothing overflows and only positive numbers are added.
- Shares of those who wait by integrating over the density of the wait that a caller without end of patience would have,
  v(x) ~ exp(λ/θ (1 - e^(-θx)) - cμx). It is smooth with one peak, so Gauss's rule on pieces much shorter than its width is
  exact to about twelve digits.

Sources:
- Erlang, A. K. (1917): Solution of some problems in the theory of probabilities of significance in automatic telephone
  exchanges. Elektroteknikeren 13. The loss formula (B) and the waiting formula (C).
- Palm, C. (1957): Research on telephone traffic carried by full availability groups. Tele 1. The model with patience.
- Baccelli, F.; Hebuterne, G. (1981): On queues with impatient customers. Performance '81. The density of the offered wait.
- Garnett, O.; Mandelbaum, A.; Reiman, M. (2002): Designing a call center with impatient customers. M&SOM 4(3), 208-227.
- Mandelbaum, A.; Zeltyn, S. (2005): The Palm/Erlang-A queue, with applications to call centers. Technion; shortened as Service
  engineering in action, in: Advances in Services Innovations, Springer 2007. Section 3: the states' weights; 4.6: the relation
  P(abandon) = θ E(wait).
- Zeltyn, S.; Mandelbaum, A. (2005): Call centers with impatient customers: many-server asymptotics of the M/M/n+G queue.
  Queueing Systems 51, 361-402. The integrals over the density.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

AGENTS_MAX = 100_000  # what a search for agents goes up to
# Weights below this share of the largest of their side change no digit of the sums.
_NEGLIGIBLE = 1e-22
# e^-45 is 3e-20: the density is integrated where it is above that share of its peak.
_DEPTH = 45.0
_PIECES = 180
# Gauss-Legendre with five points (Abramowitz and Stegun, 25.4.30): place between -1 and 1, weight.
_GAUSS = (
    (0.0, 128 / 225),
    (math.sqrt(5 - 2 * math.sqrt(10 / 7)) / 3, (322 + 13 * math.sqrt(70)) / 900),
    (-math.sqrt(5 - 2 * math.sqrt(10 / 7)) / 3, (322 + 13 * math.sqrt(70)) / 900),
    (math.sqrt(5 + 2 * math.sqrt(10 / 7)) / 3, (322 - 13 * math.sqrt(70)) / 900),
    (-math.sqrt(5 + 2 * math.sqrt(10 / 7)) / 3, (322 - 13 * math.sqrt(70)) / 900),
)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that are offered: how many an hour, the mean time to handle one, and the mean patience of who waits."""

    calls_per_hour: float
    handling_ms: float
    patience_ms: float = math.inf

    def __post_init__(self) -> None:
        for name in ("calls_per_hour", "handling_ms", "patience_ms"):
            value = getattr(self, name)
            if not value > 0 or (value == math.inf and name != "patience_ms"):
                raise ValueError(
                    f"{name} must be above 0{' and finite' if name != 'patience_ms' else ''}: {value}"
                )

    @property
    def arrival_rate(self) -> float:
        """λ, calls in a millisecond."""
        return self.calls_per_hour / 3_600_000

    @property
    def load(self) -> float:
        """Offered load in erlangs."""
        return self.arrival_rate * self.handling_ms


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """The long run of so many agents under such traffic. Shares are of all calls; times in milliseconds."""

    traffic: Traffic
    agents: int
    waits: float  # finds no agent free
    abandons: float
    wait_ms: float  # mean of all calls, who waited not at all included; endless when the queue only grows
    waiting: float  # calls in the queue, mean
    occupancy: float

    @property
    def answered_wait_ms(self) -> float:
        """The mean wait of those answered (ASA)."""
        answered = 1 - self.abandons
        if self.traffic.patience_ms == math.inf:
            return self.wait_ms
        if self.waits == 0:
            return 0.0
        theta = 1 / self.traffic.patience_ms
        return self.waits * _share(self, lambda x: x * math.exp(-theta * x)) / answered

    def answered_within(self, within_ms: float) -> float:
        """The share of all calls answered within this time."""
        if within_ms < 0:
            return 0.0
        if self.traffic.patience_ms == math.inf:
            spare = self.agents / self.traffic.handling_ms - self.traffic.arrival_rate
            return 1 - self.waits * math.exp(-max(0.0, spare) * within_ms)
        if self.waits == 0:
            return 1.0
        theta = 1 / self.traffic.patience_ms
        return 1 - self.waits + self.waits * _share(self, lambda x: math.exp(-theta * x), within_ms)

    def abandoned_within(self, within_ms: float) -> float:
        """The share of all calls given up within this time."""
        if within_ms <= 0 or self.traffic.patience_ms == math.inf or self.waits == 0:
            return 0.0
        theta = 1 / self.traffic.patience_ms
        # Who would wait longer than that has given up by then when their patience was shorter.
        early = _share(self, lambda x: -math.expm1(-theta * x), within_ms)
        longer = 1 - _share(self, lambda _: 1.0, within_ms)
        return self.waits * (early - math.expm1(-theta * within_ms) * longer)


def erlang_b(agents: int, load: float) -> float:
    """The share of calls that find all agents busy when nobody can wait (Erlang 1917, loss formula)."""
    _check(agents, load)
    inverse = 1.0  # of B; it only grows by positive terms, and may well become infinite: then B is 0
    for busy in range(1, agents + 1):
        inverse = 1.0 + inverse * busy / load
    return 1.0 / inverse


def erlang_c(agents: int, load: float) -> float:
    """The share of calls that wait when nobody gives up (Erlang 1917, waiting formula); 1 when there is too much load."""
    _check(agents, load)
    if load >= agents:
        return 1.0
    blocked = erlang_b(agents, load)
    return blocked / (1.0 - load / agents * (1.0 - blocked))


def steady(traffic: Traffic, agents: int) -> Steady:
    """Erlang A, or Erlang C when patience is endless."""
    _check(agents, traffic.load)
    if traffic.patience_ms == math.inf:
        return _erlang_c(traffic, agents)
    return _erlang_a(traffic, agents)


def agents_needed(
    traffic: Traffic, within_ms: float, share: float, *, occupancy_max: float = 1.0, abandons_max: float = 1.0
) -> int:
    """The fewest agents that answer this share of all calls in time; `ValueError` when `AGENTS_MAX` are not enough.

    More agents never make any of the three worse, which is what the search by halves rests on.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1: {share}")

    def enough(agents: int) -> bool:
        result = steady(traffic, agents)
        return (
            result.occupancy <= occupancy_max
            and result.abandons <= abandons_max
            and result.answered_within(within_ms) >= share
        )

    high = max(1, min(AGENTS_MAX, math.ceil(traffic.load)))
    while not enough(high):
        if high == AGENTS_MAX:
            raise ValueError(f"{AGENTS_MAX} agents are not enough")
        high = min(AGENTS_MAX, high + max(1, high // 8))
    low = 0  # not enough
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _erlang_c(traffic: Traffic, agents: int) -> Steady:
    load = traffic.load
    waits = erlang_c(agents, load)
    wait_ms = waits * traffic.handling_ms / (agents - load) if load < agents else math.inf
    return Steady(
        traffic=traffic,
        agents=agents,
        waits=waits,
        abandons=0.0,
        wait_ms=wait_ms,
        waiting=traffic.arrival_rate * wait_ms,
        occupancy=min(1.0, load / agents),
    )


def _erlang_a(traffic: Traffic, agents: int) -> Steady:
    """From the states' weights (Mandelbaum and Zeltyn 2005, section 3: birth and death with abandonment)."""
    arrival, handling, patience = traffic.arrival_rate, 1 / traffic.handling_ms, 1 / traffic.patience_ms
    load = traffic.load
    over = int((arrival - agents * handling) / patience) if load > agents else 0
    peak = agents + over if load > agents else int(load)
    total = waiting = queued = 0.0
    for calls, weight in _states(arrival, handling, patience, agents, peak):
        total += weight
        if calls >= agents:
            waiting += weight
            queued += weight * (calls - agents)
    queue = queued / total
    abandons = min(1.0, queue * patience / arrival)
    return Steady(
        traffic=traffic,
        agents=agents,
        waits=min(1.0, waiting / total),
        abandons=abandons,
        wait_ms=queue / arrival,  # Little
        waiting=queue,
        occupancy=min(1.0, load * (1 - abandons) / agents),
    )


def _states(
    arrival: float, handling: float, patience: float, agents: int, peak: int
) -> Iterator[tuple[int, float]]:
    """Numbers of calls and their weights, from the peak (weight 1) up and then down."""

    def leave(calls: int) -> float:
        return min(calls, agents) * handling + max(0, calls - agents) * patience

    calls, weight, least = peak, 1.0, 0.0
    while True:
        yield calls, weight
        if calls == max(peak, agents):
            least = weight * _NEGLIGIBLE
        calls += 1
        weight *= arrival / leave(calls)
        if weight <= least:
            break
    calls, weight, least = peak, 1.0, 0.0
    while calls > 0:
        weight *= leave(calls) / arrival
        calls -= 1
        if calls == min(peak, agents) - 1:
            least = weight * _NEGLIGIBLE
        if weight <= least:
            break
        yield calls, weight


def _share(result: Steady, of: Callable[[float], float], until_ms: float = math.inf) -> float:
    """The mean of `of` over the offered waits of those who wait, counting only waits until `until_ms` (Zeltyn and
    Mandelbaum 2005, after Baccelli and Hebuterne 1981).
    """
    traffic = result.traffic
    arrival, leave, theta = traffic.arrival_rate, result.agents / traffic.handling_ms, 1 / traffic.patience_ms
    peak = max(0.0, math.log(arrival / leave) / theta)

    def height(x: float) -> float:
        """The logarithm of the density over its peak. Written from the peak, so that nothing large is subtracted."""
        at_peak = arrival * math.exp(-theta * peak)  # `leave` when the peak is within, else `arrival`
        return -at_peak / theta * math.expm1(-theta * (x - peak)) - leave * (x - peak)

    low = _edge(height, peak, -1.0, arrival + leave)
    high = _edge(height, peak, 1.0, arrival + leave)
    low = max(0.0, low)
    whole = _integral(lambda x: math.exp(height(x)), low, high)
    if until_ms <= low:
        return 0.0
    return _integral(lambda x: of(x) * math.exp(height(x)), low, min(high, until_ms)) / whole


def _edge(height: Callable[[float], float], peak: float, direction: float, rate: float) -> float:
    """Where, on this side of the peak, the density has become negligible."""
    near, far = 0.0, 1.0 / rate
    while height(peak + direction * far) > -_DEPTH and (direction > 0 or far < peak):
        near, far = far, 2 * far
    for _ in range(40):
        middle = (near + far) / 2
        if height(peak + direction * middle) > -_DEPTH:
            near = middle
        else:
            far = middle
    return peak + direction * far


def _integral(function: Callable[[float], float], low: float, high: float) -> float:
    half = (high - low) / _PIECES / 2
    return half * math.fsum(
        weight * function(low + (2 * piece + 1 + place) * half)
        for piece in range(_PIECES)
        for place, weight in _GAUSS
    )


def _check(agents: int, load: float) -> None:
    if agents < 1:
        raise ValueError(f"agents must be at least 1: {agents}")
    if not 0 < load < math.inf:
        raise ValueError(f"the load must be above 0 and finite: {load}")
