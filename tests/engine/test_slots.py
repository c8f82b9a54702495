"""Slot tables behave as dictionaries: same key same slot, whatever the hashes and batches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.keys import FixedKey, ObjectKey, TextKey, key_column
from engine.slots import SlotTable

KINDS = {
    "int64": (pa.int64(), st.one_of(st.none(), st.integers(-3, 3))),
    "bool": (pa.bool_(), st.one_of(st.none(), st.booleans())),
    "float": (pa.float64(), st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, float("nan")]))),
    "time": (pa.timestamp("ms"), st.integers(-2, 2)),
    "text": (pa.string(), st.one_of(st.none(), st.sampled_from(["", "a", "b", "äö", "a" * 40]))),
    "list": (pa.list_(pa.int64()), st.lists(st.integers(0, 1), max_size=2)),
}


def canonical(value: object) -> object:
    if isinstance(value, float):
        return "nan" if value != value else value + 0.0
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_equal_keys_share_a_slot_and_others_do_not(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    column = key_column(kind)
    table = SlotTable((column,))
    slot_of: dict[object, int] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        keys = data.draw(st.lists(values, max_size=8))
        # Few hashes, so that different keys collide.
        hashes = np.array([hash(canonical(k)) % 2 for k in keys], np.uint64)
        slots, made = table.assign(hashes, (column.encode(pa.array(keys, kind)),))
        for key, slot, new in zip(keys, slots.tolist(), made.tolist(), strict=True):
            known = slot_of.setdefault(canonical(key), slot)
            assert known == slot
            assert not new or list(slot_of.values()).count(slot) == 1
        assert table.live == len(slot_of)
        gone = data.draw(st.sets(st.sampled_from(sorted(slot_of.values())))) if slot_of else set()
        table.free(np.array(sorted(gone), np.int64))
        slot_of = {k: s for k, s in slot_of.items() if s not in gone}
        assert sorted(table.slots().tolist()) == sorted(slot_of.values())
        order = np.array(list(slot_of.values()), np.int64)
        taken = column.take(order).cast(kind).to_pylist() if len(order) else []
        if name != "time":
            assert [canonical(v) for v in taken] == list(slot_of)


def test_the_earliest_of_equal_rows_makes_the_slot() -> None:
    column = TextKey()
    table = SlotTable((column,))
    hashes = np.zeros(6, np.uint64)
    slots, made = table.assign(hashes, (column.encode(pa.array(["x", "y", "x", "y", "x", "z"])),))
    assert made.tolist() == [True, True, False, False, False, True]
    assert slots[0] == slots[2] == slots[4] and slots[1] == slots[3]


def test_large_batches_grow_the_table_and_freed_slots_are_used_again() -> None:
    column = FixedKey(pa.int64())
    table = SlotTable((column,))
    keys = np.arange(50_000)
    hashes = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    first, made = table.assign(hashes, (column.encode(pa.array(keys)),))
    assert made.all() and len(set(first.tolist())) == 50_000
    table.free(first[:40_000])
    assert table.live == 10_000
    again, made = table.assign(hashes, (column.encode(pa.array(keys)),))
    assert made.tolist() == [True] * 40_000 + [False] * 10_000
    assert (again[40_000:] == first[40_000:]).all()
    assert table.capacity <= 131_072


def test_a_text_arena_is_compacted() -> None:
    column = TextKey()
    table = SlotTable((column,))
    for turn in range(50):
        texts = pa.array([f"{turn}-{at}" * 10 for at in range(100)])
        hashes = np.arange(turn * 100, turn * 100 + 100).astype(np.uint64)
        slots, _ = table.assign(hashes, (column.encode(texts),))
        assert column.take(slots).equals(texts)
        table.free(slots)
    assert table.live == 0
    assert column.nbytes < 60_000


def test_sliced_columns_are_read_from_their_offset() -> None:
    for column, values in (
        (TextKey(), pa.array(["a", None, "ccc", "dd"])),
        (FixedKey(pa.int32()), pa.array([1, None, 3, 4], pa.int32())),
        (ObjectKey(pa.list_(pa.int8())), pa.array([[1], None, [3], []], pa.list_(pa.int8()))),
    ):
        table = SlotTable((column,))
        part = values.slice(1, 3)
        slots, _ = table.assign(np.arange(3).astype(np.uint64), (column.encode(part),))
        assert column.take(slots).to_pylist() == part.to_pylist()


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_a_table_that_nobody_searches_keeps_and_saves_its_slots(
    steps: list[tuple[int, int]],
) -> None:
    table, numbers, arrived = SlotTable(searched=False), dict[int, int](), 0
    for more, gone in steps:
        slots, made = table.assign(np.arange(arrived, arrived + more, dtype=np.uint64))
        assert made.all()
        assert not numbers.keys() & set(slots.tolist())
        numbers.update(zip(slots.tolist(), range(arrived, arrived + more), strict=True))
        arrived += more
        leaving = sorted(numbers)[:gone]
        table.free(np.array(leaving, np.int64))
        for slot in leaving:
            del numbers[slot]
        assert dict(zip(table.slots(), table.hashes(table.slots()), strict=True)) == numbers
        assert table.live == len(numbers)
    saved = table.changes(full=True)
    assert saved is not None
    again = SlotTable(searched=False)
    again.load(saved.top, saved.free, saved.slots, saved.hashes, saved.keys)
    assert again.slots().tolist() == sorted(numbers)
    new, _ = again.assign(np.array([arrived], np.uint64))
    assert int(new[0]) not in numbers
