"""Probes, /info and /metrics: structs and handlers; and all handlers outside of v1beta2."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from controlplane.api.reference import REFERENCE
from controlplane.auth import Principal
from controlplane.services.health import HealthService
from controlplane.telemetry import HttpCounters, exposition

PRODUCT: Final = "Tailrace"
METRICS_TYPE: Final = "text/plain; version=0.0.4"


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the product."""

    build_time: str
    commit: str
    feature_flags: dict[str, Any]
    version: str


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of all parts; `unknown` for a missing one."""

    axion: Build
    neutron: Build
    orbit: Build
    product_name: str
    product_version: str
    proton: Build


class HealthzResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str


class ReadyzResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be served, and the state of each part."""

    status: str
    checks: dict[str, str]


@get("/healthz", operation_id="getHealth", summary="Liveness", tags=["Health"])
async def healthz() -> HealthzResponse:
    """The process answers."""
    return HealthzResponse(status="ok")


@get("/readyz", operation_id="getReadiness", summary="Readiness", tags=["Health"])
async def readyz(health: Given[HealthService]) -> Response[ReadyzResponse]:
    """200 when database, engines and connectors answer, else 503."""
    state = await health.check()
    body = ReadyzResponse(status="ready" if state.ready else "not ready", checks=state.checks)
    return Response(body, status_code=200 if state.ready else 503)


@get("/api/info", operation_id="getInfo", summary="Versions", tags=["Misc"])
async def info(
    health: Given[HealthService],
    principal: Given[Principal],
    version: Given[str],
) -> Response[Info]:
    """Versions of the parts; 503 with the same body when one is down."""
    state = await health.check()
    engine = await health.engine_version()
    connectors = version if state.checks["connectors"] == "ok" else "unknown"
    body = Info(
        axion=_build("unknown"),
        neutron=_build(version),
        orbit=_build(connectors),
        product_name=PRODUCT,
        product_version=version,
        proton=_build(engine or "unknown"),
    )
    return Response(body, status_code=200 if state.ready else 503)


def _build(version: str) -> Build:
    return Build(build_time="", commit="", feature_flags={}, version=version)


@get("/metrics", operation_id="getMetrics", summary="Prometheus metrics", tags=["Extensions"])
async def metrics(health: Given[HealthService], counters: Given[HttpCounters]) -> Response[bytes]:
    """All counters as Prometheus text."""
    gauges = await health.gauges()
    text = await asyncio.to_thread(exposition, counters, gauges)
    return Response(text, media_type=METRICS_TYPE)


@get(
    "/api/metrics",
    operation_id="getWorkspaceMetrics",
    summary="Prometheus metrics of a workspace",
    tags=["Extensions"],
)
async def workspace_metrics(
    health: Given[HealthService], principal: Given[Principal]
) -> Response[bytes]:
    """Counters of the workspace's engine and queries, and room on the disk, as Prometheus text."""
    gauges = await health.workspace_gauges(principal.workspace)
    text = await asyncio.to_thread(exposition, None, gauges)
    return Response(text, media_type=METRICS_TYPE)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    healthz, readyz, info, metrics, workspace_metrics, *REFERENCE
]  # fmt: skip
