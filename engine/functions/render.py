"""The dialect's text form of a value of any type, as DuckDB SQL."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import quoted
from engine.types import DataType

# strftime specifier and digits of the fraction by how fine the storage is.
_FRACTIONS = ((3, "%g"), (6, "%f"), (9, "%n"))


def zoned(sql: str, zone: str, scale: int = 0) -> str:
    """A UTC timestamp of `scale` digits as the wall clock of a zone (a timestamp without zone)."""
    if zone in ("", "UTC"):
        return sql
    return _moved(sql, scale, lambda at: f"timezone({_key(zone)}, timezone('UTC', {at}))")


def unzoned(sql: str, zone: str, scale: int = 0) -> str:
    """The wall clock of a zone, a timestamp of `scale` digits, as a UTC timestamp.

    Of two instants the earlier; in a gap as before it. DuckDB's own conversion takes the later one.
    """
    if zone in ("", "UTC"):
        return sql
    return _moved(sql, scale, lambda at: f"__to_utc({at}, {_key(zone)})")


def _moved(sql: str, scale: int, move: Callable[[str], str]) -> str:
    """`move` takes and gives microseconds; what is finer is carried along."""
    if scale <= 6:
        return move(f"CAST({sql} AS TIMESTAMP)")
    rest = f"((epoch_ns({sql}) % 1000 + 1000) % 1000)"
    micros = f"make_timestamp((epoch_ns({sql}) - {rest}) // 1000)"
    return f"make_timestamp_ns(epoch_us({move(micros)}) * 1000 + {rest})"


def time_text(sql: str, scale: int, zone: str = "") -> str:
    """`YYYY-MM-DD hh:mm:ss[.fraction]` with exactly `scale` digits."""
    shown = zoned(sql, zone, scale)
    if scale == 0:
        return f"strftime({shown}, '%Y-%m-%d %H:%M:%S')"
    digits, specifier = next(f for f in _FRACTIONS if scale <= f[0])
    text = f"strftime({shown}, '%Y-%m-%d %H:%M:%S.{specifier}')"
    return text if digits == scale else f"left({text}, {20 + scale})"


def _float_text(sql: str) -> str:
    """Shortest text: no `.0`, no plus sign in exponents."""
    return f"regexp_replace(CAST({sql} AS VARCHAR), '\\.0$|\\+', '')"


def text_sql(sql: str, t: DataType) -> str:
    """SQL of the value's text; NULL stays NULL."""
    inner = t.inner
    if inner.is_string or inner.is_enum:
        return sql
    if inner.is_float:
        return _float_text(sql)
    if inner.is_time:
        return time_text(sql, inner.scale, inner.zone)
    if inner.is_nested:
        return _nested_text(sql, inner, 0)
    return f"CAST({sql} AS VARCHAR)"


def _element_text(sql: str, t: DataType, depth: int) -> str:
    """Text inside an array, tuple or map: texts and times quoted, NULL spelled out."""
    inner = t.inner
    if inner.is_nested:
        return _nested_text(sql, inner, depth)
    text = text_sql(sql, inner)
    if inner.is_string or inner.is_enum:
        text = f"'''' || replace(replace({text}, '\\', '\\\\'), '''', '\\''') || ''''"
    elif not (inner.is_numeric or inner.name in ("bool", "nothing")):
        text = f"'''' || {text} || ''''"
    return f"coalesce({text}, 'NULL')"


def _nested_text(sql: str, t: DataType, depth: int) -> str:
    name = f"__e{depth}"
    if t.name == "array":
        body = _element_text(name, t.args[0], depth + 1)
        items = f"list_transform({sql}, lambda {name}: {body})"
        return f"('[' || coalesce(array_to_string({items}, ','), '') || ']')"
    if t.name == "map":
        key = _element_text(f"{name}.key", t.args[0], depth + 1)
        value = _element_text(f"{name}.value", t.args[1], depth + 1)
        items = f"list_transform(map_entries({sql}), lambda {name}: {key} || ':' || {value})"
        return f"('{{' || coalesce(array_to_string({items}, ','), '') || '}}')"
    fields = [
        _element_text(f"struct_extract({sql}, {_key(field)})", arg, depth)
        for field, arg in zip(t.field_names, t.args, strict=True)
    ]
    return "('(' || " + " || ',' || ".join(fields) + " || ')')"


def _key(field: str) -> str:
    return "'" + field.replace("'", "''") + "'"


def struct_sql(names: tuple[str, ...], parts: tuple[str, ...]) -> str:
    """A tuple with these field names."""
    body = ", ".join(f"{quoted(n)} := {p}" for n, p in zip(names, parts, strict=True))
    return f"struct_pack({body})"
