"""What a join makes of the batches of a side, and of its pairs of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, column
from engine.batch import TP_DELTA, Batch
from engine.errors import Code, QueryFailed
from engine.joinindex import NONE, JoinRows, SideRows
from engine.operators.operator import Budget, Context
from engine.operators.statement import Statement, append_numbers, borders_of, quoted, rebatched
from engine.ordering import stable_order
from engine.sql.logical import Join
from engine.sql.plan_parts import Side
from engine.state import StateSize

# Joined rows of one batch: a key that nearly all rows of both sides share would take any memory.
JOINED_ROWS_MAX = 10_000_000


class SideInput:
    """Batches of a side as `SideRows`. `counted`: hashes of whole rows are wanted."""

    def __init__(
        self, context: Context, source: pa.Schema, side: Side, *, counted: bool = False
    ) -> None:
        self._names = [name for name in source.names if name != TP_DELTA]
        self._keys = side.keys
        self._counted = counted
        self.weighted = side.weighted
        self.schema = pa.schema([source.field(name) for name in self._names])
        self.kinds = [source.field(name).type for name in side.keys]
        hashes = [f"hash({', '.join(quoted(key) for key in side.keys)})"]
        if counted:
            hashes.append(f"hash({', '.join(quoted(name) for name in self._names)})")
        wanted = dict.fromkeys((*self._names, *side.keys)) if counted else dict.fromkeys(side.keys)
        self._hashed = tuple(wanted)
        self._statement = Statement(
            context.session,
            pa.schema([source.field(name) for name in self._hashed]),
            lambda table: f"SELECT {', '.join(hashes)} FROM {table}",
        )

    def take(self, batch: Batch) -> SideRows:
        """The rows of a batch; raises `duck.Error`."""
        rows = batch.rows
        given = [column(rows, name) for name in self._hashed]
        schema = pa.schema([rows.schema.field(name) for name in self._hashed])
        found = self._statement.run(
            pa.RecordBatch.from_arrays(given, schema=schema), batch.instant_ms
        )
        keys = [column(rows, name) for name in self._keys]
        known = np.ones(rows.num_rows, np.bool_)
        for key in keys:
            if key.null_count:
                known &= key.is_valid().to_numpy(zero_copy_only=False)
        weights = None
        if self.weighted:
            weights = column(rows, TP_DELTA).to_numpy(zero_copy_only=False).astype(np.int64)
        return SideRows(
            [column(rows, name) for name in self._names],
            weights,
            keys,
            column(found, 0).to_numpy(),
            known,
            column(found, 1).to_numpy() if self._counted else np.zeros(0, np.uint64),
        )

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()


def matches(side: JoinRows, keys: Int64s) -> tuple[Int64s, Int64s]:
    """All rows of a side with these keys: (index into `keys`, slot), ascending, by arrival.

    Raises QueryFailed 241 when they are more than a step can hold.
    """
    side.fit()
    wanted = int(np.maximum(side.total[keys[keys != NONE]], 0).sum())
    if wanted > JOINED_ROWS_MAX:
        raise QueryFailed(
            f"A batch of {len(keys)} rows joins {wanted} rows, more than {JOINED_ROWS_MAX} at a "
            "time; join by a more selective key, or insert smaller batches.",
            Code.MEMORY_LIMIT,
        )
    return side.chains.walk(keys)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Joined rows in order: the append of each, the columns of both sides, weights (None = 1)."""

    appends: Int64s
    left: list[pa.Array]
    right: list[pa.Array]
    weights: Int64s | None = None


def joined(batch: Batch, schema: pa.Schema, pairs: Pairs) -> Batch:
    """The output batch; each append of the input is one of the output."""
    arrays = [*pairs.left, *pairs.right]
    if pairs.weights is not None:
        arrays.append(pa.array(pairs.weights.astype(np.int8)))
    rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    borders = borders_of(pairs.appends, len(batch.borders) - 1)
    return rebatched(batch, rows, borders)


def appends_of(batch: Batch) -> Int64s:
    """The append of every row."""
    return append_numbers(batch.borders).to_numpy().astype(np.int64)


def some(columns: list[pa.Array], rows: Int64s) -> list[pa.Array]:
    """These rows of the columns; NULLs at -1."""
    missing = rows == NONE
    index = pa.array(rows, mask=missing) if missing.any() else pa.array(rows)
    return [each.take(index) for each in columns]


def repeated(weights: Int64s) -> tuple[Int64s, Int64s]:
    """Rows of weights beyond 1 as so many rows: (index of the row, weight 1 or -1)."""
    times = np.abs(weights)
    return np.repeat(np.arange(len(weights)), times), np.repeat(np.sign(weights), times)


def stored(side: JoinRows, slots: Int64s) -> list[pa.Array]:
    """Rows of a side; NULLs at -1."""
    there = slots != NONE
    if there.all():
        return side.take(slots)
    found = side.take(slots[there])
    places = np.where(there, np.cumsum(there) - 1, NONE)
    return some(found, places)


def probed(
    appends: Int64s,
    rows: SideRows,
    found: tuple[Int64s, Int64s],
    right: JoinRows,
    *,
    left_join: bool,
) -> Pairs:
    """Left rows with the rows found for them: (index, slot), ascending; those of a LEFT join for
    which there is none with NULLs. Weights are those of the left rows."""
    index, slots = found
    if left_join:
        alone = np.ones(len(appends), np.bool_)
        alone[index] = False
        index = np.concatenate((index, np.flatnonzero(alone)))
        slots = np.concatenate((slots, np.full(int(alone.sum()), NONE)))
        order = stable_order(index)
        index, slots = index[order], slots[order]
    weights = None if rows.weights is None else rows.weights[index]
    return Pairs(appends[index], some(rows.columns, index), stored(right, slots), weights)


class JoinBudget:
    """Refuses more buffered rows than the query may hold (241), or its join settings say (191)."""

    def __init__(self, context: Context, node: Join) -> None:
        self._budget = Budget(context)
        self._max = node.buffered_bytes_max

    def check(self, size: StateSize) -> None:
        """Raises QueryFailed 191 or 241."""
        if self._max and size.bytes > self._max:
            raise QueryFailed(
                f"The join buffers {size.bytes} bytes, more than join_max_buffered_bytes = "
                f"{self._max}; raise that setting or join fewer rows.",
                Code.SET_SIZE_LIMIT,
            )
        self._budget.check(size)
