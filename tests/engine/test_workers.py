"""Query workers: results, snapshots, back-pressure, limits, replacement, the queue."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from engine.batch import StreamSlice
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import Code, EngineUnavailable, Overloaded, QueryFailed
from engine.jobs import BoundedJob, JobColumn, JobTable, WorkerItem
from engine.protocol import Rows
from engine.worker_process import WorkerProcess
from engine.worker_wire import JobDone
from engine.workers import WorkerPool
from tests.journeys.waiting import Stopwatch, until

SETTINGS = EngineSettings(worker_memory_bytes=512 << 20, workers_max=2, workers_queue_max=3)
ENDLESS = BoundedJob(
    "SELECT count(*) AS n FROM range(1000000000000)", (JobColumn("n", "int64"),), output="arrow"
)
K = JobColumn("k", "int64")
TEXT = JobColumn("s", "string")
SEEN = JobColumn("seen", "datetime64(3)")
SN = JobColumn("_tp_sn", "int64")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerPool]:
    """One pool for all jobs after which its workers are as before: to start one takes long.

    Its history is what lies below the folders of all tests.
    """
    workers = WorkerPool(SETTINGS, SystemClock(), tmp_path_factory.getbasetemp())
    await workers.start()
    yield workers
    await workers.close()


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    """A pool over an empty history folder, whose workers may be killed, hang or be counted."""
    workers = WorkerPool(SETTINGS, SystemClock(), tmp_path)
    await workers.start()
    yield workers
    await workers.close()


async def items_of(workers: WorkerPool, job: BoundedJob) -> list[WorkerItem]:
    """Everything a job gives."""
    return [item async for item in workers.run(job)]


async def table_of(workers: WorkerPool, job: BoundedJob) -> pa.Table:
    """The rows of an Arrow job."""
    return pa.Table.from_batches(
        [i for i in await items_of(workers, job) if isinstance(i, pa.RecordBatch)]
    )


async def failure_of_job(workers: WorkerPool, job: BoundedJob) -> QueryFailed:
    """The error that a job ends with."""
    with pytest.raises(QueryFailed) as caught:
        await items_of(workers, job)
    return caught.value


def one(sql: str, kind: str = "int64", **more: object) -> BoundedJob:
    """A job of one column without tables, read as Arrow."""
    return BoundedJob(sql, (JobColumn("n", kind),), output="arrow", **more)  # type: ignore[arg-type]


def write_history(folder: Path, first: int, count: int) -> str:
    """A Parquet file with `count` rows k = first.., s = text of k, seen = k ms, _tp_sn = k."""
    numbers = np.arange(first, first + count)
    path = folder / f"{first}.parquet"
    rows = pa.table(
        {
            "k": numbers,
            "s": pa.array([str(n) for n in numbers]),
            "seen": pa.array(numbers, pa.timestamp("ms")),
            "_tp_sn": numbers,
        }
    )
    pq.write_table(rows, path, row_group_size=1_000)
    return str(path)


def hot_of(first: int, count: int) -> pa.RecordBatch:
    """Rows like those of history, as the engine keeps them in memory."""
    numbers = np.arange(first, first + count)
    return pa.record_batch(
        {
            "unused": pa.array(["x"] * count),
            "s": pa.array([str(n) for n in numbers]),
            "seen": pa.array(numbers, pa.timestamp("ms")),
            "_tp_sn": numbers,
            "k": numbers,
        }
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_history_and_hot_rows_are_one_table(calm: WorkerPool, tmp_path: Path) -> None:
    files = (write_history(tmp_path, 0, 3_000), write_history(tmp_path, 3_000, 2_000))
    table = JobTable("t one", (K, TEXT, SEEN, SN), files, (hot_of(5_000, 10), hot_of(5_010, 5)))
    sql = 'SELECT count(*) AS n, max(k) AS top, max(s) AS s, max(seen) AS seen FROM "t one"'
    schema = (JobColumn("n", "int64"), JobColumn("top", "int64"), TEXT, SEEN)
    result = await table_of(calm, BoundedJob(sql, schema, (table,), "arrow"))
    row = result.to_pylist()[0]
    assert (row["n"], row["top"], row["s"]) == (5_015, 5_014, "999")
    assert result.schema.field("seen").type == pa.timestamp("ms")


@pytest.mark.asyncio(loop_scope="module")
async def test_order_is_history_then_hot_rows(calm: WorkerPool, tmp_path: Path) -> None:
    files = (write_history(tmp_path, 0, 30_000), write_history(tmp_path, 30_000, 30_000))
    table = JobTable("t", (K,), files, (hot_of(60_000, 500),))
    result = await table_of(calm, BoundedJob("SELECT k FROM t", (K,), (table,), "arrow"))
    assert result["k"].to_pylist() == list(range(60_500))


@pytest.mark.asyncio(loop_scope="module")
async def test_where_of_a_table_hides_rows_of_both_parts(calm: WorkerPool, tmp_path: Path) -> None:
    files = (write_history(tmp_path, 0, 100),)
    table = JobTable("t", (K, SN), files, (hot_of(100, 100),), where="_tp_sn >= 50 AND k < 120")
    job = BoundedJob("SELECT count(*) AS n FROM t", (JobColumn("n", "int64"),), (table,), "arrow")
    assert (await table_of(calm, job))["n"].to_pylist() == [70]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stream_without_rows_is_an_empty_table(calm: WorkerPool) -> None:
    table = JobTable("t", (K, TEXT, SEEN))
    job = BoundedJob("SELECT k, s, seen FROM t", (K, TEXT, SEEN), (table,), "arrow")
    empty, done = await items_of(calm, job)
    assert isinstance(empty, pa.RecordBatch)
    assert (empty.num_rows, empty.schema.names) == (0, ["k", "s", "seen"])
    assert isinstance(done, JobDone)
    assert done.rows == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_json_rows_arrive_in_chunks_with_the_newest_event_time(
    calm: WorkerPool, tmp_path: Path
) -> None:
    table = JobTable("t", (K, TEXT, SEEN), (write_history(tmp_path, 0, 10_000),))
    job = BoundedJob("SELECT k, s, seen FROM t", (K, TEXT, SEEN), (table,), event_time_column=2)
    *chunks, done = await items_of(calm, job)
    assert isinstance(done, JobDone)
    assert done.rows == 10_000
    rows: list[list[object]] = []
    for chunk in chunks:
        assert isinstance(chunk, Rows)
        part = json.loads(chunk.payload)
        assert len(part) == chunk.count
        rows += part
        assert chunk.last_event_time_ms == len(rows) - 1
    assert rows[1234][:2] == [1234, "1234"]
    assert len(chunks) > 1


@pytest.mark.asyncio(loop_scope="module")
async def test_slices_of_the_log_get_their_numbers(calm: WorkerPool) -> None:
    rows = pa.record_batch({"k": pa.array([1, 2, 3])})
    piece = StreamSlice("s", rows, np.array([0, 2, 3]), np.array([7, 9]), np.array([50, 60]))
    appended = JobColumn("_tp_append_time", "int64")
    table = JobTable("t", (K, SN, appended), hot=(piece,))
    job = BoundedJob("SELECT _tp_sn, _tp_append_time FROM t", (SN, appended), (table,), "arrow")
    result = await table_of(calm, job)
    assert result["_tp_sn"].to_pylist() == [7, 7, 9]
    assert result["_tp_append_time"].to_pylist() == [50, 50, 60]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT CAST(v AS INTEGER) AS n FROM (VALUES ('abc')) t(v)", Code.CANNOT_PARSE_TEXT),
        ("SELECT CAST(v AS TINYINT) AS n FROM (VALUES (300)) t(v)", Code.ARGUMENT_OUT_OF_BOUND),
        ("SELECT 9223372036854775807 + v AS n FROM (VALUES (1::BIGINT)) t(v)", 69),
        ("SELECT CAST(v AS DATE) AS n FROM (VALUES ('2026-99-01')) t(v)", Code.CANNOT_PARSE_TEXT),
        ("SELECT strptime('x', '%Y') AS n", Code.CANNOT_PARSE_TEXT),
        ("SELECT regexp_matches('a', '(') AS n", Code.BAD_ARGUMENTS),
        ("SELECT no_such(1) AS n", Code.UNKNOWN_FUNCTION),
        ("SELECT nope AS n", Code.UNKNOWN_IDENTIFIER),
        ("SELECT 1 AS n FROM nowhere", Code.UNKNOWN_STREAM),
        ("SELEC 1", Code.SYNTAX_ERROR),
        ("COPY (SELECT 1) TO 'x.csv'", Code.ACCESS_DENIED),
        ("SELECT 1; SELECT 2", Code.ACCESS_DENIED),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_errors_have_the_dialects_code_and_one_clean_sentence(
    calm: WorkerPool, sql: str, code: int
) -> None:
    error = await failure_of_job(calm, one(sql))
    assert error.code == code
    assert "\n" not in error.message
    assert "LINE 1" not in error.message


async def test_a_job_that_is_cancelled_while_its_rows_are_packed_leaves_no_descriptor(
    tmp_path: Path,
) -> None:
    worker = await WorkerProcess.spawn(EngineSettings(), tmp_path)
    rows = pa.record_batch({"k": pa.array(range(200_000))})
    table = JobTable("t", (K,), hot=(rows,) * 20)
    job = BoundedJob("SELECT count(*) AS n FROM t", (JobColumn("n", "int64"),), (table,), "arrow")
    own = psutil.Process()
    before = own.num_fds()
    for _ in range(5):
        beginning = asyncio.create_task(worker.begin(job))
        await asyncio.sleep(0.001)  # its thread packs
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
    await until(lambda: own.num_fds() <= before, 10)
    worker.stop(None)
    await worker.ended()


async def test_a_worker_stopped_before_its_job_begins_keeps_the_reason(tmp_path: Path) -> None:
    worker = await WorkerProcess.spawn(EngineSettings(), tmp_path)
    worker.stop(QueryFailed("The server is stopping.", Code.ENGINE_RESTARTED))
    execution = await worker.begin(ENDLESS)
    with pytest.raises(QueryFailed) as caught:
        await anext(execution.items())
    assert caught.value.code == Code.ENGINE_RESTARTED
    await worker.ended()


async def test_an_error_in_the_middle_of_a_result_comes_after_its_first_rows(
    tmp_path: Path,
) -> None:
    value = "CASE WHEN i < 1000000 THEN '1' ELSE 'x' END"
    sql = f"SELECT CAST({value} AS BIGINT) AS n FROM range(2000000) t(i)"
    seen = 0
    # One thread: of two, the one with the later half may fail before the first row is out.
    pool = WorkerPool(EngineSettings(worker_threads=1), SystemClock(), tmp_path)
    await pool.start()
    with pytest.raises(QueryFailed, match="The text 'x' is not a number"):
        async for item in pool.run(one(sql)):
            assert isinstance(item, pa.RecordBatch)
            seen += item.num_rows
    await pool.close()
    assert 0 < seen <= 1_000_000


async def test_a_failed_job_leaves_its_worker_in_use(pool: WorkerPool) -> None:
    await table_of(pool, one("SELECT 1 AS n"))
    before = pool.process_ids
    await failure_of_job(pool, one("SELECT nope AS n"))
    await table_of(pool, one("SELECT 1 AS n"))
    assert pool.process_ids == before


async def test_nothing_stays_from_one_job_to_the_next(pool: WorkerPool, tmp_path: Path) -> None:
    table = JobTable("secret", (K,), (write_history(tmp_path, 0, 5),))
    job = BoundedJob("SELECT k FROM secret", (K,), (table,), "arrow")
    assert (await table_of(pool, job)).num_rows == 5
    assert (await failure_of_job(pool, one("SELECT k AS n FROM secret"))).code == 60


async def test_a_query_over_its_time_ends_with_159_and_its_worker_lives(pool: WorkerPool) -> None:
    await table_of(pool, one("SELECT 1 AS n"))
    before = pool.process_ids
    watch = Stopwatch()
    error = await failure_of_job(pool, one(ENDLESS.sql, time_ms_max=300))
    assert error.code == Code.TIMEOUT
    assert "0.3 s" in error.message
    watch.within(3, "the end of the query")
    assert set(before) <= set(pool.process_ids)


async def test_one_endless_call_is_killed_after_the_grace(pool: WorkerPool) -> None:
    text = "repeat(chr(97 + (i % 20)::INT), 10000000)"
    sql = f"SELECT sum(length({text})) AS n FROM range(100000) t(i)"
    watch = Stopwatch()
    error = await failure_of_job(pool, one(sql, time_ms_max=300))
    assert error.code in (Code.TIMEOUT, Code.MEMORY_LIMIT)
    watch.within(5, "the end of the call")
    assert (await table_of(pool, one("SELECT 1 AS n")))["n"].to_pylist() == [1]


async def test_memory_beyond_the_limit_ends_with_241(pool: WorkerPool) -> None:
    error = await failure_of_job(pool, one("SELECT len(range(500000000)) AS n"))
    assert error.code == Code.MEMORY_LIMIT


async def test_a_killed_worker_is_replaced(pool: WorkerPool) -> None:
    items = pool.run(one("SELECT i AS n FROM range(100000000000) t(i)"))
    await anext(items)
    for pid in pool.process_ids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(QueryFailed) as caught:
        async for _ in items:
            pass
    assert caught.value.code == Code.MEMORY_LIMIT
    assert (await table_of(pool, one("SELECT 2 AS n")))["n"].to_pylist() == [2]


async def test_closing_the_reader_stops_the_query_and_frees_the_worker(pool: WorkerPool) -> None:
    sql = "SELECT i AS n FROM range(100000000000) t(i)"
    items = pool.run(one(sql))
    await anext(items)
    assert pool.running == 1
    await items.aclose()
    assert (await table_of(pool, one("SELECT 3 AS n")))["n"].to_pylist() == [3]
    await until(lambda: not pool.running, 5)


async def test_a_result_waits_for_its_reader(pool: WorkerPool) -> None:
    """A reader that takes one chunk and stops does not make the worker compute the rest."""
    sql = "SELECT repeat('x', 1000) AS n FROM range(10000000) t(i)"
    items = pool.run(one(sql, "string"))
    await anext(items)
    worker = next(psutil.Process(pid) for pid in pool.process_ids)
    await asyncio.sleep(0.5)
    used = sum(worker.cpu_times()[:2])
    await asyncio.sleep(0.5)
    assert sum(worker.cpu_times()[:2]) - used < 0.1
    assert worker.memory_info().rss < 400 << 20
    await items.aclose()


async def test_more_jobs_than_may_wait_are_refused(tmp_path: Path) -> None:
    settings = EngineSettings(workers_max=1, workers_queue_max=2)
    workers = WorkerPool(settings, SystemClock(), tmp_path)
    await workers.start()
    try:
        running = [asyncio.create_task(items_of(workers, ENDLESS)) for _ in range(3)]
        while workers.running + workers.waiting < 3:
            await asyncio.sleep(0.01)
        await until(lambda: workers.running > 0, 10)
        assert (workers.running, workers.waiting) == (1, 2)
        with pytest.raises(Overloaded) as caught:
            await items_of(workers, ENDLESS)
        assert caught.value.code == Code.TOO_MANY_QUERIES
    finally:
        await workers.close()
        ends = await asyncio.gather(*running, return_exceptions=True)
    assert [getattr(e, "code", None) for e in ends] == [503, 503, 503]


async def test_waiting_jobs_run_in_order(tmp_path: Path) -> None:
    workers = WorkerPool(EngineSettings(workers_max=1), SystemClock(), tmp_path)
    await workers.start()
    try:
        ends: list[int] = []

        async def run(number: int) -> None:
            await table_of(workers, one(f"SELECT {number} AS n"))
            ends.append(number)

        await asyncio.gather(*(run(number) for number in range(8)))
        assert ends == list(range(8))
    finally:
        await workers.close()


async def test_a_warm_worker_answers_at_once(pool: WorkerPool) -> None:
    await table_of(pool, one("SELECT 1 AS n"))
    best = 1.0
    for number in range(20):  # the best of many: the suite shares the machine
        await asyncio.sleep(0.02)
        started = time.monotonic()
        await table_of(pool, one(f"SELECT {number} AS n"))
        best = min(best, time.monotonic() - started)
    assert best < 0.1


async def test_workers_end_with_the_pool(tmp_path: Path) -> None:
    workers = WorkerPool(SETTINGS, SystemClock(), tmp_path)
    await workers.start()
    await table_of(workers, one("SELECT 1 AS n"))
    processes = [psutil.Process(pid) for pid in workers.process_ids]
    await workers.close()
    assert not any(process.is_running() for process in processes)
    with pytest.raises(EngineUnavailable):
        await items_of(workers, one("SELECT 1 AS n"))
