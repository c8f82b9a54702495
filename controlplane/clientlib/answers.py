"""What the server answers. Fields it leaves out have the values here; unknown ones are skipped."""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.clientlib.definitions import (
    ColumnDef,
    ColumnFamily,
    Panel,
    SecondaryIndex,
    Setting,
    UdfArgument,
)
from controlplane.clientlib.items import Item


class Owner(Item, frozen=True):
    """Who created or changed an object."""

    id: str = ""
    name: str = ""


class Kept(Item, frozen=True, kw_only=True):
    """What is said of every object; times are UTC, `YYYY-MM-DD HH:MM:SS`."""

    name: str = ""
    description: str = ""
    created_at: str = ""
    created_by: Owner = Owner()
    last_updated_at: str = ""
    last_updated_by: Owner = Owner()


class Column(Item, frozen=True):
    """A column of a result."""

    name: str
    type: str


class StreamColumn(Item, frozen=True):
    """A column of a stream or view."""

    name: str
    type: str
    nullable: bool = False
    default: str = ""
    codec: str = ""
    comment: str = ""


class Stream(Kept, frozen=True, kw_only=True):
    """A stream; the last of its columns is `_tp_time`. Counts only when they were asked for."""

    columns: list[StreamColumn] = []
    engine: str = ""
    mode: str = ""
    primary_key: str = ""
    ttl: str = ""
    ttl_expression: str = ""
    logstore_retention_bytes: int = 0
    logstore_retention_ms: int = 0
    column_families: list[ColumnFamily] = []
    secondary_indexes: list[SecondaryIndex] = []
    is_external: bool = False
    create_query: str = ""
    row_count: int | None = None
    streaming_data_bytes: int | None = None
    historical_data_bytes: int | None = None
    degraded: list[list[Any]] = []


class Rates(Item, frozen=True, kw_only=True):
    """Rows and bytes per second, averaged."""

    read_eps: float = 0.0
    read_bps: float = 0.0
    written_eps: float = 0.0
    written_bps: float = 0.0


class RatesAt(Rates, frozen=True, kw_only=True):
    """Rates of one part of the history."""

    start_time: str = ""


class StreamStats(Rates, frozen=True, kw_only=True):
    """Measured values of a stream; `history` only when days of it were asked for."""

    row_count: int = 0
    streaming_data_bytes: int = 0
    historical_data_bytes: int = 0
    earliest_event: str = ""
    latest_event: str = ""
    history: list[RatesAt] = []
    degraded: list[list[Any]] = []
    ttl_error: str = ""


class NodeStatus(Item, frozen=True, kw_only=True):
    """The background query of a view or sink on one node."""

    node_id: int = 0
    status: str = ""
    last_error_message: str = ""
    checkpoint_size: int = 0


class ViewStats(StreamStats, frozen=True, kw_only=True):
    """Measured values of a view and, of a materialized one, of its background query."""

    nodes: list[NodeStatus] = []
    status: str = ""
    status_ts: int = 0
    last_error_message: str = ""
    lagging: int = 0
    leader_node: int = 0
    memory: int = 0
    left_out_rows: int = 0
    dead_letter_stream: str = ""


class View(Kept, frozen=True, kw_only=True):
    """A view, plain or materialized."""

    query: str = ""
    columns: list[StreamColumn] = []
    materialized: bool = False
    target_stream: str = ""
    ttl: str = ""
    ttl_expression: str = ""
    logstore_retention_bytes: int = 0
    logstore_retention_ms: int = 0
    create_query: str = ""


class MaterializedView(Kept, frozen=True, kw_only=True):
    """A materialized view; its state only when it was asked for or of a single one."""

    query: str = ""
    columns: list[StreamColumn] = []
    target_stream: str = ""
    ttl_expression: str = ""
    logstore_retention_bytes: int = 0
    logstore_retention_ms: int = 0
    create_query: str = ""
    status: str = ""
    status_ts: int = 0
    last_error_message: str = ""
    lagging: int = 0
    leader_node: int = 0
    memory: int = 0


class AnalyzedColumn(Item, frozen=True):
    """A column that a statement reads or makes."""

    column: str = ""
    column_type: str = ""
    database: str = ""
    table: str = ""
    is_view: bool = False


class Analysis(Item, frozen=True, kw_only=True):
    """What a statement is; `query_type` is its first word."""

    query_type: str = ""
    is_streaming: bool = False
    has_aggr: bool = False
    has_subquery: bool = False
    has_table_join: bool = False
    has_union: bool = False
    group_by_columns: list[str] = []
    required_columns: list[AnalyzedColumn] = []
    result_columns: list[AnalyzedColumn] = []
    original_query: str = ""
    rewritten_query: str = ""


class QueryResult(Item, frozen=True):
    """The columns of a result."""

    header: list[Column] = []


class TimeColumns(Item, frozen=True, kw_only=True, rename="camel"):
    """Indices into the header, -1 = none."""

    event_time: int = -1
    window_start: int = -1
    window_end: int = -1


class Query(Kept, frozen=True, kw_only=True, rename={"time_columns": "timeColumns"}):
    """A query that runs or ran; times in Unix seconds, `response_time` in milliseconds."""

    id: str
    sql: str = ""
    status: str = ""
    message: str = ""
    code: int = 0
    tags: list[str] = []
    start_time: int = 0
    end_time: int = 0
    duration: int = 0
    response_time: int = 0
    result: QueryResult = QueryResult()
    analysis: Analysis = Analysis()
    time_columns: TimeColumns = TimeColumns()


class OperatorWork(Item, frozen=True):
    """Work of one operator."""

    processed_bytes: int = 0
    processing_time_ns: int = 0


class Operator(Item, frozen=True, kw_only=True):
    """One operator of a running query."""

    id: int
    name: str = ""
    status: str = ""
    metric: OperatorWork = OperatorWork()


class OperatorEdge(Item, frozen=True):
    """Rows flow from one operator to another."""

    from_: int = msgspec.field(name="from")
    to: int


class Pipeline(Item, frozen=True):
    """The operators of a running query; empty for an ended one."""

    nodes: list[Operator] = []
    edges: list[OperatorEdge] = []


class Sql(Item, frozen=True):
    """A statement as the server writes it."""

    sql: str


class SavedQuery(Kept, frozen=True, kw_only=True):
    """A kept query."""

    id: str
    sql: str = ""
    tags: list[str] = []


class Schema(Kept, frozen=True, kw_only=True):
    """A schema of messages."""

    type: str = ""
    content: str = ""


class UdfHeader(Item, frozen=True, kw_only=True):
    """The header of a remote function's calls; its value comes masked."""

    key_name: str = ""
    key_value: str = ""


class Udf(Kept, frozen=True, kw_only=True):
    """A function."""

    type: str = ""
    arguments: list[UdfArgument] = []
    return_type: str = ""
    source: str = ""
    is_aggregation: bool = False
    url: str = ""
    auth_method: str = ""
    auth_context: UdfHeader | None = None


class ExternalStream(Kept, frozen=True, kw_only=True):
    """An external stream; secret settings come masked."""

    type: str = ""
    columns: list[StreamColumn] = []
    settings: list[Setting] = []
    create_query: str = ""


class ExternalTable(Kept, frozen=True, kw_only=True):
    """An external table; secret settings come masked."""

    type: str = ""
    settings: list[Setting] = []
    create_query: str = ""


class Source(Kept, frozen=True, kw_only=True):
    """A source; secrets in its properties come masked. `guarantee`: what its type promises."""

    id: str
    type: str = ""
    stream: str = ""
    properties: dict[str, Any] = {}
    status: str = ""
    message: str = ""
    start_time: int = 0
    guarantee: str = ""
    dead_letter_stream: str = ""


class ErrorAt(Item, frozen=True):
    """An error with its time."""

    time: str = ""
    message: str = ""


class ThroughputAt(Item, frozen=True):
    """Bytes per second of one minute."""

    time: str = ""
    value: float = 0.0


class Replayed(Item, frozen=True, kw_only=True):
    """Dead letters that are stored or delivered now, and those that failed again and stay."""

    replayed: int = 0
    failed: int = 0


class CheckStep(Item, frozen=True, kw_only=True):
    """A step of a connection test: why it failed or what it found, in `millis` milliseconds."""

    name: str = ""
    ok: bool = False
    message: str = ""
    millis: int = 0


class Checked(Item, frozen=True, kw_only=True):
    """A connection test; the first step that failed is the last."""

    ok: bool = False
    steps: list[CheckStep] = []


class Suggestions(Item, frozen=True, kw_only=True):
    """Values of a property; `truncated`: there are more that begin so."""

    values: list[str] = []
    truncated: bool = False


class GapAt(Item, frozen=True, kw_only=True):
    """When a source missed what was sent: without `to` it lasts, `count` messages if known."""

    from_: str = msgspec.field(name="from", default="")
    to: str | None = None
    reason: str = ""
    count: int | None = None


class SourceStats(Item, frozen=True, kw_only=True):
    """Counters of a source since its start; `uptime` in milliseconds."""

    success_count: float = 0
    failure_count: float = 0
    errors: list[ErrorAt] = []
    gaps: list[GapAt] = []
    throughput: list[ThroughputAt] = []
    uptime: float = 0


class SinkStats(ViewStats, frozen=True, kw_only=True):
    """Counters of a sink since its start, and its background query."""

    success_count: float = 0
    failure_count: float = 0
    errors: list[ErrorAt] = []
    throughput: list[ThroughputAt] = []
    uptime: float = 0


class Inferred(Item, frozen=True, kw_only=True):
    """Columns that fit an event."""

    inferred_columns: list[ColumnDef] = []
    recommeneded_columns: list[ColumnDef] = []  # the contract's spelling


class Sink(Kept, frozen=True, kw_only=True):
    """A sink; secrets in its properties come masked."""

    id: str
    type: str = ""
    query: str = ""
    properties: dict[str, Any] = {}
    status: str = ""
    message: str = ""
    dead_letter_stream: str = ""
    plan: Analysis | None = None


class AlertEvent(Item, frozen=True):
    """A change of an alert's state: `triggered` or `resolved`, Unix milliseconds."""

    type: str = ""
    timestamp: int = 0


class Incident(Item, frozen=True, kw_only=True):
    """The state of an alert and how it came about, newest last."""

    id: str = ""
    status: str = ""
    timeline: list[AlertEvent] = []


class AlertAction(Item, frozen=True, kw_only=True):
    """What an alert does beside its own action: a type of sink and its properties."""

    action: str = ""
    properties: dict[str, Any] = {}


class AlertTransition(Item, frozen=True, kw_only=True):
    """A change that an alert would have made, and the row that made it."""

    time: str = ""
    type: str = ""
    row: dict[str, Any] = {}


class AlertTest(Item, frozen=True, kw_only=True):
    """What an alert would have done over the past; `truncated`: no more than so many changes were
    looked for."""

    transitions: list[AlertTransition] = []
    scanned_rows: int = 0
    transitions_max: int = 0
    truncated: bool = False


class Alert(Kept, frozen=True, kw_only=True):
    """An alert; secrets in its properties come masked."""

    id: str
    action: str = ""
    actions: list[AlertAction] = []
    cooldown: str = ""
    severity: int = 0
    trigger_sql: str = ""
    resolve_sql: str = ""
    properties: dict[str, Any] = {}
    status: str = ""
    message: str = ""
    dead_letter_stream: str = ""
    instance: Incident = Incident()
    trigger_query: Query | None = None
    resolve_query: Query | None = None


class Dashboard(Kept, frozen=True, kw_only=True):
    """A dashboard; its panels come back as they were given."""

    id: str
    panels: list[Panel] = []
