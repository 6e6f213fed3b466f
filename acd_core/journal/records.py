"""What stands in the journal: events as they were applied, and the story that came out of each."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from acd_core.domain.commands import Story
from acd_core.domain.events import AnyEvent


class EventRecord(msgspec.Struct, frozen=True, array_like=True, tag="e", kw_only=True):
    """One input event. `stream` and `number` are the link's identity of it (empty and 0 for the core's own).

    `digest` is the running digest of all decisions before this event, so a replay can prove that it decides the same.
    """

    seq: int
    now_ms: int
    stream: str
    number: int
    digest: int
    event: AnyEvent


class StoryRecord(msgspec.Struct, frozen=True, array_like=True, tag="s", kw_only=True):
    """The story that the event with the same `seq` brought about; absent when there was none."""

    seq: int
    stories: tuple[Story, ...]


Record: TypeAlias = EventRecord | StoryRecord

# The first bytes of every record: an array of so many fields, and the tag.
RECORD_BEGINS = tuple(
    bytes([0x90 + len(msgspec.structs.fields(kind)) + 1, 0xA1]) + str(kind.__struct_config__.tag).encode()
    for kind in (EventRecord, StoryRecord)
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """The record's MessagePack."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """The record of `encode_record`; raises msgspec.DecodeError for a record of another schema."""
    return _decoder.decode(data)
