"""SUBSCRIBE TO: queries of readers whose steps are kept, so that RECOVER FROM goes on with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine.batch import Batch
from engine.calls import in_step, until
from engine.checkpointing import Checkpointer, interval_ms
from engine.clock import Clock
from engine.encode import JsonEncoder
from engine.errors import Code, NotFound, Overloaded, SqlError, TailraceError, UserError
from engine.externals import Externals
from engine.flow import Flow
from engine.protocol import QueryOpened, QueryRequest
from engine.query import Context, StreamingResult
from engine.replay import GIVEN, Keep
from engine.runner import time_columns
from engine.sql.planner import Planned
from engine.stepbook import Entry, Job, note_of
from engine.steps import StartRecord, StepRecord
from engine.stepwriter import StepWriter
from engine.storage import Storage
from engine.view_statements import KeptPlans

# State that is kept for readers who do not come back.
SUBSCRIPTIONS_MAX: Final = 1_000
KEPT_MS_MAX: Final = 30 * 86_400_000
EXPIRY_SECONDS: Final = 3_600.0
# How long a statement waits for the log to take the last steps of a query.
SETTLE_SECONDS: Final = 10.0


class ReaderRecorder:
    """Recorder of a subscription: rows go to the reader, but for those that it has already."""

    def __init__(self, writer: StepWriter, result: StreamingResult) -> None:
        self._writer = writer
        self._result = result
        self.new_job: Job | None = None
        self.done_before = -1  # steps up to this one are in the log already
        self.given = 0  # rows that all steps so far gave out
        self.delivered = 0  # rows that the reader has from before
        self._held: list[pa.RecordBatch] = []

    def begun(self, record: StartRecord) -> None:
        """The query was accepted."""
        assert self.new_job is not None
        self._writer.begin(msgspec.structs.replace(self.new_job, start=record))

    def rows(self, batch: Batch) -> None:
        """Rows of the step under way."""
        before, self.given = self.given, self.given + batch.num_rows
        has = min(max(self.delivered - before, 0), batch.num_rows)
        self._held.append(batch.rows.slice(has) if has else batch.rows)
        if not in_step():  # no answer of an outside call can be in it
            self._give()

    def _give(self) -> None:
        held, self._held = self._held, []
        for rows in held:
            self._result.rows(rows)

    def failed(self, record: StepRecord) -> None:
        """The reader is told by the query's end."""

    def step(self, record: StepRecord) -> None:
        """The step is done. Rows that answers of outside calls went into go out when these are
        recorded: a replay gives the same ones."""
        if record.number > self.done_before:
            self._writer.add(record)
            if record.answers:
                self._writer.flush()
                until(partial(self._writer.when_written, record.number))
        self._give()


@dataclass(slots=True)
class _Live:
    """A subscription that runs. `base`: rows that its reader had when it started."""

    result: StreamingResult
    writer: StepWriter
    recorder: ReaderRecorder
    owner: str
    base: int = 0
    delivered: int = 0
    running: bool = True
    resting: asyncio.Task[None] | None = None


class Serving(Protocol):
    """What subscriptions work with (`engine.runner.Parts`)."""

    @property
    def storage(self) -> Storage:
        """The log."""
        ...

    @property
    def flow(self) -> Flow:
        """Runs queries."""
        ...

    @property
    def context(self) -> Context:
        """What results have in common."""
        ...


class _Control:
    """What results of subscriptions need: a stop brings the query to rest with a checkpoint."""

    def __init__(self, flow: Flow, stop: Callable[[str], None]) -> None:
        self.stop = stop
        self.counters = flow.counters
        self.wake = flow.wake


class Subscriptions:
    """For the loop's thread."""

    def __init__(self, parts: Serving, checkpoints: Checkpointer, plans: KeptPlans) -> None:
        self._storage = parts.storage
        self._flow = parts.flow
        self._context = parts.context._replace(control=_Control(parts.flow, self._stop))
        self._clock: Clock = parts.context.clock
        self._checkpoints = checkpoints
        self._book = checkpoints.book
        self._plans = plans
        self._live: dict[str, _Live] = {}
        self._changing: set[str] = set()  # ids that a statement recovers or forgets
        self.externals: Externals
        self._expiry_due = 0.0
        self._expiring: asyncio.Task[None] | None = None

    async def subscribe(self, request: QueryRequest, planned: Planned, sql: str) -> StreamingResult:
        """Start a query whose steps are kept. Overloaded when too many are kept already."""
        if len(self._book.jobs("subscription")) >= SUBSCRIPTIONS_MAX:
            raise Overloaded(
                f"{SUBSCRIPTIONS_MAX} subscriptions are kept in this workspace; UNSUBSCRIBE TO "
                "those that nobody recovers."
            )
        job = Job(
            request.id,
            "subscription",
            StartRecord(request.id, 0, 0, ()),
            sql,
            request.caller,
            self._clock.now_ms(),
            texts=self._plans.texts(planned),
        )
        return await self._run(request, planned, job, resume=False)

    async def recover(self, request: QueryRequest, query_id: str) -> StreamingResult:
        """Go on with a query under its own id. SqlError 497 for another's, UserError 36 while it
        runs, 2003 if it is unknown or its rows are gone."""
        self._check_owner(request, query_id)
        live = self._live.get(query_id)
        if query_id in self._changing or (live is not None and live.running):
            raise UserError(
                f"The query '{query_id[:80]}' runs: cancel it before RECOVER FROM.",
                Code.BAD_ARGUMENTS,
            )
        with self._changed(query_id):
            await self._rest(query_id)
            kept = self._book.get(query_id)
            if kept is None or kept.job.kind != "subscription":
                raise unknown(query_id)
            planned = await self._plans.planned(kept.job.sql)
            self._check_texts(kept.job, self._plans.texts(planned))
            return await self._run(request, planned, kept.job, resume=True)

    def _check_texts(self, job: Job, texts: dict[str, int]) -> None:
        """Steps can be repeated only with the views and functions that they were done with."""
        other = sorted(name for name, text in job.texts.items() if texts.get(name) != text)
        if other:
            raise NotFound(
                f"The state of the query '{job.id[:80]}' cannot be made again: {', '.join(other)} "
                "was replaced since it began. UNSUBSCRIBE TO it and subscribe anew.",
                Code.RESOURCE_NOT_FOUND,
            )

    @contextlib.contextmanager
    def _changed(self, query_id: str) -> Generator[None]:
        """Nobody else recovers or forgets the query meanwhile."""
        self._changing.add(query_id)
        try:
            yield
        finally:
            self._changing.discard(query_id)

    def _check_owner(self, request: QueryRequest, query_id: str) -> None:
        """Refuse who neither subscribed nor may act for others; an unknown id is told later."""
        live, kept = self._live.get(query_id), self._book.get(query_id)
        owners = [live.owner] if live is not None else [kept.job.caller.id] if kept else []
        if not owners or owners[0] == request.caller.id or "others" in request.allow:
            return
        raise SqlError(
            f"The subscription '{query_id[:80]}' belongs to another user: only who subscribed, "
            "or an administrator, recovers or unsubscribes it.",
            Code.ACCESS_DENIED,
        )

    async def unsubscribe(self, request: QueryRequest, query_id: str) -> None:
        """Forget a query's state; it is stopped if it runs. NotFound 2003 if it is unknown,
        SqlError 497 when it is another's."""
        self._check_owner(request, query_id)
        if query_id in self._changing:
            raise UserError(
                f"The query '{query_id[:80]}' is being recovered or forgotten: try again.",
                Code.BAD_ARGUMENTS,
            )
        with self._changed(query_id):
            await self._rest(query_id, stop=True)
            kept = self._book.get(query_id)
            if kept is None or kept.job.kind != "subscription":
                raise unknown(query_id)
            self._live.pop(query_id, None)
            await self._forget(query_id)

    async def _forget(self, query_id: str) -> None:
        await asyncio.to_thread(self._checkpoints.forget, query_id)
        note = note_of(Entry(query_id, gone=True))
        gone = self.externals.leaving(query_id)
        await asyncio.wrap_future(self._storage.append(note, *gone))

    async def _rest(self, query_id: str, *, stop: bool = False) -> None:
        """Wait until a query that was stopped is at rest, and durable."""
        live = self._live.get(query_id)
        if live is None:
            return
        if stop and live.running:
            await live.result.cancel()
        if live.resting is not None:
            await live.resting

    def _stop(self, query_id: str) -> None:
        """The reader's side has ended: bring the query to rest."""
        live = self._live.get(query_id)
        if live is not None and live.resting is None:
            live.running = False
            live.resting = asyncio.create_task(self._bring_to_rest(query_id, live))

    async def _bring_to_rest(self, query_id: str, live: _Live) -> None:
        self.externals.rest(query_id)
        await asyncio.to_thread(self._checkpoints.stop, query_id)
        await asyncio.to_thread(live.writer.settle, SETTLE_SECONDS)
        if self._live.get(query_id) is live:
            del self._live[query_id]

    async def _run(
        self, request: QueryRequest, planned: Planned, job: Job, *, resume: bool
    ) -> StreamingResult:
        assert planned.streaming is not None
        opened = QueryOpened(
            job.id, "streaming", planned.header, planned.analysis, *time_columns(planned), kept=True
        )
        columns = [(c.name, c.type) for c in planned.streaming.schema]
        result = StreamingResult(opened, request, JsonEncoder(columns), self._context)

        def failed(error: TailraceError) -> None:
            result.end(error)
            self._flow.stop(job.id)

        writer = StepWriter(job.id, self._storage.submit, failed)
        recorder = ReaderRecorder(writer, result)
        live = _Live(result, writer, recorder, job.caller.id)
        keep = Keep(recorder)
        restored = -1
        every = interval_ms(planned.streaming.settings)
        kept = self._book.get(job.id) if resume else None
        if kept is not None:
            resume_from = await asyncio.to_thread(self._checkpoints.resume, kept)
            recorder.done_before = writer.written = kept.next_number - 1
            recorder.delivered = live.base = live.delivered = kept.delivered
            keep = Keep(recorder, resume_from)
            if resume_from is not None and resume_from.state is not None:
                restored = resume_from.state.step
                recorder.given = int(resume_from.state.notes[GIVEN])
        kept_job = kept.job if kept is not None else None
        plan = await self.externals.placed_plan(
            job.id, planned.streaming, fresh=kept is None, letters=True
        )
        answers = await self._plans.answers(plan, keep.resume, kept_job)
        if kept is None:
            once = await self._plans.keep(job.id, plan, answers)
            recorder.new_job = msgspec.structs.replace(job, once=once)
        self._live[job.id] = live
        now = self._clock.now_ms()
        starting = asyncio.ensure_future(
            asyncio.to_thread(self._flow.start, job.id, plan, result, now, answers, keep)
        )
        try:
            await asyncio.shield(starting)
            writer.flush()
            self.externals.run(job.id)
            self._checkpoints.watch(
                job.id, writer, every, restored=restored, delivered=lambda: live.delivered
            )
            if kept is None:
                await self.externals.begun(job.id)
        except asyncio.CancelledError:
            starting.add_done_callback(partial(self._abandon, live))
            raise
        except BaseException:
            live.running = False
            if kept is None:
                self._live.pop(job.id, None)
                self.externals.ended(job.id)
            raise
        return result

    def _abandon(self, live: _Live, starting: asyncio.Future[None]) -> None:
        live.running = False
        if not starting.cancelled() and starting.exception() is None:
            self._flow.stop(live.result.opened.id)

    def closed(self, query_id: str) -> None:
        """The reader's side of a query has ended."""
        live = self._live.get(query_id)
        if live is not None:
            live.running = False

    def delivered(self, query_id: str, rows: int) -> None:
        """The reader of a query has so many rows of those since it was started or recovered."""
        live = self._live.get(query_id)
        if live is not None:
            live.delivered = max(live.delivered, live.base + rows)
            live.writer.deliver(live.delivered)

    async def close(self) -> None:
        """Bring all to rest; what they did is durable then."""
        for query_id in list(self._live):
            self._stop(query_id)
            await self._rest(query_id)

    async def settle(self) -> bool:
        """Wait until all steps so far are durable; whether there were any to wait for."""
        busy = [live for live in self._live.values() if live.writer.busy]
        for live in busy:
            await asyncio.to_thread(live.writer.settle, SETTLE_SECONDS)
        return bool(busy)

    def flush(self) -> None:
        """Write steps that gave nothing out, and try again what the log refused; once an hour
        forget what nobody came back for."""
        for live in self._live.values():
            live.writer.flush()
        now = self._clock.monotonic()
        if now >= self._expiry_due:
            self._expiry_due = now + EXPIRY_SECONDS
            self._expiring = asyncio.create_task(self.expire())

    async def expire(self) -> None:
        """Forget what nobody came back for in 30 days."""
        oldest = self._clock.now_ms() - KEPT_MS_MAX
        for job in self._book.jobs("subscription"):
            live = self._live.get(job.id)
            if job.created_ms < oldest and (live is None or not live.running):
                with contextlib.suppress(TailraceError):  # it is tried again in an hour
                    await self._forget(job.id)


def unknown(query_id: str) -> NotFound:
    """The error of an id that nothing is kept of."""
    return NotFound(
        f"No subscription with the id '{query_id[:80]}' is kept: it was never one, was forgotten "
        "by UNSUBSCRIBE TO, or is older than 30 days.",
        Code.RESOURCE_NOT_FOUND,
    )
