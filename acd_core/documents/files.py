"""The text of a document's file."""

from __future__ import annotations

import codecs
from pathlib import Path

from acd_core.documents.source import DocumentError

SIZE_MAX = 64 * 1024 * 1024  # several times a roster of a hundred thousand agents


def read_document(path: Path) -> str:
    """What is in the file, with plain line ends and without the byte order mark that some editors put first.

    Raises `DocumentError` when it can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DocumentError(f"{path}: can't be read ({error.strerror})") from error
    if len(data) > SIZE_MAX:
        raise DocumentError(f"{path}: longer than {SIZE_MAX:,} bytes, which no document is")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
