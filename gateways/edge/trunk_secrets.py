"""What proves us to a trunk: a file for each below `data_dir`, for its owner's eyes alone, with H(A1) and never a password.

The file is read again when it changed; one that can't be used keeps what was there before, and the log says so once for
each version of the file, without a word of what is in it.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

import msgspec

from acd_core.telephony import Trunk
from gateways.edge.chance import token
from gateways.sip.auth import DigestClient, DigestSecret

_log = logging.getLogger(__name__)

_TEXT_CHARS_MAX = 128


class TrunkSecretError(Exception):
    """The file can't be used or written; the text says why."""


class _Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    realm: str
    md5: str
    sha256: str


class Known(NamedTuple):
    """Whom a trunk and we prove ourselves to each other as."""

    user: str
    realm: str
    hashes: DigestSecret


def write_trunk_secret(path: Path, user: str, realm: str, password: str) -> None:
    """Whole or not at all; readable by this user alone, since a hash serves as well as its password."""
    for what, text in (("user", user), ("realm", realm)):
        if not text or len(text) > _TEXT_CHARS_MAX or not text.isprintable():
            raise TrunkSecretError(f"{text!r} is no {what}: 1 to {_TEXT_CHARS_MAX} printable characters")
    if ":" in user:
        raise TrunkSecretError(f"{user!r} is no user: it has a colon")
    if not password:
        raise TrunkSecretError("the password is empty")
    secret = DigestSecret.from_password(user, realm, password)
    fields = {"user": user, "realm": realm, "md5": secret.md5, "sha256": secret.sha256}
    # A JSON string is a TOML basic string.
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in fields.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("# Credentials of a trunk, written by `santral trunk add`.\n" + "".join(lines))
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def read_trunk_secret(path: Path) -> tuple[str, str]:
    """The user and the realm that it is for; raises `TrunkSecretError` when there is none."""
    secret = _read(path)
    return secret.user, secret.realm


class TrunkSecret:
    """The credentials of one trunk, from its file as it is now."""

    def __init__(self, name: str, trunk: Trunk, path: Path) -> None:
        """Read when it is first asked for."""
        self._name, self._trunk, self._path = name, trunk, path
        self._version: tuple[int, int, int] | None = None
        self._client: DigestClient | None = None
        self._known: Known | None = None

    def client(self) -> DigestClient | None:
        """Answers its challenges; None for a trunk that is known by its address."""
        if not self._trunk.user:
            return None
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            version = (0, 0, 0)
        if version != self._version:
            self._version = version
            self._read()
        return self._client

    def known(self) -> Known | None:
        """Who it is when it proves itself to us; None while that is not known."""
        self.client()
        return self._known

    def _read(self) -> None:
        try:
            secret = _read(self._path)
        except TrunkSecretError as error:
            _log.error("trunk %s: %s: run `santral trunk add %s`", self._name, error, self._name)
            return
        if secret.user != self._trunk.user or self._trunk.realm not in ("", secret.realm):
            _log.error(
                "trunk %s: its secret is for user %r in realm %r: run `santral trunk add %s` again",
                *(self._name, secret.user, secret.realm, self._name),
            )
            return
        hashes = DigestSecret(secret.md5, secret.sha256)
        self._client = DigestClient(secret.user, hashes, token, realm=secret.realm)
        self._known = Known(secret.user, secret.realm, hashes)


def _read(path: Path) -> _Secret:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Secret)
    except FileNotFoundError as error:
        raise TrunkSecretError(f"{path}: there is no secret") from error
    except OSError as error:
        raise TrunkSecretError(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        # The error of a parser may quote what it read.
        raise TrunkSecretError(f"{path}: is not what `santral trunk add` writes") from error
