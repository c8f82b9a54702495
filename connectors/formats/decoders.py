"""The decoder of a format: as they are, by a schema of the workspace, or by a schema registry."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from connectors.formats import framing, proto_files
from connectors.formats.contract import (
    AMPLIFIED_MAX,
    Decoded,
    Decoder,
    Format,
    FormatContext,
    Undecodable,
)
from connectors.formats.registry import Registered, SchemaRegistry
from engine.errors import UserError
from engine.protocol import Definition
from engine.source_appends import SourceFormat

# Schemas that are kept ready to read by; a topic has a few.
READERS_MAX: Final = 100
# Shorter messages are decoded on the loop: a thread costs more than they do.
HERE_BYTES_MAX: Final = 8 << 10
# And what they become: behind so much the others of a batch go to a thread.
HERE_OUTPUT_MAX: Final = 64 << 10
# What the messages of a batch become, until each may become only AMPLIFIED_MAX times its bytes and
# REST_BYTES_MAX: so no batch of messages that a schema blows up takes the memory of all.
BATCH_BYTES_MAX: Final = 64 << 20
REST_BYTES_MAX: Final = 4 << 10
_NO_HEADER: Final = (
    "it does not begin with the id of a schema, as what is written with a schema registry does"
)

# What reads a message, which becomes so many bytes at most; 0 = as many as one may alone.
Read = Callable[[bytes, int], bytes]
# The same by the schema that it names; it is given the whole message.
_Whole = Read


def decoder(format_: Format, context: FormatContext) -> Decoder:
    """No I/O. UserError (400, orbit) for what cannot be, such as Avro without a registry."""
    if format_.name == "text":
        return _AsItIs("lines")
    if format_.name == "json":
        return _AsItIs("streaming") if format_.registry is None else _JsonBehindHeader()
    check(format_)
    if format_.registry is None:
        return _BySchema(format_)
    return _ByRegistry(format_, SchemaRegistry(format_.registry, context))


def check(format_: Format) -> None:
    """UserError (400, orbit) for a format that has no schema, or needs what is not installed."""
    if format_.name == "avro":
        if format_.registry is None:
            raise UserError("Avro needs the address of a schema registry.", 400, "orbit")
        if find_spec("fastavro") is None:
            raise UserError(
                "Avro needs a package that is not installed here: install tailrace[formats].",
                400,
                "orbit",
            )
    if format_.name == "protobuf":
        if format_.registry is None and not format_.schema:
            raise UserError(
                "Protobuf needs a schema, or the address of a schema registry.", 400, "orbit"
            )
        if find_spec("google.protobuf") is None or find_spec("grpc_tools") is None:
            raise proto_files.missing()


def workspace_schema(definitions: Iterable[Definition], name: str) -> str:
    """The text of a format schema of the workspace; UserError (400, orbit) without one."""
    for definition in definitions:
        if definition.kind == "schema" and definition.name == name:
            return definition.query
    raise UserError(f"The workspace has no schema {name[:80]!r}; create it.", 400, "orbit")


class _AsItIs:
    """Messages that the engine reads itself."""

    def __init__(self, format_: SourceFormat) -> None:
        self.format: SourceFormat = format_

    async def decode(self, messages: Sequence[bytes]) -> Decoded:
        """The same."""
        return Decoded(list(messages))

    async def close(self) -> None:
        """Nothing is open."""


class _JsonBehindHeader(_AsItIs):
    """JSON that may stand behind the id of its JSON Schema, which is not looked at."""

    def __init__(self) -> None:
        super().__init__("streaming")

    async def decode(self, messages: Sequence[bytes]) -> Decoded:
        """Without the header."""
        return Decoded([m[framing.HEADER_BYTES :] if m[:1] == b"\0" else m for m in messages])


class _BySchema:
    """Protobuf by one message of one text, without a header."""

    format: SourceFormat = "streaming"

    def __init__(self, format_: Format) -> None:
        self._format = format_
        self._read: Read | None = None

    async def decode(self, messages: Sequence[bytes]) -> Decoded:
        """See Decoder; UserError when the schema cannot be used."""
        if self._read is None:
            self._read = await asyncio.to_thread(self._made)
        read = self._read
        return await _all(messages, lambda _: read)

    async def close(self) -> None:
        """Nothing is open."""

    def _made(self) -> Read:
        protobuf = import_module("connectors.formats.protobuf")
        try:
            schema = protobuf.ProtobufSchema(self._format.schema)
            return schema.reader(schema.by_name(self._format.message))
        except Undecodable as error:
            raise UserError(
                f"{error.message[:1].upper()}{error.message[1:]}.", 400, "orbit"
            ) from None


class _ByRegistry:
    """Avro and Protobuf, each message by the schema that it names."""

    format: SourceFormat = "streaming"

    def __init__(self, format_: Format, registry: SchemaRegistry) -> None:
        self._format = format_
        self._registry = registry
        self._readers: OrderedDict[int, _Whole | Undecodable] = OrderedDict()

    async def decode(self, messages: Sequence[bytes]) -> Decoded:
        """See Decoder."""
        readers: dict[int, _Whole | Undecodable] = {-1: Undecodable(_NO_HEADER)}
        for id_ in dict.fromkeys(map(framing.schema_id, messages)):
            if id_ >= 0:
                readers[id_] = await self._reader(id_)

        def find(message: bytes) -> Read:
            found = readers[framing.schema_id(message)]
            if isinstance(found, Undecodable):
                raise Undecodable(found.message)
            return found

        return await _all(messages, find)

    async def close(self) -> None:
        """Close what leads to the registry."""
        await self._registry.close()

    async def _reader(self, id_: int) -> _Whole | Undecodable:
        known = self._readers.get(id_)
        if known is not None:
            self._readers.move_to_end(id_)
            return known
        try:
            schema = await self._registry.schema(id_)
        except Undecodable as error:
            return error  # the registry may know it later
        made: _Whole | Undecodable
        try:
            made = await asyncio.to_thread(self._made, schema)
        except Undecodable as error:
            made = Undecodable(f"schema {id_}: {error.message}")
        self._readers[id_] = made
        while len(self._readers) > READERS_MAX:
            self._readers.popitem(last=False)
        return made

    def _made(self, schema: Registered) -> _Whole:
        wanted = self._format.name.upper()
        if schema.type != wanted:
            raise Undecodable(f"it is of type {schema.type[:40]}, and not {wanted}")
        if schema.type == "AVRO":
            read = import_module("connectors.formats.avro").reader(
                schema.text, dict(schema.references)
            )
            return lambda message, limit: read(message[framing.HEADER_BYTES :], limit)
        protobuf = import_module("connectors.formats.protobuf")
        return _ByIndexes(protobuf.ProtobufSchema(schema.text, dict(schema.references))).read


class _ByIndexes:
    """Protobuf messages that name their place in the file of their schema."""

    def __init__(self, schema: Any) -> None:
        self._schema: Any = schema
        self._readers: dict[tuple[int, ...], Read] = {}

    def read(self, message: bytes, limit: int = 0) -> bytes:
        """See `Read`; with the header."""
        place, begin = framing.indexes(message)
        read = self._readers.get(place)
        if read is None:
            schema = self._schema
            read = self._readers[place] = schema.reader(schema.by_indexes(place))
        return read(message[begin:], limit)


async def _all(messages: Sequence[bytes], find: Callable[[bytes], Read]) -> Decoded:
    """Each message by what `find` gives for it."""

    found: list[bytes] = []
    refused: dict[int, str] = {}

    def run(output_max: float) -> None:
        size = sum(map(len, found))
        while len(found) < len(messages) and size <= output_max:
            message = messages[len(found)]
            limit = 0 if size <= BATCH_BYTES_MAX else _rest(message)
            try:
                found.append(find(message)(message, limit))
            except Undecodable as error:
                refused[len(found)] = f"{error.message[:1].upper()}{error.message[1:]}."
                found.append(message)
            size += len(found[-1])

    if sum(map(len, messages)) <= HERE_BYTES_MAX:
        run(HERE_OUTPUT_MAX)
    if len(found) < len(messages):
        await asyncio.to_thread(run, math.inf)
    return Decoded(found, refused)


def _rest(message: bytes) -> int:
    return REST_BYTES_MAX + AMPLIFIED_MAX * len(message)
