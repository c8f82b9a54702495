"""The life of one query: its result queue, bounded in bytes, from the flow thread to one reader."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from engine.clock import Clock
from engine.config import EngineSettings
from engine.encode import PIECE_BYTES, JsonEncoder
from engine.errors import Code, TailraceError
from engine.protocol import QueryCounters, QueryEnd, QueryOpened, QueryRequest, Rows
from engine.wakeup import Wakeup

# Waiting batches are merged up to these while the reader is busy (contract 2.1, batching); well
# below the contract's 512 KiB, since every buffer on the way to a stalled reader may hold one.
MERGE_ROWS_MAX: Final = 1000
MERGE_BYTES_MAX: Final = 64 * 1024
# What a frame costs on its way to a reader, both processes together (benchmarks/latency.py).
PACE_SECONDS: Final = 0.00006
# While too much waits for all readers together each may have this part of its bound waiting.
PRESSED_SHARE: Final = 4
CANCELED: Final = QueryEnd("canceled", Code.CANCELLED, "the query was canceled")
SLOW_CONSUMER: Final = QueryEnd("failed", Code.SLOW_CONSUMER, "slow consumer")


class Shared:
    """Encoded forms of the newest result batches, so that equal queries encode once.

    For the flow thread only. Holds the batch it speaks of, so that its identity is not reused.
    """

    def __init__(self) -> None:
        self._batch: pa.RecordBatch | None = None
        self._header: tuple[object, ...] = ()
        self._chunks: list[tuple[int, bytes]] = []

    def chunks(
        self, batch: pa.RecordBatch, header: tuple[object, ...], encoder: JsonEncoder
    ) -> list[tuple[int, bytes]]:
        """The batch as JSON chunks of (rows, bytes)."""
        if batch is not self._batch or header != self._header:
            self._chunks = list(encoder.encode_chunks(batch, MERGE_BYTES_MAX))
            self._batch = batch
            self._header = header
        return self._chunks


class Waiting:
    """The result bytes that wait for all readers together; what several wait for counts once."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._readers: dict[int, int] = {}  # by identity: whoever holds a payload keeps it alive
        self._lock = threading.Lock()

    def hold(self, payload: bytes) -> None:
        """One more reader waits for it."""
        with self._lock:
            count = self._readers.get(id(payload), 0)
            self._readers[id(payload)] = count + 1
            self._bytes += 0 if count else len(payload)

    def release(self, payload: bytes) -> None:
        """A reader has taken it or gives it up; called before it is let go."""
        with self._lock:
            left = self._readers[id(payload)] - 1
            if left:
                self._readers[id(payload)] = left
            else:
                del self._readers[id(payload)]
                self._bytes -= len(payload)

    def full(self) -> bool:
        """Whether more waits than should; any thread."""
        return self._bytes >= self._bytes_max


class Notifier:
    """Wakes readers on the loop from other threads: one call into the loop for many readers.

    After a turn that woke n readers the next comes at the earliest n times `PACE_SECONDS` later:
    rows gather meanwhile into fewer frames, so that a hundred readers of a busy stream do not
    queue up behind each other's single rows. One reader is never held up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._readers: list[Wakeup] = []
        self._not_before = 0.0

    def notify(self, reader: Wakeup) -> None:
        """Set `reader` on the loop soon; any thread."""
        with self._lock:
            self._readers.append(reader)
            if len(self._readers) > 1:
                return
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # the loop is closed: nobody reads any more
            with self._lock:
                self._readers.clear()

    def _drain(self) -> None:
        now = self._loop.time()
        if now < self._not_before:
            self._loop.call_at(self._not_before, self._drain)
            return
        with self._lock:
            readers, self._readers = self._readers, []
        if len(readers) > 1:
            self._not_before = now + PACE_SECONDS * len(set(readers))
        for reader in readers:
            reader.set()


class Context(NamedTuple):
    """What all streaming results of an engine have in common."""

    shared: Shared
    control: Control
    notifier: Notifier
    settings: EngineSettings
    clock: Clock
    waiting: Waiting


class Control(Protocol):
    """What a query needs of whoever runs it."""

    def stop(self, query_id: str) -> None:
        """Stop running it; its output is not called afterwards."""
        ...

    def counters(self, query_id: str) -> QueryCounters:
        """What it did so far."""
        ...

    def wake(self, query_id: str) -> None:
        """Its output is ready again."""
        ...


class StreamingResult:
    """Output of a continuous query and its reader's side (`protocol.RunningQuery`).

    `rows`, `end` and `ready` are called on the flow thread; the rest on the loop.
    """

    def __init__(
        self, opened: QueryOpened, request: QueryRequest, encoder: JsonEncoder, context: Context
    ) -> None:
        self.opened = opened
        self._request = request
        self._encoder = encoder
        self._shared = context.shared
        self._control = context.control
        self._notifier = context.notifier
        self._settings = context.settings
        self._clock = context.clock
        self._waiting = context.waiting
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._queue: deque[Rows] = deque()
        self._bytes = 0
        self._paused = False
        self._end: QueryEnd | None = None
        self._arrived = Wakeup()
        self._taken_at = context.clock.monotonic()
        self._result_rows = 0
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._held_bytes = 0
        # Held by whoever moves held rows to the queue: the timer's thread or the flow's.
        self._flushing = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self.on_close: Callable[[], None] = lambda: None

    # -- flow thread ------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether more results are wanted; when False, `Control.wake` follows later."""
        bytes_max = self._settings.subscriber_bytes_max
        with self._lock:
            if self._bytes < (bytes_max // PRESSED_SHARE if self._waiting.full() else bytes_max):
                return True
            self._paused = True
            return False

    def rows(self, batch: pa.RecordBatch) -> None:
        """Take a result batch."""
        if batch.num_rows == 0:
            return
        if self._request.batch_ms > 0 and self._request.batch_count != 1:
            self._hold(batch)
            return
        if self._request.batch_count > 0:
            for start in range(0, batch.num_rows, self._request.batch_count):
                piece = batch.slice(start, self._request.batch_count)
                self._put(list(self._encoder.encode_chunks(piece)))
            return
        self._put(self._shared.chunks(batch, self.opened.header, self._encoder))

    def end(self, error: TailraceError | None) -> None:
        """The query ended by itself (LIMIT, bounded inputs) or failed."""
        self._flush_held()
        if error is None:
            self._finish(QueryEnd("finished"))
        else:
            self._finish(QueryEnd("failed", error.code, error.message))

    def _put(self, chunks: list[tuple[int, bytes]]) -> None:
        with self._lock:
            if self._end is not None:
                return
            if not self._queue:
                self._taken_at = self._clock.monotonic()
            for count, payload in chunks:
                self._queue.append(Rows(count, payload))
                self._waiting.hold(payload)
                self._bytes += len(payload)
                self._result_rows += count
        self._notifier.notify(self._arrived)

    def _finish(self, end: QueryEnd) -> None:
        with self._lock:
            if self._end is None:
                self._end = end
        self._notifier.notify(self._arrived)

    # -- batching policy --------------------------------------------------------------------

    def _hold(self, batch: pa.RecordBatch) -> None:
        count = self._request.batch_count
        with self._lock:
            first = not self._held
            self._held.append(batch)
            self._held_rows += batch.num_rows
            self._held_bytes += batch.nbytes
            full = count > 0 and self._held_rows >= count
            # A frame's worth goes at once: a flush would be cut there anyhow.
            heavy = self._held_bytes >= PIECE_BYTES
        if full or heavy:
            self._flush_held(keep_rest=full and not heavy)
        elif first:
            self._loop.call_soon_threadsafe(self._start_timer)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._request.batch_ms / 1000, self._due)

    def _due(self) -> None:
        self._timer = None
        self._loop.run_in_executor(None, self._flush_held)

    def _flush_held(self, *, keep_rest: bool = False) -> None:
        with self._flushing:
            with self._lock:
                held, self._held, self._held_rows, self._held_bytes = self._held, [], 0, 0
            if held:
                rows = pa.Table.from_batches(held).combine_chunks().to_batches()[0]
                self._put_batches(rows, keep_rest=keep_rest)

    def _put_batches(self, rows: pa.RecordBatch, *, keep_rest: bool) -> None:
        """Queue rows in batches of the policy's count; the last, smaller one may be kept."""
        size = self._request.batch_count or rows.num_rows
        for start in range(0, rows.num_rows, size):
            piece = rows.slice(start, size)
            if keep_rest and piece.num_rows < size:
                with self._lock:
                    self._held.insert(0, piece)
                    self._held_rows += piece.num_rows
                    self._held_bytes += piece.nbytes
                self._loop.call_soon_threadsafe(self._start_timer)
                return
            self._put(list(self._encoder.encode_chunks(piece)))

    # -- reader -----------------------------------------------------------------------------

    async def items(self) -> AsyncIterator[Rows | QueryEnd]:
        """Result batches in order, then exactly one QueryEnd."""
        try:
            while True:
                item = self._take()
                if item is None:
                    await self._arrived.wait()
                    continue
                yield item
                if isinstance(item, QueryEnd):
                    return
        finally:
            self.close(QueryEnd("canceled"))
            with self._lock:
                self._give_up()

    def _take(self) -> Rows | QueryEnd | None:
        with self._lock:
            if not self._queue:
                if self._end is None:
                    return None
                return self._ended(self._end)
            first = self._queue.popleft()
            self._waiting.release(first.payload)
            taken, count, parts = len(first.payload), first.count, [first.payload]
            merge = self._request.batch_count == 0 and self._request.batch_ms == 0
            while merge and self._queue:
                following = self._queue[0]
                if (
                    count + following.count > MERGE_ROWS_MAX
                    or taken + len(following.payload) > MERGE_BYTES_MAX
                ):
                    break
                self._queue.popleft()
                self._waiting.release(following.payload)
                parts.append(following.payload)
                taken += len(following.payload)
                count += following.count
            self._bytes -= taken
            self._taken_at = self._clock.monotonic()
            wake = self._paused and self._bytes < self._settings.subscriber_bytes_max // 2
            if wake:
                self._paused = False
        if wake:
            self._control.wake(self.opened.id)
        if len(parts) == 1:
            return first
        return Rows(count, b"[" + b",".join(part[1:-1] for part in parts) + b"]")

    def _give_up(self) -> None:
        for rows in self._queue:
            self._waiting.release(rows.payload)
        self._queue.clear()
        self._bytes = 0

    def _ended(self, end: QueryEnd) -> QueryEnd:
        counters = self._control.counters(self.opened.id)
        return QueryEnd(end.status, end.code, end.message, counters)

    def stalled(self) -> bool:
        """Whether rows wait and the reader took none for `subscriber_stall_ms`."""
        with self._lock:
            return (
                bool(self._queue)
                and self._end is None
                and (self._clock.monotonic() - self._taken_at) * 1000
                > self._settings.subscriber_stall_ms
            )

    async def counters(self) -> QueryCounters:
        """What it did so far."""
        return self._control.counters(self.opened.id)

    async def cancel(self) -> None:
        """Stop it; `items` gives what waits, then ends with status canceled."""
        self.close(CANCELED)

    def close(self, end: QueryEnd) -> None:
        """Stop running and end the reader with `end` unless it has ended already.

        Rows that wait are given up only when the reader was too slow.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            if self._end is None:
                self._end = end
            if self._end is end and end is not CANCELED and end.code:
                self._give_up()
        self._arrived.set()
        self._control.stop(self.opened.id)
        self.on_close()


class StaticResult:
    """A query whose result is known at once: DDL (no rows), SHOW, DESCRIBE, EXPLAIN."""

    def __init__(self, opened: QueryOpened, rows: Rows | None = None) -> None:
        self.opened = opened
        self._rows = rows

    async def items(self) -> AsyncIterator[Rows | QueryEnd]:
        """The rows, if any, then the end."""
        count = 0
        if self._rows is not None and self._rows.count:
            count = self._rows.count
            yield self._rows
        yield QueryEnd("finished", counters=QueryCounters(result_rows=count))

    async def counters(self) -> QueryCounters:
        """Nothing was read."""
        return QueryCounters(result_rows=self._rows.count if self._rows else 0)

    async def cancel(self) -> None:
        """Nothing to stop."""
