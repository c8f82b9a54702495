"""Groups of a window aggregate: a slot per (cell, key); a cell is a pane, window or session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, enlarged
from engine.checkpoint import StateDelta
from engine.keys import NumberKey
from engine.operators.groups import Keys
from engine.operators.limit_by import ranks
from engine.operators.partials import PartialRows
from engine.operators.sent import SentWindows
from engine.ordering import distinct, stable_order
from engine.slots import Hashes, SlotTable, mixed
from engine.slotstate import Slotted
from engine.sql.logical import Aggregate
from engine.state import Accumulators, StateSize
from engine.stateparts import Parts
from engine.windows.panes import Panes

# Above this many (pane, window) pairs of slots a merge of panes is done in parts: bounds memory.
PAIRS_MAX = 2_000_000
# Up to this many loops panes are merged one by one without sorting.
LOOPS_MAX = 64
_NEVER = np.iinfo(np.int64).max


class Cells:
    """Keys are kept once for all their cells and go with the last of them."""

    def __init__(self, node: Aggregate, kinds: Sequence[pa.DataType]) -> None:
        self.keys = Keys(kinds)
        self._cell = NumberKey()
        self._key = NumberKey()
        self.table = SlotTable((self._cell, self._key))
        self.accumulators = Accumulators(node.partials)
        self.arrival = np.zeros(0, np.int64)
        self._substream = np.zeros(0, np.int64)
        self.sent = SentWindows(node.partials) if node.emit.how == "changelog" else None
        self._uses = np.zeros(0, np.int64)
        self._fit()
        slotted = Slotted(self.table, self._save, self._load)
        keys = Slotted(self.keys.table)
        self._state = Parts({"keys": keys, "cells": slotted, **self.accumulators.parts})

    @property
    def cell(self) -> Int64s:
        """The cell of each slot."""
        return self._cell.values

    @property
    def key(self) -> Int64s:
        """The key of each slot, a slot of `keys`."""
        return self._key.values

    @property
    def substream(self) -> Int64s:
        """The substream of each slot."""
        return self._substream

    def _fit(self) -> None:
        capacity = self.table.capacity
        if len(self.arrival) < capacity:
            self.arrival = enlarged(self.arrival, capacity)
            self._substream = enlarged(self._substream, capacity)
            self.accumulators.grow(capacity)
            if self.sent is not None:
                self.sent.grow(capacity)
        if len(self._uses) < self.keys.table.capacity:
            self._uses = enlarged(self._uses, self.keys.table.capacity)

    def assign(
        self, rows: PartialRows, cells: Int64s, base: int, substreams: Int64s
    ) -> tuple[Int64s, Int64s]:
        """The slot of each row, and the new slots; they get arrival number `base` + first row.

        All of them count as changed: the caller merges into them.
        """
        keys, _ = self.keys.assign(rows)
        slots, made = self.table.assign(mixed(cells, keys), (cells, keys))
        self._fit()
        self.table.touch(slots)
        fresh = slots[made]
        if len(fresh):
            np.add.at(self._uses, keys[made], 1)
            self._substream[fresh] = substreams[made]
            self.arrival[fresh] = _NEVER
            np.minimum.at(self.arrival, slots, base + rows.first)
        return slots, fresh

    def take_back(
        self, hashes: Hashes, keys: Sequence[pa.Array], cells: Int64s, substreams: Int64s
    ) -> Int64s:
        """Slots of groups that were here before; new ones have the largest arrival number."""
        known, _ = self.keys.assign_keys(hashes, keys)
        slots, made = self.table.assign(mixed(cells, known), (cells, known))
        self._fit()
        self.table.touch(slots)
        np.add.at(self._uses, known[made], 1)
        self._substream[slots] = substreams
        self.arrival[slots[made]] = _NEVER
        return slots

    def free(self, slots: Int64s) -> None:
        """Forget these groups, and the keys that no other cell has."""
        if not len(slots):
            return
        self.accumulators.clear(slots)
        if self.sent is not None:
            self.sent.forget(slots)
        keys = self.key[slots]
        np.subtract.at(self._uses, keys, 1)
        self.keys.table.free(distinct(keys[self._uses[keys] == 0]))
        self.table.free(slots)

    def changes(self, *, full: bool) -> StateDelta | None:
        """Groups made, merged into and forgotten (`engine.stateparts.Part`)."""
        return self._state.changes(full=full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the groups that these describe."""
        self._state.restore(deltas)
        self._fit()
        np.add.at(self._uses, self.key[self.table.slots()], 1)

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        numbers = {"arrival": self.arrival[slots], "substream": self._substream[slots]}
        columns = {name: pa.array(values) for name, values in numbers.items()}
        if self.sent is not None:
            columns |= self.sent.saved(slots)
        return columns | self.accumulators.saved(slots)

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self.arrival[slots] = rows.column("arrival").to_numpy()
        self._substream[slots] = rows.column("substream").to_numpy()
        if self.sent is not None:
            self.sent.load(slots, rows)
        self.accumulators.load(slots, rows)

    def size(self) -> StateSize:
        """What is held."""
        held = self.keys.table.nbytes + self.table.nbytes + self.accumulators.nbytes
        held += self.arrival.nbytes + self._substream.nbytes + self._uses.nbytes
        held += 0 if self.sent is None else self.sent.nbytes
        return StateSize(self.table.live, held)


@dataclass(frozen=True, slots=True)
class Finished:
    """Groups of windows ready to be sent: window, key and arrival of each, where its values lie."""

    window: Int64s
    substream: Int64s
    key: Int64s
    arrival: Int64s
    accumulators: Accumulators
    slots: Int64s


def single(cells: Cells, slots: Int64s) -> Finished:
    """Slots whose cell is a window of its own."""
    return Finished(
        cells.cell[slots],
        cells.substream[slots],
        cells.key[slots],
        cells.arrival[slots],
        cells.accumulators,
        slots,
    )


def merged(cells: Cells, slots: Int64s, panes: Panes, low: Int64s, high: Int64s) -> list[Finished]:
    """Windows low < w <= high (bounds per slot) merged out of panes; they ascend over the list."""
    pane = cells.cell[slots]
    first = np.maximum(panes.first_window(pane), low + 1)
    last = np.minimum(panes.last_window(pane), high)
    count = np.maximum(last - first + 1, 0)
    covered = count > 0
    slots, first, count = slots[covered], first[covered], count[covered]
    if not len(slots):
        return []
    last = first + count - 1
    lowest, highest = int(first.min()), int(last.max())
    if int(count.sum()) > PAIRS_MAX and highest > lowest:
        middle = np.int64((lowest + highest) // 2)
        return [
            *merged(cells, slots, panes, first - 1, np.minimum(last, middle)),
            *merged(cells, slots, panes, np.maximum(first - 1, middle), last),
        ]
    return [_merge(cells, slots, first, count)]


def _merge(cells: Cells, slots: Int64s, first: Int64s, count: Int64s) -> Finished:
    """Merge slots into the windows first ... first + count - 1 of each."""
    if int(count.max()) == 1:
        source, window, step = slots, first, np.zeros(len(slots), np.int64)
    else:
        pairs = np.repeat(np.arange(len(slots)), count)
        step = np.arange(len(pairs)) - np.repeat(np.cumsum(count) - count, count)
        source, window = slots[pairs], first[pairs] + step
    keys = cells.key[source]
    lowest = int(window.min())
    width = cells.keys.table.capacity
    codes, target = _numbered((window - lowest) * width + keys)
    accumulators = cells.accumulators.fresh()
    accumulators.grow(len(codes))
    arrival = np.full(len(codes), _NEVER, np.int64)
    substream = np.zeros(len(codes), np.int64)
    substream[target] = cells.substream[source]
    pane = cells.cell[source]
    for rows in _distinct_rows(pane, step, target):
        to, held = target[rows], source[rows]
        accumulators.fold(cells.accumulators, to, held)
        arrival[to] = np.minimum(arrival[to], cells.arrival[held])
    every = np.arange(len(codes))
    return Finished(codes // width + lowest, substream, codes % width, arrival, accumulators, every)


def _numbered(codes: Int64s) -> tuple[Int64s, Int64s]:
    """The distinct codes in order, and the position of each code among them."""
    span = int(codes.max()) + 1
    if span > 8 * len(codes) + 65_536:
        found, position = np.unique(codes, return_inverse=True)
        return found, position
    seen = np.zeros(span, np.bool_)
    seen[codes] = True
    found = np.flatnonzero(seen)
    number = np.empty(span, np.int64)
    number[found] = np.arange(len(found))
    return found, number[codes]


def _distinct_rows(pane: Int64s, step: Int64s, target: Int64s) -> list[Int64s]:
    """Sets of rows without equal targets, panes ascending for each target."""
    panes = range(int(pane.min()), int(pane.max()) + 1)
    steps = int(step.max()) + 1
    if len(panes) * steps <= LOOPS_MAX:
        # A pane has a key once, and a window of it once per step.
        sets = [
            np.flatnonzero(pane == p if steps == 1 else (pane == p) & (step == s))
            for p in panes
            for s in range(steps)
        ]
        return [rows for rows in sets if len(rows)]
    by_pane = stable_order(pane)
    order, rank = ranks(target[by_pane])
    order = by_pane[order]
    by_rank = order[stable_order(rank)]
    rounds = np.searchsorted(np.sort(rank), np.arange(int(rank.max()) + 2))
    return [by_rank[rounds[at] : rounds[at + 1]] for at in range(len(rounds) - 1)]
