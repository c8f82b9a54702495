"""The query worker process: one bounded statement at a time, inside limits, killable at any moment.

It never trusts the statement: one SELECT only, a connection that is made anew for each job to an
in-memory DuckDB that is made anew after each failure, reads of the history folder only, no bytes to
any file, bounded address space. The statement itself
was checked against the allow-list before it came here; this is the second wall.
"""

from __future__ import annotations

import mmap
import os
import queue
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from engine import limits, worker_wire
from engine.absence import keep_unused_out
from engine.calls import Answer, Request
from engine.clock import SystemClock
from engine.duck import Session
from engine.encode import JsonEncoder, event_time_ms
from engine.errors import Code, QueryFailed
from engine.failures import INTERNAL, failure_of
from engine.operators.statement import quoted
from engine.type_parser import parse_type
from engine.types import duckdb_type
from engine.worker_wire import (
    JobColumn,
    JobDone,
    JobFailed,
    WireJob,
    WireTable,
    WorkerOptions,
    WorkerReady,
)

if TYPE_CHECKING:
    from engine.udf.worker import WorkerFunctions

# DuckDB streams in vectors of 2,048 rows; one JSON chunk is one of them, an Arrow batch several.
_ROWS = {"json": 2_048, "arrow": 16_384}
# Share of the worker's memory that DuckDB's buffer manager may use; the rest is for what it does
# not count (values of scalar functions, result batches, JSON text).
_BUFFER_SHARE = 0.7
# One frame of rows; what a reader's queue is filled with at a time.
_CHUNK_BYTES = 512 << 10
_RECEIVE_BYTES = 1 << 16
# How often a call that waits for its answer looks for an interrupt.
_INTERRUPT_SECONDS = 0.05
# What may stay allocated after a job before it is given back by force (which takes 9 ms).
_KEPT_BYTES_MAX = 32 << 20
_DETAIL_CHARS_MAX = 8_000
# What needs no column (a count) takes the first of a union, which must cost nothing to read:
# counting 20 M rows took 277 ms over a real column, 57 ms over this one.
_ONE = '1::UTINYINT AS "__one"'
_HOT_NAME = "__hot_{}"


class Channel:
    """The socket to the pool. A thread reads it, so that an interrupt is seen during a job."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._jobs: queue.SimpleQueue[tuple[WireJob, int]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[Answer]] = {}
        self._calls = 0
        self._session: Session | None = None
        self.interrupted = False
        threading.Thread(target=self._read, daemon=True, name="channel").start()

    def next_job(self) -> tuple[WireJob, int]:
        """The next job and its descriptor (-1 = none); waits for it."""
        return self._jobs.get()

    def watch(self, session: Session | None) -> None:
        """Interrupts go to this session from now on."""
        with self._lock:
            self._session = session

    def send(self, kind: int, *parts: bytes | memoryview) -> None:
        """Send a frame; waits while the pool does not read (this is the back-pressure)."""
        with self._sending:
            for part in worker_wire.frame(kind, *parts):
                self._socket.sendall(part)

    def ask(self, request: Request) -> Answer:
        """Have the engine make an outside call; waits for its answer. Any thread of the job."""
        waiting: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        with self._lock:
            self._calls += 1
            number = self._calls
            self._answers[number] = waiting
        try:
            self.send(worker_wire.CALL, msgspec.msgpack.encode((number, request)))
            while True:
                try:
                    return waiting.get(timeout=_INTERRUPT_SECONDS)
                except queue.Empty:
                    if self.interrupted:
                        raise QueryFailed("The query was cancelled.", Code.CANCELLED) from None
        finally:
            with self._lock:
                del self._answers[number]

    def _read(self) -> None:
        buffer = bytearray()
        descriptors: list[int] = []
        while True:
            try:
                data, received, _, _ = socket.recv_fds(self._socket, _RECEIVE_BYTES, 4)
            except ConnectionError:
                data, received = b"", []
            if not data:
                os._exit(0)  # the pool is gone
            descriptors += received
            buffer += data
            while len(buffer) >= worker_wire.HEAD.size:
                size, kind = worker_wire.HEAD.unpack_from(buffer)
                if len(buffer) < size + 4:
                    break
                body = bytes(buffer[worker_wire.HEAD.size : size + 4])
                del buffer[: size + 4]
                self._on_frame(kind, body, descriptors)

    def _on_frame(self, kind: int, body: bytes, descriptors: list[int]) -> None:
        if kind == worker_wire.JOB:
            job = msgspec.msgpack.decode(body, type=WireJob)
            self.interrupted = False
            self._jobs.put((job, descriptors.pop(0) if job.hot_bytes else -1))
        elif kind == worker_wire.ANSWER:
            number, answer = worker_wire.decode_answer(body)
            with self._lock:
                waiting = self._answers.get(number)
            if waiting is not None:
                waiting.put(answer)
        elif kind == worker_wire.INTERRUPT:
            with self._lock:
                self.interrupted = True
                if self._session is not None:
                    self._session.interrupt()


class Worker:
    """Runs jobs one after another until it is killed or the pool goes away."""

    def __init__(self, options: WorkerOptions, channel: Channel) -> None:
        self._options = options
        self._channel = channel
        self._clock = SystemClock()
        self._session = self._new_session()
        self._session.renew()
        limits.give_back_memory()
        self._idle_bytes = limits.resident_bytes()
        # The limit counts from here for every job: counted from what a job left behind, the limits
        # of later jobs would creep upwards.
        self._idle_space_bytes = limits.address_space_bytes()

    def _new_session(self) -> Session:
        return Session(
            memory_bytes=int(self._options.memory_bytes * _BUFFER_SHARE),
            threads=self._options.threads,
            directories=(self._options.folder,),
        )

    def serve(self) -> None:
        """Announce readiness, run a job, again."""
        while True:
            ready = WorkerReady(
                kept_bytes=limits.resident_bytes() - self._idle_bytes,
                kept_space_bytes=limits.address_space_bytes() - self._idle_space_bytes,
            )
            self._channel.send(worker_wire.READY, msgspec.msgpack.encode(ready))
            job, descriptor = self._channel.next_job()
            # The hot rows are shared memory of the engine: they do not count as the query's own.
            space = self._idle_space_bytes + self._options.memory_bytes + job.hot_bytes
            limits.set_address_space(space)
            kind, body = self._attempt(job, descriptor)
            self._channel.watch(None)
            self._channel.send(kind, body)
            self._renew(whole=kind == worker_wire.FAIL or bool(job.functions))

    def _renew(self, *, whole: bool) -> None:
        """Forget the job: the next one finds nothing of it.

        `whole`: the instance too. User functions belong to it, and what was interrupted or out of
        memory is better left to no one.
        """
        if whole:
            self._session.close()
            self._session = self._new_session()
        self._session.renew()
        if limits.resident_bytes() > self._idle_bytes + _KEPT_BYTES_MAX:
            limits.give_back_memory()

    def _attempt(self, job: WireJob, descriptor: int) -> tuple[int, bytes]:
        started = self._clock.monotonic()
        hot: mmap.mmap | None = None
        functions: WorkerFunctions | None = None
        try:
            if descriptor >= 0:
                hot = mmap.mmap(descriptor, job.hot_bytes, prot=mmap.PROT_READ)
                os.close(descriptor)
            self._channel.watch(self._session)
            self._check(job.sql)
            for number, table in enumerate(job.tables):
                self._define(number, table, hot)
            functions = _functions(self._session, job, self._channel) if job.functions else None
            rows = self._run(job)
        except Exception as error:  # noqa: BLE001 - whatever a statement raises is its failure
            failed = functions.failure if functions is not None else None
            return worker_wire.FAIL, _failed(failed or error)
        elapsed_ms = int((self._clock.monotonic() - started) * 1000)
        return worker_wire.DONE, msgspec.msgpack.encode(JobDone(rows, elapsed_ms))

    def _check(self, sql: str) -> None:
        if self._channel.interrupted:
            raise QueryFailed("The query was cancelled.", Code.CANCELLED)
        if self._session.kinds(sql) != ["SELECT"]:
            raise QueryFailed("A query worker runs one SELECT and nothing else.", 497)

    def _define(self, number: int, table: WireTable, hot: mmap.mmap | None) -> None:
        """A view with exactly the columns asked for, over history and hot rows in this order."""
        columns = _cast(table.columns, lambda column: quoted(column.stored or column.name))
        where = f" WHERE {table.where}" if table.where else ""
        parts: list[str] = []
        if table.files:
            files = ", ".join("'" + path.replace("'", "''") + "'" for path in table.files)
            history = f"read_parquet([{files}], union_by_name=true)"
            parts.append(f"SELECT {columns} FROM {_with_later(table.columns, history)}")
        if table.hot_bytes and hot is not None:
            name = _HOT_NAME.format(number)
            stored = pa.py_buffer(hot).slice(table.hot_offset, table.hot_bytes)
            self._session.register(name, pa.ipc.open_stream(stored).read_all())
            parts.append(f"SELECT {columns} FROM {name}")
        if not parts:
            nothing = _cast(table.columns, lambda _: "NULL")
            parts.append(f"SELECT {nothing} WHERE false")
            where = ""
        body = " UNION ALL ".join(part + where for part in parts)
        self._session.execute(f"CREATE TEMP VIEW {quoted(table.alias)} AS {body}")

    def _run(self, job: WireJob) -> int:
        reader = self._session.stream(job.sql, _ROWS[job.output])
        send = self._send_arrow if job.output == "arrow" else self._send_json
        return send(job, reader)

    def _send_arrow(self, job: WireJob, reader: pa.RecordBatchReader) -> int:
        self._channel.send(worker_wire.SCHEMA, memoryview(reader.schema.serialize()))
        rows = 0
        for batch in self._batches(reader):
            rows += batch.num_rows
            for piece in _pieces(batch):
                self._channel.send(worker_wire.BATCH, memoryview(piece.serialize()))
        if not rows:  # one empty batch, so that the reader learns the schema
            empty = pa.RecordBatch.from_pylist([], schema=reader.schema)
            self._channel.send(worker_wire.BATCH, memoryview(empty.serialize()))
        return rows

    def _send_json(self, job: WireJob, reader: pa.RecordBatchReader) -> int:
        encoder = JsonEncoder([(c.name, parse_type(c.type)) for c in job.schema])
        rows = 0
        for batch in self._batches(reader):
            start = 0
            for count, payload in encoder.encode_chunks(batch, _CHUNK_BYTES):
                newest = 0
                if job.event_time_column >= 0:
                    newest = event_time_ms(batch.slice(start, count), job.event_time_column)
                head = worker_wire.ROWS_HEAD.pack(count, newest)
                self._send_rows(head, payload)
                start += count
            rows += batch.num_rows
        return rows

    def _send_rows(self, head: bytes, payload: bytes) -> None:
        if len(payload) > worker_wire.FRAME_BYTES_MAX:
            raise _too_wide()
        self._channel.send(worker_wire.ROWS, head, payload)

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in reader:
            if self._channel.interrupted:
                raise QueryFailed("The query was cancelled.", Code.CANCELLED)
            if batch.num_rows:
                yield batch


def _functions(session: Session, job: WireJob, channel: Channel) -> WorkerFunctions:
    """The user functions of a job, callable in its statement."""
    from engine.udf.worker import WorkerFunctions  # few jobs have any

    found = WorkerFunctions(session, job.instant_ms, job.seed, channel.ask)
    for function in job.functions:
        found.register(function)
    return found


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch cut into frames that the engine's loop can take in one turn."""
    if batch.nbytes <= _CHUNK_BYTES or batch.num_rows == 1:
        if batch.nbytes > worker_wire.FRAME_BYTES_MAX:
            raise _too_wide()
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def _too_wide() -> QueryFailed:
    limit = worker_wire.FRAME_BYTES_MAX >> 20
    return QueryFailed(f"A row of the result is over {limit} MiB.", Code.MEMORY_LIMIT)


def _cast(columns: tuple[JobColumn, ...], value: Callable[[JobColumn], str]) -> str:
    heads = [
        f"CAST({value(c)} AS {duckdb_type(parse_type(c.type))}) AS {quoted(c.name)}"
        for c in columns
    ]
    return ", ".join((_ONE, *heads))


def _with_later(columns: tuple[JobColumn, ...], files: str) -> str:
    """Stored rows of which some, or all, lack columns that were added later: those are NULL."""
    later = [c for c in columns if c.stored]
    if not later:
        return files
    heads = [
        f"CAST(NULL AS {duckdb_type(parse_type(c.type))}) AS {quoted(c.stored)}" for c in later
    ]
    empty = f"SELECT {', '.join(heads)} WHERE false"
    return f"({empty} UNION ALL BY NAME SELECT * FROM {files}) AS __f"


def _failed(error: Exception) -> bytes:
    failure = failure_of(error)
    # The log of a process that cannot write files is its pool's.
    detail = "".join(traceback.format_exception(error)) if failure.code == INTERNAL else ""
    failed = JobFailed(failure.code, failure.message, detail[-_DETAIL_CHARS_MAX:])
    return msgspec.msgpack.encode(failed)


def main() -> None:
    """Entry of `python -m engine.worker_main OPTIONS`; ends when the pool closes the socket."""
    options = msgspec.json.decode(sys.argv[1], type=WorkerOptions)
    keep_unused_out()
    limits.die_with_parent(options.parent_pid)
    limits.few_arenas()
    limits.forbid_files()
    limits.yield_processor()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    connection = socket.socket(fileno=options.socket)
    worker = Worker(options, Channel(connection))
    limits.tune_gc()
    worker.serve()


if __name__ == "__main__":
    main()
