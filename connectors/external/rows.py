"""Messages of external streams as rows of JSON, with what comes beside their values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec

from connectors.formats import decoders
from connectors.formats.contract import Decoder, Format, FormatContext, RegistryAddress
from engine.errors import UserError
from engine.external_objects import (
    HEADERS,
    KEY,
    OFFSET,
    PARTITION,
    TIME,
    TYPED_FORMATS,
    External,
)

# Formats of values by the setting data_format in small letters.
JSON: Final = "jsoneachrow"
RAW: Final = "rawblob"
_CSV: Final = "csv"
# As the dialect has them.
FORMATS: Final = ("JSONEachRow", "RawBLOB", "CSV", "Avro", "ProtobufSingle")
# Columns that are not filled from the value.
_BESIDE: Final = frozenset((TIME, KEY, HEADERS, OFFSET, PARTITION))
# A number below it is not taken for milliseconds by whoever stores the row.
_MILLISECONDS_MIN: Final = 10**11
# Messages that are written at a time, so that the loop is not held.
WRITTEN_MAX: Final = 500

# Between two objects of a message; in a text it costs time, and changes nothing.
_BETWEEN: Final = re.compile(rb"}[ \t\r]*{")

_encode = msgspec.json.Encoder().encode
_rows_of_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_rows_of_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines


class Event(NamedTuple):
    """A message. `time_ms`: when it was made; `partition` and `offset`: its place."""

    value: bytes | None
    time_ms: int
    partition: int
    offset: int
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Messages as JSON; those that cannot be are as they came, and `refused` says by their index
    why. `places`: of each which event it was."""

    messages: list[bytes]
    refused: Mapping[int, str] = field(default_factory=dict[int, str])
    places: list[int] = field(default_factory=list[int])


class Values(Protocol):
    """What makes JSON objects of values."""

    async def decode(self, messages: Sequence[bytes]) -> decoders.Decoded:
        """See `connectors.formats.contract.Decoder`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


def format_of(external: External) -> str:
    """The format of an external stream's values: as it says, else by its columns: a single one of
    type string has the message. UserError for one that is not known."""
    given = external.settings.get("data_format", "").lower()
    if not given:
        own = [column for column in external.columns if column.name not in _BESIDE]
        alone = len(own) == 1 and own[0].type in ("string", "nullable(string)")
        return RAW if alone else JSON
    if given in ("raw", "text"):
        return RAW
    if given not in (JSON, RAW, _CSV, *TYPED_FORMATS):
        raise UserError(
            f"The data_format {given[:60]!r} of {external.name} is not known; known: "
            f"{', '.join(FORMATS)}.",
            400,
            "orbit",
        )
    return given


def binary(external: External, format_: str) -> Format:
    """Such a format, with where its schemas are."""
    settings = external.settings
    url = settings.get("kafka_schema_registry_url", "")
    key, _, secret = settings.get("kafka_schema_registry_credentials", "").partition(":")
    verify = settings.get("skip_ssl_cert_check", "").lower() not in ("true", "1")
    registry = RegistryAddress(url, key, secret, settings.get("ssl_ca_pem", ""), verify)
    return Format(
        TYPED_FORMATS[format_],  # type: ignore[arg-type]
        registry if url else None,
        external.schema,
        external.message,
    )


class EventWriter:
    """Writes the messages of one reader. For one loop and one task at a time; UserError for a
    format that cannot be."""

    def __init__(self, external: External, context: FormatContext) -> None:
        format_ = format_of(external)
        columns = [column.name for column in external.columns if column.name not in _BESIDE]
        self._values: Values
        if format_ == RAW:
            self._values = _Raw(columns[0])
        elif format_ == _CSV:
            self._values = _Csv(columns)
        elif format_ in TYPED_FORMATS:
            self._values = _decoder(binary(external, format_), context)
        else:
            self._values = _Json()

    async def write(self, events: Sequence[Event]) -> Written:
        """All of them, in order; those without a value are left out: they mark what is gone."""
        places = [at for at, event in enumerate(events) if event.value is not None]
        values = [events[at].value or b"" for at in places]
        decoded = await self._values.decode(values)
        messages: list[bytes] = []
        refused = dict(decoded.refused)
        for begin in range(0, len(places), WRITTEN_MAX):
            for at in range(begin, min(begin + WRITTEN_MAX, len(places))):
                value = decoded.messages[at]
                if at not in refused:
                    try:
                        value = _beside(value, events[places[at]])
                    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                        refused[at] = f"not a valid JSON object: {error}"
                messages.append(value)
            if begin + WRITTEN_MAX < len(places):
                await asyncio.sleep(0)
        return Written(messages, refused, places)

    async def close(self) -> None:
        """Give back connections."""
        await self._values.close()


def _decoder(format_: Format, context: FormatContext) -> Decoder:
    return decoders.decoder(format_, context)


def _beside(value: bytes, event: Event) -> bytes:
    """The rows of a message with what comes beside it; last, as the last of two equal keys counts.

    msgspec.DecodeError for a value that is neither an object nor some of them, RecursionError for
    one that nests too deep.
    """
    text = value.strip()
    beside = _beside_text(event)
    plain = text[:1] == b"{" and text[-1:] == b"}" and b"\n" not in text
    if plain and _BETWEEN.search(text) is None:
        return _joined(text, beside)
    rows: Iterable[msgspec.Raw]
    rows = _rows_of_array(text) if text[:1] == b"[" else _rows_of_lines(text)
    parts = [bytes(row).strip() for row in rows]
    if not parts or not all(part[:1] == b"{" for part in parts):
        raise msgspec.DecodeError(f"expected an object, found {text[:40]!r}")
    if len(parts) == 1:
        return _joined(parts[0], beside)
    return b"[" + b",".join(_joined(part, beside) for part in parts) + b"]"


def _joined(row: bytes, beside: bytes) -> bytes:
    inside = row[:-1].rstrip()
    return inside + (b"" if inside == b"{" else b",") + beside


def _beside_text(event: Event) -> bytes:
    time = event.time_ms
    shown = b"%d" % time if time >= _MILLISECONDS_MIN else _encode(_seconds(time))
    parts = b'"%b":%b,"%b":%d,"%b":%d' % (
        TIME.encode(),
        shown,
        OFFSET.encode(),
        event.offset,
        PARTITION.encode(),
        event.partition,
    )
    if event.key is not None:
        parts += b',"%b":%b' % (KEY.encode(), _encode(event.key.decode(errors="replace")))
    if event.headers:
        texts = {name: value.decode(errors="replace") for name, value in event.headers}
        parts += b',"%b":%b' % (HEADERS.encode(), _encode(texts))
    return parts + b"}"


def _seconds(time_ms: int) -> str:
    """A time before 1973, as text of seconds since the epoch."""
    return f"{max(time_ms, 0) / 1000:.3f}"


class _Json:
    """Values that are objects."""

    async def decode(self, messages: Sequence[bytes]) -> decoders.Decoded:
        """As they are."""
        return decoders.Decoded(list(messages))

    async def close(self) -> None:
        """Nothing is open."""


class _Raw:
    """Values that fill one column."""

    def __init__(self, column: str) -> None:
        self._before = b"{" + _encode(column) + b":"

    async def decode(self, messages: Sequence[bytes]) -> decoders.Decoded:
        """Objects with that key."""
        made: list[bytes] = []
        refused: dict[int, str] = {}
        for at, message in enumerate(messages):
            try:
                made.append(self._before + _encode(message.decode()) + b"}")
            except UnicodeDecodeError:
                made.append(message)
                refused[at] = "it is no UTF-8 text"
        return decoders.Decoded(made, refused)

    async def close(self) -> None:
        """Nothing is open."""


class _Csv:
    """Values that are lines with commas, whose cells are those of the columns in order."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    async def decode(self, messages: Sequence[bytes]) -> decoders.Decoded:
        """An object for a line, an array of them for several."""
        import csv

        made: list[bytes] = []
        refused: dict[int, str] = {}
        for at, message in enumerate(messages):
            try:
                lines = list(csv.reader(message.decode().splitlines(), strict=True))
                rows = [self._row(cells) for cells in lines if cells]
            except (UnicodeDecodeError, csv.Error, ValueError) as error:
                made.append(message)
                refused[at] = f"no CSV of these columns: {error}"
                continue
            made.append(_encode(rows[0] if len(rows) == 1 else rows))
        return decoders.Decoded(made, refused)

    def _row(self, cells: Sequence[str]) -> dict[str, str]:
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} cells for {len(self._columns)} columns")
        return dict(zip(self._columns, cells, strict=True))

    async def close(self) -> None:
        """Nothing is open."""
