"""Parameters of views: `{name:type}` in the view's text, `v(name = value)` where it is read."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.nodes import Call, Duration, Source, TypeName, ViewParameter, children, text_of
from engine.sql.places import moved
from engine.sql.times import TYPE_OF_UNIT
from engine.type_parser import parse_type

# Where a number must stand and no expression can: LIMIT {n:uint32}.
_COUNTS = ("limit", "offset", "limit_by_offset")


def given_values(source: Source) -> dict[str, exp.Expr]:
    """The values of `v(a = 1, b = 'x')`; SqlError 36 when one is given twice."""
    found: dict[str, exp.Expr] = {}
    for pair in children(source, "given"):
        name = cast("exp.Expr", pair.this).name
        if name in found:
            raise SqlError(f"parameter {name[:80]} is given twice", Code.BAD_ARGUMENTS)
        found[name] = cast("exp.Expr", pair.args["expression"])
    return found


def filled(query: exp.Expr, view: str, values: dict[str, exp.Expr]) -> exp.Expr:
    """The query (changed in place) with values for its parameters. SqlError 36 for a parameter
    without value, and for a value without parameter."""
    wanted = list(query.find_all(ViewParameter, bfs=False))
    names = dict.fromkeys(node.name for node in wanted)
    for name in values:
        if name not in names:
            known = f"its parameters are {', '.join(names)}" if names else "it has none"
            message = f"view {view} has no parameter {name[:80]}: {known}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
    for name in names:
        if name not in values:
            message = f"view {view} wants a value for its parameter {name}: write {view}({name} = "
            raise SqlError(f"{message}...)", Code.BAD_ARGUMENTS)
    for node in wanted:
        value = values[node.name].copy()
        plain = _is_count(node) or (_interval_unit(node) and _is_interval(value))
        _replace(node, value if plain else _cast(value, node))
    return query


def sampled(query: exp.Expr) -> exp.Expr:
    """A copy of a view's query with a zero for every parameter: what CREATE VIEW checks."""
    copied = query.copy()
    for node in list(copied.find_all(ViewParameter)):
        unit = _interval_unit(node)
        if unit:  # as the size of a window it must be a constant
            _replace(node, Duration(this=exp.Literal.number("1"), unit=unit))
        elif _is_count(node):
            _replace(node, exp.Literal.number("1"))
        else:
            node.set("sample", True)
    return copied


def _replace(node: exp.Expr, by: exp.Expr) -> None:
    node.replace(moved(by, node))


def _cast(value: exp.Expr, node: exp.Expr) -> exp.Expr:
    to = TypeName(this=text_of(cast("exp.Expr", node.args["to"])))
    return exp.Cast(this=exp.Paren(this=value), to=to)


def _interval_unit(node: exp.Expr) -> str:
    """The short unit of a parameter that is an interval, '' of any other."""
    name = parse_type(text_of(cast("exp.Expr", node.args["to"]))).name
    return next((unit for unit, known in TYPE_OF_UNIT.items() if known == name), "")


def _is_interval(value: exp.Expr) -> bool:
    """Whether a value is an interval as it is written."""
    inner = value
    while isinstance(inner, exp.Paren):
        inner = cast("exp.Expr", inner.this)
    return isinstance(inner, Duration)


def _is_count(node: exp.Expr) -> bool:
    parent = node.parent
    if isinstance(parent, exp.Tuple) and parent.arg_key == "limit_by":
        return parent.expressions[0] is node
    of_table = isinstance(parent, Call) and isinstance(parent.parent, Source)
    return node.arg_key in _COUNTS or of_table
