"""Slot tables and accumulators come back from a base and any changes after it, slot by slot."""

from __future__ import annotations

import decimal
import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arrays import Int64s, enlarged
from engine.checkpoint import StateDelta, decode, encode
from engine.keys import key_column
from engine.slots import SlotTable
from engine.slotstate import Slotted
from engine.sql.plan_parts import Partial
from engine.state import Accumulators
from engine.stateparts import Arrays, Fields, Parts, Small
from engine.type_parser import parse_type
from engine.types import arrow_type
from tests.engine.test_slots import KINDS, canonical
from tests.examples import examples


class Counts:
    """A slot table with a count beside it, as operators have."""

    def __init__(self, kind: pa.DataType, spread: int = 5) -> None:
        self.spread = spread  # so few hashes that different keys collide
        self.kind = kind
        self.column = key_column(kind)
        self.table = SlotTable((self.column,))
        self.counts = np.zeros(0, np.int64)
        self.part = Slotted(self.table, self._save, self._load)

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        return {"count": pa.array(self.counts[slots])}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self.counts[slots] = rows.column("count").to_numpy()

    def _fit(self) -> None:
        self.counts = enlarged(self.counts, self.table.capacity)

    def add(self, keys: list[Any]) -> Int64s:
        hashes = np.array(
            [zlib.crc32(str(canonical(key)).encode()) % self.spread for key in keys], np.uint64
        )
        slots, made = self.table.assign(hashes, (self.column.encode(pa.array(keys, self.kind)),))
        self._fit()
        self.counts[slots[made]] = 0
        np.add.at(self.counts, slots, 1)
        self.table.touch(slots)
        return slots

    def content(self) -> dict[int, tuple[object, int]]:
        slots = self.table.slots()
        keys = self.column.take(slots).to_pylist()
        counts = self.counts[slots].tolist() if len(slots) else []
        pairs = zip([canonical(key) for key in keys], counts, strict=True)
        return dict(zip(slots.tolist(), pairs, strict=True))


def through_bytes(delta: StateDelta) -> StateDelta:
    return decode(encode(delta))


@pytest.mark.parametrize("name", [name for name in KINDS if name != "time"])
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_a_table_comes_back_with_the_same_slots(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    held = Counts(kind)
    saved: list[StateDelta] = []
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["add", "add", "free", "save", "restart", "base"])):
            case "add":
                held.add(data.draw(st.lists(values, min_size=1, max_size=20)))
            case "free":
                slots = held.table.slots().tolist()
                gone = data.draw(st.sets(st.sampled_from(slots))) if slots else set()
                held.table.free(np.array(sorted(gone), np.int64))
            case what:
                delta = held.part.changes(full=what == "base")
                if delta is not None:
                    saved = [through_bytes(delta)] if delta.full else [*saved, through_bytes(delta)]
                again = Counts(kind)
                again.part.restore(saved)
                assert again.content() == held.content()
                assert again.table.live == held.table.live
                if what == "restart":
                    held = again
    final = Counts(kind)
    delta = held.part.changes(full=False)
    final.part.restore([*saved, *([delta] if delta else [])])
    assert final.content() == held.content()
    keys = data.draw(st.lists(values, min_size=1, max_size=20))
    assert final.add(keys).tolist() is not None
    held.add(keys)
    assert sorted(map(str, final.content().values())) == sorted(map(str, held.content().values()))


def test_changes_cost_what_changed() -> None:
    held = Counts(pa.int64(), spread=1 << 32)
    held.add(list(range(100_000)))
    base = held.part.changes(full=False)
    assert base is not None
    assert base.full
    assert base.tables["rows"].num_rows == 100_000
    assert held.part.changes(full=False) is None
    held.add([5, 7, 100_001])
    change = held.part.changes(full=False)
    assert change is not None
    assert change.tables["rows"].num_rows == 3
    slots = held.table.slots()[:1000]
    held.table.free(slots)
    held.add([-1, -2])
    change = held.part.changes(full=False)
    assert change is not None
    assert change.tables["rows"].num_rows == 2
    assert change.tables["free"].num_rows == 998
    held.table.free(held.add([-3]))
    change = held.part.changes(full=False)
    assert change is not None
    assert change.tables["rows"].num_rows + change.tables["free"].num_rows == 1


def test_a_table_that_no_one_saves_notes_nothing() -> None:
    held = Counts(pa.int64())
    before = held.table.nbytes
    held.table.touch(held.add([1]))
    assert held.table.nbytes == before
    assert held.table.changes(full=False) is not None


D = decimal.Decimal
STATES: list[tuple[str, str, list[list[Any]]]] = [
    ("add", "int64", [[1, None, 3], [5, 6, None]]),
    ("add", "float64", [[0.5, None, float("inf")], [1.5, 2.5, None]]),
    ("add", "decimal(10, 2)", [[D("1.25"), None, D("-3.00")], [D("0.75"), D("2"), None]]),
    ("add", "int256", [["1" * 60, None, "-5"], ["7", "8", None]]),
    ("min", "string", [["b", None, "x"], ["a", "c", None]]),
    ("max", "datetime64(3)", [[5, None, 7], [6, 1, None]]),
    ("last", "bool", [[True, None, False], [False, True, None]]),
    ("first", "array(string)", [[["a"], None, []], [["b", "c"], ["d"], None]]),
    ("concat", "array(int64)", [[[1, 2], None, [3]], [[4], [5], None]]),
    ("union", "array(string)", [[["a", "b"], None, ["x"]], [["b", "c"], ["d"], None]]),
]


@pytest.mark.parametrize(("merge", "kind", "batches"), STATES)
def test_accumulators_come_back(merge: Any, kind: str, batches: list[list[Any]]) -> None:
    partial = Partial("p", "x", parse_type(kind), merge)
    stored = arrow_type(partial.type)
    slots = np.array([0, 3, 5])

    def merged(into: Accumulators, values: list[Any]) -> None:
        into.merge(slots, into.lanes([pa.array(values, stored)]))

    def parts(of: Accumulators) -> Parts:
        def read() -> pa.RecordBatch | None:
            return pa.record_batch(of.saved(slots)) if of.saved(slots) else None

        return Parts({"rows": Small(read, lambda rows: of.load(slots, rows)), **of.parts})

    plain = Accumulators((partial,))
    plain.grow(8)
    saving = parts(plain)
    saved: list[StateDelta] = []
    again = plain
    for values in (*batches, batches[0]):
        merged(plain, values)
        delta = saving.changes(full=False)
        if delta is not None:
            saved.append(through_bytes(delta))
        again = Accumulators((partial,))
        again.grow(8)
        parts(again).restore(saved)
        assert again.nbytes == plain.nbytes
    for each in (plain, again):
        merged(each, batches[1])
    every = np.arange(8)
    expected = plain.arrays(plain.capture(every))[0]
    found = again.arrays(again.capture(every))[0]
    assert found.to_pylist() == expected.to_pylist()
    assert again.nbytes == plain.nbytes
    again.clear(slots)
    assert again.arrays(again.capture(every))[0].null_count == 8


@pytest.mark.parametrize(("merge", "kind", "batches"), STATES[-2:])
def test_a_growing_list_costs_what_was_added(
    merge: Any, kind: str, batches: list[list[Any]]
) -> None:
    partial = Partial("p", "x", parse_type(kind), merge)
    held = Accumulators((partial,))
    held.grow(8)
    part = Parts(held.parts)
    saved: list[StateDelta] = []
    slots = np.array([0, 3, 5])
    sizes: list[int] = []
    for values in batches:
        held.merge(slots, held.lanes([pa.array(values, arrow_type(partial.type))]))
        delta = part.changes(full=False)
        assert delta is not None
        saved.append(through_bytes(delta))
        sizes.append(len(delta.tables["list0/rows"].column("items").flatten()))
    assert sizes == [3, 2]
    # A slot that was cleared, and one that another group has now.
    held.clear(np.array([0, 5]))
    again = batches[0]
    held.merge(np.array([5]), held.lanes([pa.array(again[:1], arrow_type(partial.type))]))
    delta = part.changes(full=False)
    assert delta is not None
    fresh = Accumulators((partial,))
    fresh.grow(8)
    Parts(fresh.parts).restore([*saved, through_bytes(delta)])
    every = np.arange(8)
    expected = held.arrays(held.capture(every))[0].to_pylist()
    assert fresh.arrays(fresh.capture(every))[0].to_pylist() == expected


class Owner:
    def __init__(self) -> None:
        self.count = 0
        self.due: int | None = None
        self.marks = np.zeros(2, np.int64)
        self.rows: pa.RecordBatch | None = None
        arrays = Arrays(lambda: (self.marks,), self._marks)
        small = Small(lambda: self.rows, self._rows)
        inner = Parts({"arrays": arrays, "small": small})
        self.state = Parts({"inner": inner, "own": Fields(self, "count", "due")})

    def _marks(self, arrays: list[Int64s]) -> None:
        self.marks = arrays[0]

    def _rows(self, rows: pa.RecordBatch) -> None:
        self.rows = rows

    def content(self) -> tuple[object, ...]:
        rows = self.rows.to_pydict() if self.rows is not None else None
        return self.count, self.due, self.marks.tolist(), rows


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data())
def test_parts_come_back(data: st.DataObject) -> None:
    held, saved = Owner(), list[StateDelta]()
    for _ in range(data.draw(st.integers(1, 10))):
        match data.draw(st.sampled_from(["count", "due", "grow", "mark", "rows", "save", "full"])):
            case "count":
                held.count += 1
            case "due":
                held.due = data.draw(st.one_of(st.none(), st.integers(0, 5)))
            case "grow":
                held.marks = enlarged(held.marks, len(held.marks) + 1)
            case "mark":
                held.marks[data.draw(st.integers(0, len(held.marks) - 1))] += 1
            case "rows":
                values = data.draw(st.one_of(st.none(), st.lists(st.integers(0, 3), min_size=1)))
                made = pa.record_batch({"n": pa.array(values)}) if values else None
                held.rows = made
            case what:
                delta = held.state.changes(full=what == "full")
                if delta is not None:
                    saved.append(through_bytes(delta))
                again = Owner()
                again.state.restore(saved)
                assert again.content() == held.content()
                held = again
    assert held.state.changes(full=True) is not None
    assert held.state.changes(full=False) is None
