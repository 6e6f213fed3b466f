"""Real PostgreSQL servers for the tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.embedded import EmbeddedPostgres
from tests.persistence.servers import public_folder


@pytest.fixture
def public_dir() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def pristine_dir() -> Iterator[Path]:
    """A data folder whose cluster was made and never started; `initdb` runs once for all tests."""
    with public_folder() as folder:
        server = EmbeddedPostgres(folder / "data", folder / "run")
        server.prepare()
        server.close()
        yield folder / "data"


@pytest.fixture
def data_dir(pristine_dir: Path, public_dir: Path) -> Path:
    """A copy of that folder, for one test."""
    target = public_dir / "data"
    subprocess.run(["cp", "-a", str(pristine_dir), str(target)], check=True)
    (target / "postgres.lock").unlink()
    return target


@pytest.fixture
def server(data_dir: Path, public_dir: Path) -> Iterator[EmbeddedPostgres]:
    """Prepared by the test itself; its data folder holds a cluster."""
    embedded = EmbeddedPostgres(data_dir, public_dir / "run", fallback_dir=public_dir / "fallback")
    yield embedded
    embedded.close()
    shutil.rmtree(public_dir / "run", ignore_errors=True)
