"""The engine itself: one workspace's log, catalog, queries, behind the Engine protocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from engine import duck
from engine.activity_book import ActivityBook
from engine.activity_calls import ActivityCalls, known_of
from engine.answered import answered
from engine.background_calls import BackgroundCalls
from engine.backgrounds import Ran
from engine.bounded import BoundedResult
from engine.catalog import NOTE_KIND, Catalog
from engine.checkpointing import Checkpointer
from engine.clock import Clock
from engine.config import EngineSettings
from engine.cursors import NOTE_KIND as CURSORS_KIND
from engine.cursors import CursorBook
from engine.ddl import Ddl
from engine.decoding import Decoding, defaults_session
from engine.dependents import check_columns
from engine.desk import CallDesk
from engine.errors import Code, EngineUnavailable, NotFound, Overloaded, UserError
from engine.external_book import NOTE_KIND as READERS_KIND
from engine.external_book import ReaderBook
from engine.external_calls import ExternalCalls
from engine.externals import Externals
from engine.flow import Flow
from engine.for_connectors import for_connectors
from engine.ingest.book import DecoderBook
from engine.ingest.rules import check_defaults
from engine.ingestor import Answer, Ingestor
from engine.log.folder import FolderLock, open_folder
from engine.opening import answer_files, checkpoint_store, flow_settings, storage_settings
from engine.outside_tables import OutsideTables
from engine.owned_names import owned
from engine.planning import PLAN_SECONDS_MAX, Planning
from engine.protocol import (
    Alteration,
    Analysis,
    AnalyzedColumn,
    Caller,
    Definition,
    EngineInfo,
    IngestAck,
    IngestRequest,
    Pipeline,
    PipelineNode,
    QueryCounters,
    QueryEnd,
    QueryRequest,
    RunningQuery,
    Snapshot,
    StreamStats,
    ViewState,
)
from engine.query import SLOW_CONSUMER, Context, Notifier, Shared, StreamingResult, Waiting
from engine.runner import Parts, Runner
from engine.source_calls import SourceCalls
from engine.sql.definitions import check_definition, keep_sql, stored_schema
from engine.sql.external import EXTERNAL
from engine.sql.format import format_sql
from engine.sql.planner import Planned, Planner
from engine.stepbook import NOTE_KIND as STEPS_KIND
from engine.stepbook import StepBook
from engine.storage import Storage
from engine.storage_types import Keeper, StorageParts
from engine.stream_writes import StreamWrites
from engine.subscriptions import Subscriptions
from engine.timeseries.apis import TimeSeriesApis
from engine.timeseries.ground import Ground
from engine.timeseries_calls import TimeSeriesCalls, tables
from engine.udf.definition import language_of
from engine.udf.python_host import REFUSED, PythonHost
from engine.view_statements import KeptPlans, ViewStatements
from engine.view_states import ViewStates
from engine.views import Views
from engine.workers import WorkerPool

log = logging.getLogger("tailrace.engine")

VERSION: Final = "0.1.0"
# How often readers are checked for having stopped to take.
STALL_CHECK_SECONDS: Final = 1.0
STOPPING: Final = QueryEnd("canceled", Code.ENGINE_RESTARTED, "server stopping")


class LocalEngine(BackgroundCalls, SourceCalls, ExternalCalls, TimeSeriesCalls, ActivityCalls):
    """See `protocol.Engine`. Open with `open`, for the loop that opened it."""

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        storage: Storage,
        settings: EngineSettings,
        clock: Clock,
        books: tuple[StepBook, CursorBook, ReaderBook],
    ) -> None:
        book, cursors, readers = books
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._clock = clock
        self._catalog = catalog
        self._storage = storage
        named = (catalog.function, catalog.schema)
        self._planner = Planner(catalog.get, self._all, settings.sql_bytes_max, *named)
        self._planning = Planning()
        self._pool = WorkerPool(settings, clock, storage.history_folder)
        self._flow = Flow(clock, storage, duck.Session, flow_settings(folder, settings))
        self.calls = CallDesk(PythonHost(allowed=settings.allow_python_functions))
        self._flow.call_with(self.calls)
        self._pool.call_with(self.calls.call)
        waiting = Waiting(settings.waiting_bytes_max)
        self._flow.pressed = waiting.full
        self._decoding = Decoding(settings.rows_per_request_max, clock)
        decoders = DecoderBook(self._decoding.decoder, stored_schema)
        most = settings.ingest_pending_bytes_max
        self._ingestor = Ingestor(catalog, storage, decoders, clock, most)
        self._ddl = Ddl(catalog, storage, clock, self._checked)
        store, answers = checkpoint_store(folder, clock, VERSION), answer_files(folder)
        self._checkpoints = Checkpointer(store, answers, self._flow, book, clock)
        self.externals = Externals(catalog, storage, self._flow, self._checkpoints, readers, clock)
        self._views = Views(catalog, storage, self._flow, self._checkpoints, clock)
        parts = Parts(
            catalog=catalog,
            storage=storage,
            ddl=self._ddl,
            flow=self._flow,
            pool=self._pool,
            ingestor=self._ingestor,
            context=Context(Shared(), self._flow, Notifier(loop), settings, clock, waiting),
            settings=settings,
            tables=OutsideTables(self.calls, catalog, self._ddl),
        )
        self._planning.learn = parts.tables.learn
        self._tables = parts.tables
        self._runner = Runner(parts, self.cancel)
        plans = KeptPlans(self._planner, self._planning, self._runner, answers)
        self._views.plans = plans
        self._subscriptions = Subscriptions(parts, self._checkpoints, plans)
        self._runner.subscriptions = self._subscriptions
        self._views.on_tick = self._subscriptions.flush
        statements = ViewStatements(catalog, self._ddl, self._views, self._planner)
        self._statements = statements
        self._view_states = ViewStates(catalog, storage, self._flow, self._checkpoints, self._views)
        self._runner.handlers |= statements.handlers
        self._ddl.leaving = statements.leaving
        self._ddl.removing = partial(asyncio.to_thread, self._checkpoints.before_removal)
        self._views.dead_letters = statements.dead_letters
        ran = Ran(self._views, self._view_states, statements, plans)
        self.backgrounds, self.sources = for_connectors(parts, ran, cursors)
        self._hand_out_externals()
        self._queries: dict[str, StreamingResult | BoundedResult] = {}
        self._watchers: set[asyncio.Event] = set()
        self._closing = False
        self._lock: FolderLock | None = None
        self._stalls: asyncio.Task[None] | None = None
        self._ddl.on_change(self._changed)
        self._ddl.on_drop(self._ended)

    def _hand_out_externals(self) -> None:
        self.externals.writes = StreamWrites(self.calls, self._storage, self._clock)
        for each in (self._views, self._runner, self._subscriptions, self.sources):
            each.externals = self.externals

    @classmethod
    async def open(cls, folder: Path, settings: EngineSettings, clock: Clock) -> LocalEngine:
        """Open or create a workspace folder; recovers what was acknowledged.

        Raises UserError when the folder is locked or of another format.
        """
        lock = await asyncio.to_thread(open_folder, folder)
        catalog = Catalog(folder / "catalog.json")
        books = book, cursors, readers = StepBook(), CursorBook(), ReaderBook()
        keepers: dict[str, Keeper] = {NOTE_KIND: catalog, STEPS_KIND: book}
        keepers |= {CURSORS_KIND: cursors, READERS_KIND: readers}
        parts = StorageParts(keepers=keepers)
        storage = await asyncio.to_thread(
            Storage.open, folder, clock, storage_settings(settings), None, parts
        )
        books = (book, cursors, readers)
        engine = cls(folder, catalog, storage, settings, clock, books)
        table = tables(engine._plan, engine._runner)
        ground = Ground(catalog, storage, engine._ddl, parts.derived, clock, table)
        ground.rows_max = settings.rows_per_request_max
        engine.timeseries = TimeSeriesApis(ground)
        known = known_of(catalog, engine._views, engine._queries.__contains__)
        engine.activities = ActivityBook(storage, engine._flow, clock, known)
        engine.sources.derived = parts.derived
        engine._lock = lock
        parts.readers.kept = engine._checkpoints
        await asyncio.to_thread(engine._begin)
        await engine._pool.start()
        await engine.timeseries.open()  # before a view writes what rows follow from
        await engine.externals.sweep(engine._is_kept)
        await engine._views.open()
        engine._stalls = asyncio.create_task(engine._watch_stalls())
        return engine

    def _is_kept(self, query_id: str) -> bool:
        """Whether a query goes on after a restart: a view's, a sink's, a subscription."""
        kept = self._catalog.by_id(query_id) or self._checkpoints.book.get(query_id)
        return kept is not None

    def _begin(self) -> None:
        self._catalog.save()
        for definition in self._catalog.definitions().definitions:
            self._tell_ttl(definition)
        self._flow.run()
        self._checkpoints.run()

    def _tell_ttl(self, definition: Definition) -> None:
        if definition.kind in ("stream", "materialized_view"):
            self._storage.set_ttl(definition.id, keep_sql(definition))

    def _all(self) -> tuple[Definition, ...]:
        return self._catalog.definitions().definitions

    def _checked(self, definition: Definition) -> Definition:
        """Bind a definition; a view gets its columns, its text and what it reads."""
        if definition.kind == "function":
            self._check_allowed(definition)
            return self._planner.function(definition)
        old = self._catalog.by_id(definition.id)
        if definition.kind in ("schema", *EXTERNAL):
            users = self._catalog.schema_users(definition.name) if old else ()
            return self._planner.outside(definition, old, users)
        if definition.kind != "view":
            checked = check_definition(definition)
            changed = old is None or old.columns != checked.columns
            if changed and not owned(definition.name):  # an API's own are known to work
                check_defaults(stored_schema(checked), defaults_session)
            if old is not None and changed:
                users = (*self._all(), *self._catalog.backgrounds())
                check_columns(old, checked, users, self._required, self._flow.columns_read)
            return checked
        view = self._planner.view(definition.name, definition.query, definition.description)
        planned = self._planner.plan(view.query, of_view=True)
        options = {"reads": list(planned.uses), "functions": list(planned.functions)}
        return msgspec.structs.replace(
            definition,
            columns=view.columns,
            query=view.query,
            create_query=view.create_query,
            options={**definition.options, **options},
        )

    def _check_allowed(self, definition: Definition) -> None:
        python = language_of(definition) == "python"
        if python and not self._settings.allow_python_functions:
            raise UserError(f"{REFUSED}.", Code.ACCESS_DENIED)

    def _required(self, sql: str) -> tuple[AnalyzedColumn, ...]:
        return self._planner.plan(sql, of_view=True).analysis.required_columns

    # -- rows in ----------------------------------------------------------------------------

    def submit_ingest(self, request: IngestRequest, body: bytes, answer: Answer) -> None:
        """Ingest without a task per request: `answer` is called on the loop."""
        if self._closing:
            answer(EngineUnavailable("The engine is stopping."))
            return
        again = partial(self.submit_ingest, request, body, answer)
        if not self.timeseries.made_first(request.stream, again, answer):
            self._ingestor.submit(request, body, answer)

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """See Engine.ingest."""
        return await answered(lambda answer: self.submit_ingest(request, body, answer))

    # -- queries ----------------------------------------------------------------------------

    async def run(self, request: QueryRequest) -> RunningQuery:
        """See Engine.run."""
        if self._closing:
            raise EngineUnavailable("The engine is stopping.")
        if len(self._queries) >= self._settings.running_queries_max:
            raise Overloaded(
                f"{len(self._queries)} queries run already (limit running_queries_max); "
                "cancel one or try again later."
            )
        planned = await self._plan(request.sql, request.timeout_ms)
        query = await self._runner.start(request, planned)
        if isinstance(query, StreamingResult | BoundedResult):
            query_id = query.opened.id
            self._queries[query_id] = query
            query.on_close = lambda: self._forget(query_id)
            if self._closing:  # it began to stop while this one started
                query.close(STOPPING)
        return query

    async def _plan(self, sql: str, timeout_ms: int = 0) -> Planned:
        await self.timeseries.named_in(sql)
        seconds = timeout_ms / 1000 if timeout_ms else PLAN_SECONDS_MAX
        return await self._planning.run(self._planner.plan, sql, seconds)

    def _forget(self, query_id: str) -> None:
        self._queries.pop(query_id, None)
        self._subscriptions.closed(query_id)
        if not self._is_kept(query_id):
            self.externals.ended(query_id)

    async def cancel(self, query_id: str) -> bool:
        """See Engine.cancel."""
        query = self._queries.get(query_id)
        if query is None:
            return False
        await query.cancel()
        return True

    async def delivered(self, query_id: str, rows: int) -> None:
        """See Engine.delivered."""
        self._subscriptions.delivered(query_id, rows)

    def counters(self, query_id: str) -> QueryCounters:
        """What a running query did so far; zeros for an unknown one."""
        query = self._queries.get(query_id)
        if isinstance(query, BoundedResult):
            return query.so_far
        if query is None:
            return QueryCounters()
        waits = self.externals.message(query_id)
        return msgspec.structs.replace(self._flow.counters(query_id), waits=waits)

    async def pipeline(self, query_id: str) -> Pipeline:
        """See Engine.pipeline."""
        query = self._queries.get(query_id)
        if query is None:
            raise NotFound(f"No query with id '{query_id[:80]}' is running.")
        if isinstance(query, StreamingResult):
            return self._flow.pipeline(query_id)
        return Pipeline((PipelineNode(0, "bounded query", "running"),), ())

    async def analyze(self, sql: str) -> Analysis:
        """See Engine.analyze."""
        return (await self._plan(sql)).analysis

    async def format_sql(self, sql: str) -> str:
        """See Engine.format_sql."""
        return await self._planning.run(format_sql, sql)

    async def _watch_stalls(self) -> None:
        while True:
            await asyncio.sleep(STALL_CHECK_SECONDS)
            for query in list(self._queries.values()):
                if query.stalled():
                    query.close(SLOW_CONSUMER)

    # -- definitions ------------------------------------------------------------------------

    async def create(self, definition: Definition, caller: Caller) -> Definition:
        """See Engine.create."""
        if definition.kind in ("view", "materialized_view"):
            await self.timeseries.named_in(f"{definition.query} {definition.options.get('into')}")
            return await self._statements.define(definition, caller)
        whole = definition.kind in ("function", "schema", *EXTERNAL)
        replace = whole and bool(definition.options.get("or_replace"))
        return await self._tables.created(
            await self._ddl.create(definition, caller, replace=replace)
        )

    async def alter(self, name: str, change: Alteration, caller: Caller) -> Definition:
        """See Engine.alter."""
        return self._with_damage(await self._ddl.alter(name, change, caller))

    async def drop(self, name: str, *, force: bool = False, kind: str = "") -> None:
        """See Engine.drop."""
        if kind == "function":
            await self._ddl.drop_function(name, force=force)
        elif kind == "schema":
            await self._ddl.drop_schema(name, force=force)
        else:
            await self._ddl.drop(name, kind, force=force)

    async def stats(self, name: str, history_days: int = 0) -> StreamStats:
        """See Engine.stats."""
        definition = self._catalog.rows_of(name)
        if definition.kind not in ("stream", "materialized_view", "external_stream"):
            return StreamStats(0, 0, 0)
        rows_in = str(definition.options.get("target_id") or definition.id)
        return await asyncio.to_thread(self._storage.stats, rows_in, history_days)

    async def view_state(self, name: str) -> ViewState:
        """See Engine.view_state."""
        return await self._view_states.of(name)

    async def hold(self, owner: str, names: tuple[str, ...]) -> None:
        """See Engine.hold."""
        await self.timeseries.named_in(" ".join(names))
        await self._ddl.hold(owner, names)

    async def release(self, owner: str) -> None:
        """See Engine.release."""
        await self._ddl.hold(owner, ())

    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        """See Engine.reconcile."""
        await self._ddl.reconcile(owners)
        await self.backgrounds.reconcile(tuple(owners))
        await self.sources.reconcile(tuple(owners))

    async def definitions(self) -> Snapshot:
        """See Engine.definitions."""
        return self._shown()

    def _shown(self) -> Snapshot:
        """All definitions, with the ranges of rows that cannot be read any more."""
        snapshot = self._catalog.definitions()
        return Snapshot(snapshot.revision, tuple(map(self._with_damage, snapshot.definitions)))

    def _with_damage(self, definition: Definition) -> Definition:
        if definition.kind == "materialized_view":
            status, message = self._views.status(definition.id)
            shown = {"status": status, "status_message": message}
            options = {**definition.options, **shown, **self._views.left_out(definition.id)}
            definition = msgspec.structs.replace(definition, options=options)
        ranges = self._storage.degraded(definition.id)
        return msgspec.structs.replace(definition, degraded=ranges) if ranges else definition

    async def watch(self) -> AsyncIterator[Snapshot]:
        """See Engine.watch."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while not self._closing:
                changed.clear()
                yield self._shown()
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _changed(self, definition: Definition | None) -> None:
        if definition is not None:
            self._tell_ttl(definition)
            self._views.changed(definition)
        self.externals.changed(definition)
        self._tell_watchers()

    def _ended(self, gone: Definition) -> None:
        """Tails do not wait for ever on a stream that is gone."""
        error = NotFound(f"stream {gone.name} was dropped", Code.UNKNOWN_STREAM)
        self._flow.end_readers(gone.id, error)

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed.set()

    # -- state ------------------------------------------------------------------------------

    async def info(self) -> EngineInfo:
        """See Engine.info."""
        reason = self._storage.refusal()
        return EngineInfo(
            version=VERSION,
            duckdb_version=duck.version,
            writable=not reason,
            reason=reason,
            running_queries=len(self._queries),
            log_bytes=self._storage.log_bytes(),
            counters=self._storage.counters(),
        )

    async def close(self) -> None:
        """End running queries as canceled (503), store what waits, stop threads and workers."""
        if self._closing:
            return
        self._closing = True
        for query in list(self._queries.values()):
            query.close(STOPPING)
        self._tell_watchers()
        await self.externals.close()
        await self.sources.close()
        await self.backgrounds.close()
        self._flow.last_wait()
        await self._views.close()
        await self._subscriptions.close()
        await asyncio.to_thread(self._checkpoints.close)
        if self._stalls is not None:
            self._stalls.cancel()
        await self._pool.close()
        await self._ddl.settle()
        await asyncio.to_thread(self._ingestor.close)
        self._decoding.close()
        await asyncio.to_thread(self._flow.close)
        await self.calls.close()
        self.activities.close()
        await asyncio.to_thread(self._storage.close)
        self._planning.close()
        if self._lock is not None:
            self._lock.close()
