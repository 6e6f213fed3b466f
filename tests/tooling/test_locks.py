"""The lock files: complete, hashed, consistent with each other, and silent about where they were made."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.tooling.imports import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock", "requirements-sippy.lock")
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?P<marker> ; [^\\]+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def entries(lock: str) -> set[tuple[str, str, str]]:
    found = (ENTRY.match(line) for line in (ROOT / lock).read_text().splitlines())
    return {(match["name"], match["version"], match["marker"] or "") for match in found if match}


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0].lower() for text in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_versions_and_hashes_only(lock: str) -> None:
    strange = [
        line
        for line in (ROOT / lock).read_text().splitlines()
        if not ENTRY.match(line) and not HASH.match(line)
    ]
    assert strange == []
    assert entries(lock)


def test_the_development_lock_holds_all_of_the_other_at_the_same_versions() -> None:
    # Not by their markers: a tool may need on every Python what the product needs on some.
    product, development = (
        {(name, version) for name, version, _ in entries(lock)}
        for lock in ("requirements.lock", "requirements-dev.lock")
    )
    assert product <= development


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    locked = {lock: {name for name, _, _ in entries(lock)} for lock in LOCKS}
    assert names_of(project["project"]["dependencies"] + groups["build"]) <= locked["requirements.lock"]
    assert names_of(groups["dev"]) <= locked["requirements-dev.lock"]
    assert names_of(groups["node"]) <= locked["requirements-node.lock"]
    assert names_of(groups["sippy"]) <= locked["requirements-sippy.lock"]
