"""The plan and the roster that an empty core begins with."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import msgspec

from acd_core.config import Config
from acd_core.documents import DocumentError, read_document
from acd_core.domain.plan import Plan
from santral.checks.finding import Finding, fail, ok, warn
from santral.documents import check_plan, check_roster

_PLAN_COUNTRY = {field.name: field.default for field in msgspec.structs.fields(Plan)}["country"]


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


def country(config: Config) -> Finding:
    """The edge reads callers' numbers by the configuration, the plan's callers are read by the plan."""
    if not config.plan_file:
        return ok(f"{config.country}; no plan is given to compare with")
    try:
        document = tomllib.loads(read_document(config.resolve(config.plan_file)))
    except (DocumentError, tomllib.TOMLDecodeError):
        return ok(f"{config.country}; the plan's can't be read")
    theirs = document.get("country", _PLAN_COUNTRY)
    if theirs != config.country:
        return warn(
            f"callers' numbers are read as of {config.country}, those of the plan as of {theirs}",
            "set the same country in santral.toml and in the plan, or known callers are not recognised",
        )
    return ok(config.country)


def _judge(name: str, key: str, check: Callable[[], tuple[str, ...]]) -> Finding:
    try:
        odd = check()
    except DocumentError as error:
        return fail(str(error), f"mend it, or set another {key}")
    if odd:
        more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        return warn(f"{name}: {odd[0]}{more}", "it works, but look at it")
    return ok(name)
