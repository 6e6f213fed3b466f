"""A PostgreSQL of our own, from the programs of a wheel, for machines where nobody has set one up.

`prepare()` decides who runs it and where it lives, makes the cluster at first start and mends what an earlier
run left. It blocks (a first start takes about a second) and is called before every start of the server. Then
a supervisor runs `command()` in the foreground with `run_as`, `environment` and `working_dir`, asks `ready()`
until it holds, and stops it with `stop_signal`; clients connect with `dsn`. The object holds a lock on the
data folder for as long as it lives, so two installations never share one cluster.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import struct
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from persistence.embedded.account import ACCOUNT_NAMES, Account, choose_account
from persistence.embedded.binaries import copy_binaries, find_binaries, is_reachable, major_version
from persistence.embedded.cluster import DATABASE, SUPERUSER, Cluster
from persistence.embedded.errors import EmbeddedPostgresError
from persistence.embedded.leftovers import clear_leftovers, says_ready
from persistence.embedded.places import FALLBACK_DIR, PORT, Places, make_folder

_PROBE_TIMEOUT_S = 1.0
_PROTOCOL_3_0 = 196608
_PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class _Prepared:
    cluster: Cluster
    socket_folder: Path
    password: str


class EmbeddedPostgres:
    """One cluster and the way to run its server."""

    stop_signal = signal.SIGINT  # PostgreSQL's fast shutdown: clients are disconnected, everything is saved
    working_dir = Path("/")

    def __init__(
        self,
        data_dir: Path,
        run_dir: Path,
        cluster_dir: Path | None = None,
        *,
        account_names: tuple[str, ...] = ACCOUNT_NAMES,
        fallback_dir: Path = FALLBACK_DIR,
    ) -> None:
        self._places = Places(
            data_dir.absolute(),
            run_dir.absolute(),
            cluster_dir.absolute() if cluster_dir else None,
            fallback_dir,
        )
        self._account_names = account_names
        self._lock_descriptor: int | None = None
        self._prepared: _Prepared | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours: a stray PGDATA, or a locale that is missing, changes what a server does."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    @property
    def run_as(self) -> Account | None:
        """The user to run the server as; None: as ourselves."""
        return self._ready_to_run.cluster.account

    @property
    def cluster_dir(self) -> Path:
        """Where the database lies."""
        return self._ready_to_run.cluster.folder

    @property
    def dsn(self) -> str:
        """For asyncpg; holds the password."""
        prepared = self._ready_to_run
        return dsn_of(str(prepared.socket_folder), PORT, prepared.password)

    def prepare(self) -> None:
        """Make or mend whatever a start needs; raises `EmbeddedPostgresError`."""
        make_folder(self._places.data_dir, "set data_dir to a folder that can be made")
        self._lock()
        known = self._places.known_cluster()
        account = choose_account(self._account_names, _owner_of(known or self._places.data_dir / "postgres"))
        folder = self._places.choose_cluster(account)
        binaries = find_binaries()
        if account is not None and not is_reachable(binaries, account, self.environment):
            binaries = copy_binaries(binaries, folder.parent)
        cluster = Cluster(folder, binaries, account, self.environment)
        major = major_version(binaries, account, self.environment)
        socket_folder = self._places.choose_socket_folder(account, folder)
        password = self._prepare_cluster(cluster, major, socket_folder)
        self._places.note_cluster(folder)
        self._prepared = _Prepared(cluster, socket_folder, password)

    def command(self) -> list[str]:
        """Runs the server in the foreground. What depends on the place is here, all else in the cluster."""
        prepared = self._ready_to_run
        quoted = str(prepared.socket_folder).replace(
            '"', '""'
        )  # the setting is a list; a comma in a path is none
        return [
            str(prepared.cluster.binaries.postgres),
            "-D",
            str(prepared.cluster.folder),
            "-c",
            f'unix_socket_directories="{quoted}"',
            "-c",
            "listen_addresses=",
            "-c",
            f"port={PORT}",
        ]

    def ready(self) -> bool:
        """Whether the server takes connections: it answers a start-up packet by asking for a password.

        One that still starts says so in its lock file; asked over the socket it would log an error each time.
        """
        if not says_ready(self.cluster_dir):
            return False
        path = self._ready_to_run.socket_folder / f".s.PGSQL.{PORT}"
        names = f"user\0{SUPERUSER}\0database\0{DATABASE}\0\0".encode()
        packet = struct.pack("!ii", 8 + len(names), _PROTOCOL_3_0) + names
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_PROBE_TIMEOUT_S)
                connection.connect(str(path))
                connection.sendall(packet)
                return connection.recv(1) == b"R"
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the data folder; the server must have ended."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    @property
    def _ready_to_run(self) -> _Prepared:
        assert self._prepared is not None, "prepare() comes first"
        return self._prepared

    def _prepare_cluster(self, cluster: Cluster, major: str, socket_folder: Path) -> str:
        """The password of a cluster that exists and can be started."""
        password = self._read_password()
        is_lost = password is None
        if password is None:
            password = secrets.token_urlsafe(_PASSWORD_BYTES)
        if cluster.exists():
            clear_leftovers(cluster.folder, socket_folder)
            cluster.check(major)
            if is_lost:
                cluster.set_password(password)
                self._write_password(password)
        else:
            if is_lost:
                self._write_password(password)
            cluster.create(password)
        return password

    def _read_password(self) -> str | None:
        try:
            return self._places.password_file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise EmbeddedPostgresError(
                f"the password file {self._places.password_file} can't be read ({error})",
                "mend its rights, or remove it for a new password",
            ) from error

    def _write_password(self, password: str) -> None:
        """Written beside and renamed, so that a start killed in between doesn't leave half a password."""
        path = self._places.password_file
        unfinished = path.with_name(f"{path.name}.new")
        try:
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{password}\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the password file {path} can't be written ({error.strerror})",
                "mend the rights of its folder",
            ) from error

    def _lock(self) -> None:
        if self._lock_descriptor is not None:
            return
        path = self._places.lock_file
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the lock file {path} can't be opened ({error.strerror})",
                "run as the owner of the folder, or set another data_dir",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise EmbeddedPostgresError(
                f"another santral already uses {self._places.data_dir}",
                "stop it first, or set another data_dir",
            ) from error
        self._lock_descriptor = descriptor


def dsn_of(socket_folder: str, port: int, password: str) -> str:
    """For asyncpg; our database over this socket."""
    host = urllib.parse.quote(socket_folder, safe="/")
    quoted = urllib.parse.quote(password, safe="")
    return f"postgresql://{SUPERUSER}:{quoted}@/{DATABASE}?host={host}&port={port}"


def _owner_of(folder: Path) -> int | None:
    """Of a cluster that exists; one of root was put there by hand and is reported when it is checked."""
    try:
        uid = folder.stat().st_uid
    except OSError:
        return None
    return uid or None
