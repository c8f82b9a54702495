"""The Engine protocol over the Unix socket: what the control plane and the connectors hold."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final

from engine import wire
from engine.activity import Activity, Diagnosis
from engine.calls import Answer, Request
from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, TailraceError
from engine.external_objects import ExternalState, ExternalWork
from engine.owned_names import SeriesCall
from engine.protocol import (
    Alteration,
    Analysis,
    BackgroundOpened,
    BackgroundQuery,
    BackgroundRows,
    Backtested,
    Caller,
    Definition,
    EngineInfo,
    IngestAck,
    IngestRequest,
    Pipeline,
    Position,
    QueryCounters,
    QueryEnd,
    QueryOpened,
    QueryRequest,
    Rows,
    Snapshot,
    StreamStats,
    ViewState,
)
from engine.source_appends import SourceAck, SourceAppend, SourceOpened
from engine.wakeup import Wakeup

# Of the name of a workspace what stands in the name of its socket.
SOCKET_CHARS_MAX: Final = 20
LOST = "The engine restarted while it worked on this request; its outcome is unknown."


def socket_name(workspace: str) -> str:
    """File name of the workspace's socket; short, since the path of a socket has 107 bytes."""
    if len(workspace) > SOCKET_CHARS_MAX:
        digest = hashlib.sha256(workspace.encode()).hexdigest()
        workspace = f"{workspace[: SOCKET_CHARS_MAX - 11]}.{digest[:10]}"
    return f"engine-{workspace}.sock"


class RemoteQuery:
    """A query that runs in the engine process; see `protocol.RunningQuery`."""

    def __init__(self, engine: RemoteEngine, request: int, query_id: str) -> None:
        self._engine = engine
        self._request = request
        self._id = query_id
        self._items: deque[Rows | QueryEnd] = deque()
        self._arrived = Wakeup()
        self._taken = 0
        self.opened: QueryOpened = QueryOpened("", "ddl", (), Analysis("", "", ""))

    def push(self, item: Rows | QueryEnd) -> None:
        """Called by the connection for each item, in order; bounded by the credit granted."""
        self._items.append(item)
        self._arrived.set()

    async def items(self) -> AsyncIterator[Rows | QueryEnd]:
        """Result batches, then exactly one QueryEnd."""
        try:
            while True:
                while not self._items:
                    await self._arrived.wait()
                item = self._items.popleft()
                yield item
                if isinstance(item, QueryEnd):
                    return
                self._taken += len(item.payload)
                # What is not granted yet leaves most of the credit: small ones need no answer.
                if self._taken >= wire.CREDIT_BYTES // 4:
                    self._engine.grant(self._request, self._taken)
                    self._taken = 0
        finally:
            self._engine.leave(self._request)

    async def counters(self) -> QueryCounters:
        """What it did so far."""
        return await self._engine.call("counters", self._id)

    async def cancel(self) -> None:
        """Stop it; `items` ends with status canceled."""
        self._engine.leave(self._request)


class RemoteRows:
    """Rows of a hidden stream as they come; the end, or the error that ended them, is the last."""

    def __init__(self) -> None:
        self._items: deque[BackgroundRows | TailraceError | None] = deque()
        self._arrived = Wakeup()

    def push(self, item: BackgroundRows | TailraceError | None) -> None:
        """Called by the connection, in order; None is the end. Bounded by the credit granted."""
        self._items.append(item)
        self._arrived.set()

    async def take(self) -> BackgroundRows | None:
        """The next rows; None at the end. Raises the error that ended them."""
        while not self._items:
            await self._arrived.wait()
        item = self._items.popleft()
        if isinstance(item, TailraceError):
            raise item
        return item


class RemoteEngine:
    """Client of one engine process. Safe to share between tasks of one loop.

    Once the connection is lost every call raises EngineUnavailable and running queries end with
    status failed, code 503; the owner connects anew.
    """

    def __init__(self) -> None:
        self._connection: wire.FrameConnection | None = None
        self._next = 1
        self._waiting: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._queries: dict[int, RemoteQuery] = {}
        self._watchers: dict[int, _Newest] = {}
        self._reads: dict[int, RemoteRows] = {}
        self.closed = asyncio.Event()
        # What running queries are told when the connection ends; the owner sets another before a
        # planned stop.
        self.farewell = QueryEnd("failed", 503, "engine restarted")
        self._on_call: Callable[[int, Request], None] = _nobody

    @classmethod
    async def connect(cls, path: str) -> RemoteEngine:
        """Connect to the socket at `path`; raises OSError while nobody listens there."""
        self = cls()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(
            lambda: wire.FrameConnection(self._on_frame, self._on_close), path
        )
        self._connection = connection
        return self

    def _on_frame(self, request: int, kind: int, meta: memoryview, payload: memoryview) -> None:
        if kind == wire.ROWS:
            query = self._queries.get(request)
            if query is not None:
                count, event_time = wire.decode_rows(meta)
                query.push(Rows(count, bytes(payload), event_time))
        elif kind == wire.REPLY:
            waiting = self._waiting.pop(request, None)
            if waiting is not None and not waiting[1].done():
                waiting[1].set_result(wire.reply_decoders[waiting[0]](meta))
        elif kind == wire.ERROR:
            waiting = self._waiting.pop(request, None)
            if waiting is not None and not waiting[1].done():
                waiting[1].set_exception(wire.decode_error(bytes(meta)))
            elif request in self._reads:
                self._reads[request].push(wire.decode_error(bytes(meta)))
        elif kind == wire.END:
            # Nothing follows: it is forgotten here, since a reader that left takes no end.
            query = self._queries.pop(request, None)
            if query is not None:
                query.push(wire.decode_end(meta))
            elif request in self._reads:
                self._reads[request].push(None)
        elif kind == wire.BACKGROUND:
            if request in self._reads:
                which, sn, row, count, time = wire.decode_background(meta)
                rows = BackgroundRows(which, sn, row, count, bytes(payload), time)
                self._reads[request].push(rows)
        elif kind == wire.CALL:
            self._on_call(*wire.decode_call(meta))
        elif kind in (wire.SNAPSHOT, wire.EXTERNAL):
            watcher = self._watchers.get(request)
            if watcher is not None:
                decode = wire.decode_snapshot if kind == wire.SNAPSHOT else wire.decode_external
                watcher.put(decode(meta))

    def _on_close(self, error: Exception | None) -> None:
        self._connection = None
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(EngineUnavailable(LOST))
        for query in list(self._queries.values()):
            query.push(self.farewell)
        for watcher in self._watchers.values():
            watcher.end()
        for read in self._reads.values():
            read.push(EngineUnavailable("The engine restarted; read on from the stored position."))
        self.closed.set()

    def _send(self, method: str, arguments: Any, body: bytes) -> tuple[int, asyncio.Future[Any]]:
        if self._connection is None:
            raise EngineUnavailable("The engine is starting; try again in a moment.")
        meta = wire.encode_meta((method, arguments))
        request = self._next
        self._next += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request] = (method, future)
        self._connection.send(request, wire.REQUEST, meta, body)
        return request, future

    async def call(self, method: str, arguments: Any = None, body: bytes = b"") -> Any:
        """One request and its reply."""
        return await self._send(method, arguments, body)[1]

    async def _ask(self, method: str, sql: str) -> Any:
        """As `call`; the engine is told when the caller does not wait any more."""
        request, future = self._send(method, sql, b"")
        try:
            return await future
        except asyncio.CancelledError:
            self._withdraw(request)
            raise

    def _withdraw(self, request: int) -> None:
        if self._connection is not None:
            self._connection.send(request, wire.CANCEL, b"\xc0")

    def grant(self, request: int, count: int) -> None:
        """Let the engine send `count` more bytes of a stream."""
        known = request in self._queries or request in self._reads
        if self._connection is not None and known:
            self._connection.send(request, wire.CREDIT, wire.encode_meta(count))

    def leave(self, request: int) -> None:
        """Tell the engine that nobody reads this stream any more."""
        if request in self._queries:
            self._withdraw(request)

    def forget(self, request: int) -> None:
        """A stream has ended."""
        self._queries.pop(request, None)

    async def ingest(self, request: IngestRequest, body: bytes) -> IngestAck:
        """See Engine.ingest."""
        return await self._send("ingest", request, body)[1]

    async def run(self, request: QueryRequest) -> RemoteQuery:
        """See Engine.run."""
        number, future = self._send("run", request, b"")
        query = RemoteQuery(self, number, request.id)
        self._queries[number] = query
        try:
            query.opened = await future
        except BaseException:
            self.leave(number)
            self.forget(number)
            raise
        return query

    async def cancel(self, query_id: str) -> bool:
        """See Engine.cancel."""
        return await self.call("cancel", query_id)

    async def delivered(self, query_id: str, rows: int) -> None:
        """See Engine.delivered."""
        await self.call("delivered", (query_id, rows))

    async def pipeline(self, query_id: str) -> Pipeline:
        """See Engine.pipeline."""
        return await self.call("pipeline", query_id)

    async def analyze(self, sql: str) -> Analysis:
        """See Engine.analyze."""
        return await self._ask("analyze", sql)

    async def format_sql(self, sql: str) -> str:
        """See Engine.format_sql."""
        return await self._ask("format_sql", sql)

    async def create(self, definition: Definition, caller: Caller) -> Definition:
        """See Engine.create."""
        return await self.call("create", (definition, caller))

    async def alter(self, name: str, change: Alteration, caller: Caller) -> Definition:
        """See Engine.alter."""
        return await self.call("alter", (name, change, caller))

    async def drop(self, name: str, *, force: bool = False, kind: str = "") -> None:
        """See Engine.drop."""
        await self.call("drop", (name, force, kind))

    async def stats(self, name: str, history_days: int = 0) -> StreamStats:
        """See Engine.stats."""
        return await self.call("stats", (name, history_days))

    async def view_state(self, name: str) -> ViewState:
        """See Engine.view_state."""
        return await self.call("view_state", name)

    async def activity(self) -> Activity:
        """See Activities.activity."""
        return await self.call("activity")

    async def diagnose(self, owner: str) -> Diagnosis:
        """See Activities.diagnose."""
        return await self.call("diagnose", owner)

    async def hold(self, owner: str, names: tuple[str, ...]) -> None:
        """See Engine.hold."""
        await self.call("hold", (owner, names))

    async def release(self, owner: str) -> None:
        """See Engine.release."""
        await self.call("release", owner)

    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        """See Engine.reconcile."""
        await self.call("reconcile", owners)

    async def open_source(self, owner: str) -> SourceOpened:
        """See SourceAppends.open_source."""
        return await self.call("open_source", owner)

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        """See SourceAppends.append_source."""
        return await self._send("append_source", request, body)[1]

    async def open_replay(self, owner: str) -> int:
        """See SourceAppends.open_replay."""
        return await self.call("open_replay", owner)

    async def forget_source(self, owner: str) -> None:
        """See SourceAppends.forget_source."""
        await self.call("forget_source", owner)

    async def source_letters(self, owners: tuple[str, ...]) -> dict[str, str]:
        """See SourceAppends.source_letters."""
        return await self.call("source_letters", owners)

    async def series(self, call: SeriesCall, caller: Caller, body: bytes) -> bytes:
        """See SeriesApis.series."""
        return await self._send("series", (call, caller), body)[1]

    async def check_background(self, queries: tuple[str, ...]) -> BackgroundOpened:
        """See Background.check_background."""
        return await self.call("check_background", queries)

    async def backtest_background(self, queries: tuple[str, ...], minutes: int) -> Backtested:
        """See Background.backtest_background."""
        return await self.call("backtest_background", (queries, minutes))

    async def start_background(self, query: BackgroundQuery, caller: Caller) -> BackgroundOpened:
        """See Background.start_background."""
        return await self.call("start_background", (query, caller))

    async def pause_background(self, owner: str) -> None:
        """See Background.pause_background."""
        await self.call("pause_background", owner)

    async def drop_background(self, owner: str) -> None:
        """See Background.drop_background."""
        await self.call("drop_background", owner)

    async def background_states(self, owners: tuple[str, ...]) -> dict[str, ViewState]:
        """See Background.background_states."""
        return await self.call("background_states", owners)

    async def read_background(
        self, owner: str, folds: bool = False
    ) -> AsyncGenerator[BackgroundRows]:
        """See Background.read_background; EngineUnavailable when the connection is lost."""
        rows = RemoteRows()
        request, future = self._send("read_background", (owner, folds), b"")
        self._reads[request] = rows
        taken = 0
        try:
            await future
            while (item := await rows.take()) is not None:
                yield item
                taken += len(item.payload)
                if taken >= wire.CREDIT_BYTES // 4:
                    self.grant(request, taken)
                    taken = 0
        finally:
            self._reads.pop(request, None)
            self._withdraw(request)

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        await self.call("advance", (owner, to, saved or {}, letters))

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """See Background.positions."""
        return await self.call("positions", owners)

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        return await self.call("saved", owners)

    async def definitions(self) -> Snapshot:
        """See Engine.definitions."""
        return await self.call("definitions")

    def watch(self) -> AsyncIterator[Snapshot]:
        """See Engine.watch; ends when the connection is lost."""
        return self._watch("watch")

    def watch_external(self) -> AsyncIterator[ExternalWork]:
        """See ExternalObjects.watch_external; ends when the connection is lost."""
        return self._watch("watch_external")

    async def report_external(self, state: ExternalState) -> None:
        """See ExternalObjects.report_external."""
        await self.call("report_external", state)

    async def _watch(self, method: str) -> AsyncGenerator[Any]:
        newest = _Newest()
        request, future = self._send(method, None, b"")
        self._watchers[request] = newest
        try:
            await future
            while (snapshot := await newest.take()) is not None:
                yield snapshot
        finally:
            self._watchers.pop(request, None)
            self._withdraw(request)

    async def info(self) -> EngineInfo:
        """See Engine.info."""
        return await self.call("info")

    async def serve_calls(self, begin: Callable[[int, Request], None]) -> None:
        """Take the engine's outside calls from now on; `begin` must not block. Each is answered by
        `answered` with its number."""
        self._on_call = begin
        await self.call("serve_calls")

    def answered(self, number: int, answer: Answer) -> None:
        """Answer a call; it is let go when the connection is lost, as the call comes again."""
        if self._connection is not None:
            meta = wire.encode_meta(("answered", (number, answer)))
            self._connection.send(0, wire.REQUEST, meta)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            await self.closed.wait()


def _nobody(number: int, request: Request) -> None:
    """No calls were asked for."""


class _Newest:
    """Keeps only the newest snapshot for a slow reader."""

    def __init__(self) -> None:
        self._value: Any = None
        self._ended = False
        self._event = asyncio.Event()

    def put(self, value: object) -> None:
        self._value = value
        self._event.set()

    def end(self) -> None:
        self._ended = True
        self._event.set()

    async def take(self) -> Any:
        while self._value is None:
            if self._ended:
                return None
            self._event.clear()
            await self._event.wait()
        value, self._value = self._value, None
        return value
