"""Numbers that a column may not hold: an INSERT passes them on as computed, to be checked there.

A cast in a query wraps integers and cuts fractions. An INSERT wraps integers too, but a fraction,
or a number of another kind that is too large, is as little stored as another value as it is by an
ingest body: the rows' query leaves such values in their own type, and the ingest path refuses what
does not fit, naming row and column.
"""

from __future__ import annotations

from engine.functions.casts import cast_sql
from engine.functions.render import text_sql
from engine.functions.table import Arg
from engine.types import (
    FLOAT32,
    FLOAT64,
    STRING,
    DataType,
    array,
    duckdb_type,
    map_of,
    tuple_of,
)


def passed_type(source: DataType, target: DataType) -> DataType:
    """The type in which values reach the ingest path: `target` unless a cast could lose a number.

    Parts of arrays, tuples and maps are looked at one by one.
    """
    if _narrows(source.inner, target.inner):
        return source
    inner, wanted = source.inner, target.inner
    if inner.name != wanted.name or len(inner.args) != len(wanted.args) or _has_zone(wanted):
        return target
    parts = tuple(passed_type(a, b) for a, b in zip(inner.args, wanted.args, strict=True))
    if not wanted.is_nested or parts == wanted.args:
        return target
    if wanted.name == "array":
        return array(parts[0])
    return map_of(*parts) if wanted.name == "map" else tuple_of(parts, wanted.field_names)


def passed_cells(
    cells: list[Arg], plain: list[str], target: DataType
) -> tuple[list[str], DataType]:
    """One column of VALUES: SQL of its cells, all of one type, and that type.

    `plain` is the SQL of the cells in the target's type. Where one cell could lose a number all are
    passed as texts, which hold every number, or as JSON.
    """
    types = [passed_type(cell.type, target) for cell in cells]
    if all(t == target for t in types):
        return plain, target
    if target.inner == FLOAT32:
        return [_in(cell, FLOAT64) for cell in cells], FLOAT64
    return [
        _text(sql, target) if t == target else _text(_in(cell, t), t)
        for cell, sql, t in zip(cells, plain, types, strict=True)
    ], STRING


def _narrows(source: DataType, target: DataType) -> bool:
    if target == FLOAT32:
        return source == FLOAT64
    return target.is_integer and source.is_numeric and not source.is_integer


def _has_zone(t: DataType) -> bool:
    """Whether a part is a time whose text would be read in a zone."""
    return (t.is_time and t.inner.zone not in ("", "UTC")) or any(map(_has_zone, t.inner.args))


def _in(cell: Arg, t: DataType) -> str:
    return f"CAST({cast_sql(cell, t).sql} AS {duckdb_type(t)})"


def _text(sql: str, t: DataType) -> str:
    return f"CAST(to_json({sql}) AS VARCHAR)" if t.inner.is_nested else text_sql(sql, t)
