"""The gain matrix: what every leg hears of every other.

`out = G @ in`, where `in` holds a row of 160 samples for each leg and G nearly only zeros: a caller hears one
operator. So G is kept as its cells, and the product is taken over the cells alone: the sources' rows times
their gains, added up by target. Bridge, hold, listen, whisper and conference differ in cells only, so
nobody's RTP moves.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class GainMatrix:
    """Cells by (target row, source row). Changed between ticks, multiplied once a tick."""

    def __init__(self) -> None:
        """Nobody hears anybody."""
        self._cells: dict[tuple[int, int], float] = {}
        self._by_row: dict[int, set[tuple[int, int]]] = {}
        self._changed = True
        self._sources: NDArray[np.intp] = np.zeros(0, np.intp)
        self._gains: NDArray[np.float32] = np.zeros((0, 1), np.float32)
        self._targets: NDArray[np.intp] = np.zeros(0, np.intp)
        self._starts: NDArray[np.intp] = np.zeros(0, np.intp)
        self._single = True  # no target has two sources: no sums needed

    def set(self, source: int, target: int, gain: float) -> None:
        """`target` hears `source` times `gain`; 0 removes the cell."""
        cell = (target, source)
        if gain:
            self._cells[cell] = gain
            self._by_row.setdefault(source, set()).add(cell)
            self._by_row.setdefault(target, set()).add(cell)
        elif self._cells.pop(cell, None) is not None:
            self._forget(cell, cell)
        self._changed = True

    def remove(self, row: int) -> None:
        """Nobody hears this row any more, and it hears nobody."""
        for cell in self._by_row.pop(row, set()):
            del self._cells[cell]
            self._forget(cell, (other for other in cell if other != row))
            self._changed = True

    def _forget(self, cell: tuple[int, int], rows: Iterable[int]) -> None:
        for row in rows:
            cells = self._by_row.get(row)
            if cells is not None:
                cells.discard(cell)
                if not cells:
                    del self._by_row[row]

    def gain(self, source: int, target: int) -> float:
        """The cell's gain, 0 when there is none."""
        return self._cells.get((target, source), 0.0)

    def __len__(self) -> int:
        """Cells that are not 0."""
        return len(self._cells)

    def multiply(self, heard: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """out = G @ heard; rows without a cell become silence."""
        if self._changed:
            self._compile()
        out.fill(0)
        if not len(self._sources):
            return
        parts = heard[self._sources]
        parts *= self._gains
        out[self._targets] = parts if self._single else np.add.reduceat(parts, self._starts, axis=0)

    def _compile(self) -> None:
        cells = sorted(self._cells)
        targets = np.fromiter((target for target, _ in cells), np.intp, len(cells))
        self._sources = np.fromiter((source for _, source in cells), np.intp, len(cells))
        self._gains = np.fromiter((self._cells[cell] for cell in cells), np.float32, len(cells))[:, None]
        self._targets, self._starts = np.unique(targets, return_index=True)
        self._single = len(self._targets) == len(targets)
        self._changed = False
