"""v1beta2 materialized_views: the same objects as materialized views, with their control."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from controlplane.api.common import Owner, owner
from controlplane.api.streams import ColumnsResp, Database
from controlplane.api.views import (
    NODE,
    MaterializedViewStats,
    Status,
    target_stream,
    to_view_stats,
    view_columns,
)
from controlplane.auth import Principal
from controlplane.services.names import check_database, utc_text
from controlplane.services.views import MATERIALIZED, ViewService
from engine.protocol import Definition, ViewState


class MaterializedView(msgspec.Struct, frozen=True, kw_only=True):
    """A materialized view as shown; what it does is absent while the engine restarts."""

    columns: list[ColumnsResp]
    create_query: str
    created_at: str
    created_by: Owner
    description: str
    lagging: int | msgspec.UnsetType = msgspec.UNSET
    last_error_message: str | msgspec.UnsetType = msgspec.UNSET
    last_updated_at: str
    last_updated_by: Owner
    leader_node: int
    logstore_retention_bytes: int
    logstore_retention_ms: int
    memory: int | msgspec.UnsetType = msgspec.UNSET
    name: str
    query: str
    status: Status | msgspec.UnsetType = msgspec.UNSET
    status_ts: int | msgspec.UnsetType = msgspec.UNSET
    target_stream: str
    ttl_expression: str


class MaterializedViewController(Controller):
    """Materialized views of the workspace."""

    path = "/materialized_views"
    tags = ["MaterializedViews"]  # noqa: RUF012  the framework's way

    @get(operation_id="listMaterializedViews", summary="List materialized views")
    async def list_views(
        self,
        views: Given[ViewService],
        principal: Given[Principal],
        expand: FromQuery[bool] = False,
        db: Database = None,
    ) -> list[MaterializedView]:
        """All materialized views by name; expand=true adds what each does now."""
        check_database(db)
        found = await views.list(principal, (MATERIALIZED,))
        states = await views.states(principal, found) if expand else {}
        return [_shown(definition, states.get(definition.name)) for definition in found]

    @get("/{name:str}", operation_id="getMaterializedView", summary="Get a materialized view")
    async def get_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        db: Database = None,
    ) -> MaterializedView:
        """One materialized view and what it does now."""
        check_database(db)
        found = await views.get(principal, name, (MATERIALIZED,))
        states = await views.states(principal, [found])
        return _shown(found, states.get(name))

    @delete(
        "/{name:str}", operation_id="deleteMaterializedView", summary="Delete a materialized view"
    )
    async def delete_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
        db: Database = None,
    ) -> None:
        """Stop it and delete it, with its rows unless they are in a target stream."""
        check_database(db)
        await views.drop(principal, name, force=force, kinds=(MATERIALIZED,))

    @post(
        "/{name:str}/pause",
        operation_id="pauseMaterializedView",
        summary="Pause a materialized view",
        status_code=200,
    )
    async def pause_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        sync: FromQuery[bool] = True,
        db: Database = None,
    ) -> ASGIApp:
        """Stop it at its last step; it stays so over restarts. Always done when answered."""
        check_database(db)
        await views.control(principal, name, "pause")
        return ASGIResponse(status_code=200)

    @post(
        "/{name:str}/resume",
        operation_id="resumeMaterializedView",
        summary="Resume a paused materialized view",
        status_code=200,
    )
    async def resume_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        sync: FromQuery[bool] = True,
        db: Database = None,
    ) -> ASGIApp:
        """Go on where it stopped: what came meanwhile is read first. Always done when answered."""
        check_database(db)
        await views.control(principal, name, "resume")
        return ASGIResponse(status_code=200)

    @post(
        "/{name:str}/recover",
        operation_id="recoverMaterializedView",
        summary="Recover a failed materialized view",
        status_code=200,
    )
    async def recover_view(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        db: Database = None,
    ) -> ASGIApp:
        """Go on after a failure; 400 for one that has not failed."""
        check_database(db)
        await views.control(principal, name, "recover")
        return ASGIResponse(status_code=200)

    @get(
        "/{name:str}/stats",
        operation_id="getMaterializedViewStats",
        summary="Get a materialized view's statistics",
    )
    async def get_stats(
        self,
        name: FromPath[str],
        views: Given[ViewService],
        principal: Given[Principal],
        db: Database = None,
    ) -> MaterializedViewStats:
        """Rows, bytes, rates, and what it does now."""
        check_database(db)
        return to_view_stats(*await views.stats(principal, name, None, (MATERIALIZED,)), None)


def _shown(definition: Definition, state: ViewState | None) -> MaterializedView:
    unset = msgspec.UNSET
    return MaterializedView(
        columns=view_columns(definition),
        create_query=definition.create_query,
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        description=definition.description,
        lagging=state.lagging if state else unset,
        last_error_message=state.message if state else unset,
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        leader_node=NODE,
        logstore_retention_bytes=definition.logstore_retention_bytes,
        logstore_retention_ms=definition.logstore_retention_ms,
        memory=state.state_bytes if state else unset,
        name=definition.name,
        query=definition.query,
        status=state.status if state else unset,
        status_ts=state.since_ms if state else unset,
        target_stream=target_stream(definition),
        ttl_expression=definition.ttl_expression,
    )
