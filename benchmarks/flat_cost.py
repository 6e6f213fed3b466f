"""What a call costs in a large centre, over what it costs in a small one.

Small: 100 agents, 10 calls waiting. Large: 100,000 agents, 10,000 calls waiting (of at most 20,000 live). In both,
half of the calls meet a ready agent; the other half join the end of a busy queue, and an agent who becomes free there
has the first who waits. The same events in the same proportion, in turn a hundred calls small and a hundred large in
one process, on two routers; processor time.

    python -m benchmarks.flat_cost [--calls N] [--agents N] [--waiting N]
"""

from __future__ import annotations

import argparse
import time

from acd_core.domain import events as ev
from acd_core.domain.router import Router
from acd_core.domain.state import decode_state, encode_state
from benchmarks.city import QUEUES, Day, History
from benchmarks.figures import bar, bare_dispatch, settled, spread, table, write_results
from benchmarks.plots import Panel

BUDGET = 1.5
CHUNK = 100  # calls
TALKING = 20  # agents of the busy half who talk; the others are not ready
EVENTS_A_CALL = 4


class Centre:
    """A day with queues of even numbers where agents are ready and queues of odd numbers where all are busy."""

    def __init__(self, agents: int, waiting: int) -> None:
        """Open it, and have so many callers wait."""
        self.agents, self.waiting = agents, waiting
        self.day = day = Day()
        day.open(agents, ready=0)
        for number in [*range(0, agents, 2), *range(1, 2 * TALKING, 2)]:
            agent = f"a{number:06}"
            day.tell(ev.ReadyRequested(agent=agent, session=f"s-{agent}"))
        self._turn = 0
        # Who talks in the busy half, then who waits there.
        while len(day.router.state.calls) < waiting + TALKING:
            self._arrive(odd=True)
        assert len(day.talking) >= TALKING // 2, "the busy half talks"
        day.take_history()
        self.state = encode_state(day.router.state)

    def _arrive(self, *, odd: bool) -> None:
        self._turn += 1
        self.day.now_ms += 1
        self.day.arrive((2 * self._turn) % QUEUES + odd)

    def lives(self, calls: int) -> History:
        """So many calls come, and as many end."""
        day = self.day
        while day.talking and not _odd(day.talking[0][1]):
            day.talking.popleft()
        busy = day.talking
        for number in range(calls):
            if number % 2:
                self._arrive(odd=True)
                day.end_one()  # an agent of the busy half, who has the next who waits
            else:
                self._arrive(odd=False)
                busy.appendleft(busy.pop())  # that of the ready half, who talks shortly
                day.end_one()
        return day.take_history()


def _odd(agent: str) -> bool:
    return int(agent[1:]) % 2 == 1


def chunk_s(router: Router, history: History) -> float:
    """Processor time of these events."""
    apply = router.apply
    begun = time.thread_time()
    for event, now_ms in history:
        apply(event, now_ms)
    return time.thread_time() - begun


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    asked = parser.parse_args()
    centres = [Centre(100, 10), Centre(asked.agents, asked.waiting)]
    chunks = [[centre.lives(CHUNK) for _ in range(asked.calls // CHUNK)] for centre in centres]
    routers = [Router(decode_state(centre.state)) for centre in centres]
    for centre in centres:
        del centre.day
    spent: list[list[float]] = [[], []]
    floor: list[float] = []
    with settled():
        for turn in range(asked.calls // CHUNK):
            for which in (0, 1):
                spent[which].append(chunk_s(routers[which], chunks[which][turn]))
            floor.append(bare_dispatch(chunks[0][turn]))
    for centre, router in zip(centres, routers, strict=True):
        assert not router.state.stale, "nothing came too late"
        assert sum(call.state == "waiting" for call in router.state.calls.values()) >= centre.waiting
    figures = [
        spread([seconds / CHUNK * 1e6 for seconds in values], higher_is_better=False) for values in spent
    ]
    bare = spread([seconds / CHUNK * 1e6 for seconds in floor], higher_is_better=False)
    rows = [
        [
            f"{centre.agents:,}",
            f"{centre.waiting:,}",
            *(f"{value:.1f}" for value in cost),
            f"{cost.best / bare.best:.0f}",
            f"{cost.best / figures[0].best:.2f}",
            f"{cost.median / figures[0].median:.2f}",
        ]
        for centre, cost in zip(centres, figures, strict=True)
    ]
    write_results(
        "flat_cost",
        "What a call costs in a large centre",
        [
            (
                f"`python -m benchmarks.flat_cost`: the router alone, {asked.calls:,} calls in each of two centres, "
                f"in turn {CHUNK} calls "
                "in the one and in the other; half meet a ready agent, half join the end of a queue while the first "
                "of it is offered to "
                f"who became free. Microseconds of processor time a call; bare dispatch of the same events: {bare.best:.2f}.\n"
            ),
            table(
                [
                    "agents",
                    "waiting",
                    "best",
                    "median",
                    "worst",
                    "times the floor",
                    "ratio of the best",
                    "of the medians",
                ],
                rows,
            ),
            f"Budget: at most {BUDGET} times.\n",
        ],
        [
            Panel(
                "µs a call",
                [
                    bar(f"{centre.agents:,} agents, {centre.waiting:,} waiting", cost)
                    for centre, cost in zip(centres, figures, strict=True)
                ],
                BUDGET * figures[0].median,
            )
        ],
    )


if __name__ == "__main__":
    main()
