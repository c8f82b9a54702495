"""Extensions of v1beta2 sinks and alerts: one test row or message, marked for its receiver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from connectors.contract import AlertAction, CheckStep
from controlplane import problems
from controlplane.api.alerts import AlertActionDef
from controlplane.api.common import Int64
from controlplane.api.connector_tests import ConnectorCheckResponse, ConnectorCheckStep
from controlplane.auth import Principal
from controlplane.services.alerts import AlertService
from controlplane.services.sinks import SinkService
from controlplane.services.trials import Told, Trial


class SinkTestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A sink to send one row to; as SinkCheckRequest. Columns of the query that the `row` leaves
    out have a value of their type; without a query the row says which columns there are."""

    id: str | None = None
    properties: dict[str, Any] | None = None
    query: str | None = None
    row: dict[str, Any] | None = None
    type: str | None = None


class AlertMessageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An alert whose actions get a message: a stored one by its `id`, else one as it would be
    created. `row` as in SinkTestRequest, of the trigger query."""

    action: str | None = None
    actions: list[AlertActionDef] | None = None
    id: str | None = None
    name: str | None = None
    properties: dict[str, Any] | None = None
    row: dict[str, Any] | None = None
    severity: Int64 = 0
    trigger_sql: str | None = None


class ActionTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the message of one action; `steps` as of a check."""

    action: str
    ok: bool
    steps: list[ConnectorCheckStep]


class AlertMessageResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether all went well; the actions in their order."""

    actions: list[ActionTestResult]
    ok: bool


class TrialEventController(Controller):
    """What is sent to try out a receiver: with the header X-Tailrace-Test, once."""

    path = "/"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @post(
        "/sinks/test", operation_id="sendTestRow", summary="Send one test row to a sink",
        status_code=200,
    )  # fmt: skip
    async def send_row(
        self,
        data: JSONBody[SinkTestRequest],
        sinks: Given[SinkService],
        principal: Given[Principal],
    ) -> ConnectorCheckResponse:
        """Connect and deliver one row, which really arrives; its event id begins with `test-`."""
        trial = Trial(data.type or "", data.properties, data.id or "", data.query or "")
        steps = _steps(await sinks.send_test(principal, trial, data.row or {}))
        return ConnectorCheckResponse(ok=all(step.ok for step in steps), steps=steps)

    @post(
        "/alerts/test_message", operation_id="sendTestMessage", status_code=200,
        summary="Send a test message to the actions of an alert",
    )  # fmt: skip
    async def send_message(
        self,
        data: JSONBody[AlertMessageRequest],
        alerts: Given[AlertService],
        principal: Given[Principal],
    ) -> AlertMessageResponse:
        """Each action is told once that the alert is triggered, with a title that begins with TEST.
        The state of a stored alert stays as it is."""
        row = data.row or {}
        if data.id:
            found = await alerts.send_stored(principal, data.id, row)
        else:
            found = await alerts.send_message(principal, _told(data), data.trigger_sql or "", row)
        results = [_result(action, steps) for action, steps in found]
        return AlertMessageResponse(actions=results, ok=all(one.ok for one in results))


def _told(data: AlertMessageRequest) -> Told:
    if not data.action:
        raise problems.bad_request("The action of the alert is required, or its id.")
    actions = [
        AlertAction(data.action, data.properties or {}),
        *(AlertAction(one.action, one.properties or {}) for one in data.actions or ()),
    ]
    return Told(data.name or "not named yet", data.severity, tuple(actions))


def _result(action: str, steps: Sequence[CheckStep]) -> ActionTestResult:
    shown = _steps(steps)
    return ActionTestResult(action=action, ok=all(step.ok for step in shown), steps=shown)


def _steps(steps: Sequence[CheckStep]) -> list[ConnectorCheckStep]:
    return [
        ConnectorCheckStep(message=s.message, millis=s.millis, name=s.name, ok=s.ok) for s in steps
    ]
