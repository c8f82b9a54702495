"""What a query may contain: node kinds, functions and table functions; the rest is refused.

The binder refuses what it does not know by construction; this walk is a second wall in front of it
and looks at every node, also those that a binder would skip.
"""

from __future__ import annotations

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.registry import names, scalar
from engine.sql.expressions import ENGINE_FUNCTIONS
from engine.sql.names import find_aggregate
from engine.sql.nearest import did_you_mean
from engine.sql.nodes import (
    SELECT_ARGS,
    ArrayJoin,
    Call,
    ColumnsMatching,
    Duration,
    Joined,
    JsonPath,
    MapLiteral,
    SessionRange,
    Source,
    TypeName,
    ViewParameter,
    text_of,
)
from engine.sql.places import locate

TABLE_FUNCTIONS = frozenset(
    [
        "tumble",
        "hop",
        "session",
        "table",
        "dedup",
        "changelog",
        "rowify",
        "numbers",
        "zeros",
        "numbers_mt",
        "zeros_mt",
        "values",
    ]
)
STREAM_ONLY_FUNCTIONS = frozenset(("emit_version",))

# Node class -> args that may be set; None = every arg of the class.
ALLOWED: dict[type[exp.Expr], frozenset[str] | None] = {
    exp.Select: SELECT_ARGS,
    **dict.fromkeys(
        (exp.Union, exp.Except, exp.Intersect),
        frozenset(
            ("this", "expression", "distinct", "with_", "order", "limit", "offset", "settings")
        )
        | {"limit_by", "emit"},
    ),
    exp.Subquery: frozenset(("this",)),
    exp.With: frozenset(("expressions",)),
    exp.CTE: frozenset(("this", "alias")),
    exp.TableAlias: frozenset(("this",)),
    exp.From: frozenset(("this",)),
    exp.Alias: frozenset(("this", "alias")),
    exp.Column: frozenset(("this", "table")),
    exp.Identifier: None,
    exp.Star: frozenset(("except_", "replace")),
    exp.Literal: None,
    exp.Null: None,
    exp.Boolean: None,
    exp.Paren: None,
    exp.Tuple: None,
    exp.Array: frozenset(("expressions",)),
    exp.Bracket: frozenset(("this", "expressions")),
    exp.Dot: None,
    exp.Lambda: None,
    exp.Ordered: frozenset(("this", "desc", "nulls_first")),
    exp.Case: None,
    exp.If: frozenset(("this", "true")),
    exp.Cast: frozenset(("this", "to")),
    exp.Between: frozenset(("this", "low", "high")),
    exp.In: frozenset(("this", "expressions", "query", "field")),
    exp.Is: frozenset(("this", "expression", "negate")),
    exp.Like: frozenset(("this", "expression", "negate")),
    exp.ILike: frozenset(("this", "expression", "negate")),
    exp.Not: None,
    exp.Neg: None,
    exp.DPipe: frozenset(("this", "expression", "safe")),
    exp.Div: frozenset(("this", "expression", "typed", "safe")),
    **dict.fromkeys(
        (exp.And, exp.Or, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.EQ, exp.NEQ),
        frozenset(("this", "expression")),
    ),
    **dict.fromkeys((exp.LT, exp.LTE, exp.GT, exp.GTE), frozenset(("this", "expression"))),
    ArrayJoin: None,
    Call: None,
    ColumnsMatching: None,
    Duration: None,
    Joined: None,
    JsonPath: None,
    MapLiteral: None,
    SessionRange: None,
    Source: None,
    TypeName: None,
    ViewParameter: None,
}


def check(node: exp.Expr) -> None:
    """Raise SqlError 48 for syntax and 46 for functions that are not on the list."""
    for here in node.walk():
        try:
            _check_node(here)
        except SqlError as error:
            locate(error, here)
            raise


def _check_node(here: exp.Expr) -> None:
    if type(here) not in ALLOWED:
        raise SqlError(f"{type(here).__name__.lower()} is not supported", Code.NOT_IMPLEMENTED)
    args = ALLOWED[type(here)]
    if args is not None:
        for key, value in here.args.items():
            if value and key not in args:
                what = f"{key} in {type(here).__name__.lower()}"
                raise SqlError(f"{what} is not supported", Code.NOT_IMPLEMENTED)
    if isinstance(here, Call):
        _check_call(here)


def _check_call(call: Call) -> None:
    name = text_of(call)
    if isinstance(call.parent, Source):
        if name not in TABLE_FUNCTIONS:
            hint = did_you_mean(name, TABLE_FUNCTIONS)
            message = f"table function {name[:80]} does not exist{hint}"
            raise SqlError(message, Code.UNKNOWN_FUNCTION)
        return
    known = (
        bool(call.args.get("user"))
        or name in STREAM_ONLY_FUNCTIONS
        or name in ENGINE_FUNCTIONS
        or scalar(name) is not None
        or find_aggregate(name) is not None
    )
    if not known:
        hint = did_you_mean(name.lower(), [*names(), *ENGINE_FUNCTIONS, *STREAM_ONLY_FUNCTIONS])
        raise SqlError(f"function {name[:80]} does not exist{hint}", Code.UNKNOWN_FUNCTION)
