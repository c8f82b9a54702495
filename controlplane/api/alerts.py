"""v1beta2 alerts: structs and controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency as Given
from litestar.params import FromPath, JSONBody

from connectors.contract import AlertAction
from controlplane.api.common import Int64, Owner
from controlplane.api.queries import (
    Column,
    Query,
    QueryResult,
    TimeColumns,
    to_analysis,
)
from controlplane.auth import Principal
from controlplane.db.tables import Alert as AlertRow
from controlplane.services import alert_actions
from controlplane.services.alerts import AlertService, Incident, NewAlert, ShownAlert
from controlplane.services.deliveries import Plan, plans_of
from controlplane.services.names import utc_text
from controlplane.services.secrets import masked
from engine.protocol import Analysis

# While nobody can say what it does it is not known to run.
STATUSES: dict[str, Any] = {"unknown": "failed"}
# What its queries are in the words of query records.
QUERY_STATUSES: dict[str, Any] = {"running": "running", "stopped": "canceled", "failed": "failed"}


class AlertActionDef(msgspec.Struct, frozen=True, kw_only=True):
    """A further action of an alert (an extension): a type of sink and its properties."""

    action: str
    properties: dict[str, Any] | None = None


class CreateAlertRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to create; it starts at once. As a replacement it is whole: what is absent is
    empty.

    Extensions: `actions`, up to 8 that are told beside `action`; `cooldown`, how long after the
    message of one trigger that of the next comes at the earliest, such as `10m`.
    """

    action: str
    actions: list[AlertActionDef] | None = None
    cooldown: str | None = None
    description: str | None = None
    name: str
    properties: dict[str, Any] | None = None
    resolve_sql: str | None = None
    severity: Int64
    trigger_sql: str


class AlertTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the state; the time in milliseconds since the epoch."""

    timestamp: int
    type: str


class AlertIncident(msgspec.Struct, frozen=True, kw_only=True):
    """The state and its last 100 changes, the newest last; `id` is new with each trigger."""

    id: str
    status: Literal["resolved", "triggered"]
    timeline: list[AlertTimeline]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as shown; without `resolve_sql` the `resolve_query` is empty. Extension:
    `dead_letter_stream`, where the messages are that were given up, once there is one."""

    action: str
    actions: list[AlertActionDef]
    cooldown: str
    created_at: str
    created_by: Owner
    dead_letter_stream: str | msgspec.UnsetType = msgspec.UNSET
    description: str
    id: str
    instance: AlertIncident
    last_updated_at: str
    last_updated_by: Owner
    message: str
    name: str
    properties: dict[str, Any]
    resolve_query: Query
    resolve_sql: str
    severity: int
    status: Literal["running", "stopped", "failed"]
    trigger_query: Query
    trigger_sql: str


class AlertController(Controller):
    """Alerts of the workspace."""

    path = "/alerts"
    tags = ["Alerts"]  # noqa: RUF012  the framework's way

    @get(operation_id="listAlerts", summary="List alerts")
    async def list_alerts(
        self, alerts: Given[AlertService], principal: Given[Principal]
    ) -> list[Alert]:
        """All alerts by name."""
        found = await alerts.list(principal)
        letters = await alerts.letters(principal)
        return [_shown(each, alerts.now_ms, letters) for each in found]

    @post(operation_id="createAlert", summary="Create an alert")
    async def create_alert(
        self,
        data: JSONBody[CreateAlertRequest],
        alerts: Given[AlertService],
        principal: Given[Principal],
    ) -> Alert:
        """Create and start an alert; also when what it notifies is away."""
        return _shown(await alerts.create(principal, _new(data)), alerts.now_ms, {})

    @get("/{alert_id:str}", operation_id="getAlert", summary="Get an alert")
    async def get_alert(
        self, alert_id: FromPath[str], alerts: Given[AlertService], principal: Given[Principal]
    ) -> Alert:
        """One alert with its incident."""
        found = await alerts.get(principal, alert_id)
        return _shown(found, alerts.now_ms, await alerts.letters(principal))

    @put("/{alert_id:str}", operation_id="updateAlert", summary="Replace an alert")
    async def update_alert(
        self,
        alert_id: FromPath[str],
        data: JSONBody[CreateAlertRequest],
        alerts: Given[AlertService],
        principal: Given[Principal],
    ) -> Alert:
        """Put another definition in its place, also while it runs; its queries begin anew and it
        is resolved. Its dead letters stay, and what it has not sent becomes some."""
        found = await alerts.replace(principal, alert_id, _new(data))
        return _shown(found, alerts.now_ms, await alerts.letters(principal))

    @delete("/{alert_id:str}", operation_id="deleteAlert", summary="Delete an alert")
    async def delete_alert(
        self, alert_id: FromPath[str], alerts: Given[AlertService], principal: Given[Principal]
    ) -> None:
        """Stop it and remove it."""
        await alerts.delete(principal, alert_id)

    @post(
        "/{alert_id:str}/resolve",
        operation_id="resolveAlert",
        summary="Resolve an alert",
        status_code=204,
    )
    async def resolve_alert(
        self, alert_id: FromPath[str], alerts: Given[AlertService], principal: Given[Principal]
    ) -> None:
        """Resolve it by hand, without a message; fine if it is resolved."""
        await alerts.resolve(principal, alert_id)

    @post(
        "/{alert_id:str}/start",
        operation_id="startAlert",
        summary="Start an alert",
        status_code=204,
    )
    async def start_alert(
        self, alert_id: FromPath[str], alerts: Given[AlertService], principal: Given[Principal]
    ) -> None:
        """Run it from where it was stopped; fine if it runs."""
        await alerts.start(principal, alert_id)

    @post(
        "/{alert_id:str}/stop", operation_id="stopAlert", summary="Stop an alert", status_code=204
    )
    async def stop_alert(
        self, alert_id: FromPath[str], alerts: Given[AlertService], principal: Given[Principal]
    ) -> None:
        """End its queries; its state is kept."""
        await alerts.stop(principal, alert_id)


def _new(data: CreateAlertRequest) -> NewAlert:
    return NewAlert(
        name=data.name,
        action=data.action,
        severity=data.severity,
        trigger_sql=data.trigger_sql,
        resolve_sql=data.resolve_sql or "",
        description=data.description or "",
        properties=data.properties or {},
        actions=tuple(AlertAction(a.action, a.properties or {}) for a in data.actions or ()),
        cooldown=data.cooldown or "",
    )


def _shown(found: ShownAlert, now_ms: int, letters: Mapping[str, str]) -> Alert:
    row, shown = found.row, found.shown
    plans = plans_of(row)
    status = STATUSES.get(shown.status, shown.status)
    resolve = _query(found, "resolve", row.resolve_sql, plans[1], now_ms) if plans[1:] else NONE
    return Alert(
        action=row.action,
        actions=[
            AlertActionDef(action=each.action, properties=each.properties)
            for each in alert_actions.shown(row.actions)
        ],
        cooldown=row.cooldown,
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        dead_letter_stream=letters.get(row.id) or msgspec.UNSET,
        description=row.description,
        id=row.id,
        instance=_incident(found.instance),
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        message=shown.message,
        name=row.name,
        properties=masked(row.properties),
        resolve_query=resolve,
        resolve_sql=row.resolve_sql,
        severity=row.severity,
        status=status,
        trigger_query=_query(found, "trigger", row.trigger_sql, plans[0], now_ms),
        trigger_sql=row.trigger_sql,
    )


def _incident(incident: Incident) -> AlertIncident:
    status: Any = incident.status
    return AlertIncident(
        id=incident.id,
        status=status,
        timeline=[
            AlertTimeline(timestamp=moment.timestamp, type=moment.type)
            for moment in incident.timeline
        ],
    )


def _query(found: ShownAlert, part: str, sql: str, plan: Plan, now_ms: int) -> Query:
    """A query of the alert as a query record."""
    row: AlertRow = found.row
    status = QUERY_STATUSES[STATUSES.get(found.shown.status, found.shown.status)]
    since = row.start_time_ms if status == "running" else now_ms
    return Query(
        analysis=to_analysis(plan.analysis),
        created_at=utc_text(row.created_at_ms),
        created_by=Owner(id=row.created_by_id, name=row.created_by_name),
        description=row.description,
        duration=max(0, now_ms - since) // 1000,
        end_time=0,
        id=f"{row.id}-{part}",
        last_updated_at=utc_text(row.updated_at_ms),
        last_updated_by=Owner(id=row.updated_by_id, name=row.updated_by_name),
        message=found.shown.message,
        name=row.name,
        response_time=0,
        result=QueryResult(
            header=[Column(name=column.name, type=column.type) for column in plan.header]
        ),
        sinks={},
        sql=sql,
        start_time=row.start_time_ms // 1000,
        status=status,
        tags=[],
        time_columns=TimeColumns(event_time=-1, window_end=-1, window_start=-1),
    )


# The resolve query of an alert that people resolve.
NONE = Query(
    analysis=to_analysis(Analysis("", "", "")),
    created_at="",
    created_by=Owner(),
    description="",
    duration=0,
    end_time=0,
    id="",
    last_updated_at="",
    last_updated_by=Owner(),
    message="",
    name="",
    response_time=0,
    result=QueryResult(header=[]),
    sinks={},
    sql="",
    start_time=0,
    status="finished",
    tags=[],
    time_columns=TimeColumns(event_time=-1, window_end=-1, window_start=-1),
)
