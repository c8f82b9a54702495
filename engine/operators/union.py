"""UNION ALL: rows of several inputs under the names of the first."""

from __future__ import annotations

import pyarrow as pa

from engine.batch import Batch
from engine.operators.gather import Whole
from engine.operators.operator import Plain
from engine.operators.statement import rebatched
from engine.stateparts import Parts, Saved


class Union(Saved, Plain):
    """Passes every batch on as it comes.

    Inputs that read one stream get the slices of its appends in turn; `gathers` keeps those of an
    input together, so that each gives its append whole before the next one does.
    """

    def __init__(self, schema: pa.Schema, inputs: int, *, gathers: bool) -> None:
        self.name = "Union"
        self.schema = schema
        self._whole = [Whole() for _ in range(inputs)] if gathers else []
        self._state = Parts({f"whole{at}": whole for at, whole in enumerate(self._whole)})

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Rename, and cast where an input is stored narrower than the common type."""
        whole = self._whole[port].take(batch) if self._whole else batch
        return [] if whole is None else [self._named(whole)]

    def _named(self, batch: Batch) -> Batch:
        rows = batch.rows
        if not rows.schema.equals(self.schema):
            arrays = [
                array if array.type.equals(f.type) else array.cast(f.type)
                for array, f in zip(rows.columns, self.schema, strict=True)
            ]
            rows = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return rebatched(batch, rows, batch.borders)
