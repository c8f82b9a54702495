"""Which operator runs a join."""

from __future__ import annotations

import pyarrow as pa

from engine.operators.join_aligned import AlignedJoin
from engine.operators.join_all import AllJoin
from engine.operators.join_enrich import EnrichJoin, VersionJoin
from engine.operators.join_range import RangeJoin
from engine.operators.operator import Context, Operator
from engine.sql.logical import Join


def make_join(context: Context, node: Join, sources: list[pa.Schema]) -> Operator:
    """The operator of a join over inputs of these schemas; raises what DuckDB refuses."""
    if node.range is not None:
        return RangeJoin(context, sources, node)
    if node.bidirectional:
        return AllJoin(context, sources, node)
    kind = EnrichJoin if node.strictness == "all" else VersionJoin
    inner = kind(context, sources, node)
    return inner if node.lag is None else AlignedJoin(context, sources, node, inner)
