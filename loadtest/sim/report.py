"""A run's summary as a table for people."""

from __future__ import annotations

from typing import Any

from acd_core.statistics import SHOWN

_HEAD = ("queue", "entered", "answered", "in time", "abandoned", "ASA", "AHT", "longest wait", "most waiting")


def text_of(summary: dict[str, Any]) -> str:
    """One line a queue, one for all."""
    rows: list[tuple[str, ...]] = [_HEAD]
    queues = summary["queues"]
    rows.extend(_row(name, queues[name]) for name in queues)
    rows.append(_row("all", summary["total"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join((name.ljust(widths[0]), *numbers)))
    outcomes = ", ".join(f"{name} {count:,}" for name, count in summary["outcomes"].items())
    occupancy = share(summary["operators"]["all"]["occupancy"])
    return "\n".join(
        (
            f"{summary['contacts']:,} calls from {summary['from']} to {summary['to']}, seed {summary['inputs']['seed']}",
            f"outcomes: {outcomes or 'none'}",
            f"occupancy of operators: {occupancy}",
            *lines,
        )
    )


def share(value: float | None) -> str:
    """In percent."""
    return "–" if value is None else f"{value * 100:.1f} %"


def seconds(value_ms: float | None) -> str:
    """In seconds."""
    return "–" if value_ms is None else f"{value_ms / 1000:,.1f} s"


def _row(name: str, queue: dict[str, Any]) -> tuple[str, ...]:
    counters = queue["counters"]
    return (
        name,
        f"{counters['entered']:,}",
        f"{counters['answered']:,}",
        share(queue["service_level"][SHOWN]),
        share(queue["abandonment"]["abandoned"]),
        seconds(queue["answer_ms"]),
        seconds(queue["handling_ms"]),
        seconds(queue["longest_wait_ms"]),
        f"{queue['waiting_max']:,}",
    )
