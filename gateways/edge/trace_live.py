"""The trace as it grows: for `santral trace --live`, and for a page that watches a call.

A follower reads what was added to the files since it last looked. A watch picks the lines of one call: the first message of a
party comes before the line that says whose it is, so messages nobody is known for are kept for a moment.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from acd_core.link.trace_lines import TraceLine, TraceMessage, TraceParty
from gateways.edge.trace import decode_line, trace_files
from gateways.edge.trace_search import sip_call_id

_UNKNOWN_MAX = 1_000  # SIP Call-IDs whose party may still be told
_UNKNOWN_MESSAGES_MAX = 20  # of one of them


class Follower:
    """All edges' files below a folder."""

    def __init__(self, folder: Path, *, from_now: bool) -> None:
        """`from_now`: what the files hold already is passed over."""
        self._folder = folder
        self._read: dict[Path, int] = {}
        if from_now:
            for path in trace_files(folder):
                with contextlib.suppress(FileNotFoundError):  # the oldest file went while we looked
                    self._read[path] = path.stat().st_size

    def poll(self) -> Iterator[TraceLine]:
        """What is new, file by file. A line that is half written comes when it is whole."""
        files = trace_files(self._folder)
        self._read = {path: offset for path, offset in self._read.items() if path in files}
        for path in files:
            offset = self._read.get(path, 0)
            try:
                with path.open("rb") as file:
                    file.seek(offset)
                    data = file.read()
            except FileNotFoundError:
                continue  # the oldest file went while we looked
            whole = data.rfind(b"\n") + 1
            self._read[path] = offset + whole
            for line in data[:whole].splitlines():
                if (decoded := decode_line(line)) is not None:
                    yield decoded


class Watch:
    """The messages of one call out of all lines, each with its party's name; of all calls when `call` is empty."""

    def __init__(self, call: str, parties: Mapping[str, str] | None = None) -> None:
        """`parties` that are known already."""
        self._call = call
        self._parties = dict(parties or {})
        self._unknown: OrderedDict[str, list[TraceMessage]] = OrderedDict()

    def pick(self, lines: Iterable[TraceLine]) -> Iterator[tuple[str, TraceMessage]]:
        """What belongs to the call."""
        for line in lines:
            if isinstance(line, TraceParty):
                if line.call == self._call:
                    self._parties[line.sip_call_id] = line.party
                    for message in self._unknown.pop(line.sip_call_id, ()):
                        yield line.party, message
                continue
            call_id = sip_call_id(line)
            if call_id in self._parties:
                yield self._parties[call_id], line
            elif not self._call or call_id == self._call:
                yield "", line
            else:
                self._keep(call_id, line)

    def _keep(self, call_id: str, message: TraceMessage) -> None:
        kept = self._unknown.setdefault(call_id, [])
        if len(kept) < _UNKNOWN_MESSAGES_MAX:
            kept.append(message)
        if len(self._unknown) > _UNKNOWN_MAX:
            self._unknown.popitem(last=False)
