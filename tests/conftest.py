"""What all tests share: one printed seed for all that chance decides, and how long property tests look."""

from __future__ import annotations

import asyncio
import inspect
import os
import random

import hypothesis
import pytest

SEED = int(os.environ.get("SANTRAL_TEST_SEED") or random.SystemRandom().randrange(2**32))

DEV = hypothesis.settings(deadline=None, print_blob=True, derandomize=False, max_examples=100)
CI = hypothesis.settings(DEV, max_examples=200, database=None)
hypothesis.settings.register_profile("dev", DEV)
hypothesis.settings.register_profile("ci", CI)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


@pytest.hookimpl(tryfirst=True)
def pytest_report_header() -> str:
    return f"seed: {SEED} (the same again: SANTRAL_TEST_SEED={SEED})"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine runs in an asyncio loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in arguments}))
    return True


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance of the test's own, repeatable by the printed seed whatever other tests run."""
    return random.Random(f"{SEED} {request.node.nodeid}")
