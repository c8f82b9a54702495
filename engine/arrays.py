"""Arrow columns as numpy lanes and back: what operator state is made of."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_WIDE = decimal.Context(prec=100)  # enough for 256-bit numbers, so that sums never round


@dataclass(frozen=True, slots=True)
class Lane:
    """A column: numpy values, and which of them are there (None = all)."""

    values: Array
    valid: Bools | None = None

    def take(self, rows: Array) -> Lane:
        """Some rows of it, in the given order."""
        valid = self.valid
        return Lane(self.values[rows], None if valid is None else valid[rows])


def column(table: pa.Table | pa.RecordBatch, at: int | str) -> pa.Array:
    """A column as one array, whatever its chunks."""
    found = table.column(at)
    if isinstance(found, pa.ChunkedArray):
        if found.num_chunks == 1:
            return found.chunk(0)
        return cast(pa.Array, found.combine_chunks())
    return found


def record_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one batch."""
    arrays = [column(table, at) for at in range(table.num_columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def is_fixed(kind: pa.DataType) -> bool:
    """Whether values of this type are numbers of at most 64 bits for numpy."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_date32(kind)
    )


def _integer_of(kind: pa.DataType) -> pa.DataType:
    """The type under which numpy sees the values of a fixed type."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_date32(kind):
        return pa.int32()
    return kind


def numpy_type(kind: pa.DataType) -> np.dtype[Any]:
    """Element type of a lane of this Arrow type: a number, or object."""
    if not is_fixed(kind):
        return np.dtype(object)
    return np.dtype(_integer_of(kind).to_pandas_dtype())


def enlarged(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The array with zeros behind it, `size` long."""
    made = np.zeros(size, array.dtype)
    made[: len(array)] = array
    return made


def counted(kept: Bools) -> Int64s:
    """How many rows are kept before each row, and before the end."""
    counts = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=counts[1:])
    return counts


def validity(array: pa.Array) -> Bools | None:
    """Which values are not NULL; None = all."""
    if array.null_count == 0:
        return None
    return array.is_valid().to_numpy(zero_copy_only=False)


def fixed_lane(array: pa.Array) -> Lane:
    """A column of a fixed type; values at NULLs are zeros."""
    kind = array.type
    valid = validity(array)
    if pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        array = array.view(_integer_of(kind))
    if valid is not None:
        array = array.fill_null(False if pa.types.is_boolean(kind) else 0)
    return Lane(array.to_numpy(zero_copy_only=False), valid)


def fixed_array(lane: Lane, kind: pa.DataType) -> pa.Array:
    """The Arrow column of a lane of a fixed type."""
    mask = None if lane.valid is None else ~lane.valid
    under = _integer_of(kind)
    made = pa.array(lane.values, under, mask=mask)
    return made if under.equals(kind) else made.view(kind)


def decimal_lane(array: pa.Array) -> Lane:
    """A decimal128 column as whole numbers of any size (the value times 10^scale)."""
    valid = validity(array)
    raw = np.frombuffer(array.buffers()[1], np.uint64)
    raw = raw[2 * array.offset : 2 * (array.offset + len(array))]
    high = raw[1::2].astype(np.int64).astype(object)
    values = high * (1 << 64) + raw[0::2].astype(object)
    if valid is not None:
        values[~valid] = 0
    return Lane(values, valid)


def decimal_array(lane: Lane, kind: pa.DataType) -> pa.Array:
    """The decimal128 column of whole numbers; raises pa.ArrowInvalid beyond its digits."""
    scale = kind.scale
    values = [decimal.Decimal(int(v)).scaleb(-scale, _WIDE) for v in lane.values]
    mask = None if lane.valid is None else ~lane.valid
    return pa.array(values, kind, mask=mask)


def object_lane(array: pa.Array) -> Lane:
    """Any column as Python objects."""
    values = np.empty(len(array), object)
    values[:] = array.to_pylist()
    return Lane(values, validity(array))


def object_array(lane: Lane, kind: pa.DataType) -> pa.Array:
    """The column of Python objects; those not valid are NULL."""
    values = lane.values
    if lane.valid is not None:
        values = values.copy()
        values[~lane.valid] = None
    return pa.array(values.tolist(), kind)


def text_number_lane(array: pa.Array) -> Lane:
    """Numbers that are stored as text (128 and 256 bits, wide decimals), exact."""
    lane = object_lane(array)
    values = lane.values
    for at, text in enumerate(values):
        if text is None:
            values[at] = 0
        else:
            wide = decimal.Decimal(text)
            values[at] = int(text) if wide.as_tuple().exponent == 0 else wide
    return lane


def text_number_array(lane: Lane, kind: pa.DataType) -> pa.Array:
    """Exact numbers as text."""
    texts = np.empty(len(lane.values), object)
    texts[:] = [format(v, "f") if isinstance(v, decimal.Decimal) else str(v) for v in lane.values]
    return object_array(Lane(texts, lane.valid), kind)


def add_wide(left: Any, right: Any) -> Any:
    """Exact sum of two whole numbers or decimals."""
    if isinstance(left, decimal.Decimal) or isinstance(right, decimal.Decimal):
        return _WIDE.add(decimal.Decimal(left), decimal.Decimal(right))
    return left + right
