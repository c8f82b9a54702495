"""v1beta2 workspace, subscription, databases and all workspaces: structs and controllers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery, JSONBody

from controlplane.api.common import Owner
from controlplane.auth import Principal
from controlplane.db.tables import Workspace as Row
from controlplane.services.names import utc_text
from controlplane.services.workspaces import TRACKING, WorkspaceService
from controlplane.settings import Settings


class WorkspaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be set; null leaves it as it is."""

    enabled_user_tracking: bool | None = None


class ShownSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is set."""

    enabled_user_tracking: bool


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's workspace."""

    created_at: str
    created_by: Owner
    demo_mode: bool
    enabled_subscription: bool
    id: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    settings: ShownSettings


class UpdateWorkspaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to change."""

    settings: WorkspaceSettings | None = None


class WorkspaceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One workspace of the installation."""

    created_at: str
    created_by: Owner
    id: str
    name: str


class CreateWorkspaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace to create: 1 to 63 lower-case letters, digits, - and _, a letter first."""

    name: str


class CreateWorkspaceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Its name and the first admin key in clear text, this once only."""

    api_key: str
    name: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Size of the installation as configured, 0 = not limited."""

    cpu: int
    storage_size: int
    subscription_plan: Literal["Free Trial", "Professional", "Enterprise"]


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """The one database of a workspace, and how many definitions of each kind it has."""

    count: dict[str, int]
    engine: Literal["Atomic"]
    name: str


class WorkspaceController(Controller):
    """The caller's workspace."""

    path = "/workspace"
    tags = ["Workspace"]  # noqa: RUF012  the framework's way

    @get(operation_id="getWorkspace", summary="Get the current workspace")
    async def get_workspace(
        self, workspaces: Given[WorkspaceService], principal: Given[Principal]
    ) -> Workspace:
        """The workspace of the address with its settings."""
        return _shown(await workspaces.current(principal))

    @patch(operation_id="updateWorkspace", summary="Update the current workspace", status_code=204)
    async def update_workspace(
        self,
        data: JSONBody[UpdateWorkspaceRequest],
        workspaces: Given[WorkspaceService],
        principal: Given[Principal],
    ) -> None:
        """Change its settings."""
        wanted = data.settings or WorkspaceSettings()
        await workspaces.change(principal, wanted.enabled_user_tracking)


class WorkspacesController(Controller):
    """All workspaces, for admins of `default`."""

    path = "/workspaces"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="listWorkspaces", summary="List workspaces")
    async def list_workspaces(
        self, workspaces: Given[WorkspaceService], principal: Given[Principal]
    ) -> list[WorkspaceEntry]:
        """All workspaces of the installation by name."""
        return [_entry(row) for row in await workspaces.list(principal)]

    @post(operation_id="createWorkspace", summary="Create a workspace")
    async def create_workspace(
        self,
        data: JSONBody[CreateWorkspaceRequest],
        workspaces: Given[WorkspaceService],
        principal: Given[Principal],
    ) -> CreateWorkspaceResponse:
        """A new, empty workspace; the caller becomes its admin and gets its first key."""
        row, key = await workspaces.create(principal, data.name)
        return CreateWorkspaceResponse(api_key=key, name=row.name)

    @delete("/{name:str}", operation_id="deleteWorkspace", summary="Delete a workspace")
    async def delete_workspace(
        self,
        name: FromPath[str],
        workspaces: Given[WorkspaceService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
    ) -> None:
        """Delete it with all data; one that has streams only with force=true."""
        await workspaces.delete(principal, name, force=force)


class SubscriptionController(Controller):
    """What the installation may use."""

    path = "/subscription"
    tags = ["Subscription"]  # noqa: RUF012  the framework's way

    @get(operation_id="getSubscription", summary="Get the subscription")
    async def get_subscription(
        self, settings: Given[Settings], principal: Given[Principal]
    ) -> Subscription:
        """Plan and sizes from the server's settings."""
        return Subscription(
            cpu=settings.subscription_cpu,
            storage_size=settings.subscription_storage_bytes,
            subscription_plan=settings.subscription_plan,
        )


class DatabaseController(Controller):
    """Databases: there is one."""

    path = "/databases"
    tags = ["Databases"]  # noqa: RUF012  the framework's way

    @get(operation_id="listDatabases", summary="List databases")
    async def list_databases(
        self, workspaces: Given[WorkspaceService], principal: Given[Principal]
    ) -> list[Database]:
        """The one database with the numbers of its definitions."""
        counts = await workspaces.counts(principal)
        return [Database(count=counts, engine="Atomic", name="default")]


def _shown(row: Row) -> Workspace:
    stored: dict[str, Any] = row.settings
    return Workspace(
        created_at=utc_text(row.created_at_ms),
        created_by=_owner(stored.get("created_by")),
        demo_mode=False,
        enabled_subscription=False,
        id=row.id,
        last_updated_at=utc_text(stored.get("updated_at_ms", row.created_at_ms)),
        last_updated_by=_owner(stored.get("updated_by")),
        name=row.name,
        settings=ShownSettings(enabled_user_tracking=bool(stored.get(TRACKING, False))),
    )


def _entry(row: Row) -> WorkspaceEntry:
    return WorkspaceEntry(
        created_at=utc_text(row.created_at_ms),
        created_by=_owner(row.settings.get("created_by")),
        id=row.id,
        name=row.name,
    )


def _owner(stored: dict[str, str] | None) -> Owner:
    return Owner(**stored) if stored else Owner()
