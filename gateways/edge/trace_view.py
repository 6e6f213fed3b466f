"""`santral trace CALL`: the SIP ladder of one call as text, merged with what the journal says of it; or as a capture.

The trace's files say which SIP Call-IDs were which party of the call; their messages become arrows between
the party's column and the edge's. Events and story steps of the journal stand at the edge's column between
them, all by time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from acd_core.config import Config
from acd_core.domain.commands import CallStory
from acd_core.domain.events import CallArrived, DeadlinePassed
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord, Record
from acd_core.journal.segments import JournalError, list_segments
from acd_core.link.trace_lines import TraceParty
from gateways.edge.addresses import LocalAddresses
from gateways.edge.identity import arrived_ms_of
from gateways.edge.pcap import write_pcap
from gateways.edge.trace import read_lines, trace_files
from gateways.edge.trace_live import Follower, Watch
from gateways.edge.trace_search import Traced, messages_of, parties_of

LATEST_MAX = 10
_CLOCKS_DIFFER_MS = 60_000  # the edge's, the core's and the file system's
_COLUMN_CHARS = 36
_TIME_CHARS = 11
_CSEQ_METHOD = re.compile(r"^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)
_SAID_ELSEWHERE = frozenset(("call", "edge", "at_ms", "type", "step"))


class UnknownCallError(Exception):
    """Neither trace nor journal know the call; the text says which there are."""


class _Line(msgspec.Struct, frozen=True):
    """One line of the ladder: an arrow of a party, or a note at the edge's column."""

    at_ms: int
    text: str
    party: str = ""
    sent: bool = False


def render(config: Config, call: str) -> str:
    """The ladder. Raises `UnknownCallError`."""
    parties = parties_of(config.traces_path, call)
    lines, peers = _arrows(messages_of(config.traces_path, parties))
    notes, arrived, problem = _notes(config.journal_path, call)
    if not lines and not notes:
        raise _unknown(config, call, problem)
    # The journal's clock is the core's; a message that caused an event goes before it.
    ladder = sorted([*lines, *notes], key=lambda line: (line.at_ms, line.party == ""))
    text = [*_head(call, ladder[0].at_ms, arrived, peers), ""]
    first = "caller" if "caller" in peers else next(iter(peers), "caller")
    columns = [first, "edge", *(party for party in peers if party != first)]
    text.append(" " * _TIME_CHARS + "".join(name.ljust(_COLUMN_CHARS) for name in columns).rstrip())
    text += [_draw(line, columns, ladder[0].at_ms) for line in ladder]
    if not lines and arrived is not None and not (config.traces_path / arrived.edge).exists():
        text += ["", f"Its SIP messages are on the machine of {arrived.edge}: run this there."]
    elif not lines:
        text += ["", "No SIP messages of this call are in the trace (a call from the page has none)."]
    if config.link.core:
        text += ["", "What the journal says of it is on the core's machine."]
    if problem:
        text += ["", f"The journal can't be read: {problem}"]
    return "\n".join(text)


def capture(config: Config, call: str, path: Path) -> int:
    """Write the messages of a call to `path` as a packet capture; how many there were. None: no file.

    Raises `UnknownCallError`.
    """
    folder, addresses = config.traces_path, LocalAddresses(config)
    found = sorted(messages_of(folder, parties_of(folder, call)), key=lambda one: one.message.at_ms)

    def here(one: Traced) -> tuple[str, int]:
        peer = one.message.host
        host = addresses.sip_host(peer)
        if (":" in host) != (":" in peer):
            host = addresses.towards(peer)  # the other family's
        return host, _port_of(config, one)

    if not found:
        check_known(config, call)
        return 0
    return write_pcap(path, [(one.message, here(one)) for one in found])


def check_known(config: Config, call: str) -> None:
    """Raises `UnknownCallError`."""
    parties = parties_of(config.traces_path, call)
    if next(messages_of(config.traces_path, parties), None) is None:
        notes, _, problem = _notes(config.journal_path, call)
        if not notes:
            raise _unknown(config, call, problem)


def _port_of(config: Config, one: Traced) -> int:
    """Ours, at which this message came or from which it went."""
    number = one.edge.removeprefix("edge")
    edge = int(number) if number.isdigit() else 1
    port_of = {"UDP": config.sip_port_of, "TCP": config.tcp_port_of, "TLS": config.tls_port_of}
    return port_of[one.message.transport](edge)


def follow(config: Config, call: str, until: Callable[[], bool]) -> Iterator[str]:
    """Lines for a terminal about messages as they come, `until` says that it is enough; of all calls when `call` is empty."""
    follower, watch = Follower(config.traces_path, from_now=not call), Watch(call)
    while not until():
        for party, message in watch.pick(follower.poll()):
            arrow = "->" if message.sent else "<-"
            peer = f"{message.host}:{message.port}"
            lost = f" ({message.lost} lost before)" if message.lost else ""
            yield f"{_clock(message.at_ms, milliseconds=True)}  {party:12} {arrow} {peer:24} {_title(message.text)}{lost}"


def _arrows(messages: Iterable[Traced]) -> tuple[list[_Line], dict[str, str]]:
    """The messages as arrows, and party → address."""
    lines: list[_Line] = []
    peers: dict[str, str] = {}
    seen: set[tuple[bool, str]] = set()
    for traced in messages:
        message, party = traced.message, traced.party
        transport = "" if message.transport == "UDP" else f" {message.transport}"
        peers.setdefault(party, f"{message.host}:{message.port}{transport}")
        again = " (again)" if (message.sent, message.text) in seen else ""
        seen.add((message.sent, message.text))
        lines.append(_Line(message.at_ms, _title(message.text) + again, party, message.sent))
    return lines, peers


def _title(text: str) -> str:
    """What an arrow is called: method and number, or status and what it answers."""
    first, _, rest = text.partition("\r\n")
    if first.startswith("SIP/2.0 "):
        method = _CSEQ_METHOD.search(rest)
        title = first[8:] + (f" ({method[1]})" if method else "")
    else:
        method_and_uri = first.split(" ")
        user = re.match(r"sips?:([^@;>]+)@", method_and_uri[1]) if len(method_and_uri) > 1 else None
        title = f"{method_and_uri[0]} {user[1]}" if user else method_and_uri[0]
    # It is anybody's text on its way to a terminal, which obeys some characters.
    title = "".join(char if char.isprintable() else "\ufffd" for char in title)
    return f"{title} +SDP" if "\r\n\r\nv=0" in text else title


def _notes(folder: Path, call: str) -> tuple[list[_Line], CallArrived | None, str]:
    """What the journal says of the call, its arrival, and why the journal could not be read to its end."""
    notes: list[_Line] = []
    arrival: CallArrived | None = None
    now_ms = 0
    try:
        for record in _records_since(folder, arrived_ms_of(call)):
            if isinstance(record, EventRecord):
                now_ms = record.now_ms
                if isinstance(record.event, CallArrived) and record.event.call == call:
                    arrival = record.event
                if _concerns(record.event, call):
                    notes.append(_Line(now_ms, _describe(record.event)))
            else:
                # The event that a story came out of stands right before it.
                notes += [
                    _Line(now_ms, f"story: {_story(story)}")
                    for story in record.stories
                    if isinstance(story, CallStory) and story.call == call
                ]
    except (JournalError, msgspec.DecodeError) as error:
        return notes, arrival, str(error)
    return notes, arrival, ""


def _records_since(folder: Path, since_ms: int) -> Iterator[Record]:
    """Records of the segments that were still written to at `since_ms` or later."""
    segments = list_segments(folder)
    for first_seq, path in segments:
        if path.stat().st_mtime_ns // 1_000_000 >= since_ms - _CLOCKS_DIFFER_MS:
            yield from read_journal(folder, first_seq - 1)
            return


def _concerns(event: Any, call: str) -> bool:
    if isinstance(event, DeadlinePassed):
        return event.entity == "call" and event.id == call
    return getattr(event, "call", "") == call


def _describe(event: Any) -> str:
    """The event's name and fields."""
    return f"{type(event).__name__} {_fields(event)}".rstrip()


def _story(story: CallStory) -> str:
    return f"{story.step} {_fields(story)}".rstrip()


def _fields(struct: Any) -> str:
    """What a struct says beyond what the ladder shows anyway."""
    fields = msgspec.to_builtins(struct)
    return " ".join(
        f"{name}={value}"
        for name, value in fields.items()
        if name not in _SAID_ELSEWHERE and value not in ("", None)
    )


def _head(call: str, began_ms: int, arrival: CallArrived | None, peers: dict[str, str]) -> list[str]:
    began = datetime.fromtimestamp(began_ms / 1000, UTC)
    lines = [f"Call {call}  {began:%Y-%m-%d %H:%M:%S}.{began_ms % 1000:03d} UTC"]
    if arrival is not None:
        lines.append(f"  {arrival.caller} to {arrival.dialled}, by {arrival.via}, at {arrival.edge}")
    lines += [f"  {party.ljust(12)} {address}" for party, address in peers.items()]
    return lines


def _draw(line: _Line, columns: list[str], began_ms: int) -> str:
    """One line: every column's lifeline, and the arrow or note over them."""
    width = _COLUMN_CHARS
    row = list(" " * (width * len(columns)))
    for index in range(len(columns)):
        row[index * width] = "|"
    edge = width * columns.index("edge")
    seconds = f"{(line.at_ms - began_ms) / 1000:8.3f}".ljust(_TIME_CHARS)
    if not line.party:
        return seconds + "".join(row[:edge]) + f"* {line.text}"
    other = width * columns.index(line.party)
    left, right = min(edge, other), max(edge, other)
    space = right - left - 1
    rightwards = (other > edge) == line.sent
    label = f" {line.text} "[: space - 4]
    arrow = label.center(space - 1, "-")
    row[left + 1 : right] = list(f"{arrow}>" if rightwards else f"<{arrow}")
    return (seconds + "".join(row)).rstrip()


def _unknown(config: Config, call: str, problem: str) -> UnknownCallError:
    """With what there is instead."""
    lines = [f"There is no call {call} in the trace or the journal."]
    latest = _latest(config)
    if latest:
        lines += ["The latest calls:", *(f"  {line}" for line in latest)]
    if problem:
        lines.append(f"The journal can't be read: {problem}")
    return UnknownCallError("\n".join(lines))


def _latest(config: Config) -> list[str]:
    """The calls that arrived last, latest first."""
    calls: dict[str, str] = {}
    for path in trace_files(config.traces_path):
        for line in read_lines(path, (b'"party"',)):
            if isinstance(line, TraceParty) and line.party == "caller":
                calls[line.call] = ""
    try:
        first_seq = next((first for first, _ in list_segments(config.journal_path)[-2:]), 1)
        for record in read_journal(config.journal_path, first_seq - 1):
            if isinstance(record, EventRecord) and isinstance(record.event, CallArrived):
                calls[record.event.call] = f"{record.event.caller} to {record.event.dialled}"
    except (JournalError, msgspec.DecodeError):
        pass  # the caller says that the journal can't be read
    latest = sorted(calls, key=arrived_ms_of, reverse=True)[:LATEST_MAX]
    return [f"{call}  {_clock(arrived_ms_of(call))}  {calls[call]}".rstrip() for call in latest]


def _clock(at_ms: int, *, milliseconds: bool = False) -> str:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%H:%M:%S}.{at_ms % 1000:03d}" if milliseconds else f"{at:%Y-%m-%d %H:%M:%S} UTC"
