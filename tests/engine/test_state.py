"""Accumulators: every merge rule, with missing values, for numbers and for everything else."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from engine.comparing import sort_key
from engine.sql.plan_parts import Partial
from engine.state import Accumulators
from engine.types import BOOL, FLOAT64, INT64, INT128, STRING, array, arrow_type, decimal

FOUR = np.arange(4)


def merged(partials: list[Partial], *batches: list[list[object]]) -> list[list[object]]:
    """Values of slots 0 to 3 after merging batches; a batch has one list per partial."""
    found = Accumulators(partials)
    found.grow(4)
    for columns in batches:
        arrays = [pa.array(c, arrow_type(p.type)) for c, p in zip(columns, partials, strict=True)]
        found.merge(FOUR, found.lanes(arrays))
    return [a.to_pylist() for a in found.arrays(found.capture(FOUR))]


NAN = float("nan")
CASES = [
    ("add", INT64, [1, None, 3, None], [10, 20, None, None], [11, 20, 3, None]),
    ("add", FLOAT64, [0.5, None, 1.0, None], [0.25, 2.0, None, None], [0.75, 2.0, 1.0, None]),
    ("add", INT128, [str(2**100), None, "1", None], [str(2**100), "5", None, None],
     [str(2**101), "5", "1", None]),
    ("add", decimal(38, 2), [Decimal("1.10"), None, Decimal("9" * 30 + ".99"), None],
     [Decimal("2.25"), Decimal("-3.00"), Decimal("0.01"), None],
     [Decimal("3.35"), Decimal("-3.00"), Decimal("1" + "0" * 30), None]),
    ("min", INT64, [3, None, 3, None], [1, 2, 4, None], [1, 2, 3, None]),
    ("max", INT64, [3, None, 3, None], [1, 2, 4, None], [3, 2, 4, None]),
    ("min", FLOAT64, [NAN, None, 3.0, None], [1.0, 2.0, NAN, None], [1.0, 2.0, 3.0, None]),
    ("max", STRING, ["b", None, "b", None], ["a", "z", "ä", None], ["b", "z", "ä", None]),
    ("min", BOOL, [True, None, True, None], [False, True, None, None], [False, True, True, None]),
    ("first", STRING, ["a", None, "c", None], ["x", "y", None, None], ["a", "y", "c", None]),
    ("last", INT64, [1, None, 3, None], [10, 20, None, None], [10, 20, 3, None]),
    ("concat", array(INT64), [[1], None, [3], None], [[2, 2], [4], None, None],
     [[1, 2, 2], [4], [3], None]),
    ("union", array(STRING), [["a", "b"], None, [], None], [["b", "c"], ["z"], None, None],
     [["a", "b", "c"], ["z"], [], None]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "kind", "first", "second", "expected"), CASES)
def test_merge(rule, kind, first, second, expected) -> None:  # type: ignore[no-untyped-def]
    assert merged([Partial("p", "", kind, rule)], [first], [second]) == [expected]


def test_the_larger_nan_wins_a_maximum() -> None:
    [values] = merged([Partial("p", "", FLOAT64, "max")], [[NAN, 1.0, 1.0, 1.0]], [[5.0] * 4])
    assert str(values[0]) == "nan" and values[1:] == [5.0, 5.0, 5.0]


def test_a_companion_goes_with_its_leader_and_ties_stay() -> None:
    partials = [
        Partial("who", "", STRING, "with_max", "top"),
        Partial("top", "", INT64, "max"),
    ]
    first = [["a", "b", "c", None], [5, 5, 5, None]]
    second = [["x", "y", None, "z"], [5, 6, 9, 1]]
    assert merged(partials, first, second) == [["a", "y", None, "z"], [5, 6, 9, 1]]


def test_a_cleared_slot_begins_anew() -> None:
    found = Accumulators([Partial("n", "", INT64, "add"), Partial("l", "", array(INT64), "concat")])
    found.grow(4)
    arrays = [pa.array([1, 2, 3, 4]), pa.array([[1]] * 4)]
    found.merge(FOUR, found.lanes(arrays))
    found.clear(np.array([1, 3]))
    found.merge(FOUR, found.lanes(arrays))
    n, lists = (a.to_pylist() for a in found.arrays(found.capture(FOUR)))
    assert n == [2, 2, 6, 4]
    assert lists == [[1, 1], [1], [1, 1], [1]]


def test_a_captured_list_does_not_change_later() -> None:
    found = Accumulators([Partial("l", "", array(INT64), "concat")])
    found.grow(1)
    one = np.zeros(1, np.int64)
    found.merge(one, found.lanes([pa.array([[1]])]))
    before = found.capture(one)
    found.merge(one, found.lanes([pa.array([[2]])]))
    assert found.arrays(before)[0].to_pylist() == [[1]]


@pytest.mark.parametrize(
    ("keep", "expected"), [(2, [1.0, 2.0]), (-2, ["nan", 9.0]), (0, [5.0, 2.0, 9.0, "nan", 1.0])]
)
def test_a_list_of_the_best_keeps_no_more_than_is_needed(keep: int, expected: list[object]) -> None:
    found = Accumulators([Partial("p", "", array(FLOAT64), "concat", keep=keep)])
    found.grow(1)
    for batch in ([5.0, 2.0], [9.0, NAN], [1.0]):
        column = pa.array([batch], arrow_type(array(FLOAT64)))
        found.merge(np.arange(1), found.lanes([column]))
    (held,) = found.arrays(found.capture(np.arange(1)))[0].to_pylist()
    best = sorted(held, key=sort_key, reverse=keep < 0)[: abs(keep)] if keep else held
    assert ["nan" if v != v else v for v in best] == expected
    assert not keep or len(held) < 2 * abs(keep) + 1


def test_the_state_of_min_k_does_not_grow() -> None:
    found = Accumulators([Partial("p", "", array(INT64), "concat", keep=3)])
    found.grow(1)
    sizes: set[int] = set()
    for at in range(100):
        column = pa.array([[at, at + 1, at + 2]], arrow_type(array(INT64)))
        found.merge(np.arange(1), found.lanes([column]))
        sizes.add(found.nbytes)
    assert len(sizes) <= 2


def test_counted_sets_give_their_size_and_keep_their_values() -> None:
    partials = [Partial("d", "", INT64, "distinct", items=array(FLOAT64))]
    found = Accumulators(partials)
    found.grow(4)
    lists = [[1.0, NAN], None, [3.0], []], [[NAN, 2.0, 1.0], [4.0], None, None]
    log = found.parts["list0"]
    saved = []
    for each in lists:
        found.merge(FOUR, found.lanes([pa.array(each, pa.list_(pa.float64()))]))
        saved.append(log.changes(full=False))
    assert found.arrays(found.capture(FOUR))[0].to_pylist() == [3, 1, 1, 0]

    restored = Accumulators(partials)
    restored.grow(4)
    restored.parts["list0"].restore([delta for delta in saved if delta is not None])
    restored.merge(FOUR, restored.lanes([pa.array([[2.0], [5.0], None, None])]))
    assert restored.arrays(restored.capture(FOUR))[0].to_pylist() == [3, 2, 1, 0]

    # What panes hold is merged by value, too.
    whole = Accumulators(partials)
    whole.grow(4)
    whole.fold(found, np.array([0]), np.array([0]))
    whole.fold(found, np.array([0]), np.array([2]))
    assert whole.arrays(whole.capture(FOUR))[0].to_pylist()[0] == 4


def test_sets_of_panes_keep_lists_and_nan() -> None:
    partials = [Partial("u", "", array(array(INT64)), "union")]
    pane = Accumulators(partials)
    pane.grow(4)
    pane.merge(FOUR, pane.lanes([pa.array([[[1]], [[2], [1]], None, None])]))
    whole = pane.fresh()
    whole.grow(4)
    for slot in (0, 1):
        whole.fold(pane, np.array([0]), np.array([slot]))
    assert whole.arrays(whole.capture(FOUR))[0].to_pylist()[0] == [[1], [2]]
