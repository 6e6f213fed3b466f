"""Segment files: `journal-<first seq>.seg` = header line, then records of length, CRC-32 and payload.

A record that is cut short or fails its checksum at the very end of the newest segment is a torn write: it was
never acknowledged to anyone and is left out. The same anywhere else is damage and stops the reader loudly.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from acd_core.journal.records import RECORD_BEGINS, Record, decode_record

HEADER_FORMAT = "santral-journal 1 {journal_id}\n"
RECORD_MAX_BYTES = 32 * 1024 * 1024
RECORD_HEAD = struct.Struct("<II")
_HEADER = re.compile(rb"santral-journal 1 ([0-9a-f]{16})\n")
_NAME = re.compile(r"journal-(\d{20})\.seg")
_HEADER_BYTES = len(HEADER_FORMAT.format(journal_id="0" * 16))


class JournalError(Exception):
    """The journal can't be used; the text says which file, where and what to do."""


class JournalFullError(JournalError):
    """The disk takes no more just now."""


def segment_name(first_seq: int) -> str:
    """The file name of the segment whose first event is `first_seq`."""
    return f"journal-{first_seq:020d}.seg"


def list_segments(folder: Path) -> list[tuple[int, Path]]:
    """All segments, oldest first, as (first seq, path)."""
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def frame_record(payload: bytes) -> bytes:
    """The bytes of one record in a segment."""
    return RECORD_HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read_journal_id(path: Path) -> str:
    """The journal's identity from a segment's header; empty while the header is not written yet."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    # A power loss can leave zeros where nothing was written yet.
    if len(head) < _HEADER_BYTES or not head.strip(b"\0"):
        return ""
    match = _HEADER.fullmatch(head)
    if match is None:
        raise JournalError(
            f"{path}: not a journal segment of this version; move it away or use the version that wrote it"
        )
    return match[1].decode("ascii")


def read_segment(path: Path, offset: int = 0) -> Iterator[tuple[int, Record]]:
    """Whole records from `offset` on, each with the offset behind it; ends quietly at a torn or unfinished record."""
    with path.open("rb") as file:
        if offset < _HEADER_BYTES:
            if not read_journal_id(path):
                return
            offset = _HEADER_BYTES
        file.seek(offset)
        while True:
            head = file.read(RECORD_HEAD.size)
            if len(head) < RECORD_HEAD.size:
                return
            length, checksum = RECORD_HEAD.unpack(head)
            if not 0 < length <= RECORD_MAX_BYTES:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            offset += RECORD_HEAD.size + length
            try:
                yield offset, decode_record(payload)
            except msgspec.DecodeError as error:
                raise JournalError(
                    f"{path}: record before byte {offset} is of another schema: {error}"
                ) from error


def cut_is_torn_write(path: Path, offset: int) -> bool:
    """Whether nothing whole stands behind `offset`, the end of the last whole record in the newest segment."""
    with path.open("rb") as file:
        file.seek(max(offset, _HEADER_BYTES))
        rest = file.read()
    for begin in RECORD_BEGINS:
        at = rest.find(begin, RECORD_HEAD.size)
        while at >= 0:
            length, checksum = RECORD_HEAD.unpack_from(rest, at - RECORD_HEAD.size)
            if 0 < length <= len(rest) - at and zlib.crc32(rest[at : at + length]) == checksum:
                return False
            at = rest.find(begin, at + 1)
    return True


def sync_folder(folder: Path) -> None:
    """Bring the names in the folder to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
