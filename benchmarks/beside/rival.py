"""Asterisk as a queue for the same load: generated configuration, run from the folder that `make asterisk` has laid."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from benchmarks.beside.load import AGENTS, CALLERS, SERVER, Processes

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "asterisk"
_PLACE = "santral-beside"
_PATIENCE_S = 30.0
_FILES = {
    "asterisk.conf": """\
[directories]
astetcdir => /etc/{place}
astrundir => /run/{place}
astlogdir => /run/{place}
astdbdir => /run/{place}
astspooldir => /run/{place}
[options]
verbose = 0
maxfiles = 20000
""",
    # As a distribution has it, less other protocols, which would take the machine's ports, and music, which nobody hears here.
    "modules.conf": """\
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
noload => res_musiconhold.so
""",
    "logger.conf": "[general]\n[logfiles]\nmessages => error\n",
    "rtp.conf": "[general]\nrtpstart=10000\nrtpend=20000\nicesupport=no\nstunaddr=\n",
    "extensions.conf": """\
[callers]
exten => _X.,1,Answer(0,i)
 same => n,Queue(q${{EXTEN}})
 same => n,Hangup()
""",
}
_PJSIP = """\
[transport]
type=transport
protocol=udp
bind={server}:{port}
[callers]
type=endpoint
transport=transport
context=callers
disallow=all
allow=alaw
direct_media=no
[callers]
type=identify
endpoint=callers
match={callers}
[agent](!)
type=endpoint
transport=transport
context=nowhere
disallow=all
allow=alaw
direct_media=no
"""
_AGENT = "[a{n}](agent)\naors=a{n}\n[a{n}]\ntype=aor\ncontact=sip:a{n}@{host}:{port}\n"
_QUEUE = "[q{name}]\nstrategy=leastrecent\nautofill=yes\nringinuse=no\ntimeout=15\nretry=1\nwrapuptime=0\njoinempty=yes\n"


class Asterisk:
    """One exchange. `queues`: which agents (a1 … aN) serve the queue of each number."""

    name = "Asterisk"
    direction = "sendrecv"  # it sends no audio to who sends none

    def __init__(self, processes: Processes, port: int, agents_port: int, queues: dict[str, int]) -> None:
        """Nothing runs yet."""
        self._processes, self.port, self._agents_port, self._queues = processes, port, agents_port, queues
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, agents: int) -> None:
        """Write its configuration and wait until it serves."""
        etc, run = FOLDER / "etc" / _PLACE, FOLDER / "run" / _PLACE
        for folder in (etc, run):
            folder.mkdir(parents=True, exist_ok=True)
        for file, text in _FILES.items():
            (etc / file).write_text(text.format(place=_PLACE))
        everybody = "".join(
            _AGENT.format(n=n, host=AGENTS, port=self._agents_port) for n in range(1, agents + 1)
        )
        (etc / "pjsip.conf").write_text(
            _PJSIP.format(server=SERVER, port=self.port, callers=CALLERS) + everybody
        )
        queues = "[general]\npersistentmembers=no\n"
        for name, members in self._queues.items():
            queues += _QUEUE.format(name=name)
            queues += "".join(f"member => PJSIP/a{n}\n" for n in range(1, members + 1))
        (etc / "queues.conf").write_text(queues)
        self._process = self._processes.start("asterisk", self._command("-f"))
        async with asyncio.timeout(_PATIENCE_S):
            while "fully booted" not in await asyncio.to_thread(self._say, "core waitfullybooted"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    def _command(self, *options: str) -> list[str]:
        return ["chroot", str(FOLDER), "asterisk", "-C", f"/etc/{_PLACE}/asterisk.conf", *options]

    def _say(self, command: str) -> str:
        said = subprocess.run(
            self._command("-rx", command), capture_output=True, text=True, check=False, timeout=20
        )
        return said.stdout.lower()

    def pids(self) -> dict[str, int]:
        """Its processes."""
        assert self._process is not None
        return {"asterisk": self._process.pid}

    async def stop(self) -> None:
        """By SIGTERM."""
        if self._process is not None:
            await asyncio.to_thread(self._processes.end, self._process)
