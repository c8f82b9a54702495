"""Materialized views: each runs in the background from its creation on, over every restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import pyarrow as pa

from engine import duck
from engine.catalog import Catalog
from engine.checkpointing import Checkpointer, interval_ms
from engine.clock import Clock
from engine.errors import TailraceError
from engine.flow import Flow
from engine.log.records import Note
from engine.protocol import Definition
from engine.replay import Keep, Resume
from engine.sql.definitions import stored_schema
from engine.sql.logical import BoundedQuery, StreamingQuery
from engine.sql.materialized import EPOCH, ViewPlan
from engine.stepbook import Entry, Job, note_of
from engine.steps import StartRecord, StepRecord
from engine.stepwriter import StepWriter
from engine.storage import Storage
from engine.targets import Target, ViewRecorder

_log = logging.getLogger("tailrace.engine")

# How often steps without rows are written, and writes that were refused tried again.
FLUSH_SECONDS: Final = 0.5
# How long a statement waits for the log to take the last steps of a view.
SETTLE_SECONDS: Final = 10.0

Status = Literal["ExecutingPipeline", "Paused", "Error"]


class Plans(Protocol):
    """What a view needs of whoever plans and answers queries; both for the loop's thread."""

    async def plan(self, view: Definition) -> ViewPlan:
        """The view's plan as of now; raises SqlError when it does not fit any more."""
        ...

    async def answers(
        self, plan: StreamingQuery, resume: Resume | None, packed: Sequence[bytes] = ()
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of the plan's bounded sources, now or as they were when it began."""
        ...

    def packed(
        self, plan: StreamingQuery, answers: Mapping[BoundedQuery, pa.Table]
    ) -> tuple[bytes, ...]:
        """The answers that a restart needs, if they are small."""
        ...


@dataclass(slots=True)
class _Running:
    """A view as it is now."""

    definition: Definition
    status: Status = "ExecutingPipeline"
    message: str = ""
    writer: StepWriter | None = None
    recorder: ViewRecorder | None = None
    target: Definition | None = None
    best_effort: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Views:
    """Runs the materialized views of a catalog. For the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        flow: Flow,
        checkpoints: Checkpointer,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._storage = storage
        self._flow = flow
        self._checkpoints = checkpoints
        self._book = checkpoints.book
        self._clock = clock
        self._views: dict[str, _Running] = {}
        self._loop = asyncio.get_running_loop()
        self._ticking: asyncio.Task[None] | None = None
        self._restarting: set[asyncio.Task[None]] = set()  # one a view at most waits its turn
        self.plans: Plans
        self.on_tick: Callable[[], None] = _nothing

    # -- life ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start every view that is not paused; one that cannot start is in error."""
        for definition in self._catalog.definitions().definitions:
            if definition.kind == "materialized_view":
                await self._open(definition)
        self._ticking = asyncio.create_task(self._tick())

    async def _open(self, definition: Definition) -> None:
        view = self._views[definition.id] = _Running(definition)
        if definition.options.get("paused"):
            view.status = "Paused"
            return
        try:
            await self._start(view)
        except TailraceError as error:
            self._fail(view, error)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.flush()
            self.on_tick()

    def flush(self) -> None:
        """Write steps that gave nothing out, and try again what the log refused."""
        for view in self._views.values():
            if view.writer is not None:
                view.writer.flush()

    async def settle(self) -> bool:
        """Wait until all steps so far are durable; whether there were any to wait for."""
        if self._restarting:
            await asyncio.wait(self._restarting)
            return True
        busy = [v for v in self._views.values() if v.writer is not None and v.writer.busy]
        for view in busy:
            await self._settle(view)
        return bool(busy)

    async def created(self, definition: Definition) -> None:
        """A view was created: start it. Raises what its query is refused with."""
        view = self._views[definition.id] = _Running(definition)
        if definition.options.get("paused"):
            view.status = "Paused"
            return
        try:
            await self._start(view)
        except BaseException:
            self._views.pop(definition.id, None)
            raise

    async def pause(self, view_id: str) -> None:
        """Stop a view at its last step; it stays so over restarts, by its definition."""
        view = self._views[view_id]
        async with view.changing:
            await self._stop(view)
            view.status, view.message = "Paused", ""

    async def start(self, view_id: str) -> None:
        """Start a view that is paused or in error where it was; raises why it cannot run."""
        view = self._views[view_id]
        async with view.changing:
            await self._stop(view)
            try:
                await self._start(view)
            except TailraceError as error:
                self._fail(view, error)
                raise

    def changed(self, definition: Definition) -> None:
        """A definition was put. A view goes by its own from its next start on; one that runs is
        started again when the columns of its target are others."""
        view = self._views.get(definition.id)
        if view is not None:
            view.definition = definition
        for each in self._views.values():
            target = each.target
            if target is None or target.id != definition.id or each.writer is None:
                continue
            each.target = definition
            if target.columns != definition.columns:
                self._spawn(self._restart(each))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._restarting.add(task)
        task.add_done_callback(self._restarting.discard)

    async def _restart(self, view: _Running) -> None:
        with contextlib.suppress(TailraceError):  # it is in error then, and says so
            await self.start(view.definition.id)

    async def leaving(self, definition: Definition) -> list[Note]:
        """A definition is about to go: stop the view; what goes into the commit of its drop."""
        view = self._views.pop(definition.id, None)
        if view is None:
            return []
        await self._stop(view)
        await asyncio.to_thread(self._checkpoints.forget, definition.id)
        return [note_of(Entry(definition.id, gone=True))]

    async def close(self) -> None:
        """Stop all views at their last step, which is durable then."""
        if self._ticking is not None:
            self._ticking.cancel()
        if self._restarting:
            await asyncio.wait(self._restarting)
        await asyncio.gather(*(self._stop(view) for view in self._views.values()))

    # -- one view -----------------------------------------------------------------------------

    async def _start(self, view: _Running) -> None:
        definition = view.definition
        planned = await self.plans.plan(definition)
        kept = self._book.get(definition.id)
        epoch = int(definition.options.get(EPOCH, 0))
        if kept is not None and kept.job.epoch != epoch:
            await asyncio.to_thread(self._checkpoints.forget, definition.id)
            kept = None
        resume = await asyncio.to_thread(self._checkpoints.resume, kept)
        packed = kept.job.answers if kept is not None else ()
        answers = await self.plans.answers(planned.plan, resume, packed)
        recorder = self._recorder(view, planned, self.plans.packed(planned.plan, answers))
        keep = Keep(recorder, resume)
        assert view.writer is not None
        if kept is not None:
            recorder.done_before = view.writer.written = kept.next_number - 1
        now = self._clock.now_ms()
        try:
            await asyncio.to_thread(
                self._flow.start, definition.id, planned.plan, recorder, now, answers, keep
            )
        except BaseException:
            view.writer = view.recorder = None
            recorder.close()
            raise
        view.status, view.message = "ExecutingPipeline", ""
        restored = resume.state.step if resume is not None and resume.state is not None else -1
        every = interval_ms(planned.plan.settings)
        self._checkpoints.watch(definition.id, view.writer, every, restored=restored)
        await self._settle(view)

    def _recorder(
        self, view: _Running, planned: ViewPlan, answers: tuple[bytes, ...]
    ) -> ViewRecorder:
        definition, target = view.definition, planned.target
        view.target = target
        view.best_effort = planned.plan.settings.get("recovery_policy") == "best_effort"

        def failed(error: TailraceError | None) -> None:
            self._loop.call_soon_threadsafe(self._ended, view, error)

        writer = StepWriter(definition.id, self._storage.submit, failed)
        writer.wake = lambda: self._flow.wake(definition.id)
        names = tuple(column.name for column in planned.columns)
        rows = Target(target.id, stored_schema(target), names, duck.Session, self._clock.seed())

        def job(record: StartRecord) -> Job:
            epoch = int(definition.options.get(EPOCH, 0))
            created_ms = record.instant_ms
            return Job(
                definition.id, "view", record, created_ms=created_ms, answers=answers, epoch=epoch
            )

        view.writer = writer
        view.recorder = ViewRecorder(writer, rows, job, failed)
        return view.recorder

    async def _settle(self, view: _Running) -> None:
        if view.writer is not None:
            await asyncio.to_thread(view.writer.settle, SETTLE_SECONDS)

    async def _stop(self, view: _Running) -> None:
        await asyncio.to_thread(self._checkpoints.stop, view.definition.id)
        await self._settle(view)
        if view.recorder is not None:
            view.recorder.close()
        view.writer = view.recorder = None

    def _ended(self, view: _Running, error: TailraceError | None) -> None:
        """The query ended by itself (LIMIT) or failed; on the loop."""
        if error is None or self._views.get(view.definition.id) is not view:
            return
        stuck = view.recorder.stuck if view.recorder is not None else None
        if view.best_effort and stuck is not None:
            self._spawn(self._leave_out(view, stuck, error))
        else:
            self._fail(view, error)

    async def _leave_out(self, view: _Running, stuck: StepRecord, error: TailraceError) -> None:
        """Go on without the rows at which a view failed; that they are left out is recorded."""
        name, writer = view.definition.name, view.writer
        _log.error("materialized view %s leaves out %d rows: %s", name, stuck.rows, error.message)
        if writer is not None:
            writer.add(stuck)
            await self._settle(view)
        await self._restart(view)

    def _fail(self, view: _Running, error: TailraceError) -> None:
        view.status, view.message = "Error", error.message
        self._flow.stop(view.definition.id)
        _log.error("materialized view %s failed: %s", view.definition.name, error.message)

    def status(self, view_id: str) -> tuple[Status, str]:
        """What a view does now, and why it does not run."""
        view = self._views.get(view_id)
        return ("Error", "it was not started") if view is None else (view.status, view.message)


def _nothing() -> None:
    """Nobody else has work."""
