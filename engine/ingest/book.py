"""The decoders of the streams that are written: streams with one stored schema share one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from engine.ingest.decoder import Decoded
from engine.protocol import Definition, IngestFormat
from engine.schema import StoredSchema

# Streams whose decoder is known; one beyond it is looked up again when it is written.
STREAMS_MAX: Final = 1_000


class StreamDecoder(Protocol):
    """What decodes the bodies of a stream (`engine.ingest.decoder.Decoder`)."""

    def decode(self, requests: Sequence[tuple[IngestFormat, bytes]], instant_ms: int) -> Decoded:
        """Rows of all good bodies, one append each, and the errors of the others."""
        ...

    def complete(self, table: pa.Table, instant_ms: int) -> pa.RecordBatch:
        """All stored columns for rows that have some of them."""
        ...

    def close(self) -> None:
        """Give back its prepared defaults."""
        ...


@dataclass(slots=True)
class _Shared:
    """A decoder and how many known streams use it."""

    decoder: StreamDecoder
    streams: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """A stream as it was when its decoder was looked up."""

    definition: Definition
    schema: StoredSchema
    decoder: StreamDecoder


class DecoderBook:
    """Finds the decoder of a stream; for one thread. `make` may raise UserError for a default."""

    def __init__(
        self,
        make: Callable[[StoredSchema], StreamDecoder],
        schema_of: Callable[[Definition], StoredSchema],
        streams_max: int = STREAMS_MAX,
    ) -> None:
        self._make = make
        self._schema_of = schema_of
        self._streams_max = streams_max
        self._streams: OrderedDict[str, _Known] = OrderedDict()
        self._shared: dict[StoredSchema, _Shared] = {}

    def of(self, definition: Definition) -> StreamDecoder:
        """The decoder for what a stream is now."""
        known = self._streams.get(definition.id)
        if known is not None and known.definition is definition:
            return known.decoder
        schema = self._schema_of(definition)
        shared = self._shared.get(schema)
        if shared is None:
            shared = _Shared(self._make(schema))
            self._shared[schema] = shared
        shared.streams += 1  # before others are let go: it may be the same one
        self._forget(definition.id)
        while len(self._streams) >= self._streams_max:
            self._forget(next(iter(self._streams)))
        self._streams[definition.id] = _Known(definition, schema, shared.decoder)
        return shared.decoder

    def _forget(self, stream_id: str) -> None:
        known = self._streams.pop(stream_id, None)
        if known is None:
            return
        shared = self._shared[known.schema]
        shared.streams -= 1
        if not shared.streams:
            del self._shared[known.schema]
            shared.decoder.close()
