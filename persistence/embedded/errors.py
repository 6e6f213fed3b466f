"""What can go wrong with the embedded PostgreSQL, each as one line that holds the cause and the remedy."""

from __future__ import annotations

import re

_LINE_MAX_CHARS = 400
_COMPLAINT = re.compile(r"\b(?:FATAL|PANIC|ERROR|error):\s+(?P<text>.+)")
_REFUSED_SETTING = re.compile(r"\bLOG:\s+(?P<text>.+)")
_DETAIL = re.compile(r"\b(?:DETAIL|detail):\s+(?P<text>.+)")


class EmbeddedPostgresError(Exception):
    """The embedded database can't be used: `cause` says what is wrong, `remedy` what a person can do."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"embedded PostgreSQL: {cause}; {remedy}")
        self.cause = cause
        self.remedy = remedy


def complaint(output: str) -> str:
    """The line of a PostgreSQL program's output that says why it gave up, with its detail."""
    told = _COMPLAINT.search(output)
    if told is None:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        return lines[-1][:_LINE_MAX_CHARS] if lines else "it said nothing"
    text = told["text"].strip()
    setting = _REFUSED_SETTING.search(output, 0, told.start())
    detail = _DETAIL.search(output, told.end())
    for more in (setting, detail):
        if more is not None:
            text = f"{text} ({more['text'].strip().rstrip('.')})"
    return text[:_LINE_MAX_CHARS]
