"""The last rows of every slot, oldest first: what lag and its kin look back at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, column
from engine.operators.limit_by import ranks

# Rows that are no slot's any more before the rows are packed anew: below it packing is not worth
# its calls.
_WASTE_MAX = 4_096
_MISSING = -1


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The rows of a batch by slot: `order` brings equal slots together, `rank` numbers the rows of
    each from 0, `count` is how many the row's slot has in the batch."""

    slots: Int64s
    order: Int64s
    rank: Int64s
    count: Int64s

    @property
    def tails(self) -> Int64s:
        """Places (in `order`) of the last row of each slot."""
        return np.flatnonzero(self.rank == self.count - 1)


def arrivals(slots: Int64s) -> Arrivals:
    """Rows in order of arrival within their slots."""
    order, rank = ranks(slots)
    starts = np.flatnonzero(rank == 0)
    sizes = np.diff(np.append(starts, len(order)))
    return Arrivals(slots, order, rank, np.repeat(sizes, sizes))


class History:
    """Up to `depth` rows per slot.

    Rows lie in pieces of which a later one is at most half as long as the one before, so that
    joining them costs a constant a row; `_places` has each slot's rows, the newest last.
    """

    def __init__(self, schema: pa.Schema, depth: int) -> None:
        self._schema = schema
        self._depth = depth
        self._pieces: list[pa.RecordBatch] = []
        self._total = 0
        self._live = 0
        self._places = np.full((0, depth), _MISSING, np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        have = len(self._places)
        if have < capacity:
            more = np.full((capacity - have, self._depth), _MISSING, np.int64)
            self._places = np.concatenate((self._places, more))

    def before(self, rows: Arrivals, offset: int) -> tuple[Int64s, Int64s]:
        """For each row of the batch the row `offset` (0 to depth) before it in its slot.

        Two arrays in order of the batch: its number in the batch (-1 = not there), and its place
        in the history (-1 = not there).
        """
        at = np.arange(len(rows.order)) - offset
        inside = rows.rank >= offset
        batch = np.full(len(rows.order), _MISSING, np.int64)
        batch[rows.order[inside]] = rows.order[at[inside]]
        place = np.full(len(rows.order), _MISSING, np.int64)
        outside = rows.order[~inside]
        back = offset - rows.rank[~inside]  # 1 = the newest
        place[outside] = self._places[rows.slots[outside], self._depth - back]
        return batch, place

    def take(self, name: str, places: Int64s) -> pa.Array:
        """A column of the rows at these places."""
        found: list[pa.Array] = []
        numbers: list[Int64s] = []
        start = 0
        for piece in self._pieces:
            end = start + piece.num_rows
            here = np.flatnonzero((places >= start) & (places < end))
            if len(here):
                found.append(column(piece, name).take(pa.array(places[here] - start)))
                numbers.append(here)
            start = end
        if not found:
            return pa.array([], self._schema.field(name).type)
        back = np.empty(len(places), np.int64)
        back[np.concatenate(numbers)] = np.arange(len(places))
        return pa.concat_arrays(found).take(pa.array(back))

    def add(self, rows: Arrivals, batch: pa.RecordBatch) -> None:
        """Keep the last rows of each slot of the batch, which has this history's columns."""
        kept = rows.count - rows.rank <= self._depth
        place = np.full(len(rows.order), _MISSING, np.int64)
        place[kept] = self._total + np.arange(int(kept.sum()))
        self._append(batch.take(pa.array(rows.order[kept])))
        tails = rows.tails
        slots = rows.slots[rows.order[tails]]
        count = rows.count[tails]
        old = self._places[slots]
        # Of each slot: what was there moves on by the number of its new rows.
        source = np.arange(self._depth)[None, :] + count[:, None]
        moved = np.take_along_axis(old, np.minimum(source, self._depth - 1), axis=1)
        newest = tails[:, None] - (self._depth - 1 - np.arange(self._depth))[None, :]
        fresh = source >= self._depth
        self._places[slots] = np.where(fresh, place[np.maximum(newest, 0)], moved)
        self._live += int((self._places[slots] >= 0).sum()) - int((old >= 0).sum())
        if self._total > 2 * self._live + _WASTE_MAX:
            self._pack()

    def _append(self, piece: pa.RecordBatch) -> None:
        if not piece.num_rows:
            return
        self._total += piece.num_rows
        while self._pieces and self._pieces[-1].num_rows < 2 * piece.num_rows:
            piece = pa.concat_batches([self._pieces.pop(), piece])
        self._pieces.append(piece)

    def _pack(self) -> None:
        """Drop the rows that no slot has any more."""
        used = np.unique(self._places)
        used = used[used >= 0]
        columns = [self.take(name, used) for name in self._schema.names]
        self._pieces = [pa.RecordBatch.from_arrays(columns, schema=self._schema)]
        self._total = self._live = len(used)
        there = self._places >= 0
        self._places[there] = np.searchsorted(used, self._places[there])

    def saved(self, slots: Int64s) -> dict[str, pa.Array]:
        """Rows of these slots, a list per slot and column (`engine.slotstate.Save`)."""
        places = self._places[slots]
        there = places >= 0
        offsets = np.concatenate((np.zeros(1, np.int32), np.cumsum(there.sum(axis=1))))
        flat = places[there]
        return {
            f"h{at}": pa.ListArray.from_arrays(
                pa.array(offsets.astype(np.int32)), self.take(name, flat)
            )
            for at, name in enumerate(self._schema.names)
        }

    def load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        """Put back what `saved` gave; room was made before, nothing is held."""
        lists = [rows.column(f"h{at}") for at in range(len(self._schema))]
        sizes = np.diff(lists[0].offsets.to_numpy()).astype(np.int64)
        columns = [each.flatten() for each in lists]
        self._append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._live = self._total
        flat = np.full((len(slots), self._depth), _MISSING, np.int64)
        column_of = np.arange(self._depth)[None, :]
        flat[column_of >= (self._depth - sizes)[:, None]] = np.arange(int(sizes.sum()))
        self._places[slots] = flat

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self._places.nbytes + sum(piece.nbytes for piece in self._pieces)
