"""Makes arrivals by a traffic profile: a Poisson process whose rate goes with month, weekday and hour, and with storms.

The rate is a straight line from the middle of one hour to the middle of the next. Within each hour candidates come at the hour's
highest rate and each stays with the share that the rate then has of it (thinning: Lewis and Shedler 1979, Simulation of
nonhomogeneous Poisson processes by thinning, Naval Research Logistics Quarterly 26). Each hour has a generator of its own, so
that a storm, or another length of the run, changes nobody who calls at another time.

Who calls again has the number of somebody who called in one of the hours before: numbers are a function of hour and place
within it, so nothing is remembered.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from loadtest.sim.arrivals import DURATION_MS_MAX, Arrival
from loadtest.sim.errors import SimError
from loadtest.sim.traffic import CONTACTS_MAX, Profile, Span

T = TypeVar("T")

HOUR_MS = 3_600_000
DAYS_A_YEAR = 365
DAYS_MAX = 3_660
FIRST_YEAR, LAST_YEAR = 1971, 2088  # with `DAYS_MAX` more, times stay within those that a simulation reads
STORM_FACTOR_MAX = 1_000.0
STORM_HOURS_MAX = 14 * 24
_SATURDAY = 5
_STORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)\+(\d{1,3})h:x(\d{1,4}(?:\.\d{1,3})?)", re.ASCII)


class GeneratorError(SimError):
    """It can't be made as asked; the text says why, in one line."""


class Storm(msgspec.Struct, frozen=True):
    """From then, for so long, so many times the usual."""

    begin_ms: int
    end_ms: int
    factor: float
    text: str  # as it was asked for


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made; `contacts` is what is expected without storms, None: as the profile has it then."""

    first_day: date
    days: int
    contacts: int | None = None
    storms: tuple[Storm, ...] = ()
    seed: int = 0


def parse_storm(text: str, timezone: str) -> Storm:
    """`2025-10-03T14:00+6h:x20`: from then, local time, six hours, twenty times the usual; raises `GeneratorError`."""
    match = _STORM.fullmatch(text)
    if match is None:
        raise GeneratorError(f"--storm {text}: not like 2025-10-03T14:00+6h:x20")
    try:
        begin = datetime.fromisoformat(match[1]).replace(tzinfo=ZoneInfo(timezone))
    except ValueError as error:
        raise GeneratorError(f"--storm {text}: {error}") from error
    hours, factor = int(match[2]), float(match[3])
    if not 1 <= hours <= STORM_HOURS_MAX or not 0 <= factor <= STORM_FACTOR_MAX:
        raise GeneratorError(
            f"--storm {text}: at most {STORM_HOURS_MAX} hours and {STORM_FACTOR_MAX:g} times the usual"
        )
    begin_ms = round(begin.timestamp()) * 1000
    return Storm(begin_ms, begin_ms + hours * HOUR_MS, factor, text)


class Generator:
    """Arrivals in order of time."""

    def __init__(self, profile: Profile, asked: Asked, timezone: str) -> None:
        """Raises `GeneratorError` for what is out of range."""
        if not 1 <= asked.days <= DAYS_MAX:
            raise GeneratorError(f"--days {asked.days}: not between 1 and {DAYS_MAX}")
        if asked.contacts is not None and not 1 <= asked.contacts <= CONTACTS_MAX:
            raise GeneratorError(f"--contacts {asked.contacts}: not between 1 and {CONTACTS_MAX}")
        if not FIRST_YEAR <= asked.first_day.year <= LAST_YEAR:
            raise GeneratorError(f"--from {asked.first_day}: not between {FIRST_YEAR} and {LAST_YEAR}")
        self._profile, self._asked = profile, asked
        self._zone = ZoneInfo(timezone)
        self._begin_ms = _midnight_ms(asked.first_day, self._zone)
        self._end_ms = _midnight_ms(asked.first_day + timedelta(days=asked.days), self._zone)
        for storm in asked.storms:
            if storm.end_ms <= self._begin_ms or storm.begin_ms >= self._end_ms:
                raise GeneratorError(f"--storm {storm.text}: not on any of the days that are asked for")
        hours = range(self._begin_ms - HOUR_MS, self._end_ms + 2 * HOUR_MS, HOUR_MS)
        self._weights = [self._weight(at_ms) for at_ms in hours]
        total = sum(self._mass(hour) for hour in range(self.hours))
        self._scale = self._usual() if asked.contacts is None else asked.contacts / total
        self.expected = self._scale * total  # without storms
        self._categories = _Mix(profile.categories, [entry.count for entry in profile.categories.values()])
        self._channels = _Mix(profile.channels, [entry.count for entry in profile.channels.values()])
        self._languages = _Mix(profile.languages, [entry.count for entry in profile.languages.values()])
        self._districts = _Mix(profile.districts, list(profile.districts.values()))

    @property
    def hours(self) -> int:
        """How many there are; with a change of clocks not a multiple of 24."""
        return (self._end_ms - self._begin_ms) // HOUR_MS

    def __iter__(self) -> Iterator[Arrival]:
        """All arrivals."""
        for hour in range(self.hours):
            yield from self._hour(hour)

    def expected_in(self, hour: int) -> float:
        """How many calls are expected in this hour, without storms."""
        return self._mass(hour) * self._scale

    def _usual(self) -> float:
        """How many contacts a weight of 1 is when the year of the first day has as many as the profile says."""
        first, profile = date(self._asked.first_day.year, 1, 1), self._profile
        days = (first + timedelta(days=day) for day in range(DAYS_A_YEAR))
        return profile.contacts_a_year / sum(
            profile.weekdays[day.weekday()] * profile.months[day.month - 1] for day in days
        )

    def _weight(self, at_ms: int) -> float:
        """The weight of the hour that begins then."""
        at = datetime.fromtimestamp(at_ms / 1000, self._zone)
        profile = self._profile
        hours = profile.weekend_hours if at.weekday() >= _SATURDAY else profile.hours
        # A weekday's weight is that of the whole day, however its hours are weighted.
        share = hours[at.hour] / sum(hours)
        return share * profile.weekdays[at.weekday()] * profile.months[at.month - 1]

    def _mass(self, hour: int) -> float:
        """The integral over an hour of straight lines through the middles: an eighth of each neighbour's weight is in it."""
        before, here, after = self._weights[hour : hour + 3]
        return before / 8 + here * 6 / 8 + after / 8

    def _rate(self, hour: int, share: float) -> float:
        """The weight at this share of an hour."""
        before, here, after = self._weights[hour : hour + 3]
        other = before if share < 0.5 else after
        return here + (other - here) * abs(share - 0.5)

    def _storm(self, at_ms: float) -> float:
        factor = 1.0
        for storm in self._asked.storms:
            if storm.begin_ms <= at_ms < storm.end_ms:
                factor *= storm.factor
        return factor

    def _hour(self, hour: int) -> Iterator[Arrival]:
        begin_ms = self._begin_ms + hour * HOUR_MS
        random = Random(f"{self._asked.seed}:{begin_ms}")
        highest = max(self._rate(hour, 0.0), self._rate(hour, 0.5), self._rate(hour, 1.0 - 1e-12))
        edges = [begin_ms, *(storm.begin_ms for storm in self._asked.storms)]
        edges += [storm.end_ms for storm in self._asked.storms]
        factor = max(self._storm(edge) for edge in edges if begin_ms <= edge < begin_ms + HOUR_MS)
        most = highest * self._scale * factor
        at, number = 0.0, 0
        while most > 0:
            at += random.expovariate(most)
            if at >= 1.0:
                return
            at_ms = begin_ms + at * HOUR_MS
            if random.random() * most < self._rate(hour, at) * self._scale * self._storm(at_ms):
                yield self._arrival(random, begin_ms, number, int(at_ms))
                number += 1

    def _arrival(self, random: Random, hour_ms: int, number: int, at_ms: int) -> Arrival:
        category_id, category = self._categories.draw(random)
        _, channel = self._channels.draw(random) if self._channels else ("", None)
        language_id, language = self._languages.draw(random) if self._languages else ("", None)
        district = self._districts.draw(random)[0] if self._districts else ""
        waits = channel is not None and channel.waits
        skills = dict(category.skills)
        for skill, level in language.skills.items() if language is not None else ():
            skills[skill] = max(level, skills.get(skill, 0))
        return Arrival(
            at_ms=at_ms,
            caller="" if waits else self._caller(random, hour_ms, number),
            dialled=channel.dialled if channel is not None else "",
            queue=category.queue,
            talk_ms=draw(random, category.talk),
            patience_ms=None if waits else draw(random, category.patience or self._profile.patience),
            wrapup_ms=draw(random, category.wrap_up),
            priority=category.priority,
            language=language_id,
            district=district,
            category=category_id,
            skills=";".join(f"{skill}:{level}" for skill, level in skills.items()),
        )

    def _caller(self, random: Random, hour_ms: int, number: int) -> str:
        callers = self._profile.callers
        chance = random.random()
        if chance < callers.withheld_share:
            return ""
        if chance < callers.withheld_share + callers.repeat_share:
            hour_ms -= HOUR_MS * random.randint(1, callers.repeat_within_hours)
            hour = (hour_ms - self._begin_ms) // HOUR_MS
            usual = self.expected_in(hour) if 0 <= hour < self.hours else 1.0
            number = random.randrange(max(1, int(usual)))
        hashed = hashlib.blake2b(f"{self._asked.seed}:{hour_ms}:{number}".encode(), digest_size=8).digest()
        return f"{callers.prefix}{int.from_bytes(hashed, 'big') % 10**callers.digits:0{callers.digits}d}"


def draw(random: Random, span: Span) -> int:
    """One length of time, in milliseconds."""
    if span.shape == "exponential":
        length = random.expovariate(1 / span.mean_ms)
    else:
        # The mean of a lognormal distribution is exp(mu + sigma^2 / 2).
        length = random.lognormvariate(math.log(span.mean_ms) - span.spread**2 / 2, span.spread)
    return min(round(length), DURATION_MS_MAX)


class _Mix(Generic[T]):
    """Things by how often they come."""

    def __init__(self, entries: Mapping[str, T], counts: Sequence[int]) -> None:
        self._entries = tuple(entries.items())
        self._until = list(accumulate(counts))

    def __bool__(self) -> bool:
        return bool(self._entries)

    def draw(self, random: Random) -> tuple[str, T]:
        return self._entries[bisect(self._until, random.random() * self._until[-1])]


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
