"""Where scans begin: constant predicates on `_tp_time` and `_tp_sn`, and the seek_to setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.nodes import Call, Duration, text_of
from engine.sql.plan_parts import Seek, Span
from engine.sql.relations import Bounds, Read
from engine.sql.times import parse_moment_ns, parse_offset_ms, span_ms

# column -> the stream columns that it is a plain copy of; of a union's column one for each side
Origin = Callable[[exp.Column], tuple[tuple[Read, str], ...]]
Ranges = dict[Read, Bounds]

_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
EARLIEST = ("earliest_ts", "earliest_timestamp")


def extract(where: exp.Expr, origin: Origin) -> None:
    """Record on every Read below what the condition says about its start.

    Raises SqlError 183 for earliest_ts() with another operator than > and >=.
    """
    for read, bounds in _ranges(where, origin).items():
        read.bounds.append(bounds)


def _ranges(node: exp.Expr, origin: Origin) -> Ranges:
    match node:
        case exp.Paren():
            return _ranges(cast("exp.Expr", node.this), origin)
        case exp.And():
            return _joined(list(_flat(node)), origin, every=True)
        case exp.Or():
            return _joined(list(_flat(node)), origin, every=False)
        case exp.Between():
            low = cast("exp.Expr", node.args["low"])
            return _comparison(exp.GTE, cast("exp.Expr", node.this), low, origin)
        case _ if isinstance(node, _COMPARISONS):
            left, right = cast("exp.Expr", node.this), cast("exp.Expr", node.args["expression"])
            kind = cast("type[exp.Expr]", type(node))
            found = _comparison(kind, left, right, origin)
            return found or _comparison(_FLIPPED.get(kind, kind), right, left, origin)
        case _:
            return {}


def _flat(node: exp.Expr) -> list[exp.Expr]:
    parts: list[exp.Expr] = []
    here = node
    while type(here) is type(node):
        parts.append(cast("exp.Expr", here.args["expression"]))
        here = cast("exp.Expr", here.this)
    return [here, *reversed(parts)]


def _joined(parts: list[exp.Expr], origin: Origin, *, every: bool) -> Ranges:
    """AND: every part's bounds hold. OR: only where each part bounds the read."""
    found = [_ranges(part, origin) for part in parts]
    reads = {read: None for ranges in found for read in ranges}
    joined: Ranges = {}
    for read in reads:
        held = [ranges[read] for ranges in found if read in ranges]
        if every or len(held) == len(found):
            joined[read] = lowest(held)
    return joined


def lowest(bounds: list[Bounds]) -> Bounds:
    """Of several bounds the lowest of each kind; open ones count only when alone."""
    times = [b.time_ms for b in bounds if b.time_ms is not None]
    offsets = [b.relative_ms for b in bounds if b.relative_ms is not None]
    numbers = [b.sn for b in bounds if b.sn is not None]
    bounded_time = bool(times or offsets)
    return Bounds(
        earliest=any(b.earliest for b in bounds) and not bounded_time,
        time_ms=min(times) if times else None,
        relative_ms=min(offsets) if offsets else None,
        sn=min(numbers) if numbers else None,
        sn_earliest=any(b.sn_earliest for b in bounds) and not numbers,
    )


def _comparison(kind: type[exp.Expr], column: exp.Expr, value: exp.Expr, origin: Origin) -> Ranges:
    if not isinstance(column, exp.Column):
        return {}
    if isinstance(value, Call) and text_of(value) in EARLIEST:
        return _earliest(kind, column, origin)
    ranges: Ranges = {}
    for read, name in origin(column):
        bounds = _bounds(kind, name, value)
        if bounds is not None:
            ranges[read] = bounds
    return ranges


def _bounds(kind: type[exp.Expr], name: str, value: exp.Expr) -> Bounds | None:
    """What a comparison of a stream column says about where reading begins."""
    lower = kind in (exp.EQ, exp.GT, exp.GTE)
    if name == "_tp_sn":
        number = _integer(value)
        if number is None:
            return None
        start = number + 1 if kind is exp.GT else number
        return Bounds(sn=max(start, 0)) if lower else Bounds(sn_earliest=True)
    bounds = _time(value) if name == "_tp_time" else None
    return bounds if bounds is None or lower else Bounds(earliest=True)


def _earliest(kind: type[exp.Expr], column: exp.Column, origin: Origin) -> Ranges:
    if kind not in (exp.GT, exp.GTE):
        message = "earliest_ts() takes > or >= only, as in _tp_time > earliest_ts()"
        raise SqlError(message, Code.UNEXPECTED_EXPRESSION)
    return {read: Bounds(earliest=True) for read, name in origin(column) if name == "_tp_time"}


def _integer(node: exp.Expr) -> int | None:
    sign = 1
    while isinstance(node, exp.Neg | exp.Paren):
        sign = -sign if isinstance(node, exp.Neg) else sign
        node = cast("exp.Expr", node.this)
    if isinstance(node, exp.Literal) and node.name.isdigit():
        return sign * int(node.name)
    return None


_DAY_MS = 86_400_000
_DAYS_BACK = {"today": 1, "yesterday": 2}
_WRAPPERS = ("to_datetime", "to_datetime64", "to_time", "parse_datetime", "to_date")


def _time(node: exp.Expr) -> Bounds | None:
    """A constant time: a text, now() with offsets, or a conversion of a text."""
    match node:
        case exp.Paren() | exp.Cast():
            return _time(cast("exp.Expr", node.this))
        case exp.Literal() if node.is_string:
            nanos = parse_moment_ns(node.name)
            return None if nanos is None else Bounds(time_ms=nanos // 1_000_000)
        case Call() if text_of(node) in ("now", "now64"):
            return Bounds(relative_ms=0)
        case Call() if text_of(node) in _DAYS_BACK:
            # The beginning of a day is not known yet; the condition drops the rows before it.
            return Bounds(relative_ms=-_DAYS_BACK[text_of(node)] * _DAY_MS)
        case Call() if text_of(node) in _WRAPPERS:
            held = node.expressions[0] if node.expressions else None
            return _time(held) if held is not None else None
        case exp.Sub() | exp.Add():
            base = _time(cast("exp.Expr", node.this))
            length = _length(cast("exp.Expr", node.args["expression"]))
            if base is None or length is None:
                return None
            return _shift(base, -length if isinstance(node, exp.Sub) else length)
        case _:
            return None


def _length(node: exp.Expr) -> int | None:
    """Milliseconds of a constant interval or number of seconds."""
    if isinstance(node, exp.Paren):
        return _length(cast("exp.Expr", node.this))
    if isinstance(node, Duration):
        count = _integer(cast("exp.Expr", node.this))
        return None if count is None else span_ms(Span(count, text_of(node, "unit")))
    number = _integer(node)
    return None if number is None else number * 1000


def _shift(bounds: Bounds, by_ms: int) -> Bounds:
    if bounds.time_ms is not None:
        return Bounds(time_ms=bounds.time_ms + by_ms)
    return Bounds(relative_ms=(bounds.relative_ms or 0) + by_ms)


# -- from bounds and settings to the start of a scan ----------------------------------------------


def seek_of(read: Read) -> Seek:
    """The start of a streaming scan: predicates first, then seek_to, else the live end.

    A replay that has a start begins there, among all rows of the past. Predicates on a keyed stream
    only filter: its past is one row per key, not a stretch of time.
    """
    if read.keyed is not None:
        return Seek("latest") if begins_compacted(read) else parse_seek(read.seek_to)
    if read.bounds:
        found = lowest(read.bounds)
        # A bound on _tp_sn overrides bounds on time.
        if found.sn is not None:
            return Seek("sn", found.sn)
        if found.sn_earliest or found.earliest:
            return Seek("earliest")
        if found.time_ms is not None:
            return Seek("time", found.time_ms)
        if found.relative_ms is not None:
            return Seek("relative", min(found.relative_ms, 0))
    if read.past.from_ms is not None and not read.seek_to:
        return Seek("earliest")
    return parse_seek(read.seek_to)


def begins_compacted(read: Read) -> bool:
    """Whether a streaming scan begins with the current rows of a keyed stream: unless the query
    names another start, or leaves history out."""
    start = read.seek_to.strip()
    return read.keyed is not None and start in ("", "earliest") and not read.past.logged_only


def spread_seek_to(text: str, reads: list[Read]) -> None:
    """Give `seek_to='a,b'` of a query to the streams it reads, in the order of FROM.

    One value is for all of them; a subquery's own setting stays. SqlError 36 for another count.
    """
    starts = [part.strip() for part in text.split(",")]
    if len(starts) == 1:
        return
    streams = [r for r in reads if not r.bounded and not r.is_random]
    if len(starts) != len(streams):
        message = f"seek_to has {len(starts)} values, and the query reads {len(streams)} streams"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    for read, start in zip(streams, starts, strict=True):
        if read.seek_to == text:
            read.seek_to = start


def parse_seek(text: str) -> Seek:
    """`latest`, `earliest`, a sequence number, a time or `-2h`; SqlError 36 for anything else."""
    text = text.strip()
    if text in ("", "latest"):
        return Seek("latest")
    if text == "earliest":
        return Seek("earliest")
    if text.isdigit():
        return Seek("sn", int(text))
    offset = parse_offset_ms(text)
    if offset is not None:
        return Seek("relative", offset)
    nanos = parse_moment_ns(text)
    if nanos is None:
        message = f"seek_to {text[:60]!r} is neither latest, earliest, a number, a time nor -2h"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return Seek("time", nanos // 1_000_000)
