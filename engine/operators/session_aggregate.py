"""Aggregate over session windows, sent under an emit policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from engine.activity import OpenWindows
from engine.arrays import Bools, Int64s, Lane, column, fixed_array, fixed_lane
from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.emit import Ticks, policy_of
from engine.operators.cells import Cells
from engine.operators.gather import Whole
from engine.operators.operator import Budget, Context
from engine.operators.partials import PartialStatement
from engine.operators.statement import Statement, append_numbers, tokens_in, with_tokens
from engine.operators.timeout import Timeouts
from engine.operators.window_aggregate import WINDOW_END, WINDOW_START, mentions_window
from engine.operators.window_changes import window_changes
from engine.operators.window_output import WindowOutput, WindowRows
from engine.operators.window_source import WindowSource, substream_keys
from engine.sql.logical import Aggregate as Node
from engine.sql.plan_parts import WindowSpec
from engine.state import StateSize
from engine.stateparts import Fields, Part, Parts, Saved, Small
from engine.types import arrow_type
from engine.windows.grid import length_ticks, milliseconds
from engine.windows.session import Assigned, Session, SessionRows, Sessions

_CELL = "__cell"
_SUBSTREAM = "__sub"


class Predicates(Saved):
    """The start and end predicates of sessions, evaluated over whole batches."""

    def __init__(self, context: Context, source: pa.Schema, spec: WindowSpec) -> None:
        self._given = [sql for sql in (spec.start_predicate, spec.end_predicate) if sql]
        self._start, self._end = bool(spec.start_predicate), bool(spec.end_predicate)
        self._statement: Statement | None = None
        self._state: Part = Parts({})
        if self._given:
            terms = ", ".join(f"coalesce(({with_tokens(sql)}), false)" for sql in self._given)
            self._statement = Statement(
                context.session,
                source,
                lambda table: f"SELECT {terms} FROM {table}",
                tokens=tokens_in(*self._given),
                seed=context.start.seed,
            )
            self._state = self._statement

    def run(self, batch: Batch) -> tuple[Bools | None, Bools | None]:
        """Where sessions may start, and where they end."""
        if self._statement is None:
            return None, None
        found = self._statement.run(batch.rows, batch.instant_ms)
        values = [fixed_lane(column(found, at)).values for at in range(found.num_columns)]
        start = values.pop(0) if self._start else None
        return start, values.pop(0) if self._end else None

    def close(self) -> None:
        """Free the plan."""
        if self._statement is not None:
            self._statement.close()


@dataclass(slots=True)
class _Bounds:
    """An ended session that still has to be sent: its bounds, and the append that ended it."""

    start: int
    end: int
    append: int


class SessionAggregate:
    """One session at a time per substream; its groups are found by the session's number."""

    done = False

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        spec = node.window
        assert spec is not None
        self.name = "SessionAggregate"
        self._spec = spec
        self._policy = policy_of(node.emit, windowed=True)
        self._bounds = mentions_window(node)
        self._source = WindowSource(context, source, spec, substream_keys(node))
        self._predicates = Predicates(context, source, spec)
        extra = {_CELL: pa.int64(), _SUBSTREAM: pa.int64()}
        if self._bounds:
            extra[WINDOW_START] = extra[WINDOW_END] = arrow_type(spec.time_type)
        by = (_CELL, _SUBSTREAM)
        self._partials = PartialStatement(context, source, node, by, extra)
        self._cells = Cells(node, self._partials.key_types)
        self._slots: dict[int, list[int]] = {}
        self._output = WindowOutput(node)
        self.schema = self._output.schema
        delay = length_ticks(node.emit.delay, spec.time_type) if node.emit.delay else 0
        self._sessions = Sessions(spec, delay)
        self._ended: dict[int, _Bounds] = {}
        self._changed: set[int] = set()
        self._ticks = Ticks(context.start.instant_ms, node.emit.interval_ms)
        self._repeat = node.emit.repeat
        self._timeouts = Timeouts(node.emit.timeout_ms)
        self._whole = Whole()
        self._budget = Budget(context)
        self._past = context.start.rewinds
        self._new = False
        self._rows = 0
        self.late_rows = 0
        self._state = Parts(
            {
                "source": self._source,
                "predicates": self._predicates,
                "partials": self._partials,
                "cells": self._cells,
                "output": self._output,
                "sessions": self._sessions,
                "ended": Small(self._read_ended, self._load_ended),
                "changed": Small(self._read_changed, self._load_changed),
                "ticks": self._ticks,
                "timeouts": self._timeouts,
                "whole": self._whole,
                "own": Fields(self, "_past", "_new", "_rows", "late_rows"),
            }
        )

    # -- checkpoints ------------------------------------------------------------------------

    def changes(self, *, full: bool) -> StateDelta | None:
        """Groups, sessions and marks that changed (`Checkpointed`)."""
        return self._state.changes(full=full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe."""
        self._state.restore(deltas)
        slots = self._cells.table.slots()
        for number, slot in zip(self._cells.cell[slots].tolist(), slots.tolist(), strict=True):
            self._slots.setdefault(number, []).append(slot)

    def _read_ended(self) -> pa.RecordBatch | None:
        if not self._ended:
            return None
        bounds = self._ended.values()
        columns = {
            "number": list(self._ended),
            "start": [b.start for b in bounds],
            "end": [b.end for b in bounds],
            "append": [b.append for b in bounds],
        }
        return pa.record_batch({name: pa.array(v, pa.int64()) for name, v in columns.items()})

    def _load_ended(self, rows: pa.RecordBatch) -> None:
        columns = [each.to_pylist() for each in rows.columns]
        self._ended = {n: _Bounds(*bounds) for n, *bounds in zip(*columns, strict=True)}

    def _read_changed(self) -> pa.RecordBatch | None:
        if not self._changed:
            return None
        return pa.record_batch({"slot": pa.array(sorted(self._changed), pa.int64())})

    def _load_changed(self, rows: pa.RecordBatch) -> None:
        self._changed = set(rows.column("slot").to_pylist())

    # -- input ------------------------------------------------------------------------------

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Assign sessions, merge, send those that ended."""
        if self._policy.at == "tick":
            return self._take(batch)
        # The slices of a large append are one emission: its sessions are in order among them.
        whole = self._whole.take(batch)
        if whole is None:
            return []
        if self._policy.at == "close":
            return self._take(whole)
        # What is shown of an open session depends on its last row: one append at a time.
        made: list[Batch] = []
        for begin, end in zip(whole.borders[:-1].tolist(), whole.borders[1:].tolist(), strict=True):
            rows = whole.rows.slice(begin, end - begin)
            made += self._take(replace(whole, rows=rows, borders=np.array([0, end - begin])))
        return made

    def _take(self, batch: Batch) -> list[Batch]:
        if not batch.num_rows:
            return []
        times, valid = self._source.times(batch)
        given = self._source.substreams(batch)
        self._timeouts.rows(given, self._source.count, batch.instant_ms)
        substreams = np.zeros(batch.num_rows, np.int64) if given is None else given
        appends = append_numbers(batch.borders).to_numpy()
        starts, ends = self._predicates.run(batch)
        known = np.arange(batch.num_rows)
        if valid is not None:
            known = np.flatnonzero(valid)
            self.late_rows += batch.num_rows - len(known)
            starts = None if starts is None else starts[known]
            ends = None if ends is None else ends[known]
        found = self._sessions.run(
            SessionRows(times[known], substreams[known], appends[known], starts, ends),
            check_late=not self._past,
        )
        self.late_rows += found.late
        self._merge(batch, known, substreams, found)
        for session, end, append in found.ended:
            self._ended[session.number] = _Bounds(session.start, end, append)
        return self._after(batch.instant_ms)

    def _merge(self, batch: Batch, known: Int64s, substreams: Int64s, found: Assigned) -> None:
        if not found.rows:
            return
        at = known[np.array(found.rows)]
        cells = np.array(found.sessions)
        every = len(at) == batch.num_rows and bool((at == np.arange(len(at))).all())
        rows = batch.rows if every else batch.rows.take(pa.array(at))
        extra = [pa.array(cells), pa.array(substreams[at])]
        if self._bounds:
            extra += self._shown(cells, found)
        partials = self._partials.run(rows, batch.instant_ms, tuple(extra))
        base, self._rows = self._rows, self._rows + len(at)
        if not partials.count:
            return
        slots, fresh = self._cells.assign(
            partials, partials.by[_CELL], base, partials.by[_SUBSTREAM]
        )
        numbers = self._cells.cell[fresh].tolist()
        for number, slot in zip(numbers, fresh.tolist(), strict=True):
            self._slots.setdefault(number, []).append(slot)
        accumulators = self._cells.accumulators
        accumulators.merge(slots, accumulators.lanes(partials.partials))
        if self._policy.send == "changed":
            self._changed.update(slots.tolist())
        if not self._new:
            self._new = True
            self._ticks.wanted_from(batch.instant_ms)
        self._budget.check(self.held())

    def _shown(self, cells: Int64s, found: Assigned) -> list[pa.Array]:
        """window_start and window_end of rows as they are known now."""
        bounds = {s.number: (s.start, self._sessions.shown_end(s)) for s in self._open()}
        bounds.update({s.number: (s.start, end) for s, end, _ in found.ended})
        pairs = np.array([bounds[number] for number in cells.tolist()])
        kind = arrow_type(self._spec.time_type)
        return [fixed_array(Lane(pairs[:, at]), kind) for at in (0, 1)]

    def _open(self) -> list[Session]:
        return list(self._sessions.open.values())

    # -- output -----------------------------------------------------------------------------

    def _after(self, instant_ms: int) -> list[Batch]:
        """What a batch makes due."""
        if self._past or self._policy.at == "tick":
            return []
        if self._policy.at == "close":
            made = self._send(self._slots_of(self._ended), instant_ms)
        else:
            changed = np.array(sorted(self._changed), np.int64)
            made = self._send(changed, instant_ms)
        self._changed.clear()
        self._forget()
        return made

    def _slots_of(self, sessions: dict[int, _Bounds]) -> Int64s:
        slots = [slot for number in sessions for slot in self._slots.get(number, ())]
        return np.array(slots, np.int64)

    def _send(self, slots: Int64s, instant_ms: int) -> list[Batch]:
        if not len(slots):
            return []
        of = [self._bounds_of(number) for number in self._cells.cell[slots].tolist()]
        rows = WindowRows(
            self._cells.key[slots],
            np.array([b.start for b in of], np.int64),
            np.array([b.end for b in of], np.int64),
            self._cells.arrival[slots],
            self._cells.accumulators.capture(slots),
            np.array([b.append for b in of], np.int64),
        )
        if self._cells.sent is not None:
            changes = window_changes(rows, slots, self._cells, self._output.alive)
            return self._output.send_all([changes], instant_ms)
        return self._output.send(rows, self._cells.keys, self._cells.accumulators, instant_ms)

    def _bounds_of(self, number: int) -> _Bounds:
        """The bounds of a session that ended, or of an open one as it is shown now."""
        ended = self._ended.get(number)
        if ended is not None:
            return ended
        session = self._sessions.numbered[number]
        return _Bounds(session.start, self._sessions.shown_end(session), 0)

    def _forget(self) -> None:
        """Ended sessions were sent."""
        slots = self._slots_of(self._ended)
        self._changed.difference_update(slots.tolist())
        self._cells.free(slots)
        for number in self._ended:
            self._slots.pop(number, None)
        self._ended.clear()

    def tick(self, instant_ms: int) -> list[Batch]:
        """Timeouts, the end of idle processing-time sessions, then PERIODIC."""
        if self._past:
            return []
        made = self._time_out(instant_ms)
        wanted = self._new or self._repeat
        if self._policy.at != "tick" or not wanted or not self._ticks.passed(instant_ms):
            return made
        return made + self._show(instant_ms)

    def _show(self, instant_ms: int) -> list[Batch]:
        self._new = False
        for bounds in self._ended.values():
            bounds.append = 0
        if self._policy.send == "changed":
            slots = np.array(sorted(self._changed), np.int64)
        else:
            slots = self._cells.table.slots()
        made = self._send(slots, instant_ms)
        self._changed.clear()
        self._forget()
        return made

    def _time_out(self, instant_ms: int) -> list[Batch]:
        due = self._timeouts.due_ms()
        if due is not None and instant_ms >= due:
            waiting = np.array(sorted(self._sessions.open), np.int64)
            over = self._timeouts.expired(waiting, instant_ms)
            return self._end_sessions(over.tolist(), instant_ms)
        if self._spec.processing_time:
            now = self._source.now(instant_ms)
            over = [s.substream for s in self._open() if self._sessions.idle_end(s) <= now]
            return self._end_sessions(over, instant_ms, idle=True)
        return []

    def _end_sessions(
        self, substreams: list[int], instant_ms: int, *, idle: bool = False
    ) -> list[Batch]:
        for session, end, append in self._sessions.close(substreams, idle=idle):
            self._ended[session.number] = _Bounds(session.start, end, append)
        if not substreams or self._policy.at == "tick":
            return []
        if self._policy.at == "append":
            self._forget()
            return []
        return self._after(instant_ms)

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """Send the sessions that ended in the past."""
        self._past = False
        self._timeouts.restart(instant_ms)
        if self._new:
            self._ticks.wanted_from(instant_ms)
        for bounds in self._ended.values():
            bounds.append = 0
        return self._after(instant_ms)

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """Event time is over: every open session ends as it is shown."""
        if self._policy.at == "tick":
            return self._show(instant_ms) if self._new else []
        return self._end_sessions(sorted(self._sessions.open), instant_ms)

    # -- timers and upkeep ------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """The earliest of: tick, timeout, end of a processing-time session."""
        if self._past:
            return None
        due: list[int] = []
        if self._policy.at == "tick" and (self._new or self._repeat):
            due.append(self._ticks.next_ms)
        timeout = self._timeouts.due_ms()
        if timeout is not None:
            due.append(timeout)
        if self._spec.processing_time and self._sessions.open:
            first = min(self._sessions.idle_end(s) for s in self._open())
            due.append(milliseconds(first, self._spec.time_type))
        return min(due) if due else None

    def open_windows(self) -> OpenWindows:
        """What is not sent yet."""
        kind = self._spec.time_type
        mark, closes = self._sessions.first_close()
        return OpenWindows(
            self.name,
            self._policy.at,
            None if mark is None else milliseconds(mark, kind),
            self._cells.table.live,
            None if closes is None else milliseconds(closes, kind),
            self.due_ms(),
            self.late_rows,
            self._timeouts.interval,
            self._spec.processing_time,
        )

    def held(self) -> StateSize:
        """Groups of open sessions and what substreams need."""
        size = self._cells.size()
        more = self._source.nbytes + self._sessions.nbytes
        return StateSize(size.rows, size.bytes + more)

    def close(self) -> None:
        """Free the plans."""
        self._partials.close()
        self._source.close()
        self._predicates.close()
