"""v1beta2 sinks: structs and controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

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
from controlplane.api.queries import SQLAnalyzeResult, to_analysis
from controlplane.api.streams import StreamMetricsHistory, to_stats
from controlplane.api.views import NODE, MVStatus, Status, to_node
from controlplane.auth import Principal
from controlplane.db.tables import Sink as SinkRow
from controlplane.services.deliveries import Shown, plans_of
from controlplane.services.names import utc_text
from controlplane.services.secrets import masked
from controlplane.services.sinks import NewSink, SinkChange, SinkService, SinkStatistics

# What the contract calls a failure.
STATUSES: dict[str, Any] = {"failed": "error"}


class CreateSinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A sink to create; it starts at once. A replacement is whole: what is absent is empty."""

    description: str | None = None
    name: str
    properties: dict[str, Any] | None = None
    query: str
    type: str


class PatchSinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed while it goes on; properties are merged one level deep."""

    description: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """A sink as shown; `plan` is the analysis of its query. Extension: `dead_letter_stream`, where
    the rows are that were given up, once there is one."""

    created_at: str
    created_by: Owner
    dead_letter_stream: str | msgspec.UnsetType = msgspec.UNSET
    description: str
    id: str
    last_updated_at: str
    last_updated_by: Owner
    message: str
    name: str
    plan: SQLAnalyzeResult
    properties: dict[str, Any]
    query: str
    status: Literal["running", "stopped", "error", "unknown"]
    type: str


class SinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered since the start, and measured values of its query's rows.

    `failure_count`: rows that were given up; they are in the `dead_letter_stream`, which comes with
    the first of them. The values of the query, from `earliest_event` on, are absent while the
    engine restarts; event times also while no row waits.
    """

    errors: list[StatsError]
    failure_count: int
    success_count: int
    throughput: list[StatsThroughput]
    uptime: int
    dead_letter_stream: str | msgspec.UnsetType = msgspec.UNSET
    earliest_event: str | msgspec.UnsetType = msgspec.UNSET
    historical_data_bytes: int | msgspec.UnsetType = msgspec.UNSET
    history: list[StreamMetricsHistory] | msgspec.UnsetType = msgspec.UNSET
    lagging: int | msgspec.UnsetType = msgspec.UNSET
    last_error_message: str | msgspec.UnsetType = msgspec.UNSET
    latest_event: str | msgspec.UnsetType = msgspec.UNSET
    leader_node: int
    memory: int | msgspec.UnsetType = msgspec.UNSET
    nodes: list[MVStatus]
    read_bps: float | msgspec.UnsetType = msgspec.UNSET
    read_eps: float | msgspec.UnsetType = msgspec.UNSET
    row_count: int | msgspec.UnsetType = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET
    status_ts: int | msgspec.UnsetType = msgspec.UNSET
    streaming_data_bytes: int | msgspec.UnsetType = msgspec.UNSET
    written_bps: float | msgspec.UnsetType = msgspec.UNSET
    written_eps: float | msgspec.UnsetType = msgspec.UNSET


class SinkController(Controller):
    """Sinks of the workspace."""

    path = "/sinks"
    tags = ["Sinks"]  # noqa: RUF012  the framework's way

    @get(operation_id="listSinks", summary="List sinks")
    async def list_sinks(
        self, sinks: Given[SinkService], principal: Given[Principal]
    ) -> list[Sink]:
        """All sinks by name."""
        letters = await sinks.letters(principal)
        return [_shown(*found, letters) for found in await sinks.list(principal)]

    @post(operation_id="createSink", summary="Create a sink")
    async def create_sink(
        self,
        data: JSONBody[CreateSinkRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> Sink:
        """Create and start a sink; also when what it delivers to is away."""
        found = await sinks.create(principal, _new(data))
        return _shown(*found, await sinks.letters(principal))

    @get("/{sink_id:str}", operation_id="getSink", summary="Get a sink")
    async def get_sink(
        self, sink_id: FromPath[str], sinks: Given[SinkService], principal: Given[Principal]
    ) -> Sink:
        """One sink."""
        found = await sinks.get(principal, sink_id)
        return _shown(*found, await sinks.letters(principal))

    @put("/{sink_id:str}", operation_id="updateSink", summary="Replace a sink")
    async def update_sink(
        self,
        sink_id: FromPath[str],
        data: JSONBody[CreateSinkRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> Sink:
        """Put another definition in its place, also while it runs. With another query, or when its
        query has failed, it begins anew."""
        found = await sinks.replace(principal, sink_id, _new(data))
        return _shown(*found, await sinks.letters(principal))

    @patch("/{sink_id:str}", operation_id="patchSink", summary="Patch a sink")
    async def patch_sink(
        self,
        sink_id: FromPath[str],
        data: JSONBody[PatchSinkRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> Sink:
        """Change a part of it, also while it runs; it goes on where it is."""
        change = SinkChange(data.name, data.description, data.properties)
        found = await sinks.change(principal, sink_id, change)
        return _shown(*found, await sinks.letters(principal))

    @delete("/{sink_id:str}", operation_id="deleteSink", summary="Delete a sink")
    async def delete_sink(
        self, sink_id: FromPath[str], sinks: Given[SinkService], principal: Given[Principal]
    ) -> None:
        """Stop it and remove it with the rows that it has not delivered."""
        await sinks.delete(principal, sink_id)

    @post("/{sink_id:str}/start", operation_id="startSink", summary="Start a sink", status_code=204)
    async def start_sink(
        self, sink_id: FromPath[str], sinks: Given[SinkService], principal: Given[Principal]
    ) -> None:
        """Run it from where it was stopped; fine if it runs."""
        await sinks.start(principal, sink_id)

    @post("/{sink_id:str}/stop", operation_id="stopSink", summary="Stop a sink", status_code=204)
    async def stop_sink(
        self, sink_id: FromPath[str], sinks: Given[SinkService], principal: Given[Principal]
    ) -> None:
        """Stop it after its last batch; it keeps its place."""
        await sinks.stop(principal, sink_id)

    @get("/{sink_id:str}/stats", operation_id="getSinkStats", summary="Get a sink's statistics")
    async def get_stats(
        self,
        sink_id: FromPath[str],
        sinks: Given[SinkService],
        principal: Given[Principal],
        error_log_time_range: Range,
        metrics_time_range: Range,
    ) -> SinkStats:
        """What it delivered, throughput by the minute, the latest error, and its query."""
        range_ms, error_ms = ranges(metrics_time_range, error_log_time_range)
        return _stats(await sinks.stats(principal, sink_id, range_ms, error_ms))

    @get("/{sink_id:str}/logs", operation_id="getSinkLogs", summary="Get a sink's log")
    async def get_logs(
        self,
        sink_id: FromPath[str],
        sinks: Given[SinkService],
        principal: Given[Principal],
        lines: Lines,
    ) -> list[str]:
        """The newest lines, oldest first: its starts, connections, refusals and errors."""
        return await sinks.log(principal, sink_id, lines)


def _new(data: CreateSinkRequest) -> NewSink:
    return NewSink(data.name, data.type, data.query, data.description or "", data.properties or {})


def _shown(row: SinkRow, shown: Shown, letters: Mapping[str, str]) -> Sink:
    return Sink(
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        dead_letter_stream=letters.get(row.id) or msgspec.UNSET,
        description=row.description,
        id=row.id,
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        message=shown.message,
        name=row.name,
        plan=to_analysis(plans_of(row)[0].analysis),
        properties=masked(row.properties),
        query=row.query,
        status=STATUSES.get(shown.status, shown.status),
        type=row.type,
    )


def _stats(stats: SinkStatistics) -> SinkStats:
    delivered, query = stats.delivered, stats.query
    found = SinkStats(
        errors=errors_of(delivered),
        failure_count=delivered.dropped,
        leader_node=NODE,
        nodes=[] if query is None else [to_node(query)],
        success_count=delivered.sent,
        throughput=throughput_of(delivered),
        uptime=delivered.uptime_ms,
    )
    if query is not None:
        found = msgspec.structs.replace(
            found,
            dead_letter_stream=query.dead_letter_stream or msgspec.UNSET,
            lagging=query.lagging,
            last_error_message=query.message,
            memory=query.state_bytes,
            status=query.status,
            status_ts=query.since_ms,
        )
    if stats.rows is None:
        return found
    rows = to_stats(stats.rows, 1)
    return msgspec.structs.replace(
        found,
        earliest_event=rows.earliest_event,
        historical_data_bytes=rows.historical_data_bytes,
        history=rows.history,
        latest_event=rows.latest_event,
        read_bps=rows.read_bps,
        read_eps=rows.read_eps,
        row_count=rows.row_count,
        streaming_data_bytes=rows.streaming_data_bytes,
        written_bps=rows.written_bps,
        written_eps=rows.written_eps,
    )
