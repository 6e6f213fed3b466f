"""Who calls, when, for how long and with how much patience: the CSV that a simulation is fed with.

A year is 1.4 million lines, so a file is read twice instead of held: once to check every line, to see whether the lines are
in order of time and to take the file's digest, and once to play it. Only a file that is out of order is held, and sorted.
Every line is checked before the first call is simulated, and what is wrong is said with file, line and column.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import msgspec

from acd_core.domain.plan import Plan
from acd_core.domain.roster import LEVEL_MAX, LEVEL_MIN
from loadtest.sim.errors import SimError

REQUIRED = ("at_ms", "caller", "dialled", "queue", "talk_ms", "patience_ms", "wrapup_ms")
OPTIONAL = ("priority", "language", "district", "category", "skills", "site")
PROBLEMS_NAMED_MAX = 20  # the rest is counted
TEXT_MAX = 200
_OTHER_MARKS = {";": "semicolons", "\t": "tabs"}  # what spreadsheets write where decimals have a comma
AT_MS_MAX = 4_102_444_800_000  # the year 2100
DURATION_MS_MAX = 7 * 86_400_000
PRIORITY_MAX = 1_000


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One caller. None is endless (`talk_ms`, `patience_ms`) or as the queue says (`wrapup_ms`)."""

    at_ms: int
    caller: str = ""
    dialled: str = ""  # empty: the plan's first number
    queue: str = ""  # straight into this queue; empty: through the flow of the dialled number
    talk_ms: int | None = None
    patience_ms: int | None = None  # from the moment they begin to wait
    wrapup_ms: int | None = None
    priority: int = 0
    language: str = ""
    district: str = ""
    category: str = ""
    skills: str = ""  # english:3;sewer:2
    site: str = ""


class ArrivalsError(SimError):
    """The file can't be used; `problems` are the first of `count`."""

    def __init__(self, problems: tuple[str, ...], count: int) -> None:
        more = count - len(problems)
        super().__init__("\n".join((*problems, f"… and {more} more") if more else problems))
        self.problems = problems
        self.count = count


@lru_cache(maxsize=4_096)
def parse_skills(text: str) -> dict[str, int]:
    """`english:3;sewer:2` as a dictionary; raises `ValueError` with the reason. The result is shared: don't change it."""
    skills: dict[str, int] = {}
    for part in text.split(";") if text else ():
        name, _, level = part.strip().partition(":")
        if not name or not level.isascii() or not level.isdigit():
            raise ValueError(f"{part.strip()!r} is not like sewer:2 (a skill and its level)")
        if not LEVEL_MIN <= int(level) <= LEVEL_MAX:
            raise ValueError(f"level {level} of {name} is not between {LEVEL_MIN} and {LEVEL_MAX}")
        if name in skills:
            raise ValueError(f"{name} is named twice")
        skills[name] = int(level)
    return skills


class ArrivalsFile:
    """A checked CSV file, to be iterated as often as wanted."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Check all of it against the plan; raises `ArrivalsError`."""
        self.path = path
        self._cells = _cells(plan)
        self.count = 0
        self.first_ms = 0
        self.last_ms = 0
        self.in_order = True
        self.sha256 = ""
        self._check()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Arrival]:
        """All arrivals in order of time; those of one instant as they stand in the file."""
        if self.in_order:
            return self._arrivals()
        return iter(sorted(self._arrivals(), key=lambda arrival: arrival.at_ms))

    def _check(self) -> None:
        problems: list[str] = []
        wrong = 0

        def note(line: int, column: str, reason: str) -> None:
            nonlocal wrong
            wrong += 1
            if len(problems) < PROBLEMS_NAMED_MAX:
                where = f"{self.path}, line {line}"
                problems.append(f"{where}, column {column}: {reason}" if column else f"{where}: {reason}")

        try:
            if self.path.exists() and not self.path.is_file() and not self.path.is_dir():
                raise ArrivalsError((f"{self.path}: no plain file; it has to be read more than once",), 1)
            with self.path.open("rb") as data:
                self.sha256 = hashlib.file_digest(data, "sha256").hexdigest()
            with _text(self.path) as text:
                self._check_rows(text, note)
        except OSError as error:
            raise ArrivalsError((f"{self.path}: can't be read ({error.strerror})",), 1) from error
        except UnicodeDecodeError as error:
            where = f"{self.path}, line {_undecodable_line(self.path)}"
            raise ArrivalsError((f"{where}: not UTF-8; save the file in that encoding",), 1) from error
        if wrong:
            raise ArrivalsError(tuple(problems), wrong)

    def _check_rows(self, file: IO[str], note: Callable[[int, str, str], None]) -> None:
        rows = csv.reader(file)
        columns: list[tuple[str, Callable[[str], Any]]] = []
        last_ms = -1
        try:
            columns = self._header(next(rows, []), note)
            for row in rows if columns else ():
                at_ms = _check_row(row, columns, rows.line_num, note)
                if at_ms is None:
                    continue
                if self.count == 0 or at_ms < self.first_ms:
                    self.first_ms = at_ms
                self.count += 1
                self.in_order = self.in_order and at_ms >= last_ms
                last_ms = at_ms
                self.last_ms = max(self.last_ms, at_ms)
        except csv.Error as error:
            note(rows.line_num, "", str(error))

    def _header(
        self, names: list[str], note: Callable[[int, str, str], None]
    ) -> list[tuple[str, Callable[[str], Any]]]:
        """The columns with their readers; empty when they can't be used."""
        if not names:
            note(1, "", "the names of the columns are missing")
            return []
        if len(names) == 1 and (other := next((mark for mark in _OTHER_MARKS if mark in names[0]), "")):
            note(1, "", f"columns are set apart by {_OTHER_MARKS[other]}; commas are read")
            return []
        missing = [name for name in REQUIRED if name not in names]
        unknown = [name for name in names if name not in self._cells]
        twice = sorted({name for name in names if names.count(name) > 1})
        for name in missing:
            note(1, name, "missing")
        for name in unknown:
            known = ", ".join((*REQUIRED, *OPTIONAL))
            note(1, name or "(without a name)", f"unknown; known are {known}")
        for name in twice:
            note(1, name, "is there twice")
        return [] if missing or unknown or twice else [(name, self._cells[name]) for name in names]

    def _arrivals(self) -> Iterator[Arrival]:
        with _text(self.path) as file:
            rows = csv.reader(file)
            names = next(rows)
            readers = [self._cells[name] for name in names]
            for row in rows:
                if row:
                    yield Arrival(
                        **{
                            name: read(cell)
                            for name, read, cell in zip(names, readers, row, strict=True)
                            if cell
                        }
                    )


def write_arrivals(path: Path, arrivals: Iterable[Arrival]) -> int:
    """Write them as CSV, all columns; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*REQUIRED, *OPTIONAL))
        for arrival in arrivals:
            row = [getattr(arrival, name) for name in (*REQUIRED, *OPTIONAL)]
            writer.writerow(["" if cell is None else cell for cell in row])
            count += 1
    return count


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _text(path: Path) -> io.TextIOWrapper:
    return path.open(encoding="utf-8-sig", newline="")  # spreadsheets put a byte order mark first


def _check_row(
    row: list[str],
    columns: list[tuple[str, Callable[[str], Any]]],
    line: int,
    note: Callable[[int, str, str], None],
) -> int | None:
    """The time of a row; None when it is blank or wrong."""
    if not row:
        return None
    if len(row) != len(columns):
        note(line, "", f"{len(row)} cells instead of {len(columns)}")
        return None
    at_ms: int | None = None
    wrong = False
    for (name, read), cell in zip(columns, row, strict=True):
        if not cell:
            if name == "at_ms":
                note(line, name, "empty")
            continue
        try:
            value = read(cell)
        except ValueError as error:
            note(line, name, str(error))
            wrong = True
        else:
            if name == "at_ms":
                at_ms = value
    return None if wrong else at_ms


def _cells(plan: Plan) -> dict[str, Callable[[str], Any]]:
    """How each column's cells are read; an empty cell is not read."""
    duration = _whole_number(0, DURATION_MS_MAX)
    return {
        "at_ms": _whole_number(0, AT_MS_MAX),
        "caller": _short_text,
        "dialled": _known("number", {number.dialled: number for number in plan.numbers}),
        "queue": _known("queue", plan.queues),
        "talk_ms": duration,
        "patience_ms": duration,
        "wrapup_ms": duration,
        "priority": _whole_number(-PRIORITY_MAX, PRIORITY_MAX),
        "language": _language,
        "district": _short_text,
        "category": _short_text,
        "skills": _skills(plan),
        "site": _known("site", plan.sites),
    }


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        digits = cell[1:] if cell[0] == "-" else cell
        # More digits than a time has are not converted: that takes Python longer than reading the whole file.
        if not digits.isascii() or not digits.isdigit() or len(digits) > 16:
            raise ValueError(f"{cell[:40]!r} is not a whole number")
        value = int(cell)
        if not least <= value <= most:
            raise ValueError(f"{value} is not between {least} and {most}")
        return value

    return read


def _short_text(cell: str) -> str:
    if len(cell) > TEXT_MAX:
        raise ValueError(f"longer than {TEXT_MAX} characters")
    if not cell.isprintable():
        raise ValueError(f"{cell[:40]!r} holds what can't be printed")
    return cell


def _language(cell: str) -> str:
    if len(cell) != 2 or not cell.isascii() or not cell.islower():
        raise ValueError(f"{cell[:40]!r} is no language (two letters: tr, en)")
    return cell


def _known(kind: str, names: Mapping[str, object]) -> Callable[[str], str]:
    # The plan's own string is given, so that a year of lines does not hold a million copies.
    own = {name: name for name in names}

    def read(cell: str) -> str:
        try:
            return own[cell]
        except KeyError:
            raise ValueError(f"the plan has no {kind} {cell[:40]!r}") from None

    return read


def _skills(plan: Plan) -> Callable[[str], str]:
    checked: dict[str, str] = {}

    def read(cell: str) -> str:
        known = checked.get(cell)
        if known is not None:
            return known
        for skill in parse_skills(cell):
            if skill not in plan.skills:
                raise ValueError(f"the plan has no skill {skill!r}")
        if len(checked) < 4_096:
            checked[cell] = cell
        return cell

    return read
