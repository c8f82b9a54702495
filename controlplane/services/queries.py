"""Running and ended queries of all workspaces: start, list, cancel, delete, one-shot execution."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import aclosing
from typing import TypeVar

import msgspec

from controlplane import problems
from controlplane.auth import Authenticator, Principal
from controlplane.services.calls import STOPPING, Calls
from controlplane.services.ended_queries import EndedQueries, Sought
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.external_secrets import sealed_external
from controlplane.services.function_keys import sealed_statement
from controlplane.services.live_query import Limits, LiveQuery, QueryRecord, join_arrays
from controlplane.services.rest import pause
from controlplane.services.secrets import Vault
from controlplane.services.uses import Uses
from controlplane.settings import Settings
from engine.clock import Clock
from engine.errors import Code, NotFound, Overloaded, SqlError, TailraceError, UserError
from engine.planning import PLAN_SECONDS_MAX
from engine.protocol import (
    Analysis,
    Pipeline,
    QueryEnd,
    QueryOpened,
    QueryRequest,
    ResultColumn,
)
from engine.secret_settings import masked_statement

log = logging.getLogger("tailrace.queries")

BATCH_COUNT_MAX = 100_000
BATCH_MS_MAX = 60_000
EXEC_MS_DEFAULT = 30_000
# The engine's own answer at the end of its time comes first, if it answers at all.
GRACE_SECONDS = 0.5
EXEC_LATE = "The statement did not end within its timeout_ms; ask for less or allow more time."
PLAN_LATE = "The statement was not planned in time; shorten it or try again later."
# Result of exec, held whole in memory before it is sent.
EXEC_BYTES_MAX = 64 << 20
EXEC_TOO_LARGE = "The result is larger than 64 MiB; add a LIMIT or use queries."
# Statements that answer with rows: they have no place where only definitions run.
WITH_ROWS = frozenset(
    {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "SUBSCRIBE", "RECOVER"}
)
# How often the callers of running queries are checked: a revoked key's streams end within 5 s.
CHECK_SECONDS = 2.0


class NewQuery(msgspec.Struct, frozen=True):
    """A query to start, as the caller wants it."""

    sql: str
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    batch_count: int = 0
    batch_ms: int = 0
    since_ms: int = 0


class BoundedResult(msgspec.Struct, frozen=True):
    """A whole result: `data` is one JSON array of row arrays."""

    columns: tuple[ResultColumn, ...]
    data: bytes


class _Workspace:
    """Queries of one workspace."""

    def __init__(self, records_max: int) -> None:
        self.live: dict[str, LiveQuery] = {}
        self.ended = EndedQueries(records_max)


class QueryService:
    """All ad-hoc queries. Records live in memory, bounded by number, age and bytes."""

    def __init__(
        self,
        engines: Engines,
        authenticator: Authenticator,
        uses: Uses,
        clock: Clock,
        settings: Settings,
        vault: Vault,
    ) -> None:
        self._engines = engines
        self._vault = vault
        self._authenticator = authenticator
        self._uses = uses
        self._clock = clock
        self._settings = settings
        self._workspaces: dict[str, _Workspace] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = Calls()
        self._closing = asyncio.Event()
        self.slow_readers = 0

    def _of(self, workspace: str) -> _Workspace:
        found = self._workspaces.get(workspace)
        if found is None:
            found = self._workspaces[workspace] = _Workspace(self._settings.query_records_max)
        return found

    def running(self, workspace: str) -> int:
        """How many run now."""
        return len(self._of(workspace).live)

    async def start(self, principal: Principal, new: NewQuery) -> QueryRecord | LiveQuery:
        """Start a statement; a record for one that is done already (DDL), else the live query."""
        place = self._of(principal.workspace)
        if self._closing.is_set():
            raise Overloaded("The server is stopping.", 429, "neutron")
        if len(place.live) >= self._settings.engine.running_queries_max:
            raise Overloaded(
                "Too many queries run in this workspace; cancel some or raise running_queries_max.",
                Code.TOO_MANY_QUERIES,
            )
        record = self._record(principal, new)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        request = QueryRequest(
            id=record.id,
            sql=self._sealed(principal, new.sql),
            caller=principal.caller,
            batch_count=min(max(new.batch_count, 0), BATCH_COUNT_MAX),
            batch_ms=min(max(new.batch_ms, 0), BATCH_MS_MAX),
            allow=principal.statement_classes(),
            since_ms=new.since_ms,
        )
        async with self._calls.within(None, PLAN_LATE):
            running = await self._uses.named(principal, in_sql(engine.run(request)))
        record.opened = running.opened
        if record.id != running.opened.id:  # RECOVER FROM goes on under the id that it names
            record.id = running.opened.id
            place.ended.forget(record.id)
        if running.opened.kind == "ddl":
            await workspace.refresh()
            record.end("finished", 0, "", self._clock.now_ms())
            place.ended.keep(record)
            return record
        limits = Limits(
            self._settings.sse_pending_bytes_max, float(self._settings.sse_stall_seconds)
        )
        live = LiveQuery(record, running, principal, self._clock, limits)
        live.merge = request.batch_count == 0 and request.batch_ms == 0
        if running.opened.kept:
            live.report = lambda rows: engine.delivered(record.id, rows)
        place.live[record.id] = live
        workspace.busy += 1
        live.start(
            lambda ended: self._on_end(workspace, place, ended),
            lambda query_id: asyncio.ensure_future(workspace.blame(query_id)),
        )
        return live

    def _sealed(self, principal: Principal, sql: str) -> str:
        """The statement as the engine gets it: its secrets are sealed."""
        sealed = sealed_statement(self._vault, sql)
        return sealed_external(self._vault, sealed, principal.workspace)

    def _record(self, principal: Principal, new: NewQuery) -> QueryRecord:
        record = QueryRecord(
            self._clock.uuid4(), masked_statement(new.sql), principal, self._clock.now_ms()
        )
        record.name = new.name
        record.description = new.description
        record.tags = new.tags
        return record

    def _on_end(self, workspace: WorkspaceEngine, place: _Workspace, live: LiveQuery) -> None:
        workspace.touch()
        if live.record.code == Code.SLOW_CONSUMER:
            self.slow_readers += 1
        place.live.pop(live.record.id, None)
        place.ended.keep(live.record)

    def abandon(self, live: LiveQuery) -> None:
        """Its reader went away: end it in the background."""
        if live.ended.is_set():
            return
        task = asyncio.create_task(
            live.stop("canceled", Code.CANCELLED, "the reader closed the connection", gone=True)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def list(self, principal: Principal, tag: str = "") -> list[QueryRecord]:
        """Records by start time, the running ones included."""
        place = self._of(principal.workspace)
        oldest = self._clock.now_ms() - self._settings.query_records_hours * 3_600_000
        records = [*place.ended.since(oldest), *(live.record for live in place.live.values())]
        found = [record for record in records if not tag or tag in record.tags]
        return sorted(found, key=lambda record: (record.start_ms, record.id))

    def found(self, principal: Principal, sought: Sought) -> list[QueryRecord]:
        """Those of `list` that fit."""
        return [record for record in self.list(principal, sought.tag) if sought.fits(record)]

    @property
    def now_ms(self) -> int:
        """The time by which a running query's duration counts."""
        return self._clock.now_ms()

    def get(self, principal: Principal, query_id: str) -> QueryRecord:
        """One record; 404."""
        place = self._of(principal.workspace)
        live = place.live.get(query_id)
        record = live.record if live is not None else place.ended.get(query_id)
        if record is None:
            raise problems.unknown("query", query_id)
        return record

    def _own(self, principal: Principal, record: QueryRecord) -> None:
        if not principal.may_change(record.caller.id):
            raise problems.forbidden("This query belongs to another user.")

    async def cancel(self, principal: Principal, query_id: str) -> None:
        """Stop it if it runs; returns when it has ended."""
        self._own(principal, self.get(principal, query_id))
        live = self._of(principal.workspace).live.get(query_id)
        if live is not None:
            await live.stop("canceled", Code.CANCELLED, "the query was canceled")

    async def delete(self, principal: Principal, query_id: str) -> None:
        """Stop it if it runs and forget its record."""
        await self.cancel(principal, query_id)
        self._of(principal.workspace).ended.forget(query_id)

    async def pipeline(self, principal: Principal, query_id: str) -> Pipeline:
        """Operator graph of a running query; an ended one has none any more."""
        self.get(principal, query_id)
        if query_id not in self._of(principal.workspace).live:
            return Pipeline((), ())
        engine = await (await self._engines.of(principal.workspace)).engine()
        try:
            return await engine.pipeline(query_id)
        except NotFound:
            return Pipeline((), ())

    async def analyze(self, principal: Principal, sql: str) -> Analysis:
        """What a statement is, without running it."""
        async with self._calls.within(PLAN_SECONDS_MAX + GRACE_SECONDS, PLAN_LATE):
            engine = await (await self._engines.of(principal.workspace)).engine()
            return await in_sql(engine.analyze(sql))

    async def format_sql(self, principal: Principal, sql: str) -> str:
        """The statement pretty-printed."""
        async with self._calls.within(PLAN_SECONDS_MAX + GRACE_SECONDS, PLAN_LATE):
            engine = await (await self._engines.of(principal.workspace)).engine()
            return await in_sql(engine.format_sql(sql))

    async def execute(self, principal: Principal, sql: str, timeout_ms: int) -> BoundedResult:
        """Run one bounded statement to its end; 400 with code 159 when time is over."""
        timeout_ms = min(max(timeout_ms, 1), self._settings.exec_ms_max)
        request = QueryRequest(
            id=self._clock.uuid4(),
            sql=self._sealed(principal, sql),
            caller=principal.caller,
            bounded_only=True,
            timeout_ms=timeout_ms,
            allow=principal.statement_classes(),
        )
        async with self._calls.within(timeout_ms / 1000 + GRACE_SECONDS, EXEC_LATE):
            workspace = await self._engines.of(principal.workspace)
            return await self._run_to_end(workspace, request)

    async def _run_to_end(self, workspace: WorkspaceEngine, request: QueryRequest) -> BoundedResult:
        running = await in_sql((await workspace.engine()).run(request))
        opened: QueryOpened = running.opened
        if opened.kind == "ddl":
            await workspace.refresh()
            return BoundedResult((), b"[]")
        parts: list[bytes] = []
        size = 0
        workspace.busy += 1
        try:
            async with aclosing(running.items()) as items:  # type: ignore[type-var]
                async for item in items:
                    if isinstance(item, QueryEnd):
                        _raise_unless_finished(item)
                        break
                    parts.append(item.payload)
                    size += len(item.payload)
                    if size > EXEC_BYTES_MAX:
                        raise UserError(EXEC_TOO_LARGE, Code.MEMORY_LIMIT)
        finally:
            workspace.touch()
        return BoundedResult(opened.header, join_arrays(parts))

    async def define(self, principal: Principal, new: NewQuery) -> QueryRecord:
        """Run one DDL statement; a statement with rows is refused before it runs."""
        analysis = await self.analyze(principal, new.sql)
        if analysis.query_type in WITH_ROWS:
            raise problems.bad_request("Only statements that define something run here.")
        started = await self.start(principal, new)
        if isinstance(started, LiveQuery):
            while await started.take() is not None:
                pass
            return started.record
        return started

    async def forget_workspace(self, workspace: str) -> None:
        """End and forget the queries of a workspace that was deleted."""
        place = self._workspaces.get(workspace)
        if place is None:
            return
        ends = (
            live.stop("canceled", Code.CANCELLED, "the workspace was deleted")
            for live in list(place.live.values())
        )
        await asyncio.gather(*ends)
        self._workspaces.pop(workspace, None)

    async def check_callers(self) -> None:
        """End queries whose caller's key or user is gone, until `close`."""
        while not self._closing.is_set():
            for place in list(self._workspaces.values()):
                await self._check(list(place.live.values()))
            await pause(self._closing, CHECK_SECONDS)

    async def _check(self, queries: list[LiveQuery]) -> None:
        verdicts: dict[Principal, bool] = {}
        for live in queries:
            caller = live.principal
            if caller not in verdicts:
                verdicts[caller] = await self._authenticator.alive(caller)
            if not verdicts[caller]:
                await live.stop(
                    "canceled", Code.AUTHENTICATION_FAILED, "the credentials are no longer valid"
                )

    async def close(self) -> None:
        """End all queries and calls with the farewell of a stopping server."""
        self._closing.set()
        self._calls.close()
        running = [live for place in self._workspaces.values() for live in place.live.values()]
        await asyncio.gather(
            *(live.stop("canceled", Code.ENGINE_RESTARTED, STOPPING) for live in running)
        )


T = TypeVar("T")


async def in_sql(answer: Awaitable[T]) -> T:
    """An unknown object inside SQL is the request's fault (400), not an unknown address."""
    try:
        return await answer
    except NotFound as error:
        raise SqlError(error.message, error.code, error.system) from None


def _raise_unless_finished(end: QueryEnd) -> None:
    if end.status == "finished":
        return
    if end.code == Code.ENGINE_RESTARTED:
        raise TailraceError("The engine restarted while the query ran.", 503)
    raise UserError(end.message, end.code or 1)
