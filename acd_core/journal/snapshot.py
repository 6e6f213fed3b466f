"""Snapshots of the domain's state and the pruning that they allow.

A snapshot is one file, `snapshot-<seq>.bin`: a header line, a CRC-32 and MessagePack. It is written beside and renamed, so a
snapshot is whole or absent; the last two are kept.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import zlib
from pathlib import Path

import msgspec

from acd_core.journal.segments import list_segments, sync_folder

_log = logging.getLogger(__name__)

SNAPSHOTS_KEPT = 2
_HEADER = b"santral-snapshot 1\n"
_NAME = re.compile(r"snapshot-(\d{20})\.bin")


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state after event `seq`, and what the core needs beside it to go on.

    `received` is, for each peer's name, the stream and number up to which its events are in the journal. `undelivered`
    are commands of events up to `seq` that their receivers had not confirmed, as the link encoded them: the events are
    not replayed, so nobody would say them again.
    """

    journal_id: str
    seq: int
    now_ms: int
    digest: int
    code_version: str
    received: dict[str, tuple[str, int]]
    state: bytes
    undelivered: dict[str, tuple[tuple[int, bytes], ...]] = {}


def write_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write it durably and forget all but the last two."""
    body = msgspec.msgpack.encode(snapshot)
    path = folder / f"snapshot-{snapshot.seq:020d}.bin"
    draft = path.with_suffix(".draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(_HEADER + zlib.crc32(body).to_bytes(4, "little") + body)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(folder)  # segments are removed because this file is there
    for unfinished in folder.glob("snapshot-*.draft"):
        unfinished.unlink(missing_ok=True)
    for _, old in _list(folder)[:-SNAPSHOTS_KEPT]:
        old.unlink(missing_ok=True)
    return path


def load_snapshot(folder: Path, *, oldest: bool = False) -> Snapshot | None:
    """The newest (or oldest) snapshot that is whole; a damaged one is named in the log and the next one is taken."""
    found = _list(folder)
    for _, path in found if oldest else reversed(found):
        data = path.read_bytes()
        body = data[len(_HEADER) + 4 :]
        if not data.startswith(_HEADER) or zlib.crc32(body) != int.from_bytes(
            data[len(_HEADER) :][:4], "little"
        ):
            _log.error("%s: damaged snapshot, left out", path)
            continue
        try:
            return msgspec.msgpack.decode(body, type=Snapshot)
        except msgspec.DecodeError as error:
            _log.error("%s: snapshot of another schema, left out: %s", path, error)
    return None


def prune(folder: Path, shipped_seq: int) -> int:
    """Remove segments whose events are all in the database and covered by every kept snapshot; returns how many."""
    snapshots = _list(folder)
    covered = min(shipped_seq, snapshots[0][0] if snapshots else 0)
    segments = list_segments(folder)
    removed = 0
    for (_, path), (next_first, _) in itertools.pairwise(segments):
        if next_first - 1 > covered:
            break
        path.unlink(missing_ok=True)
        removed += 1
    return removed


def _list(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)
