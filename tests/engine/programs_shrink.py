"""Makes a failing random program small, and shows it so that it can be copied into a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.engine.programs import Event, Program
from tests.engine.programs_run import Rows, moment

# Runs that one shrinking may take.
RUNS_MAX = 150
Fails = Callable[[Program], bool]


def shrunk(program: Program, fails: Fails) -> Program:
    """A smaller program that still fails: fewer events and rows, less query."""
    left = RUNS_MAX
    found = True
    while found:
        found = False
        for smaller in _smaller(program):
            if left == 0:
                return program
            if not _valid(smaller):
                continue
            left -= 1
            if fails(smaller):
                program, found = smaller, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    """What is a little less, the largest steps first."""
    if program.restarts is not None:
        yield program.but(restarts=None)
    if program.spilling:
        yield program.but(spilling=False)
    if program.grouping != 1:
        yield program.but(grouping=1)
    yield from _less_query(program)
    events = program.events
    size = len(events) // 2
    while size:
        for begin in range(0, len(events), size):
            kept = events[:begin] + events[begin + size :]
            past = program.past - len(events[begin : min(begin + size, program.past)])
            yield program.but(events=kept, past=past)
        size //= 2
    for at, event in enumerate(events):
        if isinstance(event, int):
            continue
        name, rows = event
        for place in range(len(rows) if len(rows) > 1 else 0):
            fewer: Event = (name, rows[:place] + rows[place + 1 :])
            yield program.but(events=(*events[:at], fewer, *events[at + 1 :]))


def _valid(program: Program) -> bool:
    """Whether every row that is taken back was there, and keys have one row at a time."""
    held: dict[str, list[tuple[object, ...]]] = {stream.name: [] for stream in program.streams}
    streams = {stream.name: stream for stream in program.streams}
    for event in program.events:
        if isinstance(event, int):
            continue
        name, rows = event
        for row in rows:
            if len(row) == len(streams[name].columns):
                continue
            if row[-1] == 1:
                key = streams[name].key_of(row)
                if key and any(streams[name].key_of(other) == key for other in held[name]):
                    return False
                held[name].append(row[:-1])
            elif row[:-1] in held[name]:
                held[name].remove(row[:-1])
            else:
                return False
    return True


def _less_query(program: Program) -> Iterator[Program]:
    select = program.select
    for clause in ("where", "having", "order", "limit_by", "limit"):
        if getattr(select, clause) is not None:
            yield program.but(select=replace(select, **{clause: None}))
    for name in select.shown:
        if len(select.shown) == 1 or name in ("_tp_delta", *select.parts):
            continue
        if select.having is not None and name == "n":
            continue
        shown = tuple(n for n in select.shown if n != name)
        calls = tuple(call for call in select.calls if call[0] != name)
        if select.calls and not calls:
            continue
        keys = tuple(key for key in select.keys if key != name)
        looks = tuple(look for look in select.looks if look[0] != name)
        computed = tuple(item for item in select.computed if item[0] != name or item[0] in keys)
        fewer = replace(select, shown=shown, computed=computed, calls=calls, keys=keys, looks=looks)
        yield program.but(select=fewer)


def described(program: Program, expected: Rows, found: Rows) -> str:
    """The program as a fixture of the dialect, with the rows that are due and those that came."""
    run = f"grouping {program.grouping}, restarts {program.restarts}, spilling {program.spilling}"
    lines = [f"-- seed {program.seed}, {run}"]
    lines += [f"{stream.ddl};" for stream in program.streams]
    lines += [f"{view};" for view in program.views]
    names = {s.name: [n for n, _ in s.columns] for s in program.streams}
    times = {s.name: [t.startswith("datetime") for _, t in s.columns] for s in program.streams}
    for at, event in enumerate((*program.events, None)):
        if at == program.past:
            lines.append(f"-- query\n{program.sql};")
        if event is None:
            break
        if isinstance(event, int):
            lines.append(f"-- wait {event}ms")
            continue
        name, rows = event
        weighted = any(len(row) > len(names[name]) for row in rows)
        columns = [*names[name], *(["_tp_delta"] if weighted else [])]
        values = "".join(f"({_values(row, times[name])})" for row in rows)
        lines.append(f"insert into {name} ({', '.join(columns)}) values {values};")
    lines += ["-- rows that are due", *(f"--   {list(row)}" for row in expected)]
    lines += ["-- rows that came", *(f"--   {list(row)}" for row in found)]
    return "\n".join(lines)


def _values(row: tuple[object, ...], times: list[bool]) -> str:
    flags = [*times, False]
    return ", ".join(_literal(v, time=flag) for v, flag in zip(row, flags, strict=False))


def _literal(value: object, *, time: bool) -> str:
    if time:
        assert isinstance(value, int)
        return f"'{moment(value).isoformat(sep=' ', timespec='milliseconds')}'"
    return "null" if value is None else repr(value)
