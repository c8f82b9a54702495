"""One table of types: dialect name, Arrow storage, DuckDB storage, zero value.

Storage in Arrow (log, operators) and in DuckDB per family:
int8..int64, uint8..uint64, float32, float64, bool: the same width. int128, int256, uint128,
uint256, uuid, ipv4, ipv6, enum8, enum16, json, fixed_string, string: string. decimal(p<=38, s):
decimal128, wider: string. date, date32: date32. datetime: timestamp[s]. datetime64(p): timestamp
[ms] for p <= 3, [us] for p <= 6, else [ns]; always UTC, the zone is display only. array: list;
tuple: struct (unnamed fields are called 1, 2, ...); map: map; nullable, low_cardinality: the inner.
Columns are never null unless nullable(T). interval_*: INTERVAL, which holds whole microseconds;
interval_nanosecond: BIGINT. nothing (the type of NULL): int8.

Names are parsed by `engine.type_parser`, common types are found by `engine.type_promotion`.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa

TYPES_CACHED = 4096  # entries of each table of what follows from a type
DECIMAL_STORED_DIGITS = 38  # wider decimals are text: neither DuckDB nor decimal128 holds them

_SIGNED = ("int8", "int16", "int32", "int64", "int128", "int256")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64", "uint128", "uint256")
_INTEGERS = frozenset(_SIGNED + _UNSIGNED)
_WIDE = frozenset(("int128", "int256", "uint128", "uint256"))
_FLOATS = frozenset(("float32", "float64"))
_TEXTS = frozenset(("string", "fixed_string"))
_TIMES = frozenset(("datetime", "datetime64"))
_DATES = frozenset(("date", "date32"))
_ENUMS = frozenset(("enum8", "enum16"))
_WRAPPERS = frozenset(("nullable", "low_cardinality"))

# What one of a unit is: months, nanoseconds.
INTERVAL_UNITS = {
    "nanosecond": (0, 1),
    "microsecond": (0, 1_000),
    "millisecond": (0, 1_000_000),
    "second": (0, 1_000_000_000),
    "minute": (0, 60_000_000_000),
    "hour": (0, 3_600_000_000_000),
    "day": (0, 86_400_000_000_000),
    "week": (0, 604_800_000_000_000),
    "month": (1, 0),
    "quarter": (3, 0),
    "year": (12, 0),
}


@dataclass(frozen=True, slots=True)
class DataType:
    """A dialect type. `str()` gives the canonical lower-case name, such as `datetime64(3, 'UTC')`.

    `name`: the family (int32, string, datetime64, decimal, array, tuple, map, nullable, ...).
    `args`: inner types of array, map, tuple, nullable and low_cardinality. `parameters`: numbers
    and texts: (precision, scale), (length), (scale[, zone]), (zone), and for enums name and number
    in turn ('a', 1, 'b', 2). `fields`: field names of a tuple, empty texts when unnamed.
    """

    name: str
    args: tuple[DataType, ...] = ()
    parameters: tuple[int | str, ...] = ()
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return type_name(self)

    @property
    def is_nullable(self) -> bool:
        """Whether a value may be NULL."""
        if self.name == "low_cardinality":
            return self.args[0].is_nullable
        return self.name in ("nullable", "nothing")

    @property
    def inner(self) -> DataType:
        """The type without nullable and low_cardinality around it."""
        return self.args[0].inner if self.name in _WRAPPERS else self

    @property
    def is_integer(self) -> bool:
        """Integers of any width (of the inner type, as all `is_` below)."""
        return self.inner.name in _INTEGERS

    @property
    def is_wide_integer(self) -> bool:
        """128 and 256 bits: stored as text."""
        return self.inner.name in _WIDE

    @property
    def is_signed(self) -> bool:
        """Integers that can be negative."""
        return self.inner.name in _SIGNED

    @property
    def is_float(self) -> bool:
        """float32, float64."""
        return self.inner.name in _FLOATS

    @property
    def is_decimal(self) -> bool:
        """decimal(p, s)."""
        return self.inner.name == "decimal"

    @property
    def is_numeric(self) -> bool:
        """Integers, floats and decimals; not bool."""
        inner = self.inner.name
        return inner in _INTEGERS or inner in _FLOATS or inner == "decimal"

    @property
    def is_string(self) -> bool:
        """string, fixed_string."""
        return self.inner.name in _TEXTS

    @property
    def is_date(self) -> bool:
        """date, date32."""
        return self.inner.name in _DATES

    @property
    def is_time(self) -> bool:
        """datetime, datetime64: what windows may use."""
        return self.inner.name in _TIMES

    @property
    def is_temporal(self) -> bool:
        """Dates and date-times."""
        return self.is_date or self.is_time

    @property
    def is_interval(self) -> bool:
        """interval_second and the like."""
        return self.inner.name.startswith("interval_")

    @property
    def is_enum(self) -> bool:
        """enum8, enum16."""
        return self.inner.name in _ENUMS

    @property
    def is_nested(self) -> bool:
        """array, tuple, map."""
        return self.inner.name in ("array", "tuple", "map")

    @property
    def bits(self) -> int:
        """Width of an integer or float."""
        return int(self.inner.name.lstrip("uintfloa"))

    @property
    def precision(self) -> int:
        """Digits of a decimal."""
        return int(self.inner.parameters[0])

    @property
    def scale(self) -> int:
        """Digits after the point of a decimal or datetime64; 0 for datetime."""
        inner = self.inner
        if inner.name == "decimal":
            return int(inner.parameters[1])
        return int(inner.parameters[0]) if inner.name == "datetime64" else 0

    @property
    def zone(self) -> str:
        """Display zone of a datetime or datetime64, '' = UTC without saying so."""
        inner = self.inner
        at = 1 if inner.name == "datetime64" else 0
        return str(inner.parameters[at]) if self.is_time and len(inner.parameters) > at else ""

    @property
    def members(self) -> dict[str, int]:
        """Names and numbers of an enum, in declared order."""
        pairs = self.inner.parameters
        return {str(pairs[i]): int(pairs[i + 1]) for i in range(0, len(pairs), 2)}

    @property
    def field_names(self) -> tuple[str, ...]:
        """Field names of a tuple as stored: unnamed fields are 1, 2, ..."""
        inner = self.inner
        given = inner.fields or ("",) * len(inner.args)
        return tuple(name or str(at) for at, name in enumerate(given, 1))


def nullable(t: DataType) -> DataType:
    """The nullable form of a type; itself if it is nullable already."""
    if t.is_nullable:
        return t
    if t.name == "low_cardinality":
        return DataType("low_cardinality", (nullable(t.args[0]),))
    return DataType("nullable", (t,))


def not_nullable(t: DataType) -> DataType:
    """The type of the same values without NULL."""
    if t.name == "low_cardinality":
        return DataType("low_cardinality", (not_nullable(t.args[0]),))
    return t.args[0] if t.name == "nullable" else t


def array(t: DataType) -> DataType:
    """array(T)."""
    return DataType("array", (t,))


def tuple_of(args: tuple[DataType, ...], fields: tuple[str, ...] = ()) -> DataType:
    """tuple(T, ...) or tuple(name T, ...)."""
    return DataType("tuple", args, (), fields if any(fields) else ())


def map_of(key: DataType, value: DataType) -> DataType:
    """map(K, V)."""
    return DataType("map", (key, value))


def decimal(precision: int, scale: int) -> DataType:
    """decimal(p, s)."""
    return DataType("decimal", (), (precision, scale))


def datetime64(scale: int = 3, zone: str = "") -> DataType:
    """datetime64(p) or datetime64(p, zone)."""
    return DataType("datetime64", (), (scale, zone) if zone else (scale,))


INT8, INT16, INT32, INT64, INT128, INT256 = (DataType(name) for name in _SIGNED)
UINT8, UINT16, UINT32, UINT64, UINT128, UINT256 = (DataType(name) for name in _UNSIGNED)
FLOAT32 = DataType("float32")
FLOAT64 = DataType("float64")
BOOL = DataType("bool")
STRING = DataType("string")
JSON = DataType("json")
UUID = DataType("uuid")
IPV4 = DataType("ipv4")
IPV6 = DataType("ipv6")
DATE = DataType("date")
DATE32 = DataType("date32")
DATETIME = DataType("datetime")
DATETIME64_3 = datetime64(3)
DATETIME64_3_UTC = datetime64(3, "UTC")
DATETIME64_6 = datetime64(6)
DATETIME64_9 = datetime64(9)
NOTHING = DataType("nothing")
NULL = DataType("nullable", (NOTHING,))


def quote_text(text: str) -> str:
    """A string literal of the dialect, backslash and quote escaped."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# Words that the parser takes for syntax wherever a name may stand; a test compares.
_SYNTAX = frozenset(
    {
        "all",
        "and",
        "as",
        "between",
        "case",
        "distinct",
        "else",
        "except",
        "false",
        "from",
        "having",
        "ilike",
        "in",
        "intersect",
        "is",
        "join",
        "like",
        "limit",
        "not",
        "null",
        "on",
        "or",
        "prewhere",
        "select",
        "true",
        "union",
        "using",
        "when",
        "where",
        "with",
    }
)


def quote_name(name: str) -> str:
    """A name as the dialect prints it: back-ticks only where it is no plain identifier."""
    plain = name.isascii() and name.isidentifier() and name.lower() not in _SYNTAX
    return name if plain else "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@lru_cache(maxsize=TYPES_CACHED)
def type_name(t: DataType) -> str:
    """Canonical name: lower case, arguments after a comma and a blank."""
    if t.name == "tuple":
        names = t.fields or ("",) * len(t.args)
        parts = [
            f"{quote_name(n)} {a}" if n else str(a) for n, a in zip(names, t.args, strict=True)
        ]
    elif t.name in _ENUMS:
        parts = [f"{quote_text(name)} = {number}" for name, number in t.members.items()]
    else:
        parts = [str(a) for a in t.args]
        parts += [quote_text(p) if isinstance(p, str) else str(p) for p in t.parameters]
    return f"{t.name}({', '.join(parts)})" if parts or t.name == "tuple" else t.name


@dataclass(frozen=True, slots=True)
class _Storage:
    """How a family without parameters is stored, and its zero value."""

    arrow: pa.DataType
    duckdb: str
    zero: object
    zero_sql: str


def _storages() -> dict[str, _Storage]:
    text = pa.string()
    epoch = datetime.date(1970, 1, 1)
    table = {
        "bool": _Storage(pa.bool_(), "BOOLEAN", False, "false"),
        "float32": _Storage(pa.float32(), "FLOAT", 0.0, "0::FLOAT"),
        "float64": _Storage(pa.float64(), "DOUBLE", 0.0, "0::DOUBLE"),
        "string": _Storage(text, "VARCHAR", "", "''"),
        "fixed_string": _Storage(text, "VARCHAR", "", "''"),
        "json": _Storage(text, "VARCHAR", "{}", "'{}'"),
        "uuid": _Storage(text, "VARCHAR", str(_ZERO_UUID), f"'{_ZERO_UUID}'"),
        "ipv4": _Storage(text, "VARCHAR", "0.0.0.0", "'0.0.0.0'"),
        "ipv6": _Storage(text, "VARCHAR", "::", "'::'"),
        "date": _Storage(pa.date32(), "DATE", epoch, "DATE '1970-01-01'"),
        "datetime": _Storage(
            pa.timestamp("s"), "TIMESTAMP_S", 0, "TIMESTAMP_S '1970-01-01 00:00:00'"
        ),
        "nothing": _Storage(pa.int8(), "TINYINT", None, "NULL::TINYINT"),
    }
    table["date32"] = table["date"]
    for bits, signed in ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT")):
        for prefix, name in (("int", signed), ("uint", f"U{signed}")):
            family = f"{prefix}{bits}"
            table[family] = _Storage(getattr(pa, family)(), name, 0, f"0::{name}")
    for wide in _WIDE:
        table[wide] = _Storage(text, "VARCHAR", "0", "'0'")
    interval = _Storage(
        pa.month_day_nano_interval(), "INTERVAL", pa.MonthDayNano([0, 0, 0]), "INTERVAL 0 SECOND"
    )
    table.update({f"interval_{unit}": interval for unit in INTERVAL_UNITS})
    table["interval_nanosecond"] = table["int64"]
    return table


_ZERO_UUID = "00000000-0000-0000-0000-000000000000"
_STORAGE = _storages()
_TICKS = ((3, "ms", "TIMESTAMP_MS"), (6, "us", "TIMESTAMP"), (9, "ns", "TIMESTAMP_NS"))
FAMILIES = frozenset(_STORAGE) | _WRAPPERS | _ENUMS | {"decimal", "datetime64"}


def time_unit(t: DataType) -> str:
    """Arrow unit of a datetime or datetime64: 's', 'ms', 'us' or 'ns'."""
    if t.inner.name == "datetime":
        return "s"
    return next(unit for digits, unit, _ in _TICKS if t.scale <= digits)


@lru_cache(maxsize=TYPES_CACHED)
def arrow_type(t: DataType) -> pa.DataType:
    """The Arrow type that columns of this type have in the log and between operators."""
    t = t.inner
    match t.name:
        case "array":
            return pa.list_(pa.field("item", arrow_type(t.args[0])))
        case "map":
            return pa.map_(arrow_type(t.args[0]), arrow_type(t.args[1]))
        case "tuple":
            return pa.struct(
                [pa.field(n, arrow_type(a)) for n, a in zip(t.field_names, t.args, strict=True)]
            )
        case "decimal":
            stored = t.precision <= DECIMAL_STORED_DIGITS
            return pa.decimal128(t.precision, t.scale) if stored else pa.string()
        case "datetime64":
            return pa.timestamp(time_unit(t))
        case "enum8" | "enum16":
            return pa.string()
        case _:
            return _STORAGE[t.name].arrow


def arrow_field(name: str, t: DataType) -> pa.Field:
    """A column. Marked nullable whatever the type: DuckDB gives and takes nothing else."""
    return pa.field(name, arrow_type(t))


@lru_cache(maxsize=TYPES_CACHED)
def duckdb_type(t: DataType) -> str:
    """The DuckDB type whose Arrow form is `arrow_type(t)`; fit for CAST."""
    t = t.inner
    match t.name:
        case "array":
            return f"{duckdb_type(t.args[0])}[]"
        case "map":
            return f"MAP({duckdb_type(t.args[0])}, {duckdb_type(t.args[1])})"
        case "tuple":
            fields = zip(t.field_names, t.args, strict=True)
            return "STRUCT(" + ", ".join(f"{_quoted(n)} {duckdb_type(a)}" for n, a in fields) + ")"
        case "decimal":
            stored = t.precision <= DECIMAL_STORED_DIGITS
            return f"DECIMAL({t.precision}, {t.scale})" if stored else "VARCHAR"
        case "datetime64":
            return next(name for digits, _, name in _TICKS if t.scale <= digits)
        case "enum8" | "enum16":
            return "VARCHAR"
        case _:
            return _STORAGE[t.name].duckdb


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def zero_value(t: DataType) -> object:
    """What a missing value becomes: None if nullable, else the zero of the type.

    Fit for `pa.scalar(value, arrow_type(t))`: times are integers of their unit, maps pairs.
    """
    if t.is_nullable:
        return None
    t = t.inner
    match t.name:
        case "array" | "map":
            return []
        case "tuple":
            return {n: zero_value(a) for n, a in zip(t.field_names, t.args, strict=True)}
        case "decimal":
            stored = t.precision <= DECIMAL_STORED_DIGITS
            zero = Decimal(0).scaleb(-t.scale)
            return zero if stored else format(zero, "f")
        case "datetime64":
            return 0
        case "enum8" | "enum16":
            return min(t.members.items(), key=lambda pair: pair[1])[0]
        case _:
            return _STORAGE[t.name].zero


def zero_sql(t: DataType) -> str:
    """DuckDB SQL of `zero_value(t)`, of exactly the type `duckdb_type(t)`."""
    if t.is_nullable:
        return f"NULL::{duckdb_type(t)}"
    inner = t.inner
    match inner.name:
        case "array":
            return f"[]::{duckdb_type(inner)}"
        case "map":
            return f"MAP {{}}::{duckdb_type(inner)}"
        case "tuple":
            fields = zip(inner.field_names, inner.args, strict=True)
            body = ", ".join(f"{_quoted(n)} := {zero_sql(a)}" for n, a in fields)
            return f"struct_pack({body})"
        case "decimal" | "enum8" | "enum16":
            text = str(zero_value(inner)).replace("'", "''")
            return f"'{text}'::{duckdb_type(inner)}"
        case "datetime64":
            return f"{duckdb_type(inner)} '1970-01-01 00:00:00'"
        case _:
            return _STORAGE[inner.name].zero_sql


def integer_range(t: DataType) -> tuple[int, int]:
    """Smallest and largest value of an integer type (inclusive)."""
    bits = t.bits
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if t.is_signed else (0, (1 << bits) - 1)
