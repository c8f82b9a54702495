"""A stand-in for one workspace's engine: definitions, appends and scripted queries in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from connectors.metrics import SourceStats
from connectors.status import SourceStatus
from controlplane.services.engines import Connect
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
)

HEADER = (ResultColumn("cid", "string"), ResultColumn("speed", "float32"))


STATEMENTS = ("SELECT", "CREATE", "DROP", "INSERT", "SHOW", "DESCRIBE", "EXPLAIN")


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


class FakeEngine:
    """See engine.protocol.Engine. `failure` is raised by the next call; `dead` by all."""

    def __init__(self, clock: Clock) -> None:
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
            request.id, "streaming" if analysis.is_streaming else "bounded", HEADER, analysis
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

    async def format_sql(self, sql: str) -> str:
        await self.analyze(sql)
        return sql.upper()

    async def create(self, definition: Definition, caller: Caller) -> Definition:
        self._check()
        if definition.name in self.by_name and not definition.options.get("or_replace"):
            raise AlreadyExists(f"stream '{definition.name}' already exists")
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

    async def alter(self, name: str, change: Alteration, caller: Caller) -> Definition:
        self._check()
        values = {k: v for k, v in msgspec.structs.asdict(change).items() if v is not None}
        self.by_name[name] = msgspec.structs.replace(self.by_name[name], **values)
        self._bump()
        return self.by_name[name]

    async def drop(self, name: str, *, force: bool = False, kind: str = "") -> None:
        self._check()
        users = [owner for owner, names in self.owners.items() if name in names]
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

    async def release(self, owner: str) -> None:
        self.owners.pop(owner, None)

    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        self.owners = dict(owners)

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
        counters = {"appends": float(len(self.appends))}
        return EngineInfo("0.1", "2.0", self.writable, reason, 0, 1, counters)

    async def close(self) -> None:
        return


class FakeLauncher:
    """See EngineLauncher: connects to `engine` unless `down`."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock = clock
        self.folder = folder
        self.engine = FakeEngine(clock)
        self.down = False

    async def launch(self, workspace: str) -> Connect:
        async def connect() -> Any:
            if self.down:
                raise ConnectionRefusedError
            if self.engine.lost.is_set():
                old, self.engine = self.engine, FakeEngine(self.clock)
                self.engine.by_name = old.by_name
            return self.engine

        return connect

    async def retire(self, workspace: str) -> None:
        return

    def snapshot_file(self, workspace: str) -> Path:
        return self.folder / "catalog.json"


class FakeConnectors:
    """See services.sources.Connectors."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceStatus] = {}
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise EngineUnavailable("away", 503, "orbit")

    async def validate(self, type_: str, properties: dict[str, Any]) -> None:
        self._check()
        if type_ != "stream_generator":
            raise UserError(f"The source type {type_!r} is not available.", 400, "orbit")
        if "template" not in properties:
            raise UserError("The property 'template' is required.", 400, "orbit")

    async def start(self, source: Any) -> SourceStatus:
        self._check()
        self.sources[source.id] = SourceStatus(source.id, "running", "", 1_767_225_600_000)
        return self.sources[source.id]

    async def stop(self, source_id: str) -> SourceStatus:
        self._check()
        self.sources[source_id] = SourceStatus(source_id, "stopped")
        return self.sources[source_id]

    async def delete(self, source_id: str) -> None:
        self._check()
        self.sources.pop(source_id, None)

    async def status(self) -> dict[str, SourceStatus]:
        self._check()
        return self.sources

    async def stats(self, source_id: str, range_ms: int, error_range_ms: int) -> SourceStats:
        self._check()
        return SourceStats(received=3, sent=2, errors=1, uptime_ms=range_ms)

    async def preview(
        self, type_: str, properties: dict[str, Any], size: int, timeout_ms: int
    ) -> list[dict[str, Any]]:
        self._check()
        return [{"n": n} for n in range(size)]

    async def ready(self) -> bool:
        return not self.away
