"""`santral arrivals`: read a profile, make arrivals, write them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from acd_core.documents import load_plan, read_document
from loadtest.sim.arrivals import REQUIRED, write_arrivals
from loadtest.sim.errors import SimError
from loadtest.sim.folder import draft_beside
from loadtest.sim.generator import Asked, Generator, parse_storm
from loadtest.sim.run import progress_bar
from loadtest.sim.traffic import load_profile

_HEADER_BYTES = 4_096


class GenerateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made, and from what."""

    plan: Path
    traffic: Path
    out: Path
    first_day: date
    days: int
    contacts: int | None = None
    storms: tuple[str, ...] = ()
    seed: int = 0
    progress: bool | None = None


class Generated(msgspec.Struct, frozen=True):
    """How many were made, and how many were to be expected without storms."""

    count: int
    expected: float


def generate(options: GenerateOptions) -> Generated:
    """Write the file; raises `DocumentError` or `SimError`."""
    plan = load_plan(read_document(options.plan), options.plan.parent, str(options.plan))
    profile = load_profile(read_document(options.traffic), plan, str(options.traffic))
    asked = Asked(
        first_day=options.first_day,
        days=options.days,
        contacts=options.contacts,
        storms=tuple(parse_storm(text, plan.timezone) for text in options.storms),
        seed=options.seed,
    )
    generator = Generator(profile, asked, plan.timezone)
    _refuse_foreign(options.out)
    with (
        draft_beside(options.out) as draft,
        progress_bar(generator, round(generator.expected), shown=options.progress, what="making") as arrivals,
    ):
        count = write_arrivals(draft, arrivals)
    return Generated(count, generator.expected)


def _refuse_foreign(out: Path) -> None:
    """An earlier file of arrivals may be written anew, nothing else."""
    try:
        if not out.exists():
            return
        if not out.is_file() and not out.is_dir():
            raise SimError(f"--out {out}: no plain file")
        with out.open("rb") as file:
            header = file.readline(_HEADER_BYTES)
    except OSError as error:
        raise SimError(f"--out {out}: {error.strerror}") from error
    if not set(REQUIRED) <= set(header.decode(errors="replace").strip().split(",")):
        raise SimError(f"--out {out}: is there and holds no arrivals; name another file")
