"""Rows that are written into external streams: the value of a message, and its key and headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from connectors.external.rows import JSON, RAW, binary, format_of
from connectors.formats import encoders
from connectors.formats.contract import Encoder, FormatContext, Undecodable
from connectors.row_json import ObjectWriter
from connectors.sink_contract import Refusal, SinkRow, Unfit
from engine.errors import UserError
from engine.external_objects import HEADERS, KEY, OFFSET, PARTITION, TIME, External
from engine.protocol import ResultColumn

_cells = msgspec.json.Decoder(str | int | float | bool | None).decode
_texts = msgspec.json.Decoder(dict[str, str]).decode


class Message(NamedTuple):
    """What becomes of a row."""

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class RowWriter:
    """Writes rows with these columns. UserError for a format that is not written, or for columns
    that do not fit it. `topic`: what a schema is registered for."""

    def __init__(
        self,
        external: External,
        columns: Sequence[ResultColumn],
        topic: str,
        context: FormatContext,
    ) -> None:
        self._format = format_of(external)
        names = [column.name for column in columns]
        beside = (TIME, KEY, HEADERS, OFFSET, PARTITION)
        self._own = [at for at, name in enumerate(names) if name not in beside]
        self._key = names.index(KEY) if KEY in names else -1
        self._headers = names.index(HEADERS) if HEADERS in names else -1
        own = [columns[at] for at in self._own]
        self._objects = ObjectWriter(own)
        self._encoder: Encoder | None = None
        if external.is_typed():
            self._encoder = encoders.encoder(
                binary(external, self._format), own, topic, context, use_latest=False
            )
        if self._format == RAW and len(self._own) != 1:
            raise UserError(
                f"{external.name} has messages of one column; {len(self._own)} are given.",
                400,
                "orbit",
            )

    async def connect(self) -> None:
        """Find or register the schema, if the format has one; UserError."""
        if self._encoder is not None:
            await self._encoder.connect()

    async def close(self) -> None:
        """Give back connections."""
        if self._encoder is not None:
            await self._encoder.close()

    def message(self, row: SinkRow) -> Message:
        """What a row becomes; Unfit for one that the format cannot say."""
        values = [row.values[at] for at in self._own]
        key = None if self._key < 0 else _cells(row.values[self._key])
        headers: tuple[tuple[str, bytes], ...] = ()
        if self._headers >= 0:
            given = _texts(row.values[self._headers])
            headers = tuple((name, text.encode()) for name, text in given.items())
        return Message(self._value(values), None if key is None else str(key).encode(), headers)

    def _value(self, values: Sequence[msgspec.Raw]) -> bytes:
        if self._encoder is not None:
            try:
                return self._encoder.encode(values)
            except Undecodable as error:
                raise Unfit(error.message) from None
        if self._format == JSON:
            return self._objects.write(values)
        if self._format == RAW:
            return _text(values[0]).encode()
        return ",".join(_cell(_text(value)) for value in values).encode()

    def messages(self, rows: Sequence[SinkRow]) -> tuple[list[Refusal], list[tuple[int, Message]]]:
        """Rows that the format cannot say; the messages of the others, with their indices."""
        refused: list[Refusal] = []
        made: list[tuple[int, Message]] = []
        for index, row in enumerate(rows):
            try:
                made.append((index, self.message(row)))
            except Unfit as error:
                refused.append(Refusal(index, error.message))
        return refused, made


def _text(value: msgspec.Raw) -> str:
    """A value as text: a string as it is, anything else as JSON has it."""
    raw = bytes(value)
    if raw[:1] == b'"':
        return str(_cells(raw))
    return "" if raw == b"null" else raw.decode()


def _cell(text: str) -> str:
    """As CSV has it: in quotes when it would not be read back without."""
    if any(sign in text for sign in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
