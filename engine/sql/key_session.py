"""Binds EMIT AFTER SESSION CLOSE and AFTER KEY EXPIRE: the time, the start and the end."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.expressions import Binder
from engine.sql.names import ColumnScope
from engine.sql.nodes import EmitClause
from engine.sql.plan_parts import KeySession
from engine.sql.settings import flag_setting
from engine.sql.times import positive
from engine.sql.windows import check_span, check_time, span_of

_PARTS_MAX = 3  # time, start, end


def bind_key_session(clause: EmitClause, scope: ColumnScope, *, grouped: bool) -> KeySession:
    """The session of each key. SqlError 36, 42, 43 or 80 where it makes no sense."""
    if not grouped:
        message = f"EMIT AFTER {clause.span} sends keys: it wants GROUP BY"
        raise SqlError(message, Code.INCORRECT_QUERY)
    if len(clause.identified) > _PARTS_MAX:
        message = "IDENTIFIED BY takes a time, a start condition and an end condition"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    binder = Binder(scope)
    parts = [*clause.identified, *[None] * (_PARTS_MAX - len(clause.identified))]
    time = binder.bind(parts[0] if parts[0] is not None else exp.column("_tp_time"))
    check_time(time.type)
    span = span_of(clause.max_span) if clause.max_span is not None else None
    if span is None:
        raise SqlError("MAXSPAN wants a constant interval such as 5s", Code.BAD_ARGUMENTS)
    check_span(positive(span, "MAXSPAN"), time.type)
    settings = scope.context.settings
    return KeySession(
        time.sql,
        time.type.inner,
        span,
        _condition(parts[1], binder, without=True),
        _condition(parts[2], binder, without=False),
        clause.only_max_span,
        flag_setting(settings, "merge_open_sessions", default=False),
        flag_setting(settings, "include_session_end", default=True),
    )


def _condition(node: exp.Expr | None, binder: Binder, *, without: bool) -> str:
    """SQL; empty for the constant that means that there is none."""
    if node is None or (isinstance(node, exp.Boolean) and bool(node.this) == without):
        return ""
    return binder.condition(node)
