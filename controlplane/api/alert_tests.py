"""Extension of v1beta2 alerts: what one would have done over the past, before it is switched on."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency as Given
from litestar.params import JSONBody

from controlplane.auth import Principal
from controlplane.services.alerts import AlertService, Transition
from controlplane.services.names import rfc3339

# How far back an alert can be tried: a day.
MINUTES_MAX: Final = 1_440


class AlertTestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to try over the last `minutes`."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=MINUTES_MAX)]
    resolve_sql: str | None = None
    trigger_sql: str


class AlertTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A change that the alert would have made: RFC 3339 time, and the row that made it."""

    row: dict[str, Any]
    time: str
    type: Literal["triggered", "resolved"]


class AlertTestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the alert would have done, oldest first. With `truncated` it was not looked further than
    `transitions_max` of them."""

    scanned_rows: int
    transitions: list[AlertTransition]
    transitions_max: int
    truncated: bool


class AlertTestController(Controller):
    """Alerts that are not there yet."""

    path = "/alerts"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @post("/test", operation_id="testAlert", summary="Try an alert over the past", status_code=200)
    async def test_alert(
        self,
        data: JSONBody[AlertTestRequest],
        alerts: Given[AlertService],
        principal: Given[Principal],
    ) -> AlertTestResponse:
        """What an alert with these queries would have done in the last minutes; nothing is made,
        nobody is told."""
        queries = (data.trigger_sql, data.resolve_sql) if data.resolve_sql else (data.trigger_sql,)
        found = await alerts.test(principal, queries, data.minutes)
        return AlertTestResponse(
            scanned_rows=found.scanned_rows,
            transitions=list(map(_shown, found.transitions)),
            transitions_max=found.transitions_max,
            truncated=found.truncated,
        )


def _shown(found: Transition) -> AlertTransition:
    return AlertTransition(row=dict(found.row), time=rfc3339(found.time_ms), type=found.type)
