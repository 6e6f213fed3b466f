"""What children print: whole lines, bounded logs, and only what is alarming on the terminal."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from santral.up.output import (
    LAST_LINES,
    LINE_MAX_BYTES,
    POSTGRES_LINES,
    TERMINAL_LINES_A_MINUTE,
    OutputPump,
    RotatingLog,
)

INFO = "2026-01-02 03:04:05,678 core INFO acd_core.router: a call came in"
WARNING = "2026-01-02 03:04:05,678 core WARNING acd_core.link: the edge is gone"
ERROR = "2026-01-02 03:04:05,678 core ERROR asyncio: Task exception was never retrieved"


class Terminal:
    """What was shown, and a clock that stands until it is moved."""

    def __init__(self, folder: Path, **log_options: int) -> None:
        self.shown: list[str] = []
        self.now_s = 0.0
        self.log = RotatingLog(folder / "core.log", **log_options)
        self.pump = OutputPump("core", self.log, self.shown.append, lambda: self.now_s)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def test_everything_is_logged_and_only_alarms_are_shown(terminal: Terminal) -> None:
    terminal.pump.feed(lines(INFO, WARNING, INFO))
    assert terminal.log.path.read_bytes() == lines(INFO, WARNING, INFO)
    assert terminal.shown == [f"core | {WARNING}"]


def test_a_traceback_is_shown_with_the_error_it_belongs_to(terminal: Terminal) -> None:
    traceback = ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "KeyError: 'x'"]
    terminal.pump.feed(lines(ERROR, *traceback, INFO, "  not part of it"))
    assert terminal.shown == [f"core | {text}" for text in (ERROR, *traceback)]


def test_only_errors_are_shown_while_all_stop(terminal: Terminal) -> None:
    terminal.pump.hush()
    terminal.pump.feed(lines(WARNING, ERROR, "KeyError: 'x'", WARNING, "  more of the warning"))
    assert terminal.shown == [f"core | {ERROR}", "core | KeyError: 'x'"]


def test_lines_of_postgres_are_told_apart(tmp_path: Path) -> None:
    shown: list[str] = []
    log = RotatingLog(tmp_path / "postgres.log")
    pump = OutputPump("postgres", log, shown.append, lambda: 0.0, POSTGRES_LINES)
    pump.feed(
        lines(
            "LOG:  starting PostgreSQL",
            "FATAL:  the database system is starting up",
            "FATAL:  the database system is not yet accepting connections",
            "ERROR:  relation does not exist",
            "\tat character 15",
            "LOG:  checkpoint starting",
        )
    )
    assert shown == ["postgres | ERROR:  relation does not exist", "postgres | \tat character 15"]


def test_lines_are_put_together_from_pieces_of_any_size(terminal: Terminal, chance: random.Random) -> None:
    data = lines(*(f"{WARNING} {number}" for number in range(20)))
    while data:
        size = chance.randrange(1, 200)
        terminal.pump.feed(data[:size])
        data = data[size:]
    assert terminal.shown == [f"core | {WARNING} {number}" for number in range(20)]


def test_the_last_line_needs_no_end(terminal: Terminal) -> None:
    terminal.pump.feed(b"Fatal Python error: Segmentation fault")
    assert terminal.shown == []
    terminal.pump.end()
    assert terminal.shown == ["core | Fatal Python error: Segmentation fault"]


def test_a_line_without_an_end_is_cut(terminal: Terminal) -> None:
    for _ in range(4):
        terminal.pump.feed(b"x" * LINE_MAX_BYTES)
    terminal.pump.end()
    assert all(len(line) <= LINE_MAX_BYTES for line in terminal.log.path.read_bytes().splitlines())


def test_the_last_lines_are_kept(terminal: Terminal) -> None:
    terminal.pump.feed(lines(*(f"line {number}" for number in range(100))))
    assert terminal.pump.last_lines == [f"line {number}" for number in range(100 - LAST_LINES, 100)]


def test_the_terminal_is_not_flooded(terminal: Terminal) -> None:
    terminal.pump.feed(lines(*[WARNING] * 500))
    assert len(terminal.shown) == TERMINAL_LINES_A_MINUTE + 1
    assert str(terminal.log.path) in terminal.shown[-1]
    terminal.now_s = 60.0
    terminal.pump.feed(lines(WARNING))
    assert terminal.shown[-1] == f"core | {WARNING}"


def test_the_logs_have_a_greatest_size(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, max_bytes=1000, kept=2)
    for number in range(200):
        terminal.pump.feed(lines(f"{INFO} {number}"))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["core.log", "core.log.1", "core.log.2"]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert terminal.log.path.read_text().endswith(" 199\n")


def test_a_log_is_continued(tmp_path: Path) -> None:
    for text in ("first", "second"):
        terminal = Terminal(tmp_path)
        terminal.pump.feed(lines(text))
        terminal.log.close()
    assert (tmp_path / "core.log").read_text() == "first\nsecond\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "core.log").symlink_to("/dev/full")
    terminal = Terminal(tmp_path)
    terminal.pump.feed(lines(INFO, INFO, WARNING))
    assert len(terminal.shown) == 2
    assert os.strerror(28) in terminal.shown[0]
    assert terminal.shown[1] == f"core | {WARNING}"
