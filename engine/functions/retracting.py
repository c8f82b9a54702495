"""Partials of aggregates over changelogs: sums of both signs, or lists for counted multisets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.functions.aggregation import FILTER
from engine.functions.math import wrap64
from engine.functions.table import PartialTemplate
from engine.sql.plan_parts import Counted
from engine.types import DataType, duckdb_type

DELTA = '"_tp_delta"'  # of rows whose weights are +1 and -1
ROWS = f"coalesce(sum(CAST({DELTA} AS BIGINT)), 0)"  # how many rows are left


@dataclass(frozen=True, slots=True)
class Retracting:
    """A partial over a changelog: its SQL, and the multiset that it feeds, if any."""

    sql: str
    counted: Counted | None = None


def retracting(
    templates: Sequence[PartialTemplate], condition: str, *, ordered: bool
) -> list[Retracting]:
    """The form of an aggregate's partials that takes rows back.

    `condition`: of its FILTER, '' = none. `ordered`: the aggregate depends on the order of arrival.
    """
    found: list[Retracting] = []
    for at, template in enumerate(templates):
        if template.merge == "add":
            found.append(Retracting(_difference(template, condition)))
        elif template.by >= 0:
            found.append(Retracting("NULL"))  # comes out of the multiset of the one it follows
        else:
            group = [template, *(t for t in templates if t.by == at)]
            found.append(_listed(group, condition, ordered=ordered))
    return found


def _difference(template: PartialTemplate, condition: str) -> str:
    """What the added rows give, less what the retracted ones do."""
    more, less = (
        template.sql.replace(FILTER, _filter(condition, f"{DELTA} {sign} 0")) for sign in "><"
    )
    t = template.type.inner
    if t.is_integer and t.bits == 64:
        return wrap64(
            f"coalesce(CAST({more} AS HUGEINT), 0) - coalesce(CAST({less} AS HUGEINT), 0)", t
        )
    if t.is_wide_integer:  # a text
        more, less = (f"coalesce(CAST({side} AS BIGNUM), 0::BIGNUM)" for side in (more, less))
        return f"CAST({more} - {less} AS VARCHAR)"
    return f"coalesce({more}, 0) - coalesce({less}, 0)"


def _filter(*conditions: str) -> str:
    return f" FILTER (WHERE {' AND '.join(f'({c})' for c in conditions if c)})"


def _listed(group: Sequence[PartialTemplate], condition: str, *, ordered: bool) -> Retracting:
    """The batch's values with their weights, in order of arrival; NULL is no value."""
    types = tuple(_value_type(t) for t in group)
    values = [
        f"CAST({t.each} AS {duckdb_type(kind)})" for t, kind in zip(group, types, strict=True)
    ]
    fields = "".join(f"v{at} := {value}, " for at, value in enumerate(values))
    row = f"struct_pack(h := hash({', '.join(values)}), {fields}w := {DELTA})"
    there = _filter(condition, f"({group[0].each}) IS NOT NULL")
    return Retracting(f"list({row}){there}", Counted(types, ordered))


def _value_type(template: PartialTemplate) -> DataType:
    """Type of one value of a partial."""
    if template.items is not None:
        return template.items.args[0]
    gathers = template.merge in ("concat", "union")
    return template.type.inner.args[0] if gathers else template.type.inner
