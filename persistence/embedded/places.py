"""Where the cluster, the programs and the socket live.

Beside everything else in `data_dir`, as long as the database's user can get there. As root that is not
certain: the clone may lie under a home folder that only root can read. Then the cluster lives below
/var/lib/santral, in a folder named after a digest of `data_dir`, and `data_dir/postgres.place` remembers
where. The note binds: were the choice made anew at each start, a changed mode of some parent folder would
silently begin an empty database elsewhere.

Nothing here changes the rights of a folder that we have not made.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from persistence.embedded.account import Account, can_enter
from persistence.embedded.errors import EmbeddedPostgresError

FALLBACK_DIR = Path("/var/lib/santral")
PORT = 5432  # part of the socket's name; nothing listens on TCP
_CLUSTER = "postgres"
_PLACE_FILE = "postgres.place"
_SOCKET_FOLDER = "pg"
_SOCKET_PATH_MAX_BYTES = 100  # sun_path holds 108 on Linux and 104 elsewhere

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """`data_dir` is ours; `cluster_dir` is the configured place of the cluster, or None to choose."""

    data_dir: Path
    run_dir: Path
    cluster_dir: Path | None
    fallback_dir: Path

    @property
    def password_file(self) -> Path:
        return self.data_dir / "postgres.password"

    @property
    def lock_file(self) -> Path:
        return self.data_dir / "postgres.lock"

    @property
    def place_file(self) -> Path:
        return self.data_dir / _PLACE_FILE

    @property
    def identity(self) -> str:
        """Tells the folders of two installations on one machine apart."""
        return hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:12]

    def known_cluster(self) -> Path | None:
        """Where the cluster is said to be: by the configuration, else by the note of an earlier start."""
        if self.cluster_dir is not None:
            return self.cluster_dir
        try:
            noted = self.place_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        cluster = self.data_dir / noted  # an absolute note replaces the folder
        if not cluster.is_dir():
            raise EmbeddedPostgresError(
                f"the database folder {cluster} is gone, which {self.place_file} names",
                f"restore it from a backup, or remove {self.place_file} to begin with an empty database",
            )
        return cluster

    def choose_cluster(self, account: Account | None) -> Path:
        """The cluster's folder, whose parent exists and can be entered by the account."""
        known = self.known_cluster()
        if known is not None:
            make_folder(known.parent, "set database.embedded_dir to a folder that can be made")
            if not can_enter(account, known.parent):
                raise _unreachable(account, known)
            return known
        if can_enter(account, self.data_dir):
            return self.data_dir / _CLUSTER
        home = self._free_home()
        make_folder(home, "set database.embedded_dir to a folder that its user can reach")
        if not can_enter(account, home):
            raise _unreachable(account, home)
        logger.warning(
            "the database lives in %s, because its user can't reach %s", home / _CLUSTER, self.data_dir
        )
        return home / _CLUSTER

    def _free_home(self) -> Path:
        """Without a note, a cluster found there was that of a data folder removed since: neither taken nor touched."""
        home = self.fallback_dir / self.identity
        number = 1
        while (home / _CLUSTER).exists():
            logger.warning(
                "%s is the database of an earlier data folder; remove it when nobody needs it", home
            )
            number += 1
            home = self.fallback_dir / f"{self.identity}-{number}"
        return home

    def note_cluster(self, cluster: Path) -> None:
        """Remember the place, relative when it moves together with `data_dir`."""
        if self.cluster_dir is not None:
            return
        inside = cluster.parent == self.data_dir
        self.place_file.write_text(f"{cluster.name if inside else cluster}\n", encoding="utf-8")

    def choose_socket_folder(self, account: Account | None, cluster: Path) -> Path:
        """For the socket: private to the database's user, reachable, short enough for a socket address."""
        for parent in (self.run_dir, cluster.parent):
            folder = parent / _SOCKET_FOLDER
            is_too_long = len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _SOCKET_PATH_MAX_BYTES
            if is_too_long or "," in str(folder):  # clients take a comma for the end of a host
                continue
            make_folder(parent, "set run_dir to a folder that can be made")
            if can_enter(account, parent):
                return _private_folder(folder, account)
        return _private_folder(
            Path(tempfile.gettempdir(), f"santral-{_SOCKET_FOLDER}-{self.identity}"), account
        )


def make_folder(folder: Path, remedy: str) -> None:
    """With its parents, for everybody to enter whatever our umask; those that exist stay as they are."""
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            missing.mkdir(exist_ok=True)
            missing.chmod(0o755)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"the folder {folder} can't be made ({error.strerror})", remedy
        ) from error


def _private_folder(folder: Path, account: Account | None) -> Path:
    """In a folder like /tmp somebody else may have taken the name: then it isn't ours to use.

    Everything is done on an open descriptor, because the name could come to mean another file in between.
    """
    ours = {account.uid if account else os.geteuid(), os.geteuid()}
    try:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_uid not in ours:
                raise PermissionError(errno.EPERM, "it belongs to somebody else")
            os.fchmod(descriptor, 0o700)
            if account is not None:
                os.fchown(descriptor, account.uid, account.gid)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"the folder {folder} for its socket can't be used ({error.strerror})",
            "remove it, or set another run_dir",
        ) from error
    return folder


def _unreachable(account: Account | None, folder: Path) -> EmbeddedPostgresError:
    who = f"user {account.name}, who runs it," if account else "we"
    return EmbeddedPostgresError(
        f"{who} can't reach {folder}",
        "let others enter its parent folders (chmod o+x), or set database.embedded_dir",
    )
