"""The pool of killable query workers: bounded statements outside the engine's own process.

A worker is a process (`engine.worker_main`) that runs one job at a time. One is kept warm; up to
`workers_max` run side by side, up to `workers_queue_max` jobs wait. Whatever a statement does, its
worker is interrupted at the time limit, killed after a grace, and replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any, Final

from engine.clock import Clock
from engine.config import EngineSettings
from engine.errors import Code, EngineUnavailable, Overloaded, QueryFailed
from engine.jobs import BoundedJob, WorkerItem
from engine.worker_process import Call, Execution, WorkerProcess

# A job that runs this long gets a warm spare beside it: shorter ones would only pay for its start.
SPARE_AFTER_SECONDS: Final = 0.25
# A second idle worker is kept this long after a burst, then given back (memory at idle).
SURPLUS_IDLE_SECONDS: Final = 30.0
# A worker is replaced after this many jobs, or when it holds this much more than at its start:
# what allocators keep would count against the next query.
JOBS_PER_WORKER_MAX: Final = 1_000
KEPT_BYTES_MAX: Final = 256 << 20
# ... or when the address space it keeps is over this part of what one query may take.
KEPT_SPACE_SHARE: Final = 4
# Workers that die before they are ready, in a row, before the pool gives up on waiting jobs.
FAILED_STARTS_MAX: Final = 3


class WorkerPool:
    """Runs bounded jobs; for one event loop. `history`: the only folder workers may read."""

    def __init__(self, settings: EngineSettings, clock: Clock, history: Path) -> None:
        self._settings = settings
        self._clock = clock
        self._history = history
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._starting = 0
        self._failed_starts = 0
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._call: Call | None = None
        self.killed = 0

    def call_with(self, call: Call) -> None:
        """Who carries the outside calls of jobs from now on."""
        self._call = call

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a worker."""
        return sum(not f.done() for f in self._waiting)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Processes of the pool that have started."""
        return tuple(worker.pid for worker in (*self._idle, *self._busy))

    async def start(self) -> None:
        """Begin to start the warm worker; does not wait for it."""
        self._top_up()

    async def run(self, job: BoundedJob) -> AsyncGenerator[WorkerItem]:
        """Run one job: `Rows` (output json) or record batches (output arrow), last a `JobDone`.

        Nothing is computed ahead of the reader beyond a few chunks. Raises Overloaded (202) when
        the queue is full, QueryFailed with the dialect's code when it fails, 159 beyond its time,
        241 beyond its memory. Closing the generator early stops the job.
        """
        worker = await self._acquire()
        execution: Execution | None = None
        spare = asyncio.get_running_loop().call_later(SPARE_AFTER_SECONDS, self._top_up)
        try:
            execution = await worker.begin(job, self._call)
            async with contextlib.aclosing(execution.items()) as items:
                async for item in items:
                    yield item
        finally:
            spare.cancel()
            self._background(self._release(worker, execution))

    async def close(self) -> None:
        """Kill all workers; running jobs end as failed with code 503."""
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(EngineUnavailable("The engine is stopping."))
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        for worker in workers:
            worker.stop(QueryFailed("The server is stopping.", Code.ENGINE_RESTARTED))
        await asyncio.gather(*(worker.ended() for worker in workers))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- workers in and out -----------------------------------------------------------------

    async def _acquire(self) -> WorkerProcess:
        if self._closed:
            raise EngineUnavailable("The engine is stopping.")
        while self._idle and len(self._busy) < self._settings.workers_max:
            worker = self._idle.pop()
            if worker.alive:
                self._busy.add(worker)
                return worker
            self._background(worker.ended())  # somebody killed it while it was idle
        # Who waits only for a worker's start does not count as queued.
        free = self._settings.workers_max - len(self._busy)
        if self.waiting >= self._settings.workers_queue_max + free:
            raise Overloaded(
                f"{self._settings.workers_queue_max} bounded queries wait already "
                "(limit workers_queue_max); try again later."
            )
        future: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._top_up()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._busy.discard(future.result())
                self._offer(future.result())
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(future)

    def _offer(self, worker: WorkerProcess) -> None:
        """A worker is ready: to the first who waits, else kept warm."""
        while self._waiting and len(self._busy) < self._settings.workers_max:
            future = self._waiting.popleft()
            if not future.done():
                self._busy.add(worker)
                future.set_result(worker)
                return
        self._idle.append(worker)
        if len(self._idle) > 1:
            loop = asyncio.get_running_loop()
            loop.call_later(SURPLUS_IDLE_SECONDS, self._trim)

    def _trim(self) -> None:
        if len(self._idle) > 1:
            worker = self._idle.pop(0)
            worker.stop(None)
            self._background(worker.ended())

    def _top_up(self) -> None:
        """Start a worker unless one is idle or starting, or as many run as may."""
        wanted = max(1, self.waiting) - len(self._idle) - self._starting
        room = self._settings.workers_max - len(self._busy) - len(self._idle) - self._starting
        for _ in range(min(wanted, room)):
            if not self._closed:
                self._starting += 1
                self._background(self._start_one())

    async def _start_one(self) -> None:
        worker: WorkerProcess | None = None
        try:
            worker = await WorkerProcess.spawn(self._settings, self._history)
        except (OSError, EngineUnavailable) as error:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS_MAX:
                self._refuse_waiting(error)
        finally:
            self._starting -= 1
        if worker is None:
            if self._waiting:
                self._top_up()
        elif self._closed:
            worker.stop(None)
            await worker.ended()
        else:
            self._failed_starts = 0
            self._offer(worker)

    def _refuse_waiting(self, error: Exception) -> None:
        self._failed_starts = 0
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                refusal = EngineUnavailable("No query worker can be started; see the server's log.")
                refusal.__cause__ = error
                future.set_exception(refusal)

    async def _release(self, worker: WorkerProcess, execution: Execution | None) -> None:
        """After a job, whatever its end: use the worker again if it is as good as new."""
        usable = execution is not None and await execution.settle()
        self._busy.discard(worker)
        ready = worker.ready
        space_max = self._settings.worker_memory_bytes // KEPT_SPACE_SHARE
        kept_little = ready.kept_bytes < KEPT_BYTES_MAX and ready.kept_space_bytes < space_max
        good = worker.jobs < JOBS_PER_WORKER_MAX and kept_little
        if usable and good and not self._closed:
            self._offer(worker)
            return
        self.killed += not usable
        worker.stop(None)
        await worker.ended()
        self._top_up()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
