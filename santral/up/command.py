"""`santral up`: checks, then starts everything, then waits for the end.

Whatever can be known to be wrong is said before the first process starts, one line a problem with what to do.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from acd_core.config import Config, ConfigError, load_config
from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from santral.checks import Status, checks_for
from santral.checks.machine import raise_open_files
from santral.phones import seed_demo_phones
from santral.places import EXAMPLE_CITY
from santral.up.banner import banner
from santral.up.line import stages_of
from santral.up.lock import AlreadyRunningError, UpLock
from santral.up.supervisor import GaveUpError, Supervisor
from santral.up.terminal import Terminal

EXIT_OK = 0
EXIT_FAILED = 1


def run_up(config_file: Path | None, *, is_demo: bool) -> int:
    config_file = config_file or _file_from_environment()
    config, settings = _configuration(config_file, is_demo=is_demo)
    try:
        _make_folders(config)
        lock = UpLock(config.data_path)
    except OSError as error:
        _complain(f"{error.filename} can't be used ({error.strerror}); mend its rights, or set data_dir")
        return EXIT_FAILED
    except AlreadyRunningError as error:
        _complain(str(error))
        return EXIT_FAILED
    try:
        return _run(config, config_file, settings, lock, is_demo=is_demo)
    finally:
        lock.close()


def _run(
    config: Config, config_file: Path | None, settings: dict[str, str], lock: UpLock, *, is_demo: bool
) -> int:
    if not _is_fit(config):
        return EXIT_FAILED
    raise_open_files()
    if is_demo:
        seed_demo_phones(config)
    database: EmbeddedPostgres | None = None
    try:
        if not config.database.dsn and "core" in config.parts:
            database = _embedded(config)
            settings["SANTRAL_DATABASE_DSN"] = database.dsn
        stages = stages_of(config, settings, config_file, database)
        supervisor = Supervisor(stages, config.logs_path, _say, inherited=(lock.descriptor,))
        _say("starting " + ", ".join(spec.name for stage in stages for spec in stage))
        asyncio.run(_serve(supervisor, lambda: _say(banner(config, is_demo=is_demo))))
    except (GaveUpError, EmbeddedPostgresError) as error:
        _complain(str(error))
        return EXIT_FAILED
    finally:
        if database is not None:
            database.close()
    _say("stopped")
    return EXIT_OK


async def _serve(supervisor: Supervisor, on_serving: Callable[[], None]) -> None:
    """The first signal stops in order, another one at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        else:
            _say("stopping")
            stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it is
        loop.add_signal_handler(signal.SIGHUP, on_signal)
    await supervisor.run(stop, on_serving)


def _configuration(config_file: Path | None, *, is_demo: bool) -> tuple[Config, dict[str, str]]:
    """The configuration, and the settings that the processes are given over it.

    The example city stands in for whatever documents the configuration doesn't name.
    """
    config = load_config(config_file)
    if not is_demo:
        return config, {}
    files = {
        "plan_file": EXAMPLE_CITY / "plan.toml",
        "roster_file": EXAMPLE_CITY / "roster.toml",
        "categories_file": EXAMPLE_CITY / "categories.toml",
    }
    wanted = {key: str(file) for key, file in files.items() if not getattr(config, key)}
    missing = [file for file in wanted.values() if not Path(file).is_file()]
    if missing:
        raise ConfigError(f"--demo: {missing[0]} is missing; run from a checkout of the project")
    settings = {f"SANTRAL_{key.upper()}": file for key, file in wanted.items()}
    return msgspec.structs.replace(config, **wanted), {**settings, "SANTRAL_DEMO": "1"}


def _file_from_environment() -> Path | None:
    name = os.environ.get("SANTRAL_CONFIG")
    return Path(name) if name else None


def _make_folders(config: Config) -> None:
    """Recordings and journals are nobody else's business; the database's user may pass through, not look."""
    data = config.data_path
    if not data.exists():
        data.mkdir(parents=True)
        data.chmod(0o711 if os.geteuid() == 0 else 0o700)
    private = (
        *(config.journal_path, config.recordings_path, config.prompts_path),
        *(config.traces_path, config.logs_path),
    )
    for folder in private:
        folder.mkdir(mode=0o700, exist_ok=True)
    config.run_path.mkdir(mode=0o711, parents=True, exist_ok=True)


def _is_fit(config: Config) -> bool:
    is_fit = True
    for check in checks_for(config):
        finding = check.run()
        if finding.status is Status.FAIL:
            _complain(f"{check.name}: {finding}")
            is_fit = is_fit and not check.blocks_start
        elif finding.status is Status.WARN:
            _say(f"note: {check.name}: {finding}")
    return is_fit


def _embedded(config: Config) -> EmbeddedPostgres:
    """Prepared, so that its DSN is known."""
    folder = config.database.embedded_dir
    database = EmbeddedPostgres(config.data_path, config.run_path, config.resolve(folder) if folder else None)
    try:
        database.prepare()
    except BaseException:
        database.close()
        raise
    return database


def _say(text: str) -> None:
    _terminal(sys.stdout).say(text)


def _complain(text: str) -> None:
    _terminal(sys.stderr).say(text)


@functools.cache
def _terminal(stream: TextIO) -> Terminal:
    return Terminal(stream)
