"""Bounded queries over history: through the planner and a query worker, against plain DuckDB."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import duckdb

from benchmarks import nexmark
from benchmarks.engine_flow import with_time
from benchmarks.harness import Figure, Options, folder
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import Overloaded
from engine.local import LocalEngine
from engine.log.records import Append
from engine.protocol import Caller, ColumnDef, Definition, QueryEnd, QueryRequest, Rows
from engine.storage import Storage

COLUMNS = ("auction", "bidder", "price")
# What is asked, our SQL, the same for DuckDB.
QUERIES = (
    (
        "count",
        "select count() from table(bid)",
        "select count(*) from bid",
    ),
    (
        "filter and count",
        "select count() from table(bid) where price > 100000",
        "select count(*) from bid where price > 100000",
    ),
    (
        "filter and group by",
        "select bidder, count() as n, max(price) as top from table(bid) where price > 100000 "
        "group by bidder order by n desc, bidder limit 10",
        "select bidder, count(*) as n, max(price) as top from bid where price > 100000 "
        "group by bidder order by n desc, bidder limit 10",
    ),
)


async def load(place: Path, rows: int, seed: int) -> LocalEngine:
    """An engine whose history has so many bids of three columns and their times."""
    engine = await LocalEngine.open(place, EngineSettings(), SystemClock())
    definition = await engine.create(
        Definition(
            id="",
            name="bid",
            kind="stream",
            columns=tuple(ColumnDef(name, "int64") for name in COLUMNS),
        ),
        Caller(),
    )
    storage = engine._storage
    written = 0
    events = rows * nexmark.ROUND // nexmark.BIDS + nexmark.ROUND
    for part in nexmark.bids(events, nexmark.Shape(seed)):
        timed = with_time(part, "date_time").select([*COLUMNS, "_tp_time"])
        for at in range(0, timed.num_rows, 50_000):
            await _append(storage, Append.single(definition.id, timed.slice(at, 50_000), ""))
        written += timed.num_rows
        if written >= rows:
            break
    await asyncio.to_thread(storage.seal_now)
    return engine


async def _append(storage: Storage, append: Append) -> None:
    """Store it; waits while rows come faster than they can be sealed."""
    while True:
        try:
            await asyncio.wrap_future(storage.append(append))
            return
        except Overloaded:
            await asyncio.sleep(0.2)


async def ask(engine: LocalEngine, sql: str) -> bytes:
    """Run one bounded query; its rows as JSON."""
    query = await engine.run(QueryRequest(id=SystemClock().uuid4(), sql=sql, bounded_only=True))
    parts: list[bytes] = []
    async for item in query.items():
        if isinstance(item, Rows):
            parts.append(item.payload)
        elif isinstance(item, QueryEnd) and item.status != "finished":
            raise RuntimeError(item.message)
    return b"".join(parts)


async def compare(options: Options, place: Path) -> list[Figure]:
    """Medians of both, alternating, and their ratio."""
    rows = options.size(100_000_000, 5_000_000)
    engine = await load(place, rows, options.seed)
    try:
        definition = next(d for d in (await engine.definitions()).definitions if d.name == "bid")
        with engine._storage.view(definition.id) as view:
            files = [str(path) for path in view.files]
        connection = duckdb.connect(config={"threads": EngineSettings().worker_threads})
        connection.execute(f"create view bid as select * from read_parquet({files})")
        figures: list[Figure] = []
        for what, ours, plain in QUERIES:
            spent: tuple[list[float], list[float]] = ([], [])
            await ask(engine, ours)
            for _ in range(options.repeats):
                began = time.perf_counter()
                await ask(engine, ours)
                spent[0].append(time.perf_counter() - began)
                began = time.perf_counter()
                await asyncio.to_thread(lambda q=plain: connection.sql(q).fetchall())
                spent[1].append(time.perf_counter() - began)
            mine, theirs = (statistics.median(values) for values in spent)
            note = f"{mine * 1_000:.0f} ms against {theirs * 1_000:.0f} ms"
            name = f"{what} over {rows:,} rows, against plain DuckDB"
            figures.append(Figure(name, mine / theirs, "x", 2.0, lower=True, note=note))
        connection.close()
        return figures
    finally:
        await engine.close()


def measure(options: Options) -> list[Figure]:
    """Both read the same Parquet files with two threads."""
    with folder() as place:
        return asyncio.run(compare(options, place))
