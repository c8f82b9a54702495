"""v1beta2 queries and one-shot SQL: structs and controllers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from controlplane.api.common import Owner, owner
from controlplane.auth import Principal
from controlplane.request import while_connected
from controlplane.services.ended_queries import Sought
from controlplane.services.live_query import LiveQuery, QueryRecord
from controlplane.services.names import utc_text
from controlplane.services.queries import EXEC_MS_DEFAULT, NewQuery, QueryService
from controlplane.sse import Streaming, ended_response, live_response
from engine.protocol import Analysis, Pipeline, ResultColumn


class BatchingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a batch of rows is sent: after `count` rows or `time_ms` since its first."""

    count: int | None = None
    time_ms: int | None = None


class CreateQueryRequestV1Beta2(msgspec.Struct, frozen=True, kw_only=True):
    """A statement to run."""

    batching_policy: BatchingPolicy | None = None
    description: str | None = None
    name: str | None = None
    sql: str
    tags: list[str] | None = None
    type: Literal["historical", "ddl", "streaming", ""] | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a result."""

    name: str
    type: str


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The header of a result."""

    header: list[Column]


class SQLAnalyzeColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column that a statement reads or makes."""

    column: str
    column_type: str
    database: str
    is_view: bool
    table: str


class SQLAnalyzeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is."""

    group_by_columns: list[str]
    has_aggr: bool
    has_subquery: bool
    has_table_join: bool
    has_union: bool
    is_streaming: bool
    original_query: str
    query_type: str
    required_columns: list[SQLAnalyzeColumn]
    result_columns: list[SQLAnalyzeColumn]
    rewritten_query: str


class TimeColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Indices into the header, -1 = none."""

    event_time: int = msgspec.field(name="eventTime")
    window_end: int = msgspec.field(name="windowEnd")
    window_start: int = msgspec.field(name="windowStart")


class SinkStat(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a query's sink took and refused."""

    failure_count: int
    success_count: int


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query as shown; `code` only after a failure or a cancellation with a reason."""

    analysis: SQLAnalyzeResult
    created_at: str
    created_by: Owner
    description: str
    duration: int
    end_time: int
    id: str
    last_updated_at: str
    last_updated_by: Owner
    message: str
    name: str
    response_time: int
    result: QueryResult
    sinks: dict[str, SinkStat]
    sql: str
    start_time: int
    status: Literal["running", "finished", "canceled", "failed"]
    tags: list[str]
    time_columns: TimeColumns = msgspec.field(name="timeColumns")
    code: int | msgspec.UnsetType = msgspec.UNSET


class QueryPipelineNodeMetric(msgspec.Struct, frozen=True, kw_only=True):
    """Work of one operator."""

    processed_bytes: int
    processing_time_ns: int


class QueryPipelineNode(msgspec.Struct, frozen=True, kw_only=True):
    """One operator."""

    id: int
    metric: QueryPipelineNodeMetric
    name: str
    status: str


class QueryPipelineEdge(msgspec.Struct, frozen=True, kw_only=True):
    """Rows flow from one operator to another."""

    from_: int = msgspec.field(name="from")
    to: int


class QueryPipeline(msgspec.Struct, frozen=True, kw_only=True):
    """The operator graph of a running query."""

    edges: list[QueryPipelineEdge]
    nodes: list[QueryPipelineNode]


class AnalyzeSQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A statement to look at; without one it is the empty statement, which is none."""

    sql: str = ""


class FormatQueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A statement to print nicely; without one it is the empty statement, which is none."""

    sql: str = ""


class FormatQueryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The same statement, pretty-printed."""

    sql: str


class ExecRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A bounded query or a definition to run to its end."""

    sql: str
    timeout_ms: int | None = None
    type: Literal["historical", "ddl"]


class HistoricalQueryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A whole result: rows of values in the order of the columns."""

    columns: list[Column]
    data: list[list[Any]]


class EncodedResult(msgspec.Struct, frozen=True, kw_only=True):
    """A HistoricalQueryResponse whose rows are JSON already, as the engine gives them."""

    columns: list[Column]
    data: msgspec.Raw


class ExecuteQueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A definition to run."""

    sql: str


EVENT_STREAM = ResponseSpec(
    Query,
    generate_examples=False,
    media_type="text/event-stream",
    description="Events: `query` with a Query, rows, `metrics` once a second, a last `query`.",
)
RESULT = ResponseSpec(HistoricalQueryResponse, generate_examples=False, description="The result.")
DEFINED = ResponseSpec(None, generate_examples=False, description="The definition is made.")

_encode = msgspec.json.Encoder().encode


class QueryController(Controller):
    """Ad-hoc queries of the workspace."""

    path = "/queries"
    tags = ["Queries"]  # noqa: RUF012  the framework's way

    @get(operation_id="listQueries", summary="List queries")
    async def list_queries(
        self,
        queries: Given[QueryService],
        principal: Given[Principal],
        tag: FromQuery[str | None] = None,
        status: FromQuery[str | None] = None,
        user: FromQuery[str | None] = None,
        text: FromQuery[str | None] = None,
    ) -> list[Query]:
        """Running and recently ended queries, by start; `tag` picks those that carry it.
        Extensions: `status`, `user` (a name), `text` (part of the SQL or name in any case)."""
        sought = Sought(tag or "", status or "", user or "", text or "")
        return [to_query(one, queries.now_ms) for one in queries.found(principal, sought)]

    @post(
        operation_id="createQuery",
        summary="Run a query and stream its rows",
        status_code=200,
        responses={200: EVENT_STREAM, 204: DEFINED},
    )
    async def create_query(
        self,
        data: JSONBody[CreateQueryRequestV1Beta2],
        queries: Given[QueryService],
        principal: Given[Principal],
        streaming: Given[Streaming],
    ) -> ASGIApp:
        """An event stream: `query`, rows, `metrics` once a second, and a last `query`."""
        started = await queries.start(principal, to_new_query(data))
        if isinstance(started, LiveQuery):
            return live_response(started, streaming)
        if data.type == "ddl":
            return ASGIResponse(status_code=204)
        return ended_response(started, streaming)

    @post("/exec", operation_id="executeDDL", summary="Run a definition statement", status_code=200)
    async def execute_ddl(
        self,
        data: JSONBody[ExecuteQueryRequest],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> Query:
        """Run a statement that has no rows; the finished query."""
        return to_query(await queries.define(principal, NewQuery(data.sql)))

    @get("/{query_id:str}", operation_id="getQuery", summary="Get a query")
    async def get_query(
        self,
        query_id: FromPath[str],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> Query:
        """One query."""
        return to_query(queries.get(principal, query_id), queries.now_ms)

    @delete("/{query_id:str}", operation_id="deleteQuery", summary="Delete a query")
    async def delete_query(
        self,
        query_id: FromPath[str],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> None:
        """Cancel it if it runs, and forget it."""
        await queries.delete(principal, query_id)

    @post(
        "/{query_id:str}/cancel",
        operation_id="cancelQuery",
        summary="Cancel a query",
        status_code=204,
    )
    async def cancel_query(
        self,
        query_id: FromPath[str],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> None:
        """Stop it; does nothing when it has ended."""
        await queries.cancel(principal, query_id)

    @get(
        "/{query_id:str}/pipeline",
        operation_id="getQueryPipeline",
        summary="Get a query's operator graph",
    )
    async def get_pipeline(
        self,
        query_id: FromPath[str],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> QueryPipeline:
        """Operators and edges; empty for an ended query."""
        return to_pipeline(await queries.pipeline(principal, query_id))


class SqlController(Controller):
    """Statements without a stream of rows."""

    path = "/"
    tags = ["Queries"]  # noqa: RUF012  the framework's way

    @post(
        "/exec",
        operation_id="execute",
        summary="Run a bounded query",
        status_code=200,
        responses={200: RESULT, 204: DEFINED},
    )
    async def execute(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[ExecRequest],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> ASGIApp:
        """historical: columns and data; ddl: 204."""
        if data.type == "ddl":
            await queries.define(principal, NewQuery(data.sql))
            return ASGIResponse(status_code=204)
        timeout_ms = data.timeout_ms or EXEC_MS_DEFAULT
        running = queries.execute(principal, data.sql, timeout_ms)
        result = await while_connected(request, running)
        body = EncodedResult(columns=_columns(result.columns), data=msgspec.Raw(result.data))
        return ASGIResponse(body=_encode(body), media_type="application/json")

    @post("/format", operation_id="formatSQL", summary="Format a statement", status_code=200)
    async def format_sql(
        self,
        data: JSONBody[FormatQueryRequest],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> FormatQueryResponse:
        """The same statement, pretty-printed."""
        return FormatQueryResponse(sql=await queries.format_sql(principal, data.sql))

    @post("/sqlanalyze", operation_id="analyzeSQL", summary="Analyze a statement", status_code=200)
    async def analyze_sql(
        self,
        data: JSONBody[AnalyzeSQLRequest],
        queries: Given[QueryService],
        principal: Given[Principal],
    ) -> SQLAnalyzeResult:
        """What it reads, makes and is."""
        return to_analysis(await queries.analyze(principal, data.sql))


def to_new_query(data: CreateQueryRequestV1Beta2) -> NewQuery:
    """A request as the service wants it; null means absent."""
    policy = data.batching_policy or BatchingPolicy()
    return NewQuery(
        sql=data.sql,
        name=data.name or "",
        description=data.description or "",
        tags=tuple(data.tags or ()),
        batch_count=policy.count or 0,
        batch_ms=policy.time_ms or 0,
    )


def _columns(header: tuple[ResultColumn, ...]) -> list[Column]:
    return [Column(name=column.name, type=column.type) for column in header]


def to_analysis(analysis: Analysis) -> SQLAnalyzeResult:
    """An analysis as shown."""
    return SQLAnalyzeResult(
        group_by_columns=list(analysis.group_by_columns),
        has_aggr=analysis.has_aggr,
        has_subquery=analysis.has_subquery,
        has_table_join=analysis.has_table_join,
        has_union=analysis.has_union,
        is_streaming=analysis.is_streaming,
        original_query=analysis.original_query,
        query_type=analysis.query_type,
        required_columns=[_analyzed(column) for column in analysis.required_columns],
        result_columns=[_analyzed(column) for column in analysis.result_columns],
        rewritten_query=analysis.rewritten_query,
    )


def _analyzed(column: Any) -> SQLAnalyzeColumn:
    return SQLAnalyzeColumn(
        column=column.column,
        column_type=column.column_type,
        database=column.database,
        is_view=column.is_view,
        table=column.table,
    )


def to_query(record: QueryRecord, now_ms: int = 0) -> Query:
    """A record as shown: no field is null or absent. `now_ms`: up to when a running one lasts."""
    opened = record.opened
    analysis = opened.analysis if opened else Analysis(record.sql, record.sql, "")
    changed_ms = record.end_ms or record.start_ms
    return Query(
        analysis=to_analysis(analysis),
        created_at=utc_text(record.start_ms),
        created_by=owner(record.caller),
        description=record.description,
        duration=max(0, (record.end_ms or now_ms) - record.start_ms) // 1000,
        end_time=record.end_ms // 1000,
        id=record.id,
        last_updated_at=utc_text(changed_ms),
        last_updated_by=owner(record.caller),
        message=record.message,
        name=record.name,
        response_time=max(0, record.first_row_ms - record.start_ms),
        result=QueryResult(header=_columns(opened.header if opened else ())),
        sinks={},
        sql=record.sql,
        start_time=record.start_ms // 1000,
        status=record.status,
        tags=list(record.tags),
        time_columns=TimeColumns(
            event_time=opened.event_time_column if opened else -1,
            window_end=opened.window_end_column if opened else -1,
            window_start=opened.window_start_column if opened else -1,
        ),
        code=record.code or msgspec.UNSET,
    )


def encode_query(record: QueryRecord) -> bytes:
    """A record as the JSON of a `query` event."""
    return _encode(to_query(record))


def to_pipeline(pipeline: Pipeline) -> QueryPipeline:
    """An operator graph as shown."""
    nodes = [
        QueryPipelineNode(
            id=node.id,
            metric=QueryPipelineNodeMetric(
                processed_bytes=node.processed_bytes, processing_time_ns=node.processing_time_ns
            ),
            name=node.name,
            status=node.status,
        )
        for node in pipeline.nodes
    ]
    edges = [QueryPipelineEdge(from_=first, to=second) for first, second in pipeline.edges]
    return QueryPipeline(edges=edges, nodes=nodes)
