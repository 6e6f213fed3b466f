"""`santral plan check` and `santral roster check`: whether a document is valid, else where and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from acd_core.documents import DocumentError, load_plan, load_roster

Kind: TypeAlias = Literal["plan", "roster"]


def check_document(kind: Kind, path: Path) -> str | None:
    """None when valid, else one line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return f"{path} can't be read ({error.strerror})"
    except UnicodeDecodeError as error:
        return f"{path} is not UTF-8 (byte {error.start})"
    try:
        if kind == "plan":
            load_plan(text)
        else:
            load_roster(text)
    except DocumentError as error:
        return f"{path}: {error}"
    return None
