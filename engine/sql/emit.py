"""EMIT: from what was written and what the SELECT is, to one policy; section 7 of the dialect."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.context import Context
from engine.sql.nodes import Call, Duration, EmitClause
from engine.sql.places import stands
from engine.sql.plan_parts import EmitSpec, Named, Span, WindowSpec
from engine.sql.relations import Field
from engine.sql.settings import number_setting
from engine.sql.times import MONTHS, span_ms
from engine.sql.windows import span_of
from engine.types import DATETIME64_3_UTC, duckdb_type

PERIODIC_DEFAULT_MS = 2_000
WINDOWS_MAX = 1_000  # of one key in LAST; the setting max_windows
INTERVAL_MS_MIN = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of SELECT the clause stands on."""

    aggregated: bool
    windowed: bool
    fields: tuple[Field, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class LastRewrite:
    """EMIT ... LAST i: a predicate on the event time, and for a global aggregate a window."""

    predicate: exp.Expr
    window: tuple[WindowSpec, Named | None] | None


def resolve_emit(
    clause: EmitClause | None, shape: Shape, *, implied_window: bool = False
) -> EmitSpec | None:
    """The policy of an aggregation, or of a DISTINCT that is sent at ticks; None for another tail.

    SqlError 80 for a clause that does not fit.

    Of EMIT AFTER SESSION CLOSE and AFTER KEY EXPIRE the expressions are bound elsewhere
    (`engine.sql.key_session`).
    """
    clause = clause or EmitClause()
    with stands(clause.place):
        if not shape.aggregated:
            return _tail(clause, distinct=shape.distinct)
        if shape.windowed or implied_window:
            return _windowed(clause, implied=implied_window)
        return _global(clause)


def _tail(clause: EmitClause, *, distinct: bool) -> EmitSpec | None:
    if clause.per_event or clause.span:
        words = f"AFTER {clause.span}" if clause.span else "PER EVENT"
        message = f"EMIT {words} belongs to global aggregations"
        raise SqlError(message, Code.INCORRECT_QUERY)
    interval = clause.batch or clause.periodic
    closing = clause.after_close or clause.timeout is not None or clause.delay is not None
    if closing or (interval is not None and not distinct):
        message = "EMIT PERIODIC, TIMEOUT and AFTER WATERMARK belong to aggregations"
        raise SqlError(message, Code.INCORRECT_QUERY)
    if interval is None:
        return None
    return EmitSpec("tick", "changed", interval_ms=_ms(interval, "PERIODIC"))


def _global(clause: EmitClause) -> EmitSpec:
    if clause.span:
        return _expiring(clause)
    if clause.after_close or clause.delay is not None or clause.timeout is not None:
        message = "EMIT AFTER WATERMARK, DELAY and TIMEOUT belong to window aggregations"
        raise SqlError(message, Code.INCORRECT_QUERY)
    how = "changelog" if clause.changelog else "plain"
    if clause.per_event:
        if clause.periodic is not None or clause.batch is not None:
            message = "EMIT PER EVENT sends after every row: it goes with no interval"
            raise SqlError(message, Code.INCORRECT_QUERY)
        return EmitSpec("append", "changed", how, per_event=True)
    batch = clause.batch or (clause.periodic if clause.on_update else None)
    if batch is not None:
        return EmitSpec("tick", "changed", how, interval_ms=_ms(batch, "BATCH"))
    if clause.on_update:
        return EmitSpec("append", "changed", how)
    interval = PERIODIC_DEFAULT_MS
    if clause.periodic is not None:
        interval = _ms(clause.periodic, "PERIODIC")
    which = "changed" if clause.changelog else "all"
    return EmitSpec("tick", which, how, interval_ms=interval, repeat=clause.repeat)


def _expiring(clause: EmitClause) -> EmitSpec:
    """AFTER SESSION CLOSE, AFTER KEY EXPIRE."""
    others = (clause.periodic, clause.batch, clause.delay)
    if (
        clause.changelog
        or clause.per_event
        or clause.on_update
        or any(o is not None for o in others)
    ):
        message = f"EMIT AFTER {clause.span} goes with MAXSPAN and TIMEOUT only"
        raise SqlError(message, Code.INCORRECT_QUERY)
    timeout = 0 if clause.timeout is None else _ms(clause.timeout, "TIMEOUT")
    return EmitSpec("close", "closed", timeout_ms=timeout)


def _windowed(clause: EmitClause, *, implied: bool) -> EmitSpec:
    if clause.per_event or clause.span:
        words = f"AFTER {clause.span}" if clause.span else "PER EVENT"
        message = f"EMIT {words} belongs to global aggregations, not to windows"
        raise SqlError(message, Code.INCORRECT_QUERY)
    delay = _span(clause.delay, "DELAY")
    timeout = 0 if clause.timeout is None else _ms(clause.timeout, "TIMEOUT")
    periodic = None if implied else clause.periodic
    batch = clause.batch or (periodic if clause.on_update else None)
    if batch is not None:
        when, which, interval = "tick", "changed", _ms(batch, "BATCH")
    elif clause.on_update:
        when, which, interval = "append", "changed", 0
    elif periodic is not None:
        which = "changed" if clause.changelog else "open"
        when, interval = "tick", _ms(periodic, "PERIODIC")
    else:
        when, which, interval = "close", "closed", 0
    return EmitSpec(
        when,
        which,
        "changelog" if clause.changelog else "plain",
        interval_ms=interval,
        repeat=clause.repeat,
        delay=delay,
        timeout_ms=timeout,
    )


def _span(node: exp.Expr | None, what: str) -> Span | None:
    if node is None:
        return None
    span = span_of(node)
    if span is None or span.count < 0:
        raise SqlError(f"{what} wants a constant interval such as 5s", Code.BAD_ARGUMENTS)
    return span


def _ms(node: exp.Expr, what: str) -> int:
    span = _span(node, what)
    interval = 0 if span is None else span_ms(span)
    if interval < INTERVAL_MS_MIN:
        raise SqlError(f"{what} wants an interval of at least 1ms", Code.BAD_ARGUMENTS)
    return interval


# -- LAST ----------------------------------------------------------------------------------------


def says_when(emit: EmitClause | None) -> bool:
    """Whether EMIT names its own moments; without them a global aggregation over another one sends
    whenever that one does."""
    return emit is not None and (emit.periodic is not None or emit.batch is not None)


def last_rewrite(clause: EmitClause, shape: Shape, context: Context) -> LastRewrite | None:
    """What LAST i adds; None without LAST. SqlError 62 when it makes too many windows."""
    if clause.last is None:
        return None
    with stands(clause.place):
        return _last(clause, clause.last, shape, context)


def _last(clause: EmitClause, last: exp.Expr, shape: Shape, context: Context) -> LastRewrite:
    size = _span(last, "LAST")
    if size is None or size.count <= 0:
        raise SqlError("LAST wants an interval such as 1h", Code.BAD_ARGUMENTS)
    time = exp.Column(this=exp.Identifier(this="_tp_time", quoted=True))
    now = Call(this="now64", expressions=[exp.Literal.number("3"), exp.Literal.string("UTC")])
    duration = Duration(this=exp.Literal.number(str(size.count)), unit=size.unit)
    predicate = exp.GTE(this=time, expression=exp.Sub(this=now, expression=duration))
    if not shape.aggregated or shape.windowed:
        return LastRewrite(predicate, None)
    return LastRewrite(predicate, _last_window(clause, size, shape, context))


def _last_window(
    clause: EmitClause, size: Span, shape: Shape, context: Context
) -> tuple[WindowSpec, Named | None]:
    """A global aggregate over the last i: a hop of size i by the period."""
    if size.unit in MONTHS:
        raise SqlError("LAST of an aggregate wants a fixed interval", Code.BAD_ARGUMENTS)
    size_ms = span_ms(size)
    most = max(1, number_setting(context.settings, "max_windows", WINDOWS_MAX))
    if clause.periodic is not None:
        slide_ms = _ms(clause.periodic, "PERIODIC")
    else:  # every 2 s, or as often as the number of windows allows
        slide_ms = min(size_ms, max(PERIODIC_DEFAULT_MS, -(-size_ms // most)))
    if size_ms < slide_ms or size_ms > slide_ms * most:
        message = f"LAST / PERIODIC must be between 1 and {most} (setting max_windows)"
        raise SqlError(message, Code.SYNTAX_ERROR)
    spans = Span(size_ms, "ms"), Span(slide_ms, "ms")
    if clause.last_processing_time:
        sql = f"CAST(make_timestamp_ms({{now_ms}}) AS {duckdb_type(DATETIME64_3_UTC)})"
        named = Named("__time", sql, DATETIME64_3_UTC)
        spec = WindowSpec(
            "hop", "__time", DATETIME64_3_UTC, spans[0], spans[1], processing_time=True
        )
        return spec, named
    field = next((f for f in shape.fields if f.name == "_tp_time"), None)
    if field is None:
        message = "LAST needs the column _tp_time, which FROM does not give"
        raise SqlError(message, Code.UNKNOWN_IDENTIFIER)
    for read, column in field.uses:
        read.used.add(column)
    named = None if field.sql == '"_tp_time"' else Named("__time", field.sql, field.type)
    column = "_tp_time" if named is None else "__time"
    return WindowSpec("hop", column, field.type.inner, spans[0], spans[1]), named
