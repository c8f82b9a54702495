"""Lists of rows by key: they equal plain Python lists, and cost what is touched."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.rowlists import NONE, RowLists

KEYS = 5
ROWS = 400


@dataclass
class Plain:
    """The same with lists of Python."""

    lists: RowLists = field(default_factory=RowLists)
    by_key: dict[int, list[int]] = field(default_factory=lambda: {k: [] for k in range(KEYS)})
    free: list[int] = field(default_factory=lambda: list(range(ROWS)))

    def __post_init__(self) -> None:
        self.lists.fit(KEYS, ROWS)

    def append(self, keys: list[int]) -> None:
        keys = keys[: len(self.free)]
        rows = [self.free.pop() for _ in keys]
        for key, row in zip(keys, rows, strict=True):
            self.by_key[key].append(row)
        self.lists.append(np.array(rows, np.int64), np.array(keys, np.int64))

    def remove(self, picks: list[int]) -> None:
        held = [(key, row) for key, rows in self.by_key.items() for row in rows]
        gone = list({held[pick % len(held)] for pick in picks}) if held else []
        for key, row in gone:
            self.by_key[key].remove(row)
            self.free.append(row)
        keys, rows = ([pair[at] for pair in gone] for at in (0, 1))
        self.lists.remove(np.array(rows, np.int64), np.array(keys, np.int64))

    def check(self) -> None:
        keys = [3, NONE, 0, 1, 2, 4, 3]
        index, rows = self.lists.walk(np.array(keys, np.int64))
        expected = [(i, r) for i, k in enumerate(keys) if k != NONE for r in self.by_key[k]]
        assert list(zip(index.tolist(), rows.tolist(), strict=True)) == expected
        every = np.arange(KEYS)
        assert self.lists.empty(every).tolist() == [not self.by_key[k] for k in range(KEYS)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(True), st.lists(st.integers(0, KEYS - 1), max_size=60)),
        st.tuples(st.just(False), st.lists(st.integers(0, ROWS), max_size=60)),
    ),
    max_size=25,
)


@given(STEPS)
def test_equals_plain_lists(steps: list[tuple[bool, list[int]]]) -> None:
    plain = Plain()
    for adds, numbers in steps:
        if adds:
            plain.append(numbers)
        else:
            plain.remove(numbers)
        plain.check()


def test_a_row_that_comes_and_goes_takes_no_more_memory() -> None:
    lists = RowLists()
    lists.fit(100, 10_000)
    keys = np.repeat(np.arange(100), 100)
    rows = np.arange(10_000)
    lists.append(rows, keys)
    before = lists.nbytes
    for at in range(2_000):
        some = (np.arange(500) * 13 + at * 500) % 10_000
        lists.remove(rows[some], keys[some])
        lists.append(rows[some], keys[some])
    assert lists.nbytes <= 4 * before
    assert len(lists.walk(np.arange(100))[0]) == 10_000
