"""What the settings of an engine mean, in words for docs/settings.md."""

from __future__ import annotations

from typing import Final

ENGINE_DESCRIPTIONS: Final[dict[str, str]] = {
    "ingest_pending_bytes_max": "Bodies waiting in the engine; more is 429.",
    "rows_per_request_max": "Rows in one ingest request; more is 413.",
    "subscriber_bytes_max": "Result bytes waiting in the engine for one reader.",
    "waiting_bytes_max": "Result bytes waiting in the engine for all readers together; beyond it "
    "each gets results in small pieces.",
    "subscriber_stall_ms": "A reader that takes nothing for this long is ended with code 429.",
    "running_queries_max": "Running ad-hoc queries in a workspace; one more is 429, code 202.",
    "bounded_query_ms_max": "A bounded query is killed beyond this (code 159).",
    "sql_bytes_max": "Text of one statement; more is 400. At most 1 MiB.",
    "worker_memory_bytes": "Memory of a query worker above its idle size.",
    "workers_max": "Bounded queries that run side by side; more wait.",
    "workers_queue_max": "Bounded queries that wait for a worker; one more gets code 202.",
    "worker_threads": "DuckDB threads inside one query worker.",
    "engine_memory_bytes": "Memory of an engine process above its idle size.",
    "state_bytes_max": "State of one query, that on disk with it; beyond it the query fails with "
    "code 241.",
    "state_memory_bytes_max": "State of one query in memory; parts that were not touched lately "
    "go to disk beyond it.",
    "seal_bytes": "Unsealed rows above which history is written; bounds memory and recovery.",
    "hot_bytes_max": "Rows in memory beyond which writers are told to wait (429).",
    "background_bytes_max": "Rows that the query of a sink or alert gave out and that were not "
    "delivered yet; beyond it the query waits.",
    "dead_letter_bytes_max": "Rows of one dead-letter stream; at it a source, sink or alert waits, "
    "and a view fails, until there is room.",
    "dead_letter_days": "Rows of a new dead-letter stream stay this long; its TTL can be altered.",
    "disk_free_stop_fraction": "Free part of the disk below which writes are refused (507); the "
    "larger of this and the next counts. They resume at twice that (a part above a third: "
    "halfway between it and 1).",
    "allow_python_functions": "Users may create and run Python functions; see docs/udf.md for what "
    "keeps them apart.",
    "disk_free_stop_bytes": "Free bytes below which writes are refused (507).",
}
