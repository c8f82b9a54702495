"""Rows of windows in the order of the dialect: by append, oldest window first, first arrival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, Lane, fixed_array
from engine.batch import Batch
from engine.emit import Versions
from engine.operators.groups import Keys, Layout
from engine.operators.statement import borders_of
from engine.sql.logical import Aggregate
from engine.state import Accumulators
from engine.stateparts import Saved
from engine.types import arrow_type


@dataclass(frozen=True, slots=True)
class WindowRows:
    """Groups to be sent: their key slots, bounds of their windows in ticks, values, arrival."""

    keys: Int64s
    starts: Int64s
    ends: Int64s
    arrival: Int64s
    lanes: list[Lane]
    appends: Int64s


class WindowOutput(Saved):
    """Makes output batches of window groups and numbers the emissions."""

    def __init__(self, node: Aggregate) -> None:
        assert node.window is not None
        self._layout = Layout(node)
        self._time = arrow_type(node.window.time_type)
        self._per_window = node.emit.when == "close"
        names = [partial.name for partial in node.partials]
        gone = node.alive and not node.partition
        self._alive = names.index(node.alive) if gone else -1
        self._versions = Versions()
        self._state = self._versions
        self.schema = self._layout.schema

    def send(
        self, rows: WindowRows, keys: Keys, accumulators: Accumulators, instant_ms: int
    ) -> list[Batch]:
        """One batch; every append of it is one emission. Groups of a changelog of which nothing
        is left are not sent."""
        order = np.lexsort((rows.arrival, rows.starts, rows.ends, rows.appends))
        if self._alive >= 0:
            order = order[rows.lanes[self._alive].values[order] > 0]
        if not len(order):
            return []
        sent, append = np.unique(rows.appends[order], return_inverse=True)
        starts, ends = rows.starts[order], rows.ends[order]
        arrays = keys.arrays(rows.keys[order])
        arrays += accumulators.arrays([lane.take(order) for lane in rows.lanes])
        arrays += [self._times(starts), self._times(ends)]
        made = self._layout.rows(arrays, self._numbers(append, starts, ends))
        return [Batch(made, instant_ms, borders_of(append, len(sent)))]

    def _times(self, ticks: Int64s) -> pa.Array:
        return fixed_array(Lane(ticks), self._time)

    def _numbers(self, append: Int64s, starts: Int64s, ends: Int64s) -> Int64s:
        """Each closed window is an emission of its own, else each append."""
        new = np.ones(len(append), np.bool_)
        new[1:] = append[1:] != append[:-1]
        if self._per_window:
            new[1:] |= (starts[1:] != starts[:-1]) | (ends[1:] != ends[:-1])
        number = np.cumsum(new) - 1
        return self._versions.take(int(number[-1]) + 1) + number
