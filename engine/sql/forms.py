"""Binds special forms: NOT, BETWEEN, IS, LIKE, IN, CASE, casts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.build import lifted, wrapped
from engine.functions.casts import cast_sql, or_zero
from engine.functions.comparing import among, compare, probed
from engine.functions.table import Arg
from engine.sql import operators
from engine.sql.nodes import JsonPath, TypeName, child, children, text_of
from engine.sql.values import common_type, in_type
from engine.type_parser import parse_type
from engine.types import BOOL, JSON, NULL

if TYPE_CHECKING:
    from engine.sql.expressions import Binder


def bind_neg(binder: Binder, node: exp.Expr) -> Arg:
    """`-x`."""
    return operators.negate(binder.bind(cast("exp.Expr", node.this)))


def bind_not(binder: Binder, node: exp.Expr) -> Arg:
    """`NOT x`."""
    arg = binder.bind(cast("exp.Expr", node.this))
    return Arg(f"(NOT {wrapped(operators.condition(arg))})", lifted(BOOL, (arg,)))


def bind_paren(binder: Binder, node: exp.Expr) -> Arg:
    """`(x)`."""
    return binder.bind(cast("exp.Expr", node.this))


def bind_between(binder: Binder, node: exp.Expr) -> Arg:
    """`x BETWEEN a AND b`."""
    this, low, high = (binder.bind(cast("exp.Expr", node.args[k])) for k in ("this", "low", "high"))
    parts = (compare(">=", this, low), compare("<=", this, high))
    return operators.logical("and", parts)


def bind_is(binder: Binder, node: exp.Expr) -> Arg:
    """`x IS [NOT] NULL | TRUE | FALSE`."""
    arg = binder.bind(cast("exp.Expr", node.this))
    negated = "NOT " if node.args.get("negate") else ""
    right = cast("exp.Expr", node.args["expression"])
    if isinstance(right, exp.Not):
        negated, right = "NOT ", cast("exp.Expr", right.this)
    if isinstance(right, exp.Null):
        return Arg(f"({wrapped(arg.sql)} IS {negated}NULL)", BOOL)
    if isinstance(right, exp.Boolean):
        truth = "TRUE" if right.this else "FALSE"
        return Arg(f"({wrapped(operators.condition(arg))} IS {negated}{truth})", BOOL)
    raise SqlError("IS takes NULL, TRUE or FALSE", Code.SYNTAX_ERROR)


def bind_like(binder: Binder, node: exp.Expr) -> Arg:
    """`x [NOT] LIKE | ILIKE pattern`."""
    this = binder.bind(cast("exp.Expr", node.this))
    pattern = binder.bind(cast("exp.Expr", node.args["expression"]))
    for arg in (this, pattern):
        if not (arg.type.is_string or arg.type.is_enum or arg.type.inner == JSON):
            raise SqlError(f"LIKE does not take {arg.type}", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
    negated = "NOT " if node.args.get("negate") else ""
    sql = f"({wrapped(this.sql)} {negated}{word} {wrapped(pattern.sql)} ESCAPE '\\')"
    if not isinstance(pattern.constant, str):  # a row's pattern may end inside an escape
        sql = f"coalesce({operators.attempt(sql)}, false)"
    elif (len(pattern.constant) - len(pattern.constant.rstrip("\\"))) % 2:
        raise SqlError("the pattern of LIKE ends inside an escape", Code.BAD_ARGUMENTS)
    return Arg(sql, lifted(BOOL, (this, pattern)))


def bind_in(binder: Binder, node: exp.Expr) -> Arg:
    """`x IN (list | subquery)`."""
    this = binder.bind(cast("exp.Expr", node.this))
    query = child(node, "query") or _named_query(binder, node)
    if query is not None:
        inner = query.this if isinstance(query, exp.Subquery) else query
        held = binder.scope.subquery(cast("exp.Expr", inner), this)
        return Arg(f"({probed(this, held)} IN {held.sql})", lifted(BOOL, (this,)))
    nodes = list(node.expressions)
    if child(node, "field") is not None:  # x in (a, b) without list, or x in array
        held = binder.bind(cast("exp.Expr", node.args["field"]))
        if held.type.inner.name != "array":
            raise SqlError("IN wants a list, an array or a subquery", Code.BAD_ARGUMENTS)
        return Arg(f"list_contains({held.sql}, {this.sql})", BOOL)
    if len(nodes) == 1 and isinstance(nodes[0], exp.Tuple) and this.type.inner.name != "tuple":
        nodes = list(nodes[0].expressions)
    if not nodes:
        return Arg("false", BOOL)
    return Arg(among(this, [binder.bind(n) for n in nodes]), lifted(BOOL, (this,)))


def _named_query(binder: Binder, node: exp.Expr) -> exp.Expr | None:
    """`x IN name` and `x IN (name)` of a query in WITH."""
    field = child(node, "field")
    given = list(node.expressions) if field is None else [field]
    named = given[0].this if len(given) == 1 and isinstance(given[0], exp.Paren) else None
    only = named if named is not None else (given[0] if len(given) == 1 else None)
    if not isinstance(only, exp.Column) or text_of(only, "table"):
        return None
    return binder.scope.with_query(only.name)


def bind_case(binder: Binder, node: exp.Expr) -> Arg:
    """`CASE`."""
    subject = child(node, "this")
    held = binder.bind(subject) if subject is not None else None
    conditions: list[str] = []
    results: list[Arg] = []
    for branch in children(node, "ifs"):
        when = binder.bind(cast("exp.Expr", branch.this))
        test = compare("=", held, when).sql if held else operators.condition(when)
        conditions.append(test)
        results.append(binder.bind(cast("exp.Expr", branch.args["true"])))
    default = child(node, "default")
    results.append(binder.bind(default) if default is not None else Arg("NULL", NULL, None))
    t = common_type(results)
    parts = [in_type(result, t) for result in results]
    whens = " ".join(f"WHEN {c} THEN {p}" for c, p in zip(conditions, parts, strict=False))
    return Arg(f"CASE {whens} ELSE {parts[-1]} END", t)


def bind_cast(binder: Binder, node: exp.Expr) -> Arg:
    """`x::T`, `cast(x as T)`."""
    to = cast("TypeName", node.args["to"])
    target = parse_type(text_of(to))
    inner = cast("exp.Expr", node.this)
    arg = binder.bind(inner)
    if isinstance(inner, JsonPath) and not target.is_nullable:
        # `raw:a::float`: a path that is missing in a row is its '' and must not end the query.
        bound = or_zero(arg, target)
    else:
        bound = cast_sql(arg, target)
    return Arg(bound.sql, bound.type)
