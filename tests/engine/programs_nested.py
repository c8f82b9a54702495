"""Families of random programs in which queries stand over queries; the list of all families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.engine.programs import Both, Program, Select, Source, Stream, Sub, Table
from tests.engine.programs_families import (
    changed,
    changes,
    dates,
    ending,
    grouped,
    groups,
    joined,
    joins,
    named,
    once,
    operand,
    rewound,
    running,
    tails,
    taken_back,
    windows,
    with_tables,
)
from tests.engine.programs_joins import Joined, Operand
from tests.engine.programs_make import GROUPS, TYPES, Maker
from tests.engine.reference_aggregates import Call
from tests.engine.reference_groups import VERSION, Emit
from tests.engine.reference_rows import column
from tests.engine.reference_windows import Frame


def sub(make: Maker, select: Select) -> Sub:
    """A subquery as it stands, as a CTE or as a view."""
    how = make.random.choice(("", "", "cte", "view"))
    return Sub(select, "w" if how else "", how == "view")


COUNT = ("n", Call("count", (), len))


def flat(make: Maker, stream: Stream, leaf: int = 0) -> Select:
    """A subquery with the columns that all streams have."""
    where = make.condition() if make.chance(0.5) else None
    return Select(Table(stream, leaf), tuple(TYPES), where=where)


def over_flat(make: Maker) -> Program:
    """An aggregate over a subquery or a union: what it drops, the watermark never sees."""
    first = make.stream()
    streams: tuple[Stream, ...] = (first,)
    source: Source = sub(make, flat(make, first))
    if make.chance(0.5):
        second = make.stream("d") if make.chance(0.7) else first
        streams = (first,) if second is first else (first, second)
        source = Both((flat(make, first), flat(make, second, 1)))
    common = Stream("s", tuple(TYPES.items()))
    if make.chance(0.5):
        select = Select(source, (), frame=make.frame(), emit=make.window_emit())
    else:
        select = Select(source, (), emit=make.global_emit())
    program = grouped(make, common, select)
    return make.program(program.select, streams)


def over_groups(make: Maker) -> Program:
    """An aggregate over a global aggregate sees the groups as they are."""
    source, streams = changed(make) if make.chance(0.5) else (None, (make.stream(),))
    source = source or Table(streams[0])
    keys = tuple(make.some(list(GROUPS), 1, 2))
    interval = make.even(3, 8)
    inner = Select(
        source,
        (*keys, "n", "total"),
        calls=(COUNT, ("total", Call("sum", (column("v"),), sum))),
        keys=keys,
        where=make.condition() if make.chance(0.3) else None,
        emit=Emit(make.random.choice(("periodic", "update")), 0),
        tracked=True,
    )
    assert inner.emit is not None
    if inner.emit.when == "periodic":
        inner = replace(inner, emit=replace(inner.emit, interval=interval))
    calls = (
        ("m", Call("count", (), len)),
        ("sums", Call("sum", (column("n"),), sum)),
        ("most", Call("max", (column("total"),), max)),
    )
    above = tuple(make.some(list(keys), 0, 1))
    emit = make.random.choice((Emit("update"), Emit("periodic", make.even(9, 20))))
    shown = (*above, *(n for n, _ in calls), VERSION)
    select = Select(sub(make, inner), shown, calls=calls, keys=above, emit=emit)
    return make.program(select, streams)


def over_windows(make: Maker) -> Program:
    """A window over the results of a window, a flat query over them, or running functions."""
    stream = make.stream()
    keys = tuple(make.some(list(GROUPS), 0, 2))
    size = 100 * make.random.randint(1, 3)
    frame = Frame("tumble", "t", size) if make.chance(0.5) else Frame("hop", "t", 2 * size, size)
    inner = Select(
        Table(stream),
        ("start", *keys, "n", "total"),
        computed=(("start", column("window_start")),),
        calls=(COUNT, ("total", Call("sum", (column("v"),), sum))),
        keys=keys,
        where=make.condition() if make.chance(0.3) else None,
        frame=frame,
        emit=make.random.choice((None, Emit("close", delay=150), Emit("close", timeout=25))),
    )
    calls = (
        ("m", Call("count", (), len)),
        ("sums", Call("sum", (column("n"),), sum)),
        ("most", Call("max", (column("total"),), max)),
    )
    above = tuple(make.some(list(keys), 0, 1))
    outer = Frame("tumble", "start", 4 * size)
    shown = (*above, *(n for n, _ in calls), "window_start", "window_end", VERSION)
    emit = make.window_emit()
    if emit.timeout:  # at which instant of both comes first is not said
        emit = replace(emit, timeout=31)
    select = Select(sub(make, inner), shown, calls=calls, keys=above, frame=outer, emit=emit)
    return make.program(select, (stream,))


def over_joins(make: Maker) -> Program:
    """An aggregate over a join."""
    source, streams, _ = joined(make)
    keys = (("x", named("l.k")), ("y", named("r.g")))[: make.random.randint(0, 2)]
    calls = (
        ("n", Call("count", (), len)),
        ("a", Call("sum", (named("l.v"),), sum)),
        ("b", Call("max", (named("r.v"),), max)),
        ("c", Call("group_uniq_array", (named("r.k"),), lambda v: sorted(set(v)), zero=[])),
    )
    names = tuple(name for name, _ in keys)
    emit = make.global_emit()
    shown = (*names, *(n for n, _ in calls), VERSION)
    select = Select(source, shown, keys, calls, names, emit=emit)
    return make.program(select, streams)


def chains(make: Maker) -> Program:
    """Three sides, joined from left to right; a stream may stand twice."""
    left, middle = operand(make, "l", 0), operand(make, "r", 1)
    twice = isinstance(middle.source, Table) and make.chance(0.3)
    right = operand(make, "m", 2)
    if twice:
        right = Operand(Table(middle.stream, 2), "m", middle.stream)
    key = make.random.choice(GROUPS)
    first = Joined(left, middle, "changes", ((f"l.{key}", f"r.{key}"),), make.chance(0.5))
    above = Joined(first, right, "changes", ((f"l.{key}", f"m.{key}"),), make.chance(0.5))
    chosen = ("l.k", "l.v", "r.g", "r.v", "m.k", "m.v")
    computed = tuple((f"c{at}", named(name)) for at, name in enumerate(chosen))
    shown = (*(n for n, _ in computed), "_tp_delta")
    streams = (left.stream, middle.stream, *(() if twice else (right.stream,)))
    return make.program(Select(above, shown, computed), streams)


FAMILIES: dict[str, Callable[[Maker], Program]] = {
    "tails": tails,
    "groups": groups,
    "windows": windows,
    "dates": dates,
    "changes": changes,
    "taken_back": taken_back,
    "running": running,
    "once": once,
    "joins": joins,
    "ending": ending,
    "with_tables": with_tables,
    "rewound": rewound,
    "over_flat": over_flat,
    "over_groups": over_groups,
    "over_windows": over_windows,
    "over_joins": over_joins,
    "chains": chains,
}


def made(family: str, seed: int) -> Program:
    """The program of a seed."""
    return FAMILIES[family](Maker(seed))
