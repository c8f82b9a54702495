"""Bounded queries of a reader: a worker computes, a small queue holds, the reader takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import pyarrow as pa

from engine.config import EngineSettings
from engine.errors import Code, QueryFailed
from engine.failures import INTERNAL, failure_of
from engine.jobs import BoundedJob
from engine.log.records import rows_bytes
from engine.protocol import QueryCounters, QueryEnd, QueryOpened, Rows
from engine.rebatch import rebatch
from engine.worker_wire import JobDone
from engine.workers import WorkerPool

log = logging.getLogger("tailrace.engine")

# See `engine.outside_tables.OutsideTables.filled`.
Filled = Callable[[BoundedJob], AbstractAsyncContextManager[BoundedJob]]
# Chunks between the worker and the reader; the worker waits when they are all full.
CHUNKS_WAITING_MAX: Final = 2
# Rows that the engine process itself takes: they count in its own memory, beside all queries; and
# one INSERT is one append, of which the log takes 128 MiB.
FETCHED_BYTES_MAX: Final = 256 << 20


class BoundedResult:
    """A bounded query and its reader's side (`protocol.RunningQuery`).

    `release` gives back the files that the job reads; called once, when the job is over. `filled`
    gives the job the rows of its external tables.
    """

    def __init__(
        self,
        opened: QueryOpened,
        pool: WorkerPool,
        job: BoundedJob,
        settings: EngineSettings,
        release: Callable[[], None],
        filled: Filled,
    ) -> None:
        self.opened = opened
        self._settings = settings
        self._release = release
        self._queue: asyncio.Queue[Rows | QueryEnd] = asyncio.Queue(CHUNKS_WAITING_MAX)
        self._counters = QueryCounters()
        self._end: QueryEnd | None = None
        self.on_close: Callable[[], None] = lambda: None
        self.policy: tuple[int, int] = (0, 0)  # batching: rows and milliseconds, 0 = none
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._pump(pool, job, filled))

    async def _pump(self, pool: WorkerPool, job: BoundedJob, filled: Filled) -> None:
        end = QueryEnd("finished")
        try:
            async with filled(job) as whole, contextlib.aclosing(pool.run(whole)) as items:
                async for item in items:
                    if isinstance(item, Rows):
                        await self._put(item)
                    elif isinstance(item, JobDone):
                        self._counters = QueryCounters(
                            result_rows=item.rows,
                            processing_ms=item.processing_ms,
                            last_event_time_ms=self._counters.last_event_time_ms,
                        )
        except asyncio.CancelledError:
            end = self._end or QueryEnd("canceled")
        except TimeoutError:
            end = QueryEnd("failed", Code.SLOW_CONSUMER, "slow consumer")
        except Exception as error:
            failure = failure_of(error)
            if failure.code == INTERNAL:
                log.exception("a bounded query failed")
            end = QueryEnd("failed", failure.code, failure.message)
        finally:
            self._release()
            self.on_close()
        if end.status != "finished":
            while not self._queue.empty():
                self._queue.get_nowait()
        await self._queue.put(QueryEnd(end.status, end.code, end.message, self._counters))

    async def _put(self, rows: Rows) -> None:
        async with asyncio.timeout(self._settings.subscriber_stall_ms / 1000):
            await self._queue.put(rows)
        newest = max(self._counters.last_event_time_ms, rows.last_event_time_ms)
        self._counters = QueryCounters(
            result_rows=self._counters.result_rows + rows.count, last_event_time_ms=newest
        )

    def items(self) -> AsyncGenerator[Rows | QueryEnd]:
        """Result batches in order, then exactly one QueryEnd."""
        return rebatch(self._taken(), *self.policy) if any(self.policy) else self._taken()

    async def _taken(self) -> AsyncGenerator[Rows | QueryEnd]:
        try:
            while True:
                item = await self._queue.get()
                yield item
                if isinstance(item, QueryEnd):
                    return
        finally:
            self.close(QueryEnd("canceled"))

    def stalled(self) -> bool:
        """Its own queue ends a reader that does not take."""
        return False

    @property
    def so_far(self) -> QueryCounters:
        """What it did so far."""
        return self._counters

    async def counters(self) -> QueryCounters:
        """What it did so far."""
        return self._counters

    async def cancel(self) -> None:
        """Stop it; the worker is interrupted or killed."""
        self.close(QueryEnd("canceled"))

    def close(self, end: QueryEnd) -> None:
        """Stop it and end the reader with `end` unless it has ended already."""
        if self._end is None and not self._task.done():
            self._end = end
            # Not at once: a task that is cancelled before its first step never runs, and nobody
            # would give back its files or end its reader.
            self._loop.call_soon(self._task.cancel)


async def fetch_arrow(pool: WorkerPool, job: BoundedJob, filled: Filled) -> pa.Table:
    """Run a job with output "arrow" and take all of its rows (INSERT, a join's table side).

    QueryFailed 241 when they are more than `FETCHED_BYTES_MAX`.
    """
    batches: list[pa.RecordBatch] = []
    nbytes = 0
    async with filled(job) as whole, contextlib.aclosing(pool.run(whole)) as items:
        async for item in items:
            if isinstance(item, pa.RecordBatch):
                batches.append(item)
                nbytes += rows_bytes(item)
            if nbytes > FETCHED_BYTES_MAX:
                raise QueryFailed(
                    f"A table that is read whole has more than {FETCHED_BYTES_MAX >> 20} MiB here; "
                    "narrow it by WHERE or by fewer columns.",
                    Code.MEMORY_LIMIT,
                )
    if not batches:
        return pa.table({})
    return pa.Table.from_batches(batches)
