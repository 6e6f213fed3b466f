"""Linphone's console phone (Debian: linphone-cli) as an operator's phone or as a caller."""

from __future__ import annotations

from pathlib import Path

from tests.peers.program import PATIENCE_S, Program
from tests.support.ports import free_ports

# Without these two folders it says that its database can't be opened, and then sends nothing at all.
_HOME_FOLDERS = (".local/share/linphone", ".config/linphone")
_SETTINGS = """\
[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
guess_hostname=0
use_ipv6={ipv6}
contact=sip:{user}@{host}:{port}
root_ca={root_ca}
verify_server_certs={verify}
verify_server_cn={verify}
register_only_when_network_is_up=0
keepalive_period={keepalive_ms}
{extra}
[rtp]
audio_rtp_port={rtp}
[sound]
playback_dev_id=
[video]
enabled=0
"""


class Linphone:
    """One phone of one transport. `lines` of its log hold every SIP message (level 6)."""

    def __init__(
        self,
        folder: Path,
        user: str,
        *,
        transport: str = "udp",
        host: str = "127.0.0.1",
        root_ca: Path | None = None,
        extra: str = "",
        answers: bool = False,
        keepalive_ms: int = 30_000,
    ) -> None:
        """`extra`: further lines of its [sip] section. `root_ca`: who signed a TLS server's certificate; None trusts anybody."""
        for name in _HOME_FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.user, self.transport = user, transport
        self.port, rtp = free_ports(2), free_ports(4)
        ports = {kind: self.port if kind == transport else 0 for kind in ("udp", "tcp", "tls")}
        settings = folder / "rc"
        settings.write_text(
            _SETTINGS.format(
                **ports,
                ipv6=int(":" in host),
                user=user,
                host=f"[{host}]" if ":" in host else host,
                port=self.port,
                root_ca=root_ca or "",
                verify=int(root_ca is not None),
                rtp=rtp,
                extra=extra,
                keepalive_ms=keepalive_ms,
            )
        )
        # Not at a terminal it would keep its lines until it has some thousand letters of them.
        command = ["stdbuf", "-oL", "linphonec", "-c", str(settings), "-d", "6"]
        self.program = Program(
            [*command, *(["-a"] if answers else [])], folder, environment={"HOME": str(folder)}
        )
        self.program.wait_for("Root ca path set to")  # the last of its beginning

    def register(self, host: str, port: int, password: str, patience_s: float = PATIENCE_S) -> None:
        """Register and wait until it is done."""
        self.ask_to_register(host, port, password)
        self.became("RegistrationOk", patience_s)

    def ask_to_register(self, host: str, port: int, password: str) -> None:
        """Register without waiting for how it goes (`became("RegistrationFailed")`)."""
        at = f"{f'[{host}]' if ':' in host else host}:{port}"
        self.program.say(f"register sip:{self.user}@{at} sip:{at};transport={self.transport} {password}")

    def unregister(self) -> None:
        """Take the registration back."""
        self.program.say("unregister")
        self.became("RegistrationCleared")

    def call(self, uri: str) -> None:
        """Call this address."""
        self.program.say(f"call {uri}")

    def ringing(self) -> None:
        """Wait until somebody calls."""
        self.became("CallIncomingReceived")

    def answer(self) -> None:
        """Take the call that rings."""
        self.program.say("answer")

    def hold(self) -> None:
        """Put the call on hold, by a re-INVITE that offers sendonly; then it `became("CallPaused")`."""
        self.program.say("pause")

    def resume(self) -> None:
        """Take the call back from hold; then it `became("CallStreamsRunning")`."""
        self.program.say("resume")

    def transfer(self, uri: str) -> None:
        """A blind transfer: REFER."""
        self.program.say(f"transfer {uri}")

    def put_through(self, call: int, to: int) -> None:
        """An attended transfer of one of its calls to another, by their numbers: REFER with Replaces."""
        self.program.say(f"transfer {call} --to-call {to}")

    def hang_up(self) -> None:
        """End the call."""
        self.program.say("terminate")

    def became(self, state: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until a call or the registration gets into a state of Linphone's: CallStreamsRunning, CallEnd, CallError …"""
        self.program.wait_for(rf"moving from state \[?Linphone\w+\]? to \[?Linphone{state}\b", patience_s)

    def log(self) -> str:
        """All it said so far, with every SIP message."""
        return "\n".join(self.program.lines)

    def close(self) -> None:
        """End the phone."""
        self.program.close()
