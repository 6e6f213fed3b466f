"""Kamailio (Debian: kamailio, kamailio-tls-modules) as a carrier's registrar, a proxy on the path, or a border element.

A test writes the routing script; here is what every script needs around it. One child a socket is enough, and quick to start.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path

from tests.peers.program import PATIENCE_S, Program
from tests.support.ports import free_ports

MODULES_FOLDER = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
_MODULES = ("sl", "tm", "tmx", "rr", "pv", "textops", "maxfwd", "siputils", "xlog")
_HEAD = """\
#!KAMAILIO
debug=2
log_stderror=yes
children=1
auto_aliases=no
enable_tls={tls}
tcp_connection_lifetime=600
mpath="{modules_folder}"
{listen}
{load}
modparam("rr", "enable_full_lr", 1)
{parameters}
"""
# Asked by `Kamailio` itself to see that it is up; a test's script never sees it.
_READY = """\
request_route {
    if (is_method("OPTIONS") && $rU == "ready") { sl_send_reply("200", "OK"); exit; }
    route(TEST);
}
"""

_TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = {key}
certificate = {certificate}
[client:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
"""

# A proxy that stays in the dialog: what is not within one goes to `target`.
PROXY = """\
route[TEST] {{
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not here"); exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    t_check_trans();
    record_route();
    $du = "{target}";
    t_relay();
}}
"""


def proxy_to(target: str) -> str:
    """The script of a record-routing proxy before `target` (a SIP URI with port and, where wanted, ;transport=)."""
    return PROXY.format(target=target)


class Kamailio:
    """One Kamailio: UDP and TCP on `port`, TLS on `tls_port` when a certificate is given, each also on [::1] with `ipv6`."""

    def __init__(
        self,
        folder: Path,
        script: str,
        *,
        modules: Sequence[str] = (),
        parameters: str = "",
        certificate: tuple[Path, Path] | None = None,
        ipv6: bool = False,
    ) -> None:
        """`script` has a `route[TEST]`; `modules` beside the common ones; `certificate`: file and key file."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_ports(2)
        self.tls_port = self.port + 1
        hosts = ["127.0.0.1", *(["[::1]"] if ipv6 else [])]
        listen = [f"listen={kind}:{host}:{self.port}" for host in hosts for kind in ("udp", "tcp")]
        load = [*_MODULES, *modules]
        if certificate is not None:
            listen += [f"listen=tls:{host}:{self.tls_port}" for host in hosts]
            load.append("tls")
            (folder / "tls.cfg").write_text(_TLS.format(certificate=certificate[0], key=certificate[1]))
            parameters += f'\nmodparam("tls", "config", "{folder / "tls.cfg"}")'
        config = folder / "kamailio.cfg"
        config.write_text(
            _HEAD.format(
                tls="yes" if certificate is not None else "no",
                modules_folder=MODULES_FOLDER,
                listen="\n".join(listen),
                load="\n".join(f'loadmodule "{name}.so"' for name in load),
                parameters=parameters,
            )
            + _READY
            + script
        )
        pid_file, run = folder / "pid", folder / "run"
        run.mkdir(exist_ok=True)
        command = ["kamailio", "-DD", "-E", "-f", str(config), "-w", str(folder), "-Y", str(run)]
        self.program = Program([*command, "-P", str(pid_file), "-m", "32", "-M", "4"], folder)
        self._wait_until_up()

    def close(self) -> None:
        """End it and its children."""
        self.program.close()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.1)
            me = f"127.0.0.1:{probe.getsockname()[1]}"
            question = (
                f"OPTIONS sip:ready@127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKready\r\n"
                f"Max-Forwards: 1\r\nFrom: <sip:test@{me}>;tag=1\r\nTo: <sip:ready@127.0.0.1>\r\nCall-ID: ready\r\n"
                "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            while True:
                try:
                    probe.sendto(question.encode(), ("127.0.0.1", self.port))
                    probe.recv(65_536)
                    return
                except (TimeoutError, ConnectionRefusedError):
                    if self.program.ended or time.monotonic() > deadline:
                        self.program.close()
                        raise AssertionError(f"Kamailio did not start:\n{self.program.tail()}") from None
