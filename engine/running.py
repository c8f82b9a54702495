"""A running query of a flow: its graph, feeds, output, counters, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import pyarrow as pa

from engine.batch import Batch
from engine.calls import Calls
from engine.clock import Clock
from engine.duck import Error
from engine.entering import Entering
from engine.errors import QueryFailed, TailraceError
from engine.failures import failure_of
from engine.feeds import Feed, Storage
from engine.graph import Graph
from engine.leaving import Leaving, bad_rows, first_rows, of_a_row, without
from engine.operators.bounded import BoundedRows
from engine.operators.random_stream import RandomRows
from engine.protocol import Pipeline, QueryCounters
from engine.sharing import Chunk
from engine.spillspace import SpillSpace
from engine.steps import Journal, StartRecord, StepKind, StepRecord, with_left_out

_NO_BOUND: Final = 1 << 30


class Output(Protocol):
    """Where a query's results go; called on the flow thread."""

    def ready(self) -> bool:
        """Whether more is wanted; after False the flow is woken (`Flow.wake`) when it is."""
        ...

    def rows(self, batch: pa.RecordBatch) -> None:
        """Take result rows."""
        ...

    def end(self, error: TailraceError | None) -> None:
        """The query ended by itself or failed; the last call."""
        ...


class Recorder(Protocol):
    """Keeps what a query does, so that it can go on after its end; called on the flow thread."""

    def begun(self, record: StartRecord) -> None:
        """The query was accepted; called once, on the starting thread, never when it resumes."""
        ...

    def rows(self, batch: Batch) -> None:
        """Take result rows of the step that is under way."""
        ...

    def step(self, record: StepRecord) -> None:
        """A step is done."""
        ...

    def failed(self, record: StepRecord) -> None:
        """The step that read these rows failed; the query ends."""
        ...


class Recovery(Protocol):
    """Recorded steps that a query has still to run again."""

    def run(self, query: Running, storage: Storage) -> bool:
        """Run some of them; whether all are done."""
        ...

    def close(self) -> None:
        """Give back what was read ahead."""
        ...


def _nothing(stream_id: str, rows: int, nbytes: int) -> None:
    """Nobody wants to know what was read."""


@dataclass(slots=True)
class _Work:
    """What was done so far."""

    scanned_rows: int = 0
    scanned_bytes: int = 0
    result_rows: int = 0
    seconds: float = 0.0
    newest_ms: int = 0


@dataclass(slots=True)
class Running:
    """For the flow thread, but for `counters` and `pipeline`, which any thread may call."""

    record: StartRecord
    graph: Graph
    feeds: list[Feed]
    generators: dict[int, RandomRows | BoundedRows]
    output: Output
    clock: Clock
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    emit_in_past: bool = False
    entering: Entering | None = None
    paused: bool = False
    over: bool = False
    failed: bool = False
    last_ms: int = 0  # the instant of the last step
    due_ms: int | None = None
    journal: Journal = field(default_factory=Journal)
    work: _Work = field(default_factory=_Work)
    # Keeps the steps of a query that can be recovered; then it takes the rows, not `output`.
    recorder: Recorder | None = None
    recovery: Recovery | None = None
    # Of a kept query that leaves out rows at which it fails.
    leaving: Leaving | None = None
    # Of a query that calls functions outside of the engine: its steps run by `do` alone.
    calls: Calls | None = None
    # Where its state lies that does not fit into memory.
    spill: SpillSpace | None = None
    # Told of what was read: (stream id, rows, bytes); for the stream's rates.
    on_read: Callable[[str, int, int], None] = _nothing

    @property
    def behind(self) -> bool:
        """Whether a scan still reads from its own position, or a bounded source has rows."""
        if self.recovery is not None:
            return True
        leaves = self.graph.leaves
        if any(not f.live and not leaves[f.source].ended for f in self.feeds):
            return True
        return self.reads_tables

    @property
    def overtaken(self) -> bool:
        """Whether a scan would overtake another by what comes live, which it must not."""
        if self.entering is None or not self.entering.together:
            return False
        leaves = self.graph.leaves
        return any(not f.live and not leaves[f.source].ended for f in self.feeds)

    @property
    def reads_tables(self) -> bool:
        """Whether a bounded source has rows."""
        return any(isinstance(g, BoundedRows) for g in self.generators.values())

    @property
    def turns(self) -> list[Feed]:
        """The feeds in the order in which they read."""
        return self.feeds if self.entering is None else self.entering.feeds

    @property
    def hands_on(self) -> bool:
        """Whether most rows that it reads go on to its reader."""
        return self.work.result_rows * 2 >= self.work.scanned_rows

    def waits(self, instant_ms: int) -> bool:
        """Whether all that it has still to read is a past that is played, and not due yet."""
        due = self.play_due_ms()
        return due is not None and due > instant_ms

    def play_due_ms(self) -> int | None:
        """When the next rows of a past that is played are due; None if it may read at once."""
        if self.recovery is not None:
            return None
        leaves = self.graph.leaves
        due = [f.due_ms for f in self.feeds if not f.live and not leaves[f.source].ended]
        known = [d for d in due if d is not None]
        bounded = any(isinstance(g, BoundedRows) for g in self.generators.values())
        return min(known) if known and len(known) == len(due) and not bounded else None

    @property
    def waiting(self) -> bool:
        """Whether a step waits for the answer of an outside call: nothing else may run."""
        return self.calls is not None and self.calls.waiting

    @property
    def may_run(self) -> bool:
        """Whether it waits neither for its reader nor for an answer."""
        return not self.paused and not self.waiting

    def resume(self) -> None:
        """The answer is in: go on with the step that waits for it."""
        if self.calls is not None:
            self.calls.resume()

    def do(self, action: Callable[[], None]) -> None:
        """Run a step: `begin`, `feed` and the like. It may be done later than this returns."""
        if self.calls is None:
            action()
        else:
            self.calls.run(action)

    @property
    def rows_max(self) -> int:
        """Rows of a step at most, while it searches for rows at which it fails."""
        return self.leaving.rows_max if self.leaving is not None else _NO_BOUND

    @property
    def id(self) -> str:
        """The query's id."""
        return self.record.query_id

    def begin(self, instant_ms: int) -> None:
        """All sources are there, none has given a row."""
        try:
            self._now("begin", -1)
            self._send(self.graph.begin(instant_ms))
            self.after(instant_ms)
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            self.fail(error)

    def feed(self, feed: Feed, chunk: Chunk, left_out: tuple[int, ...] = ()) -> None:
        """Run a chunk through one feed. Ends the query when the step fails. `left_out`: rows of
        it that the step did not take when it ran first."""
        began = self.clock.monotonic()
        record, feed.short = _read(feed.source, chunk), False
        chunk.first_row = feed.row if chunk.first_sn == feed.next_sn else 0
        try:
            batch, chunk, left_out = self._made(feed, chunk, left_out)
            record = _read(feed.source, chunk)
            feed.inside = chunk.continues
            self._count(feed, chunk)
            feed.advance(chunk)  # before a step that may stop in the middle
            if self.entering is not None:
                self.entering.advanced(feed)
            if self.graph.nodes or self.recorder is not None:
                self.journal.now(record if not left_out else with_left_out(record, left_out))
                self._send(self.graph.push(feed.source, batch))
                self.after(chunk.instant_ms)
            elif batch.num_rows:
                self.graph.leaves[feed.source].rows += batch.num_rows
                self._send([batch])
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            if self.recorder is not None:
                self.recorder.failed(record)
            self.fail(error)
        self._worked(began)

    def _made(
        self, feed: Feed, chunk: Chunk, left_out: tuple[int, ...]
    ) -> tuple[Batch, Chunk, tuple[int, ...]]:
        """What the filters and projections of a scan make of a chunk, or of its first rows when
        bad ones are dear to find; those rows, and the numbers of those that are left out."""
        leaving = self.leaving if self.recovery is None else None
        if leaving is None:
            batch = feed.chain.run(without(chunk, left_out) if left_out else chunk)
            return batch, chunk, left_out
        drawn = list(feed.chain.positions)
        why = leaving.omitted(chunk, feed.source)
        try:
            if not why:
                return feed.chain.run(chunk), chunk, ()
        except (Error, pa.ArrowException) as error:
            if not of_a_row(failure_of(error).code):
                raise
            timer = self.clock.monotonic if self.calls is None else None
            why, rows = bad_rows(chunk, feed.chain.run, timer)
            feed.short = rows < chunk.part.rows.num_rows
            chunk = first_rows(chunk, rows)
        feed.chain.positions = drawn
        leaving.left_out(chunk.part, why, feed.row)
        left_out = tuple(sorted(why))
        return feed.chain.run(without(chunk, left_out)), chunk, left_out

    def _count(self, feed: Feed, chunk: Chunk) -> None:
        work, leaf = self.work, self.graph.leaves[feed.source]
        rows = chunk.part.rows.num_rows
        self.on_read(feed.stream_id, rows, chunk.nbytes)
        work.scanned_rows += rows
        work.scanned_bytes += chunk.nbytes
        leaf.bytes += chunk.nbytes
        leaf.scanned += rows
        leaf.read_ms = max(leaf.read_ms, int(chunk.part.append_time_ms[-1]))
        work.newest_ms = max(work.newest_ms, chunk.newest_ms())

    def generate(self, source: int, instant_ms: int, rows_max: int) -> None:
        """Run the next rows of a generator or a bounded source, if there are any."""
        began = self.clock.monotonic()
        try:
            generator = self.generators[source]
            before = generator.made
            batch = generator.rows(instant_ms, rows_max)
            if batch is not None:
                self._now("made", source, generator.made - before)
                self.work.scanned_rows += batch.num_rows
                self._send(self.graph.push(source, batch))
                self.after(batch.instant_ms)
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            self.fail(error)
        self._worked(began)

    def _worked(self, began: float) -> None:
        """A step ends that began then; waiting for answers is no work."""
        waited = self.calls.waited() if self.calls is not None else 0.0
        self.work.seconds += max(0.0, self.clock.monotonic() - began - waited)

    def end_source(self, source: int, instant_ms: int) -> None:
        """A generator or a bounded source has no more rows."""
        try:
            self._now("end", source)
            self._send(self.graph.end_leaf(source, instant_ms))
            self.after(instant_ms)
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            self.fail(error)

    def backfilled(self, source: int, instant_ms: int) -> None:
        """The past of a source is read."""
        try:
            self._now("past", source)
            self._send(self.graph.backfilled(source, instant_ms))
            self.after(instant_ms)
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            self.fail(error)

    def tick(self, instant_ms: int) -> None:
        """Run the timers that are due."""
        try:
            self._now("tick", -1)
            self._send(self.graph.tick(instant_ms))
            self.after(instant_ms)
        except Exception as error:  # noqa: BLE001 - one query's failure is not the others'
            self.fail(error)

    def skip(self, feed: Feed, record: StepRecord) -> None:
        """Leave out rows at which the query failed when it ran first."""
        feed.go_on(record.to_sn)
        self.journal.now(record)
        self.after(record.instant_ms)

    def _now(self, kind: StepKind, source: int, rows: int = 0) -> None:
        self.journal.now(StepRecord(0, 0, kind, source, rows=rows))

    def after(self, instant_ms: int) -> None:
        """A step is over."""
        answers = self.calls.taken() if self.calls is not None else ()
        if self.recorder is not None:
            self.last_ms = instant_ms
            self.recorder.step(self.journal.done(instant_ms, answers))
        if self.over:
            return
        if self.graph.ended:
            self.finish(None)
            return
        self.look_ahead()

    def look_ahead(self) -> None:
        """When the next timer is due."""
        due = [self.graph.due_ms(), *(g.due_ms() for g in self.generators.values())]
        known = [d for d in due if d is not None]
        self.due_ms = min(known) if known else None

    def _send(self, batches: list[Batch]) -> None:
        for batch in batches:
            if batch.num_rows and not self.over:
                self.work.result_rows += batch.num_rows
                self.journal.gave(batch.num_rows)
                if self.recorder is not None:
                    self.recorder.rows(batch)
                else:
                    self.output.rows(batch.rows)

    def fail(self, error: Exception) -> None:
        """End with this error."""
        failure = failure_of(error)
        self.failed = True
        self.finish(QueryFailed(failure.message, failure.code))

    def finish(self, error: TailraceError | None) -> None:
        """End, once; the output hears of it."""
        if not self.over:
            self.over = True
            self.due_ms = None
            self.output.end(error)

    def columns_read(self, stream_id: str) -> set[str]:
        """Stored names of the columns that it reads of a stream."""
        schemas = [f.chain.key.schema for f in self.feeds if f.stream_id == stream_id]
        return {column.stored or column.name for schema in schemas for column in schema}

    def counters(self) -> QueryCounters:
        """What it did so far."""
        size = self.graph.held() if not self.over else None
        return QueryCounters(
            scanned_rows=self.work.scanned_rows,
            scanned_bytes=self.work.scanned_bytes,
            result_rows=self.work.result_rows,
            processing_ms=int(self.work.seconds * 1000),
            last_event_time_ms=self.work.newest_ms,
            late_rows=self.graph.late_rows(),
            state_rows=size.rows if size else 0,
            state_bytes=size.bytes if size else 0,
        )

    def pipeline(self) -> Pipeline:
        """Its operator graph."""
        return self.graph.pipeline()


def _read(source: int, chunk: Chunk) -> StepRecord:
    return StepRecord(
        0,
        chunk.instant_ms,
        "rows",
        source,
        chunk.first_sn,
        chunk.next_sn,
        chunk.part.rows.num_rows,
        chunk.backfill,
        chunk.continues,
    )
