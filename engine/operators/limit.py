"""LIMIT and OFFSET over all emissions of a query; ends what is below once enough rows passed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.batch import Batch
from engine.operators.operator import Plain
from engine.operators.statement import rebatched
from engine.stateparts import Fields, Saved


class Limit(Saved, Plain):
    """Skips `offset` rows, passes `count` (-1 = all)."""

    def __init__(self, source: pa.Schema, count: int, offset: int) -> None:
        self.name = "Limit"
        self.schema = source
        self._skip = offset
        self._left = count
        self.done = count == 0
        self._state = Fields(self, "_skip", "_left", "done")

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Pass what fits."""
        if self.done:
            return []
        first = min(self._skip, batch.num_rows)
        self._skip -= first
        last = batch.num_rows if self._left < 0 else min(batch.num_rows, first + self._left)
        if self._left >= 0:
            self._left -= last - first
            self.done = self._left == 0
        if first == 0 and last == batch.num_rows:
            return [batch]
        borders = np.clip(batch.borders, first, last) - first
        return [rebatched(batch, batch.rows.slice(first, last - first), borders)]
