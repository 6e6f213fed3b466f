"""How another process finds the embedded database while it runs: where its socket is, and with which password.

The server's own lock file says where it listens; nothing is prepared, locked or mended here.
"""

from __future__ import annotations

from pathlib import Path

from persistence.embedded.errors import EmbeddedPostgresError
from persistence.embedded.places import FALLBACK_DIR, Places
from persistence.embedded.server import dsn_of

_PORT_LINE, _SOCKET_LINE = 3, 4  # of postmaster.pid, counted from 0 (PostgreSQL, miscadmin.h)
_NOT_RUNNING = "start it with `santral up`"


def running_dsn(data_dir: Path, run_dir: Path, cluster_dir: Path | None = None) -> str:
    """The address of the server that runs on these folders; raises `EmbeddedPostgresError` when none does."""
    places = Places(
        data_dir.absolute(), run_dir.absolute(), cluster_dir.absolute() if cluster_dir else None, FALLBACK_DIR
    )
    cluster = places.known_cluster()
    if cluster is None:
        raise EmbeddedPostgresError(f"there is no database in {data_dir} yet", _NOT_RUNNING)
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        password = places.password_file.read_text(encoding="utf-8").strip()
        return dsn_of(lines[_SOCKET_LINE], int(lines[_PORT_LINE]), password)
    except (FileNotFoundError, IndexError, ValueError) as error:
        raise EmbeddedPostgresError(f"the database in {cluster} does not run", _NOT_RUNNING) from error
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{error.filename} can't be read ({error.strerror})", "run as the user who runs santral"
        ) from error
