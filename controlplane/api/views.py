"""v1beta2 views: structs and controller, for plain and materialized ones."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from controlplane.api.common import Int64, Owner, owner
from controlplane.api.streams import (
    INTERNAL_COLUMN,
    ColumnsResp,
    Database,
    StreamMetricsHistory,
    to_columns,
    to_stats,
)
from controlplane.auth import Principal
from controlplane.services.names import check_database, utc_text
from controlplane.services.views import KINDS, MATERIALIZED, NewView, ViewChange, ViewService
from engine.protocol import Definition, StreamStats, ViewState

# This server is one node.
NODE = 1


Status = Literal[
    "None", "Initialized", "CheckingDependencies", "BuildingPipeline", "ExecutingPipeline", "Error",
    "Suspended", "Paused", "AutoRecovering", "Unpausing", "Recovering",
]  # fmt: skip
NodeStatus = Literal[
    "None", "Initialized", "CheckingDependencies", "BuildingPipeline", "ExecutingPipeline", "Fatal",
    "Suspended", "Paused", "AutoRecovering", "Unpausing", "Recovering",
]  # fmt: skip


class CreateViewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A view to create; null and empty text mean absent."""

    description: str | None = None
    logstore_retention_bytes: Int64 | None = None
    logstore_retention_ms: Int64 | None = None
    materialized: bool | None = None
    name: str
    query: str
    target_stream: str | None = None
    ttl_expression: str | None = None


class UpdateViewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed; other fields are ignored."""

    description: str | None = None
    logstore_retention_bytes: Int64 | None = None
    logstore_retention_ms: Int64 | None = None
    query: str | None = None
    ttl_expression: str | None = None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view as shown; a plain one has no retention."""

    columns: list[ColumnsResp]
    created_at: str
    created_by: Owner
    description: str
    last_updated_at: str
    last_updated_by: Owner
    logstore_retention_bytes: int
    logstore_retention_ms: int
    materialized: bool
    name: str
    query: str
    target_stream: str
    ttl: str
    ttl_expression: str
    create_query: str


class MVStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a materialized view does on a node; a failed one is `Fatal`."""

    checkpoint_size: int
    last_error_message: str
    node_id: int
    status: NodeStatus


class MaterializedViewStats(msgspec.Struct, frozen=True, kw_only=True):
    """Measured values of the stream that holds the view's rows, and of the view itself.

    The event times are absent while there are no rows. `lagging`: appends of its sources that it
    has not read. `left_out_rows` and `dead_letter_stream` are those of a view that leaves out
    rows at which it fails.
    """

    dead_letter_stream: str | msgspec.UnsetType = msgspec.UNSET
    degraded: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET
    earliest_event: str | msgspec.UnsetType = msgspec.UNSET
    historical_data_bytes: int
    history: list[StreamMetricsHistory] | msgspec.UnsetType = msgspec.UNSET
    lagging: int
    last_error_message: str
    latest_event: str | msgspec.UnsetType = msgspec.UNSET
    leader_node: int
    left_out_rows: int
    memory: int
    nodes: list[MVStatus]
    read_bps: float
    read_eps: float
    row_count: int
    status: Status
    status_ts: int
    streaming_data_bytes: int
    ttl_error: str | msgspec.UnsetType = msgspec.UNSET
    written_bps: float
    written_eps: float


class ViewController(Controller):
    """Views of the workspace, plain and materialized."""

    path = "/views"
    tags = ["Views"]  # noqa: RUF012  the framework's way

    @get(operation_id="listViews", summary="List views")
    async def list_views(
        self, views: Given[ViewService], principal: Given[Principal], db: Database = None
    ) -> list[View]:
        """All views of both kinds by name."""
        check_database(db)
        return [to_view(definition) for definition in await views.list(principal)]

    @post(operation_id="createView", summary="Create a view")
    async def create_view(
        self,
        data: JSONBody[CreateViewRequest],
        views: Given[ViewService],
        principal: Given[Principal],
    ) -> View:
        """Create a view. A materialized one runs from now on and writes to a stream of its name,
        or to `target_stream`, which is created when it is missing."""
        new = NewView(
            name=data.name,
            query=data.query,
            description=data.description or "",
            materialized=bool(data.materialized),
            target_stream=data.target_stream or "",
            ttl_expression=data.ttl_expression or "",
            logstore_retention_bytes=data.logstore_retention_bytes,
            logstore_retention_ms=data.logstore_retention_ms,
        )
        return to_view(await views.create(principal, new))

    @get("/{name:str}", operation_id="getView", summary="Get a view")
    async def get_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        db: Database = None,
    ) -> View:
        """One view."""
        check_database(db)
        return to_view(await views.get(principal, name))

    @patch("/{name:str}", operation_id="updateView", summary="Update a view", status_code=204)
    async def update_view(
        self,
        name: FromPath[str],
        data: JSONBody[UpdateViewRequest],
        views: Given[ViewService],
        principal: Given[Principal],
    ) -> None:
        """Change description, TTL, retentions, and the query of a plain view."""
        change = ViewChange(
            description=data.description or None,
            query=data.query or None,
            ttl_expression=data.ttl_expression or None,
            logstore_retention_bytes=data.logstore_retention_bytes,
            logstore_retention_ms=data.logstore_retention_ms,
        )
        await views.alter(principal, name, change)

    @delete("/{name:str}", operation_id="deleteView", summary="Delete a view")
    async def delete_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
        db: Database = None,
    ) -> None:
        """Delete a view, a materialized one with its rows unless they are in a target stream;
        force=true although something uses it."""
        check_database(db)
        await views.drop(principal, name, force=force)

    @get("/{name:str}/stats", operation_id="getViewStats", summary="Get a view's statistics")
    async def get_stats(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        history_days: Annotated[int | None, QueryParameter(name="historyDays")] = None,
    ) -> MaterializedViewStats:
        """Rows, bytes, rates, and what a materialized view does; history for 1 to 7 days."""
        found = await views.stats(principal, name, history_days, KINDS)
        return to_view_stats(*found, history_days)


def target_stream(definition: Definition) -> str:
    """The stream that a view names for its rows, '' = none."""
    options = definition.options
    return str(options.get("into") or options.get("target_stream") or "")


def view_columns(definition: Definition) -> list[ColumnsResp]:
    """Columns of the result; those of stored rows end with one `_tp_time`."""
    columns = to_columns(definition.columns)
    if definition.kind == MATERIALIZED and all(c.name != INTERNAL_COLUMN.name for c in columns):
        columns.append(INTERNAL_COLUMN)
    return columns


def to_view(definition: Definition) -> View:
    """A definition as shown."""
    materialized = definition.kind == MATERIALIZED
    return View(
        columns=view_columns(definition),
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        description=definition.description,
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        logstore_retention_bytes=definition.logstore_retention_bytes if materialized else 0,
        logstore_retention_ms=definition.logstore_retention_ms if materialized else 0,
        materialized=materialized,
        name=definition.name,
        query=definition.query,
        target_stream=target_stream(definition),
        ttl=definition.ttl_expression,
        ttl_expression=definition.ttl_expression,
        create_query=definition.create_query,
    )


def to_node(state: ViewState) -> MVStatus:
    """What a query does, as of the one node."""
    return MVStatus(
        checkpoint_size=state.checkpoint_bytes,
        last_error_message=state.message,
        node_id=NODE,
        status="Fatal" if state.status == "Error" else state.status,
    )


def to_view_stats(
    stats: StreamStats, state: ViewState | None, history_days: int | None
) -> MaterializedViewStats:
    """Statistics as shown; without a state those of a plain view."""
    shown = to_stats(stats, history_days)
    nodes = [] if state is None else [to_node(state)]
    return MaterializedViewStats(
        dead_letter_stream=(state and state.dead_letter_stream) or msgspec.UNSET,
        degraded=shown.degraded,
        earliest_event=shown.earliest_event,
        historical_data_bytes=shown.historical_data_bytes,
        history=shown.history,
        lagging=state.lagging if state else 0,
        last_error_message=state.message if state else "",
        latest_event=shown.latest_event,
        leader_node=NODE,
        left_out_rows=state.left_out_rows if state else 0,
        memory=state.state_bytes if state else 0,
        nodes=nodes,
        read_bps=shown.read_bps,
        read_eps=shown.read_eps,
        row_count=shown.row_count,
        status=state.status if state else "None",
        status_ts=state.since_ms if state else 0,
        streaming_data_bytes=shown.streaming_data_bytes,
        ttl_error=shown.ttl_error,
        written_bps=shown.written_bps,
        written_eps=shown.written_eps,
    )
