"""Rows of an INSERT into an external stream: written now, or answered with why not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.backoff import Backoff
from connectors.external import registry
from connectors.external.contract import ExternalSpec
from connectors.key_ring import KeyRing
from connectors.row_json import decode_rows
from connectors.sink_contract import (
    NotDelivered,
    Refusal,
    Sink,
    SinkContext,
    SinkRow,
    Unfit,
    Writer,
)
from connectors.supervised import sentence
from connectors.surroundings import Surroundings
from engine.calls import Answer, Request, refused
from engine.errors import EngineUnavailable, TailraceError
from engine.external_objects import External, StreamRows
from engine.protocol import Position, ResultColumn

RETRY_FIRST_SECONDS: Final = 0.2
RETRY_LAST_SECONDS: Final = 2.0

_decode = msgspec.msgpack.Decoder(StreamRows).decode


class StreamInserts:
    """Answers calls of kind "stream"; each has a connection of its own. For one loop."""

    def __init__(self, surroundings: Surroundings, ring: KeyRing) -> None:
        self._around = surroundings
        self._ring = ring

    async def call(self, request: Request) -> Answer:
        """Empty once the remote system has the rows; else why not after the attempts that the
        deadline has room for. Rows may have arrived then."""
        last = ""
        seconds = request.timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                backoff = Backoff(
                    self._around.clock.seed(), RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS
                )
                while True:
                    try:
                        return await self._attempt(request)
                    except (NotDelivered, OSError) as error:
                        last = _why(error)
                    await self._around.sleep(backoff.next())
        except TimeoutError:
            reason = f": {last.rstrip('.')}" if last else ""
            return refused(request, f"the rows were not taken within {seconds:g} s{reason}")

    async def _attempt(self, request: Request) -> Answer:
        assert request.external is not None, "a call about an external stream"
        given = _decode(request.body)
        try:
            external = await registry.opened(request.external, self._ring)
            spec = registry.spec_of(external)
            spec.check(external)
            sink = spec.writer(external, self._context(given))
        except TailraceError as error:
            return refused(request, error.message.rstrip("."))
        try:
            await _connected(sink)
            why = await self._deliver(external, spec, sink, given)
        finally:
            await sink.close()
        return Answer() if not why else refused(request, why.rstrip("."))

    def _context(self, given: StreamRows) -> SinkContext:
        columns = tuple(ResultColumn(c.name, c.type) for c in given.columns)
        around = self._around
        return SinkContext(
            given.id, around.clock, around.sleep, columns, _no_engine, around.private
        )

    async def _deliver(
        self, external: External, spec: ExternalSpec, sink: Sink, given: StreamRows
    ) -> str:
        """Why a row can never be written; '' = all are."""
        rows = [
            SinkRow(f"{given.id}-{at}", Position(0, at), values)
            for at, values in enumerate(decode_rows(given.payload), given.first)
        ]
        size = spec.delivery(external).rows
        for begin in range(0, len(rows), size):
            refusals: Sequence[Refusal]
            try:
                refusals = await sink.deliver(rows[begin : begin + size])
            except Unfit as error:
                return error.message
            if refusals:
                return f"row {begin + refusals[0].index + given.first}: {refusals[0].message}"
        return ""


async def _connected(sink: Sink) -> None:
    try:
        await sink.connect()
    except TailraceError as error:
        raise NotDelivered(error.message) from None


def _why(error: Exception) -> str:
    return error.message if isinstance(error, NotDelivered) else sentence(error)


async def _no_engine() -> Writer:
    raise EngineUnavailable("An INSERT has no engine of its own.")
