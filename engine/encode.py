"""Result rows to JSON: pieces of row arrays, values as the v1beta2 contract has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.compute import pc
from engine.types import INTERVAL_UNITS, DataType, arrow_type
from engine.zones import to_local, to_utc

PIECE_BYTES: Final = 512 * 1024  # a reader's line buffer is 1 MiB; half of it leaves room
BLOCK_ROWS: Final = 16_384  # rows turned into Python values at once
# Up to so many values a loop of Python is cheaper than the calls into Arrow.
_FEW_ROWS: Final = 128
_ROW_BYTES_FIRST: Final = 128.0  # guess of an encoded row before the first was seen

Values = list[object]

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_PLAIN_SCALE = 6  # Python writes smaller numbers with an exponent
_UNIT_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_UNIT_PER_MS = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}
_NANOSECONDS_OF_DAY = 86_400_000_000_000


class JsonEncoder:
    """Encodes batches of one schema. Pure, but for the running average of a row's size.

    `folds`: of a local time that its zone has twice, the second one ends with its offset."""

    def __init__(self, schema: Sequence[tuple[str, DataType]], *, folds: bool = False) -> None:
        self._columns = tuple(_Column(t, folds) for _, t in schema)
        self._row_bytes = _ROW_BYTES_FIRST

    def encode(self, rows: pa.RecordBatch | pa.Table) -> bytes:
        """All rows as one JSON array of row arrays, in order, without line breaks."""
        return _encode(self._rows(rows))

    def encode_chunks(
        self, rows: pa.RecordBatch | pa.Table, max_bytes: int = PIECE_BYTES
    ) -> Iterator[tuple[int, bytes]]:
        """Pieces of (rows, JSON array), each at most `max_bytes` unless it is a single row."""
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            whole = rows.num_rows <= BLOCK_ROWS
            block = self._rows(rows if whole else rows.slice(start, BLOCK_ROWS))
            at = 0
            while at < len(block):
                count = max(1, int(max_bytes / self._row_bytes))
                piece = _encode(block[at : at + count])
                count = min(count, len(block) - at)
                self._row_bytes = len(piece) / count * 1.05
                if len(piece) > max_bytes and count > 1:
                    continue
                at += count
                yield count, piece

    def values(self, rows: pa.RecordBatch) -> list[tuple[object, ...]]:
        """Rows as values of which `encode_values` makes JSON, for who cuts them later."""
        return self._rows(rows)

    def _rows(self, rows: pa.RecordBatch | pa.Table) -> list[tuple[object, ...]]:
        columns = [
            column.values(_one_array(array))
            for array, column in zip(rows.columns, self._columns, strict=True)
        ]
        return list(zip(*columns, strict=True))


def encode_values(values: Sequence[tuple[object, ...]]) -> bytes:
    """Rows of `JsonEncoder.values` as one JSON array of row arrays."""
    return _encode(values)


def event_time_ms(rows: pa.RecordBatch | pa.Table, column: int) -> int:
    """Largest value of a date or time column, in milliseconds; 0 if there is none."""
    values = rows.column(column)
    largest = pc.max(values)
    if not largest.is_valid:
        return 0
    if pa.types.is_date32(values.type):
        return int(largest.value) * 86_400_000
    if not pa.types.is_timestamp(values.type):
        return 0
    times, divisor = _UNIT_PER_MS[values.type.unit]
    return int(largest.value) * times // divisor


def json_values(values: pa.Array, t: DataType, folds: bool = False) -> Values:
    """A column as Python values that msgspec writes as the contract asks. NULL is None."""
    return _Column(t, folds).values(values)


class _Column:
    """How the values of one type are made: chosen once, since most batches hold few rows."""

    def __init__(self, t: DataType, folds: bool) -> None:
        self._type = t = t.inner
        self._folds = folds
        self._wanted = arrow_type(t)
        convert = _BY_FAMILY.get(t.name)
        if t.is_float:
            convert = _floats
        elif pa.types.is_interval(self._wanted):
            convert = _intervals
        self._convert = convert

    def values(self, values: pa.Array) -> Values:
        """See `json_values`."""
        if values.type != self._wanted:
            values = _aligned(values, self._wanted)
        if self._convert is None:
            return values.to_pylist()
        return self._convert(values, self._type, self._folds)


def json_keys(values: pa.Array, t: DataType, folds: bool) -> list[str]:
    """A column as keys of JSON objects."""
    if t.inner.name == "bool":
        return ["true" if v else "false" for v in values.to_pylist()]
    if t.is_decimal:
        return [v if isinstance(v, str) else format(v, "f") for v in values.to_pylist()]
    return [str(v) for v in json_values(values, t, folds)]


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _aligned(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A plan may hand over a wider relative (microseconds for milliseconds): cast, never refuse."""
    return values.cast(wanted, safe=False)


def _floats(values: pa.Array, t: DataType, folds: bool) -> Values:
    """Finite numbers as they are, others as the texts inf, -inf, nan.

    A float32 goes through its shortest text: its widened binary value would show more digits.
    """
    if pa.types.is_float32(values.type):
        result = values.cast(pa.string()).cast(pa.float64()).to_pylist()
    else:
        result = values.to_pylist()
    if len(result) <= _FEW_ROWS:
        return [v if v is None or isfinite(v) else _not_finite(v) for v in result]
    finite = pc.is_finite(values)
    if pc.all(finite, min_count=0).as_py():
        return result
    for at in np.flatnonzero(~np.asarray(finite.fill_null(True).to_numpy(zero_copy_only=False))):
        result[at] = _not_finite(result[at])
    return result


def _not_finite(value: float) -> str:
    return "nan" if value != value else "inf" if value > 0 else "-inf"


def _dates(values: pa.Array, t: DataType, folds: bool) -> Values:
    return values.cast(pa.string()).to_pylist()


def _times(values: pa.Array, t: DataType, folds: bool) -> Values:
    """`2022-05-16 11:01:02.345` with exactly the declared scale, in the display zone."""
    local = to_local(values, t.zone) if t.zone else values
    texts = local.cast(pa.string())
    surplus = _UNIT_DIGITS[values.type.unit] - t.scale
    if surplus > 0:
        texts = pc.utf8_slice_codeunits(texts, 0, -surplus if t.scale else -surplus - 1)
    result = texts.to_pylist()
    if folds and t.zone:
        for at, offset in _second_ones(values, local, t.zone):
            result[at] += offset
    return result


def _second_ones(instants: pa.Array, local: pa.Array, zone: str) -> Iterator[tuple[int, str]]:
    """Which of these local times are the second ones of their zone, and their offsets, `+01:00`."""
    times, divisor = _UNIT_PER_MS[instants.type.unit]
    later = pc.not_equal(to_utc(local, zone), instants).fill_null(False)
    for at in np.flatnonzero(later.to_numpy(zero_copy_only=False)):
        seconds = (local[at].value - instants[at].value) * times // (divisor * 1_000)
        minutes, rest = divmod(abs(seconds), 60)
        more = f":{rest:02}" if rest else ""  # some zones had odd offsets once
        sign = "-" if seconds < 0 else "+"
        yield int(at), f"{sign}{minutes // 60:02}:{minutes % 60:02}{more}"


def _decimals(values: pa.Array, t: DataType, folds: bool) -> Values:
    result = values.to_pylist()
    if pa.types.is_string(values.type):  # wider than Arrow's; every digit is there
        return [None if v is None else msgspec.Raw(v.encode()) for v in result]
    if t.scale <= _PLAIN_SCALE:
        return result
    return [None if v is None else msgspec.Raw(format(v, "f").encode()) for v in result]


def _intervals(values: pa.Array, t: DataType, folds: bool) -> Values:
    """An interval is the number of its units."""
    months, nanoseconds = INTERVAL_UNITS[t.inner.name.removeprefix("interval_")]

    def count(v: pa.MonthDayNano) -> int:
        if months:
            return v.months // months
        return (v.days * _NANOSECONDS_OF_DAY + v.nanoseconds) // nanoseconds

    return [None if v is None else count(v) for v in values.to_pylist()]


def _nothing(values: pa.Array, t: DataType, folds: bool) -> Values:
    return [None] * len(values)


def _bounds(values: pa.Array) -> list[int]:
    """Borders of the lists in the child, one more than there are lists."""
    return values.offsets.to_pylist() if len(values) else [0]


def _arrays(values: pa.Array, t: DataType, folds: bool) -> Values:
    bounds = _bounds(values)
    first = bounds[0]
    inner = json_values(values.values.slice(first, bounds[-1] - first), t.args[0], folds)
    result: Values = [inner[a - first : b - first] for a, b in pairwise(bounds)]
    return _with_nulls(result, values)


def _maps(values: pa.Array, t: DataType, folds: bool) -> Values:
    bounds = _bounds(values)
    first, length = bounds[0], bounds[-1] - bounds[0]
    keys = json_keys(values.keys.slice(first, length), t.args[0], folds)
    items = json_values(values.items.slice(first, length), t.args[1], folds)
    result: Values = [
        dict(zip(keys[a - first : b - first], items[a - first : b - first], strict=True))
        for a, b in pairwise(bounds)
    ]
    return _with_nulls(result, values)


def _tuples(values: pa.Array, t: DataType, folds: bool) -> Values:
    fields = [json_values(f, a, folds) for f, a in zip(values.flatten(), t.args, strict=True)]
    return _with_nulls(list(zip(*fields, strict=True)), values)


def _with_nulls(result: Values, values: pa.Array) -> Values:
    if values.null_count:
        for at in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)):
            result[at] = None
    return result


_BY_FAMILY: dict[str, Callable[[pa.Array, DataType, bool], Values]] = {
    "date": _dates,
    "date32": _dates,
    "datetime": _times,
    "datetime64": _times,
    "decimal": _decimals,
    "nothing": _nothing,
    "array": _arrays,
    "map": _maps,
    "tuple": _tuples,
}
