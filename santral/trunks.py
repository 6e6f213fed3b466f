"""`santral trunk`: trunks in santral.toml, and the secrets beside it.

What may be read by anybody stands in the file's `[trunks.NAME]`; what proves us to the carrier is kept as hashes in a file of its
own below `data_dir`. A password is asked for, never given on the command line, where others see it.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
import tempfile
from pathlib import Path

from acd_core.config import CONFIG_NAME, Config, ConfigError, load_config
from acd_core.telephony import Trunk
from gateways.edge.trunk_secrets import TrunkSecretError, read_trunk_secret, write_trunk_secret

EXIT_OK, EXIT_FAILED = 0, 1


def run_trunk(options: argparse.Namespace) -> int:
    """One of the verbs."""
    try:
        {"add": _add, "remove": _remove, "list": _list}[options.verb](options)
    except (TrunkSecretError, ValueError, OSError) as error:
        print(f"santral: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _add(options: argparse.Namespace) -> None:
    name, path = options.name, _config_file(options)
    config = load_config(path if path.exists() else None)
    if name not in config.trunks:
        if not options.host:
            raise ValueError(f"there is no [trunks.{name}] yet: give its --host")
        config = _write(path, _text(path) + _table(options))
    elif options.host or options.user:
        raise ValueError(f"{path} has [trunks.{name}] already: change it there")
    trunk = config.trunks[name]
    if not trunk.user:
        print(f"trunk {name}: known by our address, no password is needed")
        return
    realm = options.realm or trunk.realm
    if not realm:
        raise ValueError(f"which realm is the password of {trunk.user} for? Give --realm")
    write_trunk_secret(config.trunk_secret_file(name), trunk.user, realm, _password(name, trunk))
    print(f"trunk {name}: the password of {trunk.user} in realm {realm} is kept")


def _remove(options: argparse.Namespace) -> None:
    name, path = options.name, _config_file(options)
    config = load_config(path if path.exists() else None)
    if name not in config.trunks:
        raise ValueError(f"there is no [trunks.{name}]")
    secret = config.trunk_secret_file(name)
    text = _text(path)
    rest = re.sub(rf"(?ms)^\[trunks\.{re.escape(name)}\][^\n]*\n.*?(?=^\[|\Z)", "", text)
    if rest == text:
        raise ValueError(f"[trunks.{name}] is not written as a table of its own in {path}: take it out there")
    _write(path, rest)
    secret.unlink(missing_ok=True)
    print(f"trunk {name}: removed")


def _list(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    for name, trunk in sorted(config.trunks.items(), key=lambda item: (item[1].order, item[0])):
        place = f"{trunk.host}:{trunk.port}" if trunk.port else trunk.host
        known = _known(config, name, trunk)
        print(f"{name}\t{place}\t{trunk.transport}\torder {trunk.order}\t{trunk.capacity} calls\t{known}")


def _known(config: Config, name: str, trunk: Trunk) -> str:
    if not trunk.user:
        return "by address"
    how = f"{'registers as' if trunk.register else 'as'} {trunk.user}"
    try:
        user, realm = read_trunk_secret(config.trunk_secret_file(name))
    except TrunkSecretError:
        return f"{how}, no password yet"
    if user != trunk.user or trunk.realm not in ("", realm):
        return f"{how}, the password is for {user} in realm {realm}"
    return f"{how}, realm {realm}"


def _config_file(options: argparse.Namespace) -> Path:
    """The file that `load_config` reads, or the one it would read if it were there."""
    return Path(options.config or os.environ.get("SANTRAL_CONFIG") or CONFIG_NAME)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _table(options: argparse.Namespace) -> str:
    lines = [f"\n[trunks.{options.name}]", f"host = {json.dumps(options.host)}"]
    defaults = Trunk(host="")
    for key in ("port", "transport", "user", "realm", "register", "capacity"):
        value = getattr(options, key)
        if value != getattr(defaults, key):
            lines.append(f"{key} = {json.dumps(value)}")  # which is TOML too for texts, numbers and truth
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> Config:
    """Only what can be used: tried before the file becomes it. Returns what it says."""
    path = path.absolute()
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if path.exists():
            Path(draft).chmod(path.stat().st_mode & 0o777)
        try:
            config = load_config(Path(draft))
        except ConfigError as error:
            raise ValueError(f"{path} is left as it is: {str(error).replace(draft, path.name)}") from error
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return config


def _password(name: str, trunk: Trunk) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password of {trunk.user} at trunk {name}: ")
    if getpass.getpass("Again: ") != password:
        raise ValueError("the two passwords differ")
    return password
