"""Whole columns of typed JSON values to Arrow.

Per type: what the JSON decoder is told to expect, and how its Python values become the stored
array.

The fast path. A vector raises one of `CONVERSION_ERRORS` when some value needs the lenient path
(`engine.ingest.lenient`) or fits not at all; it never names the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from engine.compute import pc
from engine.errors import Code, SqlError
from engine.ingest.lenient import Reader, reader, scalar_reader
from engine.ingest.times import time_column
from engine.ingest.unfit import Unfit
from engine.types import (
    DECIMAL_STORED_DIGITS,
    TYPES_CACHED,
    DataType,
    arrow_type,
    integer_range,
    zero_value,
)

Values = Sequence[Any]  # decoded JSON: the one place where values are of any type
Vector = Callable[[Values], pa.Array]

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"^{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}$"


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type are read.

    `hint`: what msgspec decodes a value into (null included); `key_hint`: the same for keys of an
    object; `vector`: decoded values to the stored array, nulls kept; `read`: one raw JSON value,
    leniently.
    """

    type: DataType
    arrow: pa.DataType
    hint: Any
    key_hint: Any
    vector: Vector
    read: Reader

    def lenient(self, raws: Sequence[msgspec.Raw | None]) -> pa.Array:
        """A column of raw JSON values (None = null), one by one; raises Unfit with the row."""
        values: list[object] = []
        read = self.read
        for row, raw in enumerate(raws):
            try:
                values.append(None if raw is None else read(bytes(raw)))
            except Unfit as error:
                error.row = row
                raise
        return pa.array(values, self.arrow)


@lru_cache(maxsize=TYPES_CACHED)
def codec(t: DataType) -> Codec:
    """The codec of a type. Raises SqlError 43 for types that no column can have."""
    inner = t.inner
    if inner.is_interval or inner.name == "nothing":
        raise SqlError(f"a column cannot be of type {t}", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    hint, key_hint, vector = _parts(inner)
    return Codec(t, arrow_type(inner), hint, key_hint, vector, reader(inner))


def fill_zero(values: pa.Array, t: DataType) -> pa.Array:
    """Nulls as the type's zero, unless the type has null."""
    if values.null_count == 0 or t.is_nullable:
        return values
    zero = pa.scalar(zero_value(t), values.type)
    return pc.if_else(values.is_valid(), values, pa.repeat(zero, len(values)))


_Parts = tuple[Any, Any, Vector]


def _parts(t: DataType) -> _Parts:
    if t.is_integer:
        return _wide_integer(t) if t.is_wide_integer else _integer(t)
    return _FAMILIES[t.name](t)


def _optional(hint: Any) -> Any:
    return hint if hint is msgspec.Raw else hint | None


def _integer(t: DataType) -> _Parts:
    arrow = arrow_type(t)
    return int | None, int, lambda values: pa.array(values, arrow)


def _wide_integer(t: DataType) -> _Parts:
    low, high = integer_range(t)

    def canonical(value: int) -> str:
        if not low <= value <= high:
            raise OverflowError("integer out of range")
        return str(value)

    def vector(values: Values) -> pa.Array:
        # A text among the integers fails in the comparison and goes the lenient way.
        return pa.array([None if v is None else canonical(v) for v in values], pa.string())

    return int | str | None, str, vector


def _float(t: DataType) -> _Parts:
    arrow = arrow_type(t)

    def vector(values: Values) -> pa.Array:
        array = pa.array(values, arrow)
        if pc.any(pc.is_inf(array), min_count=0).as_py():
            raise OverflowError("float out of range")  # JSON has no infinity: a float32 overflowed
        return array

    # A number too large for 64 bits is refused by the JSON decoder.
    return float | None, str, vector if t.bits == 32 else lambda values: pa.array(values, arrow)


def _bool(t: DataType) -> _Parts:
    return bool | None, str, lambda values: pa.array(values, pa.bool_())


def _string(t: DataType) -> _Parts:
    return str | None, str, lambda values: pa.array(values, pa.string())


def _fixed_string(t: DataType) -> _Parts:
    length = int(t.parameters[0])

    def vector(values: Values) -> pa.Array:
        array = pa.array(values, pa.string())
        longest = pc.max(pc.binary_length(array)).as_py()
        if longest is not None and longest > length:
            raise ValueError("text too long")
        return array

    return str | None, str, vector


def _matching(pattern: str) -> Callable[[DataType], _Parts]:
    """Texts that are in canonical form already."""

    def make(t: DataType) -> _Parts:
        def vector(values: Values) -> pa.Array:
            array = pa.array(values, pa.string())
            if not pc.all(pc.match_substring_regex(array, pattern), min_count=0).as_py():
                raise ValueError("not canonical")
            return array

        return str | None, str, vector

    return make


def _read_each(t: DataType) -> _Parts:
    """Texts that only a reader can check."""
    read = scalar_reader(t)

    def vector(values: Values) -> pa.Array:
        return pa.array([None if v is None else read("text", v) for v in values], pa.string())

    return str | None, str, vector


def _enum(t: DataType) -> _Parts:
    members = pa.array(list(t.members), pa.string())

    def vector(values: Values) -> pa.Array:
        array = pa.array(values, pa.string())
        known = pc.or_(pc.is_in(array, members), array.is_null())
        if not pc.all(known, min_count=0).as_py():
            raise ValueError("no member")
        return array

    return str | int | None, str, vector


def _json(t: DataType) -> _Parts:
    read = reader(t)

    def vector(values: Values) -> pa.Array:
        return pa.array([None if v is None else read(bytes(v)) for v in values], pa.string())

    return msgspec.Raw, str, vector


def _decimal(t: DataType) -> _Parts:
    if t.precision > DECIMAL_STORED_DIGITS:
        return msgspec.Raw, str, _json(t)[2]
    arrow = arrow_type(t)
    quantum = Decimal(1).scaleb(-t.scale)
    context = Context(prec=t.precision)

    def cut(value: Decimal) -> Decimal:
        # Never hand Arrow any other exponent: 1e-999999999 ends the process (pyarrow 26).
        return value.quantize(quantum, ROUND_DOWN, context)

    def vector(values: Values) -> pa.Array:
        return pa.array([None if v is None else cut(v) for v in values], arrow)

    return Decimal | None, str, vector


def _date(t: DataType) -> _Parts:
    def vector(values: Values) -> pa.Array:
        return pa.array(values, pa.string()).cast(pa.date32())

    return str | int | None, str, vector


def _time(t: DataType) -> _Parts:
    return str | int | float | None, str, lambda values: time_column(values, t)


def _lengths(values: Values) -> tuple[pa.Array, pa.Array | None]:
    """Offsets of the flattened values, and the mask of null ones."""
    lengths = np.fromiter((0 if v is None else len(v) for v in values), np.int64, len(values))
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.array(offsets), _null_mask(values)


def _null_mask(values: Values) -> pa.Array | None:
    mask = [v is None for v in values]
    return pa.array(mask, pa.bool_()) if any(mask) else None


def _array(t: DataType) -> _Parts:
    inner = codec(t.args[0])
    arrow = arrow_type(t)

    def vector(values: Values) -> pa.Array:
        flat = list(chain.from_iterable(v for v in values if v is not None))
        child = fill_zero(inner.vector(flat), t.args[0])
        offsets, mask = _lengths(values)
        return pa.ListArray.from_arrays(offsets, child, type=arrow, mask=mask)

    return list[_optional(inner.hint)] | None, str, vector


def _tuple(t: DataType) -> _Parts:
    """A JSON array, or an object by field names (missing ones are zero, unknown ones ignored)."""
    inners = [codec(a) for a in t.args]
    hints = tuple(_optional(inner.hint) for inner in inners)
    arrow = cast(pa.StructType, arrow_type(t))
    slots = [f"f{at}" for at in range(len(inners))]
    absent = (None,) * len(inners)
    by_name = msgspec.defstruct(
        "ByName",
        [(slot, hint, None) for slot, hint in zip(slots, hints, strict=True)],
        rename=dict(zip(slots, t.field_names, strict=True)),
        gc=False,
    )
    fields = [arrow.field(at) for at in range(arrow.num_fields)]
    as_tuple = msgspec.structs.astuple

    def row(value: Any) -> tuple[Any, ...]:
        if value is None:
            return absent
        if type(value) is tuple:
            return value
        parts = as_tuple(value)
        if parts == absent:  # an empty object, or one with other names: the other reader knows
            raise Unfit(f"no name of the object is a field of {t}")
        return parts

    def vector(values: Values) -> pa.Array:
        columns = zip(*map(row, values), strict=True) if values else [()] * len(inners)
        children = [
            fill_zero(inner.vector(column), inner.type)
            for inner, column in zip(inners, columns, strict=True)
        ]
        return pa.StructArray.from_arrays(children, fields=fields, mask=_null_mask(values))

    return tuple[hints] | by_name | None, str, vector  # pyright: ignore[reportInvalidTypeForm]


def _map(t: DataType) -> _Parts:
    key, item = codec(t.args[0]), codec(t.args[1])
    arrow = arrow_type(t)

    def vector(values: Values) -> pa.Array:
        present = [v for v in values if v is not None]
        keys = key.vector(list(chain.from_iterable(present)))
        items = item.vector(list(chain.from_iterable(v.values() for v in present)))
        offsets, mask = _lengths(values)
        filled = fill_zero(items, t.args[1])
        return pa.MapArray.from_arrays(offsets, keys, filled, type=arrow, mask=mask)

    return dict[key.key_hint, _optional(item.hint)] | None, str, vector


_FAMILIES: dict[str, Callable[[DataType], _Parts]] = {
    "float32": _float,
    "float64": _float,
    "bool": _bool,
    "string": _string,
    "fixed_string": _fixed_string,
    "json": _json,
    "uuid": _matching(_UUID),
    "ipv4": _matching(_IPV4),
    "ipv6": _read_each,
    "enum8": _enum,
    "enum16": _enum,
    "decimal": _decimal,
    "date": _date,
    "date32": _date,
    "datetime": _time,
    "datetime64": _time,
    "array": _array,
    "tuple": _tuple,
    "map": _map,
}
