"""Families of random programs: one for each part of the dialect."""

from __future__ import annotations

from dataclasses import replace

from tests.engine.programs import (
    Changelog,
    Dedup,
    Program,
    Select,
    Source,
    Stream,
    Table,
    Tracked,
)
from tests.engine.programs_joins import Joined, Operand
from tests.engine.programs_make import GROUPS, Maker
from tests.engine.reference_groups import VERSION
from tests.engine.reference_keys import Ending
from tests.engine.reference_rows import Expr, column
from tests.engine.reference_running import Look
from tests.engine.reference_windows import Frame


def tails(make: Maker) -> Program:
    """A flat query over an append stream."""
    stream = make.stream()
    names = [n for n, _ in stream.columns]
    computed = (("x", make.computed()),)
    shown = (*make.some(names, 1, 4), "x")
    frame = Frame("tumble", "t", 300) if make.chance(0.2) else None
    if make.chance(0.15):
        frame = Frame("hop", "t", 300, 200)
    if frame is not None:
        shown = (*shown, "window_start")
    distinct = None
    if make.chance(0.3):
        distinct = make.random.choice((0, 20))
    select = Select(
        Table(stream),
        shown,
        computed,
        where=make.condition() if make.chance(0.6) else None,
        frame=frame,
        distinct=distinct,
        limit_by=(make.random.randint(1, 2), ("k",)) if "k" in shown and make.chance(0.2) else None,
        limit=(make.random.randint(1, 9), make.random.choice((0, 2))) if make.chance(0.2) else None,
    )
    return make.program(select, (stream,))


def grouped(make: Maker, stream: Stream, select: Select) -> Program:
    """The parts that all aggregations share."""
    calls = make.calls(stream)
    keys = tuple(make.some(list(GROUPS), 0, 2))
    parts = tuple(make.some(list(GROUPS), 1, 1)) if make.chance(0.2) else ()
    windows = ("window_start", "window_end") if select.frame is not None else ()
    every = tuple(dict.fromkeys((*parts, *keys)))
    shown = (*every, *(n for n, _ in calls), *windows, VERSION)
    order = ("n", make.chance(0.5)) if make.chance(0.15) else None
    limit_by = None
    if (windows or every) and make.chance(0.15):
        by = make.some(list(windows), 1, 1) if windows else make.some(list(every), 1, 1)
        limit_by = (make.random.randint(1, 2), tuple(by))
    changed = Select(
        select.source,
        shown,
        calls=calls,
        keys=keys,
        parts=parts,
        frame=select.frame,
        emit=select.emit,
        where=make.condition() if make.chance(0.3) else None,
        having=Expr("n > 1", lambda r: r["n"] > 1) if make.chance(0.2) else None,  # type: ignore
        order=order,
        limit_by=limit_by,
        limit=(make.random.randint(1, 20), 0) if make.chance(0.1) else None,
    )
    return make.program(changed, (stream,))


def groups(make: Maker) -> Program:
    """A global aggregate over an append stream."""
    stream = make.stream()
    return grouped(make, stream, Select(Table(stream), (), emit=make.global_emit()))


def windows(make: Maker) -> Program:
    """A window aggregate over an append stream."""
    stream = make.stream()
    select = Select(Table(stream), (), frame=make.frame(), emit=make.window_emit())
    return grouped(make, stream, select)


def dates(make: Maker) -> Program:
    """A window of the calendar over an append stream."""
    stream = make.stream()
    frame, emit = make.calendar(), make.window_emit()
    if emit.delay:
        emit = replace(emit, delay=emit.delay * make.pace)
    return grouped(make, stream, Select(Table(stream), (), frame=frame, emit=emit))


def changed(make: Maker) -> tuple[Source, tuple[Stream, ...]]:
    """A source whose rows are a changelog."""
    mode = make.random.choice(("changelog()", "changelog", "changelog_kv", "versioned_kv"))
    keys = tuple(make.some(list(GROUPS), 1, 2))
    if mode == "changelog()":
        stream = make.stream()
        version = make.random.choice(("", "", "v"))
        return Changelog(Table(stream), keys, version), (stream,)
    if mode == "changelog":
        stream = make.stream(mode=mode)
        return Table(stream), (stream,)
    if mode == "changelog_kv":
        stream = make.stream(mode=mode, key=keys)
        return Table(stream), (stream,)
    stream = make.stream(mode=mode, key=keys, version=make.random.choice(("", "v")))
    return Tracked(Table(stream)), (stream,)


def changes(make: Maker) -> Program:
    """A flat query over a changelog: weights pass filters and projections."""
    source, streams = changed(make)
    if isinstance(source, Tracked):
        source = source.table
    names = [n for n, _ in streams[0].columns]
    weighted = streams[0].mode != "versioned_kv"
    shown = (*make.some(names, 1, 4), "x", *(("_tp_delta",) if weighted else ()))
    where = make.condition() if make.chance(0.5) else None
    computed = (("x", make.computed()),)
    distinct = 0 if weighted and make.chance(0.3) else None
    select = Select(source, shown, computed, where=where, distinct=distinct)
    return make.program(select, streams)


def taken_back(make: Maker) -> Program:
    """An aggregate over a changelog."""
    source, streams = changed(make)
    if make.chance(0.3):  # what -1 means to a session that it did not join is not said
        frame = make.frame(sessions=False)
        return grouped(make, streams[0], Select(source, (), frame=frame, emit=make.window_emit()))
    emit = make.global_emit()
    if emit.when in ("periodic", "update") and not emit.repeat and make.chance(0.4):
        emit = replace(emit, changes=True)
    made = grouped(make, streams[0], Select(source, (), emit=emit))
    if emit.changes:
        shown = (*(n for n in made.select.shown if n != VERSION), "_tp_delta")
        made = made.but(select=replace(made.select, shown=shown, limit_by=None))
    return made


def running(make: Maker) -> Program:
    """lag, lags, neighbor and row_number over a stream."""
    weighted = make.chance(0.3)
    source, streams = changed(make) if weighted else (Table(make.stream()), ())
    if isinstance(source, Tracked):
        source = source.table
    streams = streams or (source.leaves()[0].stream,)
    looks: list[tuple[str, Look]] = []
    for at in range(make.random.randint(1, 3)):
        kind = make.random.choice(("lag", "lags", "neighbor", "row_number"))
        first = make.random.randint(1, 3)
        last = first + (make.random.randint(0, 2) if kind == "lags" else 0)
        name, zero = make.random.choice((("v", 0), ("k", "")))
        looks.append((f"l{at}", Look(kind, column(name), first, last, zero)))
    parts = tuple(make.some(list(GROUPS), 1, 1)) if make.chance(0.5) else ()
    delta = ("_tp_delta",) if streams[0].mode.startswith("changelog") else ()
    delta = ("_tp_delta",) if isinstance(source, Changelog) else delta
    shown = ("k", "v", *(n for n, _ in looks), *delta)
    where = make.condition() if make.chance(0.4) else None
    select = Select(source, shown, looks=tuple(looks), parts=parts, where=where)
    return make.program(select, streams)


def once(make: Maker) -> Program:
    """dedup(), flat and under aggregates."""
    stream = make.stream()
    above = Expr("v > 2", lambda r: r["v"] > 2)  # type: ignore[operator]
    choices = (column("k"), column("g"), above)
    keys = tuple(make.random.sample(choices, make.random.randint(1, 2)))
    ttl = make.random.choice((0, 0, 30))
    source = Dedup(Table(stream), keys, ttl, make.random.choice((10_000, 10_000, 2)))
    if make.chance(0.5):
        where = make.condition() if make.chance(0.4) else None
        return make.program(Select(source, ("k", "g", "v"), where=where), (stream,))
    if make.chance(0.5):
        return grouped(make, stream, Select(source, (), emit=make.global_emit()))
    select = Select(source, (), frame=make.frame(), emit=make.window_emit())
    return grouped(make, stream, select)


def joined(make: Maker) -> tuple[Joined, tuple[Stream, ...], bool]:
    """A join of two streams, and whether it is a changelog."""
    how = make.random.choice(("pairs", "enrich", "latest", "asof", "near", "changes", "changes"))
    outer = make.chance(0.5)
    on = make.some(list(GROUPS), 1, 2)
    pairs = tuple((f"l.{n}", f"r.{n}") for n in on)
    stamp = make.random.choice((("l.t", "r.t"), ("l.v", "r.v")))
    if how == "changes":
        left, right = operand(make, "l", 0), operand(make, "r", 1)
        made = Joined(left, right, how, pairs, outer)
    elif how == "enrich":
        first = make.stream("l")
        left, right = Operand(Table(first, 0), "l", first), operand(make, "r", 1)
        made = Joined(left, right, how, pairs, outer)
    else:
        first, second = make.stream("l"), make.stream("r")
        left, right = Operand(Table(first, 0), "l", first), Operand(Table(second, 1), "r", second)
        made = Joined(left, right, how, pairs, outer)
    if how == "asof":
        made = replace(made, op=make.random.choice(("<", "<=", ">", ">=")), times=stamp)
    if how == "near":
        high = 100 * make.random.randint(1, 5)
        low = -high if make.chance(0.6) else -100 * make.random.randint(0, 4)
        made = replace(made, times=("l.t", "r.t"), low=low, high=high)
    return made, (left.stream, right.stream), how == "changes"


def operand(make: Maker, name: str, leaf: int) -> Operand:
    """A side of a join that is a changelog."""
    mode = make.random.choice(("changelog()", "changelog", "changelog_kv", "versioned_kv"))
    keys = tuple(make.some(list(GROUPS), 1, 2))
    if mode == "changelog()":
        stream = make.stream(name)
        return Operand(Changelog(Table(stream, leaf), keys), name, stream)
    version = make.random.choice(("", "v")) if mode == "versioned_kv" else ""
    stream = make.stream(name, mode=mode, key=keys if mode != "changelog" else (), version=version)
    table = Table(stream, leaf)
    return Operand(Tracked(table) if mode == "versioned_kv" else table, name, stream)


def joins(make: Maker) -> Program:
    """A flat query over a join."""
    source, streams, weighted = joined(make)
    names = [f"{s.name}.{n}" for s in streams for n, _ in s.columns]
    chosen = make.some(names, 2, 6)
    computed = tuple((f"c{at}", named(name)) for at, name in enumerate(chosen))
    shown = (*(n for n, _ in computed), *(("_tp_delta",) if weighted else ()))
    where = None
    if make.chance(0.3):
        where = Expr("l.v + r.v > 3", lambda r: r["l.v"] + r["r.v"] > 3)  # type: ignore
    select = Select(source, shown, computed, where=where)
    return make.program(select, streams)


def named(name: str) -> Expr:
    """A column of a side."""
    return Expr(name, lambda row: row[name])


def ending(make: Maker) -> Program:
    """Keys that come to an end: AFTER KEY EXPIRE and AFTER SESSION CLOSE."""
    stream = make.stream()
    rule = Ending(
        "t",
        100 * make.random.randint(2, 9),
        make.random.choice((0, 25, 41)),
        only=make.chance(0.2),
    )
    if make.chance(0.5):
        starts = Expr("v > 3", lambda r: r["v"] > 3)  # type: ignore[operator]
        ends = Expr("v < 1", lambda r: r["v"] < 1)  # type: ignore[operator]
        rule = replace(rule, starts=starts, ends=ends, only=False)
    keys = tuple(make.some(list(GROUPS), 1, 2))
    calls = make.calls(stream)
    shown = (*keys, *(n for n, _ in calls))
    where = make.condition() if make.chance(0.3) else None
    select = Select(Table(stream), shown, calls=calls, keys=keys, where=where, ending=rule)
    return make.program(select, (stream,))


def with_tables(make: Maker) -> Program:
    """A join with table() of any mode on the right, read once when the query starts."""
    mode = make.random.choice(("append", "changelog_kv", "versioned_kv"))
    keys = tuple(make.some(list(GROUPS), 1, 2))
    left = make.stream("l")
    right = make.stream("r", mode=mode, key=keys if mode != "append" else ())
    sides = (Operand(Table(left, 0), "l", left), Operand(Table(right, 1, True), "r", right))
    how = make.random.choice(("enrich", "asof"))
    on = tuple((f"l.{n}", f"r.{n}") for n in make.some(list(GROUPS), 1, 2))
    source = Joined(*sides, how, on, make.chance(0.5), keep=10_000)
    if how == "asof":
        op = make.random.choice(("<", "<=", ">", ">="))
        source = replace(source, op=op, times=("l.v", "r.v"))
    names = [f"{s.name}.{n}" for s in (left, right) for n, _ in s.columns]
    computed = tuple((f"c{at}", named(n)) for at, n in enumerate(make.some(names, 2, 6)))
    select = Select(source, tuple(n for n, _ in computed), computed)
    return make.program(select, (left, right), full=True)


def rewound(make: Maker) -> Program:
    """An aggregate that begins in the past: results wait until it is read."""
    stream = make.stream()
    if make.chance(0.5):  # what disorder in the past means to sessions is not said
        frame = make.frame(sessions=False)
        select = Select(Table(stream), (), frame=frame, emit=make.window_emit())
    else:
        emit = make.global_emit()
        while emit.when == "event":
            emit = make.global_emit()
        select = Select(Table(stream), (), emit=emit)
    shape = grouped(make, stream, select).select
    shape = replace(shape, settings="seek_to = 'earliest'")
    return make.program(shape, (stream,), full=True)
