"""What operators give to checkpoints: parts of their state as Arrow tables and small values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class StateDelta:
    """Part of an operator's state.

    `tables`: Arrow rows by name; `values`: what JSON can say (numbers, texts, lists of them, None).
    `full`: it is the whole state; else it changes the state that the parts before it gave. What a
    key of a table is, and how a row that is gone is said, is the operator's own affair.
    """

    tables: Mapping[str, pa.RecordBatch] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    full: bool = True

    @property
    def nbytes(self) -> int:
        """About the bytes of its encoding."""
        return sum(rows.nbytes for rows in self.tables.values())


class _Encoded(msgspec.Struct, frozen=True, array_like=True):
    full: bool
    values: bytes
    tables: dict[str, memoryview]


def encode(delta: StateDelta) -> bytes:
    """Bytes that `decode` takes."""
    tables: dict[str, memoryview] = {}
    for name, rows in delta.tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_batch(rows)
        tables[name] = memoryview(sink.getvalue())
    values = msgspec.json.encode(dict(delta.values))
    return msgspec.msgpack.encode(_Encoded(delta.full, values, tables))


def decode(data: bytes | memoryview) -> StateDelta:
    """The rows share the memory of `data`.

    Raises msgspec.DecodeError or pa.ArrowInvalid for bytes that are none.
    """
    held = msgspec.msgpack.decode(data, type=_Encoded)
    tables: dict[str, pa.RecordBatch] = {}
    for name, payload in held.tables.items():
        with pa.ipc.open_stream(pa.py_buffer(payload)) as reader:
            tables[name] = _single(reader.schema, list(reader))
    return StateDelta(tables, msgspec.json.decode(held.values), held.full)


def _single(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.RecordBatch.from_pylist([], schema=schema)
