"""A real SIP phone without hands: baresip under its control socket. It says one tone and records what it hears."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.tones import tone_wav

GUARD_S = 30.0
TONE_S = 120  # longer than any call of a test; the phone falls silent at the end of its file

_CONFIG = """\
poll_method epoll
sip_listen {host}:{sip_port}
net_interface {host}
call_local_timeout 120
call_max_calls 4
rtp_ports {rtp_min}-{rtp_max}
audio_player aubridge,{name}
audio_source aufile,{tone_file}
audio_alert aubridge,{name}-alert
ausrc_srate 8000
auplay_srate 8000
audio_level no
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
{modules}module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
"""


class Baresip:
    """One phone. `heard()` is the WAV of what came from the other side, complete once the call has ended."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        tone_hz: int,
        ports: tuple[int, int, int],
        account: str = "",
        host: str = "127.0.0.1",
        modules: tuple[str, ...] = (),
    ) -> None:
        """`ports`: SIP, control, first of ten for RTP. `account`: parameters behind the address (password, registrar)."""
        self.name, self._folder, self.host = name, folder, host
        self.sip_port, control_port, rtp_min = ports
        folder.mkdir(parents=True, exist_ok=True)
        tone_file = folder / "tone.wav"
        tone_wav(tone_file, tone_hz, TONE_S)
        (folder / "config").write_text(
            _CONFIG.format(
                host=host,
                sip_port=self.sip_port,
                control_port=control_port,
                rtp_min=rtp_min,
                rtp_max=rtp_min + 9,
                folder=folder,
                modules="".join(f"module_tmp {module}.so\n" for module in modules),
                tone_file=tone_file,
                name=name,
            )
        )
        address = account or f"<sip:{name}@{host}:{self.sip_port}>;regint=0"
        (folder / "accounts").write_text(f"{address};audio_codecs=PCMU/8000/1,PCMA/8000/1\n")
        (folder / "contacts").touch()
        self.events: list[dict[str, Any]] = []
        self._buffer = b""
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["baresip", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._socket = self._connect(control_port)

    def dial(self, number: str, host: str, port: int) -> None:
        """Call `number` at that address."""
        self._command("dial", f"sip:{number}@{host}:{port}")

    def press(self, key: str) -> None:
        """Send a key as RFC 4733 telephone-event."""
        self._command("sndcode", key)

    def accept(self) -> None:
        """Answer the call that rings."""
        self._command("accept")

    def transfer(self, uri: str) -> None:
        """A blind transfer of the call: hold, and REFER."""
        self._command("transfer", uri)

    def hang_up(self) -> None:
        """End the call, or give up dialling."""
        self._command("hangup")

    def wait_for(self, *kinds: str, guard_s: float = GUARD_S) -> dict[str, Any]:
        """The next event of one of these kinds (CALL_ESTABLISHED, CALL_CLOSED …), consumed."""
        deadline = time.monotonic() + guard_s
        while True:
            for index, event in enumerate(self.events):
                if event.get("type") in kinds:
                    del self.events[: index + 1]
                    return event
            self._read(deadline, kinds)

    def until(self, condition: Callable[[], bool], guard_s: float = GUARD_S) -> None:
        """Wait for something else than an event of this phone."""
        deadline = time.monotonic() + guard_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: not within {guard_s} s; {self.log_tail()}")
            time.sleep(0.05)

    def heard(self) -> list[Path]:
        """The recordings of what was heard, one a call, oldest first."""
        return sorted(self._folder.glob("dump-*-dec.wav"))

    def log_tail(self) -> str:
        """The end of the phone's own log."""
        return (self._folder / "log").read_text(errors="replace")[-2000:]

    def close(self) -> None:
        """Hang up and end the phone."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        self._log.close()

    def _connect(self, port: int) -> socket.socket:
        deadline = time.monotonic() + GUARD_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1)
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError(f"baresip did not start: {self.log_tail()}") from None
                time.sleep(0.05)

    def _command(self, command: str, params: str = "") -> None:
        body = json.dumps({"command": command, "params": params}).encode()
        self._socket.sendall(str(len(body)).encode() + b":" + body + b",")

    def _read(self, deadline: float, kinds: tuple[str, ...]) -> None:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise AssertionError(f"{self.name}: no {kinds} in time; {self.log_tail()}")
        self._socket.settimeout(left_s)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"{self.name}: no {kinds} in time; {self.log_tail()}") from None
        if not data:
            raise AssertionError(f"{self.name}: the phone ended; {self.log_tail()}")
        self._buffer += data
        while True:
            length, colon, rest = self._buffer.partition(b":")
            if not colon or len(rest) < int(length) + 1:
                return
            message = json.loads(rest[: int(length)])
            self._buffer = rest[int(length) + 1 :]
            if message.get("event"):
                self.events.append(message)
