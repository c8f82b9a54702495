"""Whole appends: the slices of a large append are joined before what counts per append sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s
from engine.batch import Batch
from engine.checkpoint import StateDelta


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
    return replace(batches[-1], rows=rows, borders=np.concatenate(borders), newest=_newest(batches))


def _newest(batches: list[Batch]) -> Int64s | None:
    """Newest times by append; an append that goes on counts once."""
    made = batches[0].newest
    for batch in batches[1:]:
        if made is None or batch.newest is None:
            return None
        whole = np.maximum(made[-1:], batch.newest[:1])
        made = np.concatenate((made[:-1], whole, batch.newest[1:]))
    return made


def _listed(newest: Int64s | None) -> list[int] | None:
    return None if newest is None else newest.tolist()


class Whole:
    """Holds the slices of an append until its last; bounded by the size of one append."""

    def __init__(self) -> None:
        self._slices: list[Batch] = []
        self._differs = False  # from what the last checkpoint has

    def take(self, batch: Batch) -> Batch | None:
        """The batch with what was held before it, or None while its last append goes on."""
        if batch.continues:
            self._slices.append(batch)
            self._differs = True
            return None
        if not self._slices:
            return batch
        self._differs = True
        slices, self._slices = [*self._slices, batch], []
        return joined(slices)

    def changes(self, *, full: bool) -> StateDelta | None:
        """All slices, since they come and go together (`engine.stateparts.Part`)."""
        if not self._differs and (not full or not self._slices):
            return None
        self._differs = False
        tables = {str(at): batch.rows for at, batch in enumerate(self._slices)}
        heads = [
            [b.instant_ms, b.backfill, b.borders.tolist(), _listed(b.newest)] for b in self._slices
        ]
        return StateDelta(tables, {"heads": heads})

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The slices that were said last."""
        if not deltas:
            return
        last = deltas[-1]
        self._slices = [
            Batch(
                last.tables[str(at)],
                instant,
                np.array(borders, np.int64),
                past,
                continues=True,
                newest=None if newest is None else np.array(newest, np.int64),
            )
            for at, (instant, past, borders, newest) in enumerate(last.values["heads"])
        ]
