"""Nexmark: each streaming query over the whole past gives the rows of its batch form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks import nexmark
from engine.compute import pc
from tests.engine.nexmark_queries import EARLIEST, QUERIES, Query
from tests.engine.pipeline import Pipelines

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
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    """The rows of each stream in order of arrival."""
    made = {
        "person": nexmark.persons(EVENTS, SHAPE),
        "auction": nexmark.auctions(EVENTS, SHAPE),
        "bid": nexmark.bids(EVENTS, SHAPE),
    }
    return {name: with_all_columns(pa.Table.from_batches(made[name]), name) for name in made}


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
        columns = [table.column(column).to_pylist() for column in table.column_names]
        rows = list(zip(*columns, strict=True))
        parts = [rows[at : at + ROWS_PER_APPEND] for at in range(0, len(rows), ROWS_PER_APPEND)]
        pipelines.insert(name, *parts)
    yield pipelines
    pipelines.close()


def batch_rows(query: Query, tables: dict[str, pa.Table]) -> list[tuple[Any, ...]]:
    """The rows that DuckDB gives."""
    ends = {name: pc.max(table.column("date_time")).as_py() for name, table in tables.items()}
    sql = query.batch.replace("{closed}", str(ends["bid"]))
    for name, end in ends.items():
        sql = sql.replace(f"{{closed_{name}}}", str(end))
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table.append_column("n", pa.array(range(table.num_rows))))
    return connection.sql(sql).fetchall()


def plain(value: Any) -> Any:
    """Floats to 12 digits: the order of a sum may differ."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def counted(rows: list[tuple[Any, ...]]) -> Counter[str]:
    return Counter(repr([plain(value) for value in row]) for row in rows)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_equals_its_batch_form(query: Query, past: Pipelines, tables: dict[str, pa.Table]) -> None:
    output = past.query(query.streaming + EARLIEST)
    past.advance(3_000)
    assert output.error is None, output.error
    found = output.emissions()[-1] if query.last else output.all()
    expected = batch_rows(query, tables)
    assert expected, "the data must show something"
    assert counted(found) == counted(expected)
