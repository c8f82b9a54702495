"""Slot table: keys to dense slot numbers, by hash and comparison, whole batches at a time.

Open addressing with linear probing in plain numpy. A freed slot leaves a mark in its bucket until
the next rebuild; slots themselves are reused at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import enlarged
from engine.keys import Encoded, KeyColumn

Slots = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_EMPTY = -1
_FREED = -2
_CLAIM = -3  # claims count downwards from here while a batch inserts
_SLOTS_MIN = 16
_LOAD = 3  # at least so many buckets per key in use: a probe of a batch then takes few rounds


@dataclass(frozen=True, slots=True)
class SlotChanges:
    """What of a slot table changed: the slots with hashes and keys, and the stack of free slots.

    `slots` ascend. Of the stack the lowest `kept` entries are as before, `free` lies above them.
    `full`: all slots in use, and the whole stack.
    """

    slots: Slots
    hashes: Hashes
    keys: list[pa.Array]
    top: int
    kept: int
    free: Slots
    full: bool


class SlotTable:
    """Slots of keys; of a table without key columns the hash is the key.

    `searched`: else all keys differ and nobody looks for one, so that it has no buckets.
    """

    def __init__(self, columns: Sequence[KeyColumn] = (), *, searched: bool = True) -> None:
        self._searched = searched
        self._columns = tuple(columns)
        self._hash = np.zeros(_SLOTS_MIN, np.uint64)
        self._bucket_of = np.zeros(_SLOTS_MIN, np.int32)
        self._buckets = np.full(_SLOTS_MIN * 4, _EMPTY, np.int32)
        self._free = np.zeros(_SLOTS_MIN, np.int32)
        self._free_count = 0
        self._top = 0  # slots ever used
        self._used = 0  # buckets not empty, freed marks included
        self._dirty: Bools | None = None  # slots to be saved; None = no one saves this table
        self._kept = 0  # how many entries of the stack of free slots are as last saved
        for each in self._columns:
            each.grow(_SLOTS_MIN)

    @property
    def capacity(self) -> int:
        """Slot numbers are below this; arrays beside the table have this length."""
        return len(self._hash)

    @property
    def live(self) -> int:
        """Slots in use."""
        return self._top - self._free_count

    @property
    def nbytes(self) -> int:
        """Memory of the table and its keys."""
        own = self._hash.nbytes + self._bucket_of.nbytes + self._buckets.nbytes + self._free.nbytes
        return own + sum(each.nbytes for each in self._columns)

    def assign(self, hashes: Hashes, keys: Sequence[Encoded] = ()) -> tuple[Slots, Bools]:
        """The slot of each row, and whether the row is the one that made it.

        Keys may repeat inside the batch; then one of the equal rows made the slot. `capacity` may
        have grown afterwards.
        """
        count = len(hashes)
        self._reserve(count)
        if not self._searched:
            return self._add(hashes, keys), np.ones(count, np.bool_)
        slots = np.full(count, -1, np.int64)
        made = np.zeros(count, np.bool_)
        mask = len(self._buckets) - 1
        at = (_spread(hashes) & np.uint64(mask)).astype(np.int64)
        active = np.arange(count)
        found = self._buckets[at]
        while True:
            empty = found == _EMPTY
            wanting = active[empty]
            if len(wanting):
                occupied = ~empty
                active, found = active[occupied], found[occupied]
            moved = self._resolve(active, found, (slots, hashes, keys))
            at[moved] = (at[moved] + 1) & mask
            active = moved
            if len(wanting):
                lost = self._insert(wanting, (slots, made, at), hashes, keys)
                active = np.concatenate((moved, lost)) if len(lost) else moved
            if not len(active):
                return slots, made
            found = self._buckets[at[active]]

    def _add(self, hashes: Hashes, keys: Sequence[Encoded]) -> Slots:
        """Slots of new keys."""
        taken = self._take(len(hashes))
        self._bucket_of[taken] = 0
        self._hash[taken] = hashes
        rows = np.arange(len(hashes))
        for each, encoded in zip(self._columns, keys, strict=True):
            each.store(taken, encoded, rows)
        self.touch(taken)
        return taken

    def find(self, hashes: Hashes, keys: Sequence[Encoded] = ()) -> Slots:
        """The slot of each row's key; -1 where there is none."""
        slots = np.full(len(hashes), -1, np.int64)
        mask = len(self._buckets) - 1
        at = (_spread(hashes) & np.uint64(mask)).astype(np.int64)
        active = np.arange(len(hashes))
        while len(active):
            found = self._buckets[at[active]]
            there = found != _EMPTY
            active = self._resolve(active[there], found[there], (slots, hashes, keys))
            at[active] = (at[active] + 1) & mask
        return slots

    def _resolve(
        self,
        rows: Slots,
        found: npt.NDArray[np.int32],
        batch: tuple[Slots, Hashes, Sequence[Encoded]],
    ) -> Slots:
        """Settle rows whose bucket holds their key; returns those that must probe on."""
        slots, hashes, keys = batch
        if not len(rows):
            return rows
        # A freed mark is a negative index: it reads some slot's hash, and is then ruled out.
        same = (self._hash[found] == hashes[rows]) & (found >= 0)
        matching = np.flatnonzero(same)
        if len(matching) < len(rows):
            held, asking = found[matching].astype(np.int64), rows[matching]
        else:
            held, asking = found.astype(np.int64), rows
        equal = np.ones(len(matching), np.bool_)
        for each, encoded in zip(self._columns, keys, strict=True):
            equal &= each.equal(held, encoded, asking)
        if equal.all():
            slots[asking] = held
            return rows[~same]
        slots[asking[equal]] = held[equal]
        same[matching[~equal]] = False
        return rows[~same]

    def _insert(
        self,
        rows: Slots,
        batch: tuple[Slots, Bools, Slots],
        hashes: Hashes,
        keys: Sequence[Encoded],
    ) -> Slots:
        """Give new slots to rows at empty buckets; returns rows that lost theirs to another."""
        slots, made, at = batch
        claims = (_CLAIM - np.arange(len(rows))).astype(np.int32)
        # Backwards, so that of equal keys the earliest row makes the slot.
        self._buckets[at[rows[::-1]]] = claims[::-1]
        won = self._buckets[at[rows]] == claims
        winners = rows[won]
        taken = self._take(len(winners))
        self._buckets[at[winners]] = taken
        self._bucket_of[taken] = at[winners]
        self._hash[taken] = hashes[winners]
        for each, encoded in zip(self._columns, keys, strict=True):
            each.store(taken, encoded, winners)
        slots[winners] = taken
        made[winners] = True
        self.touch(taken)
        self._used += len(winners)
        return rows[~won]

    def _take(self, count: int) -> Slots:
        reused = min(count, self._free_count)
        taken = np.empty(count, np.int64)
        if reused:
            self._free_count -= reused
            taken[:reused] = self._free[self._free_count : self._free_count + reused]
            self._kept = min(self._kept, self._free_count)
        taken[reused:] = np.arange(self._top, self._top + count - reused)
        self._top += count - reused
        return taken

    def free(self, slots: Slots) -> None:
        """Forget these keys; their slots will be given to others. Each slot once."""
        if not len(slots):
            return
        if self._searched:
            self._buckets[self._bucket_of[slots]] = _FREED
        self._bucket_of[slots] = -1
        if self._dirty is not None:
            self._dirty[slots] = False
        for each in self._columns:
            each.release(slots)
        end = self._free_count + len(slots)
        self._free[self._free_count : end] = slots
        self._free_count = end

    def slots(self) -> Slots:
        """All slots in use, by number."""
        return np.flatnonzero(self._bucket_of[: self._top] >= 0)

    def holds(self, slots: Slots) -> Bools:
        """Which of these slots are in use."""
        return self._bucket_of[slots] >= 0

    def hashes(self, slots: Slots) -> Hashes:
        """The hashes that these slots were assigned with."""
        return self._hash[slots]

    # -- checkpoints ------------------------------------------------------------------------

    @property
    def key_count(self) -> int:
        """How many columns a key has."""
        return len(self._columns)

    def touch(self, slots: Slots) -> None:
        """Columns beside the table changed in these slots (in use): the next save has them."""
        if self._dirty is not None:
            self._dirty[slots] = True

    def changes(self, *, full: bool) -> SlotChanges | None:
        """What is new since the last call (on the first: everything); None = nothing."""
        full = full or self._dirty is None
        if full or self._dirty is None:
            self._dirty = np.zeros(self.capacity, np.bool_)
            slots, kept = self.slots(), 0
        else:
            slots, kept = np.flatnonzero(self._dirty), self._kept
            if not len(slots) and kept == self._free_count:
                return None
            self._dirty[slots] = False
        self._kept = self._free_count
        free = self._free[kept : self._free_count].astype(np.int64)
        keys = [each.take(slots) for each in self._columns]
        return SlotChanges(slots, self._hash[slots], keys, self._top, kept, free, full)

    def load(
        self, top: int, free: Slots, slots: Slots, hashes: Hashes, keys: Sequence[pa.Array]
    ) -> None:
        """Fill a new table with what `changes` told: every slot below `top` is in use or free."""
        if top > self.capacity:
            self._grow_slots(1 << (top - 1).bit_length())
        self._hash[slots] = hashes
        rows = np.arange(len(slots))
        for each, key in zip(self._columns, keys, strict=True) if len(slots) else ():
            each.store(slots, each.encode(key), rows)
        self._top, self._free_count, self._kept = top, len(free), len(free)
        self._free[: len(free)] = free
        self._bucket_of[:top] = -1
        self._bucket_of[slots] = 0
        self._dirty = np.zeros(self.capacity, np.bool_)
        if not self._searched:
            return
        needed = max(len(slots), _SLOTS_MIN) * 2 * _LOAD
        self._rebuild(1 << (needed - 1).bit_length())

    def _reserve(self, more: int) -> None:
        """Room for `more` new keys: slots, and enough buckets for short probes."""
        needed = self._top + max(0, more - self._free_count)
        if needed > self.capacity:
            self._grow_slots(1 << (needed - 1).bit_length())
        if self._searched and (self._used + more) * _LOAD > len(self._buckets):
            needed = max(self.live + more, _SLOTS_MIN) * 2 * _LOAD
            self._rebuild(1 << (needed - 1).bit_length())

    def _grow_slots(self, capacity: int) -> None:
        self._hash = enlarged(self._hash, capacity)
        self._bucket_of = enlarged(self._bucket_of, capacity)
        self._free = enlarged(self._free, capacity)
        if self._dirty is not None:
            self._dirty = enlarged(self._dirty, capacity)
        for each in self._columns:
            each.grow(capacity)

    def _rebuild(self, size: int) -> None:
        """Buckets anew without the marks of freed slots; all keys differ, none is compared."""
        live = self.slots()
        self._buckets = np.full(size, _EMPTY, np.int32)
        mask = size - 1
        at = (_spread(self._hash[live]) & np.uint64(mask)).astype(np.int64)
        active = np.arange(len(live))
        while len(active):
            where = at[active]
            empty = self._buckets[where] == _EMPTY
            trying = active[empty]
            self._buckets[at[trying]] = live[trying]
            placed = self._buckets[at[active]] == live[active]
            active = active[~placed]
            at[active] = (at[active] + 1) & mask
        self._bucket_of[live] = at
        self._used = len(live)


def mixed(first: Slots, second: Slots) -> Hashes:
    """A hash of two whole numbers per row."""
    left = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    left ^= left >> np.uint64(32)
    right = second.astype(np.uint64) + np.uint64(0x7F4A7C15)
    return (left ^ right) * np.uint64(0xD6E8FEB86659FD93)


def _spread(hashes: Hashes) -> Hashes:
    """High bits into the low ones, which choose the bucket."""
    return hashes ^ (hashes >> np.uint64(29))
