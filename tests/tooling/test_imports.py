"""What the pure parts may not import of the standard library, or of anything that would bring it in."""

from __future__ import annotations

import pytest

from tests.tooling.imports import ROOT, imports_of, modules_below, reach

CLOCK_AND_CHANCE = {"datetime", "random", "secrets", "time", "uuid"}
INPUT_AND_OUTPUT = {
    *(
        "asyncio",
        "concurrent",
        "contextvars",
        "fcntl",
        "http",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
    ),
    *("pathlib", "pickle", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl"),
    *("subprocess", "sys", "tempfile", "threading", "urllib"),
}
RUNTIMES_AND_DRIVERS = {
    *(
        "aiortc",
        "asyncpg",
        "av",
        "hypercorn",
        "numpy",
        "outcome",
        "quart",
        "sniffio",
        "soxr",
        "trio",
        "uvloop",
    ),
    *("agent_web", "gateways", "loadtest", "persistence", "santral"),
}
TRIO = {"outcome", "sniffio", "trio"}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("acd_core.domain", CLOCK_AND_CHANCE | INPUT_AND_OUTPUT | RUNTIMES_AND_DRIVERS),
        (
            "gateways.sip",
            {"asyncio", "uvloop", "trio", "socket", "selectors", "ssl", "threading", "time", "random"},
        ),
        ("acd_core", (RUNTIMES_AND_DRIVERS - TRIO) | {"random", "pickle"}),
        # One loop a process: the asyncio end of the link is for the others.
        ("acd_core.process", {"asyncio"}),
    ],
)
def test_pure_package_imports_nothing_that_it_must_not(package: str, forbidden: set[str]) -> None:
    found = reach(package)
    assert modules_below(package), f"{package} has no modules"
    offences = {name: importer for name, importer in found.items() if name.partition(".")[0] in forbidden}
    assert offences == {}


def test_the_reader_sees_imports_wherever_they_stand() -> None:
    own = imports_of("santral.cli")
    assert "argparse" in own
    assert "acd_core.config" in own
    assert "santral.up.command" in own, "an import inside a function counts too"
    assert "persistence.embedded.server" in reach("santral"), "and what others import in turn"


def test_every_python_folder_is_a_package() -> None:
    """A folder without `__init__.py` would silently be left out of the distribution and the checks."""
    for package in ("acd_core", "gateways", "agent_web", "persistence", "loadtest", "santral"):
        for file in (ROOT / package).rglob("*.py"):
            if "node_modules" not in file.parts:
                assert (file.parent / "__init__.py").exists(), file.parent
