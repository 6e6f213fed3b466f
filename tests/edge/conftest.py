"""What tests of the edge share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd_core.config import Config, Rtp, Sip
from tests.edge.engine_process import EngineProcess


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    first = 40_000 + os.getpid() % 100 * 100
    config = Config(
        base_dir=str(tmp_path),
        data_dir="data",
        sip=Sip(listen_host="127.0.0.1", listen_port=0),
        rtp=Rtp(port_min=first, port_max=first + 99),
    )
    config.run_path.mkdir(parents=True, exist_ok=True)
    process = EngineProcess(config)
    process.start()
    try:
        yield process
    finally:
        process.kill()
