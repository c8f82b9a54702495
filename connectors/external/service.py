"""Reads and writes external streams for the engines: what each says is to be done is done."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from connectors.external.reader_runner import ReaderRunner
from connectors.external.view_runner import ViewRunner
from connectors.key_ring import KeyRing
from connectors.surroundings import Surroundings
from engine.errors import EngineUnavailable, TailraceError
from engine.external_objects import ExternalState, ExternalWork, Reader, ViewWriter
from engine.remote import RemoteEngine

log = logging.getLogger("tailrace.connectors")

_Runner = ReaderRunner | ViewRunner


class ExternalService:
    """For one loop. `attach` is called with each connection to an engine; what is done for it ends
    with it, and is begun again by the next one from what is stored."""

    def __init__(self, surroundings: Surroundings, ring: KeyRing) -> None:
        self._around = surroundings
        self._ring = ring
        self._serving: set[asyncio.Task[None]] = set()

    def attach(self, engine: RemoteEngine, name: str) -> None:
        """Serve an engine until the connection is lost. `name`: of its socket."""
        task = asyncio.create_task(self._serve(engine, name))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, engine: RemoteEngine, name: str) -> None:
        async def of_engine(_: str) -> Any:
            if engine.closed.is_set():
                raise EngineUnavailable("The engine is away.")
            return engine

        around = dataclasses.replace(self._around, engine=of_engine)

        def made(work: Reader | ViewWriter) -> _Runner:
            external = msgspec.structs.replace(work.external, engine=name)
            own = msgspec.structs.replace(work, external=external)
            return self._made(own, around, engine)

        running = _Runners(made)
        try:
            async for work in engine.watch_external():
                await running.now(work)
        except TailraceError as error:
            log.warning("external streams are not served: %s", error.message)
        finally:
            await running.now(ExternalWork())

    def _made(
        self, work: Reader | ViewWriter, around: Surroundings, engine: RemoteEngine
    ) -> _Runner:
        async def report(state: ExternalState) -> None:
            await engine.report_external(state)

        if isinstance(work, Reader):
            return ReaderRunner(work, around, self._ring, report)
        return ViewRunner(work, around, self._ring, report)

    async def close(self) -> None:
        """Stop all of them."""
        tasks = list(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Runners:
    """What runs for one engine, by owner."""

    def __init__(self, make: Callable[[Reader | ViewWriter], _Runner]) -> None:
        self._make = make
        self._running: dict[str, tuple[Reader | ViewWriter, _Runner]] = {}

    async def now(self, work: ExternalWork) -> None:
        """Exactly these run: others end, those that are defined otherwise begin anew."""
        wanted: dict[str, Reader | ViewWriter] = {
            each.owner: each for each in (*work.readers, *work.writers)
        }
        gone = [o for o, (was, _) in self._running.items() if not _is_same(was, wanted.get(o))]
        await _stop(self._running.pop(owner)[1] for owner in gone)
        for owner, each in wanted.items():
            known = self._running.get(owner)
            runner = self._make(each) if known is None else known[1]
            self._running[owner] = (each, runner)
            if known is None:
                runner.start()


def _is_same(was: Reader | ViewWriter, now: Reader | ViewWriter | None) -> bool:
    """Whether it goes on: also when it needs no leave to skip any more."""
    if isinstance(was, Reader) and isinstance(now, Reader) and not now.skip_to:
        was = msgspec.structs.replace(was, skip_to="")
    return was == now


async def _stop(runners: Iterable[_Runner]) -> None:
    with contextlib.suppress(TailraceError):
        await asyncio.gather(*(runner.stop() for runner in runners))
