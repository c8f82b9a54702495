"""One run of the server: opens the store, serves until a signal, stops in order and in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from typing import Final

import click
import uvicorn

from connectors.control import ConnectorClient
from controlplane.app import Application, Outside
from controlplane.connection import http_protocol
from controlplane.db.session import StoreError, open_store, store_url
from controlplane.processes import Processes
from controlplane.services.secrets import SecretsError, Vault
from controlplane.settings import Settings
from controlplane.socket_messages import MESSAGE_BYTES_MAX
from controlplane.websocket_connection import websocket_protocol
from engine.clock import Clock
from engine.limits import tune_gc

log = logging.getLogger("tailrace.server")

EXIT_REFUSED: Final = 2
# Of the time for a stop, what open requests get after the farewells were sent.
REQUESTS_SHARE: Final = 0.3
# They keep collections away from the short-lived objects of requests.
GC_THRESHOLDS: Final = (50_000, 50, 100)


class Server:
    """Serves one application on one socket."""

    def __init__(
        self,
        settings: Settings,
        processes: Processes,
        clock: Clock,
        announce: Callable[[str, str, str], None],
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._clock = clock
        self._announce = announce

    async def main(self, listeners: list[socket.socket]) -> int:
        """Serve on these until SIGTERM or SIGINT; the exit status. The first is announced."""
        data = self._settings.data_path()
        vault = Vault(self._settings.secret_keys, data)
        try:
            vault.keys()
            store = await open_store(store_url(self._settings.database_url, data))
        except (SecretsError, StoreError) as error:
            click.echo(str(error), err=True)
            return EXIT_REFUSED
        connectors = ConnectorClient(self._processes.control_socket, vault.keys)
        outside = Outside(
            store,
            self._processes,
            connectors,
            self._clock,
            self._processes.restarts,
            vault,
            self._processes.pids,
        )
        app = Application(self._settings, outside)
        self._processes.on_connectors_exit = app.resume.again
        self._processes.supervise(app.engines)
        try:
            async with app.running() as key:
                tune_gc(GC_THRESHOLDS)
                return await self._serve(app, listeners, key)
        except SecretsError as error:
            click.echo(str(error), err=True)
            return EXIT_REFUSED
        finally:
            await connectors.close()
            await self._processes.close()
            await store.close()

    async def _serve(self, app: Application, listeners: list[socket.socket], key: str) -> int:
        token = await app.first_run.begin()
        server = uvicorn.Server(self._config(app))
        # Signals are ours: the farewells of event streams go out before the server closes.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        serving = asyncio.create_task(server.serve(sockets=listeners))
        address = self._address(listeners[0])
        console = f"{address}{self._settings.root_path}/console/"
        self._announce(address, key, console + (f"first-run#token={token}" if token else ""))
        for listener in listeners[1:]:
            log.info("listening on %s too", self._address(listener))
        refused = asyncio.create_task(self._processes.refused.wait())
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, waiting, refused}, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        server.should_exit = True
        await app.begin_stop()
        await serving
        for task in (refused, waiting):
            task.cancel()
        return EXIT_REFUSED if self._processes.refused.is_set() else 0

    def _address(self, listener: socket.socket) -> str:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self._settings.certfile else 'http'}://{shown}:{port}"

    def _config(self, app: Application) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            app.front,  # type: ignore[arg-type]
            loop="none",
            http=http_protocol(settings),
            ws=websocket_protocol(settings),
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,  # 8 ms of the loop for a MiB of rows
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ssl_certfile=settings.certfile or None,
            ssl_keyfile=settings.keyfile or None,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, int(settings.stop_seconds * REQUESTS_SHARE)),
        )
