"""Windows without aggregation: every row gets window_start and window_end, of a hop once each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, Lane, fixed_array
from engine.batch import Batch
from engine.operators.operator import Context, Plain
from engine.operators.session_aggregate import Predicates
from engine.operators.statement import append_numbers, rebatched
from engine.operators.window_source import WindowSource
from engine.sql.plan_parts import WindowSpec
from engine.stateparts import Parts, Saved
from engine.types import arrow_type
from engine.windows import hop, tumble
from engine.windows.session import SessionRows, Sessions

_PANES = {"tumble": tumble.panes, "hop": hop.panes}


class WindowAssign(Plain):
    """Tumbling and hopping windows."""

    def __init__(self, context: Context, source: pa.Schema, spec: WindowSpec) -> None:
        self.name = f"{spec.kind.capitalize()}Assign"
        self._kind = arrow_type(spec.time_type)
        self._panes = _PANES[spec.kind](spec)
        self._source = WindowSource(context, source, spec)
        self.schema = _widened(source, self._kind)

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Add the two columns."""
        times, valid = self._source.times(batch)
        panes = self._panes.pane(times)
        first = self._panes.first_window(panes)
        count = self._panes.last_window(panes) - first + 1
        if valid is not None:
            count = np.where(valid, count, 0)
        rows, borders, windows = batch.rows, batch.borders, first
        if (count != 1).any():
            copies = np.repeat(np.arange(len(times)), count)
            step = np.arange(len(copies)) - np.repeat(np.cumsum(count) - count, count)
            rows, windows = rows.take(pa.array(copies)), first[copies] + step
            ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(count)))
            borders = ends[batch.borders]
        made = _with_bounds(
            rows, self.schema, self._panes.starts(windows), self._panes.ends(windows)
        )
        return [rebatched(batch, made, borders)]


class SessionAssign(Saved, Plain):
    """Session windows: the bounds as they are known when the row comes."""

    def __init__(self, context: Context, source: pa.Schema, spec: WindowSpec) -> None:
        self.name = "SessionAssign"
        self._sessions = Sessions(spec, 0)
        self._predicates = Predicates(context, source, spec)
        self._source = WindowSource(context, source, spec)
        self._state = Parts({"sessions": self._sessions, "predicates": self._predicates})
        self.schema = _widened(source, arrow_type(spec.time_type))

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Rows of sessions with the session's start and its end so far."""
        times, valid = self._source.times(batch)
        starts, ends = self._predicates.run(batch)
        appends = append_numbers(batch.borders).to_numpy()
        rows: list[int] = []
        bounds: list[tuple[int, int]] = []
        for at in range(len(times)):
            if valid is not None and not valid[at]:
                continue
            one = slice(at, at + 1)
            found = self._sessions.run(
                SessionRows(
                    times[one],
                    np.zeros(1, np.int64),
                    appends[one],
                    None if starts is None else starts[one],
                    None if ends is None else ends[one],
                ),
                check_late=False,
            )
            known = {s.number: (s.start, end) for s, end, _ in found.ended}
            current = self._sessions.open.get(0)
            if current is not None:
                known[current.number] = (current.start, self._sessions.shown_end(current))
            rows += [at] * len(found.rows)
            bounds += [known[number] for number in found.sessions]
        pairs = np.array(bounds, np.int64).reshape(len(bounds), 2)
        counts = np.bincount(np.array(rows, np.int64), minlength=len(times))
        borders = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))[batch.borders]
        taken = batch.rows.take(pa.array(rows, pa.int64()))
        made = _with_bounds(taken, self.schema, pairs[:, 0], pairs[:, 1])
        return [rebatched(batch, made, borders)]

    def close(self) -> None:
        """Free the plan."""
        self._predicates.close()


def _widened(source: pa.Schema, kind: pa.DataType) -> pa.Schema:
    return source.append(pa.field("window_start", kind)).append(pa.field("window_end", kind))


def _with_bounds(
    rows: pa.RecordBatch, schema: pa.Schema, starts: Int64s, ends: Int64s
) -> pa.RecordBatch:
    kind = schema.field(len(schema) - 1).type
    arrays = [*rows.columns, fixed_array(Lane(starts), kind), fixed_array(Lane(ends), kind)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
