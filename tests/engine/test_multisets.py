"""Counted multisets against plain lists of rows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint import decode, encode
from engine.multisets import Ranked
from tests.examples import examples

Change = tuple[int, float, int]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from((-1.5, 0.0, 1.0, 2.0, 3.5, float("inf"))),
        st.sampled_from((1, 1, 1, -1)),
    ),
    max_size=60,
)
CUTS = st.lists(st.integers(0, 60), max_size=3)


@pytest.fixture(autouse=True, params=[2, 4_096], ids=["sorted", "small"])
def sorted_from(request: pytest.FixtureRequest) -> Iterator[None]:
    """Groups that are looked through often are sorted from this size on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.multisets._SORTED_MIN", request.param)
        yield


def merged(held: Ranked, changes: list[Change]) -> None:
    groups = np.array([group for group, _, _ in changes], np.int64)
    values = pa.array([value for _, value, _ in changes], pa.float64())
    hashes = np.array([hash(value) & 0xFFFF for _, value, _ in changes], np.uint64)
    held.merge(groups, hashes, [values], np.array([w for _, _, w in changes], np.int64))


def parts(changes: list[Change], cuts: list[int]) -> list[list[Change]]:
    places = [0, *sorted(min(cut, len(changes)) for cut in cuts), len(changes)]
    return [changes[low:high] for low, high in itertools.pairwise(places)]


def counts(changes: list[Change], group: int) -> dict[float, int]:
    found: Counter[float] = Counter()
    for which, value, weight in changes:
        if which == group:
            found[value] += weight
    return {value: count for value, count in found.items() if count > 0}


def listed(held: Ranked, group: int, most: int = 0) -> tuple[list[int], list[int]]:
    _, entries, times = held.entries(np.array([group]), most)
    return entries.tolist(), times.tolist()


def best(held: Ranked, group: int) -> float | None:
    return held.values(held.best(np.array([group])), 0).to_pylist()[0]


@pytest.mark.parametrize("order", ["up", "down"])
@settings(max_examples=examples(150), deadline=None)
@given(changes=CHANGES, cuts=CUTS, look=st.booleans())
def test_the_best_of_what_is_left(
    order: str, changes: list[Change], cuts: list[int], look: bool
) -> None:
    held = Ranked([pa.float64()], order)
    held.grow(4)
    choose = min if order == "up" else max
    done: list[Change] = []
    for part in parts(changes, cuts):
        merged(held, part)
        done += part
        for group in range(3) if look else ():
            assert best(held, group) == choose(counts(done, group), default=None)
    for group in range(3):
        left = counts(done, group)
        assert best(held, group) == choose(left, default=None)
        entries, times = listed(held, group)
        values = held.values(np.array(entries, np.int64), 0).to_pylist()
        assert dict(zip(values, times, strict=True)) == left
        assert values == sorted(left, reverse=order == "down")


@settings(max_examples=examples(100), deadline=None)
@given(changes=CHANGES, cuts=CUTS, most=st.integers(1, 4))
def test_the_first_few(changes: list[Change], cuts: list[int], most: int) -> None:
    held = Ranked([pa.float64()], "up")
    held.grow(4)
    for part in parts(changes, cuts):
        merged(held, part)
        for group in range(3):
            listed(held, group, most)
    for group in range(3):
        entries, times = listed(held, group, most)
        values = held.values(np.array(entries, np.int64), 0).to_pylist()
        found = [v for v, n in zip(values, times, strict=True) for _ in range(n)]
        left = sorted(v for v, n in counts(changes, group).items() for _ in range(n))
        assert found[:most] == left[:most]
        assert best(held, group) == (left[0] if left else None)


@settings(max_examples=examples(100), deadline=None)
@given(changes=CHANGES, cut=st.integers(0, 60), cleared=st.booleans())
def test_saved_and_restored(changes: list[Change], cut: int, cleared: bool) -> None:
    held = Ranked([pa.float64()], "down")
    held.grow(4)
    saved = [held.state.changes(full=True)]
    merged(held, changes[: cut // 2])
    saved.append(held.state.changes(full=False))
    merged(held, changes[cut // 2 : cut])
    if cleared:
        held.clear(np.array([1]))
    saved.append(held.state.changes(full=False))
    fresh = Ranked([pa.float64()], "down")
    fresh.grow(4)
    fresh.state.restore([decode(encode(delta)) for delta in saved if delta is not None])
    for each in (held, fresh):
        merged(each, changes[cut:])
    for group in range(3):
        assert best(fresh, group) == best(held, group)
        found = [listed(each, group) for each in (held, fresh)]
        values = [
            each.values(np.array(entries, np.int64), 0).to_pylist()
            for each, (entries, _) in zip((held, fresh), found, strict=True)
        ]
        assert values[0] == values[1]
        assert found[0][1] == found[1][1]


def test_nothing_is_kept_of_what_was_taken_back() -> None:
    held = Ranked([pa.float64()], "up")
    held.grow(1)
    for start in range(50):
        merged(held, [(0, float(start + n), 1) for n in range(100)])
        merged(held, [(0, float(start + n), -1) for n in range(100)])
    held.best(np.array([0]))
    assert held.table.live <= 40
