"""v1beta2 tools around sources: preview, columns of an event, streams that fit, Kafka topics."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from controlplane.auth import Principal
from controlplane.services.event_shapes import columns_of
from controlplane.services.names import milliseconds
from controlplane.services.sources import PREVIEW_MS_DEFAULT, SourceService
from controlplane.services.streams import StreamService

# What it takes to reach a Kafka cluster.
CLUSTER: Final = ("brokers", "password", "sasl", "tls", "username")


class SourcePreviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A source to look at without creating it."""

    properties: dict[str, Any] | None = None
    size: int | None = None
    timeout: str | None = None
    type: str


class EventInferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose columns are asked for."""

    event: dict[str, Any]


class InferredColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column as it would be declared."""

    name: str
    type: str


class EventInferResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Columns in the order of the event's keys; both lists are equal (and the contract's name)."""

    inferred_columns: list[InferredColumn]
    recommeneded_columns: list[InferredColumn]


class StreamMatchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Events that a stream should take."""

    events: list[dict[str, Any]]


class KafkaCommon(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka cluster. `tls` is an object with `disable` and `skip_verify_server`; how messages
    are read is not looked at."""

    brokers: str | None = None
    data_type: str | None = None
    data_type_of_old: str | None = msgspec.field(name="dataType", default=None)
    message: str | None = None
    password: str | None = None
    sasl: str | None = None
    schema: str | None = None
    tls: dict[str, Any] | None = None
    username: str | None = None


class ListKafkaTopicRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster whose topics are asked for."""

    properties: KafkaCommon | None = None


class SourceToolController(Controller):
    """Looking at sources that do not exist yet."""

    path = "/source"
    tags = ["Sources"]  # noqa: RUF012  the framework's way

    @post("/preview", operation_id="previewSource", summary="Preview a source", status_code=200)
    async def preview_source(
        self,
        data: JSONBody[SourcePreviewRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> list[dict[str, Any]]:
        """Up to `size` events within `timeout`."""
        timeout = milliseconds(data.timeout, "timeout") if data.timeout else None
        size = 1 if data.size is None else data.size
        wait_ms = PREVIEW_MS_DEFAULT if timeout is None else timeout
        properties = data.properties or {}
        return await sources.preview(data.type, properties, size, wait_ms, principal.workspace)

    @post("/infer", operation_id="inferSource", summary="Infer columns", status_code=200)
    async def infer_source(
        self, data: JSONBody[EventInferRequest], principal: Given[Principal]
    ) -> EventInferResponse:
        """Columns that a stream for such events would have."""
        columns = [InferredColumn(name=n, type=t) for n, t in columns_of(data.event)]
        return EventInferResponse(inferred_columns=columns, recommeneded_columns=columns)

    @post("/match", operation_id="matchSource", summary="Find streams", status_code=200)
    async def match_source(
        self,
        data: JSONBody[StreamMatchRequest],
        streams: Given[StreamService],
        principal: Given[Principal],
    ) -> list[str]:
        """Names of the streams that have all keys of the events, types that fit; closest first."""
        return await streams.matching(principal, data.events)

    @post(
        "/kafka/topics", operation_id="listKafkaTopics", summary="List Kafka topics",
        status_code=200,
    )  # fmt: skip
    async def list_kafka_topics(
        self,
        data: JSONBody[ListKafkaTopicRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> list[str]:
        """Names of the topics of a cluster, without its internal ones."""
        given = msgspec.to_builtins(data.properties or KafkaCommon())
        return await sources.topics({name: given[name] for name in CLUSTER})
