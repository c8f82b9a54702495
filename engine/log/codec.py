"""A commit as the body of a frame, and back: msgpack head, then Arrow record batches."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from engine.batch import Int64s, StreamSlice
from engine.log import frame
from engine.log.records import Commit, Note, borders_of, counts_of
from engine.log.schemas import SchemaStore

_LENGTH = struct.Struct("<I")
# The whole payload at once: faster than Arrow's own compression of each buffer (measured).
_LZ4 = pa.Codec("lz4_raw")


class Part(msgspec.Struct, array_like=True, frozen=True):
    """One slice in a frame. `inflated`: bytes of the payload before compression, 0 = it is not
    compressed. `counts`: rows per append as uint32, empty when every append has one
    row or when there is one append."""

    stream_id: str
    schema: str
    first_sn: int
    appends: int
    rows: int
    length: int
    inflated: int = 0
    counts: bytes = b""
    ids: tuple[tuple[int, bytes], ...] = ()


class Touched(msgspec.Struct, array_like=True, frozen=True):
    """Which numbers of a stream a commit gave out."""

    stream_id: str
    first_sn: int
    appends: int


class Head(msgspec.Struct, array_like=True, frozen=True):
    """The head of a frame. `before`: what the commit before this one held, so that one damaged
    frame can be named exactly."""

    instant_ms: int
    before: tuple[Touched, ...]
    parts: tuple[Part, ...]
    notes: tuple[tuple[str, bytes], ...]


class Index(msgspec.Struct, array_like=True, frozen=True):
    """Footer of a segment: its commits, and per stream the numbers, rows and bytes in it."""

    first_position: int
    last_position: int
    last_instant_ms: int
    streams: dict[str, tuple[int, int, int]]  # id: first number, last number, bytes
    schemas: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame body and what it says about its streams."""

    body: bytes
    touched: tuple[Touched, ...]
    parts: tuple[Part, ...]


_encoder = msgspec.msgpack.Encoder()
_head_decoder = msgspec.msgpack.Decoder(Head)
_index_decoder = msgspec.msgpack.Decoder(Index)


class CommitCodec:
    """Encodes for one log; keeps what the last commit touched for the next head."""

    def __init__(self, schemas: SchemaStore, compress_bytes_min: int) -> None:
        self._schemas = schemas
        self._compress_bytes_min = compress_bytes_min
        self.before: tuple[Touched, ...] = ()

    def encode(
        self, commit: Commit, ids: dict[tuple[str, int], tuple[tuple[int, bytes], ...]]
    ) -> Encoded:
        """Body of a commit; `ids` by stream and first number of the slice. May write a schema."""
        payloads: list[pa.Buffer] = []
        parts: list[Part] = []
        for piece in commit.slices:
            key = self._schemas.key_for(piece.stream_id, piece.rows.schema)
            payload = piece.rows.serialize()
            inflated = 0
            if payload.size >= self._compress_bytes_min:
                inflated = payload.size
                payload = _LZ4.compress(payload)
            first_sn = int(piece.sn[0])
            parts.append(
                Part(
                    piece.stream_id,
                    key,
                    first_sn,
                    piece.appends,
                    piece.rows.num_rows,
                    payload.size,
                    inflated,
                    _encode_counts(piece.borders),
                    ids.get((piece.stream_id, first_sn), ()),
                )
            )
            payloads.append(payload)
        notes = tuple((n.kind, n.data) for n in commit.notes)
        head = _encoder.encode(Head(commit.instant_ms, self.before, tuple(parts), notes))
        touched = tuple(Touched(p.stream_id, p.first_sn, p.appends) for p in parts)
        return Encoded(_assemble(head, payloads), touched, tuple(parts))

    def slices(self, head: Head, body: memoryview) -> tuple[list[StreamSlice], list[Part]]:
        """Slices of a frame, and the parts that cannot be read (their schema is lost)."""
        offset = _payload_start(body)
        slices: list[StreamSlice] = []
        lost: list[Part] = []
        for part in head.parts:
            schema = self._schemas.schema(part.schema)
            piece = None
            if schema is not None:
                payload = pa.py_buffer(body[offset : offset + part.length])
                piece = _decode_part(part, schema, payload, head.instant_ms)
            if piece is None:
                lost.append(part)
            else:
                slices.append(piece)
            offset += part.length + frame.padding(part.length)
        return slices, lost


def decode_head(body: memoryview) -> Head:
    """Head of a commit frame; raises msgspec.DecodeError."""
    (length,) = _LENGTH.unpack_from(body)
    return _head_decoder.decode(body[_LENGTH.size : _LENGTH.size + length])


def encode_index(index: Index) -> bytes:
    """Body of a footer frame."""
    return _encoder.encode(index)


def decode_index(body: memoryview) -> Index:
    """Footer out of its body; raises msgspec.DecodeError."""
    return _index_decoder.decode(body)


def notes_of(head: Head) -> tuple[Note, ...]:
    """Notes of a commit."""
    return tuple(Note(kind, data) for kind, data in head.notes)


def _assemble(head: bytes, payloads: list[pa.Buffer]) -> bytes:
    start = _LENGTH.size + len(head)
    # The body begins 24 bytes into an aligned frame, so aligned within the body is aligned.
    pieces: list[bytes | pa.Buffer] = [_LENGTH.pack(len(head)), head, bytes(frame.padding(start))]
    for payload in payloads:
        pieces.append(payload)
        pieces.append(bytes(frame.padding(payload.size)))
    return b"".join(pieces)


def _payload_start(body: memoryview) -> int:
    (length,) = _LENGTH.unpack_from(body)
    start = _LENGTH.size + length
    return start + frame.padding(start)


def _encode_counts(borders: Int64s) -> bytes:
    if len(borders) == 2:
        return b""
    counts = counts_of(borders)
    if len(counts) == borders[-1] and bool((counts == 1).all()):
        return b""
    return counts.astype("<u4").tobytes()


def _decode_part(
    part: Part, schema: pa.Schema, payload: pa.Buffer, instant_ms: int
) -> StreamSlice | None:
    try:
        if part.inflated:
            payload = _LZ4.decompress(payload, part.inflated)
        rows = pa.ipc.read_record_batch(payload, schema)
    except (pa.ArrowInvalid, OSError):
        return None
    first, count = part.first_sn, part.appends
    if count == 1:  # the usual case at a start with many small commits
        numbers, times = np.array((first,)), np.array((instant_ms,))
        return StreamSlice(part.stream_id, rows, np.array((0, part.rows)), numbers, times)
    counts = np.frombuffer(part.counts, "<u4").astype(np.int64) if part.counts else None
    return StreamSlice(
        part.stream_id,
        rows,
        np.arange(count + 1) if counts is None else borders_of(counts),
        np.arange(first, first + count, dtype=np.int64),
        np.full(count, instant_ms, np.int64),
    )
