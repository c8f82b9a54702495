"""Serves the outside calls of all engines: one connection to each, made again after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from engine.calls import Answer, Request, refused
from engine.errors import TailraceError
from engine.remote import RemoteEngine

log = logging.getLogger("tailrace.connectors")

# How often it is looked for engines that have started.
LOOK_SECONDS: Final = 0.25
_SOCKETS: Final = "engine-*.sock"

Perform = Callable[[Request], Awaitable[Answer]]


class CallService:
    """Attaches to every engine whose socket lies in a folder. For one loop."""

    def __init__(self, run_dir: Path, functions: Perform, tables: Perform) -> None:
        self._run_dir = run_dir
        self._functions = functions
        self._tables = tables
        # Told of each connection that was made, and the name of its socket.
        self.on_attached: Callable[[RemoteEngine, str], None] = _nobody
        self.streams: Perform
        self._engines: dict[str, RemoteEngine] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for engines."""
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            for path in sorted(self._run_dir.glob(_SOCKETS)):
                known = self._engines.get(path.name)
                if known is None or known.closed.is_set():
                    with contextlib.suppress(OSError, TailraceError):
                        await self._attach(path)
            await asyncio.sleep(LOOK_SECONDS)

    async def _attach(self, path: Path) -> None:
        engine = await RemoteEngine.connect(str(path))
        self._engines[path.name] = engine

        def begin(number: int, request: Request) -> None:
            task = asyncio.create_task(self._answer(engine, path.name, number, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        await engine.serve_calls(begin)
        self.on_attached(engine, path.name)

    async def _answer(self, engine: RemoteEngine, name: str, number: int, request: Request) -> None:
        if request.external is not None:
            external = msgspec.structs.replace(request.external, engine=name)
            request = msgspec.structs.replace(request, external=external)
        try:
            perform = self._tables if request.kind == "table" else self._functions
            if request.kind == "stream":
                perform = self.streams
            answer = await perform(request)
        except Exception as error:  # noqa: BLE001 - the step that waits must have an answer
            # Its text could name a secret.
            log.error("a call of %s failed: %s", request.function, type(error).__name__)
            answer = refused(request, "an internal error of the connector process")
        engine.answered(number, answer)

    async def close(self) -> None:
        """Give up all calls; the engines ask again elsewhere."""
        tasks = list(self._tasks)
        if self._looking is not None:
            tasks.append(self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for engine in self._engines.values():
            await engine.close()


def _nobody(engine: RemoteEngine, name: str) -> None:
    """Nobody wants to know."""
