"""Writes the rows of a materialized view into an external object, at least once, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from connectors.backoff import Backoff
from connectors.contract import SinkDefinition
from connectors.external import registry
from connectors.key_ring import KeyRing
from connectors.sink_contract import SinkSpec
from connectors.sink_runner import SinkRunner
from connectors.supervised import sentence
from connectors.surroundings import Surroundings
from engine.errors import TailraceError
from engine.external_objects import VIEW, External, ExternalState, ViewWriter
from engine.protocol import ResultColumn

# How long the keys that open secrets may take to be handed over.
KEYS_SECONDS: Final = 10.0

Report = Callable[[ExternalState], Awaitable[None]]


class _ViewSink(SinkDefinition, frozen=True):
    """A materialized view as a sink: what is read are its own rows."""

    @property
    def owner(self) -> str:
        """Whose rows and position they are."""
        return f"{VIEW}:{self.id}"


class _NoProperties(msgspec.Struct, frozen=True):
    """The definition says everything."""


class _Writing(SinkRunner):
    """The sink, which says what keeps it from writing."""

    said: Callable[[str], None]

    def _trouble(self, message: str) -> None:
        super()._trouble(message)
        self.said(message)

    def _recovered(self) -> None:
        super()._recovered()
        self.said("")


class ViewRunner:
    """Runs until it is stopped; whatever fails is tried again. See `connectors.sink_runner`."""

    def __init__(
        self, work: ViewWriter, surroundings: Surroundings, ring: KeyRing, report: Report
    ) -> None:
        self._work = work
        self._around = surroundings
        self._ring = ring
        self._report = report
        self._said = ""
        self._changed = asyncio.Event()
        self._sink: _Writing | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to write; call once."""
        self._tasks = [asyncio.create_task(self._begin()), asyncio.create_task(self._tell())]

    async def stop(self) -> None:
        """Finish what is on its way, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sink is not None:
            await self._sink.stop()

    async def _begin(self) -> None:
        backoff = Backoff(self._around.clock.seed())
        while True:
            try:
                async with asyncio.timeout(KEYS_SECONDS):
                    external = await registry.opened(self._work.external, self._ring)
                spec = registry.spec_of(external)
                spec.check(external)
                self._sink = self._made(external)
            except TimeoutError:
                self._say("The keys that open its secrets are not here yet.")
            except TailraceError as error:
                self._say(sentence(error))
            else:
                self._sink.said = self._say
                self._sink.start()
                return
            await self._around.sleep(backoff.next())

    def _made(self, external: External) -> _Writing:
        spec = registry.spec_of(external)
        columns = tuple(ResultColumn(c.name, c.type) for c in self._work.columns)
        definition = _ViewSink(
            self._work.owner.partition(":")[2], "", self._work.name, external.type, header=columns
        )
        sink = SinkSpec(
            name=external.type,
            title=external.type,
            summary="",
            guarantee="at least once",
            icon="",
            config=_NoProperties,
            create=lambda _, context: spec.writer(external, context),
            delivery=lambda _, __: spec.delivery(external),
        )
        return _Writing(definition, self._around, spec=sink)

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._changed.set()

    async def _tell(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(TailraceError):  # the engine is away, and asks again
                await self._report(ExternalState(self._work.owner, True, self._said))
