"""Composition root: joins store, engines, connectors, services and the web framework."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from controlplane.api.ingest import Hot
from controlplane.api.queries import encode_query
from controlplane.api.reference import Documents
from controlplane.audited import Audited
from controlplane.auth import Authenticator, AuthLimits
from controlplane.console.bundle import Bundle
from controlplane.db.audit import AuditTable
from controlplane.db.connector_history import ConnectorHistory
from controlplane.db.repository import Directory
from controlplane.db.session import Store
from controlplane.db.workspaces import WorkspaceTable
from controlplane.framework import Served
from controlplane.front import Front
from controlplane.lockout import Lockout
from controlplane.passwords import Passwords
from controlplane.permissions import OPEN_OPERATIONS
from controlplane.services.access import AccessService
from controlplane.services.alerts import AlertService
from controlplane.services.audit import AuditService
from controlplane.services.authored_flows import DashboardFlows, SavedQueryFlows
from controlplane.services.catalog import CatalogService
from controlplane.services.connector_rows import Means
from controlplane.services.connector_statistics import ConnectorStatistics
from controlplane.services.connector_types import ConnectorTypeService
from controlplane.services.connectors import Connectors
from controlplane.services.dashboards import DashboardService
from controlplane.services.diagnoses import DiagnosisService
from controlplane.services.engines import EngineLauncher, EngineLimits, Engines
from controlplane.services.external_streams import ExternalStreamService
from controlplane.services.external_tables import ExternalTableService
from controlplane.services.first_run import FirstRunService
from controlplane.services.flows import AlertFlows, QueryFlows, SinkFlows, SourceFlows
from controlplane.services.global_metrics import GlobalMetricsService, throughputs
from controlplane.services.health import HealthService
from controlplane.services.invitations import InvitationService
from controlplane.services.lineage import LineageService
from controlplane.services.people import PeopleService
from controlplane.services.queries import QueryService
from controlplane.services.rates import Rates
from controlplane.services.rest import pause
from controlplane.services.resume import Resume
from controlplane.services.saved_queries import SavedQueryService
from controlplane.services.schemas import SchemaService
from controlplane.services.sealed_definitions import seal_stored
from controlplane.services.secrets import Vault
from controlplane.services.series import SeriesService
from controlplane.services.series_auth import SeriesAuth
from controlplane.services.sessions import SessionService
from controlplane.services.shared_query import Means as SocketMeans
from controlplane.services.sinks import SinkService
from controlplane.services.sources import SourceService
from controlplane.services.streams import StreamService
from controlplane.services.system import SystemService
from controlplane.services.topology import Flows, TopologyService
from controlplane.services.udfs import UdfService
from controlplane.services.uses import Uses
from controlplane.services.views import ViewService
from controlplane.services.workspaces import Installation, WorkspaceService
from controlplane.settings import Settings
from controlplane.socket import Sockets
from controlplane.sse import Streaming
from controlplane.telemetry import HttpCounters
from controlplane.tokens import Tokens
from engine.clock import Clock
from engine.protocol import Engine

RETIRE_CHECK_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Outside:
    """What the application stands on; tests hand in their own."""

    store: Store
    launcher: EngineLauncher
    connectors: Connectors
    clock: Clock
    restarts: dict[str, int]
    vault: Vault | None = None
    pids: Callable[[], dict[str, int]] = dict


class Application:
    """The control plane over its surroundings. `front` is the ASGI application."""

    def __init__(self, settings: Settings, outside: Outside) -> None:
        self.settings = settings
        self.clock = outside.clock
        self.counters = HttpCounters()
        self.directory = Directory(outside.store.sessions)
        self.passwords = Passwords()
        self.vault = outside.vault or Vault(settings.secret_keys, settings.data_path())
        self.authenticator = self._authenticator()
        self.access = AccessService(
            self.directory, self.authenticator, self.passwords, outside.clock
        )
        self.people = PeopleService(self.directory, self.access, self.authenticator, self.passwords)
        self.sessions = SessionService(
            self.directory, self.authenticator, outside.clock, auth_limits(settings)
        )
        self.first_run = self._first_run()
        self.invitations = InvitationService(
            self.directory, self.access, outside.clock, settings.invitation_program
        )
        self.audit = self._audit(outside)
        bounds = EngineLimits(settings.engine_wait_ms, settings.engines_max)
        self.engines = Engines(outside.launcher, outside.clock, bounds, self._settle, self._at_work)
        self.workspaces = self._workspaces(outside)
        uses = Uses(self.directory)
        self.streams = StreamService(self.engines, uses)
        self.udfs = UdfService(self.engines, uses, self.vault)
        self.saved_queries = SavedQueryService(self.directory, outside.clock)
        self.dashboards = DashboardService(self.directory, outside.clock)
        self.schemas = SchemaService(self.engines, uses, self.directory)
        self.external_tables = ExternalTableService(self.engines, uses, self.vault)
        self.views = ViewService(self.engines, uses, outside.clock)
        self.queries = QueryService(
            self.engines, self.authenticator, uses, outside.clock, settings, self.vault
        )
        self.statistics = ConnectorStatistics(
            ConnectorHistory(outside.store.sessions), outside.connectors, outside.clock
        )
        self.resume = Resume(self.directory, outside.connectors)
        means = self._means(outside)
        self.sources = SourceService(means)
        self.sinks = SinkService(means)
        self.alerts = AlertService(means)
        self.topology = TopologyService(
            self.engines,
            self._flows(),
            {
                "dashboard": DashboardFlows(self.dashboards, self.engines),
                "savedquery": SavedQueryFlows(self.saved_queries, self.engines),
            },
        )
        self.rates = Rates(self.engines, outside.connectors, outside.clock)
        self.lineage = LineageService(self.engines, self.topology, self.rates)
        self.catalog = CatalogService(self.engines)
        self.connector_types = ConnectorTypeService(outside.connectors)
        self.diagnoses = DiagnosisService(self.engines, self.queries, self.views, self.sources)
        into, out_of = throughputs(self.sources, self.sinks)
        self.global_metrics = GlobalMetricsService(self.engines, (into,), (out_of,))
        self.external_streams = ExternalStreamService(self.engines, uses, self.sources, self.vault)
        self.health = self._health(outside)
        self.system = SystemService(
            self.counters, outside.launcher.folders, outside.restarts, outside.pids
        )
        hot = Hot(self.authenticator, self.engines, outside.clock, settings, self.counters)
        audited = Audited(self._served(), self.audit)  # type: ignore[arg-type]
        means = SocketMeans(self.queries, self.audit, encode_query)
        self.sockets = Sockets(means, self.authenticator, self.counters, outside.clock)
        self.front = Front(audited, hot, self.sockets)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    def _authenticator(self) -> Authenticator:
        tokens = Tokens(self.vault.keys, self.clock, self.settings.token_minutes)
        limits = auth_limits(self.settings)
        return Authenticator(self.directory, self.passwords, self.clock, limits, tokens)

    def _audit(self, outside: Outside) -> AuditService:
        bounds = self.settings.audit_records_max, self.settings.audit_days
        return AuditService(AuditTable(outside.store.sessions), self.clock, *bounds)

    def _workspaces(self, outside: Outside) -> WorkspaceService:
        count_max = self.settings.workspaces_max
        around = Installation(outside.launcher.folders, self._leave_workspace, count_max)
        table = WorkspaceTable(outside.store.sessions)
        return WorkspaceService(
            self.directory, table, self.access, self.engines, around, self.clock
        )

    def _first_run(self) -> FirstRunService:
        limits = auth_limits(self.settings)
        attempts = Lockout(limits.failures_max, limits.lock_seconds, limits.entries_max, self.clock)
        return FirstRunService(
            self.directory, self.authenticator, self.passwords, self.sessions, attempts
        )

    def _means(self, outside: Outside) -> Means:
        return Means(
            self.directory,
            self.engines,
            outside.connectors,
            self.vault,
            self.statistics,
            self.resume,
            outside.clock,
        )

    def _health(self, outside: Outside) -> HealthService:
        return HealthService(
            self.directory,
            self.engines,
            outside.connectors,
            self.queries,
            outside.restarts,
            outside.launcher.folders,
        )

    def _flows(self) -> tuple[Flows, ...]:
        return (
            SourceFlows(self.sources),
            SinkFlows(self.sinks, self.engines),
            AlertFlows(self.alerts, self.engines),
            QueryFlows(self.queries, self.engines),
        )

    async def _settle(self, workspace: str, engine: Engine) -> None:
        """What the engine holds and runs for sources, sinks and alerts is what is stored; they are
        started again, for they may have been given up while it could not open its folder."""
        await seal_stored(self.vault, engine, workspace)
        kinds = (self.sources, self.sinks, self.alerts)
        for place in await self.directory.workspaces():
            if place.name == workspace:
                owners = [await kind.owners(place.id) for kind in kinds]
                await engine.reconcile({o: held for part in owners for o, held in part.items()})
                await self.sinks.settle(place.id, engine)
                await self.alerts.settle(place.id, engine)
        self.resume.again()

    async def _at_work(self) -> frozenset[str]:
        return await self.workspaces.at_work()

    async def _leave_workspace(self, name: str, identity: str) -> None:
        """Nobody gets in any more; what runs for it ends, the engine last."""
        self.authenticator.forget(workspace_id=identity)
        await self.queries.forget_workspace(name)
        for kind in (self.sources, self.sinks, self.alerts):
            await kind.forget_workspace(identity)
        await self.engines.remove(name)

    def _served(self) -> Served:
        streaming = Streaming(
            encode_query,
            self.queries.abandon,
            self.counters,
            float(self.settings.sse_send_timeout_seconds),
        )
        public = {"getMetrics"} if self.settings.metrics_public else set[str]()
        services: dict[str, Any] = {
            "access": self.access,
            "alerts": self.alerts,
            "audit": self.audit,
            "authenticator": self.authenticator,
            "bundle": Bundle(),
            "catalog": self.catalog,
            "connector_types": self.connector_types,
            "counters": self.counters,
            "dashboards": self.dashboards,
            "diagnoses": self.diagnoses,
            "documents": Documents(partial(_produce_document, self.settings.root_path)),
            "first_run": self.first_run,
            "global_metrics": self.global_metrics,
            "external_streams": self.external_streams,
            "external_tables": self.external_tables,
            "health": self.health,
            "invitations": self.invitations,
            "lineage": self.lineage,
            "people": self.people,
            "public": OPEN_OPERATIONS | public,
            "queries": self.queries,
            "saved_queries": self.saved_queries,
            "schemas": self.schemas,
            "series": SeriesService(self.engines, self.clock),
            "series_auth": SeriesAuth(self.authenticator, self.settings),
            "sessions": self.sessions,
            "settings": self.settings,
            "sinks": self.sinks,
            "sources": self.sources,
            "streaming": streaming,
            "streams": self.streams,
            "system": self.system,
            "topology": self.topology,
            "udfs": self.udfs,
            "version": version("tailrace"),
            "views": self.views,
            "workspaces": self.workspaces,
        }
        return Served(services, self.settings.body_bytes_max)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        """Run the background work; gives the first admin's key if one was made, else ''."""
        kinds = (self.sources, self.sinks, self.alerts)
        for kind in kinds:
            await kind.seal_stored()
        key = await self.access.bootstrap(self.settings)
        await self.workspaces.finish_deletions()
        names = [workspace.name for workspace in await self.directory.workspaces()]
        await self.engines.start_needed(names)
        for work in (
            self.workspaces.sweep(),
            self.resume.keep_running(kinds),
            self.statistics.run(),
            self.rates.run(),
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
            await self.invitations.close()
            self.passwords.close()

    async def begin_stop(self) -> None:
        """Take no new queries and end the running ones with their farewell."""
        self.health.stopping = True
        self._closing.set()
        self.resume.close()
        self.statistics.close()
        self.rates.close()
        await self.queries.close()
        await self.sockets.close()

    async def _retire_idle(self) -> None:
        seconds = self.settings.engine_idle_minutes * 60.0
        while not self._closing.is_set():
            await self.engines.retire_idle(seconds)
            await pause(self._closing, RETIRE_CHECK_SECONDS)


def auth_limits(settings: Settings) -> AuthLimits:
    """The settings that signing in goes by."""
    return AuthLimits(
        entries_max=settings.auth_cache_entries_max,
        cache_seconds=float(settings.auth_cache_seconds),
        session_idle_ms=settings.session_idle_minutes * 60_000,
        session_ms=settings.session_hours * 3_600_000,
        failures_max=settings.sign_in_failures_max,
        lock_seconds=float(settings.sign_in_lock_seconds),
    )


def _produce_document(root_path: str) -> bytes:
    """The OpenAPI document; imported late since few processes ever need it."""
    from controlplane import openapi

    return openapi.encoded(root_path)
