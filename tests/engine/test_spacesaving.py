"""The sketch of top_k against exact counts."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spacesaving import frequent

KEYS = st.lists(st.integers(0, 12), max_size=80)


def found(keys: list[int], k: int, capacity: int) -> list[tuple[int, int]]:
    """Keys with their counts."""
    lists = pa.array([keys], pa.list_(pa.uint64()))
    flat = frequent(lists, pa.array([k]), pa.array([capacity])).to_pylist()[0]
    return [(keys[place], count) for place, count in zip(flat[::2], flat[1::2], strict=True)]


@settings(max_examples=100, deadline=None)
@given(keys=KEYS, k=st.integers(1, 5))
def test_exact_with_a_counter_for_each_value(keys: list[int], k: int) -> None:
    exact = Counter(keys)  # in order of first arrival
    best = sorted(exact.items(), key=lambda item: -item[1])[:k]
    assert found(keys, k, 13) == best


@settings(max_examples=200, deadline=None)
@given(keys=KEYS, k=st.integers(1, 3), load=st.integers(1, 3))
def test_counts_are_never_too_low_for_what_is_frequent(keys: list[int], k: int, load: int) -> None:
    shown = found(keys, k, k * load)
    exact = Counter(keys)
    assert len(shown) == min(k, len(exact))
    assert [count for _, count in shown] == sorted((c for _, c in shown), reverse=True)
    for key, count in shown:
        assert count <= len(keys)
        assert key in exact


def test_a_value_with_most_of_the_rows_is_found() -> None:
    keys = [n % 50 if n % 2 else 999 for n in range(1000)]
    assert found(keys, 1, 4)[0][0] == 999


def test_no_list_is_null() -> None:
    lists = pa.array([None, []], pa.list_(pa.uint64()))
    assert frequent(lists, pa.array([1, 1]), pa.array([2, 2])).to_pylist() == [None, []]
