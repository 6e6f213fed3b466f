"""SIP phones on the command line, and those of the example city."""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from pathlib import Path

from acd_core.config import Config
from acd_core.documents import DocumentError, load_roster, read_document
from gateways.edge.phones import phones_path, remove_phone, set_phone_password
from gateways.sip.auth import Algorithm

DEMO_PHONES = "demo-phones.txt"
_DEMO_PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_DEMO_PASSWORD_LENGTH = 12


def add(config: Config, user: str, digest: Algorithm | None = None) -> None:
    """Add a phone or change its password, asked for without echo, or read from standard input when that is no terminal.

    `digest`: the phone is asked for this algorithm alone.
    """
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of phone {user}: ")
        if getpass.getpass("Again: ") != password:
            raise ValueError("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    algorithms = () if digest is None else (digest,)
    set_phone_password(phones_path(config.data_path), config.sip.realm, user, password, algorithms)


def remove(config: Config, user: str) -> bool:
    """Forget a phone; False when there was none of this user."""
    return remove_phone(phones_path(config.data_path), user)


def seed_demo_phones(config: Config) -> None:
    """At the first start of the example city: a password for each phone of the roster, kept beside the demo's log-ins."""
    if phones_path(config.data_path).exists() or not config.roster_file:
        return
    roster_file = config.resolve(config.roster_file)
    try:
        roster = load_roster(read_document(roster_file), None, str(roster_file))
    except DocumentError:
        return  # the checks say so, with the reason
    lines = ["phone\tpassword\toperator"]
    for id_, agent in sorted(roster.agents.items()):
        if agent.phone:
            password = "".join(secrets.choice(_DEMO_PASSWORD_LETTERS) for _ in range(_DEMO_PASSWORD_LENGTH))
            set_phone_password(phones_path(config.data_path), config.sip.realm, agent.phone, password)
            lines.append(f"{agent.phone}\t{password}\t{agent.name} ({id_})")
    _write_private(config.data_path / DEMO_PHONES, "\n".join(lines) + "\n")


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
