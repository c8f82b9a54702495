"""Values of user functions: Arrow columns to what JSON can say, and back to exact types."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

import pyarrow as pa

from engine.types import DataType, arrow_type, integer_range, zero_value

_DAY_MS = 86_400_000
_EPOCH = dt.date(1970, 1, 1)


class Unfit(Exception):
    """A value that the result's type cannot hold; `args[0]` says why."""


def kind_of(t: DataType) -> Any:
    """How values of a type are written for the function (see prelude.js)."""
    t = t.inner
    if t.is_float:
        return "f"
    if t.is_wide_integer:
        return "b"
    if t.is_temporal:
        return "t"
    if t.is_integer or t.name in ("bool", "decimal"):
        return "n"
    match t.name:
        case "array":
            return ["a", kind_of(t.args[0])]
        case "tuple":
            pairs = zip(t.field_names, t.args, strict=True)
            return ["o", [[name, kind_of(a)] for name, a in pairs]]
        case "map":
            return ["m", kind_of(t.args[0]), kind_of(t.args[1])]
        case _:
            return "s"


# -- out ----------------------------------------------------------------------------------------


def written(column: pa.Array, t: DataType) -> list[Any]:
    """The values of a column, as `kind_of` says."""
    t = t.inner
    if t.is_temporal:
        return _milliseconds(column)
    if t.is_float:
        values = column.to_pylist()
        return [v if v is None or math.isfinite(v) else _not_finite(v) for v in values]
    if t.name == "decimal":
        return [None if v is None else float(v) for v in column.to_pylist()]
    if t.is_wide_integer:
        return [None if v is None else str(v) for v in column.to_pylist()]
    if t.name == "array":
        return _lists(column, t)
    if t.name == "tuple":
        fields = [written(column.field(at), a) for at, a in enumerate(t.args)]
        rows = [list(row) for row in zip(*fields, strict=True)] if fields else []
        return _with_nulls(column, rows)
    if t.name == "map":
        return _maps(column, t)
    return column.to_pylist()


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _milliseconds(column: pa.Array) -> list[int | None]:
    kind = column.type
    if pa.types.is_date(kind):
        return [None if v is None else (v - _EPOCH).days * _DAY_MS for v in column.to_pylist()]
    numbers = column.cast(pa.int64()).to_pylist()
    if kind.unit in ("s", "ms"):
        factor = 1000 if kind.unit == "s" else 1
        return [None if v is None else v * factor for v in numbers]
    divisor = 1000 if kind.unit == "us" else 1_000_000
    return [None if v is None else v // divisor for v in numbers]


def _lists(column: pa.Array, t: DataType) -> list[Any]:
    flat = written(column.values, t.args[0])  # with what the offsets leave out
    offsets = column.offsets.to_pylist()
    rows = [flat[a:b] for a, b in pairwise(offsets)]
    return _with_nulls(column, rows)


def _maps(column: pa.Array, t: DataType) -> list[Any]:
    keys, items = written(column.keys, t.args[0]), written(column.items, t.args[1])
    pairs = [list(pair) for pair in zip(keys, items, strict=True)]
    offsets = column.offsets.to_pylist()
    rows = [pairs[a:b] for a, b in pairwise(offsets)]
    return _with_nulls(column, rows)


def _with_nulls(column: pa.Array, rows: list[Any]) -> list[Any]:
    if not column.null_count:
        return rows
    valid = column.is_valid().to_pylist()
    return [row if there else None for row, there in zip(rows, valid, strict=True)]


# -- back ---------------------------------------------------------------------------------------


def read_column(values: Sequence[Any], t: DataType) -> pa.Array:
    """A column of exactly the type. Raises Unfit with the place of the first value that is none.

    A value that is missing is NULL, or the zero of a type that is not nullable.
    """
    read = _reader(t)
    found: list[Any] = []
    for at, value in enumerate(values):
        try:
            found.append(read(value))
        except (ValueError, TypeError, OverflowError, InvalidOperation) as error:
            why = f": {error.args[0]}" if isinstance(error, Unfit) and error.args else ""
            raise Unfit(f"result {at + 1}, {str(value)[:60]}, is no {t}{why}") from None
        except Unfit as error:
            raise Unfit(f"result {at + 1}: {error.args[0]}") from None
    return pa.array(found, arrow_type(t))


Reader = Callable[[Any], Any]


def _reader(t: DataType) -> Reader:
    zero = zero_value(t)
    read = _plain_reader(t.inner)
    return lambda value: zero if value is None else read(value)


def _plain_reader(t: DataType) -> Reader:
    if t.is_wide_integer:
        return lambda v: str(int(v))
    if t.is_integer:
        return _integer(t)
    if t.is_float:
        return float
    if t.is_temporal:
        return _time(t)
    match t.name:
        case "bool":
            return bool
        case "decimal":
            return _decimal(t)
        case "array":
            return _array(t)
        case "tuple":
            return _tuple(t)
        case "map":
            return _map(t)
        case _:
            return str


def _integer(t: DataType) -> Reader:
    least, most = integer_range(t)

    def read(value: Any) -> int:
        number = int(value) if not isinstance(value, str) else int(value, 10)
        if not least <= number <= most:
            raise Unfit(f"{number} does not fit {t}")
        return number

    return read


def _time(t: DataType) -> Reader:
    if t.name in ("date", "date32"):
        return lambda v: _EPOCH + dt.timedelta(days=int(v) // _DAY_MS)
    unit = arrow_type(t).unit
    per_ms = {"s": 0, "ms": 1, "us": 1000, "ns": 1_000_000}[unit]

    def read(value: Any) -> int:
        if isinstance(value, str):
            raise Unfit(f"{value[:60]!r} is a text, no Date or number of milliseconds")
        return int(value) * per_ms if per_ms else int(value) // 1000

    return read


def _decimal(t: DataType) -> Reader:
    exponent = Decimal(1).scaleb(-t.scale)
    stored = pa.types.is_decimal(arrow_type(t))

    def read(value: Any) -> Any:
        number = Decimal(str(value)).quantize(exponent)
        return number if stored else str(number)

    return read


def _array(t: DataType) -> Reader:
    read = _reader(t.args[0])

    def whole(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Unfit(f"{str(value)[:60]} is no array")
        return [read(each) for each in value]

    return whole


def _tuple(t: DataType) -> Reader:
    fields = [(name, _reader(a)) for name, a in zip(t.field_names, t.args, strict=True)]

    def whole(value: Any) -> dict[str, Any]:
        if not isinstance(value, list):
            raise Unfit(f"{str(value)[:60]} is no object")
        return {name: read(v) for (name, read), v in zip(fields, value, strict=True)}

    return whole


def _map(t: DataType) -> Reader:
    key, item = _reader(t.args[0]), _reader(t.args[1])

    def whole(value: Any) -> list[tuple[Any, Any]]:
        return [(key(k), item(v)) for k, v in value]

    return whole
