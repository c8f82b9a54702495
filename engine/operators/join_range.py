"""Range joins: two append streams whose times are close; what no row can meet any more goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, enlarged
from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.joinindex import NONE, JoinRows, KeyTable, SideRows, free_keys
from engine.joinversions import comparable
from engine.operators.gather import Whole
from engine.operators.join_input import (
    JoinBudget,
    Pairs,
    SideInput,
    appends_of,
    joined,
    matches,
    probed,
    some,
)
from engine.operators.operator import Context, Plain
from engine.ordering import distinct, lex_order
from engine.slotstate import Slotted
from engine.sql.logical import Join
from engine.sql.plan_parts import RangeRule
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved
from engine.types import arrow_field

TICKS = {"s": (1, 1000), "ms": (1, 1), "us": (1000, 1), "ns": (1_000_000, 1)}
_BEFORE_ALL = np.iinfo(np.int64).min // 4


class _Bounds:
    """The range in ticks of the time columns, and the buckets by which rows go."""

    def __init__(self, rule: RangeRule, kind: pa.DataType) -> None:
        times, divided = TICKS[kind.unit]
        low, high = (ms * times // divided for ms in (rule.low_ms, rule.high_ms))
        self.bucket = max(1, (high - low + 1) // 2)
        self.low = low + int(rule.low_open)
        self.high = high - int(rule.high_open)

    def buckets(self, times: Int64s) -> Int64s:
        """Where each row's bucket begins."""
        return times // self.bucket * self.bucket

    def inside(self, left: Int64s, right: Int64s) -> Bools:
        """Whether the times are in range."""
        apart = left - right
        return (apart >= self.low) & (apart <= self.high)


class _TimedRows:
    """The rows of a side with their times, in buckets."""

    def __init__(self, schema: pa.Schema, keys: KeyTable, column: int) -> None:
        self.rows = JoinRows(schema, keys, counted=False)
        self.column = column
        self.times = np.zeros(0, np.int64)
        self._buckets: dict[int, list[Int64s]] = {}

    def add(self, rows: SideRows, keys: Int64s, kept: Int64s, times: Int64s, size: int) -> None:
        """Take in these rows of a batch."""
        kept = kept[keys[kept] != NONE]
        slots = self.rows.add(rows, keys, kept)
        self._note(slots, times[kept], size)

    def _note(self, slots: Int64s, times: Int64s, size: int) -> None:
        if len(self.times) < self.rows.table.capacity:
            self.times = enlarged(self.times, self.rows.table.capacity)
        self.times[slots] = times
        begins = times // size * size
        for begin in distinct(begins).tolist():
            self._buckets.setdefault(begin, []).append(slots[begins == begin])

    def expire(self, limit: int) -> Int64s:
        """Forget the buckets that begin at or before the limit; returns keys of their rows."""
        gone = sorted(begin for begin in self._buckets if begin <= limit)
        if not gone:
            return np.zeros(0, np.int64)
        slots = np.concatenate([part for begin in gone for part in self._buckets.pop(begin)])
        keys = self.rows.key[slots]
        self.rows.remove(slots)
        return keys

    def rebuild(self, size: int) -> None:
        """Put the rows into their buckets after a restore."""
        slots = self.rows.slots()
        times, _ = comparable(self.rows.take(slots)[self.column])
        self._note(slots, times.astype(np.int64), size)

    def held(self) -> StateSize:
        """The rows."""
        return self.rows.held() + StateSize(0, self.times.nbytes)


class RangeJoin(Saved, Plain):
    """Keeps the rows of both sides while a row that is not late can still meet them.

    Time is counted in buckets half as long as the range. A side's watermark is where the bucket of
    its newest row begins, the join's is the lower of the two; it moves after each append. A bucket
    that ends at or before the watermark is forgotten, and a row whose bucket ended before it is
    late: it is dropped, also on the left of a LEFT join.
    """

    def __init__(self, context: Context, sources: list[pa.Schema], node: Join) -> None:
        assert node.range is not None, "a range join has a range"
        self.name = "Join"
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self.late_rows = 0
        self._left_join = node.kind == "left"
        self._inputs = [SideInput(context, s, d) for s, d in zip(sources, node.sides, strict=True)]
        self._keys = KeyTable(self._inputs[0].kinds)
        names = (node.range.left, node.range.right)
        columns = [i.schema.get_field_index(n) for i, n in zip(self._inputs, names, strict=True)]
        self._bounds = _Bounds(node.range, self._inputs[0].schema.field(columns[0]).type)
        self._sides = [
            _TimedRows(i.schema, self._keys, c) for i, c in zip(self._inputs, columns, strict=True)
        ]
        self._newest = [_BEFORE_ALL, _BEFORE_ALL]
        self._whole = [Whole(), Whole()]
        self._budget = JoinBudget(context, node)
        self._state = Parts(
            {
                "keys": Slotted(self._keys.table),
                "side0": self._sides[0].rows.state,
                "side1": self._sides[1].rows.state,
                "whole0": self._whole[0],
                "whole1": self._whole[1],
                "own": Fields(self, "_newest", "late_rows"),
            }
        )

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Join with what is there of the other side, keep, and let go what is behind."""
        whole = self._whole[port].take(batch)
        if whole is None:
            return []
        rows = self._inputs[port].take(whole)
        side = self._sides[port]
        times, known = comparable(rows.columns[side.column])
        times = times.astype(np.int64)
        appends = appends_of(whole)
        newest, marks = self._watermarks(port, whole, times, known)
        mark = marks[appends]
        late = known & (self._bounds.buckets(times) + self._bounds.bucket < mark)
        self.late_rows += int(late.sum())
        # A late row leaves no key behind.
        rows = replace(rows, known=rows.known & known & ~late)
        keys = self._keys.assign(rows)
        found = self._meet(port, keys, times, mark)
        if port == 0:
            pairs = self._of_left(appends, rows, found, late)
        else:
            pairs = self._of_right(appends, rows, found)
        side.add(rows, keys, np.flatnonzero(keys != NONE), times, self._bounds.bucket)
        self._newest[port] = newest
        self._expire()
        self._budget.check(self.held())
        return [joined(whole, self.schema, pairs)]

    def _watermarks(
        self, port: int, batch: Batch, times: Int64s, known: Bools
    ) -> tuple[int, Int64s]:
        """The newest bucket of this side after the batch, and the watermark before each append."""
        buckets = np.where(known, self._bounds.buckets(times), _BEFORE_ALL)
        highest = np.append(np.maximum.accumulate(buckets), _BEFORE_ALL)
        own = np.full(len(batch.borders), self._newest[port], np.int64)
        ends = batch.borders
        own[ends > 0] = np.maximum(own[ends > 0], highest[ends[ends > 0] - 1])
        return int(own[-1]), np.minimum(own[:-1], self._newest[1 - port])

    def _meet(self, port: int, keys: Int64s, times: Int64s, mark: Int64s) -> tuple[Int64s, Int64s]:
        """Rows of the other side in range: (row of the batch, slot)."""
        other = self._sides[1 - port]
        index, slots = matches(other.rows, keys)
        if not len(index):
            return index, slots
        own, theirs = times[index], other.times[slots]
        left, right = (own, theirs) if port == 0 else (theirs, own)
        fits = self._bounds.inside(left, right)
        fits &= self._bounds.buckets(theirs) > mark[index] - self._bounds.bucket
        return index[fits], slots[fits]

    def _of_left(
        self, appends: Int64s, rows: SideRows, found: tuple[Int64s, Int64s], late: Bools
    ) -> Pairs:
        right = self._sides[1].rows
        if not self._left_join or not late.any():
            return probed(appends, rows, found, right, left_join=self._left_join)
        stays = np.flatnonzero(~late)
        place = np.cumsum(~late) - 1
        kept = SideRows(
            some(rows.columns, stays),
            None,
            [],
            rows.hashes[stays],
            rows.known[stays],
            rows.identity,
        )
        return probed(appends[stays], kept, (place[found[0]], found[1]), right, left_join=True)

    def _of_right(self, appends: Int64s, rows: SideRows, found: tuple[Int64s, Int64s]) -> Pairs:
        left = self._sides[0].rows
        index, slots = found
        order = lex_order((index, left.arrival[slots], appends[index]))
        index, slots = index[order], slots[order]
        return Pairs(appends[index], left.take(slots), some(rows.columns, index))

    def _expire(self) -> None:
        mark = min(self._newest)
        if mark == _BEFORE_ALL:
            return
        keys = [side.expire(mark - self._bounds.bucket) for side in self._sides]
        free_keys(self._keys, np.concatenate(keys), *(side.rows for side in self._sides))

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe, in order."""
        super().restore(deltas)
        for side in self._sides:
            side.rebuild(self._bounds.bucket)

    def held(self) -> StateSize:
        """The rows of both sides."""
        return self._sides[0].held() + self._sides[1].held()

    def close(self) -> None:
        """Free the plans."""
        for each in self._inputs:
            each.close()
