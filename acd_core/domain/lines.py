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


class Line:
    """Members by (key, id); joining, leaving and looking cost the logarithm of the length at most."""

    __slots__ = ("_heap", "_keys")

    def __init__(self) -> None:
        self._heap: list[tuple[Key, str]] = []
        self._keys: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def join(self, key: Key, member: str) -> None:
        """Stand in line, at the place that the key gives."""
        self._keys[member] = key
        heappush(self._heap, (key, member))

    def leave(self, member: str) -> None:
        """Leave, from wherever they stand."""
        keys = self._keys
        del keys[member]
        if len(self._heap) > 2 * len(keys) + _SMALL:
            self._heap = [(key, member) for member, key in keys.items()]
            heapify(self._heap)

    def members(self) -> list[tuple[Key, str]]:
        """All who stand in line, in order."""
        return sorted((key, member) for member, key in self._keys.items())

    def first(self) -> tuple[Key, str] | None:
        """Who is first, without taking them out."""
        heap, keys = self._heap, self._keys
        while heap:
            front = heap[0]
            if keys.get(front[1]) == front[0]:
                return front
            heappop(heap)
        return None


class Bag(Line):
    """Members by id alone."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)

    def join(self, key: Key, member: str) -> None:
        """Be among them; the key says nothing."""
        insort(self.ids, member)

    def leave(self, member: str) -> None:
        """Be among them no more."""
        del self.ids[bisect_left(self.ids, member)]

    def members(self) -> list[tuple[Key, str]]:
        """All of them."""
        return [(0, member) for member in self.ids]

    def first(self) -> tuple[Key, str] | None:
        """The lowest id."""
        return (0, self.ids[0]) if self.ids else None


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
