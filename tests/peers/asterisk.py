"""Asterisk (Debian sid, laid by scripts/asterisk.py) as a carrier's exchange, as a phone and as a queue in front of us."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.peers.program import PATIENCE_S, Program
from tests.support.ports import free_ports
from tests.tooling.imports import ROOT

FOLDER = ROOT / ".cache" / "asterisk"
_MAIN = """\
[directories]
astetcdir => {etc}
astrundir => {run}
astlogdir => {run}
astdbdir => {run}
[options]
verbose = 3
"""
_MODULES = """\
[modules]
autoload=yes
noload => chan_iax2.so
noload => chan_unistim.so
noload => chan_skinny.so
noload => chan_mgcp.so
noload => chan_sip.so
noload => pbx_dundi.so
noload => pbx_ael.so
noload => pbx_lua.so
noload => res_phoneprov.so
noload => cdr_csv.so
"""
_LOGGER = "[logfiles]\nconsole => notice,warning,error,verbose\n"
_RTP = "[general]\nrtpstart={first}\nrtpend={last}\nicesupport=no\nstunaddr=\n"
# One endpoint is the edge, both ways. `qualify_frequency` would ask it by OPTIONS.
_PJSIP = """\
[transport]
type=transport
protocol={transport}
bind=127.0.0.1:{port}
{certificate}[edge]
type=endpoint
transport=transport
context=from-edge
disallow=all
allow=alaw,ulaw
aors=edge
direct_media=no
trust_id_inbound=yes
send_pai=yes
moh_passthrough=yes
[edge]
type=aor
contact=sip:127.0.0.1:{edge_port}{parameter}
[edge]
type=identify
endpoint=edge
match=127.0.0.1
"""
_CERTIFICATE = """\
cert_file={etc}/certificate.pem
priv_key_file={etc}/key.pem
method=tlsv1_2
"""
_REGISTRATION = """\
[phone]
type=registration
transport=transport
outbound_auth=phone
server_uri=sip:127.0.0.1:{edge_port}{parameter}
client_uri=sip:{user}@127.0.0.1:{edge_port}
contact_user={extension}
retry_interval=2
[phone]
type=auth
auth_type=userpass
username={user}
password={password}
"""
_EXTENSIONS = """\
[from-edge]
exten => phone,1,Answer()
 same => n,Wait(60)
exten => hands-on,1,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/sip:186@127.0.0.1:{edge_port})
 same => n,Hangup()
exten => 185,1,Dial(PJSIP/185@edge,20)
exten => _0XXX.,1,Ringing()
 same => n,Wait(0.2)
 same => n,Answer()
 same => n,Wait(60)
exten => _1486.,1,Hangup(17)
[default]
exten => 500,1,Answer()
 same => n,Queue(us,,,,20)
 same => n,Hangup()
exten => wait,1,Wait(60)
exten => short,1,Wait(2)
 same => n,Hangup()
"""
# The member's state is that of the endpoint; one of a number at an endpoint is unknown, and such a member is not rung.
_QUEUES = """\
[us]
strategy=ringall
timeout=20
retry=1
joinempty=yes
ringinuse=yes
member => PJSIP/185@edge,0,us,PJSIP/edge
"""


class Asterisk:
    """One exchange in its chroot. Below `[from-edge]`: `phone` and numbers with 0 answer, `hands-on` does and then asks
    to hand its caller on to 186, 185 is called at the edge, 1486… is busy.
    """

    def __init__(
        self,
        name: str,
        edge_port: int,
        *,
        port: int = 0,
        phone: tuple[str, str] | None = None,
        extension: str = "phone",
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        """`phone`: user and password that it registers with at the edge, and which `extension` is called then.
        With a certificate, and the file of its key, it speaks TLS.
        """
        self.port = port or free_ports(2)
        first_rtp = free_ports(40)
        self._etc, self._run = f"/etc/santral-{name}", f"/run/santral-{name}"
        etc = Path(f"{FOLDER}{self._etc}")
        for folder in (etc, Path(f"{FOLDER}{self._run}")):
            folder.mkdir(parents=True, exist_ok=True)
        values = {"port": self.port, "edge_port": edge_port, "extension": extension}
        values |= {"transport": "udp", "parameter": "", "certificate": ""}
        if certificate is not None:
            for source, name in zip(certificate, ("certificate.pem", "key.pem"), strict=True):
                shutil.copy(source, etc / name)
            values |= {"transport": "tls", "parameter": "\\;transport=tls"}
            values["certificate"] = _CERTIFICATE.format(etc=self._etc)
        pjsip = _PJSIP.format(**values)
        if phone is not None:
            pjsip += _REGISTRATION.format(user=phone[0], password=phone[1], **values)
        files = {
            "asterisk.conf": _MAIN.format(etc=self._etc, run=self._run),
            "modules.conf": _MODULES,
            "logger.conf": _LOGGER,
            "rtp.conf": _RTP.format(first=first_rtp, last=first_rtp + 39),
            "pjsip.conf": pjsip,
            "extensions.conf": _EXTENSIONS.format(edge_port=edge_port),
            "queues.conf": _QUEUES,
        }
        for file, text in files.items():
            (etc / file).write_text(text)
        command = ["chroot", str(FOLDER), "asterisk", "-f", "-C", f"{self._etc}/asterisk.conf"]
        self.program = Program(command, etc)
        self.program.wait_for("Asterisk Ready")

    def say(self, command: str) -> str:
        """A command of its own console."""
        call = ["chroot", str(FOLDER), "asterisk", "-C", f"{self._etc}/asterisk.conf", "-rx", command]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout

    def call_edge(self, number: str, exten: str) -> None:
        """Call this number at the edge; whoever answers is put to `exten` of the default context."""
        self.say(f"channel originate PJSIP/{number}@edge extension {exten}@default")

    def channels(self) -> int:
        """How many are alive."""
        return int(self.say("core show channels count").split(" active channel", 1)[0].strip().split()[-1])

    def close(self) -> None:
        """End it."""
        if not self.program.ended:
            self.say("core stop now")
        self.program.close()
