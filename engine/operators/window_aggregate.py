"""Aggregate over tumbling or hopping windows, sent under an emit policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from engine.activity import OpenWindows
from engine.arrays import Bools, Int64s, Lane, counted, fixed_array
from engine.batch import ROW_APPEND, Batch
from engine.emit import Ticks, policy_of
from engine.operators.cell_pages import CellPages
from engine.operators.cells import Cells, Finished, merged, single
from engine.operators.gather import Whole
from engine.operators.groups import Changed, merge_per_append
from engine.operators.operator import Budget, Context
from engine.operators.partials import PartialRows, PartialStatement
from engine.operators.statement import append_numbers
from engine.operators.timeout import Timeouts
from engine.operators.window_changes import window_changes
from engine.operators.window_output import ReadyRows, WindowOutput, WindowRows
from engine.operators.window_source import WindowSource, substream_keys, without
from engine.ordering import distinct
from engine.spill import Mode, Spill
from engine.sql.logical import Aggregate as Node
from engine.sql.plan_parts import WindowSpec
from engine.state import StateSize
from engine.stateparts import Arrays, Fields, Parts, Saved
from engine.types import arrow_type
from engine.watermark import BEGINNING, NO_MOVES, Moves, Watermarks
from engine.windows import hop, tumble
from engine.windows.grid import length_ticks, milliseconds

_CELL = "__cell"
_SUBSTREAM = "__sub"
_PANES = {"tumble": tumble.panes, "hop": hop.panes}
# Merges that give the same result whatever the order of arrival across panes.
_ORDERLESS = frozenset(("add", "min", "max"))
WINDOW_START = "window_start"
WINDOW_END = "window_end"


def mentions_window(node: Node) -> bool:
    """Whether an expression below the aggregate reads the window's bounds."""
    parts = (node.where, *(k.sql for k in node.keys), *(p.sql for p in node.partials))
    return any(f'"{WINDOW_START}"' in sql or f'"{WINDOW_END}"' in sql for sql in parts)


class WindowAggregate(Saved):
    """State is kept per pane and merged into windows when they are sent, if the aggregates allow
    it and no one asks for single changes; else per window, each row going to all of its windows.
    """

    done = False

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        spec = node.window
        assert spec is not None and spec.kind != "session"
        self.name = f"{spec.kind.capitalize()}Aggregate"
        self._spec = spec
        self._policy = policy_of(node.emit, windowed=True)
        self._per_append = self._policy.at == "append"
        self._bounds = mentions_window(node)
        panes = _PANES[spec.kind](spec)
        orderless = all(p.merge in _ORDERLESS for p in node.partials)
        self._exploded = panes.width > 1 and (
            not orderless or not node.mergeable or self._bounds or self._policy.send == "changed"
        )
        self._panes = panes
        self._merges = panes.width > 1 and not self._exploded
        self._source = WindowSource(context, source, spec, substream_keys(node))
        self._partials = self._prepare(context, source, node)
        self._cells = Cells(node, self._partials.key_types)
        self._output = WindowOutput(node)
        self.schema = self._output.schema
        delay = length_ticks(node.emit.delay, spec.time_type) if node.emit.delay else 0
        self._delay = delay
        self._marks = Watermarks(panes.floor, delay)
        self._sent = np.full(1, BEGINNING, np.int64)  # windows up to this one are gone
        self._ticks = Ticks(context.start.instant_ms, node.emit.interval_ms)
        self._repeat = node.emit.repeat
        self._timeouts = Timeouts(node.emit.timeout_ms)
        self._changed = Changed()
        self._whole = Whole()
        accumulators = self._cells.accumulators
        spills = accumulators.spills and not spec.processing_time
        mode: Mode = "fold" if accumulators.folds and not self._per_append else "whole"
        pages = CellPages(self._cells, self._changed)
        self._spill = Spill(context.spill if spills else None, pages, mode)
        self._budget = Budget(context)
        self._past = context.start.rewinds
        self._new = False
        self._rows = 0
        self.late_rows = 0
        self._state = Parts(
            {
                "source": self._source,
                "partials": self._partials,
                "cells": self._cells,
                "output": self._output,
                "marks": self._marks,
                "sent": Arrays(lambda: (self._sent,), self._load_sent, BEGINNING),
                "ticks": self._ticks,
                "timeouts": self._timeouts,
                "changed": self._changed,
                "whole": self._whole,
                "spill": self._spill,
                "own": Fields(self, "_past", "_new", "_rows", "late_rows"),
            }
        )

    def _load_sent(self, arrays: list[Int64s]) -> None:
        self._sent = arrays[0]

    def _prepare(self, context: Context, source: pa.Schema, node: Node) -> PartialStatement:
        by: tuple[str, ...] = (_CELL,)
        extra: dict[str, pa.DataType] = {_CELL: pa.int64()}
        if self._source.partitioned:
            by, extra[_SUBSTREAM] = (*by, _SUBSTREAM), pa.int64()
        if self._per_append:
            by, extra[ROW_APPEND] = (*by, ROW_APPEND), pa.int32()
        if self._bounds:
            # The Window node below was taken into this operator, its two columns are made here.
            kind = arrow_type(self._spec.time_type)
            extra[WINDOW_START] = extra[WINDOW_END] = kind
        return PartialStatement(context, source, node, by, extra)

    # -- input ------------------------------------------------------------------------------

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Drop late rows, merge the rest, close what the watermark passed."""
        whole = self._whole.take(batch) if self._per_append else batch
        if whole is None:
            return []
        times, valid = self._source.times(whole)
        substreams = self._source.substreams(whole)
        self._grow()
        late, moves = self._observe(whole, times, substreams, valid)
        if whole.num_rows:
            self._timeouts.rows(substreams, self._source.count, whole.instant_ms)
        base = self._rows
        rows = self._partial_rows(whole, times, substreams, late)
        made: list[Batch] = []
        if rows is not None and rows.count:
            slots = self._assign(rows, base, whole.instant_ms)
            made = self._merge(whole, rows, slots)
        return made + self._close(moves, whole.instant_ms)

    def _grow(self) -> None:
        count = self._source.count
        self._marks.grow(count)
        if len(self._sent) < count:
            more = np.full(max(count, 2 * len(self._sent)), BEGINNING, np.int64)
            more[: len(self._sent)] = self._sent
            self._sent = more

    def _observe(
        self, batch: Batch, times: Int64s, substreams: Int64s | None, valid: Bools | None
    ) -> tuple[Bools, Moves]:
        """Which rows are late or without a time, and how the watermarks moved."""
        borders = batch.borders
        seen, known = times, substreams
        if valid is not None:
            borders, seen = counted(valid)[batch.borders], times[valid]
            known = None if substreams is None else substreams[valid]
        if self._past:
            self._marks.track(seen, known)
            if batch.newest is not None and known is None:
                self._marks.track(batch.newest, None)
            late, moves = np.zeros(len(seen), np.bool_), NO_MOVES
        elif known is None:
            late, moves = self._marks.observe(
                seen, borders, continues=batch.continues, newest=batch.newest
            )
        else:
            late, moves = self._marks.observe_substreams(
                seen, known, borders, continues=batch.continues
            )
        if valid is not None:
            whole = np.ones(len(times), np.bool_)
            whole[valid] = late
            late = whole
        return late, moves

    def _partial_rows(
        self, batch: Batch, times: Int64s, substreams: Int64s | None, late: Bools
    ) -> PartialRows | None:
        rows, borders = batch.rows, batch.borders
        if late.any():
            kept = ~late
            self.late_rows += int(late.sum())
            rows, borders = without(batch, kept)
            times = times[kept]
            substreams = None if substreams is None else substreams[kept]
        if not rows.num_rows:
            return None
        cells = self._panes.pane(times)
        appends = append_numbers(borders) if self._per_append else None
        if self._exploded:
            first = self._panes.first_window(cells)
            count = self._panes.last_window(cells) - first + 1
            copies = np.repeat(np.arange(len(cells)), count)
            step = np.arange(len(copies)) - np.repeat(np.cumsum(count) - count, count)
            cells = first[copies] + step
            rows = rows.take(pa.array(copies))
            substreams = None if substreams is None else substreams[copies]
            appends = None if appends is None else appends.take(pa.array(copies))
        self._rows += rows.num_rows
        extra = [pa.array(cells)]
        if substreams is not None:
            extra.append(pa.array(substreams))
        if appends is not None:
            extra.append(appends)
        if self._bounds:
            kind = arrow_type(self._spec.time_type)
            extra.append(fixed_array(Lane(self._panes.starts(cells)), kind))
            extra.append(fixed_array(Lane(self._panes.ends(cells)), kind))
        return self._partials.run(rows, batch.instant_ms, tuple(extra))

    def _assign(self, rows: PartialRows, base: int, instant_ms: int) -> Int64s:
        cells = rows.by[_CELL]
        substreams = rows.by.get(_SUBSTREAM)
        if substreams is None:
            substreams = np.zeros(rows.count, np.int64)
        self._spill.touch(rows.hashes)
        slots, _ = self._cells.assign(rows, cells, base, substreams)
        if not self._new:
            self._new = True
            self._ticks.wanted_from(instant_ms)
        self._budget.check(self.held())
        return slots

    def _merge(self, batch: Batch, rows: PartialRows, slots: Int64s) -> list[Batch]:
        accumulators = self._cells.accumulators
        lanes = accumulators.lanes(rows.partials)
        if self._policy.send == "changed" and (self._past or not self._per_append):
            self._changed.add(slots, self._cells.table.live)
        if not self._per_append:
            accumulators.merge(slots, lanes)
            return []
        appends = rows.by[ROW_APPEND]
        captured = merge_per_append(accumulators, slots, appends, lanes)
        if self._past:
            return []
        found = single(self._cells, slots)
        sent = self._rows_of(found, appends, captured)
        return self._output.send_all([self._rendered(found, sent)], batch.instant_ms)

    # -- output -----------------------------------------------------------------------------

    def _rows_of(self, found: Finished, appends: Int64s, lanes: list[Lane]) -> WindowRows:
        windows = self._panes
        return WindowRows(
            found.key,
            windows.starts(found.window),
            windows.ends(found.window),
            found.arrival,
            lanes,
            appends,
        )

    def _rendered(self, found: Finished, rows: WindowRows) -> ReadyRows:
        """These groups as rows, in order; as changes for EMIT CHANGELOG."""
        if self._cells.sent is not None:
            return window_changes(rows, found.slots, self._cells, self._output.alive)
        return self._output.ready(rows, self._cells.keys, found.accumulators)

    def _windows(self, slots: Int64s, low: Int64s, high: Int64s) -> list[Finished]:
        """Windows low < w <= high (bounds per slot) of these slots."""
        if self._merges:
            return merged(self._cells, slots, self._panes, low, high)
        window = self._cells.cell[slots]
        found = slots[(window > low) & (window <= high)]
        return [single(self._cells, found)] if len(found) else []

    def _ready(self, found: list[Finished], moves: Moves) -> list[ReadyRows]:
        made: list[ReadyRows] = []
        for part in found:
            ends = self._panes.ends(part.window)
            appends = np.zeros(len(ends), np.int64)
            if len(moves.append) and moves.append.max() > 0:
                appends = moves.append_that_closed(part.substream, ends)
            lanes = part.accumulators.capture(part.slots)
            rows = self._rows_of(part, appends, lanes)
            made.append(self._rendered(part, rows))
        return made

    def _send(self, pieces: list[list[ReadyRows]], instant_ms: int) -> list[Batch]:
        """What was found in each piece of the state; that of one piece comes by windows."""
        if len(pieces) == 1:
            return [
                each for part in pieces[0] for each in self._output.send_all([part], instant_ms)
            ]
        return self._output.send_all([part for piece in pieces for part in piece], instant_ms)

    def _closing(self, mark: int) -> Callable[[int], bool]:
        """Whether a window up to this one may have a cell that is not below the given."""
        if not self._merges:
            return lambda low: low <= mark
        return lambda low: int(self._panes.first_window(np.array([low]))[0]) <= mark

    def _close(self, moves: Moves, instant_ms: int) -> list[Batch]:
        """Send windows that closed, or leave them to the next tick; forget what is gone."""
        if not len(moves.append):
            return []
        if self._policy.at == "tick":
            return []  # closed windows stay until the tick has shown them
        return self._pass(moves, instant_ms, sending=self._policy.at == "close")

    def _pass(self, moves: Moves, instant_ms: int, *, sending: bool) -> list[Batch]:
        """Windows up to the watermarks are gone, and cells that only they had."""
        marks = self._panes.closed_by(self._marks.marks)
        gone = np.maximum(self._sent, marks[: len(self._sent)])
        pieces: list[list[ReadyRows]] = []
        for slots in self._spill.visit(changing=False, wanted=self._closing(int(gone.max()))):
            of = self._cells.substream[slots]
            if sending:
                found = self._windows(slots, self._sent[of], marks[of])
                pieces.append(self._ready(found, moves))
            cells = self._cells.cell[slots]
            last = self._panes.last_window(cells) if self._merges else cells
            self._cells.free(slots[last <= gone[of]])
        self._sent = gone
        return self._send(pieces, instant_ms) if pieces else []

    def _send_open(self, instant_ms: int) -> list[Batch]:
        """One emission of the windows that changed, or of all that are not gone."""
        pieces: list[list[ReadyRows]] = []
        changed = self._policy.send == "changed"
        for slots in self._spill.visit(changing=changed):
            if changed:
                found = [single(self._cells, self._changed.take())]
            else:
                high = np.full(len(slots), np.iinfo(np.int64).max)
                found = self._windows(slots, self._sent[self._cells.substream[slots]], high)
            pieces.append(self._ready(found, NO_MOVES))
        return self._send(pieces, instant_ms)

    def _last_windows(self) -> tuple[Int64s, Int64s]:
        """The last window of each cell, and its substream."""
        last: list[Int64s] = []
        of: list[Int64s] = []
        for slots in self._spill.visit(changing=False):
            cells = self._cells.cell[slots]
            last.append(self._panes.last_window(cells) if self._merges else cells)
            of.append(self._cells.substream[slots])
        return np.concatenate(last), np.concatenate(of)

    def tick(self, instant_ms: int) -> list[Batch]:
        """Timeouts, the end of processing-time windows, then PERIODIC."""
        if self._past:
            return []
        made: list[Batch] = []
        if self._spec.processing_time:
            self._marks.track(np.array([self._source.now(instant_ms)]), None)
            if self._source.partitioned:
                every = np.arange(self._source.count)
                self._marks.track(np.full(len(every), self._source.now(instant_ms)), every)
            made += self._close(self._marks.apply(), instant_ms)
        made += self._time_out(instant_ms)
        wanted = self._new or self._repeat
        if self._policy.at != "tick" or not wanted or not self._ticks.passed(instant_ms):
            return made
        self._new = False
        made += self._send_open(instant_ms)
        self._pass(NO_MOVES, instant_ms, sending=False)
        return made

    def _time_out(self, instant_ms: int) -> list[Batch]:
        due = self._timeouts.due_ms()
        if due is None or instant_ms < due:
            return []
        last, of = self._last_windows()
        over = self._timeouts.expired(distinct(of), instant_ms)
        return self._close(self._finish(last, of, over), instant_ms)

    def _finish(self, last: Int64s, of: Int64s, substreams: Int64s) -> Moves:
        """Move the marks of these substreams to the end of their last open window."""
        if not len(substreams):
            return NO_MOVES
        highest = np.full(len(self._sent), BEGINNING, np.int64)
        np.maximum.at(highest, of, last)
        ends = self._panes.ends(highest[substreams])
        return self._marks.advance(substreams, ends)

    def backfilled(self, port: int, instant_ms: int) -> list[Batch]:
        """The watermark is applied to the past at once."""
        self._past = False
        self._timeouts.restart(instant_ms)
        if self._new:
            self._ticks.wanted_from(instant_ms)
        made: list[Batch] = []
        if self._per_append:
            made += self._send_open(instant_ms)
        return made + self._close(self._marks.apply(), instant_ms)

    def end(self, port: int, instant_ms: int) -> list[Batch]:
        """Event time is over: every open window closes."""
        if not self._cells.table.live and not self._spill.away:
            return []
        if self._policy.at == "close":
            last, of = self._last_windows()
            return self._close(self._finish(last, of, distinct(of)), instant_ms)
        if self._policy.at == "append" or not self._new:
            return []
        self._new = False
        return self._send_open(instant_ms)

    # -- timers and upkeep ------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """The earliest of: tick, timeout, end of the first processing-time window."""
        if self._past:
            return None
        due: list[int] = []
        if self._policy.at == "tick" and (self._new or self._repeat):
            due.append(self._ticks.next_ms)
        timeout = self._timeouts.due_ms()
        if timeout is not None:
            due.append(timeout)
        if self._spec.processing_time and self._cells.table.live:
            due.append(self._next_end_ms(self._spec))
        return min(due) if due else None

    def _next_end_ms(self, spec: WindowSpec) -> int:
        """When the first open window of processing time ends."""
        slots = self._cells.table.slots()
        cells = self._cells.cell[slots]
        gone = self._sent[self._cells.substream[slots]]
        first = self._panes.first_window(cells) if self._merges else cells
        window = np.maximum(first, gone + 1).min(keepdims=True)
        # The mark moves by slides, so a window that ends between two of them waits for the next.
        end = self._panes.ends(window)
        mark = self._panes.floor(end)
        if mark[0] < end[0]:
            after = self._panes.pane(end) // self._panes.stride + 1
            mark = self._panes.starts(after)
        return milliseconds(int(mark[0]) + self._delay, spec.time_type)

    def open_windows(self) -> OpenWindows:
        """What is not sent yet; of groups in memory alone."""
        marks, kind = self._marks.marks, self._spec.time_type
        begun = marks[marks > BEGINNING]
        live = self._cells.table.live
        return OpenWindows(
            self.name,
            self._policy.at,
            milliseconds(int(begun.max()), kind) if len(begun) else None,
            live,
            self._next_end_ms(self._spec) if live else None,
            self.due_ms(),
            self.late_rows,
            self._timeouts.interval,
            self._spec.processing_time,
        )

    def held(self) -> StateSize:
        """Groups of open windows and what substreams need."""
        size = self._cells.size() + self._spill.size
        return size + StateSize(0, self._source.nbytes + self._marks.nbytes)

    def close(self) -> None:
        """Free the plans."""
        self._partials.close()
        self._source.close()
