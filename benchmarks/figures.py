"""How figures are taken and told: interleaved repeats, best, median and spread, the machine they come from, and one
table a file.

Processor time of the thread is what is measured wherever nothing waits, so that a machine shared with other work
disturbs less; it still shares caches, memory and clock speed with that work, which is why the best of several repeats
says what the code costs and the spread says what the machine was doing.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from acd_core.domain import events as ev
from benchmarks.plots import Bar, Panel, draw

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


class Spread(NamedTuple):
    """Of several repeats of one measurement, in the order best, median, worst."""

    best: float
    median: float
    worst: float


def spread(values: Sequence[float], *, higher_is_better: bool) -> Spread:
    """Best, median and worst."""
    ordered = sorted(values, reverse=higher_is_better)
    return Spread(ordered[0], statistics.median(ordered), ordered[-1])


def bar(label: str, figures: Spread, *, floor: bool = False) -> Bar:
    """The median, and the best and the worst as its spread."""
    ordered = sorted((figures.best, figures.worst))
    return Bar(label, figures.median, ordered[0], ordered[1], floor)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the sorted values does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> str:
    """What the figures were taken on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}; load average over 1, 5 and 15 minutes when it ended: {load}"
    )


@contextmanager
def settled() -> Iterator[None]:
    """What was made so far is not looked at by the garbage collector meanwhile: a core does the same once it has
    recovered.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def processor_s(run: Callable[[], T]) -> tuple[float, T]:
    """Processor time of this thread that a call takes, and what it gives."""
    begun = time.thread_time()
    result = run()
    return time.thread_time() - begun, result


def bare_dispatch(history: Sequence[tuple[ev.AnyEvent, int]]) -> float:
    """The floor: processor time to look a handler up by each event's type and call it, and nothing else."""

    def nothing(event: ev.AnyEvent, now_ms: int) -> tuple[()]:
        return ()

    handlers = {type(event): nothing for event, _ in history}
    begun = time.thread_time()
    for event, now_ms in history:
        handlers[type(event)](event, now_ms)
    return time.thread_time() - begun


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def write_results(name: str, title: str, parts: Sequence[str], panels: Sequence[Panel] = ()) -> None:
    """Print it and put it into `results/NAME.md`, with a picture of the panels beside it."""
    picture = [f"![{title}]({name}.png)\n"] if panels else []
    text = "\n".join([f"# {title}\n", *parts, *picture, f"Machine: {machine()}.\n"])
    print(text)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    if panels:
        draw(RESULTS / f"{name}.png", title, panels)
