"""Credentials of SIP phones in `data_dir/phones.toml`: what RFC 7616 calls H(A1), never a password.

There is a hash for each algorithm that the phone may use. A phone that can do with SHA-256 alone has no MD5 hash at all, one
that stumbles over a challenge that names SHA-256 is asked for MD5 alone; others are asked for both.

Phones differ in what they are asked for, and a stranger may ask what each is asked for. So names that are not there are asked
like phones that are: as many for each choice of algorithms as there are phones with it, and always the same name for the same,
by a key that is kept beside the file.

The file is read again when it changed. One that can't be read keeps the credentials from before, and the log
says so once for each version of the file. `set_phone_password` is what the command line writes it with.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import secrets
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateways.sip.auth import Algorithm, DigestSecret

_log = logging.getLogger(__name__)

PHONES_MAX = 100_000
ALGORITHMS: tuple[Algorithm, ...] = ("MD5", "SHA-256")
_USER_CHARS_MAX = 64


class PhonesError(Exception):
    """The file can't be used or the user can't be written; the text says why."""


class _Phone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    realm: str
    md5: str = ""
    sha256: str = ""
    algorithms: tuple[Algorithm, ...] = ()  # in the order in which it is asked for them; none: as configured


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phones: dict[str, _Phone] = {}


def phones_path(data_path: Path) -> Path:
    """Where the credentials lie."""
    return data_path / "phones.toml"


def set_phone_password(
    path: Path, realm: str, user: str, password: str, algorithms: Sequence[Algorithm] = ()
) -> None:
    """Add a phone or change its password; the edge takes it up by itself.

    With `algorithms` the phone is asked for these, whatever is configured, and there is no hash for any other.
    """
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
    may = algorithms or ALGORITHMS
    phones[user] = _Phone(
        realm,
        secret.md5 if "MD5" in may else "",
        secret.sha256 if "SHA-256" in may else "",
        tuple(algorithms),
    )
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

    def __init__(self, path: Path, realm: str, digest: Sequence[Algorithm] = ALGORITHMS) -> None:
        """A missing file is an empty one. `digest`: the algorithms of phones for which the file names none."""
        self._path, self._realm, self._digest = path, realm, tuple(digest)
        self._version: tuple[int, int, int] | None = None
        self._phones: dict[str, tuple[DigestSecret, tuple[Algorithm, ...]]] = {}
        self._choices: list[
            tuple[float, tuple[Algorithm, ...]]
        ] = []  # share of all phones up to and with this one
        self._key = b""

    def secret(self, user: str) -> DigestSecret | None:
        """The secret of a user, from the file as it is now: for the algorithms that they are asked for, no other."""
        self._refresh()
        known = self._phones.get(user)
        return known[0] if known is not None else None

    def algorithms(self, user: str) -> tuple[Algorithm, ...]:
        """What a user is asked for, in this order; one who is not there as others are."""
        self._refresh()
        known = self._phones.get(user)
        if known is not None:
            return known[1]
        if len(self._choices) < 2:
            return self._choices[0][1] if self._choices else self._digest
        self._key = self._key or _kept_key(self._path.with_suffix(".key"))
        name = user.encode(errors="backslashreplace")
        drawn = int.from_bytes(hmac.digest(self._key, name, "sha256")[:6]) / 2**48
        return next(choice for share, choice in self._choices if drawn < share)

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
        self._phones = {}
        for user, phone in phones.items():
            asked = tuple(
                algorithm for algorithm in phone.algorithms or self._digest if _hash_of(phone, algorithm)
            )
            if phone.realm != self._realm:
                reason = f"belongs to realm {phone.realm!r}, not {self._realm!r}"
            elif not asked:
                reason = f"has no hash for {' or '.join(phone.algorithms or self._digest)}"
            else:
                self._phones[user] = (
                    DigestSecret(
                        phone.md5 if "MD5" in asked else "", phone.sha256 if "SHA-256" in asked else ""
                    ),
                    asked,
                )
                continue
            _log.error("phone %s %s: set its password again", user, reason)
        self._weigh_choices()

    def _weigh_choices(self) -> None:
        asked_of = Counter(asked for _, asked in self._phones.values())
        total = 0
        self._choices = []
        for choice, phones_asked in sorted(asked_of.items()):
            total += phones_asked
            self._choices.append((total / len(self._phones), choice))


def _kept_key(path: Path) -> bytes:
    """As `_key_at`; one for this process where none can be kept. A disk that is full must not keep phones out."""
    try:
        key = _key_at(path)
    except OSError as error:
        _log.error("phones: %s: no key can be kept: %s; it is another after each start", path, error.strerror)
        key = b""
    return key or secrets.token_bytes(32)


def _key_at(path: Path) -> bytes:
    """The key in this file, which the first of all edges makes. It stays: names that are asked anew with another are none."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".phones-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            Path(path).hardlink_to(draft)
        return path.read_bytes()
    finally:
        Path(draft).unlink(missing_ok=True)


def _hash_of(phone: _Phone, algorithm: Algorithm) -> str:
    return phone.sha256 if algorithm == "SHA-256" else phone.md5


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
        for name, digest in (("md5", phone.md5), ("sha256", phone.sha256)):
            if digest:
                lines.append(f"{name} = {json.dumps(digest)}\n")
        if phone.algorithms:
            lines.append(f"algorithms = {json.dumps(phone.algorithms)}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".phones-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(lines))
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
