"""Bound joins of streams to logical nodes."""

from __future__ import annotations

from collections.abc import Callable

from engine.batch import TP_DELTA
from engine.sql import logical as lg
from engine.sql.relations import Relation, StreamJoin, is_bounded
from engine.sql.settings import number_setting
from engine.sql.table_joins import lower_enrich
from engine.types import INT8


def lower_join(
    relation: StreamJoin, node_of: Callable[[Relation], lg.Node], settings: dict[str, str]
) -> lg.Node:
    """The node over the nodes of both sides."""
    left, right = node_of(relation.left), node_of(relation.right)
    if relation.looked_up:
        return lower_enrich(relation, left, right)
    table = is_bounded(relation.right)
    sides = (
        lg.Side(relation.keys[0], lg.is_weighted(left)),
        lg.Side(relation.keys[1], lg.is_weighted(right) and not table),
    )
    schema = [*_columns(left), *_columns(right)]
    if relation.changelog:
        schema.append(lg.Column(TP_DELTA, INT8))
    return lg.Join(
        left,
        right,
        relation.kind,
        relation.strictness,
        sides,
        tuple(schema),
        relation.bidirectional,
        relation.asof,
        relation.range,
        relation.lag,
        table_right=table,
        buffered_bytes_max=number_setting(settings, "join_max_buffered_bytes", 0),
    )


def _columns(node: lg.Node) -> list[lg.Column]:
    return [column for column in node.schema if column.name != TP_DELTA]
