"""Rows of a bounded query inside an unbounded one: known at the start, then the input ends."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import record_batch
from engine.batch import Batch
from engine.operators.operator import Context
from engine.operators.project import Layer, Project
from engine.physical import stored_schema
from engine.sql.logical import BoundedScan


class BoundedRows:
    """The rows in batches, through the chain above them; all of them are one append."""

    def __init__(
        self, context: Context, node: BoundedScan, layers: tuple[Layer, ...], table: pa.Table
    ) -> None:
        self._rows = record_batch(table.cast(stored_schema(node.schema)))
        self._at = 0
        self._project: Project | None = None
        self.schema = self._rows.schema
        if layers:
            self._project = Project(context, self._rows.schema, layers, borders=False)
            self.schema = self._project.schema

    @property
    def made(self) -> int:
        """How many rows were taken."""
        return self._at

    def skip(self, count: int, positions: list[int]) -> None:
        """So many rows were taken before a checkpoint; `positions` as they were then."""
        self._at = count
        if self._project is not None:
            self._project.positions = positions

    @property
    def positions(self) -> list[int]:
        """How far random values above its rows are drawn."""
        return [0, 0] if self._project is None else self._project.positions

    def due_ms(self) -> int | None:
        """Its rows wait for no time: they are taken when the query starts."""
        return None

    @property
    def ended(self) -> bool:
        """Whether all rows were taken."""
        return self._at >= self._rows.num_rows

    def rows(self, instant_ms: int, rows_max: int) -> Batch | None:
        """The next rows."""
        if self.ended:
            return None
        rows = self._rows.slice(self._at, rows_max)
        self._at += rows.num_rows
        borders = np.array([0, rows.num_rows])
        batch = Batch(rows, instant_ms, borders, continues=not self.ended)
        return batch if self._project is None else self._project.push(0, batch)[0]

    def close(self) -> None:
        """Free the plan."""
        if self._project is not None:
            self._project.close()
