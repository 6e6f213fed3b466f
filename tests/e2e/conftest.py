"""One running system for all end-to-end tests, with a browser for its operators.

Of the package, not of the session: the browser's driver holds the thread's event loop while it is there.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.city import write_city
from tests.e2e.operator_page import Operator, browser_with_tone
from tests.e2e.phone import Baresip
from tests.e2e.stack import ROOT, Stack
from tests.support.ports import free_port, free_ports

OPERATOR_HZ = 880
CALLER_HZ = 440
SECOND_OPERATOR_HZ = 1150


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need phones, a browser and whole processes."""
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
    system = Stack(
        folder, plan=plan, roster=roster, categories=ROOT / "examples" / "city-water" / "categories.toml"
    )
    try:
        system.start()
    except AssertionError:
        system.stop()
        raise
    yield system
    code = system.stop()
    assert code == 0, system.output()
    if not os.environ.get("SANTRAL_TEST_KEEP"):
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver of the browser."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone says the operator's tone."""
    with browser_with_tone(playwright, tmp_path_factory.mktemp("browser"), OPERATOR_HZ) as one:
        yield one


@pytest.fixture
def operator(stack: Stack, browser: Browser) -> Iterator[Callable[[str], Operator]]:
    """Logs operators in, audio connected, ready; logs them out at the end of the test."""
    logins = stack.logins()
    there: list[Operator] = []

    def enter(user: str, at: Browser = browser) -> Operator:
        page = Operator(at, stack.url, user, logins[user])
        there.append(page)
        page.log_in()
        page.connect_audio()
        page.go_ready()
        return page

    yield enter
    for page in there:
        page.log_out()
        assert page.errors == [], f"{page.user}: errors in the page"
        page.close()


_phone_numbers = itertools.count(1)


@pytest.fixture
def phone(stack: Stack, tmp_path: Path) -> Iterator[Callable[[], Baresip]]:
    """Makes SIP phones that say the caller's tone; every one has a number of its own."""
    made: list[Baresip] = []

    def make(*, tone_hz: int = CALLER_HZ, account: str = "", name: str = "") -> Baresip:
        name = name or f"0532{next(_phone_numbers):07}"
        ports = (free_ports(2), free_port(), free_ports(10))  # it binds the port above its own for TLS
        one = Baresip(tmp_path / name, name=name, tone_hz=tone_hz, ports=ports, account=account)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
