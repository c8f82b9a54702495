"""Composition root: joins store, engines, connectors, services and the web framework."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide

from controlplane.api.common import DEFAULT_WORKSPACE, Guard, provide_principal
from controlplane.api.ingest import Hot
from controlplane.api.queries import encode_query
from controlplane.api.routes import API_PREFIX, CONTROLLERS
from controlplane.api.system import HANDLERS, Documents
from controlplane.auth import OPEN_OPERATIONS, Authenticator
from controlplane.db.repository import Directory
from controlplane.db.session import Store
from controlplane.front import Front
from controlplane.passwords import Passwords
from controlplane.problems import exception_handlers
from controlplane.request import JsonRequest
from controlplane.services.access import AccessService
from controlplane.services.engines import EngineLauncher, Engines
from controlplane.services.health import HealthService
from controlplane.services.queries import QueryService
from controlplane.services.rest import pause
from controlplane.services.sources import Connectors, SourceService
from controlplane.services.streams import StreamService
from controlplane.services.udfs import UdfService
from controlplane.services.uses import Uses
from controlplane.settings import Settings
from controlplane.sse import Streaming
from controlplane.telemetry import HttpCounters
from engine.clock import Clock

RETIRE_CHECK_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Outside:
    """What the application stands on; tests hand in their own."""

    store: Store
    launcher: EngineLauncher
    connectors: Connectors
    clock: Clock
    restarts: dict[str, int]


class Application:
    """The control plane over its surroundings. `front` is the ASGI application."""

    def __init__(self, settings: Settings, outside: Outside) -> None:
        self.settings = settings
        self.clock = outside.clock
        self.counters = HttpCounters()
        self.directory = Directory(outside.store.sessions)
        self.passwords = Passwords()
        limits = (settings.auth_cache_entries_max, float(settings.auth_cache_seconds))
        self.authenticator = Authenticator(self.directory, self.passwords, outside.clock, limits)
        self.access = AccessService(
            self.directory, self.authenticator, self.passwords, outside.clock
        )
        self.engines = Engines(
            outside.launcher, outside.clock, settings.engine_wait_ms, self._owners
        )
        uses = Uses(self.directory)
        self.streams = StreamService(self.engines, uses)
        self.udfs = UdfService(self.engines)
        self.queries = QueryService(self.engines, self.authenticator, uses, outside.clock, settings)
        self.sources = SourceService(
            self.directory, self.engines, outside.connectors, outside.clock
        )
        self.health = HealthService(
            self.directory, self.engines, outside.connectors, self.queries, outside.restarts
        )
        hot = Hot(self.authenticator, self.engines, outside.clock, settings, self.counters)
        self.front = Front(self._framework(), hot)  # type: ignore[arg-type]
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    async def _owners(self, workspace: str) -> dict[str, tuple[str, ...]]:
        return await self.sources.owners(workspace)

    def _framework(self) -> Litestar:
        streaming = Streaming(
            encode_query,
            self.queries.abandon,
            self.counters,
            float(self.settings.sse_send_timeout_seconds),
        )
        values: dict[str, Any] = {
            "access": self.access,
            "counters": self.counters,
            "documents": Documents(_produce_documents),
            "health": self.health,
            "queries": self.queries,
            "sources": self.sources,
            "streaming": streaming,
            "streams": self.streams,
            "udfs": self.udfs,
            "version": version("tailrace"),
        }
        dependencies = {name: _constant(value) for name, value in values.items()}
        dependencies["principal"] = Provide(provide_principal, sync_to_thread=False)
        public = {"getMetrics"} if self.settings.metrics_public else set[str]()
        return Litestar(
            route_handlers=[Router(API_PREFIX, route_handlers=list(CONTROLLERS)), *HANDLERS],
            dependencies=dependencies,
            guards=[Guard(self.authenticator, OPEN_OPERATIONS | public)],
            exception_handlers=exception_handlers(),
            openapi_config=None,
            request_class=JsonRequest,
            logging_config=None,
            request_max_body_size=self.settings.body_bytes_max,
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        """Run the background work; gives the first admin's key if one was made, else ''."""
        key = await self.access.bootstrap(self.settings)
        await self.engines.of(DEFAULT_WORKSPACE)
        for work in (
            self.sources.keep_running(),
            self.queries.check_callers(),
            self._retire_idle(),
        ):
            self._tasks.append(asyncio.create_task(work))
        try:
            yield key
        finally:
            await self.begin_stop()
            await asyncio.gather(*self._tasks)
            await self.engines.close()
            self.passwords.close()

    async def begin_stop(self) -> None:
        """Take no new queries and end the running ones with their farewell."""
        self.health.stopping = True
        self._closing.set()
        self.sources.close()
        await self.queries.close()

    async def _retire_idle(self) -> None:
        seconds = self.settings.engine_idle_minutes * 60.0
        while not self._closing.is_set():
            await self.engines.retire_idle(seconds, frozenset({DEFAULT_WORKSPACE}))
            await pause(self._closing, RETIRE_CHECK_SECONDS)


def _produce_documents() -> tuple[bytes, bytes]:
    """The OpenAPI document and its page; imported late since few processes ever need it."""
    from controlplane import openapi

    document = openapi.encoded()
    return document, openapi.page(document)


def _constant(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)
