"""The rows of a materialized view or background query as appends of its target stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from engine import duck
from engine.backlog import Backlog
from engine.batch import TP_TIME, Batch
from engine.errors import TailraceError
from engine.ingest.complete import Completer
from engine.leaving import Leaving
from engine.log.records import Append
from engine.schema import StoredSchema
from engine.stepbook import Job
from engine.steps import StartRecord, StepRecord
from engine.stepwriter import StepWriter

# Rows of one append; a step that gave out more becomes several.
APPEND_ROWS_MAX: Final = 100_000


class Rows(Protocol):
    """Where the rows of a query go."""

    def append(self, batch: Batch, instant_ms: int) -> Append:
        """The emissions of a batch, one append each; those without rows are left out."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Target:
    """Where rows go: stream `stream_id`, its columns of these names in the order of the result."""

    def __init__(
        self,
        stream_id: str,
        schema: StoredSchema,
        names: tuple[str, ...],
        session: Callable[[], duck.Session],
        seed: int,
    ) -> None:
        self.stream_id = stream_id
        self._names = list(names)
        self._make_session = session
        self._session: duck.Session | None = None
        self._completer = Completer(schema, self._open, seed)

    def _open(self) -> duck.Session:
        """For defaults that are expressions; most targets have none."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def append(self, batch: Batch, instant_ms: int) -> Append:
        """The emissions of a batch, one append each; those without rows are left out. Raises
        IngestError for rows that the target cannot take."""
        given = pa.Table.from_batches([batch.rows]).rename_columns(self._names)
        rows = self._completer.complete(given, instant_ms)
        return Append(self.stream_id, rows, _borders(batch))

    def close(self) -> None:
        """Free the prepared defaults."""
        self._completer.close()
        if self._session is not None:
            self._session.close()


class HiddenTarget:
    """The hidden stream of a background query: rows as they are, NULLs too."""

    def __init__(self, stream_id: str, names: tuple[str, ...]) -> None:
        self._stream_id = stream_id
        self._names = [*names, TP_TIME]

    def append(self, batch: Batch, instant_ms: int) -> Append:
        """See `Rows.append`."""
        times = pa.repeat(pa.scalar(instant_ms, pa.timestamp("ms")), batch.num_rows)
        rows = pa.RecordBatch.from_arrays([*batch.rows.columns, times], self._names)
        return Append(self._stream_id, rows, _borders(batch))

    def close(self) -> None:
        """Nothing to free."""


def _borders(batch: Batch) -> np.ndarray:
    """Of the emissions that have rows."""
    borders = np.unique(batch.borders).astype(np.int64)
    if len(borders) < 2 or borders[0] != 0 or borders[-1] != batch.num_rows:
        return np.array((0, batch.num_rows), np.int64)
    return borders


class ViewRecorder:
    """Recorder and output of a materialized view's query; `engine.running` says on which thread."""

    def __init__(
        self,
        writer: StepWriter,
        target: Rows,
        job: Callable[[StartRecord], Job],
        on_end: Callable[[TailraceError | None], None],
        leaving: Leaving | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        self._leaving = leaving
        self._backlog = backlog
        self._writer = writer
        self._target = target
        self._job = job
        self._on_end = on_end
        self._held: list[Batch] = []
        self.done_before = -1  # steps up to this one are in the log already
        self.stuck: StepRecord | None = None  # the step that failed, unless it ran again
        self._last = -1

    def begun(self, record: StartRecord) -> None:
        """The view's query was accepted."""
        self._writer.begin(self._job(record))

    def ready(self) -> bool:
        """Whether the log keeps up, and whoever reads the rows."""
        full = self._backlog is not None and self._backlog.full
        return not full and not self._writer.full

    def rows(self, batch: pa.RecordBatch | Batch) -> None:
        """Rows of the step under way."""
        if isinstance(batch, Batch):
            self._held.append(batch)

    def step(self, record: StepRecord) -> None:
        """The step is done: its record and its rows go into one commit, once."""
        held, self._held = self._held, []
        self._last = record.number
        if record.number <= self.done_before:
            return
        appends = tuple(self._target.append(batch, record.instant_ms) for batch in held)
        if self._backlog is not None:
            self._backlog.add(sum(each.nbytes for each in appends))
        if self._leaving is not None:
            appends += self._leaving.appends(record.instant_ms)
            self._leaving.passed(record)
        self._writer.add(record, appends)

    def failed(self, record: StepRecord) -> None:
        """The step under way failed; its rows can be left out unless it is one that runs again."""
        if self._last + 1 > self.done_before:
            self.stuck = record

    def end(self, error: TailraceError | None) -> None:
        """The view's query ended by itself or failed."""
        self._on_end(error)

    def close(self) -> None:
        """Nothing more comes."""
        self._target.close()
        if self._leaving is not None:
            self._leaving.close()
