"""Runs random programs: in the engine, in virtual time, and in the reference interpreter."""

from __future__ import annotations

import contextlib
import datetime
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from engine.batch import StreamSlice
from engine.clock import ManualClock
from engine.flow_settings import FlowSettings
from engine.snapshots import positioned, snapshots_of
from engine.sql.definitions import stored_schema
from engine.sql.logical import BoundedQuery, BoundedScan, StreamingQuery, inputs_of
from engine.sql.logical import Node as PlanNode
from engine.types import arrow_type
from tests.engine.memory_storage import batch
from tests.engine.pipeline import EPOCH, Pipelines
from tests.engine.programs import Event, Program, Stream
from tests.engine.reference_changes import left_of, left_of_changes
from tests.engine.reference_rows import Append, Node
from tests.engine.restarts import drawn, restarts
from tests.sessions import kept_session

Rows = list[tuple[Any, ...]]
WEIGHTED = ("changelog", "changelog_kv")


class Runner(Pipelines):
    """Pipelines whose streams are made by CREATE STREAM, and rows as programs give them."""

    def view(self, sql: str) -> None:
        """CREATE VIEW."""
        definition = self.planner.plan(sql).definition
        assert definition is not None
        self.definitions[definition.name] = definition

    def create(self, stream: Stream) -> None:
        """CREATE STREAM."""
        definition = self.planner.plan(stream.ddl).definition
        assert definition is not None
        definition = msgspec.structs.replace(definition, id=f"id_{stream.name}")
        self.definitions[stream.name] = definition
        columns = stored_schema(definition).columns
        self.schemas[stream.name] = pa.schema(
            [pa.field(c.name, arrow_type(c.type)) for c in columns]
        )

    def enter(self, stream: Stream, appends: list[Rows]) -> None:
        """Appends of one commit."""
        now = EPOCH + datetime.timedelta(milliseconds=self.clock.now_ms())
        schema = self.schemas[stream.name]
        names = [n for n, _ in stream.columns]
        times = {n for n, t in stream.columns if t.startswith("datetime")}
        batches = []
        for rows in appends:
            full: Rows = []
            for row in rows:
                given = dict(zip([*names, "_tp_delta"], row, strict=False))
                given.update({n: moment(given[n]) for n in times})
                given.setdefault("_tp_delta", 1)
                given["_tp_time"] = now
                full.append(tuple(given[name] for name in schema.names))
            batches.append(batch(schema, full))
        self.storage.append(f"id_{stream.name}", *batches)
        self.virtual.settle()

    def answers(self, plan: StreamingQuery) -> dict[BoundedQuery, pa.Table]:
        """The current rows of keyed streams, with which a query begins."""
        found: dict[BoundedQuery, pa.Table] = {}
        tables = [node.query for node in nodes(plan.root) if isinstance(node, BoundedScan)]
        for query in [*snapshots_of(plan), *tables]:
            (scan,) = query.tables
            parts = self.storage.streams.get(scan.stream_id, [])
            appends = [stored(part, at) for at, part in enumerate(parts)]
            fields = [*self.schemas[scan.stream_name], *HIDDEN]
            whole = pa.concat_tables(appends) if appends else pa.schema(fields).empty_table()
            session = kept_session()
            session.register(scan.alias, whole.select(list(scan.columns)))
            found[query] = positioned(session.query(query.sql), len(parts))
            session.close()
        return found


# What is left of values near 1 when they cancel out (a kurtosis of 3, less 3).
NOTHING = 1e-12
# Of a value, by how much two computations of it may differ.
NEAR = 5e-10

HIDDEN = (pa.field("_tp_sn", pa.int64()), pa.field("_tp_append_time", pa.int64()))


class Near(float):
    """A number that equals one that differs in its last digits: rounded ones might not, where the
    exact value lies just between two."""

    def __eq__(self, other: object) -> bool:
        """Also with a plain number."""
        if not isinstance(other, int | float):
            return NotImplemented
        return math.isclose(self, other, rel_tol=NEAR, abs_tol=NOTHING)

    def __ne__(self, other: object) -> bool:
        """The opposite."""
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # equal ones would need equal hashes


def nodes(node: PlanNode) -> list[PlanNode]:
    """A node of a plan and everything below it."""
    return [node, *(found for below in inputs_of(node) for found in nodes(below))]


def stored(part: StreamSlice, number: int) -> pa.Table:
    """An append as table() sees it."""
    table = pa.Table.from_batches([part.rows])
    for field, value in zip(HIDDEN, (number, int(part.append_time_ms[0])), strict=True):
        table = table.append_column(field, pa.array([value] * len(table), pa.int64()))
    return table


def moment(ms: int) -> datetime.datetime:
    """Milliseconds as the engine wants them."""
    return EPOCH + datetime.timedelta(milliseconds=ms)


def plain(value: Any) -> Any:
    """A value of the engine or of the reference as something that can be compared."""
    if isinstance(value, datetime.datetime):
        return round((value - EPOCH).total_seconds() * 1000)
    if isinstance(value, float):
        return "nan" if value != value else Near(value)
    if isinstance(value, dict):
        return tuple(plain(v) for v in value.values())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def of_engine(program: Program) -> Rows:
    """What the engine sends."""
    choose = drawn(program.restarts) if program.restarts is not None else None
    settings = FlowSettings(batch_rows_max=3 if program.grouping == 3 else 10_000)
    with contextlib.ExitStack() as stack:
        if choose is not None:
            stack.enter_context(restarts(choose))
        if program.spilling:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = replace(settings, state_memory_bytes_max=1, spill_folder=folder)
        runner = Runner(settings)
        try:
            return _engine(runner, program)
        finally:
            runner.close()


def _engine(runner: Runner, program: Program) -> Rows:
    for stream in program.streams:
        runner.create(stream)
    for view in program.views:
        runner.view(view)
    streams = {stream.name: stream for stream in program.streams}
    for name, rows in program.events[: program.past]:  # type: ignore[misc]
        runner.enter(streams[name], [rows])
    plan = runner.plan(program.sql)
    output = runner.virtual.start(plan, runner.answers(plan))
    waiting: list[Rows] = []
    name = ""
    for event in [*program.events[program.past :], 0]:
        if waiting and (isinstance(event, int) or event[0] != name):
            runner.enter(streams[name], waiting)
            waiting = []
        if isinstance(event, int):
            runner.advance(event)
            continue
        name = event[0]
        waiting.append(event[1])
        if len(waiting) >= program.grouping:
            runner.enter(streams[name], waiting)
            waiting = []
    assert output.error is None, f"{output.error}: {program.sql}"
    return [tuple(plain(v) for v in row) for row in output.all()]


class Interpreter:
    """The reference run of a program."""

    def __init__(self, program: Program, started: int) -> None:
        self.program = program
        self.now = started
        self.node: Node = program.select.node(started)
        self.leaves = program.select.source.entering()
        self.sent: Append = []

    def run(self) -> Rows:
        self._past()
        for event in self.program.events[self.program.past :]:
            self._event(event)
        return [tuple(plain(v) for v in row.values()) for row, _ in self.sent]

    def _past(self) -> None:
        """The current rows of keyed streams come first, those of the last one of FROM before; of
        a query with settings, which are a rewind, all rows."""
        self.node.hold()
        for table in self.leaves:
            stream = table.stream
            appends = [
                self._append(stream, rows)
                for name, rows in self.program.events[: self.program.past]  # type: ignore[misc]
                if name == stream.name
            ]
            if stream.mode == "versioned_kv":
                appends = left_of(appends, stream.key, stream.version)
            elif stream.mode == "changelog_kv":
                appends = left_of_changes(appends, stream.key)
            elif not table.bounded and not self.program.select.settings:
                appends = []
            for append in appends:
                self._keep(self.node.push(table.leaf, append, self.now))
        self._keep(self.node.release(self.now))

    def _event(self, event: Event) -> None:
        if isinstance(event, int):
            for _ in range(event):
                self.now += 1
                self._keep(self.node.wait(self.now))
            return
        name, rows = event
        for table in self.leaves:
            if table.stream.name == name and rows and not table.bounded:
                made = self._append(table.stream, rows)
                self._keep(self.node.push(table.leaf, made, self.now))

    def _append(self, stream: Stream, rows: Rows) -> Append:
        names = [n for n, _ in stream.columns]
        return [
            (
                dict(zip(names, row, strict=False)),
                row[-1] if stream.mode in WEIGHTED else 1,
            )
            for row in rows
        ]

    def _keep(self, appends: list[Append]) -> None:
        for append in appends:
            self.sent += append


def of_reference(program: Program) -> Rows:
    """What the contract says."""
    return Interpreter(program, ManualClock().now_ms()).run()
