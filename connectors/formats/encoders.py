"""The encoder of a format: rows as JSON, or by a schema of the workspace or of a registry."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import msgspec

from connectors.formats import framing
from connectors.formats.contract import Encoder, Format, FormatContext, Undecodable
from connectors.formats.decoders import check
from connectors.formats.registry import Registered, SchemaRegistry
from connectors.row_json import ObjectWriter
from engine.errors import UserError
from engine.external_objects import TYPED_FORMATS
from engine.protocol import ResultColumn

# Formats with types of their own, which have instants where rows have texts.
TYPED: Final = frozenset(TYPED_FORMATS.values())


def encoder(
    format_: Format,
    columns: Sequence[ResultColumn],
    topic: str,
    context: FormatContext,
    *,
    use_latest: bool = False,
) -> Encoder:
    """No I/O. UserError (400, orbit) for columns that the format has no name for.

    With a registry the schema is that of the subject `<topic>-value`: its newest one when
    `use_latest`, else one that the columns make, which is registered.
    """
    if format_.name not in TYPED:
        return _Json(columns)
    check(format_)
    name = re.sub(r"[^A-Za-z0-9_]", "_", topic)
    name = name if name[:1].isalpha() else f"t_{name}"
    if format_.registry is None:
        return _BySchema(format_, columns)
    own = _own_schema(format_.name, columns, name)
    registry = SchemaRegistry(format_.registry, context)
    return _ByRegistry(format_, columns, f"{topic}-value", registry, "" if use_latest else own)


def _own_schema(format_: str, columns: Sequence[ResultColumn], name: str) -> str:
    module = "avro_rows" if format_ == "avro" else "protobuf_rows"
    return import_module(f"connectors.formats.{module}").schema_of(columns, name)


class _Json:
    """The row as an object."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self._objects = ObjectWriter(columns)

    async def connect(self) -> None:
        """There is nobody to ask."""

    def encode(self, values: Sequence[msgspec.Raw]) -> bytes:
        """See Encoder."""
        return self._objects.write(values)

    async def close(self) -> None:
        """Nothing is open."""


class _BySchema:
    """One Protobuf message of one text, without a header."""

    def __init__(self, format_: Format, columns: Sequence[ResultColumn]) -> None:
        self._format = format_
        self._columns = columns
        self._rows: Any = None

    async def connect(self) -> None:
        """See Encoder."""
        self._rows, _ = await asyncio.to_thread(
            _protobuf, self._format.schema, {}, self._format.message, self._columns
        )

    def encode(self, values: Sequence[msgspec.Raw]) -> bytes:
        """See Encoder."""
        return self._rows.write(values)

    async def close(self) -> None:
        """Nothing is open."""


class _ByRegistry:
    """Avro and Protobuf with the id of the schema before the data."""

    def __init__(
        self,
        format_: Format,
        columns: Sequence[ResultColumn],
        subject: str,
        registry: SchemaRegistry,
        own: str,
    ) -> None:
        """`own`: the schema that is registered; empty to take the newest that is there."""
        self._format = format_
        self._columns = columns
        self._subject = subject
        self._registry = registry
        self._own = own
        self._head = b""
        self._rows: Any = None

    async def connect(self) -> None:
        """See Encoder."""
        try:
            schema = await self._schema()
        except Undecodable as error:
            raise _sentence(error) from None
        if self._format.name == "avro":
            rows = import_module("connectors.formats.avro_rows").AvroRows
            self._rows = await asyncio.to_thread(
                rows, schema.text, self._columns, dict(schema.references)
            )
            self._head = framing.header(schema.id)
            return
        message = "" if self._own else self._format.message
        self._rows, place = await asyncio.to_thread(
            _protobuf, schema.text, dict(schema.references), message, self._columns
        )
        self._head = framing.header(schema.id) + framing.written(place)

    def encode(self, values: Sequence[msgspec.Raw]) -> bytes:
        """See Encoder."""
        return self._head + self._rows.write(values)

    async def close(self) -> None:
        """Close what leads to the registry."""
        await self._registry.close()

    async def _schema(self) -> Registered:
        type_ = self._format.name.upper()
        if self._own:
            id_ = await self._registry.register(self._subject, type_, self._own)
            return Registered(id_, type_, self._own)
        found = await self._registry.latest(self._subject)
        if found is None:
            raise UserError(
                f"The schema registry has no subject {self._subject}; register its schema, or let "
                "the sink do it: take schema_registry_use_latest away.",
                400,
                "orbit",
            )
        if found.type != type_:
            raise UserError(
                f"The schema of subject {self._subject} is of type {found.type[:40]}, and not "
                f"{type_}.",
                400,
                "orbit",
            )
        return found


def _protobuf(
    text: str, references: dict[str, str], message: str, columns: Sequence[ResultColumn]
) -> tuple[Any, Sequence[int]]:
    """What writes the rows, and the place of its message in the file."""
    protobuf = import_module("connectors.formats.protobuf")
    try:
        schema = protobuf.ProtobufSchema(text, references)
        descriptor = schema.by_name(message)
        place = schema.indexes_of(descriptor)
    except Undecodable as error:
        raise _sentence(error) from None
    rows = import_module("connectors.formats.protobuf_rows")
    return rows.ProtobufRows(schema, descriptor, columns), place


def _sentence(error: Undecodable) -> UserError:
    return UserError(f"{error.message[:1].upper()}{error.message[1:]}.", 400, "orbit")
