"""Sets of message numbers: the same as sets, whatever the order of what happens to them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from connectors.sequences import Sequences

NUMBERS = st.integers(0, 60)


@given(st.lists(st.tuples(st.sampled_from(["add", "add", "add", "fill", "store"]), NUMBERS)))
def test_it_is_a_set(changes: list[tuple[str, int]]) -> None:
    numbers: set[int] = set()
    made = Sequences()
    for what, number in changes:
        if what == "add":
            made.add(number)
            numbers.add(number)
        elif what == "fill":
            made.fill(number)
            numbers |= set(range(number + 1))
        else:
            made = Sequences.decoded(made.encoded())
    assert {each for each in range(70) if each in made} == numbers
    ranges = made.ranges()
    assert all(first <= last for first, last in ranges)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(ranges))
    assert Sequences(ranges).ranges() == ranges
    assert len(made) == len(ranges)


def test_consecutive_numbers_are_one_small_record() -> None:
    made = Sequences()
    for number in range(10**6, 10**6 + 100_000):
        made.add(number)
    assert len(made) == 1
    assert len(made.encoded()) < 20
    assert Sequences.decoded(b"").ranges() == []
