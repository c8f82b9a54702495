"""The past of one scan on its way into a query: sorted by event time, played at a pace."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batch import TP_APPEND_TIME, TP_TIME, Int64s, StreamSlice
from engine.errors import Code, QueryFailed
from engine.log.records import merge_slices
from engine.sql.plan_parts import Past

# Bytes of the past that force_backfill_in_order may hold to sort them; beyond, the query fails.
SORT_BYTES_MAX: Final = 256 << 20
# Rows that are given at once: other queries wait for a step.
STEP_ROWS_MAX: Final = 10_000


class Backfill:
    """Takes the past of a scan as it is read and gives it as the query is to see it.

    In order: all of it is held, then sorted by `_tp_time`; rows of one append that stay together
    and have one time are an append. At a pace: a row is due when as much time has passed since the
    start, times the speed, as lies between the first row and it; rows that are due at one time are
    an append. Not safe for threads; holds at most `SORT_BYTES_MAX`, or one slice.
    """

    def __init__(self, past: Past, columns: tuple[str, ...], instant_ms: int) -> None:
        """`columns`: what the scan needs. `instant_ms`: when the query was accepted."""
        self._past = past
        self._columns = {*columns, past.time_column, TP_TIME}
        self._instant_ms = instant_ms
        self._parts: list[StreamSlice] = []  # to be sorted
        self._bytes = 0
        self._rest: StreamSlice | None = None  # what follows is given from here
        self._due = np.zeros(0, np.int64)  # per append of it: when it is due, ms since the epoch
        self._at = 0  # the append of it that is given next
        self._row = 0  # and the row
        self._first_ms = past.from_ms  # the time at which the play begins
        self._last_due = instant_ms
        self._read = False

    @property
    def wants(self) -> bool:
        """Whether it is to be given more (or told the end) before it can give anything."""
        return self._rest is None and not self._read

    @property
    def done(self) -> bool:
        """Whether everything was given."""
        return self._rest is None and self._read

    @property
    def due_ms(self) -> int | None:
        """When the next rows are due; None = at once."""
        return int(self._due[self._at]) if len(self._due) else None

    def add(self, part: StreamSlice) -> None:
        """The next slice of the past. Raises QueryFailed 241 when there is too much to sort."""
        part = self._needed(part)
        if not self._past.in_order:
            self._give(part)
            return
        self._parts.append(part)
        self._bytes += part.rows.nbytes
        if self._bytes > SORT_BYTES_MAX:
            message = (
                f"force_backfill_in_order sorts at most {SORT_BYTES_MAX >> 20} MiB of the past: "
                "begin later (seek_to, _tp_time > ...) or leave the setting out."
            )
            raise QueryFailed(message, Code.MEMORY_LIMIT)

    def finish(self) -> None:
        """There is no more of the past."""
        self._read = True
        parts, self._parts = self._parts, []
        if parts:
            self._give(_sorted(merge_slices(parts)))

    def next(self, instant_ms: int) -> StreamSlice | None:
        """What is due at an instant and was not taken, about `STEP_ROWS_MAX` rows of it; None
        while there is nothing."""
        rest, begin = self._rest, self._at
        if rest is None:
            return None
        end = int(np.searchsorted(rest.borders, self._row + STEP_ROWS_MAX, "right")) - 1
        end = max(end, begin + 1)
        if len(self._due):
            end = min(end, int(np.searchsorted(self._due, instant_ms, "right")))
        if end <= begin:
            return None
        borders = np.maximum(rest.borders[begin : end + 1] - self._row, 0)
        return StreamSlice(
            rest.stream_id,
            rest.rows.slice(self._row, int(borders[-1])),
            borders,
            rest.sn[begin:end],
            rest.append_time_ms[begin:end],
        )

    def taken(self, rows: int) -> None:
        """So many rows of what `next` gave went into the query."""
        rest = self._rest
        if rest is None:
            return
        self._row += rows
        self._at = int(np.searchsorted(rest.borders, self._row, "right")) - 1
        if self._row >= rest.rows.num_rows:
            self._hold(None, np.zeros(0, np.int64))

    def _hold(self, part: StreamSlice | None, due: Int64s) -> None:
        self._rest, self._due, self._at, self._row = part, due, 0, 0

    def _needed(self, part: StreamSlice) -> StreamSlice:
        names = [n for n in part.rows.schema.names if n in self._columns]
        rows = part.rows.select(names)
        return StreamSlice(part.stream_id, rows, part.borders, part.sn, part.append_time_ms)

    def _give(self, part: StreamSlice) -> None:
        if not self._past.speed:
            self._hold(part, np.zeros(0, np.int64))
            return
        times = _times(part, self._past.time_column)
        kept = np.ones(len(times), bool)
        if self._past.from_ms is not None:
            kept &= times >= self._past.from_ms
        if self._past.until_ms is not None:
            kept &= times <= self._past.until_ms
        if not kept.any():
            return
        if self._first_ms is None:
            self._first_ms = int(times[kept][0])
        part, times = _cut_by(part, kept, times)
        passed = (times - self._first_ms) / self._past.speed
        due = np.maximum.accumulate(self._instant_ms + np.ceil(passed).astype(np.int64))
        due = np.maximum(due, self._last_due)
        self._last_due = int(due[-1])
        part = _bordered(part, due)
        self._hold(part, due[part.borders[:-1]])


def _numbers(part: StreamSlice) -> Int64s:
    """The index of its append for every row."""
    return np.repeat(np.arange(part.appends), np.diff(part.borders))


def _times(part: StreamSlice, column: str) -> Int64s:
    """The time of every row, ms since the epoch; for a missing one when its slice came."""
    appended = part.append_time_ms[_numbers(part)]
    at = part.rows.schema.get_field_index(column)
    if column == TP_APPEND_TIME or at < 0:
        return appended
    found = part.rows.column(at)
    if pa.types.is_timestamp(found.type):
        found = pc.cast(found, pa.timestamp("ms"), safe=False)
    numbers = found.cast(pa.int64())
    if numbers.null_count:
        numbers = pc.fill_null(numbers, pa.scalar(int(appended[0]), pa.int64()))
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.int64)


def _cut_by(part: StreamSlice, kept: np.ndarray, times: Int64s) -> tuple[StreamSlice, Int64s]:
    """The rows that are kept, and their times."""
    if kept.all():
        return part, times
    return _rebuilt(part, part.rows.filter(pa.array(kept)), _numbers(part)[kept]), times[kept]


def _sorted(part: StreamSlice) -> StreamSlice:
    """By event time; rows of equal time stay in the order of their arrival."""
    times = _times(part, TP_TIME)
    order = np.argsort(times, kind="stable")
    made = _rebuilt(part, part.rows.take(pa.array(order)), _numbers(part)[order])
    return _bordered(made, times[order])


def _rebuilt(part: StreamSlice, rows: pa.RecordBatch, numbers: Int64s) -> StreamSlice:
    """Rows of a slice in another order: neighbours of one append are one append again."""
    begins = _changes(numbers)
    return StreamSlice(
        part.stream_id,
        rows,
        np.append(begins, rows.num_rows),
        part.sn[numbers[begins]],
        part.append_time_ms[numbers[begins]],
    )


def _bordered(part: StreamSlice, values: Int64s) -> StreamSlice:
    """Every change of a row's value within an append begins another append."""
    numbers = _numbers(part)
    begins = np.union1d(_changes(numbers), _changes(values))
    return StreamSlice(
        part.stream_id,
        part.rows,
        np.append(begins, part.rows.num_rows),
        part.sn[numbers[begins]],
        part.append_time_ms[numbers[begins]],
    )


def _changes(values: Int64s) -> Int64s:
    """The rows at which a value differs from the one before; the first row is one."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
