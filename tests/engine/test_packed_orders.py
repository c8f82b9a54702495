"""Packed orders equal those of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ordering import distinct, lex_order, stable_order

EDGE = 1 << 62
NUMBERS = st.one_of(
    st.integers(0, 3), st.integers(-5, 5), st.sampled_from((-EDGE, EDGE, EDGE + 1, -(1 << 63)))
)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(-2, 2)), max_size=40)


@given(ROWS)
def test_equal_those_of_numpy(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[at] for row in rows], np.int64) for at in range(3)]
    assert lex_order(columns).tolist() == np.lexsort(columns).tolist()
    for column in columns:
        assert stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()
        assert distinct(column).tolist() == np.unique(column).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint64, np.bool_, np.float64])
def test_numbers_of_other_kinds(kind: type[np.generic]) -> None:
    column = np.array([3, 255, 128, 1, 127, 1, 3, 0, 2], np.int64).astype(kind)
    assert stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()


def test_unsigned_numbers_above_all_signed_ones() -> None:
    column = np.array([1 << 63, (1 << 63) + 2, 1 << 63, (1 << 64) - 1], np.uint64)
    assert stable_order(column).tolist() == [0, 2, 1, 3]
