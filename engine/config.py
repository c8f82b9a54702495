"""Settings of one engine process, handed down by the supervisor as JSON; limits with reasons."""

from __future__ import annotations

import msgspec

MIB = 1 << 20


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All bounds of one workspace's engine. Bytes, milliseconds and seconds as the names say."""

    # Waiting bodies; beyond it ingest answers 429: the disk or the decoder does not keep up.
    ingest_pending_bytes_max: int = 64 * MIB
    # Rows in one request: one append is decoded and logged whole.
    rows_per_request_max: int = 100_000
    # Result bytes waiting for one reader before its query pauses reading: 200 stalled readers of
    # different queries stay within 50 MiB and what one step adds.
    subscriber_bytes_max: int = 256 << 10
    # Result bytes waiting for all readers together; beyond it each gets results in small pieces, so
    # that a step adds little to what waits for many readers of different queries.
    waiting_bytes_max: int = 32 * MIB
    # A reader that takes nothing for this long while rows wait is ended with code 429.
    subscriber_stall_ms: int = 10_000
    # Running ad-hoc queries in the workspace; one more gets code 202.
    running_queries_max: int = 2_000
    # A bounded query is killed beyond this (code 159).
    bounded_query_ms_max: int = 120_000
    # Text of one statement.
    sql_bytes_max: int = 256 << 10
    # Memory of a query worker above its idle size (RLIMIT_AS).
    worker_memory_bytes: int = 2048 * MIB
    # Bounded queries that run side by side; more wait.
    workers_max: int = 2
    # Bounded queries that wait for a worker; one more gets code 202.
    workers_queue_max: int = 64
    # Threads of DuckDB inside one worker.
    worker_threads: int = 2
    # Memory of the engine process above its idle size (RLIMIT_AS).
    engine_memory_bytes: int = 4096 * MIB
    # Unsealed rows above which history is written; bounds memory of the hot tail and recovery.
    seal_bytes: int = 64 * MIB
    # Hot rows beyond this stop writers (429): sealing does not keep up.
    hot_bytes_max: int = 768 * MIB
    # Free room below which writes are refused (the smaller of the two); they resume at twice that.
    disk_free_stop_fraction: float = 0.05
    disk_free_stop_bytes: int = 512 * MIB
