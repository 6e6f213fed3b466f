"""What is remembered of single sources: how fast they ask, how often they failed, what was refused.

Every table is bounded; the source that was quiet longest is forgotten first. A source is a host, because
ports cost nothing to change.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable


class RateLimiter:
    """A token bucket for each source."""

    def __init__(self, per_second: float, burst: float, sources_max: int) -> None:
        """`burst` tokens at first, refilled at `per_second`."""
        self._per_second, self._burst, self._sources_max = per_second, burst, sources_max
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self.refused = 0

    def allow(self, source: str, now_ms: int) -> bool:
        """Take a token if there is one."""
        tokens, at_ms = self._buckets.pop(source, (self._burst, now_ms))
        tokens = min(self._burst, tokens + (now_ms - at_ms) * self._per_second / 1000)
        allowed = tokens >= 1
        self._buckets[source] = (tokens - 1 if allowed else tokens, now_ms)
        if len(self._buckets) > self._sources_max:
            self._buckets.popitem(last=False)
        if not allowed:
            self.refused += 1
        return allowed


class FailureGuard:
    """After `failures_max` failures within the window a source is refused for a while, unread."""

    def __init__(self, failures_max: int, window_s: float, refusal_s: float, sources_max: int) -> None:
        """Times are whole milliseconds inside."""
        self._failures_max, self._sources_max = failures_max, sources_max
        self._window_ms, self._refusal_ms = int(window_s * 1000), int(refusal_s * 1000)
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()  # count, since
        self._refused_until: OrderedDict[str, int] = OrderedDict()
        self.refused = 0

    def is_refused(self, source: str, now_ms: int) -> bool:
        """Asked before anything is done for the source."""
        until_ms = self._refused_until.get(source, 0)
        if now_ms < until_ms:
            self.refused += 1
            return True
        if until_ms:
            del self._refused_until[source]
        return False

    def failed(self, source: str, now_ms: int) -> bool:
        """Count a failure; True when it was one too many."""
        count, since_ms = self._failures.pop(source, (0, now_ms))
        if now_ms - since_ms > self._window_ms:
            count, since_ms = 0, now_ms
        if count + 1 >= self._failures_max:
            self._refused_until[source] = now_ms + self._refusal_ms
            if len(self._refused_until) > self._sources_max:
                self._refused_until.popitem(last=False)
            return True
        self._failures[source] = (count + 1, since_ms)
        if len(self._failures) > self._sources_max:
            self._failures.popitem(last=False)
        return False


class OnceLog:
    """One log line a kind and minute, whoever did it: the first at once, the others as a count with the worst sources.

    Lines by source would be as many as there are sources, and those of datagrams are forged as one likes.
    """

    INTERVAL_MS = 60_000
    SOURCES_MAX = 1_000  # counted apart, of one kind within a minute; others are counted together
    CHARS_MAX = 256
    _NAMED = 3

    def __init__(self, log: logging.Logger, what: str, monotonic_ms: Callable[[], int]) -> None:
        """`what` begins each line."""
        self._log, self._what, self._monotonic_ms = log, what, monotonic_ms
        self._kinds: dict[str, _Minute] = {}
        self.total = 0

    def note(self, kind: str, source: str, reason: str) -> None:
        """It happened once more. Kinds are few: words of ours, never a sender's."""
        self.total += 1
        source, reason = _shown(source), _shown(reason)
        now_ms = self._monotonic_ms()
        minute = self._kinds.get(kind)
        if minute is not None and now_ms - minute.began_ms < self.INTERVAL_MS:
            known = source in minute.sources or len(minute.sources) < self.SOURCES_MAX
            minute.sources[source if known else "others"] += 1
            minute.reason = reason
            return
        if minute is not None:
            self._tell(kind, minute)
        self._log.warning("%s: %s from %s%s", self._what, kind, source, f": {reason}" if reason else "")
        self._kinds[kind] = _Minute(now_ms)

    def flush(self) -> None:
        """Write what is over; to be called about once a minute, or the last minute of a burst is never told."""
        now_ms = self._monotonic_ms()
        for kind, minute in list(self._kinds.items()):
            if now_ms - minute.began_ms >= self.INTERVAL_MS:
                del self._kinds[kind]
                self._tell(kind, minute)

    def _tell(self, kind: str, minute: _Minute) -> None:
        if not minute.sources:
            return
        worst = ", ".join(f"{source} ({count})" for source, count in minute.sources.most_common(self._NAMED))
        more = "" if len(minute.sources) <= self._NAMED else f" and {len(minute.sources) - self._NAMED} more"
        reason = f"; the last: {minute.reason}" if minute.reason else ""
        count = minute.sources.total()
        self._log.warning("%s: %s %d more times, from %s%s%s", self._what, kind, count, worst, more, reason)


def _shown(text: str) -> str:
    """A sender's text may be long, and a terminal obeys some characters."""
    text = text[: OnceLog.CHARS_MAX]
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


class _Minute:
    """What happened of one kind since its line."""

    def __init__(self, now_ms: int) -> None:
        self.began_ms = now_ms
        self.sources: Counter[str] = Counter()
        self.reason = ""
