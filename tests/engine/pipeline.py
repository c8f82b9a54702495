"""SQL pipelines in virtual time for tests: real planner, real flow, storage in memory."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from engine.clock import ManualClock
from engine.flow_settings import FlowSettings
from engine.protocol import ColumnDef, Definition
from engine.sql.logical import StreamingQuery
from engine.sql.planner import Planner
from engine.testing import Collected, VirtualFlow
from engine.type_parser import parse_type
from engine.types import arrow_type
from tests.engine.memory_storage import MemoryStorage, batch
from tests.sessions import kept_session

EPOCH = datetime.datetime(1970, 1, 1)


class Pipelines:
    """A workspace: streams by name, queries by SQL, appends by rows."""

    def __init__(self, settings: FlowSettings | None = None) -> None:
        self.clock = ManualClock()
        self.storage = MemoryStorage(self.clock)
        self.definitions: dict[str, Definition] = {}
        self.schemas: dict[str, pa.Schema] = {}
        self.functions: dict[str, Definition] = {}
        self.planner = Planner(self.definitions.get, functions=self.functions.get)
        self.virtual = VirtualFlow(self.storage, self.clock, settings, kept_session)
        self.flow = self.virtual.flow

    def stream(self, name: str, columns: str) -> None:
        """Create a stream: `columns` such as "i int32, s string"."""
        pairs = [part.strip().split(" ", 1) for part in columns.split(", ")]
        self.definitions[name] = Definition(
            id=f"id_{name}",
            name=name,
            kind="stream",
            columns=tuple(ColumnDef(n, t) for n, t in pairs),
        )
        fields = [pa.field(n, arrow_type(parse_type(t))) for n, t in pairs]
        if "_tp_time" not in [n for n, _ in pairs]:
            fields.append(pa.field("_tp_time", pa.timestamp("ms")))
        self.schemas[name] = pa.schema(fields)

    def function(self, sql: str) -> None:
        """Run a CREATE FUNCTION; its name is in snake_case."""
        definition = self.planner.plan(sql).definition
        assert definition is not None
        self.functions[definition.name] = definition

    def plan(self, sql: str) -> StreamingQuery:
        planned = self.planner.plan(sql)
        assert planned.streaming is not None, "a bounded query"
        return planned.streaming

    def query(self, sql: str) -> Collected:
        return self.virtual.start(self.plan(sql))

    def rows(self, name: str, rows: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
        """Rows for a stream; without a `_tp_time` they get the instant."""
        schema = self.schemas[name]
        now = EPOCH + datetime.timedelta(milliseconds=self.clock.now_ms())
        full = [(*r, now) if len(r) < len(schema) else r for r in rows]
        return batch(schema, full)

    def insert(self, name: str, *appends: list[tuple[Any, ...]]) -> None:
        """Each list is one append; all are one commit, run at once."""
        self.storage.append(f"id_{name}", *(self.rows(name, rows) for rows in appends))
        self.virtual.settle()

    def advance(self, milliseconds: int) -> None:
        self.virtual.advance(milliseconds)

    def close(self) -> None:
        self.virtual.close()


def at(text: str) -> datetime.datetime:
    """A time of 2020-02-02 as `20:00:05` or `20:00:05.250`."""
    return datetime.datetime.fromisoformat(f"2020-02-02 {text}")
