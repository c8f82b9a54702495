"""Aggregate that sends a group once, when the session of its key is over, and forgets it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, column, fixed_lane
from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.emit import Versions
from engine.operators.cells import Cells
from engine.operators.gather import Whole
from engine.operators.groups import Layout
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context
from engine.operators.partials import PartialStatement
from engine.operators.statement import Statement, append_numbers, borders_of, tokens_in, with_tokens
from engine.sql.logical import Aggregate as Node
from engine.sql.plan_parts import KeySession as Rule
from engine.state import StateSize
from engine.stateparts import Fields, Parts
from engine.types import arrow_type, duckdb_type
from engine.windows.grid import length_ticks
from engine.windows.key_sessions import KeyRows, KeySession, KeySessions, Placed, Rules

_CELL = "__cell"


class KeySessionAggregate:
    """One session at a time per key; its group is found by the session's number."""

    done = False

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        rule = node.emit.session
        assert rule is not None
        self.name = "KeySessionAggregate"
        self._bounds = _Bounds(context, source, rule)
        keys = tuple(key.sql for key in node.keys)
        self._keys = RowKeys(context, source, keys, (self._saved, self._load))
        self._partials = PartialStatement(context, source, node, (_CELL,), {_CELL: pa.int64()})
        self._cells = Cells(node, self._partials.key_types)
        self._slots: dict[int, int] = {}  # of sessions, by number
        span = length_ticks(rule.max_span, rule.time_type)
        self._sessions = KeySessions(Rules(span, rule.only, rule.merge, rule.include_end))
        self._only = rule.only
        self._timeout_ms = node.emit.timeout_ms
        self._layout = Layout(node)
        self.schema = self._layout.schema
        self._versions = Versions()
        self._whole = Whole()
        self._budget = Budget(context)
        self._rows = 0
        self._following = 0
        self._state = Parts(
            {
                "bounds": self._bounds.statement,
                "keys": self._keys,
                "partials": self._partials,
                "cells": self._cells,
                "versions": self._versions,
                "whole": self._whole,
                "own": Fields(self, "_rows", "_following"),
            }
        )

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Put rows into sessions, send those that closed."""
        whole = self._whole.take(batch)
        if whole is None or not whole.num_rows:
            return []
        batch = whole
        keys, _ = self._keys.assign(batch)
        times, starts, ends = self._bounds.run(batch)
        placed = self._sessions.run(KeyRows(keys, times, starts, ends), batch.instant_ms)
        self._following = self._sessions.following
        self._merge(batch, placed)
        self._keep(np.unique(keys))
        appends = append_numbers(batch.borders).to_numpy()
        sent = [(number, int(appends[row])) for number, row, send in placed.closed if send]
        made = self._send(sent, batch.instant_ms)
        self._forget([number for number, _, _ in placed.closed])
        return made

    def _merge(self, batch: Batch, placed: Placed) -> None:
        if not placed.rows:
            return
        cells = np.array(placed.sessions, np.int64)
        rows = batch.rows.take(pa.array(placed.rows, pa.int64()))
        partials = self._partials.run(rows, batch.instant_ms, (pa.array(cells),))
        base, self._rows = self._rows, self._rows + rows.num_rows
        if not partials.count:
            return
        numbers = partials.by[_CELL]
        slots, _ = self._cells.assign(partials, numbers, base, np.zeros(len(numbers), np.int64))
        self._slots.update(zip(numbers.tolist(), slots.tolist(), strict=True))
        accumulators = self._cells.accumulators
        accumulators.merge(slots, accumulators.lanes(partials.partials))
        self._budget.check(self.held())

    def _keep(self, keys: Int64s) -> None:
        """Keys with an open session stay known."""
        is_open = np.fromiter((key in self._sessions.open for key in keys.tolist()), np.bool_)
        self._keys.table.touch(keys[is_open])
        self._keys.table.free(keys[~is_open])

    def _send(self, sessions: list[tuple[int, int]], instant_ms: int) -> list[Batch]:
        """Groups of sessions in the order in which they closed; an emission per append."""
        known = [(self._slots[number], at) for number, at in sessions if number in self._slots]
        if not known:
            return []
        slots = np.array([slot for slot, _ in known], np.int64)
        sent, append = np.unique([at for _, at in known], return_inverse=True)
        accumulators = self._cells.accumulators
        arrays = self._cells.keys.arrays(self._cells.key[slots])
        arrays += accumulators.arrays(accumulators.capture(slots))
        rows = self._layout.rows(arrays, self._versions.take(len(sent)) + append)
        return [Batch(rows, instant_ms, borders_of(append.astype(np.int64), len(sent)))]

    def _forget(self, numbers: Sequence[int]) -> None:
        slots = [self._slots.pop(number) for number in numbers if number in self._slots]
        self._cells.free(np.array(slots, np.int64))

    # -- timers ---------------------------------------------------------------------------------

    def tick(self, instant_ms: int) -> list[Batch]:
        """Close what was open for too long."""
        due = self.due_ms()
        if due is None or instant_ms < due:
            return []
        return self._close(instant_ms - self._timeout_ms, instant_ms)

    def _close(self, opened_until_ms: int | None, instant_ms: int) -> list[Batch]:
        closed = self._sessions.close(opened_until_ms)
        numbers = [number for _, number in closed]
        made = [] if self._only else self._send([(number, 0) for number in numbers], instant_ms)
        self._forget(numbers)
        self._keys.table.free(np.array([key for key, _ in closed], np.int64))
        return made

    def due_ms(self) -> int | None:
        """When the oldest session was open for the timeout."""
        first = self._sessions.opened_first_ms() if self._timeout_ms else None
        return None if first is None else first + self._timeout_ms

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """Nothing was held: a session that closed does not change any more."""
        return []

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """No further row comes: the open sessions are over."""
        return self._close(None, instant_ms)

    # -- state ----------------------------------------------------------------------------------

    def changes(self, *, full: bool) -> StateDelta | None:
        """Keys, groups and sessions that changed (`Checkpointed`)."""
        return self._state.changes(full=full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the state that these describe."""
        self._state.restore(deltas)
        self._sessions.following = self._following
        slots = self._cells.table.slots()
        self._slots = dict(zip(self._cells.cell[slots].tolist(), slots.tolist(), strict=True))

    def _saved(self, keys: Int64s) -> dict[str, pa.Array]:
        found = [self._sessions.open[key] for key in keys.tolist()]
        columns = {
            "number": [each.number for each in found],
            "first": [each.first for each in found],
            "last": [each.last for each in found],
            "opened": [each.opened_ms for each in found],
        }
        return {name: pa.array(values, pa.int64()) for name, values in columns.items()}

    def _load(self, keys: Int64s, rows: pa.RecordBatch) -> None:
        columns = [rows.column(name).to_pylist() for name in ("number", "first", "last", "opened")]
        sessions = (KeySession(*values) for values in zip(*columns, strict=True))
        self._sessions.load(zip(keys.tolist(), sessions, strict=True))

    def held(self) -> StateSize:
        """Groups of open sessions."""
        size = self._cells.size()
        more = self._keys.table.nbytes + self._sessions.nbytes
        return StateSize(size.rows, size.bytes + more)

    def close(self) -> None:
        """Free the plans."""
        self._partials.close()
        self._keys.close()
        self._bounds.statement.close()


class _Bounds:
    """Times of rows, and the conditions at which sessions start and end."""

    def __init__(self, context: Context, source: pa.Schema, rule: Rule) -> None:
        self._start, self._end = bool(rule.start), bool(rule.end)
        self._kind = arrow_type(rule.time_type)
        conditions = [sql for sql in (rule.start, rule.end) if sql]
        terms = [f"CAST({with_tokens(rule.time)} AS {duckdb_type(rule.time_type)})"]
        terms += [f"coalesce(({with_tokens(sql)}), false)" for sql in conditions]
        self.statement = Statement(
            context.session,
            source,
            lambda table: f"SELECT {', '.join(terms)} FROM {table}",
            tokens=tokens_in(rule.time, *conditions),
            seed=context.start.seed,
        )

    def run(self, batch: Batch) -> tuple[Int64s, Bools | None, Bools | None]:
        """Of every row its time in ticks, and the conditions (None = there is none)."""
        found = self.statement.run(batch.rows, batch.instant_ms)
        times = column(found, 0)
        if not times.type.equals(self._kind):
            times = times.cast(self._kind)
        flags = [fixed_lane(column(found, at)).values for at in range(1, found.num_columns)]
        start = flags.pop(0) if self._start else None
        return fixed_lane(times).values, start, flags.pop(0) if self._end else None
