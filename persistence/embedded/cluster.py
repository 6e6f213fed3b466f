"""The cluster's folder: made once and whole, checked before each start, freed of what a killed server left.

`initdb` and the creation of our database run in a folder beside, which is renamed when both are done: a start
that is killed in between leaves nothing that looks like a database. Our database is created by a stand-alone
backend (`postgres --single`), so no server needs to run for it; a lost password is replaced in the same way.

Authentication is by password (SCRAM) over the Unix socket and nothing listens on TCP.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from persistence.embedded.account import Account, give, run_program
from persistence.embedded.binaries import Binaries
from persistence.embedded.errors import EmbeddedPostgresError, complaint

DATABASE = "santral"
SUPERUSER = "santral"

_HBA = """\
# Over the Unix socket, with the password. Nothing listens on TCP (see the command line of the server).
local   all             all     scram-sha-256
local   replication     all     scram-sha-256
"""

# For a small machine that handles audio beside the database. They go to postgresql.conf, to be changed there.
_SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "60",
    "fsync": "on",
    "max_wal_size": "256MB",
    "max_parallel_workers_per_gather": "0",  # a report must not take every core from the calls
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_checkpoints": "off",
}
_RESTORE = "restore it from a backup, or move it away to begin with an empty database"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder, the programs for it and the user it belongs to (None: ourselves)."""

    folder: Path
    binaries: Binaries
    account: Account | None
    environment: Mapping[str, str]

    def exists(self) -> bool:
        """An empty folder is a place for a cluster, not a cluster."""
        try:
            return any(self.folder.iterdir())
        except FileNotFoundError:
            return False
        except NotADirectoryError as error:
            raise self._broken("it is not a folder") from error
        except PermissionError as error:
            raise self._broken("we may not read it", "run as its owner, or set another data_dir") from error

    def create(self, password: str) -> None:
        """Make the cluster and our database in it; all or nothing."""
        unfinished = self.folder.with_name(f"{self.folder.name}.new")
        try:
            if unfinished.exists():
                shutil.rmtree(unfinished)
            data, password_file = unfinished / "data", unfinished / "password"
            for folder in (unfinished, data):
                folder.mkdir(mode=0o700)
                give(self.account, folder)
            password_file.touch(mode=0o600)
            password_file.write_text(password, encoding="utf-8")
            give(self.account, password_file)
            self._initdb(data, password_file)
            self._run_sql(data, f"CREATE DATABASE {DATABASE}")
            data.rename(self.folder)
            shutil.rmtree(unfinished)
            _sync_folder(self.folder.parent)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the database folder {self.folder} can't be made ({error.strerror})",
                "free some space or mend the rights there, or set database.embedded_dir to another folder",
            ) from error

    def check(self, major: str) -> None:
        """Raise when the folder is foreign or broken, as far as that shows while no server runs on it."""
        try:
            version = (self.folder / "PG_VERSION").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken("it holds files but no database") from error
        if version != major:
            raise self._broken(
                f"it was made by PostgreSQL {version} and ours is {major}",
                "move the data with pg_dump and pg_restore, or install the release that made it",
            )
        owner = self.folder.stat().st_uid
        wanted = self.account.uid if self.account else os.geteuid()
        if owner != wanted:
            name = self.account.name if self.account else "you"
            raise self._broken(
                f"it belongs to user id {owner} and not to {name}",
                f"give it to {name} (chown -R), or set another data_dir",
            )
        # This parameter is computed: the server reads its configuration and the (checksummed) control file.
        result = run_program(
            self.account,
            [self.binaries.postgres, "-D", self.folder, "-C", "data_checksums"],
            self.environment,
        )
        if result.returncode != 0:
            reason = complaint(result.stdout)
            if reason.startswith("configuration file"):
                raise self._broken(reason, "mend that file")
            raise self._broken(reason)

    def set_password(self, password: str) -> None:
        """For the case that the file with the password was lost; no server may run on the folder."""
        literal = password.replace("'", "''")
        self._run_sql(self.folder, f"ALTER ROLE {SUPERUSER} PASSWORD '{literal}'")

    def _initdb(self, data: Path, password_file: Path) -> None:
        command: list[str | Path] = [
            self.binaries.initdb,
            "--pgdata",
            data,
            f"--username={SUPERUSER}",
            "--pwfile",
            password_file,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The server's own collation: the machine's locales may lack, and change with the C library.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        command += [f"--set={name}={value}" for name, value in _SETTINGS.items()]
        result = run_program(self.account, command, self.environment)
        if result.returncode != 0:
            raise EmbeddedPostgresError(
                f"the database folder {self.folder} can't be made ({complaint(result.stdout)})",
                "free some space or mend the rights there, or set database.embedded_dir to another folder",
            )
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")

    def _run_sql(self, data: Path, statement: str) -> None:
        command: list[str | Path] = [
            self.binaries.postgres,
            "--single",
            "-D",
            data,
            "-c",
            "exit_on_error=on",
            "postgres",
        ]
        result = run_program(self.account, command, self.environment, stdin=f"{statement}\n")
        if result.returncode != 0:
            raise self._broken(complaint(result.stdout))

    def _broken(self, reason: str, remedy: str = _RESTORE) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(f"the database folder {self.folder} can't be used: {reason}", remedy)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
