"""Calls about what moves rows in and out: sources, sinks, alerts."""

from __future__ import annotations

from typing import Any

from controlplane.clientlib.answers import (
    Alert,
    AlertTest,
    Checked,
    Inferred,
    Replayed,
    Sink,
    SinkStats,
    Source,
    SourceStats,
    Suggestions,
)
from controlplane.clientlib.calls import Call, Group, M, Many, ask, at, operation, order, send
from controlplane.clientlib.definitions import (
    AlertDef,
    ConnectorTrial,
    SinkDef,
    SinkUpdate,
    SourceDef,
    SourcePreview,
    SourceUpdate,
)

Event = dict[str, Any]


class Sources(Group[M]):
    """Sources that bring rows into streams."""

    @operation
    def list(self) -> Call[Many[Source]]:
        """All of them by name."""
        return ask(Many[Source], "sources")

    @operation
    def create(self, source: SourceDef) -> Call[Source]:
        """A new source; it starts at once, also when the other system is away."""
        return send(Source, "POST", "sources", source)

    @operation
    def get(self, source_id: str) -> Call[Source]:
        """One of them."""
        return ask(Source, at("sources", source_id))

    @operation
    def update(self, source_id: str, changes: SourceUpdate) -> Call[Source]:
        """Change what is given of a stopped source; `properties` replace the old ones."""
        return send(Source, "PUT", at("sources", source_id), changes)

    @operation
    def patch(self, source_id: str, changes: SourceUpdate) -> Call[Source]:
        """As `update`, but `properties` are merged into the old ones."""
        return send(Source, "PATCH", at("sources", source_id), changes)

    @operation
    def delete(self, source_id: str) -> Call[None]:
        """Stop and delete it."""
        return order("DELETE", at("sources", source_id))

    @operation
    def start(self, source_id: str) -> Call[None]:
        """Start it; nothing happens when it runs."""
        return order("POST", at("sources", source_id, "start"))

    @operation
    def stop(self, source_id: str) -> Call[None]:
        """Stop it; returns when its last batch is written."""
        return order("POST", at("sources", source_id, "stop"))

    @operation
    def replay(self, source_id: str, where: str = "", *, limit: int = 1000) -> Call[Replayed]:
        """Store dead letters in its stream, those for which the SQL `where` holds."""
        body = {"where": where, "limit": limit}
        return send(Replayed, "POST", at("sources", source_id, "dlq", "replay"), body)

    @operation
    def stats(
        self, source_id: str, *, errors_within: str = "1d", throughput_within: str = "1h"
    ) -> Call[SourceStats]:
        """Counters since its start, the latest error and throughput of such ranges of time."""
        return ask(
            SourceStats,
            at("sources", source_id, "stats"),
            error_log_time_range=errors_within,
            metrics_time_range=throughput_within,
        )

    @operation
    def logs(self, source_id: str, *, lines: int = 100) -> Call[Many[str]]:
        """The last lines of its log."""
        return ask(Many[str], at("sources", source_id, "logs"), lines=lines)

    @operation
    def check(self, trial: ConnectorTrial) -> Call[Checked]:
        """Test a connection step by step; nothing is made."""
        return send(Checked, "POST", at("sources", "check"), trial)

    @operation
    def suggest(self, trial: ConnectorTrial, property_: str, prefix: str = "") -> Call[Suggestions]:
        """Values for a property, such as the topics of a Kafka cluster."""
        return send(Suggestions, "POST", at("sources", "suggest"), _asked(trial, property_, prefix))

    @operation
    def preview(self, wanted: SourcePreview) -> Call[Many[Event]]:
        """Events of another system, without a source being made."""
        return send(Many[Event], "POST", "source/preview", wanted)

    @operation
    def infer(self, event: Event) -> Call[Inferred]:
        """Columns that a stream for such events would have."""
        return send(Inferred, "POST", "source/infer", {"event": event})

    @operation
    def match(self, events: Many[Event]) -> Call[Many[str]]:
        """Names of the streams that these events fit into."""
        return send(Many[str], "POST", "source/match", {"events": events})

    @operation
    def topics(self, properties: Event) -> Call[Many[str]]:
        """Names of the topics of a Kafka cluster: `brokers`, and how to sign in."""
        return send(Many[str], "POST", "source/kafka/topics", {"properties": properties})


class Sinks(Group[M]):
    """Sinks that take rows of a query to other systems."""

    @operation
    def list(self) -> Call[Many[Sink]]:
        """All of them by name."""
        return ask(Many[Sink], "sinks")

    @operation
    def create(self, sink: SinkDef) -> Call[Sink]:
        """A new sink; it starts at once."""
        return send(Sink, "POST", "sinks", sink)

    @operation
    def get(self, sink_id: str) -> Call[Sink]:
        """One of them."""
        return ask(Sink, at("sinks", sink_id))

    @operation
    def update(self, sink_id: str, sink: SinkDef) -> Call[Sink]:
        """Replace all of it; one that runs is started again."""
        return send(Sink, "PUT", at("sinks", sink_id), sink)

    @operation
    def patch(self, sink_id: str, changes: SinkUpdate) -> Call[Sink]:
        """Change what is given and keep its position."""
        return send(Sink, "PATCH", at("sinks", sink_id), changes)

    @operation
    def delete(self, sink_id: str) -> Call[None]:
        """Stop and delete it."""
        return order("DELETE", at("sinks", sink_id))

    @operation
    def start(self, sink_id: str) -> Call[None]:
        """Start it; nothing happens when it runs."""
        return order("POST", at("sinks", sink_id, "start"))

    @operation
    def stop(self, sink_id: str) -> Call[None]:
        """Stop it; its position is kept."""
        return order("POST", at("sinks", sink_id, "stop"))

    @operation
    def replay(self, sink_id: str, where: str = "", *, limit: int = 1000) -> Call[Replayed]:
        """Deliver dead letters again, those for which the SQL `where` holds."""
        body = {"where": where, "limit": limit}
        return send(Replayed, "POST", at("sinks", sink_id, "dlq", "replay"), body)

    @operation
    def check(self, trial: ConnectorTrial) -> Call[Checked]:
        """Test a connection step by step; no row is sent."""
        return send(Checked, "POST", at("sinks", "check"), trial)

    @operation
    def send_test(self, trial: ConnectorTrial, row: dict[str, Any]) -> Call[Checked]:
        """Deliver one row, marked as a test for its receiver."""
        body = {
            "id": trial.id, "type": trial.type, "properties": trial.properties,
            "query": trial.query, "row": row,
        }  # fmt: skip
        return send(Checked, "POST", at("sinks", "test"), body)

    @operation
    def suggest(self, trial: ConnectorTrial, property_: str, prefix: str = "") -> Call[Suggestions]:
        """Values for a property, such as the topics of a Kafka cluster."""
        return send(Suggestions, "POST", at("sinks", "suggest"), _asked(trial, property_, prefix))

    @operation
    def stats(
        self, sink_id: str, *, errors_within: str = "1d", throughput_within: str = "1h"
    ) -> Call[SinkStats]:
        """Counters since its start, the latest error and throughput of such ranges of time."""
        return ask(
            SinkStats,
            at("sinks", sink_id, "stats"),
            error_log_time_range=errors_within,
            metrics_time_range=throughput_within,
        )

    @operation
    def logs(self, sink_id: str, *, lines: int = 100) -> Call[Many[str]]:
        """The last lines of its log."""
        return ask(Many[str], at("sinks", sink_id, "logs"), lines=lines)


class Alerts(Group[M]):
    """Alerts: queries whose first row triggers an action."""

    @operation
    def list(self) -> Call[Many[Alert]]:
        """All of them by name."""
        return ask(Many[Alert], "alerts")

    @operation
    def create(self, alert: AlertDef) -> Call[Alert]:
        """A new alert; it starts at once."""
        return send(Alert, "POST", "alerts", alert)

    @operation
    def get(self, alert_id: str) -> Call[Alert]:
        """One of them."""
        return ask(Alert, at("alerts", alert_id))

    @operation
    def update(self, alert_id: str, alert: AlertDef) -> Call[Alert]:
        """Replace all of it; its state becomes resolved."""
        return send(Alert, "PUT", at("alerts", alert_id), alert)

    @operation
    def delete(self, alert_id: str) -> Call[None]:
        """Stop and delete it."""
        return order("DELETE", at("alerts", alert_id))

    @operation
    def start(self, alert_id: str) -> Call[None]:
        """Start it; nothing happens when it runs."""
        return order("POST", at("alerts", alert_id, "start"))

    @operation
    def stop(self, alert_id: str) -> Call[None]:
        """End its queries; its state is kept."""
        return order("POST", at("alerts", alert_id, "stop"))

    @operation
    def resolve(self, alert_id: str) -> Call[None]:
        """Set it resolved, without a message; the next row triggers it again."""
        return order("POST", at("alerts", alert_id, "resolve"))

    @operation
    def test(
        self, trigger_sql: str, resolve_sql: str = "", *, minutes: int = 60
    ) -> Call[AlertTest]:
        """What an alert with these queries would have done in the last minutes; nothing is made."""
        body = {"trigger_sql": trigger_sql, "resolve_sql": resolve_sql, "minutes": minutes}
        return send(AlertTest, "POST", at("alerts", "test"), body)

    @operation
    def send_message(self, alert_id: str, row: dict[str, Any]) -> Call[dict[str, Any]]:
        """Tell the actions of a stored alert that it is triggered, marked as a test."""
        body = {"id": alert_id, "row": row}
        return send(dict[str, Any], "POST", at("alerts", "test_message"), body)


def _asked(trial: ConnectorTrial, property_: str, prefix: str) -> Event:
    return {
        "id": trial.id, "type": trial.type, "properties": trial.properties,
        "property": property_, "prefix": prefix,
    }  # fmt: skip
