"""The plan and the roster that an empty core begins with."""

from __future__ import annotations

from collections.abc import Callable

from acd_core.config import Config
from acd_core.documents import DocumentError
from santral.checks.finding import Finding, fail, ok, warn
from santral.documents import check_plan, check_roster


def plan(config: Config) -> Finding:
    if not config.plan_file:
        return ok("none given; the last one stays in force")
    path = config.resolve(config.plan_file)
    return _judge(str(path), "plan_file", lambda: check_plan(path))


def roster(config: Config) -> Finding:
    if not config.roster_file:
        return ok("none given; the last one stays in force")
    path = config.resolve(config.roster_file)
    plan_path = config.resolve(config.plan_file) if config.plan_file else None
    return _judge(str(path), "roster_file", lambda: check_roster(path, plan_path))


def _judge(name: str, key: str, check: Callable[[], tuple[str, ...]]) -> Finding:
    try:
        odd = check()
    except DocumentError as error:
        return fail(str(error), f"mend it, or set another {key}")
    if odd:
        more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        return warn(f"{name}: {odd[0]}{more}", "it works, but look at it")
    return ok(name)
