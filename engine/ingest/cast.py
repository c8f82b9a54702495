"""Arrow columns of any type, as DuckDB computed them, to a column's stored form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pyarrow as pa

from engine.compute import pc
from engine.encode import json_values
from engine.errors import Code
from engine.ingest.codec import codec
from engine.ingest.lenient import scalar_reader
from engine.ingest.times import epoch_column, text_ticks, to_unit
from engine.ingest.unfit import CONVERSION_ERRORS, Unfit
from engine.types import (
    BOOL,
    DATE,
    FLOAT32,
    FLOAT64,
    STRING,
    DataType,
    array,
    arrow_type,
    datetime64,
    decimal,
    map_of,
    nullable,
    tuple_of,
)

_UNIT_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
# Texts of these are stored as they are; of the others only what the reader accepts.
_PLAIN_TEXTS = frozenset(("string",))


def cast_column(values: pa.Array, t: DataType) -> pa.Array:
    """The column as `arrow_type(t)`; nulls stay. Raises Unfit with the row of the first bad value.

    Numbers that the column cannot hold are refused, as is a fraction in an integer; texts are read
    as an ingest body's would be.
    """
    inner = t.inner
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type):
        values = values.cast(pa.string())
    stored_text = pa.types.is_string(arrow_type(inner))
    if values.type == arrow_type(inner) and not (inner.is_time or stored_text):
        return values
    if inner.name in _PLAIN_TEXTS and pa.types.is_string(values.type):
        return values
    for attempt in _attempts(values.type, inner):
        try:
            return attempt(values, inner)
        except CONVERSION_ERRORS:
            continue
    return _one_by_one(values, inner)


Attempt = Callable[[pa.Array, DataType], pa.Array]


def _attempts(source: pa.DataType, t: DataType) -> Sequence[Attempt]:
    """Conversions of the whole column that are worth trying, in order."""
    is_number = pa.types.is_integer(source) or pa.types.is_floating(source)
    if pa.types.is_timestamp(source):
        return (_from_time,) if t.is_time or t.is_date else ()
    if pa.types.is_date(source):
        return (_from_date,) if t.is_time else ()
    if pa.types.is_string(source):
        return (_from_text,) if not t.is_nested else ()
    if pa.types.is_integer(source) and t.is_time:
        return (lambda values, target: epoch_column(values.cast(pa.int64()), target),)
    if (is_number or pa.types.is_decimal(source) or pa.types.is_boolean(source)) and (
        t.is_numeric and not t.is_wide_integer
    ):
        return (_from_number,)
    if is_number and t.name == "bool":
        return (lambda values, target: pc.not_equal(values, pa.scalar(0, values.type)),)
    return ()


def _from_time(values: pa.Array, t: DataType) -> pa.Array:
    if values.type.tz is not None:
        values = values.cast(pa.timestamp(values.type.unit, "UTC"))
        values = values.cast(pa.timestamp(values.type.unit))
    if t.is_date:
        seconds = to_unit(values, DataType("datetime")).cast(pa.int64())
        days = pc.floor(pc.divide(seconds.cast(pa.float64()), 86_400.0))
        return days.cast(pa.int32()).cast(pa.date32())
    return to_unit(values, t)


def _from_date(values: pa.Array, t: DataType) -> pa.Array:
    return to_unit(values.cast(pa.timestamp("s")), t)


def _from_text(values: pa.Array, t: DataType) -> pa.Array:
    if t.is_time:
        return text_ticks(values, t)
    read = scalar_reader(t)
    if pa.types.is_string(arrow_type(t)):
        texts = values.to_pylist()
        return pa.array([None if v is None else read("text", v) for v in texts], pa.string())
    return values.cast(arrow_type(t))


def _from_number(values: pa.Array, t: DataType) -> pa.Array:
    target = arrow_type(t)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if t.is_integer and pa.types.is_decimal(values.type):
        values = values.cast(pa.decimal128(38, 0))
    elif t.is_decimal and pa.types.is_floating(values.type):
        raise TypeError("one by one: through the shortest text of the float")
    cast = values.cast(target)
    if (
        target == pa.float32()
        and pc.any(pc.and_(pc.is_inf(cast), pc.is_finite(values)), min_count=0).as_py()
    ):
        raise OverflowError("float out of range")
    return cast


def _one_by_one(values: pa.Array, t: DataType) -> pa.Array:
    """Through the JSON form of each value: right for everything that can be converted at all."""
    texts = json_values(values, dialect_type(values.type))
    raws = [msgspec.Raw(_encode(v)) for v in texts]
    try:
        return codec(t).lenient(raws)
    except Unfit as error:
        error.code = Code.TYPE_MISMATCH
        raise


_encode = msgspec.json.Encoder(decimal_format="number").encode


def dialect_type(t: pa.DataType) -> DataType:
    """A dialect type for an Arrow type that a query computed; all parts nullable."""
    if pa.types.is_list(t):
        return array(nullable(dialect_type(t.value_type)))
    if pa.types.is_map(t):
        return map_of(dialect_type(t.key_type), nullable(dialect_type(t.item_type)))
    if pa.types.is_struct(t):
        fields = [t.field(at) for at in range(t.num_fields)]
        inner = tuple(nullable(dialect_type(f.type)) for f in fields)
        return tuple_of(inner, tuple(f.name for f in fields))
    if pa.types.is_decimal(t):
        return decimal(t.precision, t.scale)
    if pa.types.is_timestamp(t):
        return datetime64(_UNIT_DIGITS[t.unit])
    if pa.types.is_integer(t):
        return DataType(str(t))
    if pa.types.is_interval(t):
        return DataType("interval_microsecond")
    return _BY_ARROW.get(t, STRING)


_BY_ARROW = {
    pa.float32(): FLOAT32,
    pa.float64(): FLOAT64,
    pa.bool_(): BOOL,
    pa.date32(): DATE,
    pa.null(): DataType("nothing"),
}
