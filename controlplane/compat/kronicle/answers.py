"""Answers of the Kronicle API: channels in both vocabularies, rows in pieces as they come."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from controlplane.problems import Problem
from engine.protocol import QueryOpened, Rows
from engine.timeseries.kronicle_messages import ChannelInfo, Done, Listed, Note, Output, Reading

# What one answer in columns may hold: all of it waits until the last row is there.
COLUMNS_BYTES_MAX: Final = 64 << 20
# Rows that are shown, and parts of a column that are joined, in one turn of the loop: some
# milliseconds. A batch of the engine has half a megabyte.
TURN_ROWS: Final = 1_000
TURN_PARTS: Final = 64
TOO_LARGE: Final = Problem(
    413,
    f"An answer in columns holds at most {COLUMNS_BYTES_MAX >> 20} MiB: ask for fewer rows (limit, "
    "from_date), fewer columns, or for /rows, which come in pieces.",
)
_EMPTY: Final = b"{}"
_ZERO_MICROSECONDS: Final = ".000000"
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_encode: Final = msgspec.json.Encoder().encode
_decode_rows: Final = msgspec.json.Decoder(list[list[Any]]).decode
_decode_any: Final = msgspec.json.Decoder().decode

Items = AsyncGenerator[QueryOpened | Rows]


class Shown(msgspec.Struct, frozen=True):
    """What of an answer is the same for each: the instant at which it was made."""

    now_ms: int

    def done(self, done: Done) -> bytes:
        """A channel after a change, or as it is."""
        details = self._details(done.channel, 0, done.notes)
        if done.inserted_rows:
            details["inserted_rows"] = done.inserted_rows
        if done.bad_rows:
            details["rows"] = done.bad_rows
        status = _status(bool(done.bad_rows or done.notes))
        return _encode({**_fields(done.channel), "op_status": status, "op_details": details})

    def listed(self, listed: Listed) -> bytes:
        """Channels of a page, without the brackets of the list."""
        return _encode([self._plain(channel) for channel in listed.channels])[1:-1]

    def _plain(self, channel: ChannelInfo) -> dict[str, Any]:
        details = self._details(channel, 0, ())
        return {**_fields(channel), "op_status": "success", "op_details": details}

    async def rows(self, reading: Reading, items: Items) -> AsyncGenerator[bytes]:
        """A channel with its rows, piece by piece; the first comes when there is a first row."""
        head = {**_fields(reading.channel), "op_status": _status(bool(reading.notes))}
        before = _encode(head)[:-1] + b',"rows":['
        names = [output.name for output in reading.outputs]
        count = 0
        async with aclosing(_columns(reading.outputs, items)) as batches:
            async for columns in batches:
                rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
                yield before + _encode(rows)[1:-1]
                before = b","
                count += len(rows)
        details = _encode(self._details(reading.channel, count, reading.notes))
        yield (b"]" if count else _encode(head)[:-1]) + b',"op_details":' + details + b"}"

    async def columns(self, reading: Reading, items: Items) -> AsyncGenerator[bytes]:
        """A channel with its rows as columns."""
        parts: list[list[bytes]] = [[] for _ in reading.outputs]
        count = size = 0
        async for columns in _columns(reading.outputs, items):
            for values, held in zip(columns, parts, strict=True):
                held.append(_encode(values)[1:-1])
                size += len(held[-1])
            if size > COLUMNS_BYTES_MAX:
                raise TOO_LARGE
            count += len(columns[0])
        head = {**_fields(reading.channel), "op_status": _status(bool(reading.notes))}
        yield _encode(head)[:-1] + b',"columns":{'
        for at, (output, held) in enumerate(zip(reading.outputs, parts, strict=True)):
            yield (b"," if at else b"") + _encode(output.name) + b":["
            for first in range(0, len(held), TURN_PARTS):
                yield (b"," if first else b"") + b",".join(held[first : first + TURN_PARTS])
                await asyncio.sleep(0)
            yield b"]"
        details = _encode(self._details(reading.channel, count, reading.notes))
        yield b'},"op_details":' + details + b"}"

    def _details(
        self, channel: ChannelInfo, provided: int, notes: Iterable[Note]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "issued_at": (_EPOCH + datetime.timedelta(milliseconds=self.now_ms)).isoformat(),
            "available_rows": channel.available_rows,
            "provided_rows": provided,
        }
        shown = [
            {"message": n.message, "field": n.field, "subfield": n.subfield, "extra": n.extra}
            for n in notes
        ]
        return {**found, "details": shown} if shown else found


def _status(warning: bool) -> str:
    return "warning" if warning else "success"


def _fields(channel: ChannelInfo) -> dict[str, Any]:
    """A channel in the words of every generation of clients; what is empty is left out."""
    found: dict[str, Any] = {
        "sensor_id": channel.id,
        "channel_id": channel.id,
        "sensor_schema": channel.schema,
        "channel_schema": channel.schema,
    }
    if channel.name:
        found |= {name: channel.name for name in ("name", "channel_name", "sensor_name")}
    for name, text in (("metadata", channel.metadata), ("tags", channel.tags)):
        if text != _EMPTY:
            found[name] = msgspec.Raw(text)
    found["available_rows"] = channel.available_rows
    return found


async def _columns(outputs: Sequence[Output], items: Items) -> AsyncGenerator[list[Sequence[Any]]]:
    """The values by column, as they are shown, of so many rows as one turn of the loop takes."""
    shown = [_SHOWN.get(output.kind) for output in outputs]
    async with aclosing(items):
        async for item in items:
            rows = _decode_rows(item.payload) if isinstance(item, Rows) else []
            for first in range(0, len(rows), TURN_ROWS):
                await asyncio.sleep(0)  # others have their turn
                columns = zip(*rows[first : first + TURN_ROWS], strict=True)
                yield [
                    values if show is None else [show(value) for value in values]
                    for show, values in zip(shown, columns, strict=True)
                ]


def _time(text: str | None) -> str | None:
    """`2025-01-10 00:00:00.000000` as ISO has it, with its zone."""
    if text is None:
        return None
    return f"{text.replace(' ', 'T', 1).removesuffix(_ZERO_MICROSECONDS)}+00:00"


def _json(text: str | None) -> Any:
    """The value of a dict or list; a text that is none, which SQL may have stored, as it is."""
    if text is None:
        return None
    try:
        return _decode_any(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text


_SHOWN: Final[dict[str, Callable[[str | None], Any]]] = {"time": _time, "json": _json}
