"""Result rows as Arrow, column by column; of Arrow, pandas and polars make theirs.

| type | Arrow |
|---|---|
| int8 … uint64, float32, float64, bool | the same |
| int128, uint128 | decimal256(39, 0) |
| int256, uint256, decimals beyond 76 digits | string: Arrow has no type that wide |
| decimal(p, s) | decimal128(p, s), beyond 38 digits decimal256(p, s) |
| date, date32 | date32 |
| datetime, datetime64(p) | timestamp[s]; [ms] up to p = 3, [us] up to 6, else [ns]; zone or UTC |
| array, map, tuple | list, map, struct |
| interval_* | int64, the number of units |
| string, json, uuid, ipv4, ipv6, enum8, enum16 | string |

Each field carries the server's name of its type in its metadata, under `tailrace.type`.
"""

from __future__ import annotations

import dataclasses
import datetime
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from controlplane.clientlib.answers import Column
from controlplane.clientlib.column_types import ColumnType, parse
from controlplane.clientlib.errors import ClientError
from controlplane.clientlib.values import FLOATS, TIMES, WIDE, Row, is_integer, row_decoder

TYPE_KEY: Final = b"tailrace.type"
DECIMAL128_DIGITS: Final = 38
DECIMAL256_DIGITS: Final = 76
WIDE_DIGITS: Final = 39  # of 2^128
UTC_NAMES: Final = ("", "UTC", "Etc/UTC", "GMT")
# Arrow follows the tables of the zone files, which end in 2037; Python goes on by rule.
TABLES_END: Final = 2_145_916_800
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_compute: Any = pc
Values = Sequence[Any]


class BatchReader:
    """Makes record batches of one result's pieces of JSON.

    With `narrow` numbers of more than 38 digits are texts, as for those who have no decimal256.
    """

    def __init__(self, header: Sequence[Column], *, narrow: bool = False) -> None:
        types = [parse(column.type) for column in header]
        self._types = [_narrowed(t) for t in types] if narrow else types
        self.schema = pa.schema(
            [
                _field(column.name, t, {TYPE_KEY: column.type.encode()})
                for column, t in zip(header, self._types, strict=True)
            ]
        )
        self._decode = row_decoder(header)

    def batch(self, piece: bytes) -> pa.RecordBatch:
        """The rows of one piece, an array of row arrays. ClientError when they do not fit."""
        try:
            return self.of_rows(self._decode(piece))
        except (msgspec.MsgspecError, pa.ArrowException) as error:
            raise ClientError(f"The rows cannot be read as their columns say: {error}.") from error

    def of_rows(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """Rows that are decoded already."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._types)
        arrays = [to_array(v, t) for v, t in zip(columns, self._types, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def table(self, pieces: Iterator[bytes]) -> pa.Table:
        """All rows; a batch for each piece."""
        return pa.Table.from_batches([self.batch(piece) for piece in pieces], self.schema)


def _narrowed(t: ColumnType) -> ColumnType:
    """The type with the next wider one, which is text in Arrow, in place of each decimal256."""
    t = dataclasses.replace(t, args=tuple(_narrowed(arg) for arg in t.args))
    if t.family in WIDE:
        return dataclasses.replace(t, family="int256")
    if t.family == "decimal" and t.numbers[0] > DECIMAL128_DIGITS:
        return dataclasses.replace(t, numbers=(DECIMAL256_DIGITS + 1, t.numbers[1]))
    return t


def to_pandas(table: pa.Table, pandas: Any) -> Any:
    """A pandas.DataFrame; nullable integers keep their digits, which floats would not."""
    frame = table.to_pandas()
    kinds = {pa.int8(): "Int8", pa.int16(): "Int16", pa.int32(): "Int32", pa.int64(): "Int64"}
    kinds |= {t: f"U{n}" for t, n in zip(_UNSIGNED, kinds.values(), strict=True)}
    for at, field in enumerate(table.schema):
        if field.nullable and field.type in kinds:
            kind = getattr(pandas, f"{kinds[field.type]}Dtype")()
            frame.isetitem(at, table.column(at).to_pandas(types_mapper=lambda _, kind=kind: kind))
    return frame


def arrow_type(t: ColumnType) -> pa.DataType:
    """What a column of this type is in Arrow; see the module."""
    family = t.family
    if family in _PLAIN:
        return _PLAIN[family]
    if family == "decimal":
        precision, scale = t.numbers
        if precision > DECIMAL256_DIGITS:
            return pa.string()
        wide = precision > DECIMAL128_DIGITS
        return pa.decimal256(precision, scale) if wide else pa.decimal128(precision, scale)
    if family in ("datetime", "datetime64"):
        return pa.timestamp(_unit(t), "UTC" if t.zone in UTC_NAMES else t.zone)
    if family == "array":
        return pa.list_(_field("item", t.args[0]))
    if family == "map":
        return pa.map_(_field("key", t.args[0]).with_nullable(False), _field("value", t.args[1]))
    if family == "tuple":
        return pa.struct([_field(n, a) for n, a in zip(t.fields, t.args, strict=True)])
    return pa.int64() if family.startswith("interval_") else pa.string()


def _plain() -> dict[str, pa.DataType]:
    names = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    table = {name: getattr(pa, name)() for name in (*names, "float32", "float64")}
    wide = pa.decimal256(WIDE_DIGITS, 0)
    dates = dict.fromkeys(("date", "date32"), pa.date32())
    others = {"bool": pa.bool_(), "nothing": pa.null(), "int128": wide, "uint128": wide}
    return {**table, **others, **dates}


_PLAIN: Final = _plain()
_UNSIGNED: Final = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())


def _field(name: str, t: ColumnType, metadata: dict[bytes, bytes] | None = None) -> pa.Field:
    return pa.field(name, arrow_type(t), t.nullable, metadata)


def _unit(t: ColumnType) -> str:
    scale = t.numbers[0] if t.numbers else 0
    if t.family == "datetime":
        return "s"
    return "ms" if scale <= 3 else "us" if scale <= 6 else "ns"


def to_array(values: Values, t: ColumnType) -> pa.Array:
    """A column of JSON values as Arrow."""
    family = t.family
    if family in _NESTED:
        return _NESTED[family](values, t)
    if family in FLOATS:
        return _floats(values, arrow_type(t))
    if family in TIMES or family in WIDE:
        return from_texts(values, t)
    wanted = arrow_type(t)
    if family == "decimal" and pa.types.is_string(wanted):
        return pa.array([None if v is None else format(v, "f") for v in values], wanted)
    if is_integer(family) or family in _PLAIN or family == "decimal":
        return pa.array(values, wanted)
    if any(v is not None and not isinstance(v, str) for v in values):  # a type not known here
        values = [v if v is None or isinstance(v, str) else _json(v) for v in values]
    return pa.array(values, wanted)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def from_texts(values: Values, t: ColumnType) -> pa.Array:
    """A column of texts as Arrow: dates, times, wide integers, and keys of maps of any type."""
    texts = pa.array(values, pa.string())
    if t.family not in ("datetime", "datetime64"):
        return texts.cast(arrow_type(t))
    local = texts.cast(pa.timestamp(_unit(t)))
    if t.zone in UTC_NAMES:
        return local.cast(arrow_type(t))
    return _instants(local, t.zone)


def _floats(values: Values, wanted: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # some are inf, -inf or nan
        return pa.array([float(v) if isinstance(v, str) else v for v in values], wanted)


def _instants(local: pa.Array, zone: str) -> pa.Array:
    """Instants of wall-clock times; of two the earlier, since the text does not tell them apart."""
    unit = local.type.unit
    latest = _compute.max(local)
    if not latest.is_valid or latest.value // _PER_SECOND[unit] < TABLES_END:
        try:
            return _compute.assume_timezone(
                local, zone, ambiguous="earliest", nonexistent="earliest"
            )
        except pa.ArrowInvalid:  # Arrow reads the system's zone files only; Python has its own too
            pass
    return _instants_by_rule(local, zone)


def _instants_by_rule(local: pa.Array, zone: str) -> pa.Array:
    try:
        info = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ClientError(f"The zone {zone!r} is not known here; install tzdata.") from error
    unit = local.type.unit
    encoded = local.cast(pa.int64()).dictionary_encode()
    epoch = datetime.datetime(1970, 1, 1)
    shifted: list[int] = []
    for ticks in encoded.dictionary.to_pylist():  # once for each distinct time
        clock = epoch + datetime.timedelta(seconds=ticks // _PER_SECOND[unit])
        offset = clock.replace(tzinfo=info).utcoffset() or datetime.timedelta()
        shifted.append(ticks - int(offset.total_seconds()) * _PER_SECOND[unit])
    instants = pa.array(shifted, pa.int64()).take(encoded.indices)
    return instants.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, zone))


def _bounds(values: Values) -> pa.Array:
    """Borders of lists in their common child; null where a list is null."""
    ends = list(accumulate((len(v) if v is not None else 0 for v in values), initial=0))
    nulls = [None if v is None else end for v, end in zip(values, ends, strict=False)]
    return pa.array([*nulls, ends[-1]], pa.int32())


def _lists(values: Values, t: ColumnType) -> pa.Array:
    inner = list(chain.from_iterable(v for v in values if v is not None))
    return pa.ListArray.from_arrays(_bounds(values), to_array(inner, t.args[0]), arrow_type(t))


def _maps(values: Values, t: ColumnType) -> pa.Array:
    present = [v for v in values if v is not None]
    keys = from_texts(list(chain.from_iterable(present)), t.args[0])
    items = to_array(list(chain.from_iterable(v.values() for v in present)), t.args[1])
    return pa.MapArray.from_arrays(_bounds(values), keys, items, arrow_type(t))


def _tuples(values: Values, t: ColumnType) -> pa.Array:
    if not t.args:
        return pa.array([None if v is None else {} for v in values], arrow_type(t))
    empty = (None,) * len(t.args)
    parts = zip(*(empty if v is None else v for v in values), strict=True)
    columns = list(parts) if values else [()] * len(t.args)
    arrays = [to_array(c, a) for c, a in zip(columns, t.args, strict=True)]
    absent = pa.array([v is None for v in values], pa.bool_())
    fields = list(arrow_type(t))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=absent)


_NESTED: Final[dict[str, Callable[[Values, ColumnType], pa.Array]]] = {
    "array": _lists,
    "map": _maps,
    "tuple": _tuples,
}
