"""What the services ask of the connector process."""

from __future__ import annotations

from typing import Any, Protocol

from connectors.check_contract import Check, SendTest, Suggest, Suggested
from connectors.contract import (
    AlertDefinition,
    CheckStep,
    ConnectorType,
    SinkDefinition,
    SourceDefinition,
)
from connectors.metrics import SourceCounters, SourceSample, SourceStats
from connectors.replay_contract import Replayed, ReplayWanted
from connectors.status import SourceStatus
from engine.protocol import ResultColumn


class Connectors(Protocol):
    """`connectors.control.ConnectorClient` does it.

    Every method raises EngineUnavailable while the process is away.
    """

    async def types(self) -> list[ConnectorType]:
        """All source types."""
        ...

    async def sink_types(self) -> list[ConnectorType]:
        """All sink types."""
        ...

    async def validate(self, type_: str, properties: dict[str, Any]) -> frozenset[str]:
        """Dotted names of the type's secrets; UserError when type or properties do not fit."""
        ...

    async def start(
        self, source: SourceDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """Run it, its counters going on from `begin`; the same definition again does nothing."""
        ...

    async def validate_sink(
        self,
        type_: str,
        properties: dict[str, Any],
        columns: tuple[ResultColumn, ...],
        *,
        alert: bool = False,
        resolve_columns: tuple[ResultColumn, ...] = (),
    ) -> frozenset[str]:
        """As `validate`, of a sink or an alert's action, with its templates held against the
        columns of the queries."""
        ...

    async def start_sink(
        self, sink: SinkDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """As `start`; the engine has its background query already."""
        ...

    async def start_alert(
        self, alert: AlertDefinition, begin: SourceCounters | None = None
    ) -> SourceStatus:
        """As `start_sink`."""
        ...

    async def resolve_alert(self, workspace: str, alert_id: str) -> None:
        """Resolve it by hand, running or not; NotFound if the engine does not have it."""
        ...

    async def replay_source(self, source: SourceDefinition, wanted: ReplayWanted) -> Replayed:
        """Store dead letters of a source, running or not, and mark them."""
        ...

    async def replay_sink(self, sink: SinkDefinition, wanted: ReplayWanted) -> Replayed:
        """Deliver dead letters of a sink again, running or not, and mark them."""
        ...

    async def stop(self, connector_id: str) -> SourceStatus:
        """Stop a source, sink or alert after its last batch is written."""
        ...

    async def delete(self, connector_id: str) -> None:
        """Stop and forget it."""
        ...

    async def status(self) -> dict[str, SourceStatus]:
        """States of all that were started."""
        ...

    async def stats(self, connector_id: str, range_ms: int, error_range_ms: int) -> SourceStats:
        """Counters since the start; without throughput if it was not started."""
        ...

    async def samples(self, since_minute: int) -> list[SourceSample]:
        """Counters of all that were started."""
        ...

    async def log(self, connector_id: str, lines: int) -> list[str]:
        """The newest lines of its log, oldest first."""
        ...

    async def topics(self, properties: dict[str, Any]) -> list[str]:
        """Topic names of a Kafka cluster."""
        ...

    async def preview(
        self,
        type_: str,
        properties: dict[str, Any],
        size: int,
        timeout_ms: int,
        workspace: str = "",
    ) -> list[dict[str, Any]]:
        """Up to `size` events."""
        ...

    async def check(self, wanted: Check) -> list[CheckStep]:
        """Test the connection of a source or sink; UserError when its properties do not fit."""
        ...

    async def send_test(self, wanted: SendTest) -> list[CheckStep]:
        """Deliver one row, marked as a test; UserError when its properties do not fit."""
        ...

    async def suggest(self, wanted: Suggest) -> Suggested:
        """Values for a property; UserError when the other system cannot be asked."""
        ...

    async def ready(self) -> bool:
        """Whether it answers."""
        ...
