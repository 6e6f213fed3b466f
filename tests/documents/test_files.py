"""A document's file, however an editor saved it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.documents import DocumentError, load_plan, read_document
from santral.cli import main
from tests.documents.base import BASE, PLAN, YEARS, plan


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_marks_and_line_ends_of_editors_change_nothing(tmp_path: Path, mark: bytes, line_end: bytes) -> None:
    file = tmp_path / "plan.toml"
    file.write_bytes(mark + PLAN.encode().replace(b"\n", line_end))
    assert load_plan(read_document(file), BASE, years=YEARS) == plan()
    assert main(["plan", "check", str(file)]) == 0


def unreadable(folder: Path) -> list[DocumentError]:
    """One error for each reason why a file's text can't be had."""
    (folder / "latin.toml").write_bytes("name = 'P'\nx = 'Şişli'\n".encode("iso-8859-9"))
    with (folder / "endless.toml").open("wb") as file:
        file.truncate(1 << 40)  # a hole: no disk is filled by it
    errors = []
    for name in ("none.toml", ".", "latin.toml", "endless.toml"):
        with pytest.raises(DocumentError) as caught:
            read_document(folder / name)
        errors.append(caught.value)
    return errors


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    assert [str(error) for error in unreadable(tmp_path)] == [
        f"{tmp_path}/none.toml: can't be read (No such file or directory)",
        f"{tmp_path}: can't be read (Is a directory)",
        f"{tmp_path}/latin.toml, line 2: not UTF-8; save the file in that encoding",
        f"{tmp_path}/endless.toml: longer than 67,108,864 bytes, which no document is",
    ]
