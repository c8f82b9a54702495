"""The engine process: opens the workspace, serves the protocol on a Unix socket, stops cleanly."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from engine import wire
from engine.absence import keep_unused_out
from engine.calls import Request
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.desk import Send
from engine.errors import EngineUnavailable, NotFound, TailraceError
from engine.limits import die_with_parent, few_arenas, limit_address_space, tune_gc
from engine.local import LocalEngine
from engine.protocol import IngestAck, QueryEnd, RunningQuery, Snapshot
from engine.wakeup import Wakeup

log = logging.getLogger("tailrace.engine")

# How long one thread may keep the interpreter while another waits: the loop answers and the log's
# writer wakes after the disk, each for microseconds (Python's default of 5 ms showed in ack p99).
SWITCH_SECONDS = 0.0005

# Exit status when the data folder cannot be opened; the supervisor passes the sentence on.
EXIT_REFUSED = 3


class ClientConnection:
    """One client of the socket: dispatches its requests and streams its results."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credit: dict[int, _Credit] = {}
        self._queries: dict[int, RunningQuery] = {}
        self._calls_to: Send | None = None
        self.wire = wire.FrameConnection(self._on_frame, self._on_close)

    def _on_frame(self, request: int, kind: int, meta: memoryview, payload: memoryview) -> None:
        if kind == wire.REQUEST:
            try:
                method, arguments = wire.decode_request(bytes(meta))
            except (msgspec.MsgspecError, ValueError) as error:
                self._fail(request, TailraceError(f"The request cannot be read: {error}."))
                return
            if method == "ingest":
                self._engine.submit_ingest(
                    arguments, bytes(payload), partial(self._ingested, request)
                )
                return
            if method == "answered":
                self._engine.calls.answered(*arguments)
                return
            if method == "counters":  # each reader asks once a second: a task would cost more
                counters = self._engine.counters(arguments)
                self.wire.send(request, wire.REPLY, wire.encode_meta(counters))
                return
            task = asyncio.ensure_future(self._handle(request, method, arguments, bytes(payload)))
            self._tasks[request] = task
            task.add_done_callback(lambda _: self._tasks.pop(request, None))
        elif kind == wire.CREDIT:
            credit = self._credit.get(request)
            if credit is not None:
                credit.grant(wire.decode_int(meta))
        elif kind == wire.CANCEL:
            query = self._queries.get(request)
            if query is not None:
                stop = asyncio.ensure_future(query.cancel())
                self._tasks[-request] = stop
                stop.add_done_callback(lambda _: self._tasks.pop(-request, None))
                self._credit[request].give_up()
            elif request in self._tasks:
                self._tasks[request].cancel()

    def _ingested(self, request: int, result: IngestAck | TailraceError) -> None:
        if isinstance(result, TailraceError):
            self._fail(request, result)
        else:
            self.wire.send(request, wire.REPLY, wire.encode_meta(result))

    def _fail(self, request: int, error: TailraceError) -> None:
        self.wire.send(request, wire.ERROR, wire.encode_error(error))

    async def _handle(self, request: int, method: str, arguments: Any, payload: bytes) -> None:
        try:
            if method == "run":
                await self._run(request, arguments)
            elif method == "watch":
                await self._watch(request)
            elif method == "watch_external":
                await self._watch_external(request)
            elif method == "read_background":
                await self._read_background(request, *arguments)
            elif method == "serve_calls":
                self._serve_calls(request)
            elif method == "append_source":
                ack = await self._engine.append_source(arguments, payload)
                self.wire.send(request, wire.REPLY, wire.encode_meta(ack))
            elif method == "series":
                call, caller = arguments
                answer = await self._engine.series(call, caller, payload)
                self.wire.send(request, wire.REPLY, wire.encode_meta(answer))
            else:
                result = await _METHODS[method](self._engine, arguments)
                self.wire.send(request, wire.REPLY, wire.encode_meta(result))
        except TailraceError as error:
            self._fail(request, error)
        except asyncio.CancelledError:
            self._fail(request, EngineUnavailable("The request was withdrawn."))
            raise
        except Exception as error:
            log.exception("request %s failed", method)
            self._fail(request, TailraceError(f"Internal error ({type(error).__name__})."))

    async def _run(self, request: int, arguments: Any) -> None:
        query = await self._engine.run(arguments)
        self._credit[request] = credit = _Credit(wire.CREDIT_BYTES)
        self._queries[request] = query
        try:
            self.wire.send(request, wire.REPLY, wire.encode_meta(query.opened))
            async for item in query.items():
                if isinstance(item, QueryEnd):
                    self.wire.send(request, wire.END, wire.encode_meta(item))
                elif credit.spend(len(item.payload)) or await credit.take(len(item.payload)):
                    meta = wire.encode_meta((item.count, item.last_event_time_ms))
                    self.wire.send(request, wire.ROWS, meta, item.payload)
        finally:
            self._queries.pop(request, None)
            self._credit.pop(request, None)

    async def _watch(self, request: int) -> None:
        self.wire.send(request, wire.REPLY, wire.encode_meta(None))
        async for snapshot in self._engine.watch():
            self.wire.send(request, wire.SNAPSHOT, wire.encode_meta(snapshot))

    async def _watch_external(self, request: int) -> None:
        self.wire.send(request, wire.REPLY, wire.encode_meta(None))
        async for work in self._engine.watch_external():
            self.wire.send(request, wire.EXTERNAL, wire.encode_meta(work))

    async def _read_background(self, request: int, owner: str, folds: bool) -> None:
        """The reply when it is known that there is something to read; errors later end it too."""
        if not await self._engine.positions((owner,)):
            raise NotFound(f"No background query of '{owner[:80]}' is there: start it first.")
        self._credit[request] = credit = _Credit(wire.CREDIT_BYTES)
        rows = self._engine.read_background(owner, folds)
        try:
            self.wire.send(request, wire.REPLY, wire.encode_meta(None))
            async for item in rows:
                if credit.spend(len(item.payload)) or await credit.take(len(item.payload)):
                    meta = (item.query, item.sn, item.first_row, item.count, item.event_time_ms)
                    self.wire.send(request, wire.BACKGROUND, wire.encode_meta(meta), item.payload)
            self.wire.send(request, wire.END, wire.encode_meta(QueryEnd("finished")))
        finally:
            self._credit.pop(request, None)
            await rows.aclose()

    def _serve_calls(self, request: int) -> None:
        def send(number: int, call: Request) -> None:
            self.wire.send(request, wire.CALL, wire.encode_meta((number, call)))

        self.wire.send(request, wire.REPLY, wire.encode_meta(None))
        self._calls_to = send
        self._engine.calls.attach(send)

    def _on_close(self, error: Exception | None) -> None:
        if self._calls_to is not None:
            self._engine.calls.detach(self._calls_to)
        for query in self._queries.values():
            stop = asyncio.ensure_future(query.cancel())
            stop.add_done_callback(lambda _: None)
        for credit in self._credit.values():
            credit.give_up()
        for request, task in list(self._tasks.items()):
            if request not in self._queries:
                task.cancel()


class _Credit:
    """Bytes that a stream may still send before its reader has taken some."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._gone = False
        self._more = Wakeup()

    def grant(self, count: int) -> None:
        self._left += count
        self._more.set()

    def give_up(self) -> None:
        """The reader has left: nothing more is sent, nobody waits."""
        self._gone = True
        self._more.set()

    def spend(self, count: int) -> bool:
        """Take what can be had without waiting; False when `take` must be asked."""
        if self._left <= 0 or self._gone:
            return False
        self._left -= count
        return True

    async def take(self, count: int) -> bool:
        """Wait until `count` bytes may be sent; False when the reader has left."""
        while self._left <= 0 and not self._gone:
            await self._more.wait()
        self._left -= count
        return not self._gone


async def _definitions(engine: LocalEngine, _: None) -> Snapshot:
    return await engine.definitions()


_METHODS: dict[str, Any] = {
    "cancel": lambda engine, query_id: engine.cancel(query_id),
    "delivered": lambda engine, a: engine.delivered(a[0], a[1]),
    "pipeline": lambda engine, query_id: engine.pipeline(query_id),
    "analyze": lambda engine, sql: engine.analyze(sql),
    "format_sql": lambda engine, sql: engine.format_sql(sql),
    "create": lambda engine, a: engine.create(a[0], a[1]),
    "alter": lambda engine, a: engine.alter(a[0], a[1], a[2]),
    "drop": lambda engine, a: engine.drop(a[0], force=a[1], kind=a[2]),
    "stats": lambda engine, a: engine.stats(a[0], a[1]),
    "view_state": lambda engine, name: engine.view_state(name),
    "activity": lambda engine, _: engine.activity(),
    "diagnose": lambda engine, owner: engine.diagnose(owner),
    "hold": lambda engine, a: engine.hold(a[0], a[1]),
    "release": lambda engine, owner: engine.release(owner),
    "reconcile": lambda engine, owners: engine.reconcile(owners),
    "check_background": lambda engine, queries: engine.check_background(queries),
    "backtest_background": lambda engine, a: engine.backtest_background(*a),
    "start_background": lambda engine, a: engine.start_background(a[0], a[1]),
    "pause_background": lambda engine, owner: engine.pause_background(owner),
    "drop_background": lambda engine, owner: engine.drop_background(owner),
    "background_states": lambda engine, owners: engine.background_states(owners),
    "advance": lambda engine, a: engine.advance(*a),
    "open_source": lambda engine, owner: engine.open_source(owner),
    "open_replay": lambda engine, owner: engine.open_replay(owner),
    "report_external": lambda engine, state: engine.report_external(state),
    "forget_source": lambda engine, owner: engine.forget_source(owner),
    "source_letters": lambda engine, owners: engine.source_letters(owners),
    "positions": lambda engine, owners: engine.positions(owners),
    "saved": lambda engine, owners: engine.saved(owners),
    "definitions": _definitions,
    "info": lambda engine, _: engine.info(),
}


async def serve(socket: Path, data: Path, settings: EngineSettings) -> None:
    """Serve until SIGTERM or SIGINT. The socket appears when requests are accepted."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = await LocalEngine.open(data, settings, SystemClock())
    tune_gc()
    sys.setswitchinterval(SWITCH_SECONDS)
    waiting = socket.with_suffix(".new")
    waiting.unlink(missing_ok=True)
    server = await loop.create_unix_server(lambda: ClientConnection(engine).wire, str(waiting))
    waiting.rename(socket)  # a client never sees a socket that nobody listens on
    try:
        await stop.wait()
    finally:
        server.close()
        await engine.close()
        await asyncio.sleep(0.05)  # let the last frames leave
        socket.unlink(missing_ok=True)


def main() -> None:
    """Entry of `python -m engine.host`."""
    parser = argparse.ArgumentParser(prog="engine.host")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--settings", default="{}")
    options = parser.parse_args()
    keep_unused_out()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    die_with_parent()
    few_arenas()
    settings = msgspec.json.decode(options.settings, type=EngineSettings)
    limit_address_space(settings.engine_memory_bytes)
    try:
        _run(serve(options.socket, options.data, settings))
    except TailraceError as error:
        sys.stderr.write(error.message + "\n")
        sys.stderr.flush()
        os._exit(EXIT_REFUSED)
    logging.shutdown()
    # Everything is closed and durable; a normal exit would only print DuckDB's binding leaks.
    os._exit(0)


def _run(main_task: Any) -> None:
    if sys.platform != "win32":
        import uvloop

        uvloop.run(main_task)
    else:
        asyncio.run(main_task)


if __name__ == "__main__":
    main()
