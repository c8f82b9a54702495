"""Writes the rows of a materialized view into an external table, as a sink that the runner drives.

A batch is one transaction. One that comes again after a lost answer writes nothing twice where the
table has a primary key or a unique index (rows that are there already are left out), or keeps
deduplication tokens (ClickHouse).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from connectors.external.contract import ExternalSpec
from connectors.external.tables_contract import (
    TableClient,
    TableError,
    TextRows,
    connections,
    host_and_port,
)
from connectors.sink_contract import Delivery, NotDelivered, Refusal, SinkContext, SinkRow, Unfit
from engine.errors import UserError
from engine.external_objects import External

BATCH_ROWS: Final = 1_000
_TIME: Final = re.compile(r"^(?:nullable\()?datetime")
_plain = msgspec.json.Decoder().decode
_write = msgspec.json.Encoder().encode


class MakeClient(Protocol):
    """Makes the client of a table."""

    def __call__(self, external: External, *, private: bool) -> TableClient:
        """Nobody is connected to; TableError for settings that cannot be."""
        ...


def table_spec(type_: str, client: MakeClient) -> ExternalSpec:
    """What writes tables of a type; they are read by `tables.Tables`."""

    def writer(external: External, context: SinkContext) -> TableWriter:
        return TableWriter(external, context, client)

    return ExternalSpec(type_, "external_table", _check, writer, _delivery)


def _check(external: External) -> None:
    try:
        connections(external)
        host_and_port(external, 1)
    except TableError as error:
        raise UserError(f"External table {external.name}: {error.why}.", 400, "orbit") from None


def _delivery(external: External) -> Delivery:
    # The same batches again: deduplication tokens name them.
    return Delivery(rows=BATCH_ROWS, exact=True)


class TableWriter:
    """See `connectors.sink_contract.Sink`. Times come in UTC, whatever the zone of their column."""

    def __init__(self, external: External, context: SinkContext, client: MakeClient) -> None:
        self._external = external
        self._context = context
        self._make = client
        self._columns = tuple(column.name for column in context.columns)
        self._times = [bool(_TIME.match(column.type)) for column in context.columns]
        self._client: TableClient | None = None

    async def connect(self) -> None:
        """Find the table, with all columns of the rows."""
        name = self._external.name
        try:
            self._client = self._make(self._external, private=self._context.private)
            there = {column.name for column in await self._client.columns()}
        except TableError as error:
            raise NotDelivered(f"External table {name}: {error.why}.") from None
        missing = [column for column in self._columns if column not in there]
        if missing:
            raise NotDelivered(
                f"External table {name}: the table has no column {missing[0]}, which the view "
                "writes; add it there, or leave it out of the view's query."
            )

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Write them in one transaction."""
        assert self._client is not None, "connect came first"
        texts = [
            [_text(value) for _, value in zip(self._columns, row.values, strict=False)]
            for row in rows
        ]
        # Times say that they are UTC; the rest is passed on as it is.
        json = [
            [
                _write(f"{text}Z") if is_time and text is not None else bytes(value)
                for is_time, text, value in zip(self._times, made, row.values, strict=False)
            ]
            for row, made in zip(rows, texts, strict=True)
        ]
        token = f"{rows[0].event_id} {rows[-1].event_id}"
        try:
            await self._client.write(TextRows(self._columns, texts, json), token)
        except TableError as error:
            message = f"External table {self._external.name}: {error.why}."
            if error.data:
                raise Unfit(message) from None
            raise NotDelivered(message) from None
        return ()

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()


def _text(value: msgspec.Raw) -> str | None:
    """A JSON value as the text that databases read; None for null."""
    raw = bytes(value)
    if raw == b"null":
        return None
    return str(_plain(raw)) if raw[:1] == b'"' else raw.decode()
