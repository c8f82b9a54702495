"""v1beta2 dashboards: structs and controller."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db.tables import Dashboard as DashboardRow
from controlplane.services.dashboards import DashboardService, NewDashboard
from controlplane.services.names import utc_text


class PanelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A panel to keep; without an id it gets one. Position and config are free JSON objects."""

    description: str | None = None
    id: str | None = None
    position: dict[str, Any] | None = None
    title: str | None = None
    viz_config: dict[str, Any] | None = None
    viz_content: str | None = None
    viz_type: str | None = None


class CreateDashboardRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard to keep."""

    description: str | None = None
    name: str
    panels: list[PanelRequest] | None = None


class UpdateDashboardRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard to put in the place of another."""

    description: str | None = None
    name: str
    panels: list[PanelRequest] | None = None


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """A panel as shown: `viz_content` is the SQL of a chart, the text of a markdown panel."""

    description: str
    id: str
    position: dict[str, Any]
    title: str
    viz_config: dict[str, Any]
    viz_content: str
    viz_type: str


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard as shown."""

    created_at: str
    created_by: Owner
    description: str
    id: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    panels: list[Panel]


class DashboardController(Controller):
    """Dashboards of the workspace."""

    path = "/dashboards"
    tags = ["Dashboards"]  # noqa: RUF012  the framework's way

    @get(operation_id="listDashboards", summary="List dashboards")
    async def list_dashboards(
        self, dashboards: Given[DashboardService], principal: Given[Principal]
    ) -> list[Dashboard]:
        """All dashboards by name."""
        return [_shown(row) for row in await dashboards.list(principal)]

    @post(operation_id="createDashboard", summary="Create a dashboard")
    async def create_dashboard(
        self,
        data: JSONBody[CreateDashboardRequest],
        dashboards: Given[DashboardService],
        principal: Given[Principal],
    ) -> Dashboard:
        """Keep a dashboard; its panels come back as they are given."""
        return _shown(await dashboards.create(principal, _new(data)))

    @get("/{dashboard_id:str}", operation_id="getDashboard", summary="Get a dashboard")
    async def get_dashboard(
        self,
        dashboard_id: FromPath[str],
        dashboards: Given[DashboardService],
        principal: Given[Principal],
    ) -> Dashboard:
        """One dashboard."""
        return _shown(await dashboards.get(principal, dashboard_id))

    @put("/{dashboard_id:str}", operation_id="updateDashboard", summary="Replace a dashboard")
    async def update_dashboard(
        self,
        dashboard_id: FromPath[str],
        data: JSONBody[UpdateDashboardRequest],
        dashboards: Given[DashboardService],
        principal: Given[Principal],
    ) -> Dashboard:
        """Replace all of it; what is absent is empty then."""
        return _shown(await dashboards.replace(principal, dashboard_id, _new(data)))

    @delete("/{dashboard_id:str}", operation_id="deleteDashboard", summary="Delete a dashboard")
    async def delete_dashboard(
        self,
        dashboard_id: FromPath[str],
        dashboards: Given[DashboardService],
        principal: Given[Principal],
    ) -> None:
        """Remove it."""
        await dashboards.delete(principal, dashboard_id)


def _new(data: CreateDashboardRequest | UpdateDashboardRequest) -> NewDashboard:
    panels = tuple(_panel(panel) for panel in data.panels or ())
    return NewDashboard(data.name, data.description or "", panels)


def _panel(panel: PanelRequest) -> dict[str, Any]:
    return {
        "description": panel.description or "",
        "id": panel.id or "",
        "position": panel.position or {},
        "title": panel.title or "",
        "viz_config": panel.viz_config or {},
        "viz_content": panel.viz_content or "",
        "viz_type": panel.viz_type or "",
    }


def _shown(row: DashboardRow) -> Dashboard:
    return Dashboard(
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        description=row.description,
        id=row.id,
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        name=row.name,
        panels=[Panel(**panel) for panel in row.panels],
    )
