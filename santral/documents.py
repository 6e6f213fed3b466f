"""Reads plan and roster files for `santral plan check`, `santral roster check` and the checks of this machine."""

from __future__ import annotations

from pathlib import Path

from acd_core.documents import load_plan, load_roster, read_document, warnings
from acd_core.domain.plan import Plan


def check_plan(path: Path) -> tuple[str, ...]:
    """What is odd about the plan; raises `DocumentError` when it can't be used."""
    return warnings(_plan(path))


def check_roster(path: Path, plan_path: Path | None) -> tuple[str, ...]:
    """What is odd about the roster beside the plan; raises `DocumentError` when it can't be used."""
    plan = _plan(plan_path) if plan_path is not None else None
    roster = load_roster(read_document(path), plan, str(path))
    if plan is None:
        return ()
    of_the_plan = set(warnings(plan))
    return tuple(text for text in warnings(plan, roster) if text not in of_the_plan)


def _plan(path: Path) -> Plan:
    return load_plan(read_document(path), path.parent, str(path))
