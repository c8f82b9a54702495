"""Order of arrival in bounded statements: relations whose rows come in it, for what depends on it.

DuckDB gives the rows of tables, filters, projections, unions and sorted subqueries in order when
what reads them asks for it, as `row_number() OVER ()` does. Joins and rows that a sort finds equal
come in any order: these are told to keep it here, and only here, since it costs a sort.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

from engine.functions.table import ROW
from engine.sql.plan_parts import Named
from engine.sql.relations import (
    Called,
    Deduped,
    Filtered,
    JoinOn,
    Relation,
    Renamed,
    Rowified,
    Selected,
    Stated,
    UnionOf,
    Windowed,
    internal_name,
    quoted,
)
from engine.types import INT64

_PLACE = "__at"
_R = TypeVar("_R", bound="Relation | None")


def in_order(relation: _R) -> _R:
    """The relation with its rows in order of arrival: those of a join in the order of the left
    side, then of the right one; below an ORDER BY equal ones as they came. What groups or removes
    duplicates has no such order."""
    return cast("_R", _in_order(relation))


def _in_order(relation: Relation | None) -> Relation | None:
    match relation:
        case Filtered() | Windowed() | Rowified() | Stated():
            return replace(relation, input=in_order(relation.input))
        case Renamed() | Called() | Deduped():
            return replace(relation, input=in_order(relation.input))
        case JoinOn():
            left, right = in_order(relation.left), in_order(relation.right)
            return replace(relation, left=left, right=right, ordered=True)
        case UnionOf():
            return replace(relation, inputs=tuple(in_order(each) for each in relation.inputs))
        case Selected() if relation.grouping is None and not relation.distinct:
            return _selected(relation)
        case _:
            return relation


def _selected(relation: Selected) -> Selected:
    found = replace(relation, input=in_order(relation.input))
    if not relation.order or any(column.sql == ROW for column in relation.hidden):
        return found
    taken = {column.name.lower() for column in (*relation.columns, *relation.hidden)}
    name = internal_name(_PLACE, taken)
    hidden = (*relation.hidden, Named(name, ROW, INT64))
    return replace(found, hidden=hidden, order=(*relation.order, quoted(name)))


def joined(left: str, right: str, kind: str, on: str) -> str:
    """A SELECT of the rows of a join in the order of the left side, then of the right one; sides
    are SELECTs."""
    sides = [
        f"(SELECT *, row_number() OVER () AS __{name} FROM ({side}) AS __i) AS __{name[0]}"
        for name, side in (("lrow", left), ("rrow", right))
    ]
    return (
        f"SELECT * EXCLUDE (__lrow, __rrow) FROM {sides[0]} {kind} {sides[1]}{on} "
        "ORDER BY __lrow NULLS LAST, __rrow NULLS LAST"
    )
