"""External tables in FROM: their columns, and what of a query may be left to their database.

Only what cannot change a result is left to it: rows that a constant excludes need not come. All of
the query is computed here again, so that how the other database compares does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, cast

from sqlglot import exp

from engine.protocol import Definition
from engine.sql.context import Context, Item
from engine.sql.logical import TableScan
from engine.sql.plan_parts import Column
from engine.sql.relations import (
    Field,
    Filtered,
    JoinOn,
    Read,
    Relation,
    Renamed,
    Selected,
    quoted,
)
from engine.sql.seek import Origin
from engine.table_calls import ColumnsUnknown, Constant, Op, Predicate
from engine.type_parser import parse_type
from engine.types import DataType

# Constants of one IN; longer lists stay here.
IN_VALUES_MAX: Final = 1_000
_OPS: Final[dict[type[exp.Expr], Op]] = {
    exp.EQ: "=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TURNED: Final[dict[Op, Op]] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_INT64: Final = range(-(1 << 63), 1 << 63)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_external(definition: Definition, context: Context) -> Item:
    """An external table with the columns of the table that it stands for; it ends by itself."""
    if not definition.columns:
        raise ColumnsUnknown(definition.name)
    columns = tuple(Column(c.name, parse_type(c.type)) for c in definition.columns)
    read = Read(definition, columns, bounded=True, alias=f"t{context.budget.reads}")
    context.budget.reads += 1
    context.facts.reads.append(read)
    place = [((read, c.name),) for c in columns]
    fields = tuple(
        Field(c.name, c.type, quoted(c.name), origin=at, uses=at)
        for c, at in zip(columns, place, strict=True)
    )
    return Item(read, fields)


def external_scan(read: Read, needed: tuple[str, ...]) -> TableScan:
    """What a bounded query needs of an external table."""
    if not needed:  # count(*): any column will do
        needed = (min(read.columns, key=_width).name,)
    definition = read.definition
    where = tuple(dict.fromkeys(read.pushed))
    return TableScan(read.alias, definition.id, definition.name, needed, True, where, read.rows_max)


def _width(column: Column) -> int:
    inner = column.type.inner
    return 0 if inner.is_numeric or inner.name == "bool" else 1 + inner.is_nested


# -- what may be left to the database -----------------------------------------------------------


def push_limit(relation: Relation | None) -> None:
    """`SELECT ... FROM t LIMIT n` needs n rows of t, whichever they are, if a row makes a row and
    no value is of several rows. All that calls something is taken for what does neither."""
    if not isinstance(relation, Selected) or relation.limit < 0:
        return
    read = relation.input
    plain = not (
        relation.where or relation.grouping or relation.order or relation.distinct
        or relation.limit_by or relation.after or relation.calls
        or any("(" in named.sql for named in (*relation.columns, *relation.hidden))
    )  # fmt: skip
    if plain and isinstance(read, Read) and read.is_external:
        read.rows_max = relation.limit + relation.offset


def push_where(parts: Iterable[exp.Expr | None], relation: Relation | None, origin: Origin) -> None:
    """Note comparisons of WHERE with constants at the external tables whose rows they exclude."""
    reads = {read for read in _filtered_alike(relation) if read.is_external}
    if not reads:
        return
    for part in parts:
        for condition in _conjuncts(part) if part is not None else ():
            _push(condition, reads, origin)


def _filtered_alike(relation: Relation | None) -> Iterator[Read]:
    """Reads of which a row that fails a condition on its columns adds nothing to the relation."""
    match relation:
        case Read():
            yield relation
        case Filtered() | Renamed():
            yield from _filtered_alike(relation.input)
        case JoinOn():
            words = relation.kind.split()
            if words[0] in ("INNER", "CROSS", "LEFT") or words[:2] in (
                ["ASOF", "INNER"],
                ["ASOF", "LEFT"],
            ):
                yield from _filtered_alike(relation.left)
            if words[0] in ("INNER", "CROSS") and not (relation.latest_by or relation.any_by):
                yield from _filtered_alike(relation.right)
        case _:
            return


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, exp.Paren):
            waiting.append(cast("exp.Expr", here.this))
        elif isinstance(here, exp.And):
            waiting += [cast("exp.Expr", here.args["expression"]), cast("exp.Expr", here.this)]
        else:
            yield here


def _push(node: exp.Expr, reads: set[Read], origin: Origin) -> None:
    match node:
        case exp.Between():
            low, high = (cast("exp.Expr", node.args[end]) for end in ("low", "high"))
            column = cast("exp.Expr", node.this)
            _compare(column, ">=", [low], reads, origin)
            _compare(column, "<=", [high], reads, origin)
        case exp.In():
            values = [cast("exp.Expr", each) for each in node.expressions]
            if values and not node.args.get("query") and len(values) <= IN_VALUES_MAX:
                _compare(cast("exp.Expr", node.this), "in", values, reads, origin)
        case exp.EQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            left, right = cast("exp.Expr", node.this), cast("exp.Expr", node.args["expression"])
            op = _OPS[type(node)]
            if isinstance(left, exp.Column):
                _compare(left, op, [right], reads, origin)
            elif isinstance(right, exp.Column):
                _compare(right, _TURNED[op], [left], reads, origin)
        case _:
            return


def _compare(
    node: exp.Expr, op: Op, values: list[exp.Expr], reads: set[Read], origin: Origin
) -> None:
    if not isinstance(node, exp.Column):
        return
    found = origin(node)
    if len(found) != 1 or found[0][0] not in reads:
        return
    read, name = found[0]
    kind = next(c.type for c in read.columns if c.name == name)
    constants = [_constant(value, kind, op) for value in values]
    if None not in constants:
        read.pushed.append(Predicate(name, op, tuple(c for c in constants if c is not None)))


def _constant(node: exp.Expr, kind: DataType, op: Op) -> Constant | None:
    """The constant, if every database compares it with a column of this type as is done here."""
    kind = kind.inner
    if isinstance(node, exp.Boolean):
        return bool(node.this) if kind.name == "bool" and op in ("=", "in") else None
    if kind.is_numeric and not kind.is_wide_integer:
        number = _integer(node)
        return number if number is not None and number in _INT64 else None
    if not (isinstance(node, exp.Literal) and node.is_string):
        return None
    text = node.name
    if kind.is_date:
        return text if _DATE.fullmatch(text) else None
    if kind.is_time:
        return _moment(text) if kind.zone in ("", "UTC") else None
    if op not in ("=", "in") or "\0" in text:  # they sort texts in orders of their own
        return None
    if kind.name == "uuid":
        return text if _UUID.fullmatch(text) else None
    return text if kind.is_string else None


def _moment(text: str) -> str | None:
    if _DATE.fullmatch(text):
        return f"{text} 00:00:00"
    found = _TIME.fullmatch(text)
    return f"{found[1]} {found[2]}" if found else None


def _integer(node: exp.Expr) -> int | None:
    sign = 1
    while isinstance(node, exp.Neg | exp.Paren):
        sign = -sign if isinstance(node, exp.Neg) else sign
        node = cast("exp.Expr", node.this)
    if isinstance(node, exp.Literal) and not node.is_string:
        text = node.name
        return sign * int(text) if text.lstrip("-").isdigit() else None
    return None
