"""What `santral up` says when everything serves: where to go, as whom, and how to make a first call."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from acd_core.config import Config
from agent_web.certificate import wants_tls
from santral.checks.network import machine_address

DEMO_NUMBER = "185"
LOGINS_FILES = ("demo-logins.txt", "first-login.txt")
PHONES_FILE = "demo-phones.txt"


def banner(config: Config, *, is_demo: bool) -> str:
    page = page_address(config)
    lines = ["ready"]
    if "web" in config.parts:
        lines.append(f"  pages      {page}/")
    if "edge" in config.parts:
        lines.append(f"  phones     {sip_address(config)} (UDP)")
    if config.link.core:
        lines.append(f"  core       {config.link.core}")
    elif config.link.listen:
        folder = config.link_secret_file.parent
        lines.append(f"  machines   {config.link.listen} (they need secret and core.crt of {folder})")
    lines.append(f"  logs       {config.logs_path}")
    for name in LOGINS_FILES:
        lines += _table("Log-ins", config.data_path / name)
    lines += _table("SIP phones", config.data_path / PHONES_FILE)
    if is_demo:
        lines += [
            "A first call",
            f"  1. Open {page}/, log in as an operator, connect audio, press Ready.",
            f"  2. Call sip:{DEMO_NUMBER}@{_host_and_port(config)} from a SIP phone,",
            f"     or open {page}/call in a second window.",
            "  3. Press 1 at the menu; the call rings at the operator.",
        ]
    lines.append("Ctrl-C stops everything.")
    return "\n".join(lines)


def page_address(config: Config) -> str:
    """The address people type."""
    web = config.web
    is_loopback = ipaddress.ip_address(web.listen_host).is_loopback
    scheme = "https" if wants_tls(config) else "http"
    host = (
        "localhost"
        if is_loopback and not web.advertised_host
        else _told(web.listen_host, web.advertised_host)
    )
    default_port = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" + ("" if web.listen_port == default_port else f":{web.listen_port}")


def sip_address(config: Config) -> str:
    return f"sip:{_host_and_port(config)}"


def _host_and_port(config: Config) -> str:
    host = _told(config.sip.listen_host, config.sip.advertised_host)
    return host if config.sip.listen_port == 5060 else f"{host}:{config.sip.listen_port}"


def _told(listen: str, advertised: str) -> str:
    if advertised:
        return advertised
    address = ipaddress.ip_address(listen)
    if address.is_unspecified:
        return machine_address() or "localhost"
    return f"[{listen}]" if address.version == 6 else listen


def _table(title: str, file: Path) -> list[str]:
    """A file of tab-separated lines as a table: a heading, then a line a user; a user's last line counts."""
    try:
        rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return []
    latest = list({row[0]: row for row in rows}.values())
    columns = max(map(len, latest), default=0)
    widths = [max(len(row[index]) for row in latest if index < len(row)) for index in range(columns)]
    table = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)) for row in latest
    )
    return [f"{title} (also in {file})", *(f"  {line.rstrip()}" for line in table)]
