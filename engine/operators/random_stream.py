"""A random stream: rows are a function of the seed and their ordinal; time only says how many."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import record_batch
from engine.batch import ROW_NUMBER, Batch
from engine.operators.operator import Context
from engine.operators.project import Layer, Project
from engine.operators.statement import (
    NOW_COLUMN,
    SEED_COLUMN,
    Statement,
    cast_columns,
    tokens_in,
)
from engine.sql.logical import RandomScan

ORDINAL_COLUMN = "__ordinal"


class RandomRows:
    """Makes the rows of one scan of a random stream; every interval's rows are one append."""

    def __init__(
        self, context: Context, node: RandomScan, layers: tuple[Layer, ...], *, borders: bool
    ) -> None:
        self._node = node
        self._start_ms = context.start.instant_ms
        source = pa.schema([(ORDINAL_COLUMN, pa.uint64()), (ROW_NUMBER, pa.int64())])
        tokens = tokens_in(*(c.sql for c in node.columns))
        self._statement = Statement(
            context.session,
            source,
            lambda table: f"SELECT {cast_columns(node.columns)} FROM {table}",
            tokens=tuple(t for t in tokens if t in (NOW_COLUMN, SEED_COLUMN)),
            seed=context.start.seed,
        )
        self.schema = self._statement.schema
        self._project: Project | None = None
        if layers:
            self._project = Project(context, self.schema, layers, borders=borders)
            self.schema = self._project.schema
        self._made = 0

    def _due_rows(self, instant_ms: int) -> int:
        """Rows that exist at the instant: those of the whole intervals since the start."""
        ticks = (instant_ms - self._start_ms) // self._node.interval_ms
        rows = int(ticks * self._node.interval_ms * self._node.eps / 1000)
        return min(rows, self._node.max_events) if self._node.max_events else rows

    @property
    def made(self) -> int:
        """How many rows were made, before any filter."""
        return self._made

    def skip(self, count: int, positions: list[int]) -> None:
        """So many rows were made before a checkpoint; `positions` as they were then."""
        self._made = count
        if self._project is not None:
            self._project.positions = positions

    @property
    def positions(self) -> list[int]:
        """How far random values above its rows are drawn; its own follow from the ordinals."""
        return [0, 0] if self._project is None else self._project.positions

    def due_ms(self) -> int | None:
        """When the next row exists; None after the last."""
        if self.ended:
            return None
        needed = (self._made + 1) * 1000 / (self._node.eps * self._node.interval_ms)
        ticks = int(needed)
        while int(ticks * self._node.interval_ms * self._node.eps / 1000) <= self._made:
            ticks += 1
        return self._start_ms + ticks * self._node.interval_ms

    @property
    def ended(self) -> bool:
        """Whether `max_events` rows were made."""
        return bool(self._node.max_events) and self._made >= self._node.max_events

    def rows(self, instant_ms: int, rows_max: int) -> Batch | None:
        """The next rows that exist at the instant, at most so many; None if there are none."""
        count = min(self._due_rows(instant_ms) - self._made, rows_max)
        if count <= 0:
            return None
        ordinals = np.arange(self._made, self._made + count)
        self._made += count
        source = pa.record_batch(
            [pa.array(ordinals.astype(np.uint64)), pa.array(ordinals)],
            names=[ORDINAL_COLUMN, ROW_NUMBER],
        )
        made = record_batch(self._statement.run(source, instant_ms))
        batch = Batch(made, instant_ms, np.array([0, made.num_rows]))
        return batch if self._project is None else self._project.push(0, batch)[0]

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()
        if self._project is not None:
            self._project.close()
