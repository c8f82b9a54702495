"""One table of conversions: source family and target family to DuckDB SQL.

A conversion has three forms: strict (unparsable text fails the query with code 6), or zero, and or
null. Integers wrap to the width of the target, floats are cut towards zero.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Code, SqlError
from engine.functions.addresses import ipv4_read, ipv4_text, ipv6_read
from engine.functions.build import literal, tried, wrapped
from engine.functions.moments import as_storage, parse_moment
from engine.functions.render import struct_sql, text_sql
from engine.functions.spans import as_interval, nanoseconds
from engine.functions.table import Arg, Bound
from engine.functions.wide import digits, folded, read
from engine.types import DECIMAL_STORED_DIGITS, DataType, duckdb_type, nullable, zero_sql

Convert = Callable[[Arg, DataType], str]

_INTEGER_TEXT = r"\s*[+-]?[0-9]+\s*"


def failure(text: str, t: DataType) -> str:
    """SQL that ends the query with code 6, naming the text."""
    message = f"code 6: cannot parse text as {t}: "
    return f"error({literal(message)} || left(CAST({text} AS VARCHAR), 100))"


def cast_sql(arg: Arg, t: DataType) -> Bound:
    """`cast(x, 'T')` and `x::T`: unparsable text fails the query.

    NULL stays NULL: the type becomes nullable when the argument is. Raises SqlError 53 when no
    conversion between the types exists.
    """
    arg = _member_number(arg, t)
    result = nullable(t) if arg.type.is_nullable and not t.is_nullable else t
    if arg.type.inner == t.inner:
        return Bound(f"CAST({arg.sql} AS {duckdb_type(t)})", result)
    if arg.type.inner.name == "nothing":
        return Bound(f"CAST(NULL AS {duckdb_type(t)})", nullable(t))
    if arg.type.inner.name == t.inner.name and _is_empty(arg.type):
        return Bound(f"CAST({arg.sql} AS {duckdb_type(t)})", result)
    attempt = try_sql(arg, t)
    if _can_fail(arg, t):
        refusal = failure(arg.sql, t)
    elif _can_overflow(arg, t):
        message = f"code 69: a value does not fit {t}: "
        refusal = f"error({literal(message)} || left(CAST({arg.sql} AS VARCHAR), 100))"
    else:
        return Bound(attempt, result)
    guard = f"CASE WHEN {wrapped(arg.sql)} IS NULL THEN NULL ELSE {refusal} END"
    if not arg.type.is_nullable:
        guard = refusal
    return Bound(f"coalesce({attempt}, CAST({guard} AS {duckdb_type(t)}))", result)


def _member_number(arg: Arg, t: DataType) -> Arg:
    """Where a number is wanted of an enum: the number of the member."""
    if not (arg.type.is_enum and _target(t) in ("integer", "float", "decimal")):
        return arg
    cases = " ".join(f"WHEN {literal(n)} THEN {v}" for n, v in arg.type.members.items())
    number = DataType("int8" if arg.type.inner.name == "enum8" else "int16")
    sql = f"CAST(CASE CAST({arg.sql} AS VARCHAR) {cases} END AS {duckdb_type(number)})"
    return Arg(sql, nullable(number) if arg.type.is_nullable else number)


def _is_empty(t: DataType) -> bool:
    """Whether it is the type of [] or {}, whose elements have no type."""
    inner = t.inner
    return inner.name in ("array", "map") and inner.args[0].name == "nothing"


def or_null(arg: Arg, t: DataType) -> Bound:
    """NULL where the text cannot be parsed."""
    arg = _member_number(arg, t)
    return Bound(try_sql(arg, t), nullable(t))


def or_zero(arg: Arg, t: DataType) -> Bound:
    """The zero of the type where the text cannot be parsed."""
    arg = _member_number(arg, t)
    return Bound(f"coalesce({try_sql(arg, t)}, {zero_sql(t)})", t)


def _can_fail(arg: Arg, t: DataType) -> bool:
    """Text that is not of the form, a text too long, a number that no member has."""
    source, target = _family(arg.type), _target(t)
    if target == "fixed_string" or (source == "integer" and target == "enum"):
        return True
    return source == "text" and not t.is_string


def _can_overflow(arg: Arg, t: DataType) -> bool:
    """A number that has more digits than the decimal; integers and floats wrap or become inf."""
    return _family(t) == "decimal" and _family(arg.type) in ("integer", "float", "decimal")


def _family(t: DataType) -> str:
    inner = t.inner
    if inner.is_integer:
        return "integer"
    if inner.is_float:
        return "float"
    if inner.is_string or inner.is_enum or inner.name in ("json", "uuid", "ipv4", "ipv6"):
        return "text"
    if inner.is_date:
        return "date"
    if inner.is_time:
        return "time"
    if inner.is_interval:
        return "interval"
    return inner.name  # bool, decimal, array, tuple, map, nothing


def _target(t: DataType) -> str:
    inner = t.inner
    if inner.is_enum or inner.name in ("json", "uuid", "ipv4", "ipv6", "fixed_string"):
        return inner.name.rstrip("0123456789") if inner.is_enum else inner.name
    return _family(inner)


def try_sql(arg: Arg, t: DataType) -> str:
    """SQL of the converted value, NULL where the text does not fit; exactly the storage type."""
    convert = _CONVERSIONS.get((_family(arg.type), _target(t)))
    if convert is None:
        message = f"cannot convert {arg.type} to {t}"
        raise SqlError(message, Code.TYPE_MISMATCH)
    return f"CAST({convert(arg, t)} AS {duckdb_type(t)})"


def _as_integer(arg: Arg) -> str:
    """SQL of a number type that holds the integer, NULL for one of more than 64 bits that does
    not fit."""
    return f"TRY_CAST({arg.sql} AS BIGINT)" if arg.type.is_wide_integer else arg.sql


def _integer_to_integer(arg: Arg, t: DataType) -> str:
    source = arg.type.inner
    fits = source.bits <= t.bits and (source.is_signed == t.is_signed or t.bits > source.bits)
    fits = fits and (t.is_signed or not source.is_signed)
    if source.is_wide_integer or t.is_wide_integer:
        return digits(arg) if fits else folded(digits(arg), t)
    if fits:
        return arg.sql
    mask = f"{(1 << t.bits) - 1}::HUGEINT"
    low = f"(({arg.sql})::HUGEINT & {mask})"
    if not t.is_signed:
        return low
    half = f"{1 << (t.bits - 1)}::HUGEINT"
    return f"xor({low}, {half}) - {half}"


def _float_to_integer(arg: Arg, t: DataType) -> str:
    """Cut towards zero; nan and what does not fit become 0. 128 bits and more wrap."""
    if t.is_wide_integer:
        return folded(f"CAST(CAST({arg.sql} AS DOUBLE) AS VARCHAR)", t)
    storage = duckdb_type(t)
    sql = f"coalesce(TRY_CAST(trunc(CAST({arg.sql} AS DOUBLE)) AS {storage}), 0)"
    return (
        f"CASE WHEN {wrapped(arg.sql)} IS NOT NULL THEN {sql} END" if arg.type.is_nullable else sql
    )


def _text_to_integer(arg: Arg, t: DataType) -> str:
    text = arg.sql
    if t.is_wide_integer:
        return read(text, t)
    pattern, storage = literal(_INTEGER_TEXT), duckdb_type(t)
    return f"CASE WHEN regexp_full_match({text}, {pattern}) THEN TRY_CAST({text} AS {storage}) END"


def _try(arg: Arg, t: DataType) -> str:
    return f"TRY_CAST({arg.sql} AS {duckdb_type(t)})"


def _plain(arg: Arg, t: DataType) -> str:
    return arg.sql


def _between_intervals(arg: Arg, t: DataType) -> str:
    return nanoseconds(arg) if t.inner.name == "interval_nanosecond" else as_interval(arg)


def _to_text(arg: Arg, t: DataType) -> str:
    return text_sql(arg.sql, arg.type)


def _number_to_bool(arg: Arg, t: DataType) -> str:
    zero = "'0'" if arg.type.is_wide_integer else "0"
    return f"({wrapped(arg.sql)} <> {zero})"


def _text_to_bool(arg: Arg, t: DataType) -> str:
    return f"TRY_CAST({arg.sql} AS BOOLEAN)"


def _wide(arg: Arg, t: DataType) -> str:
    """Integers and decimals to decimals and floats."""
    return f"TRY_CAST({arg.sql} AS {duckdb_type(t)})"


def _to_decimal(arg: Arg, t: DataType) -> str:
    if t.precision > DECIMAL_STORED_DIGITS:
        number = f"CAST({arg.sql} AS UTINYINT)" if _family(arg.type) == "bool" else arg.sql
        return f"__decimal(CAST({number} AS VARCHAR), '{t.precision}', '{t.scale}')"
    if arg.type.is_float:  # cut, not rounded
        power = f"power(10, {t.scale})"
        sql = f"trunc(round(CAST({arg.sql} AS DOUBLE) * {power}, 6)) / {power}"
        return f"TRY_CAST({sql} AS {duckdb_type(t)})"
    if _family(arg.type) == "text":
        cut = f"regexp_replace({arg.sql}, '(\\.[0-9]{{{t.scale}}})[0-9]+$', '\\1')"
        return f"TRY_CAST({cut} AS {duckdb_type(t)})"
    if arg.type.is_decimal and arg.type.precision > DECIMAL_STORED_DIGITS:
        text = f"__decimal({arg.sql}, '{DECIMAL_STORED_DIGITS}', '{t.scale}')"
        return f"TRY_CAST({text} AS {duckdb_type(t)})"
    if arg.type.is_decimal and arg.type.scale > t.scale:
        return f"TRY_CAST(trunc({arg.sql}, {t.scale}) AS {duckdb_type(t)})"
    return _wide(arg, t)


def _decimal_to_integer(arg: Arg, t: DataType) -> str:
    if t.is_wide_integer or arg.type.precision > DECIMAL_STORED_DIGITS:
        return folded(f"CAST({arg.sql} AS VARCHAR)", t)
    return f"TRY_CAST(trunc({arg.sql}) AS {duckdb_type(t)})"


def _number_to_date(arg: Arg, t: DataType) -> str:
    """Days since the epoch; above 65535 seconds since the epoch."""
    n = f"CAST(trunc({_as_integer(arg)}) AS BIGINT)"
    seconds = f"CAST(make_timestamp({n} * 1000000) AS DATE)"
    return f"CASE WHEN {n} > 65535 THEN {seconds} ELSE DATE '1970-01-01' + CAST({n} AS INTEGER) END"


def _number_to_time(arg: Arg, t: DataType) -> str:
    """Seconds since the epoch, with a fraction when the number has one."""
    if arg.type.is_integer and t.scale <= 6:
        return as_storage(f"make_timestamp(CAST({_as_integer(arg)} AS BIGINT) * 1000000)", t)
    if arg.type.is_integer:
        return f"make_timestamp_ns(CAST({_as_integer(arg)} AS BIGINT) * 1000000000)"
    micros = f"CAST(round(CAST({arg.sql} AS DOUBLE) * 1000000) AS BIGINT)"
    return as_storage(f"make_timestamp({micros})", t)


def _time_to_integer(arg: Arg, t: DataType) -> str:
    storage = duckdb_type(t)
    return f"TRY_CAST(floor(epoch({arg.sql})) AS {storage if t.bits <= 64 else 'HUGEINT'})"


def _time_to_float(arg: Arg, t: DataType) -> str:
    return f"epoch({arg.sql})"


def _date_to_number(arg: Arg, t: DataType) -> str:
    return f"TRY_CAST(date_diff('day', DATE '1970-01-01', {arg.sql}) AS {duckdb_type(t)})"


def _text_to_time(arg: Arg, t: DataType) -> str:
    return parse_moment(arg.sql, t)


def _time_to_time(arg: Arg, t: DataType) -> str:
    return as_storage(arg.sql, t, arg.type)


def _date_to_time(arg: Arg, t: DataType) -> str:
    return arg.sql


def _bool_to_number(arg: Arg, t: DataType) -> str:
    return f"CAST({arg.sql} AS UTINYINT)"


def _to_fixed(arg: Arg, t: DataType) -> str:
    length = int(t.inner.parameters[0])
    text = text_sql(arg.sql, arg.type)
    return f"CASE WHEN strlen({text}) <= {length} THEN {text} END"


def _to_enum(arg: Arg, t: DataType) -> str:
    names = ", ".join(literal(name) for name in t.members)
    return f"CASE WHEN {wrapped(arg.sql)} IN ({names}) THEN {arg.sql} END"


def _number_to_enum(arg: Arg, t: DataType) -> str:
    cases = " ".join(f"WHEN '{n}' THEN {literal(name)}" for name, n in t.members.items())
    return f"CASE {digits(arg)} {cases} END"


def _to_uuid(arg: Arg, t: DataType) -> str:
    return f"CAST(TRY_CAST({arg.sql} AS UUID) AS VARCHAR)"


def _integer_to_ipv4(arg: Arg, t: DataType) -> str:
    return ipv4_text(f"CAST({digits(arg)} AS UBIGINT)")


def _to_json(arg: Arg, t: DataType) -> str:
    return f"CASE WHEN json_valid({arg.sql}) THEN {arg.sql} END"


def _array_to_array(arg: Arg, t: DataType) -> str:
    body = cast_sql(Arg("__x", arg.type.inner.args[0]), t.inner.args[0])
    return f"list_transform({arg.sql}, lambda __x: {body.sql})"


def _tuple_to_tuple(arg: Arg, t: DataType) -> str:
    source, target = arg.type.inner, t.inner
    if len(source.args) != len(target.args):
        raise SqlError(f"cannot convert {arg.type} to {t}", Code.TYPE_MISMATCH)
    parts = tuple(
        cast_sql(Arg(f"struct_extract({arg.sql}, {literal(name)})", a), b).sql
        for name, a, b in zip(source.field_names, source.args, target.args, strict=True)
    )
    return struct_sql(target.field_names, parts)


def _map_to_map(arg: Arg, t: DataType) -> str:
    (k, v), (tk, tv) = arg.type.inner.args, t.inner.args
    key = cast_sql(Arg("__e.key", k), tk).sql
    value = cast_sql(Arg("__e.value", v), tv).sql
    entries = f"lambda __e: struct_pack(key := {key}, value := {value})"
    return f"map_from_entries(list_transform(map_entries({arg.sql}), {entries}))"


def _text_to_nested(arg: Arg, t: DataType) -> str:
    """Text in the dialect's own spelling of arrays, tuples and maps, or JSON."""
    return tried(
        lambda sql: f"CAST(CAST(replace({sql}, '''', '\"') AS JSON) AS {duckdb_type(t)})",
        arg.sql,
    )


_CONVERSIONS: dict[tuple[str, str], Convert] = {
    ("integer", "integer"): _integer_to_integer,
    ("integer", "float"): _wide,
    ("integer", "decimal"): _to_decimal,
    ("integer", "bool"): _number_to_bool,
    ("integer", "date"): _number_to_date,
    ("integer", "time"): _number_to_time,
    ("integer", "enum"): _number_to_enum,
    ("integer", "ipv4"): _integer_to_ipv4,
    ("float", "integer"): _float_to_integer,
    ("float", "float"): _plain,
    ("float", "decimal"): _to_decimal,
    ("float", "bool"): _number_to_bool,
    ("float", "time"): _number_to_time,
    ("float", "date"): _number_to_date,
    ("decimal", "integer"): _decimal_to_integer,
    ("decimal", "float"): _wide,
    ("decimal", "decimal"): _to_decimal,
    ("decimal", "bool"): _number_to_bool,
    ("decimal", "time"): _number_to_time,
    ("bool", "integer"): _bool_to_number,
    ("bool", "float"): _bool_to_number,
    ("bool", "decimal"): _bool_to_number,
    ("bool", "bool"): _plain,
    ("text", "integer"): _text_to_integer,
    ("text", "float"): _try,
    ("text", "decimal"): _to_decimal,
    ("text", "bool"): _text_to_bool,
    ("text", "text"): _plain,
    ("text", "date"): _text_to_time,
    ("text", "time"): _text_to_time,
    ("text", "enum"): _to_enum,
    ("text", "uuid"): _to_uuid,
    ("text", "ipv4"): lambda a, t: ipv4_read(a.sql),
    ("text", "ipv6"): lambda a, t: ipv6_read(a.sql),
    ("text", "json"): _to_json,
    ("text", "array"): _text_to_nested,
    ("text", "tuple"): _text_to_nested,
    ("text", "map"): _text_to_nested,
    ("date", "date"): _plain,
    ("date", "time"): _date_to_time,
    ("date", "integer"): _date_to_number,
    ("date", "float"): _date_to_number,
    ("time", "date"): _time_to_time,
    ("time", "time"): _time_to_time,
    ("time", "integer"): _time_to_integer,
    ("time", "float"): _time_to_float,
    ("time", "decimal"): _time_to_float,
    ("interval", "integer"): lambda a, t: f"CAST(epoch({as_interval(a)}) AS BIGINT)",
    ("interval", "interval"): _between_intervals,
    ("array", "array"): _array_to_array,
    ("tuple", "tuple"): _tuple_to_tuple,
    ("map", "map"): _map_to_map,
}
for _source in ("integer", "float", "decimal", "bool", "date", "time", "interval"):
    _CONVERSIONS[_source, "text"] = _to_text
for _source in ("text", "integer", "float", "decimal", "bool", "date", "time"):
    _CONVERSIONS[_source, "fixed_string"] = _to_fixed
for _source in ("array", "tuple", "map"):
    _CONVERSIONS[_source, "text"] = _to_text
    _CONVERSIONS[_source, "json"] = lambda a, t: f"CAST(to_json({a.sql}) AS VARCHAR)"
