"""`santral arrivals`, `sim` and `replay` as people type them: files, bytes, refusals."""

from __future__ import annotations

import csv
import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from loadtest.sim.folder import PLOTS, FolderError, prepare, results_in
from loadtest.sim.outcomes import CALL_COLUMNS, INTERVAL_COLUMNS
from santral.cli import main
from tests.sim.city import PLAN, roster
from tests.sim.journals import make_journal
from tests.sim.test_replay import callers

CITY = Path(__file__).resolve().parents[2] / "examples" / "city-water"
PLAN_FILE, ROSTER_FILE = str(CITY / "plan.toml"), str(CITY / "roster.toml")


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred calls of a morning."""
    out = tmp_path_factory.mktemp("arrivals") / "calls.csv"
    made = main(
        [
            "arrivals",
            "--plan",
            PLAN_FILE,
            "--from",
            "2025-01-06",
            "--days",
            "1",
            "--contacts",
            "600",
            "--out",
            str(out),
        ]
    )
    assert made == 0
    return out


def sim(calls: Path, out: Path, *more: str) -> int:
    return main(
        [
            "sim",
            "--plan",
            PLAN_FILE,
            "--roster",
            ROSTER_FILE,
            "--arrivals",
            str(calls),
            "--out",
            str(out),
            *more,
        ]
    )


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_inputs_give_the_same_bytes(calls: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert sim(calls, tmp_path / name, "--seed", "5", "--answer-delay-ms", "3000") == 0
    assert sim(calls, tmp_path / "other", "--seed", "6", "--answer-delay-ms", "3000", "--no-plots") == 0
    first, other = digests(tmp_path / "one"), digests(tmp_path / "other")
    assert first == digests(tmp_path / "two")
    assert set(first) == {"calls.csv", "intervals.csv", "summary.json", *PLOTS}
    assert first["calls.csv"] != other["calls.csv"]


def test_what_is_written(calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sim(calls, tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "calls from 2025-01-06T00:00:00+03:00 to" in said.out
    assert said.err == "", "no progress bar where there is no terminal"
    with calls.open(encoding="utf-8") as file:
        given = list(csv.DictReader(file))
    with (tmp_path / "out" / "calls.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CALL_COLUMNS
    assert [row["arrived_ms"] for row in rows] == [row["at_ms"] for row in given]
    assert [row["call"] for row in rows] == [f"{number:08d}" for number in range(1, len(given) + 1)]
    assert all(row["outcome"] for row in rows)
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert summary["contacts"] == len(rows) == sum(summary["outcomes"].values())
    assert summary["inputs"]["arrivals"] == hashlib.sha256(calls.read_bytes()).hexdigest()
    assert summary["inputs"]["plan"] == hashlib.sha256(Path(PLAN_FILE).read_bytes()).hexdigest()
    answered = [row for row in rows if row["outcome"] == "answered"]
    assert summary["total"]["counters"]["answered"] == len(answered)
    waits = sorted(int(row["waited_ms"]) for row in answered)
    assert summary["waits"]["answered"]["p50_ms"] == waits[(len(waits) + 1) // 2 - 1]
    with (tmp_path / "out" / "intervals.csv").open(encoding="utf-8") as file:
        intervals = list(csv.DictReader(file))
    assert tuple(intervals[0]) == INTERVAL_COLUMNS
    everything = [row for row in intervals if row["queue"] == "*"]
    assert sum(int(row["entered"]) for row in everything) == sum(row["queue"] != "" for row in rows)
    assert sum(int(row["answered"]) for row in everything) == len(answered)
    assert all(
        row["erlang_a_in_time"] for row in everything if int(row["entered"]) and float(row["staff"]) >= 1
    )


def test_a_folder_is_used_again_and_another_ones_is_not(
    calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert sim(calls, out, "--no-plots") == 0
    before = digests(out)
    assert sim(calls, out, "--no-plots") == 0
    assert digests(out) == before
    (out / "thesis.tex").write_text("mine")
    assert sim(calls, out, "--no-plots") == 2
    assert "holds other files (thesis.tex)" in capsys.readouterr().err
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "calls.csv").write_text("my calls")
    assert sim(calls, foreign, "--no-plots") == 2
    assert "holds files that no simulation wrote" in capsys.readouterr().err
    assert (foreign / "calls.csv").read_text() == "my calls"


def test_plots_of_an_earlier_run_do_not_stay_beside_other_figures(calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert sim(calls, out) == 0
    assert sim(calls, out, "--seed", "3", "--no-plots") == 0
    assert set(digests(out)) == {"calls.csv", "intervals.csv", "summary.json"}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a disk does that is full, for files of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_costs_no_earlier_results(
    calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, new = tmp_path / "out", tmp_path / "new"
    assert sim(calls, out, "--no-plots") == 0
    before = digests(out)
    capsys.readouterr()
    with files_of_at_most(10_000):
        assert sim(calls, out, "--no-plots", "--seed", "9") == 2
        assert sim(calls, new, "--no-plots") == 2
        assert arrivals(new / "calls.csv") == 2
    assert capsys.readouterr().err == (
        f"--out {out}: can't be written (File too large)\n"
        f"--out {new}: can't be written (File too large)\n"
        f"{new}/calls.csv: can't be written (File too large)\n"
    )
    assert digests(out) == before
    assert digests(new) == {}


def test_who_stops_a_run_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(out)
    with results_in(out) as draft:
        (draft / "summary.json").write_text('{"made_by": "santral sim"}')
        (draft / "waits.png").write_text("first")
    prepare(out)
    with suppress(KeyboardInterrupt), results_in(out) as draft:
        (draft / "waits.png").write_text("second")
        raise KeyboardInterrupt
    assert sorted(path.name for path in out.iterdir()) == ["summary.json", "waits.png"]
    assert (out / "waits.png").read_text() == "first"


def test_a_run_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "calls.csv").write_text("call")
    (tmp_path / "calls.csv").write_text("call")  # killed while results took their place
    prepare(tmp_path)
    with results_in(tmp_path) as draft:
        (draft / "summary.json").write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "thesis.tex").write_text("mine")
    with pytest.raises(FolderError, match="other files"):
        prepare(tmp_path)


def test_progress_on_standard_error_when_asked_for(
    calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sim(calls, tmp_path / "out", "--no-plots", "--progress") == 0
    assert "simulating" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--arrivals", "none.csv", "can't be read"),
        ("--plan", "none.toml", "can't be read"),
        ("--roster", PLAN_FILE, "unknown key"),
        ("--answer-delay-ms", "-1", "--answer-delay-ms -1: not between 0 and"),
        ("--callback-share", "2", "--callback-share 2: not between 0 and 1"),
        ("--break-every-min", "nan", "--break-every-min nan: not between"),
    ],
)
def test_inputs_that_cannot_be_used(
    calls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, reason: str
) -> None:
    assert sim(calls, tmp_path / "out", option, value) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bad_lines_end_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("at_ms,caller,dialled,queue,talk_ms,patience_ms,wrapup_ms\nsoon,,,gas,,,\n")
    assert sim(bad, tmp_path / "out") == 2
    assert capsys.readouterr().err == (
        f"{bad}, line 2, column at_ms: 'soon' is not a whole number\n"
        f"{bad}, line 2, column queue: the plan has no queue 'gas'\n"
    )


def test_no_calls_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("at_ms,caller,dialled,queue,talk_ms,patience_ms,wrapup_ms\n")
    assert sim(empty, tmp_path / "out") == 2
    assert capsys.readouterr().err == f"{empty}: holds no arrivals\n"


def arrivals(out: Path, *more: str) -> int:
    return main(
        ["arrivals", "--plan", PLAN_FILE, "--from", "2025-01-06", "--days", "1", "--out", str(out), *more]
    )


def test_arrivals_are_made_again_and_nothing_else_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "calls.csv"
    for _ in range(2):
        assert arrivals(out, "--contacts", "50") == 0
        assert "50 expected without storms" in capsys.readouterr().out
    out.write_text("mine\n")
    assert arrivals(out, "--contacts", "50") == 2
    assert "holds no arrivals" in capsys.readouterr().err
    assert out.read_text() == "mine\n"
    assert arrivals(tmp_path / "none" / "calls.csv", "--contacts", "50") == 2
    assert "can't be written (No such file" in capsys.readouterr().err
    assert arrivals(out, "--storm", "soon") == 2
    assert "--storm soon: not like" in capsys.readouterr().err


def test_a_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "journal"
    make_journal(folder, PLAN, roster("ann"), callers(20))
    assert main(["replay", str(folder)]) == 0
    assert "events, same decisions" in capsys.readouterr().out
    people = tmp_path / "roster.toml"
    people.write_text(
        '[agents.ann]\nname = "Ann"\nqueues = ["water"]\n[agents.bob]\nname = "Bob"\nqueues = ["water"]\n'
    )
    for _ in range(2):
        assert main(["replay", str(folder), "--roster", str(people), "--out", str(tmp_path / "out")]) == 0
        assert "other − own" in capsys.readouterr().out
    assert set(digests(tmp_path / "out" / "other")) == {"calls.csv", "intervals.csv", "summary.json", *PLOTS}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "calibration",
        "comparison.json",
        "other",
    ]
    (tmp_path / "out" / "comparison.json").write_text("mine")
    assert main(["replay", str(folder), "--roster", str(people), "--out", str(tmp_path / "out")]) == 2
    assert "no simulation wrote" in capsys.readouterr().err
    assert main(["replay", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "--out is for --plan or --roster" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "nothing")]) == 2
    assert "is no folder" in capsys.readouterr().err
    segment = tmp_path / "odd" / "journal-00000000000000000001.seg"
    segment.mkdir(parents=True)
    assert main(["replay", str(tmp_path / "odd")]) == 2
    assert capsys.readouterr().err == f"{segment}: Is a directory\n"
