"""One running system and one browser for the tests of the pages.

Of the package, not of the session: the browser's driver holds the thread's event loop while it is there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.city import write_city
from tests.e2e.operator_page import browser_with_tone
from tests.e2e.stack import ROOT, Stack
from tests.ui.stage import Stage, staged
from tests.ui.window import Window

OPERATOR_HZ = 880


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need a browser and whole processes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """`santral up --demo` with the test city, in a folder that the database's user can reach when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="santral-"))
    folder.chmod(0o711)
    plan, roster = write_city(folder / "city")
    categories = ROOT / "examples" / "city-water" / "categories.toml"
    system = Stack(folder, plan=plan, roster=roster, categories=categories)
    try:
        system.start()
    except AssertionError:
        system.stop()
        raise
    yield system
    assert system.stop() == 0, system.output()
    if not os.environ.get("SANTRAL_TEST_KEEP"):
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone says a tone."""
    with (
        sync_playwright() as driver,
        browser_with_tone(driver, tmp_path_factory.mktemp("browser"), OPERATOR_HZ) as one,
    ):
        yield one


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    """The pages alone, before a core that says what the test wants."""
    with staged() as one:
        yield one


@pytest.fixture
def window(stack: Stack, browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows; at the end of the test none of them may have met a problem."""
    yield from _windows(browser, stack.url, stack.logins())


@pytest.fixture
def staged_window(stage: Stage, browser: Browser) -> Iterator[Callable[..., Window]]:
    """The same before the stage."""
    yield from _windows(browser, stage.url, stage.logins())


def _windows(browser: Browser, url: str, logins: dict[str, str]) -> Iterator[Callable[..., Window]]:
    opened: list[Window] = []

    def make(*, width: int = 1280, language: str = "en") -> Window:
        one = Window(browser, url, logins, width=width, language=language)
        opened.append(one)
        return one

    yield make
    problems = [problem for one in opened for problem in one.problems]
    for one in opened:
        one.close()
    assert problems == []
