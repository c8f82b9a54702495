"""Window table functions: their arguments to a WindowSpec, and tumble as plain SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.render import unzoned, zoned
from engine.sql.nodes import Call, Duration, SessionRange, text_of
from engine.sql.plan_parts import Span, WindowSpec
from engine.sql.times import FIXED_NS, MONTHS, positive
from engine.type_parser import known_zone
from engine.types import DataType, duckdb_type

WINDOWS = frozenset(("tumble", "hop", "session"))
SESSION_MAX_FACTOR = 5  # a session without a maximum ends after 5 idle times


@dataclass(frozen=True, slots=True)
class WindowArguments:
    """Arguments after the source, sorted by kind. `time` is None for `_tp_time`."""

    time: exp.Expr | None
    spans: tuple[Span, ...]
    timezone: str
    range: SessionRange | None


def span_of(node: exp.Expr) -> Span | None:
    """The span of a constant interval such as `5s`; None for anything else."""
    if isinstance(node, exp.Paren):
        return span_of(node.this)
    if isinstance(node, Duration):
        count = node.this
        if isinstance(count, exp.Literal) and count.name.lstrip("-").isdigit():
            return Span(int(count.name), text_of(node, "unit"))
        raise SqlError("a window's interval must be a constant number", Code.BAD_ARGUMENTS)
    return None


def window_arguments(call: Call) -> WindowArguments:
    """Sort the arguments; SqlError 42 or 36 when they make no sense."""
    name = text_of(call)
    time: exp.Expr | None = None
    spans: list[Span] = []
    zone = ""
    found: SessionRange | None = None
    rest = list(call.expressions[1:])
    if name == "session" and len(rest) >= 3 and _are_predicates(rest[-2:]):
        # Two conditions stand for a closed range.
        start, end = rest[-2:]
        found = SessionRange(this=start, expression=end, start_inclusive=True, end_inclusive=True)
        rest = rest[:-2]
    for node in rest:
        if isinstance(node, SessionRange):
            found = node
        elif (span := span_of(node)) is not None:
            spans.append(positive(span, f"the interval of {name}"))
        elif isinstance(node, exp.Literal) and node.is_string and spans:
            zone = node.name
            if not known_zone(zone):
                raise SqlError(f"unknown time zone '{zone[:60]}'", Code.BAD_ARGUMENTS)
        elif time is None and not spans:
            time = node
        else:
            raise SqlError(f"{name} does not take this argument", Code.BAD_ARGUMENTS)
    least, most = {"tumble": (1, 1), "hop": (2, 2), "session": (1, 2)}[name]
    if not least <= len(spans) <= most:
        wants = str(least) if least == most else f"{least} or {most}"
        message = f"{name} wants {wants} interval(s), not {len(spans)}"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    return WindowArguments(time, tuple(spans), zone, found)


def _are_predicates(nodes: list[exp.Expr]) -> bool:
    kinds = (exp.Predicate, exp.Connector, exp.Not, exp.Paren, exp.Boolean)
    return all(isinstance(node, kinds) for node in nodes)


def check_time(t: DataType) -> None:
    """SqlError 43 unless windows may use the type."""
    if not t.is_time:
        message = f"a window's time must be a datetime or datetime64, not {t}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    if t.is_nullable:
        message = f"a window's time must not be nullable, it is {t}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def check_span(span: Span, t: DataType) -> None:
    """SqlError 36 when the span is finer than the time's scale."""
    tick = 1_000_000_000 // 10**t.scale
    if span.unit in FIXED_NS and FIXED_NS[span.unit] < tick:
        message = f"an interval of {span.count}{span.unit} is finer than {t}"
        raise SqlError(message, Code.BAD_ARGUMENTS)


def hop_spans(spans: tuple[Span, ...]) -> tuple[Span, Span]:
    """(slide, size) of hop; SqlError 36 for different units or a slide above the size."""
    slide, size = spans
    if slide.unit != size.unit:
        message = f"slide in {slide.unit} and size in {size.unit} of hop differ in unit"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if slide.count > size.count:
        raise SqlError("the slide of hop is longer than its size", Code.BAD_ARGUMENTS)
    return slide, size


def window_spec(name: str, args: WindowArguments, column: str, t: DataType) -> WindowSpec:
    """The spec without session predicates."""
    check_time(t)
    for span in args.spans:
        check_span(span, t)
    zone = args.timezone or t.zone or "UTC"
    if name == "tumble":
        return WindowSpec("tumble", column, t.inner, args.spans[0], timezone=zone)
    if name == "hop":
        slide, size = hop_spans(args.spans)
        return WindowSpec("hop", column, t.inner, size, slide, timezone=zone)
    idle = args.spans[0]
    longest = args.spans[1] if len(args.spans) > 1 else None
    longest = longest or Span(idle.count * SESSION_MAX_FACTOR, idle.unit)
    return WindowSpec("session", column, t.inner, idle, timezone=zone, max_span=longest)


# -- tumble in SQL -------------------------------------------------------------------------------


def tumble_start(spec: WindowSpec, sql: str) -> str:
    """SQL of the start of the window that holds a time."""
    t = spec.time_type
    local = zoned(sql, spec.timezone)
    start = _calendar_start(spec.size, local) or _fixed_start(spec.size, local, t)
    return f"CAST({unzoned(start, spec.timezone)} AS {duckdb_type(t)})"


def tumble_end(spec: WindowSpec, start: str) -> str:
    """SQL of the end of a window that starts at `start`."""
    t = spec.time_type
    span = spec.size
    if t.scale > 6 and span.unit in FIXED_NS:
        return f"make_timestamp_ns(epoch_ns({start}) + {span.count * FIXED_NS[span.unit]})"
    local = zoned(start, spec.timezone)
    end = unzoned(f"({local} + {_interval(span)})", spec.timezone)
    return f"CAST({end} AS {duckdb_type(t)})"


def _interval(span: Span) -> str:
    if span.unit in MONTHS:
        return f"to_months({span.count * MONTHS[span.unit]})"
    if span.unit in "dw":
        return f"to_days({span.count * (7 if span.unit == 'w' else 1)})"
    return f"to_microseconds({span.count * FIXED_NS[span.unit] // 1000})"


def _calendar_start(span: Span, local: str) -> str:
    """Weeks from Mondays; months, quarters and years from January 1900, as the dialect counts."""
    if span.unit == "w":
        days = f"(date_diff('day', DATE '1969-12-29', CAST({local} AS DATE)))"
        size = 7 * span.count
        floor = f"({days} - (({days} % {size}) + {size}) % {size})"
        return f"CAST(DATE '1969-12-29' + CAST({floor} AS INTEGER) AS TIMESTAMP)"
    if span.unit in MONTHS:
        size = span.count * MONTHS[span.unit]
        months = f"((date_part('year', {local}) - 1900) * 12 + date_part('month', {local}) - 1)"
        floor = f"({months} - (({months} % {size}) + {size}) % {size})"
        return f"(TIMESTAMP '1900-01-01 00:00:00' + to_months(CAST({floor} AS INTEGER)))"
    return ""


def _fixed_start(span: Span, local: str, t: DataType) -> str:
    nanos = span.count * FIXED_NS[span.unit]
    if t.scale > 6:
        ticks = f"epoch_ns({local})"
        size = nanos
        make = "make_timestamp_ns"
    else:
        ticks = f"epoch_us({local})"
        size = nanos // 1000
        make = "make_timestamp"
    return f"{make}({ticks} - (({ticks} % {size}) + {size}) % {size})"
