"""Messages between the pool and its query workers: frames over a socket pair.

A frame is a little-endian uint32 length of what follows, one byte of kind, and the body. The rows
of a job that are not in history yet travel beside it, as one file descriptor of shared memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import msgspec

from engine.calls import TIMEOUT_MS_DEFAULT, Answer, Remote, Request

HEAD = struct.Struct("<IB")

# Pool to worker.
JOB = 1  # WireJob; with one descriptor beside it when a table has hot rows
INTERRUPT = 2  # stop the running job, no body
ANSWER = 9  # (number, calls.Answer) of an outside call
# Worker to pool.
READY = 3  # WorkerReady: waits for a job
ROWS = 4  # WireRows head, then the JSON text
SCHEMA = 5  # Arrow IPC schema message; first of an Arrow result
BATCH = 6  # Arrow IPC record batch message
DONE = 7  # JobDone
FAIL = 8  # JobFailed
CALL = 10  # (number, calls.Request): an outside call of the running job

# A chunk of result beyond this ends the query (code 241): one row may be large, not endless.
FRAME_BYTES_MAX = 64 << 20

ROWS_HEAD = struct.Struct("<Iq")  # count, newest event time in ms (0 = none)


class JobColumn(msgspec.Struct, frozen=True, array_like=True):
    """A column by name and dialect type (as text). `stored`: its name in stored rows, '' = the
    same; one that was renamed or added later may be missing there and is NULL then."""

    name: str
    type: str
    stored: str = ""


class WireTable(msgspec.Struct, frozen=True, array_like=True):
    """A table of a job. Hot rows: `hot_bytes` of an Arrow IPC stream at `hot_offset`."""

    alias: str
    columns: tuple[JobColumn, ...]
    files: tuple[str, ...]
    where: str
    hot_offset: int
    hot_bytes: int


class JobFunction(msgspec.Struct, frozen=True, array_like=True):
    """A user function: `name` in the statement, `function` in the workspace; see
    `engine.udf.definition.Function`."""

    name: str
    function: str
    language: str
    arguments: tuple[tuple[str, str], ...]
    returns: str
    source: str
    aggregate: bool
    remote: Remote | None = None
    timeout_ms: int = TIMEOUT_MS_DEFAULT


class WireJob(msgspec.Struct, frozen=True, array_like=True):
    """One statement for a worker; see `engine.workers.BoundedJob`."""

    sql: str
    tables: tuple[WireTable, ...]
    schema: tuple[JobColumn, ...]
    output: Literal["json", "arrow"]
    event_time_column: int
    hot_bytes: int
    functions: tuple[JobFunction, ...] = ()
    instant_ms: int = 0
    seed: int = 0


class WorkerReady(msgspec.Struct, frozen=True, array_like=True):
    """A worker that waits for a job: what earlier jobs left allocated in it, in bytes.

    `kept_bytes` of physical memory and `kept_space_bytes` of address space, above its start.
    """

    kept_bytes: int
    kept_space_bytes: int


class JobDone(msgspec.Struct, frozen=True, array_like=True):
    """The result is complete."""

    rows: int
    processing_ms: int


class JobFailed(msgspec.Struct, frozen=True, array_like=True):
    """The job failed; the worker lives on. `detail`: for the server's log only."""

    code: int
    message: str
    detail: str = ""


class WorkerOptions(msgspec.Struct, frozen=True):
    """What a worker is started with, as JSON on its command line."""

    parent_pid: int
    socket: int
    memory_bytes: int
    threads: int
    folder: str


decode_call = msgspec.msgpack.Decoder(tuple[int, Request]).decode
decode_answer = msgspec.msgpack.Decoder(tuple[int, Answer]).decode


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame."""

    kind: int
    body: bytes


def frame(kind: int, *parts: bytes | memoryview) -> list[bytes | memoryview]:
    """Parts of one frame, head first, to be written in order."""
    size = sum(len(part) for part in parts)
    return [HEAD.pack(size + 1, kind), *parts]
