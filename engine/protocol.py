"""The Engine protocol: what the control plane and the connectors may ask, and the messages of it.

Implementations: `engine.local.LocalEngine` (the object itself), `engine.remote.RemoteEngine` (the
same over the Unix socket); one suite runs against both (tests/engine/test_protocol.py). This module
imports no Arrow, numpy or DuckDB: rows cross as bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec

from engine.activity import Activities
from engine.background import Background
from engine.external_objects import ExternalObjects
from engine.series_apis import SeriesApis
from engine.source_appends import SourceAppends

StreamKind = Literal[
    "stream",
    "random_stream",
    "view",
    "materialized_view",
    "external_stream",
    "external_table",
    "function",
    "schema",
]
QueryStatus = Literal["running", "finished", "canceled", "failed"]
IngestFormat = Literal["compact", "streaming", "raw", "lines"]


class Caller(msgspec.Struct, frozen=True):
    """Who asks; stored as created_by and last_updated_by."""

    id: str = ""
    name: str = ""


class ColumnDef(msgspec.Struct, frozen=True):
    """One declared column. `type`: the dialect's lower-case name; `kind`: what `default` is.

    `stored`: the name under which stored rows have it, '' = its own. A column that was renamed
    keeps the old one; one that was added later has one that was never used, with `__` before it,
    and rows that were stored before have no value of it.
    """

    name: str
    type: str
    default: str = ""
    kind: Literal["default", "alias", "materialized"] = "default"
    codec: str = ""
    ttl_expression: str = ""
    skipping_index_expression: str = ""
    comment: str = ""
    stored: str = ""


class Definition(msgspec.Struct, frozen=True):
    """What SQL can name: a stream, view, external object, function or schema, as stored in the
    commit log.

    `columns` of a stream are the declared ones, without the reserved `_tp_time` unless declared;
    of a view they are the columns of its result, of a function its arguments (`query` is its body,
    `options` the rest: `engine.udf.definition`). Of a schema `query` is the content, of an
    external object `settings` say where its rows lie, secrets in them included (sealed, if the
    control plane gave them). Functions and
    schemas have names of their own: a stream may be called like one. Times are milliseconds since
    the epoch.
    """

    id: str
    name: str
    kind: StreamKind
    columns: tuple[ColumnDef, ...] = ()
    mode: str = "append"
    engine: str = "Stream"
    primary_key: str = ""
    event_time_column: str = ""
    event_time_timezone: str = "UTC"
    logstore_retention_bytes: int = 10737418240
    logstore_retention_ms: int = 604800000
    ttl_expression: str = ""
    description: str = ""
    query: str = ""
    create_query: str = ""
    settings: dict[str, str] = {}
    created_at_ms: int = 0
    created_by: Caller = Caller()
    updated_at_ms: int = 0
    updated_by: Caller = Caller()
    options: dict[str, Any] = {}
    degraded: tuple[tuple[int, int], ...] = ()


class Alteration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Changes to a definition; None leaves a field as it is."""

    description: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None
    ttl_expression: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """All definitions at a revision. The revision grows with each change of the catalog."""

    revision: int
    definitions: tuple[Definition, ...]


class IngestRequest(msgspec.Struct, frozen=True):
    """One append. The body travels beside it as raw bytes (inflated already)."""

    stream: str
    format: IngestFormat
    idempotency_id: str = ""


class IngestAck(msgspec.Struct, frozen=True):
    """The append is durable. `duplicate`: the idempotency id was known, nothing was stored."""

    rows: int
    sn: int
    duplicate: bool = False


class QueryRequest(msgspec.Struct, frozen=True):
    """One statement to run. `batch_count`/`batch_ms`: batching policy, 0 = none.

    `bounded_only` refuses streaming SQL with code 48 (exec); `timeout_ms` 0 = the engine's own.
    `allow` names the statement classes that the caller may run: "read", "write" (INSERT), "ddl",
    and "others": to go on with or end what another user subscribed to. `since_ms`: go on with the
    rows from that event time on if the query allows it (`QueryOpened.resumed`), 0 = from its start.
    """

    id: str
    sql: str
    caller: Caller = Caller()
    batch_count: int = 0
    batch_ms: int = 0
    bounded_only: bool = False
    timeout_ms: int = 0
    allow: tuple[str, ...] = ("read", "write", "ddl", "others")
    since_ms: int = 0


class ResultColumn(msgspec.Struct, frozen=True):
    """One column of a result header."""

    name: str
    type: str


class AnalyzedColumn(msgspec.Struct, frozen=True):
    """A column as sqlanalyze reports it."""

    column: str
    column_type: str = ""
    database: str = "default"
    table: str = ""
    is_view: bool = False


class Analysis(msgspec.Struct, frozen=True):
    """What sqlanalyze reports; field names are those of the v1beta2 contract."""

    original_query: str
    rewritten_query: str
    query_type: str
    is_streaming: bool = False
    has_aggr: bool = False
    has_subquery: bool = False
    has_table_join: bool = False
    has_union: bool = False
    group_by_columns: tuple[str, ...] = ()
    required_columns: tuple[AnalyzedColumn, ...] = ()
    result_columns: tuple[AnalyzedColumn, ...] = ()


class QueryOpened(msgspec.Struct, frozen=True):
    """A query was accepted and runs (or, for DDL, is done): everything before the first row.

    `kind`: "streaming", "bounded" (rows then an end) or "ddl" (done, no rows). Time columns are
    indices into the header, -1 = none. `id` is that of the request, but for RECOVER FROM. `kept`:
    whoever reads it says what it has (`Engine.delivered`). `reads`: streams and views. `resumed`:
    it goes on at the request's `since_ms`.
    """

    id: str
    kind: Literal["streaming", "bounded", "ddl"]
    header: tuple[ResultColumn, ...]
    analysis: Analysis
    event_time_column: int = -1
    window_start_column: int = -1
    window_end_column: int = -1
    kept: bool = False
    reads: tuple[str, ...] = ()
    resumed: bool = False


class Rows(msgspec.Struct, frozen=True):
    """A batch of result rows: `payload` is one JSON array of row arrays, without line breaks."""

    count: int
    payload: bytes
    last_event_time_ms: int = 0


class QueryCounters(msgspec.Struct, frozen=True):
    """What a query did so far; times in milliseconds. `waits`: why it gets no rows of an external
    stream for now, '' = it does."""

    scanned_rows: int = 0
    scanned_bytes: int = 0
    result_rows: int = 0
    processing_ms: int = 0
    last_event_time_ms: int = 0
    late_rows: int = 0
    state_rows: int = 0
    state_bytes: int = 0
    waits: str = ""


class QueryEnd(msgspec.Struct, frozen=True):
    """The last item of a query. `code` is 0 unless it failed or was cancelled with a reason."""

    status: QueryStatus
    code: int = 0
    message: str = ""
    counters: QueryCounters = QueryCounters()


class PipelineNode(msgspec.Struct, frozen=True):
    """One operator of a running query."""

    id: int
    name: str
    status: str
    processed_bytes: int = 0
    processing_time_ns: int = 0


class Pipeline(msgspec.Struct, frozen=True):
    """The operator graph of a query; edges are (from, to)."""

    nodes: tuple[PipelineNode, ...]
    edges: tuple[tuple[int, int], ...]


class RatePoint(msgspec.Struct, frozen=True):
    """Rates of one interval of 30 minutes, beginning at `start_ms`."""

    start_ms: int
    read_bps: float
    read_eps: float
    written_bps: float
    written_eps: float


class StreamStats(msgspec.Struct, frozen=True):
    """Measured values of one stream; event times are None while it is empty.

    `degraded`: ranges of sequence numbers whose rows cannot be read any more. `ttl_error`: why the
    TTL could not be applied when it was last tried; '' = it could, or there is none.
    """

    row_count: int
    streaming_data_bytes: int
    historical_data_bytes: int
    earliest_event_ms: int | None = None
    latest_event_ms: int | None = None
    read_bps: float = 0.0
    read_eps: float = 0.0
    written_bps: float = 0.0
    written_eps: float = 0.0
    history: tuple[RatePoint, ...] = ()
    degraded: tuple[tuple[int, int], ...] = ()
    ttl_error: str = ""


class ViewState(msgspec.Struct, frozen=True):
    """What a materialized view does since `since_ms`, in an error with its `message`.

    `lagging`: appends of the streams it reads that it has not read. `state_bytes`: what its query
    holds in memory; `checkpoint_bytes`: its newest checkpoint on disk. `left_out_rows`: rows at
    which its query failed, if it leaves such out; `dead_letter_stream`: where they are, '' = gone.
    """

    status: Literal["ExecutingPipeline", "Paused", "Error"]
    message: str = ""
    since_ms: int = 0
    lagging: int = 0
    state_bytes: int = 0
    checkpoint_bytes: int = 0
    left_out_rows: int = 0
    dead_letter_stream: str = ""


class Position(msgspec.Struct, frozen=True, order=True):
    """A row of a hidden stream: of append `sn` row `row`, from 0; (-1, -1) is before all."""

    sn: int = -1
    row: int = -1


class BackgroundQuery(msgspec.Struct, frozen=True):
    """The query of a sink (one), or of an alert (trigger and resolve, which run as one graph).

    `owner`: "sink:<uuid>" or "alert:<uuid>"; `name`: what its dead-letter stream is called after;
    `anew`: it begins anew also when its queries are those that it has.
    """

    owner: str
    queries: tuple[str, ...]
    name: str = ""
    anew: bool = False


class BackgroundOpened(msgspec.Struct, frozen=True):
    """A background query was accepted: one header and analysis per query.

    `stream`: the hidden stream, which `Engine.stats` knows; '' when it was only checked. `reads`:
    streams and views of each query, as in `QueryOpened`.
    """

    stream: str
    headers: tuple[tuple[ResultColumn, ...], ...]
    analyses: tuple[Analysis, ...]
    reads: tuple[tuple[str, ...], ...] = ()


class BackgroundRows(msgspec.Struct, frozen=True):
    """Rows of one append and one query, in order; `payload` as in `Rows`.

    `query`: its index among the queries. `first_row`: number of the first row in the append, so
    that the last one is at `Position(sn, first_row + count - 1)`.
    """

    query: int
    sn: int
    first_row: int
    count: int
    payload: bytes
    event_time_ms: int = 0


class BacktestRow(msgspec.Struct, frozen=True):
    """A row that a background query would have given at an instant; `row` is a JSON array."""

    time_ms: int
    query: int
    row: bytes


class Backtested(msgspec.Struct, frozen=True):
    """What background queries would have given over the past: of rows of one query that follow each
    other the first. At most `rows_max` of them and some MiB; `truncated`: it ended there."""

    headers: tuple[tuple[ResultColumn, ...], ...]
    rows: tuple[BacktestRow, ...]
    scanned_rows: int
    rows_max: int
    truncated: bool = False


class EngineInfo(msgspec.Struct, frozen=True):
    """State of the engine process. `writable` is False after a sync error or on a full disk."""

    version: str
    duckdb_version: str
    writable: bool
    reason: str
    running_queries: int
    log_bytes: int
    counters: dict[str, float]


class RunningQuery(Protocol):
    """A query that was opened: its head, and its items once."""

    opened: QueryOpened

    def items(self) -> AsyncIterator[Rows | QueryEnd]:
        """Result batches in order, then exactly one QueryEnd; call once.

        A reader that stops taking is ended by the engine: after `subscriber_bytes_max` waiting or
        10 s without taking, with status failed and code 429.
        """
        ...

    async def counters(self) -> QueryCounters:
        """What it did so far; answers at once."""
        ...

    async def cancel(self) -> None:
        """Stop it; `items` then ends with status canceled. Safe to call twice."""
        ...


class Engine(Background, SourceAppends, ExternalObjects, SeriesApis, Activities, Protocol):
    """Everything that can be asked of one workspace's engine.

    All methods are coroutines that never block the loop. They raise the tree of `engine.errors`;
    the remote implementation also raises EngineUnavailable.
    """

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """Store one body as one append, whole or not at all; returns after it is durable."""
        ...

    async def run(self, request: QueryRequest) -> RunningQuery:
        """Parse, bind and start one statement; raises before the first row if it cannot."""
        ...

    async def cancel(self, query_id: str) -> bool:
        """Stop a running query; False if it is not running."""
        ...

    async def delivered(self, query_id: str, rows: int) -> None:
        """The reader of a query that is `kept` has so many rows of it since it was opened."""
        ...

    async def pipeline(self, query_id: str) -> Pipeline:
        """Its operator graph; NotFound if it does not run."""
        ...

    async def analyze(self, sql: str) -> Analysis:
        """Parse and bind without running."""
        ...

    async def format_sql(self, sql: str) -> str:
        """The same statement, pretty-printed."""
        ...

    async def create(self, definition: Definition, caller: Caller) -> Definition:
        """Create what `definition` says (the engine gives id and times); durable on return.

        A function, schema, external object or view with option "or_replace" replaces its namesake.
        A materialized view with option "into" writes to that stream, which is created with the
        query's columns, the TTL and the retentions of the view when it is missing.
        """
        ...

    async def alter(self, name: str, change: Alteration, caller: Caller) -> Definition:
        """Change a definition; durable on return."""
        ...

    async def drop(self, name: str, *, force: bool = False, kind: str = "") -> None:
        """Drop a definition and its rows; UserError 630 names what still uses it unless `force`.

        `kind` "function" or "schema": what has this name among these, which may be that of a
        stream too. "external stream" or "external table": NotFound if it is something else.
        """
        ...

    async def stats(self, name: str, history_days: int = 0) -> StreamStats:
        """Measured values of a stream; `history` only when days are asked for."""
        ...

    async def view_state(self, name: str) -> ViewState:
        """What a materialized view does now; NotFound if there is none of this name."""
        ...

    async def hold(self, owner: str, names: tuple[str, ...]) -> None:
        """`owner` (such as "source:<id>") uses these objects; replaces what it held; durable."""
        ...

    async def release(self, owner: str) -> None:
        """`owner` uses nothing any more; durable."""
        ...

    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        """Make the held uses exactly these; objects are never dropped by it, but background
        queries of sinks and alerts that are not among the owners are."""
        ...

    async def definitions(self) -> Snapshot:
        """All definitions."""
        ...

    def watch(self) -> AsyncIterator[Snapshot]:
        """The snapshot now and after each change (a slow reader gets only the newest)."""
        ...

    async def info(self) -> EngineInfo:
        """State and counters."""
        ...

    async def close(self) -> None:
        """Give back what the implementation holds; running queries end as canceled, code 503."""
        ...
