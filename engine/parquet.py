"""Parquet files of history: rows with their numbers in, slices with their appends out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.batch import TP_APPEND_TIME, TP_SN, TP_TIME, Int64s, StreamSlice
from engine.compute import pc
from engine.log.files import FileSystem

# DuckDB scans groups of this size in parallel and skips them by their statistics.
ROW_GROUP_ROWS = 122_880
_GROUP_BYTES_MAX = 64 << 20
# zstd at its lowest level; pages carry checksums, so that a flipped bit is an error when read.
_WRITE: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_page_checksum": True,
}
_READ: dict[str, Any] = {"page_checksum_verification": True}
_POSITION_FIELDS = (pa.field(TP_SN, pa.int64()), pa.field(TP_APPEND_TIME, pa.int64()))


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    rows: int
    bytes: int
    min_time_ms: int | None
    max_time_ms: int | None


def with_positions(part: StreamSlice) -> pa.RecordBatch:
    """Rows of a slice with `_tp_sn` and `_tp_append_time` behind them, as history stores them."""
    counts = np.diff(part.borders)
    batch = part.rows
    numbers = pa.array(np.repeat(part.sn, counts))
    times = pa.array(np.repeat(part.append_time_ms, counts))
    schema = stored_schema(batch.schema)
    return pa.RecordBatch.from_arrays([*batch.columns, numbers, times], schema=schema)


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Schema of a history file out of that of the rows."""
    for field in _POSITION_FIELDS:
        schema = schema.append(field)
    return schema.remove_metadata()


def has_event_times(schema: pa.Schema) -> bool:
    """Whether rows have a `_tp_time` that is a time; streams of old versions may have none."""
    at = schema.get_field_index(TP_TIME)
    return at >= 0 and pa.types.is_timestamp(schema.field(at).type)


def time_range(rows: pa.RecordBatch | pa.Table) -> tuple[int, int] | None:
    """Smallest and largest `_tp_time` in milliseconds, None without any; never raises."""
    if not has_event_times(rows.schema) or rows.num_rows == 0:
        return None
    bounds = pc.min_max(rows.column(TP_TIME))
    low, high = (_as_ms(bounds[key]) for key in ("min", "max"))
    return None if low is None or high is None else (low, high)


def _as_ms(value: pa.Scalar) -> int | None:
    number = value.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).as_py()
    return None if number is None else int(number)


def write_file(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    fs: FileSystem,
    pause: Callable[[], None],
) -> Written:
    """Write a new file, durable under its name when this returns; blocks, raises OSError.

    `batches` have `schema` (positions included). `pause` is called between row groups.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    rows = 0
    low: int | None = None
    high: int | None = None
    whole = False
    try:
        how: dict[str, Any] = {**_WRITE, "write_statistics": _with_statistics(schema)}
        with pq.ParquetWriter(temporary, schema, **how) as out:
            for group in _groups(batches, schema):
                out.write_table(group, row_group_size=ROW_GROUP_ROWS)
                rows += group.num_rows
                times = time_range(group)
                if times is not None:
                    low = times[0] if low is None else min(low, times[0])
                    high = times[1] if high is None else max(high, times[1])
                fs.hit("parquet.group")
                pause()
        fs.sync_file(temporary)
        fs.hit("parquet.synced")
        size = temporary.stat().st_size
        fs.rename(temporary, path)
        whole = True
        fs.hit("parquet.renamed")
    finally:
        if not whole:
            fs.remove(temporary)
    return Written(rows, size, low, high)


def _with_statistics(schema: pa.Schema) -> list[str]:
    """Columns whose smallest and largest values are written.

    Not those of floats: Parquet leaves NaN out of them, DuckDB has it above all numbers, and so
    would skip groups that hold a match.
    """
    kept = (f for f in schema if not (pa.types.is_floating(f.type) or pa.types.is_nested(f.type)))
    return [f.name for f in kept]


def _groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of about one row group each."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= ROW_GROUP_ROWS or size >= _GROUP_BYTES_MAX:
            yield pa.Table.from_batches(waiting, schema)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def read_columns(path: Path, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Some columns of all rows, in order; blocks. Raises OSError for a damaged page."""
    with pq.ParquetFile(path, **_READ) as file:
        yield from file.iter_batches(batch_rows, columns=columns, use_threads=False)


def read_schema(path: Path) -> pa.Schema:
    """Schema of a file, positions included."""
    return pq.read_schema(path).remove_metadata()


def read_slices(stream_id: str, path: Path, from_sn: int, batch_rows: int) -> Iterator[StreamSlice]:
    """Appends from a number on, never split over two slices; blocks.

    A slice has about `batch_rows` rows, more when one append is larger.
    """
    carry: list[StreamSlice] = []  # pieces of one append that may go on in the next batch
    with pq.ParquetFile(path, **_READ) as file:
        groups = _row_groups(file, from_sn)
        for batch in file.iter_batches(batch_rows, row_groups=groups, use_threads=False):
            part = _slice_of(stream_id, batch, from_sn)
            if part is not None and carry and part.sn[0] == carry[0].sn[0]:
                carry.append(_appends(part, 0, 1))
                part = _appends(part, 1, part.appends) if part.appends > 1 else None
            if part is None:
                continue
            if carry:
                yield _one_append(carry)
            last = part.appends - 1
            if last:
                yield _appends(part, 0, last)
            carry = [_appends(part, last, last + 1)]
    if carry:
        yield _one_append(carry)


def _row_groups(file: pq.ParquetFile, from_sn: int) -> list[int]:
    """Row groups that may hold numbers from `from_sn` on, by their statistics."""
    # Nested columns spread over several Parquet columns: the leaf is found by its path.
    leaves = [file.schema.column(i).path for i in range(len(file.schema))]
    leaf = leaves.index(TP_SN)
    groups: list[int] = []
    for number in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(number).column(leaf).statistics
        if statistics is None or not statistics.has_min_max or statistics.max >= from_sn:
            groups.append(number)
    return groups


def _slice_of(stream_id: str, batch: pa.RecordBatch, from_sn: int) -> StreamSlice | None:
    numbers = _int64s(batch.column(TP_SN))
    start = int(np.searchsorted(numbers, from_sn))
    if start == len(numbers):
        return None
    batch = batch.slice(start)
    numbers = numbers[start:]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1)).astype(np.int64)
    borders = np.append(starts, len(numbers))
    times = _int64s(batch.column(TP_APPEND_TIME))
    rows = batch.drop_columns([TP_SN, TP_APPEND_TIME]).replace_schema_metadata(None)
    return StreamSlice(stream_id, rows, borders, numbers[starts], times[starts])


def _int64s(column: pa.Array) -> Int64s:
    return column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)


def _appends(part: StreamSlice, start: int, end: int) -> StreamSlice:
    low, high = int(part.borders[start]), int(part.borders[end])
    return StreamSlice(
        part.stream_id,
        part.rows.slice(low, high - low),
        part.borders[start : end + 1] - low,
        part.sn[start:end],
        part.append_time_ms[start:end],
    )


def _one_append(pieces: list[StreamSlice]) -> StreamSlice:
    if len(pieces) == 1:
        return pieces[0]
    rows = pa.concat_batches([p.rows for p in pieces])
    first = pieces[0]
    borders = np.array((0, rows.num_rows), np.int64)
    return StreamSlice(first.stream_id, rows, borders, first.sn, first.append_time_ms)


def first_sn_at(path: Path, time_ms: int) -> int | None:
    """Number of the first append with a row of `_tp_time` at or after an instant; blocks."""
    with pq.ParquetFile(path, **_READ) as file:
        for batch in file.iter_batches(columns=[TP_TIME, TP_SN], use_threads=False):
            found = first_sn_of(batch.column(TP_TIME), _int64s(batch.column(TP_SN)), time_ms)
            if found is not None:
                return found
    return None


def first_sn_appended(path: Path, time_ms: int) -> int | None:
    """Number of the first append that was stored at or after an instant; None if all were before.
    Blocks; reads as good as one row group, since these times never go back."""
    with pq.ParquetFile(path, **_READ) as file:
        leaves = [file.schema.column(i).path for i in range(len(file.schema))]
        leaf = leaves.index(TP_APPEND_TIME)
        for number in range(file.metadata.num_row_groups):
            statistics = file.metadata.row_group(number).column(leaf).statistics
            if statistics is not None and statistics.has_min_max and statistics.max < time_ms:
                continue
            rows = file.read_row_group(number, [TP_APPEND_TIME, TP_SN], use_threads=False)
            times = rows.column(TP_APPEND_TIME).to_numpy()
            at = int(np.searchsorted(times, time_ms))
            if at < len(times):
                return int(rows.column(TP_SN)[at].as_py())
    return None


def first_sn_of(times: pa.Array, numbers: Int64s, time_ms: int) -> int | None:
    """The same over columns in memory; `numbers` per row. None when `times` are no times."""
    if not pa.types.is_timestamp(times.type):
        return None
    as_ms = times.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    hits = pc.indices_nonzero(pc.greater_equal(as_ms, time_ms))
    return int(numbers[hits[0].as_py()]) if len(hits) else None


def measure_file(path: Path) -> Written:
    """What an existing file holds, read from its columns; zero rows when it is unreadable."""
    low: int | None = None
    high: int | None = None
    size = path.stat().st_size
    try:
        with pq.ParquetFile(path, **_READ) as file:
            if TP_TIME not in file.schema_arrow.names:
                return Written(file.metadata.num_rows, size, None, None)
            for batch in file.iter_batches(columns=[TP_TIME], use_threads=False):
                times = time_range(batch)
                if times is not None:
                    low = times[0] if low is None else min(low, times[0])
                    high = times[1] if high is None else max(high, times[1])
            return Written(file.metadata.num_rows, size, low, high)
    except (pa.ArrowInvalid, OSError):
        return Written(0, size, None, None)
