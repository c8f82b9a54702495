"""What an alert's queries would have given over the past: they run over it in virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from engine.clock import Clock
from engine.duck import Session
from engine.encode import JsonEncoder
from engine.errors import Code, QueryFailed, SqlError, TailraceError, UserError
from engine.external_plans import external_scans
from engine.flow import Flow
from engine.flow_settings import FlowSettings
from engine.log.records import Commit
from engine.past_storage import Arrivals, PastStorage, appended_at
from engine.protocol import (
    BackgroundQuery,
    Backtested,
    BacktestRow,
    Definition,
    ResultColumn,
)
from engine.sql.background import TAG, Checked, definition_of, hidden_columns
from engine.sql.logical import BoundedQuery, StreamingQuery
from engine.sql.materialized import ViewPlan
from engine.sql.repeats import scans
from engine.starting import Answers
from engine.storage import Storage
from engine.type_parser import parse_type

OWNER: Final = "alert:backtest"
MINUTES_MAX: Final = 1_440
# Whoever asks waits for it, and a thread of the engine works on it meanwhile.
SECONDS_MAX: Final = 30.0
# How often the statement of one that is to end is interrupted.
STOP_SECONDS: Final = 0.5
# Rows, and bytes of them, that are told: one answer holds all of them.
ROWS_MAX: Final = 1_000
BYTES_MAX: Final = 4 << 20
# Rows of one step, and the time over which appends are taken together, as a running query takes
# together what came while it was busy: so many steps are done in the time there is.
STEP_ROWS_MAX: Final = 10_000
STEP_MS_MIN: Final = 50
STEPS: Final = 20_000
# Of the query's state; it is not spilled.
STATE_BYTES_MAX: Final = 256 << 20
MEMORY_BYTES: Final = 512 << 20

_OUTSIDE: Final = (
    "An external stream has no past here, since what it reads is not stored: test over a stream "
    "that a materialized view fills from it."
)


class VirtualClock:
    """A clock whose instant is set; ids, randomness and measured time are those of another."""

    def __init__(self, clock: Clock, now_ms: int) -> None:
        self._clock = clock
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The virtual instant."""
        return self._now_ms

    def go_to(self, now_ms: int) -> None:
        """Move on; never back."""
        self._now_ms = max(self._now_ms, now_ms)

    def monotonic(self) -> float:
        """Real seconds."""
        return self._clock.monotonic()

    def uuid4(self) -> str:
        """See Clock.uuid4."""
        return self._clock.uuid4()

    def seed(self) -> int:
        """See Clock.seed."""
        return self._clock.seed()


class Changes:
    """An output that keeps the rows at which the query changes that they are of: what lies between
    them changes no alert. Bounded; `full` says that there were more."""

    def __init__(self, headers: Sequence[Sequence[ResultColumn]], clock: VirtualClock) -> None:
        names = [column.name for column in hidden_columns(headers)]
        self._tagged = len(headers) > 1
        self._columns = [
            [at for at, name in enumerate(names) if name.startswith(f"c{which}_")]
            for which in range(len(headers))
        ]
        self._encoders = [
            JsonEncoder([(c.name, parse_type(c.type)) for c in header]) for header in headers
        ]
        self._clock = clock
        self._last = -1
        self._bytes = 0
        self.found: list[BacktestRow] = []
        self.full = False
        self.ended = False
        self.error: TailraceError | None = None

    def ready(self) -> bool:
        """Rows are always wanted."""
        return True

    def rows(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        tags = np.zeros(batch.num_rows, np.int8)
        if self._tagged:
            at = batch.schema.get_field_index(TAG)
            tags = batch.column(at).to_numpy(zero_copy_only=False)
        changes = np.flatnonzero(np.diff(tags, prepend=np.int8(self._last)))
        for row in changes.tolist():
            self._add(batch.slice(row, 1), int(tags[row]))
        if len(tags):
            self._last = int(tags[-1])

    def _add(self, row: pa.RecordBatch, which: int) -> None:
        if self.full:
            return
        own = row.select(self._columns[which])
        payload = self._encoders[which].encode(own)[1:-1]
        self._bytes += len(payload)
        if len(self.found) >= ROWS_MAX or self._bytes > BYTES_MAX:
            self.full = True
            return
        self.found.append(BacktestRow(self._clock.now_ms(), which, payload))

    def end(self, error: TailraceError | None) -> None:
        """The query ended by itself or failed."""
        self.ended, self.error = True, error


@dataclass(slots=True)
class Task:
    """What is to run, over which appends of each stream; `stop` ends it from another thread."""

    checked: Checked
    plan: StreamingQuery
    since_ms: int
    until_ms: int
    ranges: dict[str, tuple[int, int]]
    answers: Answers
    stopped: bool = False
    session: Session | None = None
    at_ms: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """End it after the statement that runs now, which is interrupted."""
        with self.lock:
            self.stopped = True
            if self.session is not None:
                self.session.interrupt()

    def opened(self) -> Session:
        """The session of its flow."""
        with self.lock:
            self.session = Session(memory_bytes=MEMORY_BYTES)
            return self.session

    def closed(self) -> None:
        """The session is gone."""
        with self.lock:
            self.session = None


def run(task: Task, storage: Storage, clock: Clock) -> Backtested:
    """Run it, blocking; QueryFailed, or what the plan is refused with."""
    virtual = VirtualClock(clock, task.since_ms)
    past = PastStorage(storage, {name: first for name, (first, _) in task.ranges.items()})
    settings = FlowSettings(state_bytes_max=STATE_BYTES_MAX, state_memory_bytes_max=STATE_BYTES_MAX)
    output = Changes(task.checked.headers, virtual)
    flow = Flow(virtual, past, task.opened, settings)
    arrivals = Arrivals(storage, task.ranges)
    try:
        flow.start(OWNER, task.plan, output, task.since_ms, task.answers)
        steps = _Steps(task, flow, past, arrivals, virtual, output)
        steps.settle()
        steps.play()
        scanned = flow.counters(OWNER).scanned_rows
        if output.error is not None:
            raise output.error
        return Backtested(task.checked.headers, tuple(output.found), scanned, ROWS_MAX, output.full)
    finally:
        arrivals.close()
        task.closed()
        flow.close()


@dataclass(slots=True)
class _Steps:
    """The appends and timers of the past, one after the other."""

    task: Task
    flow: Flow
    past: PastStorage
    arrivals: Arrivals
    clock: VirtualClock
    output: Changes

    @property
    def over(self) -> bool:
        """Whether there is nothing more to know."""
        return self.task.stopped or self.output.full or self.output.ended

    def settle(self) -> None:
        """Run what waits at this instant."""
        while not self.over and self.flow.step():
            pass
        self.task.at_ms = self.clock.now_ms()

    def play(self) -> None:
        """All appends, each at the time at which it came, up to the end."""
        task = self.task
        span = max(STEP_MS_MIN, (task.until_ms - task.since_ms) // STEPS)
        position = 0
        while not self.over and (next_ms := self.arrivals.next_ms) is not None:
            self._timers(next_ms)
            due = self.flow.next_timer_ms()
            until = next_ms + span if due is None else max(next_ms, min(next_ms + span, due - 1))
            slices = self.arrivals.take(until, STEP_ROWS_MAX)
            last_ms = int(slices[-1].append_time_ms[-1])
            self.clock.go_to(last_ms)
            position += 1
            self.past.commit(Commit(position, last_ms, slices, ()))
            self.settle()
        self._timers(task.until_ms)

    def _timers(self, until_ms: int) -> None:
        """Timers up to an instant, each at its own."""
        while not self.over:
            due = self.flow.next_timer_ms()
            if due is None or due > until_ms:
                return
            self.clock.go_to(due)
            self.settle()


class Plans(Protocol):
    """What plans background queries and answers what they read once (`view_statements`)."""

    async def background(self, queries: tuple[str, ...]) -> Checked:
        """Check them."""
        ...

    async def plan(self, view: Definition) -> ViewPlan:
        """The plan of a definition."""
        ...

    async def answers_before(
        self, plan: StreamingQuery, before_sn: Mapping[str, int]
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of the plan's bounded sources; of keyed streams those before these appends."""
        ...


class Backtests:
    """See `Background.backtest_background`. For the loop's thread; one runs at a time."""

    def __init__(self, storage: Storage, clock: Clock, plans: Plans) -> None:
        self._storage = storage
        self._clock = clock
        self._plans = plans
        self._turn = asyncio.Lock()
        self._running: tuple[Task, asyncio.Future[Backtested]] | None = None

    async def run(self, queries: tuple[str, ...], minutes: int) -> Backtested:
        """See Background.backtest_background."""
        if not 1 <= minutes <= MINUTES_MAX:
            raise UserError(f"The minutes are 1 to {MINUTES_MAX}, not {minutes}.")
        checked = await self._plans.background(queries)
        definition = definition_of(BackgroundQuery(OWNER, queries), checked)
        plan = (await self._plans.plan(definition)).plan
        if external_scans(plan):
            raise SqlError(_OUTSIDE, Code.NOT_IMPLEMENTED)
        until_ms = self._clock.now_ms()
        since_ms = until_ms - minutes * 60_000
        task: Task | None = None
        try:
            async with asyncio.timeout(SECONDS_MAX), self._turn:
                ranges = await asyncio.to_thread(self._ranges, plan, since_ms)
                before = {stream_id: first for stream_id, (first, _) in ranges.items()}
                answers = await self._plans.answers_before(plan, before)
                task = Task(checked, plan, since_ms, until_ms, ranges, answers)
                return await self._done(task)
        except TimeoutError:
            raise UserError(_too_long(minutes, task), Code.TIMEOUT) from None
        except QueryFailed as error:
            raise UserError(error.message, error.code) from None

    def _ranges(self, plan: StreamingQuery, since_ms: int) -> dict[str, tuple[int, int]]:
        """Of each stream that is read the first append since then, and the one that comes next."""
        found: dict[str, tuple[int, int]] = {}
        for scan in scans(plan.root):
            if scan.stream_id not in found:
                first = appended_at(self._storage, scan.stream_id, since_ms)
                with self._storage.view(scan.stream_id) as view:
                    found[scan.stream_id] = (first, view.next_sn)
        return found

    async def _done(self, task: Task) -> Backtested:
        """Its result; it is over when this returns or raises."""
        running = asyncio.ensure_future(asyncio.to_thread(run, task, self._storage, self._clock))
        self._running = (task, running)
        try:
            return await asyncio.shield(running)
        finally:
            while not running.done():  # whoever asked has gone: the next one waits for its end
                task.stop()
                await asyncio.wait([running], timeout=STOP_SECONDS)
            self._running = None
            if not running.cancelled():
                running.exception()

    async def close(self) -> None:
        """End the one that runs."""
        if self._running is not None:
            task, running = self._running
            task.stop()
            await asyncio.wait([running])


def _too_long(minutes: int, task: Task | None) -> str:
    far = "" if task is None else f" and came to {_text(task.at_ms)}"
    return (
        f"The test of {minutes} minutes took longer than {SECONDS_MAX:g} s{far}: ask for fewer "
        "minutes, or for less rows."
    )


def _text(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
