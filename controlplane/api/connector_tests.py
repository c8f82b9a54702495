"""Extensions of v1beta2 sources and sinks: connections are tested, values proposed."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from connectors.check_contract import Suggested
from connectors.contract import CheckStep
from controlplane.auth import Principal
from controlplane.services.sinks import SinkService
from controlplane.services.sources import SourceService
from controlplane.services.trials import Trial, Wanted


class SourceCheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A source to test. With `id`, a stored one: `type` and `properties` replace what it has, where
    a secret that is `******` is the stored one, as in a PUT."""

    id: str | None = None
    properties: dict[str, Any] | None = None
    type: str | None = None


class SinkCheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A sink to test, or the action of an alert; as SourceCheckRequest. Its templates are held
    against the columns of the `query`, if there is one."""

    id: str | None = None
    properties: dict[str, Any] | None = None
    query: str | None = None
    type: str | None = None


class ConnectorCheckStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step: why it failed or what it found, and how long it took."""

    message: str
    millis: int
    name: str
    ok: bool


class ConnectorCheckResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether all went well. The steps are in order; the first that failed is the last."""

    ok: bool
    steps: list[ConnectorCheckStep]


class ConnectorSuggestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The property whose values are asked for, what they begin with (in any case), and what is
    known already of the source or sink; `id` as in a check."""

    id: str | None = None
    prefix: str | None = None
    properties: dict[str, Any] | None = None
    property: str
    type: str | None = None


class ConnectorSuggestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """At most 200 values in order; with `truncated` there are more."""

    truncated: bool
    values: list[str]


class ConnectorTestController(Controller):
    """Sources and sinks that are not there yet, or will be changed."""

    path = "/"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @post(
        "/sources/check", operation_id="checkSource", summary="Test the connection of a source",
        status_code=200,
    )  # fmt: skip
    async def check_source(
        self,
        data: JSONBody[SourceCheckRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> ConnectorCheckResponse:
        """Address, connection, sign-in, what is read: step by step, within 15 s. Nothing is made,
        and nothing is taken from others."""
        trial = Trial(data.type or "", data.properties, data.id or "")
        return _tested(await sources.check(principal, trial))

    @post(
        "/sinks/check", operation_id="checkSink", summary="Test the connection of a sink",
        status_code=200,
    )  # fmt: skip
    async def check_sink(
        self,
        data: JSONBody[SinkCheckRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> ConnectorCheckResponse:
        """As for a source, without a row being sent."""
        trial = Trial(data.type or "", data.properties, data.id or "", data.query or "")
        return _tested(await sinks.check(principal, trial))

    @post(
        "/sources/suggest", operation_id="suggestForSource", status_code=200,
        summary="Propose values for a property of a source",
    )  # fmt: skip
    async def suggest_for_source(
        self,
        data: JSONBody[ConnectorSuggestRequest],
        sources: Given[SourceService],
        principal: Given[Principal],
    ) -> ConnectorSuggestResponse:
        """Such as the topics of a Kafka cluster; none where the other system cannot tell."""
        return _proposed(await sources.suggest(principal, *_asked(data)))

    @post(
        "/sinks/suggest", operation_id="suggestForSink", status_code=200,
        summary="Propose values for a property of a sink",
    )  # fmt: skip
    async def suggest_for_sink(
        self,
        data: JSONBody[ConnectorSuggestRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> ConnectorSuggestResponse:
        """As for a source."""
        return _proposed(await sinks.suggest(principal, *_asked(data)))


def _asked(data: ConnectorSuggestRequest) -> tuple[Trial, Wanted]:
    trial = Trial(data.type or "", data.properties, data.id or "")
    return trial, Wanted(data.property, data.prefix or "")


def _tested(steps: list[CheckStep]) -> ConnectorCheckResponse:
    shown = [
        ConnectorCheckStep(message=s.message, millis=s.millis, name=s.name, ok=s.ok) for s in steps
    ]
    return ConnectorCheckResponse(ok=all(step.ok for step in steps), steps=shown)


def _proposed(found: Suggested) -> ConnectorSuggestResponse:
    return ConnectorSuggestResponse(truncated=found.more, values=found.values)
