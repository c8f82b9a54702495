"""Keys numbered in the order in which they came, of which the oldest are forgotten first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, enlarged
from engine.checkpoint import StateDelta
from engine.ordering import distinct
from engine.stateparts import since_full

_NONE = -1
_ENTRIES_MIN = 1_000


def _nothing() -> Int64s:
    return np.zeros(0, np.int64)


class Oldest:
    """Numbers by slot of somebody else's table. Keys may leave it for the disk and come back with
    their numbers; a key is forgotten when its number is below `floor`, wherever it is."""

    def __init__(self) -> None:
        self.number = _nothing()
        self.next = 0
        self.floor = 0
        # (slot, number) in order of the numbers from `_head` to `_end`, and of keys that came back
        # in any order. An entry whose slot has another number by now counts for nothing.
        self._queue = np.zeros((2, 0), np.int64)
        self._head = self._end = 0
        self._back = np.zeros((2, 0), np.int64)
        self._lowest = 0  # of the numbers of those that came back

    @property
    def live(self) -> int:
        """Keys that are not forgotten, those on disk with them."""
        return self.next - self.floor

    def fit(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        known = len(self.number)
        if known < capacity:
            self.number = enlarged(self.number, capacity)
            self.number[known:] = _NONE

    def add(self, slots: Int64s) -> None:
        """New keys in the order in which they came."""
        numbers = self.next + np.arange(len(slots))
        self.next += len(slots)
        self.number[slots] = numbers
        self._enqueue(slots, numbers)

    def put_back(self, slots: Int64s, numbers: Int64s) -> None:
        """Keys that were here before."""
        self.number[slots] = numbers
        if self._head == self._end:
            order = np.argsort(numbers)
            self._enqueue(slots[order], numbers[order])
            return
        if self._back.shape[1] > 2 * len(self.number) + _ENTRIES_MIN:
            self._back = self._back[:, self.number[self._back[0]] == self._back[1]]
        self._back = np.concatenate((self._back, np.stack((slots, numbers))), axis=1)
        self._lowest = int(self._back[1].min(initial=self.next))

    def leave(self, slots: Int64s) -> None:
        """Keys that go to disk."""
        self.number[slots] = _NONE

    def forget(self, floor: int) -> Int64s:
        """Forget the keys whose numbers are below this; returns the slots of those that are here,
        each once."""
        self.floor = max(self.floor, floor)
        waiting = self._queue[:, self._head : self._end]
        count = int(np.searchsorted(waiting[1], self.floor))
        found = waiting[:, :count]
        self._head += count
        if self._back.shape[1] and self._lowest < self.floor:
            old = self._back[1] < self.floor
            found = np.concatenate((found, self._back[:, old]), axis=1)
            self._back = self._back[:, ~old]
            self._lowest = int(self._back[1].min(initial=self.next))
        slots = distinct(found[0][self.number[found[0]] == found[1]])
        self.number[slots] = _NONE
        return slots

    def _enqueue(self, slots: Int64s, numbers: Int64s) -> None:
        if self._end + len(slots) > self._queue.shape[1]:
            waiting = self._queue[:, self._head : self._end]
            waiting = waiting[:, self.number[waiting[0]] == waiting[1]]
            held = waiting.shape[1]
            self._queue = np.zeros((2, 2 * (held + len(slots))), np.int64)
            self._queue[:, :held] = waiting
            self._head, self._end = 0, held
        end = self._end + len(slots)
        self._queue[0, self._end : end] = slots
        self._queue[1, self._end : end] = numbers
        self._end = end

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self.number.nbytes + self._queue.nbytes + self._back.nbytes


class Instants:
    """From which number on the keys came at which instant: a part of checkpoints that adds to what
    was said. As many entries as instants, at most as many as keys."""

    def __init__(self) -> None:
        self._runs = np.zeros((2, 0), np.int64)  # instant, first number
        self._head = self._end = 0
        self._said: int | None = None

    def note(self, instant_ms: int, first: int) -> None:
        """Keys from this number on come at this instant, which is not before the last."""
        if self._head < self._end and self._runs[0, self._end - 1] == instant_ms:
            return
        if self._end == self._runs.shape[1]:
            held = self._runs[:, self._head : self._end]
            self._runs = np.zeros((2, 2 * held.shape[1] + 16), np.int64)
            self._runs[:, : held.shape[1]] = held
            self._head, self._end = 0, held.shape[1]
        self._runs[:, self._end] = instant_ms, first
        self._end += 1

    def after(self, instant_ms: int, end: int) -> int:
        """The number of the first key that came after the instant; `end` if none did."""
        held = self._runs[:, self._head : self._end]
        at = int(np.searchsorted(held[0], instant_ms, "right"))
        return int(held[1, at]) if at < held.shape[1] else end

    def forget(self, floor: int) -> None:
        """Keys below this number are forgotten."""
        held = self._runs[1, self._head : self._end]
        self._head += max(0, int(np.searchsorted(held, floor, "right")) - 1)

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self._runs.nbytes

    def changes(self, *, full: bool) -> StateDelta | None:
        """Entries that were not said yet."""
        held = self._runs[:, self._head : self._end]
        if not full and self._said is not None:
            held = held[:, held[1] > self._said]
        if not held.shape[1] and not full:
            return None
        self._said = int(held[1].max(initial=_NONE if self._said is None else self._said))
        rows = pa.record_batch({"instant": pa.array(held[0]), "first": pa.array(held[1])})
        return StateDelta({"rows": rows}, {}, full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """All entries in the order of saying."""
        for delta in since_full(deltas):
            rows = delta.tables["rows"]
            instants, firsts = (rows.column(name).to_numpy() for name in ("instant", "first"))
            for instant, first in zip(instants.tolist(), firsts.tolist(), strict=True):
                self.note(instant, first)
            self._said = int(firsts.max(initial=_NONE if self._said is None else self._said))
