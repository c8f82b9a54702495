"""v1beta2 streams: structs and controller."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from controlplane.api.common import Int64, Owner, owner
from controlplane.auth import Principal
from controlplane.services.names import check_database, rfc3339, utc_text
from controlplane.services.streams import StreamService
from engine.protocol import Alteration, ColumnDef, Definition, StreamStats


class ColumnsResp(msgspec.Struct, frozen=True, kw_only=True):
    """A column as shown."""

    codec: str
    default: str
    name: str
    nullable: bool
    type: str
    comment: str


class ColumnFamily(msgspec.Struct, frozen=True, kw_only=True):
    """Stored for mutable streams."""

    columns: list[str]
    name: str


class SecondaryIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Stored for mutable streams."""

    columns: list[str]
    name: str
    storing: list[str] | None = None
    unique: bool | None = None


class ColumnInput(msgspec.Struct, frozen=True, kw_only=True):
    """A column as declared."""

    codec: str | None = None
    default: str | None = None
    name: str
    skipping_index_expression: str | None = None
    ttl_expression: str | None = None
    type: str
    comment: str | None = None


class ShownIndex(msgspec.Struct, frozen=True, kw_only=True):
    """A secondary index as shown."""

    columns: list[str]
    name: str
    storing: list[str]
    unique: bool


class StreamDef(msgspec.Struct, frozen=True, kw_only=True):
    """A stream to create; null and empty text mean absent."""

    column_families: list[ColumnFamily] | None = None
    columns: list[ColumnInput] | None = None
    description: str | None = None
    engine: str | None = None
    event_time_column: str | None = None
    event_time_timezone: str | None = None
    logstore_retention_bytes: Int64 | None = None
    logstore_retention_ms: Int64 | None = None
    mode: str | None = None
    name: str
    order_by_expression: str | None = None
    order_by_granularity: str | None = None
    partition_by_granularity: str | None = None
    primary_key: str | None = None
    replication_factor: Int64 | None = None
    secondary_indexes: list[SecondaryIndex] | None = None
    shards: Int64 | None = None
    ttl_expression: str | None = None


Mode = Literal["append", "changelog", "changelog_kv", "versioned_kv"]


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as shown; the last three only with expand=true."""

    column_families: list[ColumnFamily]
    columns: list[ColumnsResp]
    created_at: str
    created_by: Owner
    description: str
    engine: str
    is_external: bool
    last_updated_at: str
    last_updated_by: Owner
    logstore_retention_bytes: int
    logstore_retention_ms: int
    mode: Mode
    name: str
    primary_key: str
    secondary_indexes: list[ShownIndex]
    ttl: str
    ttl_expression: str
    create_query: str
    degraded: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET
    historical_data_bytes: int | msgspec.UnsetType = msgspec.UNSET
    row_count: int | msgspec.UnsetType = msgspec.UNSET
    streaming_data_bytes: int | msgspec.UnsetType = msgspec.UNSET


class UpdateStreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed; other fields are ignored."""

    description: str | None = None
    logstore_retention_bytes: Int64 | None = None
    logstore_retention_ms: Int64 | None = None
    ttl_expression: str | None = None


class StreamMetricsHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of one half hour."""

    read_bps: float
    read_eps: float
    start_time: str
    written_bps: float
    written_eps: float


class StreamStatsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Measured values; the event times are absent while the stream is empty. `ttl_error` says why
    the TTL could not be applied when it was last tried, and is absent when it could."""

    degraded: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET
    earliest_event: str | msgspec.UnsetType = msgspec.UNSET
    historical_data_bytes: int
    history: list[StreamMetricsHistory] | msgspec.UnsetType = msgspec.UNSET
    latest_event: str | msgspec.UnsetType = msgspec.UNSET
    read_bps: float
    read_eps: float
    row_count: int
    streaming_data_bytes: int
    ttl_error: str | msgspec.UnsetType = msgspec.UNSET
    written_bps: float
    written_eps: float


INTERNAL_COLUMN: Final = ColumnsResp(
    codec="", default="", name="_tp_time", nullable=False, type="datetime64(3, 'UTC')", comment=""
)
# Stored with the stream, without effect.
OPTION_FIELDS: Final = (
    "order_by_expression",
    "order_by_granularity",
    "partition_by_granularity",
    "shards",
    "replication_factor",
    "column_families",
    "secondary_indexes",
)
Database = Annotated[str | None, QueryParameter(name="db", description="Only default exists.")]


class StreamController(Controller):
    """Streams of the workspace."""

    path = "/streams"
    tags = ["Streams"]  # noqa: RUF012  the framework's way

    @get(operation_id="listStreams", summary="List streams")
    async def list_streams(
        self,
        streams: Given[StreamService],
        principal: Given[Principal],
        expand: FromQuery[bool] = False,
        db: Database = None,
    ) -> list[Stream]:
        """All streams by name; expand=true adds row count and bytes."""
        check_database(db)
        found = await streams.list(principal)
        stats = await streams.all_stats(principal, found) if expand else {}
        return [to_stream(definition, stats.get(definition.name)) for definition in found]

    @post(operation_id="createStream", summary="Create a stream")
    async def create_stream(
        self,
        data: JSONBody[StreamDef],
        streams: Given[StreamService],
        principal: Given[Principal],
    ) -> Stream:
        """Create a stream; it can be written and queried when this is answered."""
        return to_stream(await streams.create(principal, to_definition(data)))

    @get("/{name:str}", operation_id="getStream", summary="Get a stream")
    async def get_stream(
        self,
        name: FromPath[str],
        streams: Given[StreamService],
        principal: Given[Principal],
        db: Database = None,
    ) -> Stream:
        """One stream."""
        check_database(db)
        return to_stream(await streams.get(principal, name))

    @patch("/{name:str}", operation_id="updateStream", summary="Update a stream")
    async def update_stream(
        self,
        name: FromPath[str],
        data: JSONBody[UpdateStreamRequest],
        streams: Given[StreamService],
        principal: Given[Principal],
    ) -> Stream:
        """Change description, retention and TTL."""
        change = Alteration(
            description=data.description or None,
            logstore_retention_bytes=data.logstore_retention_bytes,
            logstore_retention_ms=data.logstore_retention_ms,
            ttl_expression=data.ttl_expression or None,
        )
        return to_stream(await streams.alter(principal, name, change))

    @delete("/{name:str}", operation_id="deleteStream", summary="Delete a stream")
    async def delete_stream(
        self,
        name: FromPath[str],
        streams: Given[StreamService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
        db: Database = None,
    ) -> None:
        """Delete a stream and its rows; force=true although something uses it."""
        check_database(db)
        await streams.drop(principal, name, force=force)

    @get("/{name:str}/stats", operation_id="getStreamStats", summary="Get a stream's statistics")
    async def get_stats(
        self,
        name: FromPath[str],
        streams: Given[StreamService],
        principal: Given[Principal],
        history_days: Annotated[int | None, QueryParameter(name="historyDays")] = None,
        db: Database = None,
    ) -> StreamStatsResponse:
        """Rows, bytes, event times and rates; history for 1 to 7 days."""
        check_database(db)
        return to_stats(await streams.stats(principal, name, history_days), history_days)


def to_definition(data: StreamDef) -> Definition:
    """The engine's definition of what was asked for, defaults filled in."""
    given = {name: getattr(data, name) for name in OPTION_FIELDS}
    options = {name: msgspec.to_builtins(value) for name, value in given.items() if value}
    defaults = Definition(id="", name="", kind="stream")
    keep = data.logstore_retention_bytes
    keep_ms = data.logstore_retention_ms
    return Definition(
        id="",
        name=data.name,
        kind="stream",
        columns=tuple(to_column(column) for column in data.columns or ()),
        mode=data.mode or defaults.mode,
        engine=data.engine or defaults.engine,
        primary_key=data.primary_key or "",
        event_time_column=data.event_time_column or "",
        event_time_timezone=data.event_time_timezone or defaults.event_time_timezone,
        logstore_retention_bytes=defaults.logstore_retention_bytes if keep is None else keep,
        logstore_retention_ms=defaults.logstore_retention_ms if keep_ms is None else keep_ms,
        ttl_expression=data.ttl_expression or "",
        description=data.description or "",
        options=options,
    )


def to_column(column: ColumnInput) -> ColumnDef:
    """A column as it is asked for."""
    return ColumnDef(
        name=column.name,
        type=column.type,
        default=column.default or "",
        codec=column.codec or "",
        ttl_expression=column.ttl_expression or "",
        skipping_index_expression=column.skipping_index_expression or "",
        comment=column.comment or "",
    )


def to_columns(columns: tuple[ColumnDef, ...]) -> list[ColumnsResp]:
    """Columns as shown, without the internal one."""
    return [
        ColumnsResp(
            codec=_codec(column.codec),
            default=column.default,
            name=column.name,
            nullable=column.type.startswith(("nullable(", "low_cardinality(nullable(")),
            type=column.type,
            comment=column.comment,
        )
        for column in columns
    ]


def _codec(codec: str) -> str:
    return codec if not codec or codec.upper().startswith("CODEC(") else f"CODEC({codec})"


def to_stream(definition: Definition, stats: StreamStats | None = None) -> Stream:
    """A definition as shown; the list of columns ends with one `_tp_time` unless declared."""
    columns = to_columns(definition.columns)
    if all(column.name != INTERNAL_COLUMN.name for column in columns):
        columns.append(INTERNAL_COLUMN)
    unset = msgspec.UNSET
    return Stream(
        column_families=[_family(one) for one in definition.options.get("column_families", ())],
        columns=columns,
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        description=definition.description,
        engine=definition.engine,
        is_external=False,
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        logstore_retention_bytes=definition.logstore_retention_bytes,
        logstore_retention_ms=definition.logstore_retention_ms,
        mode=cast("Mode", definition.mode),
        name=definition.name,
        primary_key=definition.primary_key,
        secondary_indexes=[_index(one) for one in definition.options.get("secondary_indexes", ())],
        ttl=definition.ttl_expression,
        ttl_expression=definition.ttl_expression,
        create_query=definition.create_query,
        degraded=list(definition.degraded) or unset,
        historical_data_bytes=stats.historical_data_bytes if stats else unset,
        row_count=stats.row_count if stats else unset,
        streaming_data_bytes=stats.streaming_data_bytes if stats else unset,
    )


def _family(stored: dict[str, Any]) -> ColumnFamily:
    return ColumnFamily(columns=stored["columns"], name=stored["name"])


def _index(stored: dict[str, Any]) -> ShownIndex:
    return ShownIndex(
        columns=stored["columns"],
        name=stored["name"],
        storing=stored.get("storing") or [],
        unique=bool(stored.get("unique")),
    )


def to_stats(stats: StreamStats, history_days: int | None) -> StreamStatsResponse:
    """Statistics as shown."""
    unset = msgspec.UNSET
    history = [
        StreamMetricsHistory(
            read_bps=point.read_bps,
            read_eps=point.read_eps,
            start_time=rfc3339(point.start_ms),
            written_bps=point.written_bps,
            written_eps=point.written_eps,
        )
        for point in stats.history
    ]
    earliest, latest = stats.earliest_event_ms, stats.latest_event_ms
    return StreamStatsResponse(
        degraded=list(stats.degraded) or unset,
        earliest_event=unset if earliest is None else rfc3339(earliest),
        historical_data_bytes=stats.historical_data_bytes,
        history=unset if history_days is None else history,
        latest_event=unset if latest is None else rfc3339(latest),
        read_bps=stats.read_bps,
        read_eps=stats.read_eps,
        row_count=stats.row_count,
        streaming_data_bytes=stats.streaming_data_bytes,
        ttl_error=stats.ttl_error or unset,
        written_bps=stats.written_bps,
        written_eps=stats.written_eps,
    )
