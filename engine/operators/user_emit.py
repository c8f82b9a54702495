"""A user aggregate that drives the emission: rows go out when its `process` says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import ROW_APPEND, Batch
from engine.operators.gather import Whole
from engine.operators.groups import Groups
from engine.operators.operator import Budget, Context, Plain
from engine.operators.partials import PartialRows, PartialStatement
from engine.operators.statement import append_numbers, borders_of
from engine.sql.logical import Aggregate as Node
from engine.state import StateSize
from engine.stateparts import Fields, Parts, Saved
from engine.types import arrow_field
from engine.udf.column import UserColumn


class UserEmit(Saved, Plain):
    """Per append and group `process` is called, and `finalize` when that returned more than 0.

    Groups of an append come in the order of their first rows; a group may give any number of
    rows. The function is the only aggregate of the node.
    """

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Aggregate with its own emission"
        extra = {ROW_APPEND: pa.int32()}
        self._partials = PartialStatement(context, source, node, (ROW_APPEND,), extra)
        self._groups = Groups(node, self._partials.key_types)
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self._function = [p.function is not None for p in node.partials].index(True)
        self._whole = Whole()
        self._budget = Budget(context)
        self._rows = 0
        self._state = Parts(
            {
                "partials": self._partials,
                "groups": self._groups,
                "whole": self._whole,
                "own": Fields(self, "_rows"),
            }
        )

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Give the rows to the function, append by append, and send what it wants sent."""
        whole = self._whole.take(batch)
        if whole is None or not whole.num_rows:
            return []
        extra = (append_numbers(whole.borders),)
        rows = self._partials.run(whole.rows, whole.instant_ms, extra)
        base, self._rows = self._rows, self._rows + whole.num_rows
        if not rows.count:
            return []
        slots = self._groups.assign(rows, base)
        self._budget.check(self.held())
        return self._sent(whole, rows, slots)

    def _sent(self, batch: Batch, rows: PartialRows, slots: Int64s) -> list[Batch]:
        accumulators = self._groups.accumulators
        function = accumulators.columns[self._function]
        assert isinstance(function, UserColumn)
        appends = rows.by[ROW_APPEND]
        order = np.lexsort((rows.first, appends))
        lists = function.lane(rows.partials[self._function]).take(order)
        results = function.emit(slots[order], lists)
        counts = np.array([len(each) for each in results], np.int64)
        total = int(counts.sum())
        if not total:
            return []
        entries = np.repeat(order, counts)
        sent, numbers = np.unique(appends[entries], return_inverse=True)
        made = self._made(rows, pa.array(entries), pa.concat_arrays(results))
        return [Batch(made, batch.instant_ms, borders_of(numbers, len(sent)))]

    def _made(self, rows: PartialRows, entries: pa.Array, results: pa.Array) -> pa.RecordBatch:
        """Keys, then the partials: the function's results, nothing where a count would stand."""
        keys: Sequence[pa.Array] = [key.take(entries) for key in rows.keys]
        rest = [
            results if at == self._function else pa.nulls(len(results), field.type)
            for at, field in enumerate(list(self.schema)[len(keys) :])
        ]
        arrays = [
            made if made.type.equals(field.type) else made.cast(field.type)
            for made, field in zip([*keys, *rest], self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def held(self) -> StateSize:
        """The groups."""
        return self._groups.size()

    def close(self) -> None:
        """Free the plan."""
        self._partials.close()
