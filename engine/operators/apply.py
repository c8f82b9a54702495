"""A user function over the rows of a batch: its arguments computed, called once, result beside."""

from __future__ import annotations

import pyarrow as pa

from engine.batch import Batch
from engine.calls import ask
from engine.operators.operator import Context, Plain
from engine.operators.project import Layer, Project
from engine.operators.statement import rebatched
from engine.sql import logical
from engine.types import arrow_field
from engine.udf.javascript import JavaScript
from engine.udf.outside import Outside


class Apply(Plain):
    """Rows, their order and borders stay; the function's results are the last column.

    A JavaScript function has an engine of its own for as long as the query runs. It has no state
    that is kept: a function that remembers earlier calls begins anew when a query is recovered. For
    a function outside of the engine the step stops here until its answer is in (`engine.calls`).
    """

    def __init__(self, context: Context, source: pa.Schema, node: logical.Apply) -> None:
        self.name = f"Call {node.function.name}"
        self.schema = source.append(arrow_field(node.output.name, node.output.type))
        function = node.function
        self._function = Outside(function, ask) if function.outside else JavaScript(function)
        self._seed = context.start.seed
        self._args = Project(context, source, (Layer(node.args, ""),), borders=False)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Call the function for the whole batch."""
        if not batch.num_rows:
            results = pa.array([], self.schema.field(-1).type)
        else:
            [args] = self._args.push(0, batch)
            results = self._function.scalar(args.rows.columns, batch.instant_ms, self._seed)
        arrays = [*batch.rows.columns, results]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return [rebatched(batch, rows, batch.borders)]

    def close(self) -> None:
        """Free the plan of the arguments."""
        self._args.close()
