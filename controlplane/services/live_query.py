"""One query that runs for a reader: record, result batches on their way, its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from controlplane.auth import Principal
from engine.clock import Clock
from engine.errors import Code, TailraceError
from engine.protocol import (
    QueryCounters,
    QueryEnd,
    QueryOpened,
    QueryStatus,
    Rows,
    RunningQuery,
)
from engine.wakeup import Wakeup

# Merged while the writer is busy up to these; an event stays far below the readers' 1 MiB.
MERGE_ROWS_MAX: Final = 1_000
EVENT_BYTES_MAX: Final = 512 << 10
METRICS_SECONDS: Final = 1.0
# How often it is said how many rows the reader of a kept query has: after a kill these come again.
REPORT_SECONDS: Final = 0.05
# A stopped query that the engine does not end in this time is ended here.
STOP_SECONDS_MAX: Final = 2.0


class QueryRecord:
    """What GET queries shows of one query; lives on after its end."""

    def __init__(self, identity: str, sql: str, principal: Principal, now_ms: int) -> None:
        self.id = identity
        self.sql = sql
        self.name = ""
        self.description = ""
        self.tags: tuple[str, ...] = ()
        self.caller = principal.caller
        self.status: QueryStatus = "running"
        self.code = 0
        self.message = ""
        self.start_ms = now_ms
        self.end_ms = 0
        self.first_row_ms = 0
        self.rows = 0
        self.counters = QueryCounters()
        self.opened: QueryOpened | None = None

    def end(self, status: QueryStatus, code: int, message: str, now_ms: int) -> None:
        """Close the record; `message` gets its code in front."""
        self.status = status
        self.end_ms = max(now_ms, self.start_ms)
        self.code = code
        prefix = f"code {code}: "
        self.message = message if not code or message.startswith(prefix) else prefix + message


class Metrics(msgspec.Struct, frozen=True):
    """The payload of a `metrics` event; times in milliseconds."""

    count: int
    eps: int
    processing_time: int
    last_event_time: int
    response_time: int
    scanned_rows: int
    scanned_bytes: int


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one reader."""

    pending_bytes_max: int
    stall_seconds: float


Blame = Callable[[str], "asyncio.Future[tuple[int, str] | None]"]


class LiveQuery:
    """Moves batches from the engine to one reader and bounds what waits between them.

    `take` gives the reader the next thing to send. While the reader is slow the pump stops taking
    from the engine, whose query then waits; a reader that stands still for `stall_seconds` is
    ended with code 429.
    """

    def __init__(
        self,
        record: QueryRecord,
        running: RunningQuery,
        principal: Principal,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self.record = record
        self.principal = principal
        self.merge = True
        self.ended = asyncio.Event()
        self._running = running
        self._clock = clock
        self._limits = limits
        self._rows: deque[Rows] = deque()
        self._pending_bytes = 0
        self._news = Wakeup()
        self._room = Wakeup()
        self._discard = False
        self._verdict: tuple[QueryStatus, int, str] | None = None
        self._pump_task: asyncio.Task[None] | None = None
        self._tick_handle: asyncio.TimerHandle | None = None
        self._tick_task: asyncio.Task[None] | None = None
        self._metrics: Metrics | None = None
        self._counted_rows = 0
        self._last_event_ms = 0
        self._sending_since: float | None = None
        # Told how many rows the reader has, of a query that can be recovered.
        self.report: Callable[[int], Awaitable[None]] | None = None
        # Whether rows count as sent when the next are taken, however it ends.
        self.by_acknowledgement = False
        self._sent_rows = 0
        self._reporting: asyncio.Task[None] | None = None

    def start(self, on_end: Callable[[LiveQuery], None], blame: Blame) -> None:
        """Begin to take batches; `on_end` is called once."""
        self._pump_task = asyncio.create_task(self._pump(blame))
        self._pump_task.add_done_callback(lambda _: self._finish(on_end))
        self._schedule_tick()
        if self.report is not None:
            self._reporting = asyncio.create_task(self._report_sent(self.report))

    async def _report_sent(self, report: Callable[[int], Awaitable[None]]) -> None:
        """Say how many rows were written, a few times a second while there are more of them."""
        reported = 0
        while not self.ended.is_set():
            await asyncio.sleep(REPORT_SECONDS)
            if self._sent_rows > reported:
                reported = self._sent_rows
                with contextlib.suppress(TailraceError):
                    await report(reported)

    async def take(self) -> Rows | Metrics | None:
        """The next batch or metrics, None after the last; for one reader."""
        self._sending_since = None
        self._sent_rows = self.record.rows
        while True:
            if self._rows:
                self._sending_since = self._clock.monotonic()
                return self._take_rows()
            if self.ended.is_set():
                return None
            if self._metrics is not None:
                metrics, self._metrics = self._metrics, None
                self._sending_since = self._clock.monotonic()
                return metrics
            await self._news.wait()

    def progress(self) -> None:
        """The reader goes on with what it took last: it is slow and does not stand still."""
        if self._sending_since is not None:
            self._sending_since = self._clock.monotonic()

    def _take_rows(self) -> Rows:
        first = self._rows.popleft()
        self._pending_bytes -= len(first.payload)
        parts = [first.payload]
        count, size, event_ms = first.count, len(first.payload), first.last_event_time_ms
        while self.merge and self._rows:
            following = self._rows[0]
            if count + following.count > MERGE_ROWS_MAX:
                break
            if size + len(following.payload) > EVENT_BYTES_MAX:
                break
            self._rows.popleft()
            self._pending_bytes -= len(following.payload)
            parts.append(following.payload)
            count += following.count
            size += len(following.payload)
            event_ms = max(event_ms, following.last_event_time_ms)
        self._room.set()
        self.record.rows += count
        return first if len(parts) == 1 else Rows(count, join_arrays(parts), event_ms)

    async def stop(
        self, status: QueryStatus, code: int, message: str, *, gone: bool = False
    ) -> None:
        """End it for a reason of ours; returns when it has ended. Safe to call twice. `gone`: the
        reader is, and what is being sent to it does not count."""
        if self.ended.is_set():
            return
        await self._report_last(gone=gone)
        if self._verdict is None:
            self._verdict = (status, code, message)
        self._discard = True
        self._room.set()
        with contextlib.suppress(TailraceError):
            await self._running.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), STOP_SECONDS_MAX)
        if not self.ended.is_set() and self._pump_task is not None:
            self._pump_task.cancel()
            await self.ended.wait()

    async def _report_last(self, *, gone: bool) -> None:
        """Of a query that can be recovered nothing more is sent; say how much was."""
        report, self.report = self.report, None
        if report is None:
            return
        if self._reporting is not None:
            self._reporting.cancel()
        self._discard = True
        self._rows.clear()
        self._pending_bytes = 0
        self._room.set()
        with contextlib.suppress(TailraceError):
            await report(self._sent_rows if gone or self.by_acknowledgement else self.record.rows)

    async def _pump(self, blame: Blame) -> None:
        end = QueryEnd("failed", Code.ENGINE_RESTARTED, "engine restarted")
        async for item in self._running.items():
            if isinstance(item, QueryEnd):
                end = item
                break
            if self._discard:
                continue
            if not self.record.first_row_ms:
                self.record.first_row_ms = self._clock.now_ms()
            self._rows.append(item)
            self._pending_bytes += len(item.payload)
            self._last_event_ms = max(self._last_event_ms, item.last_event_time_ms)
            self._news.set()
            while self._pending_bytes > self._limits.pending_bytes_max and not self._discard:
                await self._room.wait()
        if end.counters != QueryCounters():
            self.record.counters = end.counters
        if self._verdict is None:
            self._verdict = (end.status, end.code, end.message)
            if end.code == Code.ENGINE_RESTARTED and end.status == "failed":
                charged = await blame(self.record.id)
                if charged is not None:
                    self._verdict = ("failed", *charged)

    def _finish(self, on_end: Callable[[LiveQuery], None]) -> None:
        task = self._pump_task
        verdict = self._verdict or ("failed", 1, "The query ended inside the server.")
        if task is not None and not task.cancelled() and task.exception() is not None:
            error = task.exception()
            known = isinstance(error, TailraceError)
            verdict = ("failed", error.code if known else 1, error.message if known else verdict[2])
        for handle in (self._tick_handle, self._tick_task, self._reporting):
            if handle is not None:
                handle.cancel()
        self.record.end(*verdict, self._clock.now_ms())
        self.ended.set()
        self._news.set()
        on_end(self)

    def _schedule_tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._tick_handle = loop.call_later(METRICS_SECONDS, self._tick)

    def _tick(self) -> None:
        self._schedule_tick()
        since = self._sending_since
        if since is not None and self._clock.monotonic() - since > self._limits.stall_seconds:
            self._rows.clear()
            self._pending_bytes = 0
            self._tick_task = asyncio.create_task(
                self.stop("failed", Code.SLOW_CONSUMER, "slow consumer")
            )
        elif self._tick_task is None or self._tick_task.done():
            self._tick_task = asyncio.create_task(self._measure())

    async def _measure(self) -> None:
        with contextlib.suppress(TailraceError):
            self.record.counters = await self._running.counters()
            self.record.message = self.record.counters.waits
        self._metrics = self.metrics()
        self._news.set()

    def metrics(self) -> Metrics:
        """What it did so far; `eps` are the rows since the last call, taken once a second."""
        record, counters = self.record, self.record.counters
        rows, self._counted_rows = record.rows - self._counted_rows, record.rows
        return Metrics(
            count=record.rows,
            eps=round(rows / METRICS_SECONDS),
            processing_time=counters.processing_ms,
            last_event_time=max(self._last_event_ms, counters.last_event_time_ms),
            response_time=max(0, record.first_row_ms - record.start_ms),
            scanned_rows=counters.scanned_rows,
            scanned_bytes=counters.scanned_bytes,
        )


def join_arrays(parts: list[bytes]) -> bytes:
    """Several JSON arrays as one, without decoding them."""
    inner = [part[1:-1] for part in parts if len(part) > 2]
    return b"[" + b",".join(inner) + b"]"


def split_array(payload: bytes, bytes_max: int = EVENT_BYTES_MAX) -> list[bytes]:
    """One JSON array as several of about `bytes_max`; a larger single row stays alone."""
    if len(payload) <= bytes_max:
        return [payload]
    rows = msgspec.json.decode(payload, type=list[msgspec.Raw])
    pieces: list[bytes] = []
    piece: list[bytes] = []
    size = 0
    for row in rows:
        raw = bytes(row)
        if piece and size + len(raw) + 1 > bytes_max:
            pieces.append(b"[" + b",".join(piece) + b"]")
            piece, size = [], 0
        piece.append(raw)
        size += len(raw) + 1
    pieces.append(b"[" + b",".join(piece) + b"]")
    return pieces
