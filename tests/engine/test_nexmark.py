"""Nexmark: each streaming query over the whole past gives the rows of its batch form."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks import nexmark
from engine.compute import pc
from engine.sql.logical import BoundedQuery, BoundedScan, Node, StreamingQuery, inputs_of
from engine.starting import Answers
from tests.engine.nexmark_queries import EARLIEST, QUERIES, Query
from tests.engine.pipeline import EPOCH, Pipelines

EVENTS = 6_000
ROWS_PER_APPEND = 200
SHAPE = nexmark.Shape(seed=7, rate=200)
COLUMNS = {
    "person": "id int64, name string, email_address string, credit_card string, city string, "
    "state string, date_time datetime64(3), extra string",
    "auction": "id int64, item_name string, description string, initial_bid int64, reserve int64, "
    "date_time datetime64(3), expires datetime64(3), seller int64, category int64, extra string",
    "bid": "auction int64, bidder int64, price int64, channel string, url string, "
    "date_time datetime64(3), extra string",
    "side_input": "key int64, value string",
}
LIVE_MS = 1_500  # between two appends of rows that come while a query runs


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    """The rows of each stream in order of arrival."""
    made = {
        "person": nexmark.persons(EVENTS, SHAPE),
        "auction": nexmark.auctions(EVENTS, SHAPE),
        "bid": nexmark.bids(EVENTS, SHAPE),
        "side_input": iter([side_input()]),
    }
    return {name: with_all_columns(pa.Table.from_batches(made[name]), name) for name in made}


def side_input() -> pa.RecordBatch:
    """A value for two of three auctions."""
    keys = [key for key in range(nexmark.FIRST_ID, 2 * nexmark.FIRST_ID) if key % 3]
    return pa.record_batch({"key": pa.array(keys), "value": pa.array([f"v{k}" for k in keys])})


def with_all_columns(table: pa.Table, name: str) -> pa.Table:
    """The generator leaves out columns that no query reads: they are empty texts."""
    for column, _ in (part.split(" ") for part in COLUMNS[name].split(", ")):
        if column not in table.column_names:
            table = table.append_column(column, pa.array([""] * table.num_rows))
    return table.select([part.split(" ")[0] for part in COLUMNS[name].split(", ")])


@pytest.fixture(scope="module")
def past(tables: dict[str, pa.Table]) -> Iterator[Pipelines]:
    """A workspace in which all rows lie."""
    pipelines = Pipelines()
    for name, table in tables.items():
        pipelines.stream(name, COLUMNS[name])
        pipelines.insert(name, *appends(table))
    yield pipelines
    pipelines.close()


def appends(table: pa.Table) -> list[list[tuple[Any, ...]]]:
    """Its rows as they are appended."""
    columns = [table.column(column).to_pylist() for column in table.column_names]
    rows = list(zip(*columns, strict=True))
    return [rows[at : at + ROWS_PER_APPEND] for at in range(0, len(rows), ROWS_PER_APPEND)]


def batch_rows(
    query: Query, tables: dict[str, pa.Table], now: datetime.datetime | None = None
) -> list[tuple[Any, ...]]:
    """The rows that DuckDB gives."""
    timed = {n: table for n, table in tables.items() if "date_time" in table.column_names}
    ends = {name: pc.max(table.column("date_time")).as_py() for name, table in timed.items()}
    sql = query.batch.replace("{closed}", str(ends["bid"])).replace("{now}", str(now))
    for name, end in ends.items():
        sql = sql.replace(f"{{closed_{name}}}", str(end))
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table.append_column("n", pa.array(range(table.num_rows))))
    return connection.sql(sql).fetchall()


def tables_read(plan: StreamingQuery, tables: dict[str, pa.Table]) -> Answers:
    """The rows of the bounded sources in a streaming plan."""
    found: dict[BoundedQuery, pa.Table] = {}
    nodes: list[Node] = [plan.root]
    while nodes:
        node = nodes.pop()
        nodes += inputs_of(node)
        if isinstance(node, BoundedScan):
            connection = duckdb.connect()
            for each in node.query.tables:
                connection.register(each.alias, tables[each.stream_name].select(each.columns))
            found[node.query] = connection.sql(node.query.sql).to_arrow_table()
    return found


def plain(value: Any) -> Any:
    """Floats to 12 digits: the order of a sum may differ."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return [plain(each) for each in value.values()]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def counted(rows: list[tuple[Any, ...]]) -> Counter[str]:
    return Counter(repr([plain(value) for value in row]) for row in rows)


@pytest.mark.parametrize("query", [q for q in QUERIES if not q.live], ids=lambda q: q.name)
def test_equals_its_batch_form(query: Query, past: Pipelines, tables: dict[str, pa.Table]) -> None:
    plan = past.plan(query.streaming + EARLIEST)
    output = past.virtual.start(plan, tables_read(plan, tables))
    past.advance(3_000)
    assert output.error is None, output.error
    found = output.emissions()[-1] if query.last else output.all()
    expected = batch_rows(query, tables)
    assert expected, "the data must show something"
    assert counted(found) == counted(expected)


@pytest.mark.parametrize("query", [q for q in QUERIES if q.live], ids=lambda q: q.name)
def test_rows_that_come_while_it_runs_equal_the_batch_form(
    query: Query, tables: dict[str, pa.Table]
) -> None:
    bids, arrived = tables["bid"], list[datetime.datetime]()
    pipelines = Pipelines()
    pipelines.stream("bid", COLUMNS["bid"])
    output = pipelines.query(query.streaming)
    now = EPOCH
    for rows in appends(bids):
        pipelines.advance(LIVE_MS)
        now = EPOCH + datetime.timedelta(milliseconds=pipelines.clock.now_ms())
        arrived += [now] * len(rows)
        pipelines.insert("bid", rows)
    assert output.error is None, output.error
    found = output.all()
    pipelines.close()
    with_arrival = bids.append_column("arrived", pa.array(arrived, pa.timestamp("ms")))
    expected = batch_rows(query, {**tables, "bid": with_arrival}, now)
    assert expected, "the data must show something"
    assert counted(found) == counted(expected)
