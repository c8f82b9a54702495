"""Materialized views: each runs in the background from its creation on, over every restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

import pyarrow as pa

from engine import duck
from engine.background import owner_of, writes_outside
from engine.backlog import Backlog
from engine.catalog import Catalog
from engine.checkpointing import Checkpointer, interval_ms
from engine.clock import Clock
from engine.deadletters import NAMES, DeadLetters
from engine.errors import NotFound, StorageFull, TailraceError
from engine.externals import Externals
from engine.flow import Flow
from engine.kept_bytes import kept_bytes
from engine.leaving import Leaving
from engine.log.records import Note
from engine.protocol import Definition
from engine.replay import Keep, Resume, Seek
from engine.sql.definitions import stored_schema
from engine.sql.logical import BoundedQuery, StreamingQuery
from engine.sql.materialized import EPOCH, ViewPlan
from engine.sql.repeats import scans
from engine.sql.settings import flag_setting
from engine.start_answers import KeptAnswers
from engine.stepbook import Entry, Job, note_of
from engine.steps import StartRecord
from engine.stepwriter import StepWriter
from engine.storage import Storage
from engine.targets import HiddenTarget, Rows, Target, ViewRecorder

_log = logging.getLogger("tailrace.engine")

# How often steps without rows are written, and writes that were refused tried again.
FLUSH_SECONDS: Final = 0.5
# How long a statement waits for the log to take the last steps of a view.
SETTLE_SECONDS: Final = 10.0

# How often it is looked whether a dead-letter stream holds as much as it may.
LETTERS_LOOK_SECONDS: Final = 10.0

Status = Literal["ExecutingPipeline", "Paused", "Error"]


class Plans(Protocol):
    """What a view needs of whoever plans and answers queries; both for the loop's thread."""

    async def plan(self, view: Definition) -> ViewPlan:
        """The view's plan as of now; raises SqlError when it does not fit any more."""
        ...

    async def answers(
        self, plan: StreamingQuery, resume: Resume | None, job: Job | None
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of the plan's bounded sources, now or as they were when it began."""
        ...

    async def keep(
        self, query_id: str, plan: StreamingQuery, answers: Mapping[BoundedQuery, pa.Table]
    ) -> KeptAnswers:
        """Keep the answers for restarts of a query that begins."""
        ...


@dataclass(slots=True)
class _Running:
    """A view as it is now."""

    definition: Definition
    status: Status = "ExecutingPipeline"
    message: str = ""
    since_ms: int = 0  # when the status began
    writer: StepWriter | None = None
    recorder: ViewRecorder | None = None
    target: Definition | None = None
    leaving: Leaving | None = None  # what it knows of rows at which it fails, if it leaves out
    letters: Definition | None = None  # its dead-letter stream
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
        self.externals: Externals
        self.letters_bytes_max: int  # of a dead-letter stream at which its view stops
        self.dead_letters: Callable[[Definition], Awaitable[Definition]]
        self.on_tick: Callable[[], None] = _nothing
        # What waits for the readers of background queries, by the ids of their definitions.
        self.backlogs: Callable[[str], Backlog | None] = _none

    # -- life ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start every view that is not paused; one that cannot start is in error."""
        views = self._catalog.definitions().definitions
        for definition in (*views, *self._catalog.backgrounds()):
            if definition.kind == "materialized_view":
                await self._open(definition)
        self._ticking = asyncio.create_task(self._tick())

    async def _open(self, definition: Definition) -> None:
        view = self._views[definition.id] = _Running(definition)
        if definition.options.get("paused"):
            self._turn(view, "Paused")
            return
        try:
            await self._start(view)
        except TailraceError as error:
            self._fail(view, error)

    async def _tick(self) -> None:
        look_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.flush()
            self.on_tick()
            if self._clock.monotonic() >= look_at:
                look_at = self._clock.monotonic() + LETTERS_LOOK_SECONDS
                await self.check_letters()

    async def check_letters(self) -> None:
        """Stop a view whose dead-letter stream is full; nothing of that is ever dropped."""
        for view in list(self._views.values()):
            letters = view.letters
            if letters is None or view.writer is None:
                continue
            try:
                held = await asyncio.to_thread(kept_bytes, self._storage, letters.id)
            except TailraceError:  # it is being dropped, and its view with it
                continue
            if held < self.letters_bytes_max:
                continue
            async with view.changing:
                if self._views.get(view.definition.id) is not view:
                    continue
                await self._stop(view)
                message = (
                    f"its dead-letter stream {letters.name} holds as many bytes as it may (setting "
                    f"dead_letter_bytes_max, {self.letters_bytes_max}): look at its rows, DELETE "
                    "them, then SYSTEM RECOVER the view."
                )
                self._fail(view, StorageFull(message))

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
            self._turn(view, "Paused")
            return
        try:
            await self._start(view)
        except BaseException:
            self._views.pop(definition.id, None)
            await asyncio.to_thread(self._checkpoints.forget, definition.id)
            raise

    async def pause(self, view_id: str) -> None:
        """Stop a view at its last step; it stays so over restarts, by its definition."""
        view = self._views[view_id]
        async with view.changing:
            await self._stop(view)
            self._turn(view, "Paused")

    async def start(self, view_id: str, seek: Seek = "") -> None:
        """Start a view that is paused or in error where it was; raises why it cannot run. `seek`:
        where it goes on if rows were removed that it had not read."""
        view = self._views[view_id]
        async with view.changing:
            await self._stop(view)
            try:
                await self._start(view, seek)
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
        gone = self.externals.leaving(definition.id)
        return [note_of(Entry(definition.id, gone=True)), *gone]

    async def close(self) -> None:
        """Stop all views at their last step, which is durable then."""
        if self._ticking is not None:
            self._ticking.cancel()
        if self._restarting:
            await asyncio.wait(self._restarting)
        await asyncio.gather(*(self._stop(view) for view in self._views.values()))

    # -- one view -----------------------------------------------------------------------------

    async def _start(self, view: _Running, seek: Seek = "") -> None:
        definition = view.definition
        planned = await self.plans.plan(definition)
        await self._leave_out(view, planned)
        kept = self._book.get(definition.id)
        epoch = int(definition.options.get(EPOCH, 0))
        if kept is not None and kept.job.epoch != epoch:
            await asyncio.to_thread(self._checkpoints.forget, definition.id)
            kept = None
        resume = await asyncio.to_thread(self._checkpoints.resume, kept)
        job = kept.job if kept is not None else None
        plan = await self.externals.placed_plan(
            definition.id, planned.plan, fresh=job is None, letters=True
        )
        planned = replace(planned, plan=plan)
        answers = await self.plans.answers(planned.plan, resume, job)
        if job is None:
            once = await self.plans.keep(definition.id, planned.plan, answers)
        else:
            once = job.once
        recorder = self._recorder(view, planned, once)
        keep = Keep(recorder, resume, view.leaving, seek)
        assert view.writer is not None
        if kept is not None:
            recorder.done_before = view.writer.written = kept.next_number - 1
        now = self._clock.now_ms()
        self._turn(view, "ExecutingPipeline")  # it may fail before `start` is back
        try:
            await asyncio.to_thread(
                self._flow.start, definition.id, planned.plan, recorder, now, answers, keep
            )
        except BaseException:
            view.writer = view.recorder = None
            recorder.close()
            raise
        self.externals.run(definition.id, seek)
        restored = resume.state.step if resume is not None and resume.state is not None else -1
        every = interval_ms(planned.plan.settings)
        self._checkpoints.watch(definition.id, view.writer, every, restored=restored)
        if self._views.get(definition.id) is not view:  # it was dropped meanwhile
            await self._stop(view)
            await asyncio.to_thread(self._checkpoints.forget, definition.id)
            raise NotFound(f"Materialized view '{definition.name}' was dropped.")
        await self._settle(view)
        if job is None or seek:
            await self.externals.begun(definition.id)

    def _recorder(self, view: _Running, planned: ViewPlan, once: KeptAnswers) -> ViewRecorder:
        definition, target = view.definition, planned.target
        view.target = target
        if view.leaving is not None:
            view.leaving.letters = self._letters(view, planned)

        def failed(error: TailraceError | None) -> None:
            self._loop.call_soon_threadsafe(self._ended, view, writer, error)

        writer = StepWriter(definition.id, self._storage.submit, failed)
        writer.wake = lambda: self._flow.wake(definition.id)
        names = tuple(column.name for column in planned.columns)
        rows: Rows = HiddenTarget(definition.id, names)
        if writes_outside(definition):
            rows = HiddenTarget(definition.id, tuple(f"c0_{at}" for at in range(len(names))))
        elif not owner_of(definition):
            schema, seed = stored_schema(target), self._clock.seed()
            rows = Target(target.id, schema, names, duck.Session, seed)

        def job(record: StartRecord) -> Job:
            epoch = int(definition.options.get(EPOCH, 0))
            created_ms = record.instant_ms
            return Job(definition.id, "view", record, created_ms=created_ms, once=once, epoch=epoch)

        view.writer = writer
        backlog = self.backlogs(definition.id)
        view.recorder = ViewRecorder(writer, rows, job, failed, view.leaving, backlog)
        return view.recorder

    def _letters(self, view: _Running, planned: ViewPlan) -> DeadLetters | None:
        if view.letters is None:
            return None
        names = {scan.stream_id: scan.stream_name for scan in scans(planned.plan.root)}
        schema = stored_schema(view.letters)
        target = Target(view.letters.id, schema, NAMES, duck.Session, self._clock.seed())
        return DeadLetters(target, names)

    async def _leave_out(self, view: _Running, planned: ViewPlan) -> None:
        """What the view's settings say of rows at which it fails."""
        settings = planned.plan.settings
        wanted = flag_setting(settings, "enable_dlq", default=False)
        if not wanted and settings.get("recovery_policy") != "best_effort":
            view.leaving = view.letters = None
            return
        view.letters = await self.dead_letters(view.definition) if wanted else None
        view.leaving = view.leaving or Leaving(view.definition.name)

    async def _settle(self, view: _Running) -> None:
        if view.writer is not None:
            await asyncio.to_thread(view.writer.settle, SETTLE_SECONDS)

    async def _stop(self, view: _Running) -> None:
        self.externals.rest(view.definition.id)
        await asyncio.to_thread(self._checkpoints.stop, view.definition.id)
        await self._settle(view)
        if view.recorder is not None:
            view.recorder.close()
        view.writer = view.recorder = None

    def _ended(self, view: _Running, writer: StepWriter, error: TailraceError | None) -> None:
        """The query ended by itself (LIMIT) or failed; on the loop."""
        if error is None or self._views.get(view.definition.id) is not view:
            return
        if view.writer is not writer:  # it was paused or started again before this was told
            return
        stuck = view.recorder.stuck if view.recorder is not None else None
        leaving, why = view.leaving, (error.message, error.code)
        if leaving is not None and stuck is not None and leaving.failed(stuck, *why):
            self._spawn(self._restart(view))
        else:
            self._fail(view, error)

    def _fail(self, view: _Running, error: TailraceError) -> None:
        self._turn(view, "Error", error.message)
        self.externals.rest(view.definition.id)
        self._flow.stop(view.definition.id)
        _log.error("materialized view %s failed: %s", view.definition.name, error.message)

    def _turn(self, view: _Running, status: Status, message: str = "") -> None:
        view.status, view.message, view.since_ms = status, message, self._clock.now_ms()

    def left_out(self, view_id: str) -> dict[str, Any]:
        """How many rows a view left out, and where they are; nothing for one that takes all."""
        view = self._views.get(view_id)
        if view is None or view.leaving is None:
            return {}
        found: dict[str, Any] = {"left_out_rows": self._book.left_out(view_id)}
        if view.letters is not None:
            found["dead_letter_stream"] = view.letters.name
        return found

    def status(self, view_id: str) -> tuple[Status, str]:
        """What a view does now, and why it does not run."""
        view = self._views.get(view_id)
        if view is None:
            return "Error", "it was not started"
        runs = view.status == "ExecutingPipeline"
        return view.status, view.message or (self.externals.message(view_id) if runs else "")

    def since_ms(self, view_id: str) -> int:
        """When it began to do that; 0 of a view that was not started."""
        view = self._views.get(view_id)
        return 0 if view is None else view.since_ms


def _none(view_id: str) -> None:
    """No bounds."""


def _nothing() -> None:
    """Nobody else has work."""
