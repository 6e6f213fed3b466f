"""Steps of the bootstrap: run a command quietly, remember that it was done, fail with what it said."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

FIRST_LINES = 5
LAST_LINES = 12
INSTALL_SYSTEM_PACKAGES = "SANTRAL_INSTALL_SYSTEM_PACKAGES"


class StepError(Exception):
    """A step could not be done. The text is meant for the person at the terminal."""


def may_install_system_packages() -> bool:
    """Only root can, only where it was asked for, and only on a system of Debian's kind."""
    asked = os.environ.get(INSTALL_SYSTEM_PACKAGES) == "1"
    return asked and os.geteuid() == 0 and shutil.which("apt-get") is not None


def say(text: str) -> None:
    print(f"santral: {text}", flush=True)


def run_step(
    title: str,
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
) -> None:
    """Runs a command behind one line of progress; only a failure shows what the command printed, in part."""
    say(title)
    with tempfile.TemporaryFile() as output:
        try:
            code = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            raise StepError(f"Failed: {title}: {error}") from error
        if code == 0:
            return
        output.seek(0)
        lines = output.read().decode(errors="replace").rstrip().splitlines()
    if len(lines) > FIRST_LINES + LAST_LINES:
        # Some programs say the reason first and then how they are used, others last.
        lines = [*lines[:FIRST_LINES], "...", *lines[-LAST_LINES:]]
    said = "\n".join(f"  | {line}" for line in lines)
    raise StepError(f"{said}\nFailed: {title} (exit code {code}).{' ' + hint if hint else ''}")


def stamp_of(files: Iterable[Path], *words: str) -> str:
    """A digest of the files' names and contents and of some words, in the given order."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_done(folder: Path, step: str, stamp: str) -> bool:
    try:
        return _stamp_file(folder, step).read_text() == stamp
    except (FileNotFoundError, NotADirectoryError):
        return False


def mark_done(folder: Path, step: str, stamp: str) -> None:
    _stamp_file(folder, step).write_text(stamp)


def _stamp_file(folder: Path, step: str) -> Path:
    return folder / f".done-{step}"
