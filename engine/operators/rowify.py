"""rowify(): every row as an append of its own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.batch import Batch
from engine.operators.operator import Plain


class Rowify(Plain):
    """Rows stay as they are; the borders between them change."""

    def __init__(self, source: pa.Schema) -> None:
        self.name = "Rowify"
        self.schema = source

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """One append per row, each of them complete."""
        borders = np.arange(batch.num_rows + 1, dtype=np.int64)
        return [Batch(batch.rows, batch.instant_ms, borders, batch.backfill)]
