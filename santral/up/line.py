"""Which processes run on one machine, in which order, and how each is started.

The database first, unless a DSN names one; then the store, which migrates it; the core; what makes audio;
then the doors, SIP and pages, so that nobody comes in before there is somebody to answer. A machine of several has some
of these parts.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from acd_core.config import Config
from acd_core.machines import Part
from acd_core.telephony import edge_process
from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from santral.up.child import CannotStartError, ChildSpec, Launch
from santral.up.output import POSTGRES_LINES

STAGES: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("core", ("store",)),
    ("core", ("core",)),
    ("edge", ("media", "webrtc", "speech")),
    ("edge", ("edge",)),
    ("web", ("web",)),
)
# What is said already is kept as files, what is journalled waits: routing goes on without them.
_NOT_VITAL = frozenset({"store", "speech"})
# Reads the whole journal back or migrates a large database: slow is not dead.
_READY_WITHIN_S = {"store": 600.0, "core": 120.0}


def stages_of(
    config: Config, settings: dict[str, str], config_file: Path | None, database: EmbeddedPostgres | None
) -> list[list[ChildSpec]]:
    """`settings` are added to our own environment for every process; they override the configuration file."""
    stages = [
        [spec for name in stage for spec in _processes(config, name, settings, config_file)]
        for part, stage in STAGES
        if part in config.parts
    ]
    if database is not None:
        stages.insert(0, [postgres(database)])
    return stages


def _processes(
    config: Config, name: str, settings: dict[str, str], config_file: Path | None
) -> Iterator[ChildSpec]:
    if name == "edge":
        for number in config.edges.numbers:
            arguments = (name, "--number", str(number))
            yield _process(config, arguments, edge_process(number), settings, config_file)
    else:
        yield _process(config, (name,), name, settings, config_file)


def _process(
    config: Config, arguments: Sequence[str], name: str, settings: dict[str, str], config_file: Path | None
) -> ChildSpec:
    command: Sequence[str] = (
        *(sys.executable, "-m", "santral", *arguments),
        *(("--config", str(config_file.absolute())) if config_file is not None else ()),
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **settings}
    # Without a file, paths are relative to the current folder, which therefore must be the same for all.
    launch = Launch(command, environment, Path.cwd())
    ready_file = config.ready_file(name)

    def is_ready(pid: int) -> bool:
        try:
            return int(ready_file.read_text(encoding="ascii")) == pid
        except (OSError, ValueError):
            return False

    return ChildSpec(
        name=name,
        prepare=lambda: launch,
        is_ready=is_ready,
        ready_within_s=_READY_WITHIN_S.get(name, 60.0),
        is_vital=name not in _NOT_VITAL,
    )


def postgres(database: EmbeddedPostgres) -> ChildSpec:
    """The embedded server. It is prepared anew before each start, which clears what a killed one left."""

    def prepare() -> Launch:
        try:
            database.prepare()
        except EmbeddedPostgresError as error:
            raise CannotStartError(str(error)) from error
        return Launch(database.command(), database.environment, database.working_dir, database.run_as)

    return ChildSpec(
        name="postgres",
        prepare=prepare,
        is_ready=lambda _pid: database.ready(),
        ready_within_s=300.0,  # after a crash it replays its log first
        stop_signal=database.stop_signal,
        stop_within_s=60.0,
        orphan_signal=signal.SIGQUIT,  # its immediate shutdown, with all its own children
        style=POSTGRES_LINES,
        is_vital=False,
    )
