"""The connector process: runs connectors and serves the control plane's commands on a socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from connectors import alerts, control, properties, registry, sink_checks
from connectors.alerts import AlertRunner
from connectors.call_service import CallService
from connectors.check_contract import Check, SendTest, Suggest
from connectors.checks import Checks
from connectors.connector_log import ConnectorLog
from connectors.contract import AlertDefinition, SinkDefinition, SourceDefinition
from connectors.external.inserts import StreamInserts
from connectors.external.service import ExternalService
from connectors.external.tables import Tables
from connectors.key_ring import KeyRing
from connectors.metrics import SourceSample, SourceStats
from connectors.preview import preview, topics
from connectors.remote_functions import RemoteFunctions
from connectors.replay_contract import Replayed
from connectors.runner import SourceRunner
from connectors.sink_replay import replay_sink
from connectors.sink_runner import SinkRunner
from connectors.source_replay import replay_source
from connectors.status import SourceStatus
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.clock import SystemClock
from engine.errors import EngineUnavailable, TailraceError
from engine.limits import die_with_parent, tune_gc
from engine.remote import RemoteEngine, socket_name

log = logging.getLogger("tailrace.connectors")


class EngineConnections:
    """One connection to each workspace's engine, made when it is needed and again after a loss."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._engines: dict[str, RemoteEngine] = {}
        self._lock = asyncio.Lock()

    async def get(self, workspace: str) -> WorkspaceEngine:
        """The workspace's engine; EngineUnavailable while its process is away."""
        engine = self._engines.get(workspace)
        if engine is not None and not engine.closed.is_set():
            return engine
        async with self._lock:
            engine = self._engines.get(workspace)
            if engine is None or engine.closed.is_set():
                engine = await self._connect(workspace)
            return engine

    async def _connect(self, workspace: str) -> RemoteEngine:
        path = self._run_dir / socket_name(workspace)
        try:
            engine = await RemoteEngine.connect(str(path))
        except OSError as error:
            raise EngineUnavailable("The engine is starting; trying again.") from error
        self._engines[workspace] = engine
        return engine

    async def close(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            await engine.close()


Runner = SourceRunner | SinkRunner | AlertRunner


class ConnectorHost:
    """All sources, sinks and alerts of the process, and what can be asked of them."""

    def __init__(self, surroundings: Surroundings, ring: KeyRing | None = None) -> None:
        self._around = surroundings
        self._ring = ring or KeyRing()
        checks = Checks(surroundings)
        self._runners: dict[str, Runner] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._handlers: dict[type, Callable[[Any], Awaitable[object]]] = {
            control.ListTypes: self._list_types,
            control.Validate: self._validate,
            control.Start: self._start,
            control.Stop: self._stop,
            control.Delete: self._delete,
            control.Status: self._status,
            control.Stats: self._stats,
            control.Preview: self._preview,
            control.Samples: self._samples,
            control.Log: self._log,
            control.Topics: self._topics,
            control.Keys: self._take_keys,
            control.ListSinkTypes: self._list_sink_types,
            control.ValidateSink: self._validate_sink,
            control.StartSink: self._start_sink,
            control.StartAlert: self._start_alert,
            control.ResolveAlert: self._resolve_alert,
            control.ReplaySource: self._replay_source,
            control.ReplaySink: self._replay_sink,
            Check: checks.check,
            Suggest: checks.suggest,
            SendTest: checks.send_test,
        }

    async def handle(self, command: control.Command) -> object:
        """Do one command; see `connectors.control` for results and errors."""
        return await self._handlers[type(command)](command)

    async def close(self) -> None:
        """Stop all of them side by side, each after its last batch is written."""
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))

    def _lock(self, connector_id: str) -> asyncio.Lock:
        return self._locks.setdefault(connector_id, asyncio.Lock())

    async def _list_types(self, _: control.ListTypes) -> object:
        return [registry.describe(spec) for spec in registry.sources().values()]

    async def _validate(self, command: control.Validate) -> list[str]:
        spec = registry.source(command.type)
        config = properties.parse(spec.config, command.properties)
        return sorted(properties.secret_names(spec.config) | spec.secrets(config))

    async def _list_sink_types(self, _: control.ListSinkTypes) -> object:
        return [registry.describe(spec) for spec in registry.sinks().values()]

    async def _validate_sink(self, command: control.ValidateSink) -> list[str]:
        return sink_checks.secret_names(command, self._around)

    async def _start(self, command: control.Start) -> SourceStatus:
        source = command.source
        return await self._run(
            source, lambda log_: SourceRunner(source, self._around, command.begin, log_)
        )

    async def _start_sink(self, command: control.StartSink) -> SourceStatus:
        sink = command.sink
        return await self._run(
            sink, lambda log_: SinkRunner(sink, self._around, command.begin, log_)
        )

    async def _start_alert(self, command: control.StartAlert) -> SourceStatus:
        alert = command.alert
        return await self._run(
            alert, lambda log_: AlertRunner(alert, self._around, command.begin, log_)
        )

    async def _run(
        self,
        definition: SourceDefinition | SinkDefinition | AlertDefinition,
        make: Callable[[ConnectorLog | None], Runner],
    ) -> SourceStatus:
        async with self._lock(definition.id):
            old = self._runners.get(definition.id)
            if old is not None:
                if old.definition == definition and old.status().status != "stopped":
                    return old.status()
                await old.stop()
            runner = make(None if old is None else old.log)
            self._runners[definition.id] = runner
            runner.start()
            return runner.status()

    async def _resolve_alert(self, command: control.ResolveAlert) -> None:
        async with self._lock(command.id):
            runner = self._runners.get(command.id)
            if isinstance(runner, AlertRunner) and runner.status().status != "stopped":
                await runner.resolve()
                return
            engine = await self._around.engine(command.workspace)
            await alerts.resolve_stopped(engine, f"alert:{command.id}", self._around.clock)

    async def _replay_source(self, command: control.ReplaySource) -> Replayed:
        return self._told(
            command.source.id, await replay_source(command.source, command.wanted, self._around)
        )

    async def _replay_sink(self, command: control.ReplaySink) -> Replayed:
        return self._told(
            command.sink.id, await replay_sink(command.sink, command.wanted, self._around)
        )

    def _told(self, connector_id: str, done: Replayed) -> Replayed:
        runner = self._runners.get(connector_id)
        if runner is not None:
            runner.log.add("INFO", f"replayed {done.replayed} dead letters, {done.failed} failed")
        return done

    async def _stop(self, command: control.Stop) -> SourceStatus:
        async with self._lock(command.id):
            runner = self._runners.get(command.id)
            if runner is None:
                return SourceStatus(command.id, "stopped")
            await runner.stop()
            return runner.status()

    async def _delete(self, command: control.Delete) -> None:
        async with self._lock(command.id):
            runner = self._runners.pop(command.id, None)
            if runner is not None:
                await runner.stop()
        self._locks.pop(command.id, None)

    async def _status(self, _: control.Status) -> list[SourceStatus]:
        return [runner.status() for runner in self._runners.values()]

    async def _stats(self, command: control.Stats) -> SourceStats:
        runner = self._runners.get(command.id)
        if runner is None:
            return SourceStats()
        return runner.stats(command.range_ms, command.error_range_ms)

    async def _samples(self, command: control.Samples) -> list[SourceSample]:
        return [runner.sample(command.since_minute) for runner in self._runners.values()]

    async def _log(self, command: control.Log) -> list[str]:
        runner = self._runners.get(command.id)
        return [] if runner is None else runner.log.newest(command.lines)

    async def _topics(self, command: control.Topics) -> list[str]:
        return await topics(command.properties, private=self._around.private)

    async def _take_keys(self, command: control.Keys) -> None:
        self._ring.put(command.keys)

    async def _preview(self, command: control.Preview) -> list[dict[str, Any]]:
        return await preview(command, self._around)


class ControlServer:
    """Serves a host's commands; each request is answered on its own, in any order."""

    def __init__(self, host: ConnectorHost) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection of the control plane, until it ends or sends what cannot be read."""
        try:
            while (body := await control.read_frame(reader)) is not None:
                number, command = control.decode_request(body)
                task = asyncio.create_task(self._answer(number, command, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("control connection closed: %s", error)
        finally:
            writer.close()

    async def _answer(
        self, number: int, command: control.Command, writer: asyncio.StreamWriter
    ) -> None:
        failure: control.Failure | None = None
        result: object = None
        try:
            result = await self._host.handle(command)
        except TailraceError as error:
            failure = control.Failure.of(error)
        except Exception as error:
            log.exception("command %s failed", type(command).__name__)
            message = f"Internal error of the connector process ({type(error).__name__})."
            failure = control.Failure("TailraceError", 500, message, "orbit")
        if not writer.is_closing():
            writer.write(control.frame((number, failure, result)))


async def serve(socket: Path, run_dir: Path, *, private: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then stop all sources. The socket appears when it is ready."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engines = EngineConnections(run_dir)
    clock = SystemClock()
    ring = KeyRing()
    around = Surroundings(engines.get, clock, private=private)
    host = ConnectorHost(around, ring)
    externals = ExternalService(around, ring)
    functions = RemoteFunctions(clock, asyncio.sleep, private=private, ring=ring)
    tables = Tables(clock, asyncio.sleep, ring, private=private)
    calls = CallService(run_dir, functions.call, tables.call)
    calls.on_attached = externals.attach
    calls.streams = StreamInserts(around, ring).call
    await asyncio.to_thread(registry.sources)
    await asyncio.to_thread(registry.sinks)
    waiting = socket.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        waiting.unlink()
    server = await asyncio.start_unix_server(ControlServer(host).serve_client, str(waiting))
    waiting.chmod(0o600)
    waiting.rename(socket)  # a client never sees a socket that nobody listens on
    calls.start()
    tune_gc()
    try:
        await stop.wait()
    finally:
        server.close()
        await externals.close()
        await calls.close()
        await functions.close()
        await tables.close()
        await host.close()
        await engines.close()
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()


def main() -> None:
    """Entry of `python -m connectors.host`."""
    parser = argparse.ArgumentParser(prog="connectors.host")
    parser.add_argument("--control", type=Path, required=True, help="Unix socket to serve")
    parser.add_argument(
        "--engine-dir", type=Path, required=True, help="folder of the sockets engine-WORKSPACE.sock"
    )
    parser.add_argument(
        "--private", action="store_true", help="addresses that are not public may be called"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the URLs of functions
    for library in ("aiokafka", "nats", "websockets"):  # what fails is in the source's own log
        logging.getLogger(library).setLevel(logging.CRITICAL)
    die_with_parent()
    _run(serve(options.control, options.engine_dir, private=options.private))


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """By uvloop, which takes a fifth less of the processor for what sources receive."""
    if sys.platform == "win32":
        asyncio.run(serving)
    else:
        import uvloop

        uvloop.run(serving)


if __name__ == "__main__":
    main()
