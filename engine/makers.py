"""Which operator runs a node of the logical plan: one row a kind of node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from engine.operators.aggregate import Aggregate
from engine.operators.apply import Apply
from engine.operators.collect import Collect
from engine.operators.dedup import Dedup
from engine.operators.distinct import Distinct
from engine.operators.distinct_changes import DistinctChanges
from engine.operators.join import make_join
from engine.operators.key_session_aggregate import KeySessionAggregate
from engine.operators.limit import Limit
from engine.operators.limit_by import LimitBy
from engine.operators.merge import Merge
from engine.operators.operator import Context, Operator
from engine.operators.rowify import Rowify
from engine.operators.session_aggregate import SessionAggregate
from engine.operators.sort import Sort
from engine.operators.stateful import Stateful
from engine.operators.table_join import TableJoin
from engine.operators.tagged import Tagged
from engine.operators.union import Union
from engine.operators.upsert import Upsert
from engine.operators.user_emit import UserEmit
from engine.operators.watched import Watched
from engine.operators.window_aggregate import WindowAggregate
from engine.operators.window_assign import SessionAssign, WindowAssign
from engine.sql import logical
from engine.sql.repeats import scans
from engine.types import arrow_field

# Gets the node and the Arrow schemas of its inputs in order of their ports; raises SqlError and
# what DuckDB refuses.
Maker = Callable[[Context, Any, list[pa.Schema]], Operator]


def _window(context: Context, node: logical.Window, sources: list[pa.Schema]) -> Operator:
    assign = SessionAssign if node.spec.kind == "session" else WindowAssign
    return assign(context, sources[0], node.spec)


def _aggregate(context: Context, node: logical.Aggregate, sources: list[pa.Schema]) -> Operator:
    if node.emit.session is not None:
        return KeySessionAggregate(context, sources[0], node)
    if any(p.function is not None and p.function.customized_emit for p in node.partials):
        return UserEmit(context, sources[0], node)
    if node.window is None:
        return Aggregate(context, sources[0], node)
    if node.window.kind == "session":
        return SessionAggregate(context, sources[0], node)
    return WindowAggregate(context, sources[0], node)


def _distinct(context: Context, node: logical.Distinct, sources: list[pa.Schema]) -> Operator:
    kind = DistinctChanges if logical.is_weighted(node) else Distinct
    return kind(context, sources[0])


def _union(context: Context, node: logical.Union, sources: list[pa.Schema]) -> Operator:
    streams = [{scan.stream_id for scan in scans(each)} for each in node.inputs]
    shared = len(set[str]().union(*streams)) < sum(len(each) for each in streams)
    return Union(physical_schema(node.schema), len(streams), gathers=shared)


def physical_schema(schema: logical.Schema) -> pa.Schema:
    """Columns as Arrow has them."""
    return pa.schema([arrow_field(column.name, column.type) for column in schema])


# Projects are not here: runs of them become one operator (`engine.physical`).
MAKERS: Final[dict[type, Maker]] = {
    logical.Window: _window,
    logical.Aggregate: _aggregate,
    logical.Apply: lambda c, n, s: Apply(c, s[0], n),
    logical.Sort: lambda c, n, s: Sort(c, s[0], n.order),
    logical.LimitBy: lambda c, n, s: LimitBy(c, s[0], n),
    logical.Limit: lambda c, n, s: Limit(s[0], n.count, n.offset),
    logical.Distinct: _distinct,
    logical.Collect: lambda c, n, s: Collect(c, s[0], n),
    logical.Union: _union,
    logical.Tagged: lambda c, n, s: Tagged(physical_schema(n.schema)),
    logical.Upsert: lambda c, n, s: Upsert(c, s[0], n),
    logical.Merge: lambda c, n, s: Merge(c, s[0], n),
    logical.Join: make_join,
    logical.Enrich: lambda c, n, s: TableJoin(c, s[0], n),
    logical.Watched: lambda c, n, s: Watched(s[0], n),
    logical.Dedup: lambda c, n, s: Dedup(c, s[0], n),
    logical.Rowify: lambda c, n, s: Rowify(s[0]),
    logical.Stateful: lambda c, n, s: Stateful(c, s[0], n),
}
