"""Random queries that both forms can say: over a stream from its first row, and over table()."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from engine.duck import Session
from tests.engine.programs import Program, Select, Source, Stream, Sub, Table
from tests.engine.programs_families import grouped
from tests.engine.programs_make import Maker
from tests.engine.programs_nested import flat, sub
from tests.engine.programs_run import NOTHING, Rows, Runner, plain, stored
from tests.engine.reference_groups import VERSION, Emit
from tests.engine.reference_windows import Frame

TICK_MS = 1_000


def made(seed: int) -> tuple[Program, Program]:
    """The streaming form, whose stream is all past and which sends once, and the bounded one."""
    make = Maker(seed)
    stream = make.stream()
    inner = flat(make, stream) if make.chance(0.3) else None
    source: Source = Table(stream) if inner is None else sub(make, inner)
    seen = stream if inner is None else Stream("s", tuple(_columns(stream, inner)))
    if make.chance(0.3):
        computed = (("x", make.computed()),)
        names = [n for n, _ in seen.columns]
        where = make.condition() if make.chance(0.6) else None
        shape = Select(source, (*make.some(names, 1, 4), "x"), computed, where=where)
    else:
        shape = _aggregated(make, seen, source)
    program = make.program(shape, (stream,), full=True)
    events = tuple(event for event in program.events if not isinstance(event, int))
    program = program.but(events=(*events, TICK_MS), past=len(events))
    whole = replace(shape, source=_bounded(source), emit=None)
    shape = replace(shape, settings="seek_to = 'earliest'")
    return program.but(select=shape), program.but(select=whole)


def _columns(stream: Stream, inner: Select) -> list[tuple[str, str]]:
    types = dict(stream.columns)
    return [(name, types[name]) for name in inner.shown]


def _aggregated(make: Maker, stream: Stream, source: Source) -> Select:
    frame = Frame("tumble", "t", 100 * make.random.randint(1, 6)) if make.chance(0.4) else None
    first = Select(source, (), frame=frame, emit=Emit("periodic", TICK_MS))
    shape = grouped(make, stream, first).select
    keys = tuple(dict.fromkeys((*shape.parts, *shape.keys)))
    shown = tuple(name for name in shape.shown if name != VERSION)
    plainly = replace(shape, shown=shown, keys=keys, parts=())
    return replace(plainly, order=None, limit_by=None, limit=None)


def _bounded(source: Source) -> Source:
    if isinstance(source, Sub):
        return replace(source, select=replace(source.select, source=_bounded(source.select.source)))
    assert isinstance(source, Table)
    return replace(source, bounded=True)


def of_bounded(program: Program) -> Rows:
    """What the bounded query gives."""
    runner = Runner()
    session = Session()
    try:
        streams = {stream.name: stream for stream in program.streams}
        for stream in program.streams:
            runner.create(stream)
        for view in program.views:
            runner.view(view)
        for event in program.events[: program.past]:
            assert not isinstance(event, int)
            runner.enter(streams[event[0]], [event[1]])
        query = runner.planner.plan(program.sql).bounded
        assert query is not None, program.sql
        for table in query.tables:
            parts = runner.storage.streams[table.stream_id]
            whole = pa.concat_tables([stored(part, at) for at, part in enumerate(parts)])
            session.register(table.alias, whole.select(list(table.columns)))
        found = session.query(query.sql.replace("{now_ms}", "0"))
        rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
        return [tuple(plain(value) for value in row) for row in rows]
    finally:
        session.close()
        runner.close()


def multiset(program: Program, rows: Rows) -> list[list[Any]]:
    """Rows without their order; over no rows only the bounded form gives a row of zeros."""
    select = program.select
    if select.calls and not select.keys and select.frame is None and "n" in select.shown:
        at = select.shown.index("n")
        rows = [row for row in rows if row[at]]
    return sorted(([_value(value) for value in row] for row in rows), key=_rough)


def _value(value: Any) -> Any:
    return sorted(value, key=_rough) if isinstance(value, list) else value


def _rough(value: Any) -> str:
    """What puts values in order whose last digits may differ: of a row first what is exact."""
    if isinstance(value, list):
        exact = [_rough(each) for each in value if not isinstance(each, float)]
        return repr((exact, [_rough(each) for each in value if isinstance(each, float)]))
    if isinstance(value, float):
        return "0" if abs(value) < NOTHING else f"{value:.6g}"
    return repr(value)
