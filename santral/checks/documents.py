"""The plan and the roster that an empty core begins with."""

from __future__ import annotations

from acd_core.config import Config
from santral.checks.finding import Finding, fail, ok
from santral.documents import Kind, check_document


def document_file(kind: Kind, name: str, config: Config) -> Finding:
    if not name:
        return ok("none given; made in the pages")
    path = config.resolve(name)
    complaint = check_document(kind, path)
    if complaint is not None:
        return fail(complaint, f"mend it (santral {kind} check {path}), or set another {kind}_file")
    return ok(str(path))
