"""What only this machine knows: addresses, ports, folders, the database.

`santral.toml` is read once at the start of each process and checked whole: an unknown key, a wrong type or a port out of
range is one `ConfigError` that names the file, the key and the reason. Every key can be overridden by an environment
variable `SANTRAL_<SECTION>_<KEY>` (`SANTRAL_WEB_LISTEN_PORT=8443`), or `SANTRAL_<KEY>` for a key outside a section; trunks and
dial rules are in the file alone.
Secrets come from the environment or from files below `data_dir`, never from the plan.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import tempfile
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from acd_core.machines import Link, Part, problems_of
from acd_core.numbers import is_country
from acd_core.telephony import DialRule, Edges, Sip, Trunk, edge_offset, problems

__all__ = [
    "CONFIG_NAME",
    "SOCKET_PATH_MAX_BYTES",
    "Config",
    "ConfigError",
    "Core",
    "Database",
    "DialRule",
    "Edges",
    "Link",
    "Rtp",
    "Sip",
    "Speech",
    "Trunk",
    "Web",
    "Webrtc",
    "load_config",
]

CONFIG_NAME = "santral.toml"
SOCKET_PATH_MAX_BYTES = (
    100  # sun_path holds 108 on Linux and 104 elsewhere; PostgreSQL adds a suffix of its own
)
_LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432")


class ConfigError(Exception):
    """The configuration can't be used; the text names the file, the key and what to do."""


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pages. `tls` auto: plain HTTP on localhost, HTTPS with a certificate made at first start elsewhere."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 8185
    advertised_host: str = (
        ""  # the name people type; empty: the listen host, or the machine's address for 0.0.0.0
    )
    tls: Literal["auto", "on", "off"] = "auto"
    certificate_file: str = ""
    key_file: str = ""


class Rtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Audio towards SIP peers: two ports (RTP, RTCP) a leg out of the range."""

    listen_host: str = ""  # empty: as [sip]
    advertised_host: str = ""  # empty: as [sip]
    port_min: int = 20000
    port_max: int = 23999


class Webrtc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Audio towards browsers: one UDP port for all of them on each of these addresses; no public server is asked."""

    # Empty: as [web] listen_host. 0.0.0.0 stands for all addresses of the machine.
    listen_hosts: tuple[str, ...] = ()
    listen_port: int = 0  # 0: any free one; to be set where a firewall must let it through
    advertised_host: str = ""  # the address that pages are told instead, behind a translator (NAT)
    legs_max: int = 64


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PostgreSQL. With an empty `dsn`, `santral up` starts an embedded one."""

    dsn: str = ""
    embedded_dir: str = (
        ""  # empty: data_dir/postgres, or below /var/lib/santral when that user can't reach it
    )
    pool_max: int = 10


class Core(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal's limits."""

    segment_max_bytes: int = 16 * 1024 * 1024
    journal_sync_interval_ms: int = 10


class Speech(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Text to speech."""

    words_per_minute: int = 160


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `santral.toml`. Relative paths are relative to the folder of the file."""

    data_dir: str = "var"
    run_dir: str = ""  # sockets and readiness files; empty: data_dir/run, or a short private folder when that is too long
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    plan_file: str = ""  # applied when the core starts, if it differs from the plan in force
    roster_file: str = ""
    categories_file: str = ""
    parts: tuple[Part, ...] = ("core", "edge", "web")  # what `santral up` starts on this machine
    country: str = "TR"  # ISO 3166: how callers' numbers without a country are read; the plan's `country`
    web: Web = Web()
    sip: Sip = Sip()
    edges: Edges = Edges()
    trunks: dict[str, Trunk] = {}
    dial: tuple[DialRule, ...] = ()
    rtp: Rtp = Rtp()
    webrtc: Webrtc = Webrtc()
    database: Database = Database()
    core: Core = Core()
    link: Link = Link()
    speech: Speech = Speech()
    base_dir: str = ""  # set by load_config: the folder relative paths start from

    @property
    def data_path(self) -> Path:
        """Everything that must survive lives below this folder."""
        return Path(self.base_dir or ".", self.data_dir).absolute()

    @property
    def run_path(self) -> Path:
        """The folder of sockets and readiness files; short enough for a socket address."""
        if self.run_dir:
            return Path(self.base_dir or ".", self.run_dir).absolute()
        beside = self.data_path / "run"
        if len(os.fsencode(beside)) + _LONGEST_SOCKET_NAME <= SOCKET_PATH_MAX_BYTES:
            return beside
        name = hashlib.sha256(os.fsencode(self.data_path)).hexdigest()[:12]
        return Path(tempfile.gettempdir(), f"santral-{os.getuid()}-{name}")

    def socket(self, name: str) -> Path:
        """The Unix socket of the process `name` (core, media, webrtc, speech, control)."""
        return self.run_path / f"{name}.sock"

    def ready_file(self, name: str) -> Path:
        """Written with the pid when the process `name` serves; removed when it starts and when it stops."""
        return self.run_path / f"{name}.ready"

    @property
    def link_secret_file(self) -> Path:
        """What both ends of a link between machines know."""
        return self.data_path / (self.link.secret_file or "link/secret")

    @property
    def link_trust_file(self) -> Path:
        """By what the core is known on other machines; the core makes its own certificate here."""
        return (
            self.resolve(self.link.trust_file) if self.link.trust_file else self.data_path / "link/core.crt"
        )

    @property
    def has_several_edges(self) -> bool:
        """Whether there are other edges than one, here or on other machines."""
        return self.edges.count > 1 or bool(self.link.listen or self.link.core)

    @property
    def journal_path(self) -> Path:
        """Segments and snapshots of the core."""
        return self.data_path / "journal"

    @property
    def recordings_path(self) -> Path:
        """Recorded conversations, `YYYY/MM/DD/CALL-PART.wav`."""
        return self.data_path / "recordings"

    @property
    def prompts_path(self) -> Path:
        """Spoken prompts made from text, one file a (text, language, voice)."""
        return self.data_path / "prompts"

    @property
    def traces_path(self) -> Path:
        """SIP messages kept for `santral trace`."""
        return self.data_path / "traces"

    @property
    def logs_path(self) -> Path:
        """One log a process, rotated."""
        return self.data_path / "logs"

    def sip_port_of(self, edge: int) -> int:
        """The UDP port of edge number `edge`."""
        return self.sip.listen_port + edge_offset(self.sip, self.edges, edge)

    def tcp_port_of(self, edge: int) -> int:
        """Its TCP port; 0: not spoken."""
        return self.sip.tcp_port and self.sip.tcp_port + edge_offset(self.sip, self.edges, edge)

    def tls_port_of(self, edge: int) -> int:
        """Its TLS port; 0: not spoken."""
        return self.sip.tls_port and self.sip.tls_port + edge_offset(self.sip, self.edges, edge)

    def trunk_secret_file(self, name: str) -> Path:
        """The secret of the trunk `name`."""
        return self.data_path / (self.trunks[name].secret_file or f"trunks/{name}")

    def resolve(self, path: str) -> Path:
        """A path of the file, relative to the file's folder."""
        return Path(self.base_dir or ".", path).absolute()


def load_config(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path` (or ./santral.toml when it exists) and the environment; raise `ConfigError` with place and reason."""
    environ = os.environ if environ is None else environ
    path = path or (Path(environ["SANTRAL_CONFIG"]) if environ.get("SANTRAL_CONFIG") else None)
    if path is None and Path(CONFIG_NAME).is_file():
        path = Path(CONFIG_NAME)
    document: dict[str, object] = {}
    if path is not None:
        document = _read(path)
    _override(document, Config, environ, "SANTRAL")
    base_dir = str(path.absolute().parent) if path is not None else str(Path.cwd())
    document["base_dir"] = base_dir
    place = str(path) if path is not None else "environment"
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}") from error
    _check(config, place)
    return config


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}); give another file with --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def _override(
    document: dict[str, object], kind: type[msgspec.Struct], environ: Mapping[str, str], prefix: str
) -> None:
    for field in msgspec.structs.fields(kind):
        if field.name == "base_dir":
            continue
        name = f"{prefix}_{field.name.upper()}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            section = document.setdefault(field.name, {})
            if isinstance(section, dict):
                _override(section, field.type, environ, name)
        elif _is_written_in_the_file(field.type):
            for given in environ:
                if given == name or given.startswith(f"{name}_"):
                    raise ConfigError(
                        f"environment: {given}: {field.name} is not read from the environment, only from {CONFIG_NAME}"
                    )
        elif name in environ:
            document[field.name] = _from_text(environ[name], field.type, name)


def _is_written_in_the_file(kind: object) -> bool:
    """A table of tables or a list of them has no text for a variable."""
    arguments = typing.get_args(kind)
    return typing.get_origin(kind) is dict or any(
        isinstance(argument, type) and issubclass(argument, msgspec.Struct) for argument in arguments
    )


def _from_text(text: str, kind: object, name: str) -> object:
    if kind is int:
        try:
            return int(text)
        except ValueError as error:
            raise ConfigError(f"environment: {name}: expected a whole number, got {text!r}") from error
    if isinstance(kind, types.GenericAlias) or typing.get_origin(kind) is tuple:
        of = typing.get_args(kind)[0]
        return [_from_text(part.strip(), of, name) for part in text.split(",") if part.strip()]
    return text


def _check(config: Config, place: str) -> None:
    if not is_country(config.country):
        raise ConfigError(
            f"{place}: country: {config.country!r} is not a country code of ISO 3166, such as TR"
        )
    for problem in problems(config.sip, config.edges, config.trunks, config.dial):
        raise ConfigError(f"{place}: {problem}")
    for problem in problems_of(config.link, config.parts, config.database.dsn):
        raise ConfigError(f"{place}: {problem}")
    if not 0 < config.web.listen_port < 65536:
        raise ConfigError(f"{place}: web.listen_port: {config.web.listen_port} is not a port (1 to 65535)")
    if not 0 <= config.webrtc.listen_port < 65536:
        raise ConfigError(
            f"{place}: webrtc.listen_port: {config.webrtc.listen_port} is not a port (0: any free one)"
        )
    if config.core.journal_sync_interval_ms < 1 or config.core.segment_max_bytes < 4096:
        raise ConfigError(
            f"{place}: core: journal_sync_interval_ms is at least 1 and segment_max_bytes at least 4096"
        )
    rtp = config.rtp
    if not 1024 <= rtp.port_min < rtp.port_max < 65536:
        raise ConfigError(
            f"{place}: rtp: ports {rtp.port_min} to {rtp.port_max} are no range within 1024 to 65535"
        )
    for key, host in (
        ("web.listen_host", config.web.listen_host),
        ("rtp.listen_host", config.rtp.listen_host or config.sip.listen_host),
        *(("webrtc.listen_hosts", host) for host in config.webrtc.listen_hosts),
        ("webrtc.advertised_host", config.webrtc.advertised_host or config.web.listen_host),
    ):
        try:
            ipaddress.ip_address(host)
        except ValueError as error:
            raise ConfigError(f"{place}: {key}: {host!r} is not an IP address of this machine") from error
    if bool(config.web.certificate_file) != bool(config.web.key_file):
        raise ConfigError(f"{place}: web: certificate_file and key_file go together")
