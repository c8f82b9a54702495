"""Extensions of v1beta2 queries and materialized views: why there are no rows."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given
from litestar.params import FromPath

from controlplane.auth import Principal
from controlplane.services.diagnoses import Diagnosed, DiagnosisService
from engine.activity import InputActivity, OpenWindows


class DiagnosisReason(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is one of those in docs/queries.md; `facts` are the figures of the text."""

    code: str
    facts: dict[str, Any]
    text: str


class DiagnosisInput(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that it reads: rows read and let pass by the filter since it began, appends not read
    yet; times in ms since 1970, null = none since the engine started."""

    behind: int
    lag_ms: int | None
    newest_append_ms: int | None
    passed_rows: int
    scanned_rows: int
    stream: str


class DiagnosisWindows(msgspec.Struct, frozen=True, kw_only=True):
    """Windows that are not sent yet. `closes_at_ms` is an event time; `emits` close, tick or
    append."""

    closes_at_ms: int | None
    due_ms: int | None
    emits: str
    late_rows: int
    open_groups: int
    operator: str
    timeout_ms: int
    watermark_ms: int | None


class QueryDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the query began or the engine started. `reasons`: the likeliest first; none
    when nothing is known to be in the way. `waiting`: for its own reader."""

    began_ms: int
    inputs: list[DiagnosisInput]
    late_rows: int
    message: str
    newest_event_ms: int | None
    now_ms: int
    reasons: list[DiagnosisReason]
    result_rows: int
    scanned_rows: int
    state_bytes: int
    state_rows: int
    status: str
    waiting: bool
    windows: list[DiagnosisWindows]


class DiagnosisController(Controller):
    """Why there are no rows."""

    path = "/"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(
        "/queries/{query_id:str}/diagnosis",
        operation_id="diagnoseQuery",
        summary="Ask why a query gives no rows",
    )
    async def of_query(
        self,
        query_id: FromPath[str],
        diagnoses: Given[DiagnosisService],
        principal: Given[Principal],
    ) -> QueryDiagnosis:
        """What stands in the way, from counters of the running query: nothing is run for it."""
        return _shown(await diagnoses.of_query(principal, query_id))

    @get(
        "/materialized_views/{name:str}/diagnosis",
        operation_id="diagnoseMaterializedView",
        summary="Ask why a materialized view gives no rows",
    )
    async def of_view(
        self,
        name: FromPath[str],
        diagnoses: Given[DiagnosisService],
        principal: Given[Principal],
    ) -> QueryDiagnosis:
        """As for a query; also of one that is paused or failed."""
        return _shown(await diagnoses.of_view(principal, name))


def _shown(found: Diagnosed) -> QueryDiagnosis:
    facts, work = found.facts, found.facts.work
    newest = {each.name: each.newest_append_ms for each in facts.appended}
    return QueryDiagnosis(
        began_ms=facts.began_ms,
        inputs=[_input(one, newest.get(one.stream, 0), facts.now_ms) for one in work.inputs],
        late_rows=work.late_rows,
        message=work.message,
        newest_event_ms=facts.newest_event_ms or None,
        now_ms=facts.now_ms,
        reasons=[
            DiagnosisReason(code=one.code, facts=one.facts, text=one.text) for one in found.reasons
        ],
        result_rows=work.result_rows,
        scanned_rows=work.scanned_rows,
        state_bytes=facts.state_bytes,
        state_rows=facts.state_rows,
        status=work.status,
        waiting=work.waiting,
        windows=[_windows(one) for one in facts.windows],
    )


def _input(one: InputActivity, newest_ms: int, now_ms: int) -> DiagnosisInput:
    newest = max(newest_ms, one.read_ms)
    return DiagnosisInput(
        behind=one.behind,
        lag_ms=now_ms - newest if newest else None,
        newest_append_ms=newest or None,
        passed_rows=one.passed_rows,
        scanned_rows=one.scanned_rows,
        stream=one.stream,
    )


def _windows(one: OpenWindows) -> DiagnosisWindows:
    return DiagnosisWindows(
        closes_at_ms=one.closes_at_ms,
        due_ms=one.due_ms,
        emits=one.emits,
        late_rows=one.late_rows,
        open_groups=one.open_groups,
        operator=one.operator,
        timeout_ms=one.timeout_ms,
        watermark_ms=one.watermark_ms,
    )
