"""Rows of the Kronicle API to columns: pieces by their types, single rows where some are bad."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa

from engine.batch import TP_TIME
from engine.compute import pc
from engine.protocol import Definition
from engine.sql.definitions import stored_columns
from engine.timeseries.kronicle_messages import Column
from engine.timeseries.kronicle_schema import RECEIVED, TIME, with_time
from engine.timeseries.kronicle_values import (
    INT64_MAX,
    INT64_MIN,
    TIME_US_MAX,
    TIME_US_MIN,
    Unfit,
    check_value,
    json_text,
    time_us,
)
from engine.types import arrow_type

# Rows that are decoded in one call, which holds the interpreter.
PIECE_ROWS: Final = 2_048
# Rows of one request of which is said why they are bad.
BAD_ROWS_SHOWN_MAX: Final = 1_000
SHAPES_MAX: Final = 256  # decoders kept, one per schema

_UNSET: Final = msgspec.UNSET
_HINTS: Final[dict[str, Any]] = {
    "str": str,
    "int": Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)],
    "float": float,
    "bool": bool,
    "uuid": uuid.UUID,
    "datetime": str | int,
    "dict": dict[str, Any],
    "list": list[Any],
}
_ARROW: Final = {
    "str": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "uuid": pa.string(),
    "datetime": pa.timestamp("us"),
    "dict": pa.string(),
    "list": pa.string(),
}
_MICROSECONDS: Final = pa.timestamp("us")
_NO_FIELD: Final = re.compile(r"[\x00-\x1f\\\"]")
_decode_any: Final = msgspec.json.Decoder().decode
# A row is looked at in full only when it is decoded: a text in it may be no UTF-8, say.
_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Odd(Exception):
    """A piece that is not good as a whole: its rows are looked at one by one."""


@dataclass(slots=True)
class Rows:
    """The good rows of a request as the columns of the user, and why others are bad."""

    columns: dict[str, pa.Array]
    count: int
    bad: dict[str, str] = field(default_factory=dict[str, str])
    bad_count: int = 0


class RowShape:
    """Compiled for one schema. May be used by several threads."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = with_time(columns)
        fields: list[tuple[str, Any, Any]] = []
        names: dict[str, str] = {}
        for at, column in enumerate(self._columns):
            hint: Any = _HINTS[column.type]
            lacking = column.optional or column.stored == TIME
            if lacking:
                hint = hint | None
            twice = column.name != column.stored
            # A row may use the user's name or the normalised one.
            for prefix, name in (("c", column.name), ("n", column.stored))[: 1 + twice]:
                kind: Any = hint | msgspec.UnsetType if twice else hint
                default = _UNSET if twice else None if lacking else msgspec.NODEFAULT
                fields.append((f"{prefix}{at}", kind, default))
                names[f"{prefix}{at}"] = name
        # Fields with a default come behind those without.
        fields.sort(key=lambda each: each[2] is not msgspec.NODEFAULT)
        defined = [f[:2] if f[2] is msgspec.NODEFAULT else f for f in fields]
        # A struct's field cannot be called so: rows with such columns are looked at one by one.
        self._decode: Callable[[bytes], list[Any]] | None = None
        if not any(_NO_FIELD.search(name) for name in names.values()):
            row = msgspec.defstruct("Row", defined, rename=names, gc=False)
            self._decode = msgspec.json.Decoder(list[row]).decode

    def convert(self, raws: Sequence[msgspec.Raw]) -> Rows:
        """All rows of a request, good ones as columns. Blocks for the work."""
        total = len(raws)
        pieces: list[list[pa.Array]] = []
        found = Rows({}, 0)
        for start in range(0, total, PIECE_ROWS):
            piece = raws[start : start + PIECE_ROWS]
            try:
                arrays = self._whole(piece)
            except (_Odd, *_NO_JSON, pa.ArrowException, OverflowError):
                arrays = self._one_by_one(piece, start, total, found)
            pieces.append(arrays)
            found.count += len(arrays[0])
        for at, column in enumerate(self._columns):
            found.columns[column.stored] = pa.concat_arrays([piece[at] for piece in pieces])
        return found

    def _whole(self, piece: Sequence[msgspec.Raw]) -> list[pa.Array]:
        if self._decode is None:
            raise _Odd
        rows = self._decode(b"[" + b",".join(piece) + b"]")
        arrays: list[pa.Array] = []
        for at, column in enumerate(self._columns):
            values = list(map(attrgetter(f"c{at}"), rows))
            if column.name != column.stored:
                values = _merged(values, list(map(attrgetter(f"n{at}"), rows)), column)
            arrays.append(_array(column, values))
        return arrays

    def _one_by_one(
        self, piece: Sequence[msgspec.Raw], start: int, total: int, found: Rows
    ) -> list[pa.Array]:
        """The good rows of a piece; of bad ones is written down why."""
        width = len(str(total))
        good: list[list[Any]] = []
        for number, raw in enumerate(piece, start + 1):
            try:
                good.append(self._row(_decoded(raw)))
            except Unfit as error:
                found.bad_count += 1
                if len(found.bad) < BAD_ROWS_SHOWN_MAX:
                    found.bad[f"row_{number:0{width}}"] = str(error)
        columns = list(zip(*good, strict=True)) if good else [()] * len(self._columns)
        return [
            pa.array(values, _ARROW[column.type])
            for column, values in zip(self._columns, columns, strict=True)
        ]

    def _row(self, row: Any) -> list[Any]:
        if not isinstance(row, dict):
            raise Unfit("Expected an object of column -> value")
        return [_value(column, row) for column in self._columns]


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return _decode_any(raw)
    except RecursionError:
        raise Unfit("The row is nested too deeply") from None
    except _NO_JSON as error:
        raise Unfit(f"The row is not valid JSON: {error}") from None


def _value(column: Column, row: dict[str, Any]) -> Any:
    for name in (column.name, column.stored):
        if name in row:
            value = row[name]
            break
    else:
        if column.optional or column.stored == TIME:
            return None
        raise Unfit(f"Column '{column.name}' is missing")
    if value is None and column.stored == TIME:
        return None
    return check_value(column, value)


def _merged(values: list[Any], others: list[Any], column: Column) -> list[Any]:
    """The values under either name; the user's wins."""
    values = [o if v is _UNSET else v for v, o in zip(values, others, strict=True)]
    if _UNSET not in values:
        return values
    if not (column.optional or column.stored == TIME):
        raise _Odd
    return [None if v is _UNSET else v for v in values]


def _array(column: Column, values: list[Any]) -> pa.Array:
    match column.type:
        case "datetime":
            return _times(values)
        case "uuid":
            values = [None if v is None else str(v) for v in values]
        case "dict" | "list":
            values = [None if v is None else json_text(v) for v in values]
        case _:
            pass
    return pa.array(values, _ARROW[column.type])


def _times(values: list[Any]) -> pa.Array:
    """Times of texts, which mostly are all of one form, or of epoch seconds."""
    try:
        texts = pa.array(values, pa.string())
    except pa.ArrowException:  # some are numbers
        return _single_times(values)
    for wanted in (pa.timestamp("us", "UTC"), _MICROSECONDS):
        try:
            found = texts.cast(wanted).cast(_MICROSECONDS)
        except pa.ArrowException:
            continue
        bounds = pc.min_max(found.cast(pa.int64())).as_py()
        if not TIME_US_MIN <= (bounds["min"] or 0) <= (bounds["max"] or 0) <= TIME_US_MAX:
            raise _Odd
        return found
    return _single_times(values)


def _single_times(values: list[Any]) -> pa.Array:
    try:
        return pa.array([None if v is None else time_us(v) for v in values], _MICROSECONDS)
    except Unfit:
        raise _Odd from None


@lru_cache(maxsize=SHAPES_MAX)
def shape_of(columns: tuple[Column, ...]) -> RowShape:
    """The shape of a schema."""
    return RowShape(columns)


def stored_batch(stream: Definition, rows: Rows, now_us: int) -> pa.RecordBatch:
    """Rows as the stream stores them: with the time of arrival, which is also that of rows without
    a time. Rows of one request arrive one after the other, so that their order is known."""
    arrival = pa.array(range(now_us, now_us + rows.count), pa.int64()).cast(_MICROSECONDS)
    time = rows.columns[TIME]
    if time.null_count:
        time = pc.if_else(time.is_valid(), time, arrival)
    found = {**rows.columns, TIME: time, RECEIVED: arrival}
    return batch_of(stream, found, time)


def batch_of(stream: Definition, found: dict[str, pa.Array], time: pa.Array) -> pa.RecordBatch:
    """Columns as a stream stores them; `_tp_time` is `time`."""
    arrays: list[pa.Array] = []
    fields: list[pa.Field] = []
    for column in stored_columns(stream):
        wanted = arrow_type(column.type)
        array = time if column.name == TP_TIME else found[column.name]
        arrays.append(array if array.type == wanted else array.cast(wanted, safe=False))
        fields.append(pa.field(column.stored or column.name, wanted))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
