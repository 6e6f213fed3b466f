"""Every SIP message of the last while, kept in files for `santral trace`.

The loop only puts a tuple into a bounded queue; a thread writes JSON lines, begins a new file after so many
and deletes the oldest. When the queue is full, a slow disk costs lines of the trace (counted, and said in the
file), never time of a call. A line is a message or a *party*: which call, and which party of it, a SIP
Call-ID belongs to. The files hold what was on the wire and are readable by this user alone; but not the answers to
digest challenges, from which passwords can be guessed at leisure: captures are handed to carriers and support.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from acd_core.link.trace_lines import TraceLine, TraceMessage, TraceParty
from gateways.edge.clock import Clock
from gateways.sip.events import Flow

_log = logging.getLogger(__name__)

QUEUE_MAX = 20_000
FILES_MAX = 8
_WRITE_INTERVAL_S = 0.1
_DATA_BYTES_MAX = 8_192  # of one message; the rest is cut off
_DIGEST_ANSWER = re.compile(r'(\bresponse[ \t]*=[ \t]*"?)([0-9a-f]+)', re.IGNORECASE)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[TraceLine] = msgspec.json.Decoder(TraceLine)


class Trace:
    """The recorder. Without `start` it drops everything."""

    def __init__(self, folder: Path, messages_max: int, clock: Clock) -> None:
        """`messages_max` over all files; 0 keeps nothing."""
        self._folder, self._clock = folder, clock
        self._lines_a_file_max = messages_max // FILES_MAX
        self._queue: deque[tuple[int, bool, Flow, bytes] | TraceParty] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: BinaryIO | None = None
        self._lines = 0
        self._lost_now = 0
        self.lost = 0

    def start(self) -> None:
        """Begin to write."""
        if self._lines_a_file_max:
            self._thread = threading.Thread(target=self._write_all, name="sip-trace", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what is queued and end."""
        if self._thread is not None:
            self._stopping.set()
            self._wake.set()
            self._thread.join(timeout=2)
            self._thread = None

    def message(self, sent: bool, peer: Flow, data: bytes) -> None:
        """One message, as it was on the wire."""
        if self._thread is None:
            return
        if len(self._queue) >= QUEUE_MAX:
            self.lost += 1
            self._lost_now += 1
            return
        self._queue.append((self._clock.now_ms(), sent, peer, data[:_DATA_BYTES_MAX]))
        if not self._wake.is_set():
            self._wake.set()

    def party(self, call: str, party: str, sip_call_id: str) -> None:
        """Name the messages of a SIP Call-ID."""
        if self._thread is not None and len(self._queue) < QUEUE_MAX + 1_000:
            self._queue.append(TraceParty(self._clock.now_ms(), call, party, sip_call_id))

    # --- the thread -------------------------------------------------------------------------------

    def _write_all(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.wait()
                self._stopping.wait(_WRITE_INTERVAL_S)  # gather: one wake-up and one write for many messages
                self._wake.clear()
                self._write_queued()
        except OSError as error:
            _log.error("the SIP trace ends: %s", error)
            self._thread = None
        finally:
            if self._file is not None:
                self._file.close()

    def _write_queued(self) -> None:
        while self._queue:
            file = self._open_file()
            lines: list[bytes] = []
            while self._queue and self._lines < self._lines_a_file_max:
                lines.append(_encoder.encode(self._line(self._queue.popleft())))
                self._lines += 1
            file.write(b"\n".join(lines) + b"\n")
            file.flush()

    def _line(self, item: tuple[int, bool, Flow, bytes] | TraceParty) -> TraceLine:
        if isinstance(item, TraceParty):
            return item
        at_ms, sent, peer, data = item
        lost, self._lost_now = self._lost_now, 0
        text = data.decode("utf-8", "replace")
        if "igest " in text:
            text = _DIGEST_ANSWER.sub(lambda found: found[1] + "x" * len(found[2]), text)
        return TraceMessage(at_ms, sent, peer.host, peer.port, text, lost, peer.transport)

    def _open_file(self) -> BinaryIO:
        if self._file is not None and self._lines < self._lines_a_file_max:
            return self._file
        if self._file is not None:
            self._file.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = trace_files(self._folder)
        # Names must sort by age, also when several files begin within a millisecond or the clock was set back.
        newest = int(files[-1].stem.removeprefix("sip-")) if files else 0
        name = self._folder / f"sip-{max(self._clock.now_ms(), newest + 1):014d}.jsonl"
        self._file, self._lines = name.open("xb"), 0
        name.chmod(0o600)
        for old in [*files, name][:-FILES_MAX]:
            old.unlink(missing_ok=True)
        return self._file


def trace_files(folder: Path) -> list[Path]:
    """Of one edge's folder, or of all edges' below a folder; oldest first."""
    found = (*folder.glob("sip-*.jsonl"), *folder.glob("*/sip-*.jsonl"))
    return sorted((path for path in found if path.stem[4:].isdigit()), key=lambda path: (path.name, path))


def decode_line(line: bytes) -> TraceLine | None:
    """One line of a file; None when it was not written whole."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        return None


def read_lines(path: Path, wanted: tuple[bytes, ...] = ()) -> Iterator[TraceLine]:
    """The lines of one file, or those that hold one of the `wanted` bytes; one half written is left out.

    A file that is no longer there has none: the oldest goes when a new one is begun, also while somebody reads.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if wanted and not any(text in line for text in wanted):
                continue
            if (decoded := decode_line(line)) is not None:
                yield decoded
