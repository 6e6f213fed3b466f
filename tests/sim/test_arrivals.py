"""The CSV of arrivals: what is read, and what is said about what can't be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtest.sim.arrivals import PROBLEMS_NAMED_MAX, Arrival, ArrivalsError, ArrivalsFile, write_arrivals
from tests.sim.city import PLAN

HEADER = "at_ms,caller,dialled,queue,talk_ms,patience_ms,wrapup_ms"


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "calls.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path: Path, text: str) -> list[Arrival]:
    return list(ArrivalsFile(file(tmp_path, text), PLAN))


def test_columns_in_any_order_and_empty_cells(tmp_path: Path) -> None:
    text = (
        "skills,queue,at_ms,caller,dialled,talk_ms,patience_ms,wrapup_ms,priority,site,language,category,district\n"
        "english:3;sewer:2,water,1000,+905321112233,185,5,6,7,-2,north,en,flood,Fatih\n"
        ",,2000,,,,,,,,,,\n"
    )
    assert read(tmp_path, text) == [
        Arrival(
            at_ms=1000,
            caller="+905321112233",
            dialled="185",
            queue="water",
            talk_ms=5,
            patience_ms=6,
            wrapup_ms=7,
            priority=-2,
            language="en",
            district="Fatih",
            category="flood",
            skills="english:3;sewer:2",
            site="north",
        ),
        Arrival(at_ms=2000),
    ]


def test_a_byte_order_mark_blank_lines_and_quotes(tmp_path: Path) -> None:
    text = f'\ufeff{HEADER}\r\n\r\n1,"+1 (202) 555-0100",,,,,\r\n'
    assert read(tmp_path, text) == [Arrival(at_ms=1, caller="+1 (202) 555-0100")]


def test_out_of_order_is_sorted_and_those_of_one_instant_stay_in_order(tmp_path: Path) -> None:
    path = file(tmp_path, f"{HEADER}\n3,a,,,,,\n1,b,,,,,\n3,c,,,,,\n1,d,,,,,\n")
    arrivals = ArrivalsFile(path, PLAN)
    assert [arrival.caller for arrival in arrivals] == ["b", "d", "a", "c"]
    assert [arrival.caller for arrival in arrivals] == ["b", "d", "a", "c"], "as often as wanted"
    assert (len(arrivals), arrivals.first_ms, arrivals.last_ms, arrivals.in_order) == (4, 1, 3, False)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    arrivals = [Arrival(at_ms=5, talk_ms=0, wrapup_ms=3, caller='a"b, c', skills="sewer:1"), Arrival(at_ms=9)]
    assert write_arrivals(tmp_path / "calls.csv", arrivals) == 2
    assert list(ArrivalsFile(tmp_path / "calls.csv", PLAN)) == arrivals


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",,,,,,", "at_ms", "empty"),
        ("x,,,,,,", "at_ms", "'x' is not a whole number"),
        ("1.5,,,,,,", "at_ms", "not a whole number"),
        ("1_000,,,,,,", "at_ms", "not a whole number"),
        ("²,,,,,,", "at_ms", "not a whole number"),
        (f"{'9' * 5000},,,,,,", "at_ms", "not a whole number"),
        ("-1,,,,,,", "at_ms", "-1 is not between 0 and"),
        ("9999999999999,,,,,,", "at_ms", "is not between"),
        ("1,,999,,,,", "dialled", "the plan has no number '999'"),
        ("1,,,fire,,,", "queue", "the plan has no queue 'fire'"),
        ("1,,,,-5,,", "talk_ms", "is not between 0"),
        ("1,,,,,700000000,", "patience_ms", "is not between"),
        ("1,,,,,,soon", "wrapup_ms", "not a whole number"),
        (f"1,{'5' * 201},,,,,", "caller", "longer than 200"),
        ("1,a\x07b,,,,,", "caller", "can't be printed"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, row: str, column: str, reason: str) -> None:
    with pytest.raises(ArrivalsError) as caught:
        read(tmp_path, f"{HEADER}\n1,,,,,,\n{row}\n")
    assert caught.value.count == 1
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path / 'calls.csv'}, line 3, column {column}: ")
    assert reason in problem


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("language", "English", r"'English' is no language \(two letters"),
        ("language", "EN", "is no language"),
        ("priority", "high", "not a whole number"),
        ("priority", "1001", "is not between -1000 and 1000"),
        ("skills", "sewer", "is not like sewer:2"),
        ("skills", "sewer:x", "is not like sewer:2"),
        ("skills", "sewer:6", "level 6 of sewer is not between 1 and 5"),
        ("skills", "sewer:1;sewer:2", "sewer is named twice"),
        ("skills", "gas:1", "the plan has no skill 'gas'"),
        ("site", "south", "the plan has no site 'south'"),
    ],
)
def test_a_bad_optional_cell_is_named(tmp_path: Path, column: str, cell: str, reason: str) -> None:
    with pytest.raises(ArrivalsError, match=f"line 2, column {column}: .*{reason}"):
        read(tmp_path, f"{HEADER},{column}\n1,,,,,,,{cell}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: the names of the columns are missing"),
        ("\n" + HEADER, "line 1: the names of the columns are missing"),
        (HEADER.replace(",", ";"), "line 1: columns are set apart by semicolons; commas are read$"),
        (HEADER.replace(",", "\t"), "line 1: columns are set apart by tabs; commas are read$"),
        ("at_ms", "line 1, column caller: missing"),
        (HEADER.replace("queue,", ""), "line 1, column queue: missing"),
        (f"{HEADER},colour", "line 1, column colour: unknown; known are at_ms, caller"),
        (f"{HEADER},", r"line 1, column \(without a name\): unknown"),
        (f"{HEADER},queue", "line 1, column queue: is there twice"),
        (f"{HEADER}\n1,2,3", "line 2: 3 cells instead of 7"),
        (f"{HEADER}\n1,,,,,,,", "line 2: 8 cells instead of 7"),
        (f"{HEADER}\n{'9' * 200_000}", "line 2: field larger than"),
    ],
)
def test_a_bad_shape_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ArrivalsError, match=reason):
        read(tmp_path, text)


def test_all_faults_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArrivalsError) as caught:
        read(tmp_path, HEADER + "\nx,,,,,y," * 50)
    assert len(caught.value.problems) == PROBLEMS_NAMED_MAX
    assert caught.value.count == 100
    assert str(caught.value).endswith("… and 80 more")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ArrivalsError, match=r"none\.csv: can't be read \(No such file"):
        ArrivalsFile(tmp_path / "none.csv", PLAN)
    (tmp_path / "bin.csv").write_bytes(HEADER.encode() + b"\n1,,,,,," * 5_000 + b"\n\xff")
    with pytest.raises(ArrivalsError, match=r"bin\.csv, line 5002: not UTF-8"):
        ArrivalsFile(tmp_path / "bin.csv", PLAN)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ArrivalsError, match=r"pipe\.csv: no plain file"):
        ArrivalsFile(tmp_path / "pipe.csv", PLAN)
