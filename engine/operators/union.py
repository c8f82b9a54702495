"""UNION ALL: rows of several inputs under the names of the first."""

from __future__ import annotations

import pyarrow as pa

from engine.batch import Batch
from engine.operators.operator import Plain
from engine.operators.statement import rebatched


class Union(Plain):
    """Passes every batch on as it comes."""

    def __init__(self, schema: pa.Schema) -> None:
        self.name = "Union"
        self.schema = schema

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Rename, and cast where an input is stored narrower than the common type."""
        rows = batch.rows
        if not rows.schema.equals(self.schema):
            arrays = [
                array if array.type.equals(f.type) else array.cast(f.type)
                for array, f in zip(rows.columns, self.schema, strict=True)
            ]
            rows = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return [rebatched(batch, rows, batch.borders)]
