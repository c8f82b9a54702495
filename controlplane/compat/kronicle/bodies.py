"""Bodies of the Kronicle API as they are documented; they are read in the engine."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """How a request went: `rows` says why rows were left out, `details` what else was."""

    issued_at: str
    available_rows: int
    provided_rows: int
    inserted_rows: int | msgspec.UnsetType = msgspec.UNSET
    rows: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    details: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET


class ChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, in the words of every generation; fields that are empty are left out."""

    channel_id: str
    sensor_id: str
    channel_schema: dict[str, str]
    sensor_schema: dict[str, str]
    name: str | msgspec.UnsetType = msgspec.UNSET
    channel_name: str | msgspec.UnsetType = msgspec.UNSET
    sensor_name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    tags: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    rows: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    columns: dict[str, list[Any]] | msgspec.UnsetType = msgspec.UNSET
    available_rows: int
    op_status: Literal["success", "warning"]
    op_details: Details


class ChannelBody(msgspec.Struct, frozen=True, kw_only=True):
    """A channel and rows for it, in the words of any generation."""

    channel_id: str | msgspec.UnsetType = msgspec.UNSET
    sensor_id: str | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    channel_schema: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    sensor_schema: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    channel_name: str | msgspec.UnsetType = msgspec.UNSET
    sensor_name: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    tags: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    rows: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    strict: bool | msgspec.UnsetType = msgspec.UNSET


class ChannelIds(msgspec.Struct, frozen=True, kw_only=True):
    """Channels that are to be deleted, under one of both names."""

    channel_ids: list[str] | msgspec.UnsetType = msgspec.UNSET
    sensor_ids: list[str] | msgspec.UnsetType = msgspec.UNSET


class RowsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Rows for a channel that is there."""

    rows: list[dict[str, Any]]
    strict: bool | msgspec.UnsetType = msgspec.UNSET
