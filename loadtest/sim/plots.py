"""Pictures of a run, readable for an hour and for a year, and the same bytes for the same run.

Colours are those of Okabe and Ito, which colour-blind people tell apart; lines differ in more than colour. Times are local to the
plan. A long run is drawn in wider steps, so that a picture never has more than some hundred of them, and says how wide they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, PercentFormatter

from acd_core.domain.plan import Plan
from acd_core.statistics import agent_time
from loadtest.sim.folder import PLOTS
from loadtest.sim.outcomes import quantiles
from loadtest.sim.tally import ALL, Tally
from loadtest.sim.watcher import INTERVAL_MS

BLUE, ORANGE, GREEN, RED, GREY, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666", "#56B4E9"
_STEPS_MAX = 400
_STEPS = (1, 2, 4, 8, 12, 24, 48, 336)  # in half hours: up to a week
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 86_400)
_TITLE_PAD = 24  # room for the legend
_NAMES_MAX = 40  # operators named one by one
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "santral",
}


def write_plots(folder: Path, tally: Tally, plan: Plan) -> None:
    """Write all of them."""
    drawings: tuple[Callable[[Axes, Tally, Plan], None], ...] = (
        _arrivals,
        _waiting,
        _service_level_by_hour,
        _waits,
        _occupancy,
    )
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever this machine's own settings are
        mpl.rcParams.update(_STYLE)
        for name, draw in zip(PLOTS, drawings, strict=True):
            figure = Figure(figsize=(10, 4.8), dpi=110, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure.add_subplot(), tally, plan)
            figure.savefig(folder / name, metadata={"Software": None})


class _Steps:
    """A run's half hours gathered into steps that a picture has room for."""

    def __init__(self, tally: Tally, plan: Plan) -> None:
        self.zone = ZoneInfo(plan.timezone)
        self.tally = tally
        self.width = next((step for step in _STEPS if tally.intervals / step <= _STEPS_MAX), _STEPS[-1])
        first = datetime.fromtimestamp(tally.start_ms / 1000, self.zone)
        # Steps begin at local midnight, so that days are days.
        halves = (first.hour * 60 + first.minute) // 30 % self.width
        self.start_ms = tally.start_ms - halves * INTERVAL_MS
        self.offset = halves
        self.count = -(-(tally.intervals + halves) // self.width)

    @property
    def name(self) -> str:
        """How wide a step is, in words."""
        minutes = self.width * 30
        return {30: "half hour", 60: "hour", 1440: "day", 10080: "week"}.get(
            minutes, f"{minutes // 60} hours" if minutes < 1440 else f"{minutes // 1440} days"
        )

    def times(self) -> Any:
        """When the steps begin, and the last one ends; without a zone, for the axis shows the plan's."""
        start = datetime.fromtimestamp(self.start_ms / 1000, self.zone).replace(tzinfo=None)
        steps = [start + timedelta(minutes=30 * self.width * step) for step in range(self.count + 1)]
        return np.array(steps, dtype="datetime64[s]")

    def gather(self, of: Callable[[int], float], *, peak: bool = False) -> Any:
        """A value for each step: the sum of its half hours, or the highest."""
        values = np.zeros(self.count * self.width)
        values[self.offset : self.offset + self.tally.intervals] = [
            of(interval) for interval in range(self.tally.intervals)
        ]
        rows = values.reshape(self.count, self.width)
        return rows.max(axis=1) if peak else rows.sum(axis=1)


def _arrivals(axes: Axes, tally: Tally, plan: Plan) -> None:
    steps = _Steps(tally, plan)
    series, times = tally.all, steps.times()
    entered = steps.gather(series.entered.__getitem__)
    answered = steps.gather(series.answered.__getitem__)
    abandoned = steps.gather(series.abandoned.__getitem__)
    axes.stairs(answered, times, fill=True, color=SKY, label=f"answered ({series.answered.total():,})")
    axes.stairs(
        answered + abandoned,
        times,
        baseline=answered,
        fill=True,
        color=RED,
        label=f"abandoned ({series.abandoned.total():,})",
    )
    axes.stairs(
        entered,
        times,
        baseline=None,
        color="black",
        linewidth=0.8,
        label=f"queued ({series.entered.total():,})",
    )
    axes.set_title("Calls that began to wait, and what became of them", pad=_TITLE_PAD)
    axes.set_ylabel(f"calls per {steps.name}")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _time_axis(axes, steps)
    _legend(axes)


def _waiting(axes: Axes, tally: Tally, plan: Plan) -> None:
    steps = _Steps(tally, plan)
    times = steps.times()
    waiting = steps.gather(tally.all.waiting_max.__getitem__, peak=True)
    lasted_ms = np.maximum(1, steps.gather(tally.lasted_ms))
    staff = steps.gather(lambda interval: tally.staff(ALL, interval).staffed_ms) / lasted_ms
    busy = steps.gather(lambda interval: tally.staff(ALL, interval).busy_ms) / lasted_ms
    axes.stairs(waiting, times, fill=True, color=ORANGE, alpha=0.9, label="callers waiting, most at once")
    axes.stairs(staff, times, baseline=None, color=BLUE, linewidth=1.8, label="operators at work, mean")
    axes.stairs(
        busy,
        times,
        baseline=None,
        color=GREEN,
        linewidth=1.4,
        linestyle=(0, (4, 2)),
        label="of them busy, mean",
    )
    top = max(float(staff.max(initial=1.0)), float(waiting.max(initial=1.0)))
    if top > 20 * max(1.0, float(staff.max(initial=1.0))):
        axes.set_yscale("symlog", linthresh=max(1.0, float(staff.max(initial=1.0))))
    axes.set_title(f"Callers waiting and operators at work, by {steps.name}", pad=_TITLE_PAD)
    axes.set_ylabel("callers, operators")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _time_axis(axes, steps)
    _legend(axes)


def _service_level_by_hour(axes: Axes, tally: Tally, plan: Plan) -> None:
    zone = ZoneInfo(plan.timezone)
    entered, in_time, abandoned = np.zeros(24), np.zeros(24), np.zeros(24)
    series = tally.all
    for interval in range(tally.intervals):
        at_s = (tally.start_ms + interval * INTERVAL_MS) / 1000
        hour = datetime.fromtimestamp(at_s, zone).hour
        entered[hour] += series.entered[interval]
        in_time[hour] += series.in_time[interval]
        abandoned[hour] += series.abandoned[interval]
    hours = np.arange(24)
    known = entered > 0
    axes.bar(hours[known], in_time[known] / entered[known], width=0.8, color=BLUE, label="answered in time")
    axes.plot(
        hours[known],
        abandoned[known] / entered[known],
        color=RED,
        marker="D",
        markersize=5,
        linestyle="none",
        label="abandoned",
    )
    axes.axhline(0.8, color=GREY, linewidth=1, linestyle=(0, (6, 3)), label="80 %")
    seconds = sorted({queue.service_level_ms // 1000 for queue in plan.queues.values()})
    within = f"{seconds[0]} s" if len(seconds) == 1 else "each queue's target"
    axes.set_title(f"Share of queued calls answered within {within}, by hour of day", pad=_TITLE_PAD)
    axes.set_ylabel("share of queued calls")
    axes.set_xlabel(f"hour of day ({plan.timezone})")
    axes.set_ylim(0, 1.0)
    axes.set_xlim(-0.6, 23.6)
    axes.set_xticks(range(0, 24, 2), [f"{hour:02d}" for hour in range(0, 24, 2)])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=False, axis="x")
    _legend(axes)


def _waits(axes: Axes, tally: Tally, plan: Plan) -> None:
    answered = np.array(tally.answered_waits_ms, dtype=float) / 1000
    abandoned = np.array(tally.abandoned_waits_ms, dtype=float) / 1000
    both = np.concatenate((answered, abandoned))
    # The longest waits would leave the others no room: the last bar holds what is beyond.
    reach = max(1.0, float(np.quantile(both, 0.99))) if both.size else 1.0
    edges = np.linspace(0, reach, 61)
    counts, _ = np.histogram(np.clip(answered, 0, reach), bins=edges)
    axes.stairs(counts, edges, fill=True, color=SKY, label=f"answered ({answered.size:,})")
    counts, _ = np.histogram(np.clip(abandoned, 0, reach), bins=edges)
    axes.stairs(counts, edges, color=RED, linewidth=1.8, label=f"abandoned ({abandoned.size:,})")
    if both.size:
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(bottom=0)
    found = quantiles(tally.answered_waits_ms)
    for name, line in (("p50_ms", "-"), ("p90_ms", "--"), ("p99_ms", ":")):
        if name in found:
            at_s = found[name] / 1000
            label = f"{name[1:3]} % in {duration(at_s)}"
            axes.axvline(min(at_s, reach), color="black", linestyle=line, linewidth=1.2, label=label)
    axes.set_title("How long callers waited; 50, 90 and 99 % of those answered", pad=_TITLE_PAD)
    axes.set_xlabel(f"wait; the last bar holds all from {duration(reach)} on")
    axes.set_ylabel("calls (logarithmic above 10)")
    axes.set_xlim(0, reach * 1.005)
    ticks = next((step for step in _TICKS_S if reach / step <= 10), _TICKS_S[-1])
    axes.xaxis.set_major_locator(MultipleLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(visible=False, axis="x")
    _legend(axes)


def _occupancy(axes: Axes, tally: Tally, plan: Plan) -> None:
    shares = [
        (time.occupancy, id_)
        for id_, time in ((id_, agent_time((spent,))) for id_, spent in tally.spent_ms().items())
        if time.occupancy is not None
    ]
    shares.sort(key=lambda entry: (-entry[0], entry[1]))
    values = [share for share, _ in shares]
    places = range(len(values))
    axes.bar(places, values, width=0.85 if len(values) <= _NAMES_MAX else 1.0, color=BLUE)
    if values:
        mean = agent_time(tally.spent_ms().values()).occupancy or 0.0
        axes.axhline(mean, color=RED, linewidth=1.4, linestyle=(0, (6, 3)), label=f"all together {mean:.0%}")
        _legend(axes)
    axes.set_title("Occupancy by operator: busy, of busy and ready", pad=_TITLE_PAD)
    axes.set_ylabel("occupancy")
    axes.set_ylim(0, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.6, max(1.0, len(values) - 0.4))
    if len(values) <= _NAMES_MAX:
        axes.set_xticks(list(places), [id_ for _, id_ in shares], rotation=60, ha="right", fontsize=8)
    else:
        axes.set_xlabel(f"{len(values)} operators, the busiest first")
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))


def _time_axis(axes: Axes, steps: _Steps) -> None:
    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"time ({steps.zone.key})")
    times = steps.times()
    axes.set_xlim(times[0], times[-1])
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(visible=False, axis="x")


def _legend(axes: Axes) -> None:
    """Between title and picture, where it covers nothing and makes nothing smaller."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=5,
        fontsize=9,
        borderaxespad=0.2,
        borderpad=0.0,
        handlelength=1.6,
        columnspacing=1.4,
    )
    legend.set_in_layout(False)


def duration(seconds: float) -> str:
    """As a tick or a legend says it."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    return f"{seconds / 3600:.3g} h"
