"""Sets of message numbers: the same as sets, whatever the order of what happens to them."""

from __future__ import annotations

import itertools
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import sequences
from connectors.sequences import Sequences

NUMBERS = st.integers(0, 60)


@pytest.mark.parametrize("piece", [2, 3, sequences.PIECE_RANGES_MAX])
@given(st.lists(st.tuples(st.sampled_from(["add", "add", "add", "fill", "store"]), NUMBERS)))
def test_it_is_a_set(piece: int, changes: list[tuple[str, int]]) -> None:
    with patch.object(sequences, "PIECE_RANGES_MAX", piece):
        is_a_set(changes)


def is_a_set(changes: list[tuple[str, int]]) -> None:
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
            record = made.encoded()
            before = 0
            steps: list[int] = []
            for first, last in made.ranges():
                steps += [first - before, last - first]
                before = last
            assert msgspec.msgpack.decode(record) == steps, "as records of former versions"
            made = Sequences.decoded(record)
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


def test_a_batch_costs_what_it_changes_however_many_ranges_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Sequences((number, number) for number in range(0, 300_000, 3)).encoded()
    made = Sequences.decoded(kept)
    assert len(made) == 100_000
    written: list[int] = []
    listed = sequences._listed  # pyright: ignore[reportPrivateUsage]

    def watched(numbers: list[int]) -> bytes:
        written.append(len(numbers))
        return listed(numbers)

    monkeypatch.setattr(sequences, "_listed", watched)
    for number in range(300_000, 302_000, 2):
        made.add(number)
    made.add(150_001)
    data = made.encoded()
    assert sum(written) <= 2 * (1_000 + 4 * sequences.PIECE_RANGES_MAX)
    assert Sequences.decoded(data).ranges() == made.ranges()
