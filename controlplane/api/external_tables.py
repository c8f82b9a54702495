"""v1beta2 external tables: structs and controller."""

from __future__ import annotations

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery, JSONBody

from controlplane.api.common import Owner, owner
from controlplane.api.external_streams import (
    StreamSetting,
    StreamSettingInput,
    to_pairs,
    to_settings,
)
from controlplane.api.streams import Database
from controlplane.auth import Principal
from controlplane.services.external_tables import ExternalTableService
from controlplane.services.names import check_database, utc_text
from engine.protocol import Definition


class ExternalTableDef(msgspec.Struct, frozen=True, kw_only=True):
    """An external table to create; its columns are those of the table that it stands for."""

    description: str | None = None
    name: str
    settings: list[StreamSettingInput]


class ExternalTableShownDef(msgspec.Struct, frozen=True, kw_only=True):
    """The definition as it was stored; secrets are masked."""

    description: str
    name: str
    settings: list[StreamSetting]


class ExternalTable(msgspec.Struct, frozen=True, kw_only=True):
    """An external table as shown."""

    create_query: str
    created_at: str
    created_by: Owner
    description: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    settings: list[StreamSetting]
    type: str


class ExternalTableController(Controller):
    """External tables of the workspace."""

    path = "/external_tables"
    tags = ["External tables"]  # noqa: RUF012  the framework's way

    @get(operation_id="listExternalTables", summary="List external tables")
    async def list_external_tables(
        self,
        external_tables: Given[ExternalTableService],
        principal: Given[Principal],
        db: Database = None,
    ) -> list[ExternalTable]:
        """All external tables by name."""
        check_database(db)
        return [_shown(table) for table in await external_tables.list(principal)]

    @post(operation_id="createExternalTable", summary="Create an external table")
    async def create_external_table(
        self,
        data: JSONBody[ExternalTableDef],
        external_tables: Given[ExternalTableService],
        principal: Given[Principal],
    ) -> ExternalTableShownDef:
        """Create an external table; it succeeds also when its database does not answer."""
        made = await external_tables.create(principal, _definition(data))
        return ExternalTableShownDef(
            description=made.description, name=made.name, settings=to_settings(made)
        )

    @get("/{name:str}", operation_id="getExternalTable", summary="Get an external table")
    async def get_external_table(
        self,
        name: FromPath[str],
        external_tables: Given[ExternalTableService],
        principal: Given[Principal],
        db: Database = None,
    ) -> ExternalTable:
        """One external table."""
        check_database(db)
        return _shown(await external_tables.get(principal, name))

    @delete("/{name:str}", operation_id="deleteExternalTable", summary="Delete an external table")
    async def delete_external_table(
        self,
        name: FromPath[str],
        external_tables: Given[ExternalTableService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
        db: Database = None,
    ) -> None:
        """Forget where its rows are; the rows stay. force=true although something uses it."""
        check_database(db)
        await external_tables.drop(principal, name, force=force)


def _definition(data: ExternalTableDef) -> Definition:
    return Definition(
        id="",
        name=data.name,
        kind="external_table",
        description=data.description or "",
        settings=to_pairs(data.settings),
    )


def _shown(definition: Definition) -> ExternalTable:
    return ExternalTable(
        create_query=definition.create_query,
        created_at=utc_text(definition.created_at_ms),
        created_by=owner(definition.created_by),
        description=definition.description,
        last_updated_at=utc_text(definition.updated_at_ms),
        last_updated_by=owner(definition.updated_by),
        name=definition.name,
        settings=to_settings(definition),
        type=definition.settings.get("type", ""),
    )
