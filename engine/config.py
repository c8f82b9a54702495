"""Settings of one engine process, handed down by the supervisor as JSON; limits with reasons."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MIB = 1 << 20
GIB = 1 << 30
HOUR_MS = 3_600_000


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All bounds of one workspace's engine. Bytes, milliseconds and seconds as the names say.

    A value out of its range is refused when it is decoded: below it the engine would hang or not
    start, above it the bound bounds nothing.
    """

    # Waiting bodies; beyond it ingest answers 429: the disk or the decoder does not keep up.
    ingest_pending_bytes_max: Annotated[int, Meta(ge=MIB, le=64 * GIB)] = 64 * MIB
    # Rows in one request: one append is decoded and logged whole.
    rows_per_request_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    # Result bytes waiting for one reader before its query pauses reading: 200 stalled readers of
    # different queries stay within 50 MiB and what one step adds.
    subscriber_bytes_max: Annotated[int, Meta(ge=1024, le=GIB)] = 256 << 10
    # Result bytes waiting for all readers together; beyond it each gets results in small pieces, so
    # that a step adds little to what waits for many readers of different queries.
    waiting_bytes_max: Annotated[int, Meta(ge=1024, le=64 * GIB)] = 32 * MIB
    # A reader that takes nothing for this long while rows wait is ended with code 429.
    subscriber_stall_ms: Annotated[int, Meta(ge=100, le=HOUR_MS)] = 10_000
    # Running ad-hoc queries in the workspace; one more gets code 202.
    running_queries_max: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    # A bounded query is killed beyond this (code 159).
    bounded_query_ms_max: Annotated[int, Meta(ge=100, le=24 * HOUR_MS)] = 120_000
    # Text of one statement.
    sql_bytes_max: Annotated[int, Meta(ge=1024, le=MIB)] = 256 << 10
    # Memory of a query worker above its idle size (RLIMIT_AS).
    worker_memory_bytes: Annotated[int, Meta(ge=128 * MIB, le=1024 * GIB)] = 2048 * MIB
    # Bounded queries that run side by side; more wait.
    workers_max: Annotated[int, Meta(ge=1, le=64)] = 2
    # Bounded queries that wait for a worker; one more gets code 202.
    workers_queue_max: Annotated[int, Meta(ge=0, le=10_000)] = 64
    # Threads of DuckDB inside one worker.
    worker_threads: Annotated[int, Meta(ge=1, le=64)] = 2
    # Memory of the engine process above its idle size (RLIMIT_AS).
    engine_memory_bytes: Annotated[int, Meta(ge=256 * MIB, le=1024 * GIB)] = 4096 * MIB
    # State of one query, that on disk with it; beyond it that query alone fails (code 241).
    state_bytes_max: Annotated[int, Meta(ge=MIB, le=1024 * GIB)] = 4 * GIB
    # State of one query in memory: what was not touched lately goes to disk beyond it. A lower
    # bound would write every batch.
    state_memory_bytes_max: Annotated[int, Meta(ge=MIB, le=64 * GIB)] = 256 * MIB
    # Unsealed rows above which history is written; bounds memory of the hot tail and recovery.
    seal_bytes: Annotated[int, Meta(ge=MIB >> 4, le=64 * GIB)] = 64 * MIB
    # Hot rows beyond this stop writers (429): sealing does not keep up.
    hot_bytes_max: Annotated[int, Meta(ge=MIB, le=64 * GIB)] = 768 * MIB
    # Rows that a background query gave out and its reader has not taken; beyond it the query waits.
    background_bytes_max: Annotated[int, Meta(ge=MIB >> 4, le=1024 * GIB)] = 4 * GIB
    # Rows of one dead-letter stream; at it whatever gives up more of them waits, or fails (a view).
    # Nothing of one is dropped to make room.
    dead_letter_bytes_max: Annotated[int, Meta(ge=1024, le=1024 * GIB)] = GIB
    # How long the rows of a new dead-letter stream stay: time to look at them and replay them.
    dead_letter_days: Annotated[int, Meta(ge=1, le=36_500)] = 7
    # Free room below which writes are refused (the larger of the two); they resume at twice that,
    # the part at most halfway between its mark and an empty disk.
    disk_free_stop_fraction: Annotated[float, Meta(ge=0, le=1)] = 0.05
    # Python functions run code of users in a process of their own (docs/udf.md says how apart).
    allow_python_functions: bool = False
    disk_free_stop_bytes: Annotated[int, Meta(ge=0, le=1 << 60)] = 512 * MIB
