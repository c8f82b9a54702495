"""Rows of two queries in the order of the input that both read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.batch import ROW_ORDER, Batch, Int64s
from engine.checkpoint import StateDelta
from engine.operators.operator import Plain
from engine.sql.ordered import LAST
from engine.state import StateSize


class Tagged(Plain):
    """Holds what the queries give of one slice of their input until all have read it.

    `settle` is asked when that is so; bounded by what one slice makes. Rows of one query keep their
    order; among the queries rows go by `ROW_ORDER`, and the first query before the others.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.name = "Both queries"
        self.schema = schema
        self._held: list[tuple[int, Batch]] = []
        self._differs = False  # from what the last checkpoint has

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Hold it."""
        if batch.num_rows:
            self._held.append((port, batch))
            self._differs = True
        return []

    def settle(self) -> list[Batch]:
        """All queries have read the slice: its rows, in order."""
        if not self._held:
            return []
        held, self._held = self._held, []
        self._differs = True
        if len({port for port, _ in held}) == 1:
            return [self._shown(batch, batch.rows, batch.borders) for _, batch in held]
        ports = sorted({port for port, _ in held})
        order = np.concatenate(
            [
                np.maximum.accumulate(
                    np.concatenate([_order(batch) for port, batch in held if port == each])
                )
                for each in ports
            ]
        )
        rows = pa.concat_batches(
            [self._cast(batch.rows) for each in ports for port, batch in held if port == each]
        )
        merged = rows.take(pa.array(np.argsort(order, kind="stable")))
        return [self._shown(held[-1][1], merged, np.array((0, merged.num_rows), np.int64))]

    def _cast(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Without the column of the order."""
        arrays = [
            array if array.type.equals(field.type) else array.cast(field.type)
            for array, field in zip(rows.columns[:-1], self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _shown(self, batch: Batch, rows: pa.RecordBatch, borders: Int64s) -> Batch:
        if rows.num_columns > len(self.schema):
            rows = self._cast(rows)
        return Batch(rows, batch.instant_ms, borders, batch.backfill)

    def held(self) -> StateSize:
        """What waits."""
        rows = sum(batch.num_rows for _, batch in self._held)
        return StateSize(rows, sum(batch.rows.nbytes for _, batch in self._held))

    def changes(self, *, full: bool) -> StateDelta | None:
        """All that is held, since it comes and goes together."""
        if not self._differs and (not full or not self._held):
            return None
        self._differs = False
        tables = {str(at): batch.rows for at, (_, batch) in enumerate(self._held)}
        heads = [[p, b.instant_ms, b.backfill, b.borders.tolist()] for p, b in self._held]
        return StateDelta(tables, {"heads": heads})

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """What was held last."""
        if not deltas:
            return
        last = deltas[-1]
        self._held = [
            (port, Batch(last.tables[str(at)], instant, np.array(borders, np.int64), past))
            for at, (port, instant, past, borders) in enumerate(last.values["heads"])
        ]


def _order(batch: Batch) -> Int64s:
    """Where the rows of a batch stand; rows of several emissions for one slice of the input came of
    its rows, one after the other."""
    order = batch.rows.column(batch.rows.schema.get_field_index(ROW_ORDER)).to_numpy()
    counts = np.diff(batch.borders)
    if len(counts) > 1 and (order == LAST).all():
        return np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return order
