"""Credentials of SIP phones in `data_dir/phones.toml`: what RFC 7616 calls H(A1), never a password.

The file is read again when it changed. One that can't be read keeps the credentials from before, and the log
says so once for each version of the file. `set_phone_password` is what the command line writes it with.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import tomllib
from pathlib import Path

import msgspec

from gateways.sip.auth import DigestSecret

_log = logging.getLogger(__name__)

PHONES_MAX = 100_000
_USER_CHARS_MAX = 64


class PhonesError(Exception):
    """The file can't be used or the user can't be written; the text says why."""


class _Phone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    realm: str
    md5: str
    sha256: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phones: dict[str, _Phone] = {}


def phones_path(data_path: Path) -> Path:
    """Where the credentials lie."""
    return data_path / "phones.toml"


def set_phone_password(path: Path, realm: str, user: str, password: str) -> None:
    """Add a phone or change its password; the edge takes it up by itself."""
    if not user or len(user) > _USER_CHARS_MAX or not user.isascii() or not user.isprintable() or ":" in user:
        raise PhonesError(
            f"{user!r} is no user of a phone: up to {_USER_CHARS_MAX} letters, digits and signs, no colon"
        )
    if not password:
        raise PhonesError("the password is empty")
    phones = dict(_read(path).phones)
    if user not in phones and len(phones) >= PHONES_MAX:
        raise PhonesError(f"{path}: {PHONES_MAX} phones are there already")
    secret = DigestSecret.from_password(user, realm, password)
    phones[user] = _Phone(realm, secret.md5, secret.sha256)
    _write(path, phones)


def remove_phone(path: Path, user: str) -> bool:
    """Forget a phone; False when there is none of this user."""
    phones = dict(_read(path).phones)
    if phones.pop(user, None) is None:
        return False
    _write(path, phones)
    return True


class Phones:
    """What the edge knows of its phones."""

    def __init__(self, path: Path, realm: str) -> None:
        """A missing file is an empty one."""
        self._path, self._realm = path, realm
        self._version: tuple[int, int, int] | None = None
        self._secrets: dict[str, DigestSecret] = {}

    def secret(self, user: str) -> DigestSecret | None:
        """The secret of a user, from the file as it is now."""
        self._refresh()
        return self._secrets.get(user)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            version = (0, 0, 0)
        if version == self._version:
            return
        self._version = version
        try:
            phones = _read(self._path).phones
        except PhonesError as error:
            _log.error("phones: %s; the credentials from before stay in force", error)
            return
        self._secrets = {}
        for user, phone in phones.items():
            if phone.realm == self._realm:
                self._secrets[user] = DigestSecret(phone.md5, phone.sha256)
            else:
                _log.error(
                    "phone %s belongs to realm %r, not %r: set its password again",
                    user,
                    phone.realm,
                    self._realm,
                )


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except FileNotFoundError:
        return _File()
    except OSError as error:
        raise PhonesError(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise PhonesError(f"{path}: {error}") from error


def _write(path: Path, phones: dict[str, _Phone]) -> None:
    """Whole or not at all; readable by this user alone, since a hash serves as well as its password."""
    lines = ["# Credentials of SIP phones, written by `santral phone add`.\n"]
    for user, phone in sorted(phones.items()):
        # A JSON string is a TOML basic string.
        lines.append(f"\n[phones.{json.dumps(user)}]\nrealm = {json.dumps(phone.realm)}\n")
        lines.append(f"md5 = {json.dumps(phone.md5)}\nsha256 = {json.dumps(phone.sha256)}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".phones-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(lines))
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
