"""A catalog with one stream, its rows, and a DuckDB session that runs bounded plans over them."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from engine.duck import Session
from engine.protocol import Definition
from engine.sql import logical as lg
from engine.sql.definitions import stored_schema
from engine.sql.logical import inputs_of as children
from engine.sql.planner import Planned, Planner
from engine.sql.relations import quoted
from engine.types import arrow_type, duckdb_type

T = TypeVar("T")
NOW_MS = 1_767_225_600_000
READINGS = """
create stream readings(id string, value float32, n int32, big int64, t datetime64(3), raw string,
  tags array(string), m map(string, int32), tup tuple(a string, b int32), maybe nullable(int32),
  d date, dt datetime, twice int64 alias n * 2) settings event_time_column='t'
"""


def moment(second: int) -> dt.datetime:
    """A time of the rows."""
    return dt.datetime(2022, 12, 1, 0, 0, second, 111_000)


def reading(n: int) -> dict[str, Any]:
    """Row n of `readings`."""
    raw = '{"a":{"b":"x%d"},"items":[1,%d]}' % (n, n)  # noqa: UP031 - braces of JSON
    return {
        "id": f"k{n % 2}",
        "value": n + 0.5,
        "n": n,
        "big": 2**62 + n,
        "t": moment(n),
        "raw": "no json" if n == 3 else raw,
        "tags": ["a", str(n)],
        "m": [("k", n)],
        "tup": {"a": "z", "b": n},
        "maybe": None if n == 1 else n,
        "d": dt.date(2022, 12, 1),
        "dt": dt.datetime(2022, 12, 1, 0, 0, n),
        "_tp_time": moment(n),
        "_tp_sn": n,
        "_tp_append_time": NOW_MS + n,
    }


class World:
    """Definitions and rows; plans statements and runs the bounded ones."""

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.rows: dict[str, pa.Table] = {}
        self.planner = Planner(self.definitions.get, lambda: self.definitions.values())

    @cached_property
    def session(self) -> Session:
        """Made when something is to be run: most tests plan only."""
        return Session()

    def create(self, sql: str, rows: list[dict[str, Any]] | None = None) -> Definition:
        """Run a CREATE; a stream may get rows."""
        definition = self.planner.plan(sql).definition
        assert definition is not None
        definition = msgspec.structs.replace(definition, id=f"id-{definition.name}")
        self.definitions[definition.name] = definition
        if rows is not None:
            columns = stored_schema(definition).columns
            fields = [pa.field(c.name, arrow_type(c.type)) for c in columns]
            fields += [pa.field("_tp_sn", pa.int64()), pa.field("_tp_append_time", pa.int64())]
            self.rows[definition.name] = pa.Table.from_pylist(rows, schema=pa.schema(fields))
        return definition

    def plan(self, sql: str) -> Planned:
        """The plan."""
        return self.planner.plan(sql)

    def root(self, sql: str) -> lg.Node:
        """The root of a streaming plan."""
        planned = self.plan(sql)
        assert planned.kind == "streaming", planned.kind
        assert planned.streaming is not None
        return planned.streaming.root

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a bounded statement."""
        planned = self.plan(sql)
        assert planned.kind in ("bounded", "insert"), planned.kind
        query = planned.bounded
        assert query is not None
        for scan in query.tables:
            table = self.rows[scan.stream_name].select(list(scan.columns))
            self.session.register(scan.alias, table)
        try:
            found = self.session.query(tokens_bound(query.sql))
        finally:
            for scan in query.tables:
                self.session.unregister(scan.alias)
        assert [f.type for f in found.schema] == [arrow_type(c.type) for c in query.schema], sql
        return [tuple(row.values()) for row in found.to_pylist()]

    def value(self, sql: str) -> Any:
        """The only value of a bounded statement."""
        ((found,),) = self.run(sql)
        return found


def tokens_bound(sql: str) -> str:
    """What whoever runs a fragment does."""
    return sql.replace("{now_ms}", str(NOW_MS)).replace("{seed}", "7")


def readings() -> World:
    """A world with the stream `readings` and five rows."""
    world = World()
    world.create(READINGS, [reading(n) for n in range(5)])
    return world


def walk(node: lg.Node) -> list[lg.Node]:
    """The node and everything below."""
    return [node, *(found for below in children(node) for found in walk(below))]


def only(nodes: list[Any], kind: type[T]) -> T:
    """The single node of a class."""
    (found,) = [n for n in nodes if isinstance(n, kind)]
    return found


def check_fragments(session: Session, root: lg.Node) -> None:
    """DuckDB binds every fragment of the plan, to exactly the types that the plan says."""
    for node in walk(root):
        if isinstance(node, lg.Project):
            _describe(session, node.columns, node.where, node.input.schema)
        elif isinstance(node, lg.Aggregate):
            named = (*node.keys, *(lg.Named(p.name, p.sql, p.type) for p in node.partials))
            group = ", ".join(str(at + 1) for at in range(len(node.keys)))
            _describe(session, named, node.where, node.input.schema, group)
        elif isinstance(node, lg.Window):
            names = [c.name for c in node.input.schema]
            assert node.spec.time_column in names
            assert [c.name for c in node.schema] == [*names, "window_start", "window_end"]


def _describe(
    session: Session, named: tuple[lg.Named, ...], where: str, schema: lg.Schema, group: str = ""
) -> None:
    columns = [f"CAST(NULL AS {duckdb_type(c.type)}) AS {quoted(c.name)}" for c in schema]
    source = f"(SELECT {', '.join([*columns, '1::BIGINT AS __row'])} WHERE false) AS t"
    heads = ", ".join(f"{c.sql} AS {quoted(c.name)}" for c in named) or "1 AS one"
    sql = f"SELECT {heads} FROM {source}" + (f" WHERE {where}" if where else "")
    sql += f" GROUP BY {group}" if group else ""
    found = session.query(tokens_bound(sql)).schema
    for column, field in zip(named, found, strict=False):
        assert field.type == arrow_type(column.type), (column, field)
