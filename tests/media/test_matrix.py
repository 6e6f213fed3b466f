from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateways.media.matrix import GainMatrix

ROWS = 6
CHANGES = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1), st.sampled_from([0.0, 0.5, 1.0, -1.0])),
    max_size=60,
)


@given(CHANGES, st.lists(st.integers(0, ROWS - 1), max_size=3))
def test_it_is_a_matrix(changes: list[tuple[int, int, float]], removed: list[int]) -> None:
    matrix, dense = GainMatrix(), np.zeros((ROWS, ROWS), np.float32)
    for source, target, gain in changes:
        matrix.set(source, target, gain)
        dense[target, source] = gain
    for row in removed:
        matrix.remove(row)
        dense[row] = dense[:, row] = 0
    heard = np.random.default_rng(1).integers(-1_000, 1_000, (ROWS, 160)).astype(np.float32)
    out = np.full((ROWS, 160), 7, np.float32)
    matrix.multiply(heard, out)
    assert np.allclose(out, dense @ heard)
    assert len(matrix) == np.count_nonzero(dense)
    assert all(matrix.gain(s, t) == dense[t, s] for s in range(ROWS) for t in range(ROWS))


def test_nothing_is_kept_of_what_is_gone() -> None:
    matrix = GainMatrix()
    for row in range(1, ROWS):
        matrix.set(0, row, 1.0)
        matrix.set(row, 0, 1.0)
    matrix.remove(0)
    assert len(matrix) == 0
    assert matrix._by_row == {}
