"""Values as DuckDB literals of exactly the storage type of their dialect type."""

from __future__ import annotations

import pyarrow as pa

from engine.errors import Code, SqlError
from engine.sql.relations import quoted
from engine.sql.values import text_literal_sql
from engine.types import DataType, arrow_type, duckdb_type, time_unit

_TIMES = {
    "s": ("make_timestamp_ms", 1000),
    "ms": ("make_timestamp_ms", 1),
    "us": ("make_timestamp", 1),
    "ns": ("make_timestamp_ns", 1),
}


def literal(value: pa.Scalar, t: DataType) -> str:
    """SQL of a value in Arrow storage. SqlError 48 for intervals, which no literal is made of."""
    storage, inner = duckdb_type(t), t.inner
    if not value.is_valid:
        return f"CAST(NULL AS {storage})"
    if inner.name in ("array", "map", "tuple"):
        return f"CAST({_nested(value, inner)} AS {storage})"
    if inner.is_interval:
        message = "a subquery in a streaming query does not give intervals"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if inner.is_time:
        function, factor = _TIMES[time_unit(inner)]
        return f"CAST({function}({value.cast(pa.int64()).as_py() * factor}) AS {storage})"
    if inner.is_date:
        return f"make_date({value.cast(pa.int32()).as_py()})"
    found = value.as_py()
    if inner.name == "bool":
        return "true" if found else "false"
    if isinstance(found, str):
        text = text_literal_sql(found)
        return text if storage == "VARCHAR" else f"CAST({text} AS {storage})"
    shown = format(found, "f") if inner.is_decimal else str(found)
    return f"CAST('{shown}' AS {storage})"


def _nested(value: pa.Scalar, t: DataType) -> str:
    if t.name == "tuple":
        parts = [
            f"{quoted(name)} := {literal(value[at], arg)}"
            for at, (name, arg) in enumerate(zip(t.field_names, t.args, strict=True))
        ]
        return f"struct_pack({', '.join(parts)})"
    if t.name == "array":
        return f"[{', '.join(literal(each, t.args[0]) for each in value)}]"
    pairs = pa.array([value.as_py()], arrow_type(t))
    keys = ", ".join(literal(each, t.args[0]) for each in pairs.keys)
    values = ", ".join(literal(each, t.args[1]) for each in pairs.items)
    return f"MAP([{keys}], [{values}])"
