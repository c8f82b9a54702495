"""The dialect's text form of a value of any type, as DuckDB SQL."""

from __future__ import annotations

from engine.functions.build import quoted
from engine.types import DataType

# strftime specifier and digits of the fraction by how fine the storage is.
_FRACTIONS = ((3, "%g"), (6, "%f"), (9, "%n"))


def zoned(sql: str, zone: str, scale: int = 0) -> str:
    """A UTC timestamp of `scale` digits as the wall clock of a zone (a timestamp without zone)."""
    return sql if zone in ("", "UTC") else _moved(sql, "UTC", zone, scale)


def unzoned(sql: str, zone: str, scale: int = 0) -> str:
    """The wall clock of a zone, a timestamp of `scale` digits, as a UTC timestamp."""
    return sql if zone in ("", "UTC") else _moved(sql, zone, "UTC", scale)


def _moved(sql: str, source: str, target: str, scale: int) -> str:
    """From one zone's clock to another's; DuckDB moves microseconds, the rest is carried along."""
    ticks = f"epoch_ns({sql})"
    micros = f"make_timestamp({ticks} // 1000)" if scale > 6 else f"CAST({sql} AS TIMESTAMP)"
    moved = f"timezone({_key(target)}, timezone({_key(source)}, {micros}))"
    return f"make_timestamp_ns(epoch_us({moved}) * 1000 + {ticks} % 1000)" if scale > 6 else moved


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
