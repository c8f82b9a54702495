"""v1beta2 external streams: structs and controller."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from controlplane.api.common import Int64, Owner, owner
from controlplane.api.streams import (
    ColumnInput,
    ColumnsResp,
    Database,
    StreamStatsResponse,
    to_column,
    to_columns,
    to_stats,
)
from controlplane.auth import Principal
from controlplane.services.external_streams import (
    ExternalStreamService,
    Preview,
    settings_of,
    shown_settings,
)
from controlplane.services.names import check_database, utc_text
from engine.protocol import Definition

PREVIEW: Final = Preview()


class StreamSettingInput(msgspec.Struct, frozen=True, kw_only=True):
    """A setting by key; its value is text."""

    key: str | None = None
    value: str | None = None


class StreamSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as shown; the value of a secret is masked."""

    key: str
    value: str


class ExternalStreamDef(msgspec.Struct, frozen=True, kw_only=True):
    """An external stream to create; columns are required for the type kafka."""

    columns: list[ColumnInput] | None = None
    description: str | None = None
    name: str
    settings: list[StreamSettingInput]


class ExternalStreamShownDef(msgspec.Struct, frozen=True, kw_only=True):
    """The definition as it was stored; secrets are masked."""

    columns: list[ColumnsResp]
    description: str
    name: str
    settings: list[StreamSetting]


class ExternalStream(msgspec.Struct, frozen=True, kw_only=True):
    """An external stream as shown."""

    columns: list[ColumnsResp]
    create_query: str
    created_at: str
    created_by: Owner
    description: str
    last_updated_at: str
    last_updated_by: Owner
    name: str
    settings: list[StreamSetting]
    type: str


class PreviewExternalStreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an external stream to look at; the timeout is in seconds."""

    count: Int64 | None = None
    offset: str | None = None
    settings: list[StreamSettingInput]
    timeout: Int64 | None = None


class ExternalStreamController(Controller):
    """External streams of the workspace."""

    path = "/external_streams"
    tags = ["External streams"]  # noqa: RUF012  the framework's way

    @get(operation_id="listExternalStreams", summary="List external streams")
    async def list_external_streams(
        self,
        external_streams: Given[ExternalStreamService],
        principal: Given[Principal],
        db: Database = None,
    ) -> list[ExternalStream]:
        """All external streams by name."""
        check_database(db)
        return [_shown(stream) for stream in await external_streams.list(principal)]

    @post(operation_id="createExternalStream", summary="Create an external stream")
    async def create_external_stream(
        self,
        data: JSONBody[ExternalStreamDef],
        external_streams: Given[ExternalStreamService],
        principal: Given[Principal],
    ) -> ExternalStreamShownDef:
        """Create an external stream; its broker is not connected to."""
        made = await external_streams.create(principal, _definition(data))
        return ExternalStreamShownDef(
            columns=to_columns(made.columns),
            description=made.description,
            name=made.name,
            settings=to_settings(made),
        )

    @post(
        "/preview",
        operation_id="previewExternalStream",
        summary="Preview an external stream",
        status_code=200,
    )
    async def preview_external_stream(
        self,
        data: JSONBody[PreviewExternalStreamRequest],
        external_streams: Given[ExternalStreamService],
        db: Database = None,
    ) -> list[dict[str, Any]]:
        """Up to `count` events within `timeout` seconds."""
        check_database(db)
        return await external_streams.preview(to_pairs(data.settings), _preview(data))

    @get("/{name:str}", operation_id="getExternalStream", summary="Get an external stream")
    async def get_external_stream(
        self,
        name: FromPath[str],
        external_streams: Given[ExternalStreamService],
        principal: Given[Principal],
        db: Database = None,
    ) -> ExternalStream:
        """One external stream."""
        check_database(db)
        return _shown(await external_streams.get(principal, name))

    @delete("/{name:str}", operation_id="deleteExternalStream", summary="Delete an external stream")
    async def delete_external_stream(
        self,
        name: FromPath[str],
        external_streams: Given[ExternalStreamService],
        principal: Given[Principal],
        force: FromQuery[bool] = False,
        db: Database = None,
    ) -> None:
        """Forget where its rows are; the rows stay. force=true although something uses it."""
        check_database(db)
        await external_streams.drop(principal, name, force=force)

    @get(
        "/{name:str}/stats",
        operation_id="getExternalStreamStats",
        summary="Get an external stream's statistics",
    )
    async def get_stats(
        self,
        name: FromPath[str],
        external_streams: Given[ExternalStreamService],
        principal: Given[Principal],
        history_days: Annotated[int | None, QueryParameter(name="historyDays")] = None,
    ) -> StreamStatsResponse:
        """What was read and written through it; history for 1 to 7 days."""
        return to_stats(await external_streams.stats(principal, name, history_days), history_days)


def to_pairs(settings: list[StreamSettingInput]) -> dict[str, str]:
    """Settings as the engine takes them."""
    return settings_of([(setting.key or "", setting.value or "") for setting in settings])


def to_settings(definition: Definition) -> list[StreamSetting]:
    """The settings of a definition as shown."""
    return [StreamSetting(key=k, value=v) for k, v in shown_settings(definition).items()]


def _preview(data: PreviewExternalStreamRequest) -> Preview:
    return Preview(
        count=data.count or PREVIEW.count,
        offset=data.offset or PREVIEW.offset,
        timeout_seconds=data.timeout or PREVIEW.timeout_seconds,
    )


def _definition(data: ExternalStreamDef) -> Definition:
    return Definition(
        id="",
        name=data.name,
        kind="external_stream",
        columns=tuple(to_column(column) for column in data.columns or ()),
        description=data.description or "",
        settings=to_pairs(data.settings),
    )


def _shown(definition: Definition) -> ExternalStream:
    return ExternalStream(
        columns=to_columns(definition.columns),
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
