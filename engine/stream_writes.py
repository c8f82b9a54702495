"""INSERT into external streams: the rows as the connector process is given them, and its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine import duck
from engine.batch import Batch
from engine.calls import CALL_BYTES_MAX, Answer, Request
from engine.clock import Clock
from engine.encode import JsonEncoder, encode_values
from engine.errors import Code, UserError
from engine.external_objects import External, ExternalColumn, StreamRows
from engine.protocol import Definition
from engine.sql.definitions import stored_columns, stored_schema
from engine.sql.external_streams import as_target
from engine.storage import Storage
from engine.targets import Target

# How long the broker may take for one piece of an INSERT, connecting included.
WRITE_MS_MAX: Final = 30_000
# Rows that are encoded at once, so that a piece stays below the bound of a call.
PIECE_ROWS: Final = 2_000


class Desk(Protocol):
    """Who carries calls out (`engine.desk.CallDesk`)."""

    async def call(self, request: Request) -> Answer:
        """The answer of a call."""
        ...


class StreamWrites:
    """For the loop's thread."""

    def __init__(self, desk: Desk, storage: Storage, clock: Clock) -> None:
        self._desk = desk
        self._storage = storage
        self._clock = clock

    async def insert(
        self, definition: Definition, external: External, rows: pa.Table, id_: str
    ) -> None:
        """Write the rows; on return the broker has them. UserError: then some may have arrived.
        `id_`: of the INSERT, if it has one: of it the ids of the messages are made."""
        if not rows.num_rows:
            return
        id_ = id_ or self._clock.uuid4()
        now = self._clock.now_ms()
        folds = external.is_typed()
        columns, pieces = await asyncio.to_thread(self._pieces, definition, rows, now, folds)
        done = 0
        for count, payload in pieces:
            body = msgspec.msgpack.encode(StreamRows(columns, payload, id_, done))
            asked = Request(
                "stream", definition.name, "write", body, WRITE_MS_MAX, external=external
            )
            answer = await self._desk.call(asked)
            if answer.failure:
                before = f" {done} rows were written before." if done else ""
                raise UserError(f"{answer.failure}{before}", answer.code or Code.NETWORK_ERROR)
            done += count
            self._storage.count_written(definition.id, count, len(payload))

    def _pieces(
        self, definition: Definition, rows: pa.Table, now_ms: int, folds: bool
    ) -> tuple[tuple[ExternalColumn, ...], list[tuple[int, bytes]]]:
        stream = as_target(definition, rows.schema.names)
        names = tuple(rows.schema.names)
        target = Target("", stored_schema(stream), names, duck.Session, self._clock.seed())
        columns = [c for c in stored_columns(stream) if c.name in {d.name for d in stream.columns}]
        encoder = JsonEncoder([(c.name, c.type) for c in columns], folds=folds)
        found: list[tuple[int, bytes]] = []
        with contextlib.closing(target):
            for batch in rows.combine_chunks().to_batches(max_chunksize=PIECE_ROWS):
                made = target.append(Batch(batch, now_ms), now_ms).rows
                values = encoder.values(made.select([c.name for c in columns]))
                found += _cut(values)
        return tuple(ExternalColumn(c.name, str(c.type)) for c in columns), found


def _cut(values: Sequence[tuple[object, ...]]) -> Iterator[tuple[int, bytes]]:
    """Rows in pieces that a call takes, unless a single row is larger."""
    payload = encode_values(list(values))
    if len(payload) <= CALL_BYTES_MAX or len(values) == 1:
        yield len(values), payload
        return
    half = len(values) // 2
    yield from _cut(values[:half])
    yield from _cut(values[half:])
