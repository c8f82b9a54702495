"""One query worker process as its pool sees it: start, one job at a time, interrupt, kill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine import worker_wire
from engine.batch import StreamSlice
from engine.calls import Answer, Request, refused
from engine.config import EngineSettings
from engine.errors import Code, EngineUnavailable, QueryFailed
from engine.failures import MEMORY_MESSAGE
from engine.jobs import BoundedJob, JobTable, WorkerItem, hot_rows, selected
from engine.protocol import Rows
from engine.worker_wire import JobDone, JobFailed, WireJob, WireTable, WorkerOptions, WorkerReady

log = logging.getLogger("tailrace.workers")

# From the interrupt to the kill: one interrupt is polled between vectors, which takes
# milliseconds; what has not ended by then is inside one endless call.
GRACE_SECONDS: Final = 0.5
# A worker that is not ready by then counts as failed; a cold start takes under a second.
START_SECONDS_MAX: Final = 30.0
# After the end of a job the worker makes itself new; longer than this and it is killed.
SETTLE_SECONDS_MAX: Final = 5.0
# What the pool reads ahead of the reader of a result; the socket adds about 200 KiB.
READ_AHEAD_BYTES: Final = 256 << 10

# The child's environment is made here, whole: nothing of ours (keys, passwords) is in it. Arrow's
# own allocator would reserve 1 GiB of address space, which the limit would count as idle.
_ENVIRONMENT: Final = {
    "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": "1",
}


Call = Callable[[Request], Awaitable[Answer]]


class WorkerProcess:
    """A started worker. For the loop that spawned it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        raw: socket.socket,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._raw = raw
        self._reader = reader
        self._writer = writer
        self._head: bytes | None = None
        self.pid = process.pid
        self.jobs = 0
        self.ready = WorkerReady(0, 0)
        self.reason: QueryFailed | None = None

    @classmethod
    async def spawn(cls, settings: EngineSettings, history: Path) -> WorkerProcess:
        """Start a process and wait until it is ready; raises EngineUnavailable if it is not."""
        ours, theirs = socket.socketpair()
        options = WorkerOptions(
            parent_pid=os.getpid(),
            socket=theirs.fileno(),
            memory_bytes=settings.worker_memory_bytes,
            threads=settings.worker_threads,
            folder=str(history.resolve()),
        )
        command = [sys.executable, "-P", "-m", "engine.launch", "engine.worker_main"]
        # Started from the loop's thread, not from a pool thread: the kernel ties the worker's life
        # to the thread that started it.
        process = subprocess.Popen(  # noqa: ASYNC220 - returns after vfork, 1 to 3 ms
            [*command, msgspec.json.encode(options).decode()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours.dup(), limit=READ_AHEAD_BYTES)
        worker = cls(process, ours, reader, writer)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await worker.wait_ready()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            worker.stop(None)
            await worker.ended()
            raise EngineUnavailable("A query worker could not be started.") from error
        except asyncio.CancelledError:
            worker.stop(None)
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    async def read(self) -> worker_wire.Frame:
        """The next frame; raises IncompleteReadError or ConnectionError when it is gone."""
        # The head is kept: a reader that is cancelled between the two must not lose the place.
        if self._head is None:
            self._head = await self._reader.readexactly(worker_wire.HEAD.size)
        size, kind = worker_wire.HEAD.unpack(self._head)
        body = await self._reader.readexactly(size - 1)
        self._head = None
        return worker_wire.Frame(kind, body)

    async def wait_ready(self) -> None:
        """Read up to the frame that says it waits for a job."""
        while (frame := await self.read()).kind != worker_wire.READY:
            pass
        self.ready = msgspec.msgpack.decode(frame.body, type=WorkerReady)

    async def begin(self, job: BoundedJob, call: Call | None = None) -> Execution:
        """Send a job; its rows are read from the execution. `call` makes its outside calls."""
        self.jobs += 1
        # Copying hot rows into shared memory takes up to tens of milliseconds: not on the loop.
        loop = asyncio.get_running_loop()
        packing = loop.run_in_executor(None, _pack, job)
        try:
            message, memory = await asyncio.shield(packing)
        except asyncio.CancelledError:
            packing.add_done_callback(_unpack)  # the thread goes on and opens a descriptor
            raise
        execution = Execution(self, job, call)
        try:
            if memory >= 0:
                # The first byte of the frame carries the descriptor; the worker is idle, so the
                # socket has room for it.
                socket.send_fds(self._raw, [message[:1]], [memory])
                message = message[1:]
            self._writer.write(message)
            await self._writer.drain()
        except OSError:
            pass  # it died while idle: reading says so
        finally:
            if memory >= 0:
                os.close(memory)
        return execution

    def answer(self, number: int, answer: Answer) -> None:
        """Answer an outside call of the running job."""
        if not self._writer.is_closing():
            body = msgspec.msgpack.encode((number, answer))
            for part in worker_wire.frame(worker_wire.ANSWER, body):
                self._writer.write(part)

    def interrupt(self) -> None:
        """Ask the worker to stop its job."""
        if not self._writer.is_closing():
            for part in worker_wire.frame(worker_wire.INTERRUPT):
                self._writer.write(part)

    def stop(self, reason: QueryFailed | None) -> None:
        """Kill it now; `reason` is what the reader of its job gets."""
        self.reason = self.reason or reason
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait for its end and give back its sockets. Call after `stop`, or at its own end."""
        await asyncio.get_running_loop().run_in_executor(None, self._process.wait)
        self._writer.close()
        self._raw.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def cause_of_death(self) -> QueryFailed:
        """Why its job failed, when it died under it: our reason, else its memory limit."""
        await asyncio.get_running_loop().run_in_executor(None, self._process.wait)
        if self.reason is not None:
            return self.reason
        code = self._process.returncode
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        return QueryFailed(f"{MEMORY_MESSAGE} (Its process ended: {how}.)", Code.MEMORY_LIMIT)


class _Stoppable(Protocol):
    def cancel(self) -> None: ...


class Execution:
    """One job on one worker, from its start to the moment the worker is free again."""

    def __init__(self, worker: WorkerProcess, job: BoundedJob, call: Call | None) -> None:
        self._worker = worker
        self._call = call
        self._calls: set[asyncio.Task[None]] = set()  # one a thread of the job at most
        self._limit_ms = job.time_ms_max
        self._ended = False
        self._schema: pa.Schema | None = None
        loop = asyncio.get_running_loop()
        self._timer: _Stoppable = loop.call_later(job.time_ms_max / 1000, self._on_time_limit)

    async def items(self) -> AsyncGenerator[WorkerItem]:
        """Chunks of result, then JobDone; raises QueryFailed."""
        try:
            while True:
                frame = await self._worker.read()
                item = self._item(frame)
                if item is not None:
                    yield item
                if self._ended:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._worker.cause_of_death() from None

    def _item(self, frame: worker_wire.Frame) -> WorkerItem | None:
        if frame.kind == worker_wire.ROWS:
            count, newest = worker_wire.ROWS_HEAD.unpack_from(frame.body)
            return Rows(count, frame.body[worker_wire.ROWS_HEAD.size :], newest)
        if frame.kind == worker_wire.SCHEMA:
            self._schema = pa.ipc.read_schema(pa.py_buffer(frame.body))
            return None
        if frame.kind == worker_wire.CALL:
            task = asyncio.get_running_loop().create_task(self._answered(frame.body))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            return None
        if frame.kind == worker_wire.BATCH:
            return pa.ipc.read_record_batch(pa.py_buffer(frame.body), self._schema)
        self._ended = True
        self._timer.cancel()
        if frame.kind == worker_wire.DONE:
            return msgspec.msgpack.decode(frame.body, type=JobDone)
        failed = msgspec.msgpack.decode(frame.body, type=JobFailed)
        if failed.code == Code.CANCELLED and self._worker.reason is not None:
            raise self._worker.reason
        if failed.detail:
            log.error("a bounded query failed inside its worker: %s", failed.detail)
        raise QueryFailed(failed.message, failed.code)

    async def _answered(self, body: bytes) -> None:
        number, request = worker_wire.decode_call(body)
        if self._call is None:
            answer = refused(request, "nobody carries calls out of the engine here")
        else:
            answer = await self._call(request)
        if not self._ended:
            self._worker.answer(number, answer)

    def _on_time_limit(self) -> None:
        seconds = self._limit_ms / 1000
        message = f"The query ran longer than its limit of {seconds:g} s."
        self._interrupt(QueryFailed(message, Code.TIMEOUT))

    def _interrupt(self, reason: QueryFailed) -> None:
        self._worker.reason = self._worker.reason or reason
        self._worker.interrupt()
        self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(GRACE_SECONDS, self._worker.stop, reason)

    async def settle(self) -> bool:
        """Bring the worker to wait for its next job; stops the running one. False: it is dead."""
        for task in list(self._calls):
            task.cancel()
        if not self._ended and self._worker.reason is None:
            self._interrupt(QueryFailed("The query was cancelled.", Code.CANCELLED))
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await self._worker.wait_ready()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return False
        finally:
            self._timer.cancel()
        # Here and not when the next job begins: a pool that closes may stop the worker before that.
        self._worker.reason = None
        return True


def _pack(job: BoundedJob) -> tuple[bytes, int]:
    """The job's frame and the descriptor of its hot rows (-1 = none). Blocks while it copies."""
    memory = -1
    size = 0
    tables: list[WireTable] = []
    if any(table.hot for table in job.tables):
        memory = os.memfd_create("hot", os.MFD_CLOEXEC)
    try:
        for table in job.tables:
            start = size
            size = _append(memory, size, table) if table.hot else size
            tables.append(
                WireTable(table.alias, table.columns, table.files, table.where, start, size - start)
            )
    except BaseException:
        if memory >= 0:
            os.close(memory)
        raise
    wire = WireJob(
        job.sql,
        tuple(tables),
        job.schema,
        job.output,
        job.event_time_column,
        size,
        job.functions,
        job.instant_ms,
        job.seed,
    )
    parts = worker_wire.frame(worker_wire.JOB, msgspec.msgpack.encode(wire))
    return b"".join(parts), memory


def _unpack(packing: asyncio.Future[tuple[bytes, int]]) -> None:
    """Nobody waits for this job any more: give its memory back."""
    if not packing.cancelled() and packing.exception() is None:
        _, memory = packing.result()
        if memory >= 0:
            os.close(memory)


def _append(memory: int, start: int, table: JobTable) -> int:
    """Write the hot rows of a table behind what is there; returns the new end, on a page border."""
    with open(memory, "ab", closefd=False) as file:
        pieces = (hot_rows(p) if isinstance(p, StreamSlice) else p for p in table.hot)
        batches = [selected(piece, table.columns) for piece in pieces]
        with pa.ipc.new_stream(file, batches[0].schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
        file.flush()
    end = os.fstat(memory).st_size
    end += -end % mmap.PAGESIZE
    os.ftruncate(memory, end)
    return end
