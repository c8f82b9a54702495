"""Python client of a Tailrace server, blocking and async: every call of v1beta2, rows as they come.

    with Client("http://127.0.0.1:8000", key) as client:
        client.streams.ingest("orders", ["id", "price"], [[1, 9.5]])
        table = client.query("select * from table(orders)").to_arrow()

`AsyncClient` has the same calls, awaited. `docs/client.md` shows all of it.
"""

from __future__ import annotations

from typing import Any, Final, Generic

import httpx

from controlplane.clientlib.answers import (
    Alert,
    AlertAction,
    AlertEvent,
    AlertTest,
    AlertTransition,
    Analysis,
    AnalyzedColumn,
    Checked,
    CheckStep,
    Column,
    Dashboard,
    ErrorAt,
    ExternalStream,
    ExternalTable,
    GapAt,
    Incident,
    Inferred,
    Kept,
    MaterializedView,
    NodeStatus,
    Operator,
    OperatorEdge,
    OperatorWork,
    Owner,
    Pipeline,
    Query,
    QueryResult,
    Rates,
    RatesAt,
    Replayed,
    SavedQuery,
    Schema,
    Sink,
    SinkStats,
    Source,
    SourceStats,
    Sql,
    Stream,
    StreamColumn,
    StreamStats,
    Suggestions,
    ThroughputAt,
    TimeColumns,
    Udf,
    UdfHeader,
    View,
    ViewStats,
)
from controlplane.clientlib.calls import Awaited, Blocking, M
from controlplane.clientlib.definitions import (
    AlertActionDef,
    AlertDef,
    BatchingPolicy,
    ColumnDef,
    ColumnFamily,
    ConnectorTrial,
    DashboardDef,
    ExternalStreamDef,
    ExternalStreamPreview,
    ExternalTableDef,
    IngestFormat,
    KeyDef,
    Panel,
    PersonDef,
    QueryDef,
    SavedQueryDef,
    SchemaDef,
    SecondaryIndex,
    Setting,
    SinkDef,
    SinkUpdate,
    SourceDef,
    SourcePreview,
    SourceUpdate,
    StreamDef,
    StreamMode,
    StreamUpdate,
    UdfArgument,
    UdfAuth,
    UdfDef,
    UserDef,
    UserUpdate,
    ViewDef,
    ViewUpdate,
)
from controlplane.clientlib.errors import (
    ApiError,
    ClientError,
    NotInstalled,
    QueryFailed,
    Unreachable,
)
from controlplane.clientlib.events import parse_events
from controlplane.clientlib.flows import Alerts, Sinks, Sources
from controlplane.clientlib.installation import (
    ApiKey,
    AuditRecord,
    Build,
    Database,
    Edge,
    GlobalMetrics,
    Graph,
    Info,
    Invitation,
    NewApiKey,
    NewWorkspace,
    Node,
    Readiness,
    Session,
    Subscription,
    User,
    Workspace,
    WorkspaceEntry,
    WorkspaceSettings,
)
from controlplane.clientlib.objects import Dashboards, SavedQueries, Schemas, Udfs
from controlplane.clientlib.people import ApiKeys, Invitations, Server, Users, Workspaces
from controlplane.clientlib.queries import Queries
from controlplane.clientlib.results import Result
from controlplane.clientlib.running import (
    AsyncQueryResults,
    AsyncStatement,
    End,
    Metrics,
    QueryResults,
    Rows,
    Statement,
)
from controlplane.clientlib.streams import (
    ExternalStreams,
    ExternalTables,
    MaterializedViews,
    Streams,
    Views,
)
from controlplane.clientlib.transport import (
    AsyncTransport,
    BlockingTransport,
    Connection,
    Timeouts,
)
from engine.clock import Clock, SystemClock

__all__ = [
    "Alert",
    "AlertAction",
    "AlertActionDef",
    "AlertDef",
    "AlertEvent",
    "AlertTest",
    "AlertTransition",
    "Analysis",
    "AnalyzedColumn",
    "ApiError",
    "ApiKey",
    "AsyncClient",
    "AsyncQueryResults",
    "AsyncStatement",
    "AuditRecord",
    "BatchingPolicy",
    "Build",
    "CheckStep",
    "Checked",
    "Client",
    "ClientError",
    "Column",
    "ColumnDef",
    "ColumnFamily",
    "ConnectorTrial",
    "Dashboard",
    "DashboardDef",
    "Database",
    "Edge",
    "End",
    "ErrorAt",
    "ExternalStream",
    "ExternalStreamDef",
    "ExternalStreamPreview",
    "ExternalTable",
    "ExternalTableDef",
    "GapAt",
    "GlobalMetrics",
    "Graph",
    "Incident",
    "Inferred",
    "Info",
    "IngestFormat",
    "Invitation",
    "Kept",
    "KeyDef",
    "MaterializedView",
    "Metrics",
    "NewApiKey",
    "NewWorkspace",
    "Node",
    "NodeStatus",
    "NotInstalled",
    "Operator",
    "OperatorEdge",
    "OperatorWork",
    "Owner",
    "Panel",
    "PersonDef",
    "Pipeline",
    "Query",
    "QueryDef",
    "QueryFailed",
    "QueryResult",
    "QueryResults",
    "Rates",
    "RatesAt",
    "Readiness",
    "Replayed",
    "Result",
    "Rows",
    "SavedQuery",
    "SavedQueryDef",
    "Schema",
    "SchemaDef",
    "SecondaryIndex",
    "Session",
    "Setting",
    "Sink",
    "SinkDef",
    "SinkStats",
    "SinkUpdate",
    "Source",
    "SourceDef",
    "SourcePreview",
    "SourceStats",
    "SourceUpdate",
    "Sql",
    "Statement",
    "Stream",
    "StreamColumn",
    "StreamDef",
    "StreamMode",
    "StreamStats",
    "StreamUpdate",
    "Subscription",
    "Suggestions",
    "ThroughputAt",
    "TimeColumns",
    "Timeouts",
    "Udf",
    "UdfArgument",
    "UdfAuth",
    "UdfDef",
    "UdfHeader",
    "Unreachable",
    "User",
    "UserDef",
    "UserUpdate",
    "View",
    "ViewDef",
    "ViewStats",
    "ViewUpdate",
    "Workspace",
    "WorkspaceEntry",
    "WorkspaceSettings",
    "parse_events",
]

DEFAULT_WORKSPACE: Final = "default"


class Groups(Generic[M]):
    """The calls of one workspace by kind of object."""

    def __init__(self, transport: M) -> None:
        self.streams = Streams(transport)
        self.views = Views(transport)
        self.materialized_views = MaterializedViews(transport)
        self.external_streams = ExternalStreams(transport)
        self.external_tables = ExternalTables(transport)
        self.queries = Queries(transport)
        self.saved_queries = SavedQueries(transport)
        self.udfs = Udfs(transport)
        self.schemas = Schemas(transport)
        self.sources = Sources(transport)
        self.sinks = Sinks(transport)
        self.alerts = Alerts(transport)
        self.dashboards = Dashboards(transport)
        self.api_keys = ApiKeys(transport)
        self.users = Users(transport)
        self.invitations = Invitations(transport)
        self.workspaces = Workspaces(transport)
        self.server = Server(transport)


class Client(Groups[Blocking]):
    """Calls of one workspace, blocking; use as a context manager. Threads may share it.

    `api_key` is a key of 60 characters or `user:password`. All calls raise ApiError when the
    server refuses and Unreachable when it does not answer.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        workspace: str = DEFAULT_WORKSPACE,
        transport: httpx.BaseTransport | None = None,
        *,
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
    ) -> None:
        connection = Connection(url, api_key, workspace, timeouts or Timeouts())
        self.url = connection.url
        self.workspace = workspace
        self._transport = BlockingTransport(connection, clock or SystemClock(), transport)
        super().__init__(self._transport)

    def __repr__(self) -> str:
        """Where it goes; never the key."""
        return f"Client({self.url!r}, workspace={self.workspace!r})"

    def __enter__(self) -> Client:
        """Use as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def query(self, query: str | QueryDef) -> Statement:
        """One statement of any kind, to be run: `with` for its rows as they come, or `to_arrow()`
        and the like for all of them."""
        return Statement(self._transport, query)


class AsyncClient(Groups[Awaited]):
    """Calls of one workspace for one event loop; use as an async context manager. See Client."""

    def __init__(
        self,
        url: str,
        api_key: str = "",
        workspace: str = DEFAULT_WORKSPACE,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
    ) -> None:
        connection = Connection(url, api_key, workspace, timeouts or Timeouts())
        self.url = connection.url
        self.workspace = workspace
        self._transport = AsyncTransport(connection, clock or SystemClock(), transport)
        super().__init__(self._transport)

    def __repr__(self) -> str:
        """Where it goes; never the key."""
        return f"AsyncClient({self.url!r}, workspace={self.workspace!r})"

    async def __aenter__(self) -> AsyncClient:
        """Use as an async context manager."""
        return self

    async def __aexit__(self, *_: Any) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def query(self, query: str | QueryDef) -> AsyncStatement:
        """As Client.query, with `async with` and `await`."""
        return AsyncStatement(self._transport, query)
