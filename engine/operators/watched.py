"""Takes the watermark of a window at its source; the window itself stands above a join."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.batch import Batch
from engine.joinversions import comparable
from engine.operators.operator import Plain
from engine.sql.logical import Watched as Node
from engine.types import arrow_type
from engine.watermark import BEGINNING


class Watched(Plain):
    """Notes the newest event time of each append."""

    def __init__(self, source: pa.Schema, node: Node) -> None:
        self.name = "Watermark"
        self.schema = source
        self._column = node.time_column
        self._kind = arrow_type(node.time_type)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Pass the rows on with the times."""
        array = batch.rows.column(self._column)
        times, known = comparable(
            array if array.type.equals(self._kind) else array.cast(self._kind)
        )
        times = np.where(known, times, BEGINNING)
        newest = np.full(len(batch.borders) - 1, BEGINNING, np.int64)
        filled = np.flatnonzero(np.diff(batch.borders) > 0)
        if len(filled):
            newest[filled] = np.maximum.reduceat(times, batch.borders[filled])
        return [replace(batch, newest=newest)]
