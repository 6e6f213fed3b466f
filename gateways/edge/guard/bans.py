"""What is remembered of sources that did something, and which of them are not heard for a while."""

from __future__ import annotations

from collections import OrderedDict

from gateways.edge.guard.limits import FADE_MS, POINTS, POINTS_MAX, UNFORGEABLE, Kind


class Record:
    """One source."""

    __slots__ = ("at_ms", "banned_until_ms", "forgeable", "kinds", "points", "scanner")

    def __init__(self, now_ms: int) -> None:
        self.kinds: dict[str, int] = {}
        self.points = 0.0
        self.at_ms = now_ms  # of the last thing it did
        self.banned_until_ms = 0
        self.forgeable = False  # what it is banned for, another may have sent in its name
        self.scanner = ""


class Bans:
    """A bounded table; who was quiet longest is forgotten first, a ban included: a flood of forged sources can't do more."""

    def __init__(self, ban_ms: int, sources_max: int) -> None:
        """`ban_ms` 0: nobody is ever banned, all is counted."""
        self._ban_ms, self._sources_max = ban_ms, sources_max
        self._records: OrderedDict[str, Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def is_banned(self, source: str, now_ms: int) -> bool:
        """Whether it is not heard now."""
        record = self._records.get(source)
        return record is not None and now_ms < record.banned_until_ms

    def note(self, source: str, kind: Kind, now_ms: int, *, points_max: float | None = POINTS_MAX) -> bool:
        """Count it; True when it bans the source. `points_max` None: this gives no points, so it never does."""
        record = self._records.pop(source, None) or Record(now_ms)
        self._records[source] = record
        if len(self._records) > self._sources_max:
            self._records.popitem(last=False)
        faded = record.points * max(0.0, 1.0 - (now_ms - record.at_ms) / FADE_MS)
        record.kinds[kind] = record.kinds.get(kind, 0) + 1
        record.points, record.at_ms = faded, now_ms
        if points_max is None:
            return False
        record.points += POINTS[kind]
        if record.points < points_max or not self._ban_ms:
            return False
        record.points = 0.0
        record.banned_until_ms = now_ms + self._ban_ms
        record.forgeable = kind not in UNFORGEABLE
        return True

    def is_forgeable(self, source: str) -> bool:
        """Whether the ban of this source may be another's doing."""
        record = self._records.get(source)
        return record is not None and record.forgeable

    def proved(self, source: str) -> None:
        """It does receive what we send there: it need not have been the one who is banned in its name."""
        if self.is_forgeable(source):
            self.lift(source)

    def name_scanner(self, source: str, tool: str) -> None:
        """What the source gave itself away as."""
        if record := self._records.get(source):
            record.scanner = tool

    def lift(self, source: str) -> bool:
        """Hear it again, as if it had done nothing lately. False: it was not banned."""
        record = self._records.get(source)
        if record is None or not record.banned_until_ms:
            return False
        record.banned_until_ms, record.points, record.forgeable = 0, 0.0, False
        return True

    def banned(self, now_ms: int) -> int:
        """How many are not heard now."""
        return sum(now_ms < record.banned_until_ms for record in self._records.values())

    def worst(self, count: int, now_ms: int) -> list[tuple[str, Record]]:
        """Those who are banned first, then those who did most."""

        def rank(entry: tuple[str, Record]) -> tuple[bool, int, int, str]:
            source, record = entry
            return now_ms >= record.banned_until_ms, -sum(record.kinds.values()), -record.at_ms, source

        return sorted(self._records.items(), key=rank)[:count]
