"""Upserts as weighted deltas: the row of a key that is replaced with -1, then the new one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Array, Int64s, column
from engine.batch import TP_DELTA, Batch
from engine.compute import pc
from engine.keys import key_column
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import Statement, quoted, rebatched
from engine.ordering import stable_order
from engine.rowpages import Beside, RowPages
from engine.slots import Hashes, SlotTable
from engine.slotstate import Slotted
from engine.spill import Spill
from engine.sql.logical import Upsert as Node
from engine.state import StateSize
from engine.stateparts import Parts, Saved
from engine.types import arrow_type


class Upsert(Saved, Plain):
    """The current row of every key; a new key gives +1, a known one -1 its row and +1 the new one.

    With `drop_late` a row whose version is smaller than that of the current row of its key changes
    nothing; of equal versions the later arrival wins, NULL is below all.
    """

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Changelog"
        self._keys = [source.get_field_index(name) for name in node.keys]
        self._values = [at for at in range(len(source)) if at not in self._keys]
        self._version = source.get_field_index(node.version) if node.drop_late else -1
        listed = ", ".join(quoted(name) for name in node.keys)
        narrow = pa.schema([source.field(at) for at in self._keys])
        self._hash = Statement(context.session, narrow, lambda t: f"SELECT hash({listed}) FROM {t}")
        self._key_columns = [key_column(source.field(at).type) for at in self._keys]
        self._rows = [key_column(source.field(at).type) for at in self._values]
        self.table = SlotTable(self._key_columns)
        self._capacity = 0
        fields = [(c.name, arrow_type(c.type)) for c in node.schema]
        self.schema = pa.schema(fields)
        self._from = [source.get_field_index(c.name) for c in node.schema if c.name != TP_DELTA]
        self._at_delta = self.schema.get_field_index(TP_DELTA)
        self._budget = Budget(context)
        beside = Beside(self._save, self._load, self._release, self._beside_bytes)
        pages = RowPages(self.table, self._key_columns, beside)
        self._spill = Spill(context.spill, pages, "replace")
        table = Slotted(self.table, self._save, self._load)
        self._state = Parts({"rows": table, "hash": self._hash, "spill": self._spill})

    def _fit(self) -> None:
        if self._capacity < self.table.capacity:
            self._capacity = self.table.capacity
            for each in self._rows:
                each.grow(self._capacity)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """The deltas of each row in order of arrival."""
        if not batch.num_rows:
            return [self._batch(batch, batch.rows, np.zeros(0, np.int64), batch.borders)]
        hashes = self._hashes(batch)
        made, sizes = self._deltas(batch, hashes)
        self._budget.check(self.held())
        ends = np.zeros(batch.num_rows + 1, np.int64)
        np.cumsum(sizes, out=ends[1:])
        return [rebatched(batch, made, ends[batch.borders])]

    def _deltas(self, batch: Batch, hashes: Hashes) -> tuple[pa.RecordBatch, Int64s]:
        """The deltas of all rows, and how many each row gives."""
        slots, known = self._assign(batch, hashes)
        accepted = self._accepted(batch, slots, known)
        rows = np.flatnonzero(accepted)
        slots = slots[rows]
        # The row that each one replaces: the one of its key before it in the batch, else the kept.
        order = stable_order(slots)
        follows = np.zeros(len(rows), np.bool_)
        follows[order[1:]] = slots[order[1:]] == slots[order[:-1]]
        before = np.full(len(rows), -1, np.int64)
        before[order[1:]] = rows[order[:-1]]
        kept = ~follows & known[slots]
        stored = np.flatnonzero(kept)
        old = np.where(follows, before, -1)
        old[stored] = batch.num_rows + np.arange(len(stored))
        sizes = 1 + (old >= 0)
        ends = np.cumsum(sizes)
        taken = np.empty(int(ends[-1]) if len(ends) else 0, np.int64)
        weights = np.ones(len(taken), np.int64)
        taken[ends - 1] = rows
        replaced = old >= 0
        taken[(ends - 2)[replaced]] = old[replaced]
        weights[(ends - 2)[replaced]] = -1
        made = self._made(batch, slots[stored], taken, weights)
        last = np.flatnonzero(np.r_[slots[order][1:] != slots[order][:-1], True][: len(order)])
        self._keep(batch, slots[order[last]], rows[order[last]])
        given = np.zeros(batch.num_rows, np.int64)
        given[rows] = sizes
        return made, given

    def _hashes(self, batch: Batch) -> Hashes:
        narrow = batch.rows.select(self._keys)
        return column(self._hash.run(narrow, batch.instant_ms), 0).to_numpy()

    def _assign(self, batch: Batch, hashes: Hashes) -> tuple[Int64s, Array]:
        """The slot of each row, and by slot whether it held a row before this batch."""
        narrow = batch.rows.select(self._keys)
        keys = [c.encode(narrow.column(at)) for at, c in enumerate(self._key_columns)]
        self._spill.touch(hashes, there=lambda: self.table.find(hashes, keys) >= 0)
        slots, made = self.table.assign(hashes, keys)
        self._fit()
        known = np.ones(self._capacity, np.bool_)
        known[slots[made]] = False
        return slots, known

    def _accepted(self, batch: Batch, slots: Int64s, known: Array) -> Array:
        """Rows whose version is not below that of the current row of their key."""
        if self._version < 0:
            return np.ones(len(slots), np.bool_)
        order = stable_order(slots)
        ordered = slots[order]
        starts = np.r_[True, ordered[1:] != ordered[:-1]]
        firsts = ordered[starts]
        held = firsts[known[firsts]]
        given = batch.rows.column(self._version)
        place = self._values.index(self._version) if self._version in self._values else -1
        if place < 0:  # a key: the same for all rows of a key
            return np.ones(len(slots), np.bool_)
        both = pa.concat_arrays([self._rows[place].take(held), given])
        ranks = _ranks(both)
        lowest = np.full(self._capacity, -1, np.int64)
        lowest[held] = ranks[: len(held)]
        segment = np.cumsum(starts) - 1
        versions = ranks[len(held) :][order]
        span = len(both) + 2
        # Within a key the largest version so far; keys before it have smaller numbers.
        least = np.maximum.accumulate(np.maximum(versions, lowest[ordered]) + 1 + segment * span)
        so_far = np.r_[np.int64(0), least[:-1]] - segment * span - 1
        so_far = np.where(starts, lowest[ordered], so_far)
        accepted = np.zeros(len(slots), np.bool_)
        accepted[order] = versions >= so_far
        return accepted

    def _made(self, batch: Batch, stored: Int64s, taken: Int64s, weights: Int64s) -> pa.RecordBatch:
        """Output rows: numbers below those of the batch are its rows, others kept ones."""
        held: dict[int, pa.Array] = {}
        for at, each in zip(self._keys, self._key_columns, strict=True):
            held[at] = each.take(stored)
        for at, each in zip(self._values, self._rows, strict=True):
            held[at] = each.take(stored)
        rows = pa.array(taken)
        arrays: list[pa.Array] = []
        for at in self._from:
            given = batch.rows.column(at)
            whole = pa.concat_arrays([given, held[at].cast(given.type)]) if len(stored) else given
            arrays.append(whole.take(rows))
        arrays.insert(self._at_delta, pa.array(weights.astype(np.int8)))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _batch(self, batch: Batch, rows: pa.RecordBatch, weights: Int64s, borders: Int64s) -> Batch:
        arrays = [rows.column(at) for at in self._from]
        arrays.insert(self._at_delta, pa.array(weights.astype(np.int8)))
        return rebatched(batch, pa.RecordBatch.from_arrays(arrays, schema=self.schema), borders)

    def _keep(self, batch: Batch, slots: Int64s, rows: Int64s) -> None:
        for at, each in zip(self._values, self._rows, strict=True):
            each.release(slots)
            each.store(slots, each.encode(batch.rows.column(at)), rows)
        self.table.touch(slots)

    # -- upkeep -----------------------------------------------------------------------------

    def _save(self, slots: Int64s) -> dict[str, pa.Array]:
        return {f"v{at}": each.take(slots) for at, each in enumerate(self._rows)}

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        every = np.arange(len(slots))
        for at, each in enumerate(self._rows):
            each.store(slots, each.encode(rows.column(f"v{at}")), every)

    def _release(self, slots: Int64s) -> None:
        for each in self._rows:
            each.release(slots)

    def _beside_bytes(self) -> int:
        return sum(each.nbytes for each in self._rows)

    def held(self) -> StateSize:
        """A row per key."""
        size = StateSize(self.table.live, self.table.nbytes + self._beside_bytes())
        return size + self._spill.size

    def close(self) -> None:
        """Free the plan."""
        self._hash.close()


def _ranks(values: pa.Array) -> Int64s:
    """Dense ranks of values from 1, equal for equal ones; NULL is 0."""
    coded = values.dictionary_encode()
    order = pc.array_sort_indices(coded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    rank[len(order)] = 0
    return rank[coded.indices.fill_null(len(order)).to_numpy().astype(np.int64)]
