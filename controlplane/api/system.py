"""Probes, /info, /metrics, /docs and /openapi.json: structs and handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from controlplane.auth import Principal
from controlplane.services.health import HealthService
from controlplane.telemetry import HttpCounters, exposition

PRODUCT: Final = "Tailrace"
METRICS_TYPE: Final = "text/plain; version=0.0.4"


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the product."""

    build_time: str = ""
    commit: str = ""
    feature_flags: dict[str, Any] = {}
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


class Documents:
    """The produced OpenAPI document and its page, made at the first request."""

    def __init__(self, produce: Callable[[], tuple[bytes, bytes]]) -> None:
        self._produce = produce
        self._lock = asyncio.Lock()
        self._made: tuple[bytes, bytes] | None = None

    async def get(self) -> tuple[bytes, bytes]:
        """(document, page); made in a thread, since it takes long."""
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._produce)
        return self._made


@get("/healthz", operation_id="getHealth", summary="Liveness", tags=["System"])
async def healthz() -> HealthzResponse:
    """The process answers."""
    return HealthzResponse(status="ok")


@get("/readyz", operation_id="getReadiness", summary="Readiness", tags=["System"])
async def readyz(health: Given[HealthService]) -> Response[ReadyzResponse]:
    """200 when database, engines and connectors answer, else 503."""
    state = await health.check()
    body = ReadyzResponse(status="ready" if state.ready else "not ready", checks=state.checks)
    return Response(body, status_code=200 if state.ready else 503)


@get("/api/info", operation_id="getInfo", summary="Versions", tags=["System"])
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
        axion=Build(version="unknown"),
        neutron=Build(version=version),
        orbit=Build(version=connectors),
        product_name=PRODUCT,
        product_version=version,
        proton=Build(version=engine or "unknown"),
    )
    return Response(body, status_code=200 if state.ready else 503)


@get("/metrics", operation_id="getMetrics", summary="Prometheus metrics", tags=["System"])
async def metrics(health: Given[HealthService], counters: Given[HttpCounters]) -> Response[bytes]:
    """All counters as Prometheus text."""
    gauges = await health.gauges()
    text = await asyncio.to_thread(exposition, counters, gauges)
    return Response(text, media_type=METRICS_TYPE)


@get("/openapi.json", operation_id="getOpenAPI", summary="This document", tags=["System"])
async def openapi_json(documents: Given[Documents]) -> Response[bytes]:
    """The OpenAPI document of this server."""
    document, _ = await documents.get()
    return Response(document, media_type="application/json")


@get("/docs", operation_id="getDocs", summary="Reference page", tags=["System"])
async def docs(documents: Given[Documents]) -> Response[bytes]:
    """The reference as one page without scripts."""
    _, page = await documents.get()
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(page, media_type="text/html", headers=headers)


HANDLERS: Final[list[HTTPRouteHandler]] = [healthz, readyz, info, metrics, openapi_json, docs]
