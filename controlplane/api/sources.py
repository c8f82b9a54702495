"""v1beta2 sources: structs and controllers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from connectors.gaps import Gap
from connectors.guarantees import SOURCES
from connectors.metrics import SourceStats
from connectors.status import SourceStatus
from controlplane.api.common import Owner
from controlplane.api.connectors import (
    Lines,
    Range,
    StatsError,
    StatsThroughput,
    errors_of,
    ranges,
    throughput_of,
)
from controlplane.auth import Principal
from controlplane.db.tables import Source as SourceRow
from controlplane.services.names import rfc3339, utc_text
from controlplane.services.secrets import masked
from controlplane.services.sources import NewSource, SourceService


class CreateSourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A source to create; it starts at once."""

    description: str | None = None
    name: str
    properties: dict[str, Any] | None = None
    stream: str
    type: str


class UpdateSourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed of a stopped source; what is absent stays."""

    description: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None
    stream: str | None = None


class PatchSourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """As UpdateSourceRequest; properties are merged one level deep."""

    description: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None
    stream: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source as shown.

    Extensions: `guarantee`, what its type promises (`at most once`, `exactly once`, ...), and
    `dead_letter_stream`, where the messages are that do not fit its stream, once there is one.
    """

    created_at: str
    created_by: Owner
    dead_letter_stream: str | msgspec.UnsetType = msgspec.UNSET
    description: str
    guarantee: str | msgspec.UnsetType = msgspec.UNSET
    id: str
    last_updated_at: str
    last_updated_by: Owner
    message: str
    name: str
    properties: dict[str, Any]
    start_time: int
    status: str
    stream: str
    type: str


class StatsGap(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which what was sent is not in the stream, or `count` messages of it are not.

    Without `to` it lasts. Without `count` nobody knows how many were sent.
    """

    count: int | msgspec.UnsetType = msgspec.UNSET
    from_: str = msgspec.field(name="from")
    reason: str
    to: str | msgspec.UnsetType = msgspec.UNSET


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the start; uptime in milliseconds.

    Extension: `gaps` of `error_log_time_range`, of a source whose guarantee is at most once, the
    oldest first; the newest 50 are kept.
    """

    errors: list[StatsError]
    failure_count: int
    gaps: list[StatsGap]
    success_count: int
    throughput: list[StatsThroughput]
    uptime: int


class SourceController(Controller):
    """Sources of the workspace."""

    path = "/sources"
    tags = ["Sources"]  # noqa: RUF012  the framework's way

    @get(operation_id="listSources", summary="List sources")
    async def list_sources(
        self, sources: Given[SourceService], principal: Given[Principal]
    ) -> list[Source]:
        """All sources by name."""
        letters = await sources.letters(principal)
        return [_shown(*each, letters) for each in await sources.list(principal)]

    @post(operation_id="createSource", summary="Create a source")
    async def create_source(
        self,
        data: JSONBody[CreateSourceRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> Source:
        """Create and start a source."""
        new = NewSource(data.name, data.type, data.stream, data.description, data.properties)
        found = await sources.create(principal, new)
        return _shown(*found, await sources.letters(principal))

    @get("/{source_id:str}", operation_id="getSource", summary="Get a source")
    async def get_source(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> Source:
        """One source."""
        found = await sources.get(principal, source_id)
        return _shown(*found, await sources.letters(principal))

    @put("/{source_id:str}", operation_id="updateSource", summary="Update a stopped source")
    async def update_source(
        self,
        source_id: FromPath[str],
        data: JSONBody[UpdateSourceRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> Source:
        """Change a stopped source; properties are replaced whole."""
        new = NewSource(data.name, None, data.stream, data.description, data.properties)
        return _shown(
            *await sources.update(principal, source_id, new, merge=False),
            await sources.letters(principal),
        )

    @patch("/{source_id:str}", operation_id="patchSource", summary="Patch a stopped source")
    async def patch_source(
        self,
        source_id: FromPath[str],
        data: JSONBody[PatchSourceRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> Source:
        """Change a stopped source; properties are merged."""
        new = NewSource(data.name, None, data.stream, data.description, data.properties)
        return _shown(
            *await sources.update(principal, source_id, new, merge=True),
            await sources.letters(principal),
        )

    @delete("/{source_id:str}", operation_id="deleteSource", summary="Delete a source")
    async def delete_source(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> None:
        """Stop it and remove it."""
        await sources.delete(principal, source_id)

    @post(
        "/{source_id:str}/start",
        operation_id="startSource",
        summary="Start a source",
        status_code=204,
    )
    async def start_source(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> None:
        """Run it; fine if it runs."""
        await sources.start(principal, source_id)

    @post(
        "/{source_id:str}/stop", operation_id="stopSource", summary="Stop a source", status_code=204
    )
    async def stop_source(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> None:
        """Stop it after its last batch is written."""
        await sources.stop(principal, source_id)

    @get(
        "/{source_id:str}/stats",
        operation_id="getSourceStats",
        summary="Get a source's statistics",
    )
    async def get_stats(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
        error_log_time_range: Range,
        metrics_time_range: Range,
    ) -> Stats:
        """Counters, throughput by the minute and the latest error."""
        range_ms, error_ms = ranges(metrics_time_range, error_log_time_range)
        return _stats(await sources.stats(principal, source_id, range_ms, error_ms))

    @get("/{source_id:str}/logs", operation_id="getSourceLogs", summary="Get a source's log")
    async def get_logs(
        self,
        source_id: FromPath[str],
        sources: Given[SourceService],
        principal: Given[Principal],
        lines: Lines,
    ) -> list[str]:
        """The newest lines, oldest first: its starts, connections, refusals and errors."""
        return await sources.log(principal, source_id, lines)


def _shown(row: SourceRow, status: SourceStatus, letters: Mapping[str, str]) -> Source:
    return Source(
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        dead_letter_stream=letters.get(row.id) or msgspec.UNSET,
        description=row.description,
        guarantee=SOURCES.get(row.type) or msgspec.UNSET,
        id=row.id,
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        message=status.message,
        name=row.name,
        properties=masked(row.properties),
        start_time=(status.start_ms or row.start_time_ms) // 1000,
        status=status.status,
        stream=row.stream,
        type=row.type,
    )


def _gap(gap: Gap) -> StatsGap:
    return StatsGap(
        count=msgspec.UNSET if gap.count < 0 else gap.count,
        from_=rfc3339(gap.from_ms),
        reason=gap.reason,
        to=rfc3339(gap.to_ms) if gap.to_ms else msgspec.UNSET,
    )


def _stats(stats: SourceStats) -> Stats:
    return Stats(
        errors=errors_of(stats),
        failure_count=stats.dropped,
        gaps=[_gap(gap) for gap in stats.gaps],
        success_count=stats.sent,
        throughput=throughput_of(stats),
        uptime=stats.uptime_ms,
    )
