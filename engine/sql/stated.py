"""Where running functions stand among the relations of a SELECT: before WHERE, or after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.errors import Code, SqlError
from engine.sql.names import WINDOW_COLUMNS
from engine.sql.relations import (
    Filtered,
    Relation,
    RunningRule,
    Stated,
    Windowed,
    quoted,
)


def before_where(relation: Relation, rule: RunningRule, *, aggregated: bool) -> Relation:
    """The functions over every row of FROM; below the window that an aggregation is over, since
    that takes the watermark from its rows."""
    if not (aggregated and isinstance(relation, Windowed)):
        return Stated(relation, rule)
    if any(quoted(name) in column.sql for column in rule.columns for name in WINDOW_COLUMNS):
        message = "lag() and its kin below a window aggregation cannot use window_start, window_end"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    return replace(relation, input=Stated(relation.input, rule))


def after_where(
    relation: Relation, where: str, rule: RunningRule, *, aggregated: bool
) -> tuple[Relation, str]:
    """The functions over the rows that WHERE lets through; what is left to filter by."""
    if aggregated and isinstance(relation, Windowed):
        if where:
            message = (
                "lag() inside of an aggregate cannot stand beside WHERE in a window aggregation: "
                "put WHERE into a subquery"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return before_where(relation, rule, aggregated=True), ""
    return Stated(Filtered(relation, where) if where else relation, rule), ""


def check_window(substreams: Sequence[object], *, windowed: bool) -> None:
    """SqlError 48 for running functions in a window aggregation of substreams."""
    if windowed and substreams:
        message = "lag() and its kin do not go with window aggregates in a query with PARTITION BY"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
