"""Lines of calls and of agents: members by a key, the first at hand.

A `Line` is a heap that forgets lazily: taking somebody out of its middle costs nothing until they reach the front, and it is
rebuilt when more than half of it is dead, so no step scans. A `Bag` has no order but that of the ids, and gives any of its
members by number, which is what a fair draw needs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias

Key: TypeAlias = Any  # integers, or tuples of them; the same kind within one line

_SMALL = 32


class Line(dict[str, Key]):
    """Members by (key, id); joining, leaving and looking cost the logarithm of the length at most.

    It is the dictionary of its members' keys itself, so whether anybody stands in it, and how many, is asked at the speed of a
    dictionary: every arrival and every free agent asks that of many lines.
    """

    __slots__ = ("heap",)

    def __init__(self) -> None:
        super().__init__()
        self.heap: list[tuple[Key, str]] = []  # its first may have left already: ask `first`

    def join(self, key: Key, member: str) -> None:
        """Stand in line, at the place that the key gives."""
        self[member] = key
        heappush(self.heap, (key, member))

    def leave(self, member: str) -> None:
        """Leave, from wherever they stand."""
        del self[member]
        if len(self.heap) > 2 * len(self) + _SMALL:
            self.heap = [(key, member) for member, key in self.items()]
            heapify(self.heap)

    def members(self) -> list[tuple[Key, str]]:
        """All who stand in line, in order."""
        return sorted((key, member) for member, key in self.items())

    def first(self) -> tuple[Key, str]:
        """Who is first, without taking them out; somebody has to stand in line."""
        heap = self.heap
        while True:
            front = heap[0]
            if self.get(front[1]) == front[0]:
                return front
            heappop(heap)


class Bag(Line):
    """Members by id alone; the key of all is 0."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def join(self, key: Key, member: str) -> None:
        """Be among them; the key says nothing."""
        self[member] = 0
        insort(self.ids, member)

    def leave(self, member: str) -> None:
        """Be among them no more."""
        del self[member]
        del self.ids[bisect_left(self.ids, member)]


def pick(bags: list[Bag], number: int) -> str:
    """The member at this place of all bags together, in the order of their ids: however they are divided, the same one."""
    ranges = [(bag.ids, 0, len(bag.ids)) for bag in bags if bag.ids]
    while True:
        ids, low, high = max(ranges, key=lambda entry: entry[2] - entry[1])
        pivot = ids[(low + high) // 2]
        places = [bisect_left(entry[0], pivot, entry[1], entry[2]) for entry in ranges]
        before = sum(place - entry[1] for place, entry in zip(places, ranges, strict=True))
        if number == before:
            return pivot
        if number < before:
            ranges = [(entry[0], entry[1], place) for entry, place in zip(ranges, places, strict=True)]
        else:
            # The pivot itself is behind us too; ids are in one bag only.
            number -= before + 1
            ranges = [
                (entry[0], place + (entry[0] is ids), entry[2])
                for entry, place in zip(ranges, places, strict=True)
            ]
