"""Where rows of a query stand in its input: a column that says it, as far as operators let it pass.

Two queries of one graph read the same rows one after the other; by this column their rows come out
in the order of the input, and not those of one query after those of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal

from engine.batch import ROW_ORDER
from engine.sql import logical as lg
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import quoted
from engine.types import INT64

# What an append sends when all its rows were read comes after its rows: windows by their ends, then
# the rest.
WINDOWS_FROM: Final = 1 << 60
LAST: Final = 1 << 62

_OWN: Final = quoted(ROW_ORDER)

# What a query asks for: as `Reads`, or "windows": it sends windows that are over, by their ends,
# whichever append closed them.
Asks = lg.Reads | Literal["windows"]

# What counts most when the queries differ in it, first.
_FIRST: Final[tuple[lg.Reads, ...]] = ("whole", "row", "append", "slice")


def ordered(root: lg.Node) -> tuple[lg.Node, Named, Asks]:
    """The node, or one that carries the column; the column; and how much may be read at once, since
    the column says no more about where rows stand."""
    found = _ordered(root)
    reads = _reads(root, known=found is not None)
    if found is not None:
        return found[0], Named(ROW_ORDER, found[1], INT64), reads
    return root, Named(ROW_ORDER, f"CAST({LAST} AS BIGINT)", INT64), reads


def together(asks: Iterable[Asks]) -> lg.Reads:
    """What queries read in turn that ask for this."""
    asked = set(asks)
    if asked == {"windows"}:
        return "slice"
    reads: list[lg.Reads] = ["append" if each == "windows" else each for each in asked]
    return min(reads, key=_FIRST.index)


def _ordered(node: lg.Node) -> tuple[lg.Node, str] | None:
    """The node with the column `ROW_ORDER` or, of windows, what computes it."""
    match node:
        case lg.Scan():
            if node.keyed is not None or not node.past.plain:
                return None
            return replace(node, schema=(*node.schema, Column(ROW_ORDER, INT64))), _OWN
        case lg.RandomScan():
            own = Named(ROW_ORDER, 'CAST("__ordinal" AS BIGINT)', INT64)
            schema = (*node.schema, Column(ROW_ORDER, INT64))
            return replace(node, schema=schema, columns=(*node.columns, own)), _OWN
        case lg.Aggregate():
            if node.window is None or not node.window.time_type.is_time:
                return None
            end = f"epoch_ms(CAST({quoted('window_end')} AS TIMESTAMP))"
            return node, f"CAST({WINDOWS_FROM} + {end} AS BIGINT)"
        case lg.Project():
            below = _ordered(node.input)
            if below is None:
                return None
            column = Named(ROW_ORDER, below[1], INT64)
            return replace(node, input=below[0], columns=(*node.columns, column)), _OWN
        case lg.Apply() | lg.Stateful() | lg.Dedup() | lg.LimitBy() | lg.Limit() | lg.Watched():
            below = _ordered(node.input)
            if below is None or below[1] != _OWN:
                return None
            return replace(node, input=below[0]), _OWN
        case lg.Window():
            below = None if node.aggregated else _ordered(node.input)
            if below is None or below[1] != _OWN:
                return None
            schema = (*below[0].schema, *node.schema[-2:])
            return replace(node, input=below[0], schema=schema), _OWN
        case lg.Union():
            inputs = tuple(_carrying(each) for each in node.inputs)
            carried = tuple(each for each in inputs if each is not None)
            return (lg.Union(carried), _OWN) if len(carried) == len(inputs) else None
        case _:
            return None


def _carrying(node: lg.Node) -> lg.Node | None:
    """The node with the column as its last."""
    found = _ordered(node)
    if found is None:
        return None
    own = tuple(Named(c.name, quoted(c.name), c.type) for c in node.schema)
    return lg.Project(found[0], (*own, Named(ROW_ORDER, found[1], INT64)))


def _closes_by_ends(node: lg.Aggregate) -> bool:
    """Whether windows are sent in the order of their ends, one watermark closing all of them."""
    emit, window = node.emit, node.window
    late = emit.timeout_ms or emit.delay is not None
    fixed = window is not None and window.kind != "session" and not window.processing_time
    return fixed and emit.when == "close" and not late and not node.partition


def _reads(node: lg.Node, *, known: bool) -> Asks:
    """What a node sends something for: an append of its input, or each row. `known`: the column
    says where its rows stand."""
    match node:
        case lg.Aggregate() if known and _closes_by_ends(node):
            return "windows"
        case lg.Aggregate() | lg.Collect() | lg.Sort() | lg.Join() | lg.Enrich():
            return "append"
        case lg.Union():  # it joins slices of an append
            return "whole" if known else "append"
        case (
            lg.Project() | lg.Apply() | lg.Stateful() | lg.Dedup() | lg.LimitBy() | lg.Limit()
            | lg.Watched()
        ):  # fmt: skip
            return _reads(node.input, known=known)
        case _:
            return "slice" if known else "row"
