"""Rows of windows in the order of the dialect: by append, oldest window first, first arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, Lane, fixed_array
from engine.batch import Batch
from engine.emit import Versions
from engine.operators.groups import Keys, Layout
from engine.operators.statement import borders_of
from engine.ordering import lex_order
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


@dataclass(frozen=True, slots=True)
class ReadyRows:
    """Rows in order of appends, window ends, window starts and arrival; of a changelog weighted."""

    arrays: list[pa.Array]
    appends: Int64s
    ends: Int64s
    starts: Int64s
    arrival: Int64s
    weights: Int64s | None = None


def _together(pieces: Sequence[ReadyRows]) -> ReadyRows:
    appends = np.concatenate([p.appends for p in pieces])
    ends = np.concatenate([p.ends for p in pieces])
    starts = np.concatenate([p.starts for p in pieces])
    arrival = np.concatenate([p.arrival for p in pieces])
    weights = None
    if pieces[0].weights is not None:
        weights = np.concatenate([p.weights for p in pieces if p.weights is not None])
    order = lex_order((arrival, starts, ends, appends))  # stable: pairs stay as they are
    columns = zip(*(p.arrays for p in pieces), strict=True)
    arrays = [pa.concat_arrays(each).take(pa.array(order)) for each in columns]
    weights = None if weights is None else weights[order]
    return ReadyRows(arrays, appends[order], ends[order], starts[order], arrival[order], weights)


class WindowOutput(Saved):
    """Makes output batches of window groups and numbers the emissions."""

    def __init__(self, node: Aggregate) -> None:
        assert node.window is not None
        self._layout = Layout(node)
        self._time = arrow_type(node.window.time_type)
        self._per_window = node.emit.when == "close"
        names = [partial.name for partial in node.partials]
        gone = node.alive and not node.partition
        self.alive = names.index(node.alive) if gone else -1
        self._versions = Versions()
        self._state = self._versions
        self.schema = self._layout.schema

    def send(
        self, rows: WindowRows, keys: Keys, accumulators: Accumulators, instant_ms: int
    ) -> list[Batch]:
        """One batch; every append of it is one emission. Groups of a changelog of which nothing
        is left are not sent."""
        return self.send_all([self.ready(rows, keys, accumulators)], instant_ms)

    def ready(self, rows: WindowRows, keys: Keys, accumulators: Accumulators) -> ReadyRows:
        """What of these groups is sent, in order; the state may change afterwards."""
        order = lex_order((rows.arrival, rows.starts, rows.ends, rows.appends))
        if self.alive >= 0:
            order = order[rows.lanes[self.alive].values[order] > 0]
        arrays = keys.arrays(rows.keys[order])
        arrays += accumulators.arrays([lane.take(order) for lane in rows.lanes])
        numbers = rows.appends[order], rows.ends[order], rows.starts[order], rows.arrival[order]
        return ReadyRows(arrays, *numbers)

    def send_all(self, pieces: Sequence[ReadyRows], instant_ms: int) -> list[Batch]:
        """One batch of several pieces of a state, as if they were one."""
        pieces = [piece for piece in pieces if len(piece.appends)]
        if not pieces:
            return []
        whole = pieces[0] if len(pieces) == 1 else _together(pieces)
        sent, append = np.unique(whole.appends, return_inverse=True)
        starts, ends = whole.starts, whole.ends
        arrays = [*whole.arrays, self._times(starts), self._times(ends)]
        last = whole.weights
        if last is None:
            last = self._numbers(append, starts, ends)
        made = self._layout.rows(arrays, last)
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
