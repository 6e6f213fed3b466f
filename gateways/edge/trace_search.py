"""Finding one call in the trace's files: which SIP Call-IDs were its parties, and their messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from acd_core.link.trace_lines import TraceMessage, TraceParty
from gateways.edge.trace import read_lines, trace_files

ANY_EDGE = ""
_CALL_ID = re.compile(r"^(?:call-id|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


class Traced(msgspec.Struct, frozen=True):
    """A message out of the files: whose, and of which edge's folder."""

    message: TraceMessage
    party: str
    edge: str


def sip_call_id(message: TraceMessage) -> str:
    """The message's Call-ID, or ""."""
    match = _CALL_ID.search(message.text)
    return match[1] if match else ""


Parties: TypeAlias = Mapping[tuple[str, str], str]


def parties_of(folder: Path, call: str) -> Parties:
    """Edge and SIP Call-ID → party, of this call: a dialog between two edges is another party's to each. An id that is no call's
    is taken for a SIP Call-ID, at any edge: a request that was refused at the door has no other.
    """
    wanted = msgspec.json.encode(call)
    found = {}
    for path in trace_files(folder):
        for line in read_lines(path, (wanted,)):
            if isinstance(line, TraceParty) and line.call == call:
                found[path.parent.name, line.sip_call_id] = line.party
    return found or {(ANY_EDGE, call): "peer"}


def messages_of(folder: Path, parties: Parties) -> Iterator[Traced]:
    """The messages of these parties, file by file."""
    wanted = tuple({msgspec.json.encode(call_id)[1:-1] for _, call_id in parties})
    for path in trace_files(folder):
        edge = path.parent.name
        for message in read_lines(path, wanted):
            if not isinstance(message, TraceMessage):
                continue
            id_ = sip_call_id(message)
            if party := parties.get((edge, id_)) or parties.get((ANY_EDGE, id_)):
                yield Traced(message, party, edge)
