"""Rows at which a kept query fails: found by halves or in ever smaller parts, then left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from engine.batch import StreamSlice
from engine.duck import Error
from engine.errors import Code
from engine.failures import failure_of
from engine.log.records import Append, head_of
from engine.sharing import Chunk
from engine.steps import StepRecord

# How long one step searches for its bad rows; what follows them comes in the next step.
SEARCH_SECONDS: Final = 0.5
# The same in runs of its filters and projections, where a step cannot be made shorter; beyond it
# parts that still fail are left out whole.
RUNS_MAX: Final = 500
# Restarts of a query in search of the bad rows of one step, likewise.
RESTARTS_MAX: Final = 100
# A part that fails is read again in so many.
_PARTS: Final = 10
_ALL: Final = 1 << 30
# Failures that no row made.
_NOT_A_ROW: Final = frozenset(
    (Code.MEMORY_LIMIT, Code.TIMEOUT, Code.SET_SIZE_LIMIT, Code.RESOURCE_NOT_FOUND)
)

Why = Mapping[int, str]
_log = logging.getLogger("tailrace.engine")


class Letters(Protocol):
    """Where rows go that are left out."""

    def add(self, part: StreamSlice, why: Why, read: int) -> None:
        """Rows of a slice by number, each with the error that it made; `read`: rows of its first
        append that came in slices before."""
        ...

    def appends(self, instant_ms: int) -> tuple[Append, ...]:
        """The rows since the last call."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Leaving:
    """What one view knows of its bad rows; it outlives the view's restarts in one process.

    For the flow thread, but for `failed`, which is called when the query has ended.
    """

    def __init__(self, name: str) -> None:
        """`name`: of the view, for the server's log."""
        self._name = name
        self.letters: Letters | None = None
        self._source = -1
        self._within: list[list[int]] = []  # rows that are left of a part that failed, rows a step
        self._omit = 0
        self._why = ""
        self._tried = False
        self._restarts = 0

    @property
    def rows_max(self) -> int:
        """Rows of the next step at most."""
        if self._omit:
            return self._omit
        return self._within[-1][1] if self._within else _ALL

    def omitted(self, chunk: Chunk, source: int) -> Why:
        """All rows of a chunk if they are known to be bad, with why; else none."""
        if not self._omit or source != self._source:
            return {}
        self._tried = True
        return dict.fromkeys(range(chunk.part.rows.num_rows), self._why)

    def left_out(self, part: StreamSlice, why: Why, read: int) -> None:
        """Rows are left out of the step under way; see `Letters.add`."""
        first = why[min(why)]
        _log.warning("materialized view %s leaves out %d rows: %s", self._name, len(why), first)
        if self.letters is not None:
            self.letters.add(part, why, read)

    def appends(self, instant_ms: int) -> tuple[Append, ...]:
        """What the step under way sends to the dead-letter stream."""
        return self.letters.appends(instant_ms) if self.letters is not None else ()

    def close(self) -> None:
        """The query stops; what it did not commit comes again."""
        if self.letters is not None:
            self.letters.close()

    def passed(self, record: StepRecord) -> None:
        """A step is done."""
        if record.kind != "rows" or record.source != self._source:
            return
        self._tried = False
        self._omit = max(0, self._omit - record.rows)
        for within in self._within:
            within[0] -= record.rows
        while self._within and self._within[-1][0] <= 0:
            self._within.pop()
        if not self._within and not self._omit:
            self._restarts = 0

    def failed(self, record: StepRecord, why: str, code: int) -> bool:
        """A step that read these rows failed; whether the query is to be started again."""
        if self._tried or not of_a_row(code):
            return False
        if record.source != self._source:
            self._source, self._within, self._omit = record.source, [], 0
        self._restarts += 1
        if record.rows == 1 or self._restarts > RESTARTS_MAX:
            self._omit, self._why = record.rows, why
        else:
            self._within.append([record.rows, max(1, record.rows // _PARTS)])
        return True


def of_a_row(code: int) -> bool:
    """Whether a failure with this code may be the fault of a row."""
    return code not in _NOT_A_ROW


def without(chunk: Chunk, rows: Sequence[int]) -> Chunk:
    """A chunk without some rows; its appends stay, some may be empty."""
    part = chunk.part
    mask = np.ones(part.rows.num_rows, bool)
    mask[list(rows)] = False
    before = np.concatenate(([0], np.cumsum(mask)))
    return _made(chunk, part.rows.filter(pa.array(mask)), before[part.borders], mask)


def bad_rows(
    chunk: Chunk, run: Callable[[Chunk], object], timer: Callable[[], float] | None
) -> tuple[Why, int]:
    """The rows of a chunk at which `run` fails, by number, with why; and how many rows were looked
    at. With a timer these may be less than all, since others wait; without one, parts that still
    fail after `RUNS_MAX` are bad as a whole."""
    found: dict[int, str] = {}
    borders, left, seen = chunk.part.borders, RUNS_MAX, 0
    until = timer() + SEARCH_SECONDS if timer is not None else 0.0

    def look(begin: int, end: int) -> None:
        nonlocal left, seen
        if timer is not None and seen and timer() > until:
            return
        left -= 1
        rows = chunk.part.rows.slice(begin, end - begin)
        try:
            within = np.clip(borders - begin, 0, end - begin)
            run(_made(chunk, rows, within, slice(begin, end)))
        except (Error, pa.ArrowException) as error:
            if end - begin > 1 and (left > 0 or timer is not None):
                half = (begin + end) // 2
                look(begin, half)
                if seen >= half:
                    look(half, end)
                return
            found.update(dict.fromkeys(range(begin, end), failure_of(error).message))
        seen = end

    look(0, chunk.part.rows.num_rows)
    return found, seen


def first_rows(chunk: Chunk, rows: int) -> Chunk:
    """The first rows of a chunk; its last append may go on."""
    if rows == chunk.part.rows.num_rows:
        return chunk
    part = head_of(chunk.part, rows)
    continues = int(chunk.part.borders[part.appends]) > rows
    return chunk.some(part, chunk.places()[:rows], continues=continues)


def _made(
    chunk: Chunk, rows: pa.RecordBatch, borders: np.ndarray, which: np.ndarray | slice
) -> Chunk:
    part = chunk.part
    made = StreamSlice(part.stream_id, rows, borders, part.sn, part.append_time_ms)
    return chunk.some(made, chunk.places()[which], continues=chunk.continues)
