"""Syntax nodes of the dialect that sqlglot does not have, and small readers of its own nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from sqlglot import exp


class TypeName(exp.Expression):
    """A type as written; `this` is its text."""

    arg_types = {"this": True}  # noqa: RUF012 - the shape sqlglot wants


class Duration(exp.Expression):
    """`5s`, `INTERVAL 5 SECOND`: `this` the count, `unit` the short unit as text, case kept."""

    arg_types = {"this": True, "unit": True}  # noqa: RUF012


class JsonPath(exp.Expression):
    """`raw:a.b[1]`: `steps` holds keys (str) and positions (int, from 1)."""

    arg_types = {"this": True, "steps": True}  # noqa: RUF012


class MapLiteral(exp.Expression):
    """`{'k': 1}`: keys and values in turn."""

    arg_types = {"expressions": False}  # noqa: RUF012


class ColumnsMatching(exp.Expression):
    """`columns('regex')` in a select list."""

    arg_types = {"this": True}  # noqa: RUF012


class ViewParameter(exp.Expression):
    """`{name:type}` in a view: `this` the name, `to` a TypeName; `sample`: a zero stands for it."""

    arg_types = {"this": True, "to": True, "sample": False}  # noqa: RUF012


class SessionRange(exp.Expression):
    """`[start, end)` of a session window."""

    arg_types = {  # noqa: RUF012
        "this": True,
        "expression": True,
        "start_inclusive": True,
        "end_inclusive": True,
    }


class Call(exp.Expression):
    """A function call: `this` the lower-case name, `expressions` its arguments.

    `distinct`: `f(distinct x)`. `filter`: the condition of FILTER (WHERE ...). `over`: the
    PARTITION BY expressions of an OVER clause (maybe none), absent without OVER. `parameters`: how
    many of the last arguments stood in parentheses of their own, `f(parameters)(arguments)`.
    """

    arg_types = {  # noqa: RUF012
        "this": True,
        "expressions": False,
        "distinct": False,
        "filter": False,
        "over": False,
        "parameters": False,
    }


class Source(exp.Expression):
    """A FROM item: `this` is a name (Identifier), a query or a Call of a table function.

    In a Call the first argument of a function over a source is itself a Source. `given`: the
    values of a view's parameters, as equalities.
    """

    arg_types = {"this": True, "alias": False, "given": False}  # noqa: RUF012


class Joined(exp.Expression):
    """A join: `side` LEFT RIGHT FULL or '', `kind` INNER CROSS or '', `strictness` ALL ASOF ..."""

    arg_types = {  # noqa: RUF012
        "this": True,
        "side": False,
        "kind": False,
        "strictness": False,
        "on": False,
        "using": False,
    }


class ArrayJoin(exp.Expression):
    """`[LEFT] ARRAY JOIN arr [AS a], ...`."""

    arg_types = {"expressions": True, "left": False}  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class EmitClause:
    """EMIT as written; intervals are Interval nodes. See section 7 of the dialect."""

    changelog: bool = False
    after_close: bool = False
    delay: exp.Expr | None = None
    timeout: exp.Expr | None = None
    periodic: exp.Expr | None = None
    repeat: bool = False
    on_update: bool = False
    batch: exp.Expr | None = None
    per_event: bool = False
    last: exp.Expr | None = None
    last_processing_time: bool = False
    span: str = ""  # SESSION CLOSE or KEY EXPIRE
    identified: tuple[exp.Expr, ...] = ()  # of it: time, start, end
    max_span: exp.Expr | None = None
    only_max_span: bool = False
    words: str = ""  # the clause as written, for printing
    place: str = field(default="", compare=False)  # where it begins


# What a SELECT of this dialect may carry besides sqlglot's own args.
SELECT_ARGS = frozenset(
    (
        "with_",
        "expressions",
        "distinct",
        "from_",
        "joins",
        "array_join",
        "prewhere",
        "where",
        "partition",
        "shuffle",
        "group",
        "having",
        "order",
        "limit_by",
        "limit_by_offset",
        "limit",
        "offset",
        "emit",
        "settings",
    )
)


def children(node: exp.Expr, key: str) -> list[exp.Expr]:
    """The list under `key`, empty if absent."""
    return cast("list[exp.Expr]", node.args.get(key) or [])


def child(node: exp.Expr, key: str) -> exp.Expr | None:
    """The node under `key` or None."""
    found: Any = node.args.get(key)
    return found if isinstance(found, exp.Expr) else None


def text_of(node: exp.Expr, key: str = "this") -> str:
    """The text under `key`; of a node there, its name."""
    found: Any = node.args.get(key)
    if isinstance(found, exp.Expr):
        return found.name
    return str(found) if found is not None else ""


def emit_of(select: exp.Expr) -> EmitClause | None:
    """The EMIT clause of a SELECT or set operation."""
    return cast("EmitClause | None", select.args.get("emit"))


def settings_of(select: exp.Expr) -> dict[str, str]:
    """SETTINGS of a SELECT as text."""
    return dict(cast("dict[str, str]", select.args.get("settings") or {}))
