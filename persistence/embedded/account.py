"""Under which user the database runs, and what that user can reach.

PostgreSQL refuses to run as root. When we are root, an existing unprivileged user runs it: the owner of the
cluster if there is one already, else `postgres`, else `nobody`; no user is created. An ordinary user runs it
as himself (no account then).

Whether that user can reach a folder or a program is not computed from mode bits (there are access lists,
mounts, namespaces and security modules beside them): a child gives up its rights and tries.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from persistence.embedded.errors import EmbeddedPostgresError

ACCOUNT_NAMES = ("postgres", "nobody")
_COMMAND_TIMEOUT_S = 300.0  # initdb on a slow card; everything else takes milliseconds
_OWN_DSN = "set database.dsn to a PostgreSQL of your own"


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run as: what `subprocess.Popen(user=, group=, extra_groups=)` needs."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def choose_account(names: Sequence[str], owner_uid: int | None) -> Account | None:
    """The account for the database, or None for ourselves. `owner_uid` owns the cluster, if there is one."""
    if os.geteuid() != 0:
        return None
    for entry in _entries(names, owner_uid):
        if entry.pw_uid != 0:
            account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
            _require_switch(account)
            return account
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root and there is no user {' or '.join(names)}",
        f"create the user postgres, run as an ordinary user, or {_OWN_DSN}",
    )


def run_program(
    account: Account | None,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run to the end as `account`, both outputs in `stdout`; an `OSError` means it could not be started."""
    return subprocess.run(
        [str(part) for part in command],
        env=dict(environment),
        cwd="/",  # ours may be a folder that the account can't read, which initdb complains about
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=_COMMAND_TIMEOUT_S,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=account.groups if account else None,
        umask=0o077,
    )


def can_enter(account: Account | None, folder: Path) -> bool:
    """Whether the account reaches `folder`; tried for real."""
    return run_program(account, ["/bin/sh", "-c", 'cd -P -- "$1"', "sh", folder], {}).returncode == 0


def give(account: Account | None, path: Path) -> None:
    """Make the account the owner of `path`, which we have just made."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _entries(names: Sequence[str], owner_uid: int | None) -> list[pwd.struct_passwd]:
    found = []
    if owner_uid is not None:
        try:
            found.append(pwd.getpwuid(owner_uid))
        except KeyError as error:
            raise EmbeddedPostgresError(
                f"the database folder belongs to user id {owner_uid}, which this machine doesn't know",
                f"give the folder to one of {', '.join(names)} (chown -R)",
            ) from error
        return found
    for name in names:
        try:
            found.append(pwd.getpwnam(name))
        except KeyError:
            continue
    return found


def _require_switch(account: Account) -> None:
    """In a container that maps a single user, root can't become anybody else."""
    try:
        run_program(account, ["/bin/sh", "-c", ":"], {})
    except OSError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL refuses to run as root and we can't become user {account.name} ({error.strerror})",
            f"run as an ordinary user, or {_OWN_DSN}",
        ) from error
