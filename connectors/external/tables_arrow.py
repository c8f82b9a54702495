"""Rows of database drivers as Arrow streams, and the other way round."""

from __future__ import annotations

import asyncio
import base64
import decimal
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from connectors.external import tables_contract as common
from connectors.external.tables_contract import TableError
from engine import table_calls as tc

Convert = Callable[[Any], Any]
_UNITS_AS_PYTHON: Final = pa.timestamp("us")


def schema_of(data: bytes) -> pa.Schema:
    """The schema of an IPC message."""
    return pa.ipc.read_schema(pa.py_buffer(data))


def batch_of(
    rows: Sequence[Sequence[Any]], schema: pa.Schema, converts: Sequence[Convert | None]
) -> pa.RecordBatch:
    """Rows of a driver in these Arrow types; TableError for a value that has no place in its.

    `converts`: by column, what makes of a value one that Arrow takes; not asked for NULL.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays: list[pa.Array] = []
    for field, convert, values in zip(schema, converts, columns, strict=True):
        try:
            if convert is not None:
                values = [None if value is None else convert(value) for value in values]
            arrays.append(pa.array(values, type=field.type))
        except (pa.ArrowException, ValueError, TypeError, OverflowError, decimal.DecimalException):
            raise TableError(
                f"column {field.name} has a value that {_plain(field.type)} cannot hold; select "
                "the other columns, or read a view of the database that casts it"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Fetches:
    """How many rows to fetch at a time, and those that came as batches."""

    def __init__(self, schema: pa.Schema, converts: Sequence[Convert | None]) -> None:
        self._schema = schema
        self._converts = converts
        self.rows = common.FIRST_ROWS

    async def batches(self, rows: Sequence[Sequence[Any]]) -> AsyncGenerator[pa.RecordBatch]:
        """Rows of one fetch as batches of about FETCH_BYTES; sets `rows` for the next one."""
        sizes = [_size(row) for row in rows]
        fitting = common.FETCH_BYTES * len(rows) // max(1, sum(sizes))
        self.rows = max(1, min(fitting, 4 * self.rows, common.ROWS_AT_A_TIME))
        start = size = 0
        for at, each_size in enumerate(sizes):
            if each_size > tc.ROW_BYTES_MAX:
                raise _row_too_large()
            if at > start and size + each_size > common.FETCH_BYTES:
                yield batch_of(rows[start:at], self._schema, self._converts)
                await asyncio.sleep(0)  # others have their turn
                start, size = at, 0
            size += each_size
        yield batch_of(rows[start:], self._schema, self._converts)


def _size(value: Any) -> int:
    """About the bytes of a value or a row."""
    if isinstance(value, str | bytes):
        return len(value)
    if value is None or isinstance(value, int | float):
        return 8
    try:
        return 8 + sum(map(_size, value))
    except TypeError:
        return 16


def _row_too_large() -> TableError:
    return TableError(
        f"a row of over {tc.ROW_BYTES_MAX >> 20} MiB cannot be read; select the other columns"
    )


def _plain(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return str(kind)


def stream_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """An Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


async def pages(
    batches: AsyncGenerator[pa.RecordBatch], schema: pa.Schema
) -> AsyncGenerator[tuple[bytes, bool]]:
    """Batches as pages of about PAGE_BYTES, each with whether more follow; TableError for a row of
    more than ROW_BYTES_MAX."""
    held: list[pa.RecordBatch] = []
    size = 0
    async for batch in batches:
        for part in _parts(batch):
            if held and size + part.nbytes > tc.PAGE_BYTES:
                yield stream_of(held, schema), True
                held, size = [], 0
            held.append(part)
            size += part.nbytes
    yield stream_of(held, schema), False


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halves of it, until each fits a page."""
    waiting = [batch]
    while waiting:
        part = waiting.pop()
        if part.nbytes <= tc.PAGE_BYTES:
            yield part
        elif part.num_rows > 1:
            half = part.num_rows // 2
            waiting += [part.slice(half), part.slice(0, half)]
        elif part.nbytes > tc.ROW_BYTES_MAX:
            raise _row_too_large()
        else:
            yield part


def table_of(data: bytes) -> pa.Table:
    """The rows of an Arrow stream."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()


def values_of(column: pa.ChunkedArray) -> list[Any]:
    """Values of a column for drivers: times without a zone, in UTC, of whole microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(_UNITS_AS_PYTHON, safe=False)
    found: list[Any] = column.to_pylist()
    return found


class Bounded:
    """Counts the rows of one look-up."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """TableError beyond LOOK_UP_BYTES_MAX."""
        self._bytes += batch.nbytes
        if self._bytes > tc.LOOK_UP_BYTES_MAX:
            raise TableError(
                f"the rows of one look-up are over {tc.LOOK_UP_BYTES_MAX >> 20} MiB: join by a "
                "more selective key, or fewer columns"
            )


def as_text(value: Any) -> str:
    """What the driver makes objects of, as it is written."""
    return str(value)


def as_base64(value: Any) -> str:
    """Bytes, which no text holds."""
    return base64.b64encode(bytes(value)).decode("ascii")


def each(convert: Convert) -> Convert:
    """The same for all elements of an array."""
    return lambda values: [None if value is None else convert(value) for value in values]
