"""Whole appends: the slices of a large append are joined before what counts per append sees it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import Batch


def joined(batches: list[Batch]) -> Batch:
    """Slices whose last append goes on in the next one, as one batch."""
    rows = pa.concat_batches([b.rows for b in batches])
    borders: list[Int64s] = [np.zeros(1, np.int64)]
    offset = 0
    for at, batch in enumerate(batches):
        ends = batch.borders[1:] + offset
        if at < len(batches) - 1:
            ends = ends[:-1]  # the last append ends in a later slice
        borders.append(ends)
        offset += batch.num_rows
    return replace(batches[-1], rows=rows, borders=np.concatenate(borders))


class Whole:
    """Holds the slices of an append until its last; bounded by the size of one append."""

    def __init__(self) -> None:
        self._slices: list[Batch] = []

    def take(self, batch: Batch) -> Batch | None:
        """The batch with what was held before it, or None while its last append goes on."""
        if batch.continues:
            self._slices.append(batch)
            return None
        if not self._slices:
            return batch
        slices, self._slices = [*self._slices, batch], []
        return joined(slices)
