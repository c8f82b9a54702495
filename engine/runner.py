"""Starts one planned statement of any kind: SELECT, DDL, INSERT, SHOW, DESCRIBE, KILL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

import pyarrow as pa

from engine.batch import TP_APPEND_TIME, TP_SN, TP_TIME
from engine.bounded import BoundedResult, fetch_arrow
from engine.catalog import Catalog
from engine.config import EngineSettings
from engine.ddl import Ddl
from engine.encode import JsonEncoder
from engine.errors import Code, NotFound, QueryFailed, SqlError, TailraceError, UserError
from engine.externals import Externals
from engine.failures import INTERNAL
from engine.flow import Flow
from engine.history import Lease
from engine.ingestor import Ingestor
from engine.jobs import BoundedJob, JobTable
from engine.outside_tables import OutsideTables
from engine.protocol import (
    Alteration,
    QueryOpened,
    QueryRequest,
    RunningQuery,
)
from engine.query import Context, StaticResult, StreamingResult
from engine.snapshots import positioned, snapshots_of
from engine.sql import durable
from engine.sql import statements as st
from engine.sql.cells import blame
from engine.sql.definitions import stored_columns
from engine.sql.external_streams import is_external_stream
from engine.sql.inserts import InsertPlan
from engine.sql.logical import BoundedQuery, BoundedScan, Node, StreamingQuery, TableScan, inputs_of
from engine.sql.places import of_statement, told
from engine.sql.planner import Planned
from engine.sql.resuming import resumed
from engine.sql.settings import number_setting
from engine.storage import Storage
from engine.udf.wire import to_wire
from engine.worker_wire import JobColumn
from engine.workers import WorkerPool

# Failures of a query that are no fault of the statement: memory, time and the engine itself.
_NOT_THE_STATEMENT: Final = frozenset(
    (
        INTERNAL,
        Code.TIMEOUT,
        Code.TOO_MANY_QUERIES,
        Code.MEMORY_LIMIT,
        Code.CANCELLED,
        Code.ENGINE_RESTARTED,
    )
)
Created = st.CreateStream | st.CreateView | st.CreateFunction | st.CreateExternal | st.CreateSchema
_RIGHTS: Final = {"read": "read", "write": "write rows", "ddl": "change definitions"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What statements work on."""

    catalog: Catalog
    storage: Storage
    ddl: Ddl
    flow: Flow
    pool: WorkerPool
    ingestor: Ingestor
    context: Context
    settings: EngineSettings
    tables: OutsideTables


class Kept(Protocol):
    """Queries whose steps are kept (`engine.subscriptions.Subscriptions`)."""

    async def subscribe(self, request: QueryRequest, planned: Planned, sql: str) -> RunningQuery:
        """Start one."""
        ...

    async def recover(self, request: QueryRequest, query_id: str) -> RunningQuery:
        """Go on with one under its own id."""
        ...

    async def unsubscribe(self, request: QueryRequest, query_id: str) -> None:
        """Forget one."""
        ...


class Runner:
    """See `start`. For the loop's thread."""

    def __init__(self, parts: Parts, cancel: Callable[[str], Awaitable[bool]]) -> None:
        self._parts = parts
        self._cancel = cancel
        self.subscriptions: Kept
        self.externals: Externals
        self.handlers: dict[type, Callable[[QueryRequest, Planned, Any], Awaitable[None]]] = {
            st.CreateStream: self._create,
            st.CreateView: self._create,
            st.CreateFunction: self._create,
            st.CreateExternal: self._create,
            st.CreateSchema: self._create,
            st.Drop: self._drop,
            st.Rename: self._rename,
            st.Truncate: self._truncate,
            st.Alter: self._alter,
            st.Delete: self._delete,
            st.Insert: self._insert,
            st.Use: self._use,
            st.KillQuery: self._kill,
        }

    async def start(self, request: QueryRequest, planned: Planned) -> RunningQuery:
        """Start a statement; raises what it is refused with before any row.

        SqlError 497 when the caller may not run this class of statement.
        """
        if planned.access not in request.allow:
            raise SqlError(
                f"This statement needs the right to {_RIGHTS[planned.access]}; "
                "your role does not have it.",
                Code.ACCESS_DENIED,
            )
        if isinstance(planned.statement, durable.Subscribe | durable.Recover | durable.Unsubscribe):
            with of_statement(planned.statement):
                return await self._kept(request, planned, planned.statement)
        if planned.kind == "streaming":
            return await self._stream(request, planned)
        if planned.kind == "bounded":
            return self._bounded(request, planned)
        handler = self.handlers[type(planned.statement)]
        if planned.kind == "insert":
            await handler(request, planned, planned.statement)
        else:
            with of_statement(planned.statement):
                await handler(request, planned, planned.statement)
        return StaticResult(QueryOpened(request.id, "ddl", (), planned.analysis))

    async def _kept(
        self,
        request: QueryRequest,
        planned: Planned,
        statement: durable.Subscribe | durable.Recover | durable.Unsubscribe,
    ) -> RunningQuery:
        if isinstance(statement, durable.Unsubscribe):
            await self.subscriptions.unsubscribe(request, statement.query_id)
            return StaticResult(QueryOpened(request.id, "ddl", (), planned.analysis))
        self._check_unbounded(request)
        if isinstance(statement, durable.Recover):
            return await self.subscriptions.recover(request, statement.query_id)
        return await self.subscriptions.subscribe(request, planned, statement.query_text)

    # -- SELECT, SHOW, DESCRIBE, EXPLAIN ------------------------------------------------------

    def _bounded(self, request: QueryRequest, planned: Planned) -> RunningQuery:
        assert planned.bounded is not None
        times = time_columns(planned)
        head = (planned.header, planned.analysis)
        opened = QueryOpened(request.id, "bounded", *head, *times, reads=planned.uses)
        job, leases = self.job(planned.bounded, request.timeout_ms)
        job = replace(job, event_time_column=times[0])
        parts, release = self._parts, partial(_close_all, leases)
        result = BoundedResult(opened, parts.pool, job, parts.settings, release, self._filled)
        result.policy = (request.batch_count, request.batch_ms)
        return result

    def _check_unbounded(self, request: QueryRequest) -> None:
        if request.bounded_only:
            raise SqlError(
                "This statement reads a stream without end; read table(stream) here, or run it as "
                "a query.",
                Code.NOT_IMPLEMENTED,
            )

    async def _stream(self, request: QueryRequest, planned: Planned) -> RunningQuery:
        assert planned.streaming is not None
        self._check_unbounded(request)
        times = time_columns(planned)
        head = (planned.header, planned.analysis)
        going_on = resumed(planned.streaming, request.since_ms)
        opened = QueryOpened(
            request.id, "streaming", *head, *times, reads=planned.uses, resumed=going_on is not None
        )
        streaming = going_on or planned.streaming
        columns = [(c.name, c.type) for c in streaming.schema]
        result = StreamingResult(opened, request, JsonEncoder(columns), self._parts.context)
        now = self._parts.context.clock.now_ms()
        answers = await self.answers(streaming, request.timeout_ms)
        plan = await self.externals.placed_plan(request.id, streaming, fresh=True)
        starting = asyncio.ensure_future(
            asyncio.to_thread(self._parts.flow.start, request.id, plan, result, now, answers)
        )
        try:
            await asyncio.shield(starting)
            self.externals.run(request.id)
            await self.externals.begun(request.id)
        except BaseException as error:
            self.externals.ended(request.id)
            if isinstance(error, asyncio.CancelledError):
                # The thread goes on: what it is about to start has no reader any more.
                starting.add_done_callback(partial(self._abandon, request.id))
            raise
        return result

    def _abandon(self, query_id: str, starting: asyncio.Future[None]) -> None:
        if not starting.cancelled() and starting.exception() is None:
            self._parts.flow.stop(query_id)

    async def answers(
        self, plan: StreamingQuery, timeout_ms: int = 0
    ) -> dict[BoundedQuery, pa.Table]:
        """The rows of everything bounded that a streaming plan reads at its start."""
        found = await self.bounded(plan, timeout_ms)
        for query in snapshots_of(plan):
            found[query] = await self.snapshot(query, timeout_ms)
        return found

    async def bounded(
        self, plan: StreamingQuery, timeout_ms: int = 0
    ) -> dict[BoundedQuery, pa.Table]:
        """The same without the snapshots of keyed streams."""
        return {query: await self.fetch(query, timeout_ms) for query in bounded_queries(plan)}

    async def snapshot(
        self, query: BoundedQuery, timeout_ms: int = 0, before_sn: int | None = None
    ) -> pa.Table:
        """The compacted rows of a keyed stream before an append, by default before the next one,
        `positioned`: its rows from there on are live."""
        if before_sn is None:
            with self._parts.storage.view(query.tables[0].stream_id) as view:
                before_sn = view.next_sn
        where = f'"{TP_SN}" < {before_sn}'
        return positioned(await self.fetch(query, timeout_ms, where), before_sn)

    async def fetch(self, query: BoundedQuery, timeout_ms: int = 0, where: str = "") -> pa.Table:
        """All rows of a bounded query as Arrow; UserError for a value that it refuses. `where`:
        what every stored row that it reads must pass."""
        job, leases = self.job(query, timeout_ms, arrow=True)
        if where:
            job = replace(job, tables=tuple(replace(t, where=where) for t in job.tables))
        try:
            return await fetch_arrow(self._parts.pool, job, self._filled)
        except QueryFailed as error:
            if error.code in _NOT_THE_STATEMENT:
                raise
            raise UserError(error.message, error.code) from None
        finally:
            _close_all(leases)

    @contextlib.asynccontextmanager
    async def _filled(self, job: BoundedJob) -> AsyncGenerator[BoundedJob]:
        """The job with the rows of what it reads outside; see `OutsideTables.filled`."""
        async with self.externals.read_whole(job) as read, self._parts.tables.filled(read) as whole:
            yield whole

    def job(
        self, query: BoundedQuery, timeout_ms: int = 0, *, arrow: bool = False
    ) -> tuple[BoundedJob, list[Lease]]:
        """A worker's job over a snapshot of this instant, and the lease on its files."""
        tables: list[JobTable] = []
        leases: list[Lease] = []
        try:
            for table in query.tables:
                if table.external or is_external_stream(table.stream_id):
                    columns = self._columns(table)
                    tables.append(JobTable(table.alias, columns, outside=table))
                    continue
                view = self._parts.storage.view(table.stream_id)
                leases.append(view.lease)
                hot_bytes = sum(piece.rows.get_total_buffer_size() for piece in view.hot)
                self._parts.storage.count_read(table.stream_id, view.row_count, hot_bytes)
                files = tuple(str(path) for path in view.files)
                tables.append(JobTable(table.alias, self._columns(table), files, view.hot))
        except SqlError:  # dropped since it was planned
            _close_all(leases)
            raise
        limit = self._parts.settings.bounded_query_ms_max
        clock = self._parts.context.clock
        now_ms, seed = clock.now_ms(), clock.seed()
        job = BoundedJob(
            bound_tokens(query.sql, now_ms, seed),
            tuple(JobColumn(c.name, str(c.type)) for c in query.schema),
            tuple(tables),
            "arrow" if arrow else "json",
            min(timeout_ms, limit) if timeout_ms > 0 else limit,
            functions=tuple(to_wire(name, function) for name, function in query.functions),
            instant_ms=now_ms,
            seed=seed,
        )
        return job, leases

    def _columns(self, table: TableScan) -> tuple[JobColumn, ...]:
        definition = self._parts.catalog.by_id(table.stream_id)
        if is_external_stream(table.stream_id):
            definition = self.externals.columns_of(table.stream_id)
        if definition is None:
            raise SqlError(f"stream {table.stream_name} does not exist", Code.UNKNOWN_STREAM)
        if table.external:
            found = {c.name: JobColumn(c.name, c.type) for c in definition.columns}
        else:
            found = {
                c.name: JobColumn(c.name, str(c.type), c.stored) for c in stored_columns(definition)
            }
        found |= {name: JobColumn(name, "int64") for name in (TP_SN, TP_APPEND_TIME)}
        if any(name not in found for name in table.columns):  # altered since it was planned
            message = f"stream {table.stream_name} was altered meanwhile: run the query again"
            raise SqlError(message, Code.UNKNOWN_IDENTIFIER)
        return tuple(found[name] for name in table.columns)

    # -- DDL --------------------------------------------------------------------------------

    async def _create(
        self,
        request: QueryRequest,
        planned: Planned,
        statement: Created,
    ) -> None:
        assert planned.definition is not None
        there = self._parts.catalog.namesake(planned.definition)
        if statement.if_not_exists and there is not None:
            return
        made = await self._parts.ddl.create(
            planned.definition, request.caller, replace=statement.or_replace
        )
        await self._parts.tables.created(made)

    async def _drop(self, request: QueryRequest, planned: Planned, statement: st.Drop) -> None:
        if statement.kind == "function":
            if statement.if_exists and self._parts.catalog.function(statement.name) is None:
                return
            await self._parts.ddl.drop_function(statement.name, force=statement.force)
            return
        if statement.kind == "schema":
            if statement.if_exists and self._parts.catalog.schema(statement.name) is None:
                return
            await self._parts.ddl.drop_schema(statement.name, force=statement.force)
            return
        if statement.if_exists and self._parts.catalog.get(statement.name) is None:
            return
        await self._parts.ddl.drop(statement.name, statement.kind, force=statement.force)

    async def _rename(self, request: QueryRequest, planned: Planned, statement: st.Rename) -> None:
        if statement.if_exists and self._parts.catalog.get(statement.name) is None:
            return
        await self._parts.ddl.rename(statement.name, statement.to, request.caller)

    async def _truncate(
        self, request: QueryRequest, planned: Planned, statement: st.Truncate
    ) -> None:
        if statement.if_exists and self._parts.catalog.get(statement.name) is None:
            return
        await self._parts.ddl.truncate(statement.name)

    async def _delete(self, request: QueryRequest, planned: Planned, statement: st.Delete) -> None:
        await self._parts.ddl.delete(statement.name, statement.where)

    async def _alter(self, request: QueryRequest, planned: Planned, statement: st.Alter) -> None:
        settings = dict(statement.settings)
        change = Alteration(
            description=statement.comment,
            ttl_expression=statement.ttl,
            logstore_retention_bytes=_taken(settings, "logstore_retention_bytes"),
            logstore_retention_ms=_taken(settings, "logstore_retention_ms"),
        )
        await self._parts.ddl.alter(
            statement.name, change, request.caller, settings, statement.columns
        )

    # -- INSERT -----------------------------------------------------------------------------

    async def _insert(self, request: QueryRequest, planned: Planned, statement: st.Insert) -> None:
        assert planned.bounded is not None
        assert planned.insert is not None
        with told():
            try:
                await self._store(planned.bounded, planned.insert, request.timeout_ms)
            except UserError as error:
                blame(error, statement, planned.insert.columns, request.sql)
                raise

    async def _store(self, query: BoundedQuery, plan: InsertPlan, timeout_ms: int) -> None:
        """Compute the rows of an INSERT and append them."""
        rows = await self.fetch(query, timeout_ms)
        target = self._parts.catalog.get(plan.stream)
        if target is not None and target.kind == "external_stream":
            await self.externals.insert(target, rows, plan.idempotency_id)
            return
        if target is not None and target.kind == "external_table":
            return await self._parts.tables.insert(target, rows, plan.idempotency_id)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def answer(outcome: object) -> None:
            if not future.done():  # the caller may have left
                future.set_result(outcome)

        self._parts.ingestor.submit_table(plan.stream, rows, plan.idempotency_id, answer)
        outcome = await future
        if isinstance(outcome, TailraceError):
            raise outcome

    # -- the rest ----------------------------------------------------------------------------

    async def _use(self, request: QueryRequest, planned: Planned, statement: st.Use) -> None:
        if statement.database != "default":
            raise NotFound(
                f"The database '{statement.database}' does not exist; only 'default' does.",
                Code.UNKNOWN_DATABASE,
            )

    async def _kill(self, request: QueryRequest, planned: Planned, statement: st.KillQuery) -> None:
        await self._cancel(statement.query_id)


def _taken(settings: dict[str, str], name: str) -> int | None:
    """Take a whole number out of the settings; None when it is not among them."""
    found = number_setting(settings, name, 0) if name in settings else None
    settings.pop(name, None)
    return found


def bounded_queries(plan: StreamingQuery) -> list[BoundedQuery]:
    """The bounded queries whose rows a streaming plan reads at its start."""
    return [lookup.query for lookup in plan.lookups] + _bounded_sources(plan.root)


def _bounded_sources(node: Node) -> list[BoundedQuery]:
    if isinstance(node, BoundedScan):
        return [node.query]
    return [query for below in inputs_of(node) for query in _bounded_sources(below)]


def bound_tokens(sql: str, now_ms: int, seed: int) -> str:
    """The statement with the instant and the seed of its one step in place."""
    return sql.replace("{now_ms}", str(now_ms)).replace("{seed}", str(seed))


def _close_all(leases: list[Lease]) -> None:
    for lease in leases:
        lease.close()


def time_columns(planned: Planned) -> tuple[int, int, int]:
    """Indices of the event time, window_start and window_end in the header, -1 = none."""
    names = [column.name for column in planned.header]
    found = [names.index(n) if n in names else -1 for n in ("window_start", "window_end")]
    event_time = names.index(TP_TIME) if TP_TIME in names else -1
    return event_time, found[0], found[1]
