"""A stand-in for one workspace's engine: definitions, appends and scripted queries in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from connectors.check_contract import Check, SendTest, Suggest, Suggested
from connectors.contract import CheckStep, ConnectorType
from connectors.metrics import SourceCounters, SourceSample, SourceStats, ThroughputPoint
from connectors.replay_contract import Replayed, ReplayWanted
from connectors.status import SourceStatus
from controlplane.services.engines import Connect
from controlplane.services.workspace_folders import WorkspaceFolders
from engine.clock import Clock
from engine.errors import (
    AlreadyExists,
    Code,
    EngineUnavailable,
    NotFound,
    SqlError,
    UserError,
)
from engine.protocol import (
    Alteration,
    Analysis,
    Caller,
    ColumnDef,
    Definition,
    EngineInfo,
    IngestAck,
    IngestRequest,
    Pipeline,
    PipelineNode,
    QueryCounters,
    QueryEnd,
    QueryOpened,
    QueryRequest,
    RatePoint,
    ResultColumn,
    Rows,
    Snapshot,
    StreamStats,
    ViewState,
)
from tests.controlplane.fake_background import FakeBackground

HEADER = (ResultColumn("cid", "string"), ResultColumn("speed", "float32"))


STATEMENTS = ("SELECT", "CREATE", "DROP", "INSERT", "SHOW", "DESCRIBE", "EXPLAIN")


def reads_of(sql: str) -> tuple[str, ...]:
    """The word after each `from`."""
    words = sql.replace("table(", "").replace(")", "").split()
    return tuple(after for word, after in itertools.pairwise(words) if word.lower() == "from")


class FakeQuery:
    """A running query whose items the test pushes."""

    def __init__(self, opened: QueryOpened) -> None:
        self.opened = opened
        self.queue: asyncio.Queue[Rows | QueryEnd] = asyncio.Queue()
        self.canceled = False
        self.taken = 0

    def push(self, *rows: list[Any]) -> None:
        """One batch."""
        self.queue.put_nowait(Rows(len(rows), msgspec.json.encode(rows), 1_767_225_600_123))

    def end(self, status: Any = "finished", code: int = 0, message: str = "") -> None:
        """The last item."""
        self.queue.put_nowait(QueryEnd(status, code, message))

    async def items(self) -> AsyncIterator[Rows | QueryEnd]:
        """See RunningQuery."""
        while True:
            item = await self.queue.get()
            if isinstance(item, Rows):
                self.taken += item.count
            yield item
            if isinstance(item, QueryEnd):
                return

    async def counters(self) -> QueryCounters:
        """See RunningQuery."""
        return QueryCounters(scanned_rows=self.taken, scanned_bytes=10, processing_ms=3)

    async def cancel(self) -> None:
        """See RunningQuery."""
        if not self.canceled:
            self.canceled = True
            self.end("canceled")


class FakeEngine(FakeBackground):
    """See engine.protocol.Engine. `failure` is raised by the next call; `dead` by all."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.by_name: dict[str, Definition] = {}
        self.revision = 1
        self.appends: list[tuple[IngestRequest, bytes]] = []
        self.queries: dict[str, FakeQuery] = {}
        self.requests: list[QueryRequest] = []
        self.owners: dict[str, tuple[str, ...]] = {}
        self.failure: BaseException | None = None
        self.changed = asyncio.Event()
        self.lost = asyncio.Event()
        self.writable = True
        self.states: dict[str, ViewState] = {}
        self.forgotten: list[str] = []

    def _check(self) -> None:
        if self.lost.is_set():
            raise EngineUnavailable("gone")
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def _bump(self) -> None:
        self.revision += 1
        self.changed.set()

    def crash(self) -> None:
        """The process dies: queries get the farewell, calls fail."""
        self.lost.set()
        self.changed.set()
        for query in self.queries.values():
            query.end("failed", 503, "engine restarted")

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        self._check()
        if request.stream not in self.by_name:
            raise NotFound(f"Stream '{request.stream}' does not exist.")
        self.appends.append((request, body))
        return IngestAck(1, len(self.appends))

    async def run(self, request: QueryRequest) -> FakeQuery:
        self._check()
        self.requests.append(request)
        if request.sql.startswith("SYSTEM "):
            self._control(request.sql)
            return FakeQuery(QueryOpened(request.id, "ddl", (), Analysis("", "", "SYSTEM")))
        analysis = await self.analyze(request.sql)
        kind = {"CREATE": "ddl", "DROP": "ddl", "INSERT": "write"}.get(analysis.query_type, "read")
        if kind not in request.allow:
            raise SqlError(f"{analysis.query_type} is not allowed.", Code.ACCESS_DENIED)
        if kind == "ddl":
            name = request.sql.split()[2]
            await self.create(Definition(id="", name=name, kind="stream"), request.caller)
            return FakeQuery(QueryOpened(request.id, "ddl", (), analysis))
        if request.bounded_only and analysis.is_streaming:
            raise SqlError("Streaming SQL cannot run here.", Code.NOT_IMPLEMENTED)
        opened = QueryOpened(
            request.id,
            "streaming" if analysis.is_streaming else "bounded",
            HEADER,
            analysis,
            reads=reads_of(request.sql),
        )
        query = self.queries[request.id] = FakeQuery(opened)
        if not analysis.is_streaming:
            query.push(["c001", 61.5], ["c002", 48.0])
            query.end()
        return query

    async def cancel(self, query_id: str) -> bool:
        return query_id in self.queries

    async def pipeline(self, query_id: str) -> Pipeline:
        return Pipeline(
            (PipelineNode(0, "source", "running"), PipelineNode(1, "filter", "running")), ((0, 1),)
        )

    async def analyze(self, sql: str) -> Analysis:
        self._check()
        words = sql.split()
        if not words or words[0].upper() not in STATEMENTS:
            raise SqlError("Syntax error at position 1.", Code.SYNTAX_ERROR)
        if "missing" in words:
            raise NotFound("Stream 'missing' does not exist.")
        streaming = "from" in words and "table(" not in sql
        return Analysis(sql, sql, words[0].upper(), is_streaming=streaming)

    def header_of(self, sql: str) -> tuple[ResultColumn, ...]:
        return HEADER

    def reads_of(self, sql: str) -> tuple[str, ...]:
        return reads_of(sql)

    async def format_sql(self, sql: str) -> str:
        await self.analyze(sql)
        return sql.upper()

    async def create(self, definition: Definition, caller: Caller) -> Definition:
        self._check()
        if definition.name in self.by_name and not definition.options.get("or_replace"):
            raise AlreadyExists(f"stream '{definition.name}' already exists")
        if definition.kind in ("view", "materialized_view"):
            definition = await self._view(definition, caller)
        now = self.clock.now_ms()
        made = msgspec.structs.replace(
            definition,
            id=self.clock.uuid4(),
            created_at_ms=now,
            updated_at_ms=now,
            created_by=caller,
            updated_by=caller,
        )
        self.by_name[made.name] = made
        self._bump()
        return made

    async def _view(self, definition: Definition, caller: Caller) -> Definition:
        await self.analyze(definition.query)
        columns = tuple(ColumnDef(column.name, column.type) for column in HEADER)
        options = {**definition.options, "reads": list(reads_of(definition.query))}
        into = definition.options.get("into")
        if into and into not in self.by_name:
            target = Definition(id="", name=into, kind="stream", columns=columns)
            await self.create(target, caller)
            options["made_target"] = into
        if definition.kind == "materialized_view":
            self.states[definition.name] = ViewState("ExecutingPipeline", "", self.clock.now_ms())
        return msgspec.structs.replace(definition, columns=columns, options=options)

    def _control(self, sql: str) -> None:
        _, action, _, _, name = sql.split()
        state = self.states[name.strip("`")]
        if action == "RECOVER" and state.status != "Error":
            raise SqlError("It has not failed.", Code.BAD_ARGUMENTS)
        status = "Paused" if action == "PAUSE" else "ExecutingPipeline"
        self.states[name.strip("`")] = msgspec.structs.replace(state, status=status, message="")

    async def view_state(self, name: str) -> ViewState:
        self._check()
        if name not in self.states:
            raise NotFound(f"A materialized view named '{name}' does not exist.")
        return self.states[name]

    async def alter(self, name: str, change: Alteration, caller: Caller) -> Definition:
        self._check()
        values = {k: v for k, v in msgspec.structs.asdict(change).items() if v is not None}
        self.by_name[name] = msgspec.structs.replace(self.by_name[name], **values)
        self._bump()
        return self.by_name[name]

    async def drop(self, name: str, *, force: bool = False, kind: str = "") -> None:
        self._check()
        users = [owner for owner, names in self.owners.items() if name in names]
        users += [d.name for d in self.by_name.values() if name in d.options.get("reads", ())]
        users += [
            owner
            for owner, one in self.background.items()
            if any(name in reads_of(sql) for sql in one.query.queries)
        ]
        if users and not force:
            raise UserError(f"'{name}' is used by {users}", Code.HAVE_DEPENDENT_OBJECTS)
        del self.by_name[name]
        self._bump()

    async def stats(self, name: str, history_days: int = 0) -> StreamStats:
        self._check()
        rows = len([a for a in self.appends if a[0].stream == name])
        history = (RatePoint(0, 1.0, 2.0, 3.0, 4.0),) if history_days else ()
        event = 1_767_225_600_123 if rows else None
        lost = ((4, 6),) if rows else ()
        said = "The TTL cannot be applied." if rows else ""
        return StreamStats(rows, 100, 50, event, event, 1.0, 2.0, 3.0, 4.0, history, lost, said)

    async def hold(self, owner: str, names: tuple[str, ...]) -> None:
        self._check()
        for name in names:
            if name not in self.by_name:
                raise NotFound(f"Stream '{name}' does not exist.")
        self.owners[owner] = names

    async def forget_source(self, owner: str) -> None:
        """Nothing is kept of sources here."""
        self.forgotten.append(owner)

    async def release(self, owner: str) -> None:
        self.owners.pop(owner, None)

    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        self.owners = dict(owners)
        for owner in [owner for owner in self.background if owner not in owners]:
            del self.background[owner]

    async def definitions(self) -> Snapshot:
        return Snapshot(self.revision, tuple(self.by_name.values()))

    async def watch(self) -> AsyncIterator[Snapshot]:
        while not self.lost.is_set():
            self.changed.clear()
            yield await self.definitions()
            await self.changed.wait()

    async def info(self) -> EngineInfo:
        self._check()
        reason = "" if self.writable else "disk full"
        counters = {"appends": float(len(self.appends)), "history_bytes": 49.0}
        return EngineInfo("0.1", "2.0", self.writable, reason, 0, 1, counters)

    async def close(self) -> None:
        return


class FakeLauncher:
    """See EngineLauncher: one engine a workspace, that of `default` is `engine`, unless `down`."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.folders = WorkspaceFolders(folder)
        self.engines: dict[str, FakeEngine] = {"default": FakeEngine(clock)}
        self.retired: list[str] = []
        self.down = False

    @property
    def engine(self) -> FakeEngine:
        return self.engines["default"]

    async def launch(self, workspace: str) -> Connect:
        self.folders.of(workspace).mkdir(parents=True, exist_ok=True)

        async def connect() -> Any:
            if self.down:
                raise ConnectionRefusedError
            old = self.engines.setdefault(workspace, FakeEngine(self.clock))
            if old.lost.is_set():
                self.engines[workspace] = FakeEngine(self.clock)
                self.engines[workspace].by_name = old.by_name
                self.engines[workspace].background = old.background
            return self.engines[workspace]

        return connect

    async def retire(self, workspace: str) -> None:
        self.retired.append(workspace)
        self.engines[workspace].lost.set()


class FakeConnectors:
    """See services.connectors.Connectors."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceStatus] = {}
        self.started: dict[str, tuple[Any, SourceCounters | None]] = {}
        self.counted: dict[str, SourceSample] = {}
        self.resolved: list[tuple[str, str]] = []
        self.checked: list[Check | Suggest | SendTest] = []
        self.replays: list[tuple[str, ReplayWanted]] = []
        self.away = False
        self.now_ms = 1_767_225_600_000

    def _check(self) -> None:
        if self.away:
            raise EngineUnavailable("away", 503, "orbit")

    async def types(self) -> list[ConnectorType]:
        self._check()
        return [ConnectorType("stream_generator", "Generator", "Rows.", "at least once", "g", {})]

    async def sink_types(self) -> list[ConnectorType]:
        self._check()
        return [ConnectorType("http", "HTTP", "Sends.", "at least once", "h", {})]

    async def validate(self, type_: str, properties: dict[str, Any]) -> frozenset[str]:
        self._check()
        if type_ != "stream_generator":
            raise UserError(f"The source type {type_!r} is not available.", 400, "orbit")
        if "template" not in properties:
            raise UserError("The property 'template' is required.", 400, "orbit")
        return frozenset({"pin", "tls.pin"})

    async def start(self, source: Any, begin: SourceCounters | None = None) -> SourceStatus:
        self._check()
        self.started[source.id] = (source, begin)
        self.sources[source.id] = SourceStatus(source.id, "running", "", 1_767_225_600_000)
        return self.sources[source.id]

    async def stop(self, source_id: str) -> SourceStatus:
        self._check()
        self.sources[source_id] = SourceStatus(source_id, "stopped")
        return self.sources[source_id]

    async def delete(self, source_id: str) -> None:
        self._check()
        self.sources.pop(source_id, None)

    async def replay_source(self, source: Any, wanted: ReplayWanted) -> Replayed:
        self._check()
        self.replays.append((source.id, wanted))
        return Replayed(3, 1)

    async def replay_sink(self, sink: Any, wanted: ReplayWanted) -> Replayed:
        return await self.replay_source(sink, wanted)

    async def status(self) -> dict[str, SourceStatus]:
        self._check()
        return self.sources

    async def stats(self, source_id: str, range_ms: int, error_range_ms: int) -> SourceStats:
        self._check()
        if source_id not in self.sources:
            return SourceStats()
        now = ThroughputPoint(self.now_ms // 60_000 * 60_000, 5.0)
        return SourceStats(received=3, sent=2, dropped=1, uptime_ms=range_ms, throughput=(now,))

    async def validate_sink(
        self,
        type_: str,
        properties: dict[str, Any],
        columns: tuple[ResultColumn, ...],
        *,
        alert: bool = False,
        resolve_columns: tuple[ResultColumn, ...] = (),
    ) -> frozenset[str]:
        self._check()
        if type_ == "timeplus":
            return frozenset()
        if type_ not in ("http", "slack"):
            raise UserError(f"The sink type {type_!r} is not available.", 400, "orbit")
        if "url" not in properties:
            raise UserError("The property 'url' is required.", 400, "orbit")
        known = {column.name for column in columns}
        for template in ("payload_field", "template", "trigger_template"):
            field = str(properties.get(template, "")).strip("{} .")
            if field and field not in known:
                raise UserError(f"The template names '{field}'.", 400, "orbit")
        return frozenset(
            {"url", "oauth2.client_key"} if type_ == "slack" else {"oauth2.client_key"}
        )

    async def start_sink(self, sink: Any, begin: SourceCounters | None = None) -> SourceStatus:
        return await self.start(sink, begin)

    async def start_alert(self, alert: Any, begin: SourceCounters | None = None) -> SourceStatus:
        return await self.start(alert, begin)

    async def resolve_alert(self, workspace: str, alert_id: str) -> None:
        self._check()
        self.resolved.append((workspace, alert_id))

    async def preview(
        self,
        type_: str,
        properties: dict[str, Any],
        size: int,
        timeout_ms: int,
        workspace: str = "",
    ) -> list[dict[str, Any]]:
        self._check()
        return [{"n": n} for n in range(size)]

    async def samples(self, since_minute: int) -> list[SourceSample]:
        self._check()
        return list(self.counted.values())

    async def log(self, source_id: str, lines: int) -> list[str]:
        self._check()
        return ["one", "two", "three"][-lines:] if source_id in self.sources else []

    async def topics(self, properties: dict[str, Any]) -> list[str]:
        self._check()
        if not properties.get("brokers"):
            raise UserError("The property 'brokers' is required.", 400, "orbit")
        return ["orders", "visits"]

    async def check(self, wanted: Check) -> list[CheckStep]:
        self._check()
        self.checked.append(wanted)
        return [CheckStep("address", True, "", 2), CheckStep("connection", False, "Refused.", 1)]

    async def send_test(self, wanted: SendTest) -> list[CheckStep]:
        self._check()
        self.checked.append(wanted)
        return [CheckStep("connect", True, "", 2), CheckStep("deliver", "x" not in wanted.row)]

    async def suggest(self, wanted: Suggest) -> Suggested:
        self._check()
        self.checked.append(wanted)
        return Suggested(["orders", "visits"], True)

    async def ready(self) -> bool:
        return not self.away
