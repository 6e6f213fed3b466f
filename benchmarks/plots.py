"""Pictures of figures: bars from zero (or on a logarithmic scale) with the spread of their repeats, and the budget as a line.

Beside each other stand only figures of one run and one unit; another unit is a panel of its own. Colours are those of Okabe and
Ito, which colour-blind people tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, GREY, RED, INK = "#0072B2", "#8c8c8c", "#D55E00", "#333333"


class Bar(NamedTuple):
    """One figure, and what its repeats lie between."""

    label: str
    value: float
    low: float
    high: float
    floor: bool = False  # what it is compared with, in grey


class Panel(NamedTuple):
    """Bars of one unit. `budget` is a line, or `None`."""

    unit: str
    bars: Sequence[Bar]
    budget: float | None = None
    log: bool = False


def draw(path: Path, title: str, panels: Sequence[Panel]) -> None:
    """Write one PNG with the panels below each other."""
    rows = sum(len(panel.bars) for panel in panels)
    figure = Figure(figsize=(8, 1.0 + 0.42 * rows + 0.75 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    heights = [len(panel.bars) + 1.2 for panel in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        _panel(axis, panel)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _panel(axis: Axes, panel: Panel) -> None:
    bars = list(reversed(panel.bars))
    places = range(len(bars))
    axis.barh(
        places,
        [bar.value for bar in bars],
        height=0.6,
        color=[GREY if bar.floor else BLUE for bar in bars],
        xerr=[[bar.value - bar.low for bar in bars], [bar.high - bar.value for bar in bars]],
        error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 3},
    )
    axis.set_yticks(list(places), [bar.label for bar in bars])
    if panel.log:
        axis.set_xscale("log")
    longest = max(bar.high for bar in bars)
    for place, bar in zip(places, bars, strict=True):
        axis.annotate(
            f"{bar.value:,.{_digits(bar.value)}f}",
            (bar.high, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    if panel.budget is not None:
        axis.axvline(panel.budget, color=RED, linewidth=1.5, linestyle="--")
        axis.annotate(
            f"budget {panel.budget:,.{_digits(panel.budget)}f}",
            (panel.budget, len(bars) - 0.45),
            ha="center",
            va="bottom",
            color=RED,
            annotation_clip=False,
        )
        longest = max(longest, panel.budget)
    axis.set_xlim(right=longest * (3 if panel.log else 1.15))
    axis.set_xlabel(panel.unit)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)


def _digits(value: float) -> int:
    return 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
