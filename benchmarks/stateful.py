"""Queries with state: cost by number of keys, joins, dedup, retractions; and of checkpoints.

In process, as `engine_flow`: planner, flow and operators are the product's, rows come from memory.
State is what the operators say that they hold; CPU is that of all threads. Checkpoints are those of
a materialized view in a whole engine with its log, with and without them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benchmarks.engine_flow import Counter
from benchmarks.harness import Figure, Options
from engine.physical import scans
from engine.protocol import ColumnDef, Definition
from engine.snapshots import nothing_before, snapshots_of
from engine.sql.keyed import snapshot_query
from engine.type_parser import parse_type
from engine.types import arrow_type
from tests.engine.pipeline import Pipelines

BATCH_ROWS = 10_000
COLUMNS = (("k", "int64"), ("v", "int64"), ("at", "datetime64(3)"))
START_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Case:
    """A query over `s` (and `r`): rows of `first` go in before the clock starts, then `s` does.

    `modes` and `keys`: of the streams, with the primary key `k`. `spread`: keys of the rows.
    """

    name: str
    sql: str
    keys: int
    first: str = ""
    first_rows: int = 0
    left_mode: str = "append"
    right_mode: str = "append"


_TUMBLE = (
    "select window_start, k, count(), sum(v), max(v) from tumble(s, at, 1s) "
    "group by window_start, k"
)
_GLOBAL = "select k, count(), sum(v), max(v) from s group by k emit periodic 1h"
CASES = (
    *(Case(f"global count, sum, max, {n:,} keys", _GLOBAL, n) for n in (10, 10_000, 1_000_000)),
    *(Case(f"the same per second, {n:,} keys", _TUMBLE, n) for n in (10, 10_000, 1_000_000)),
    Case("join with a versioned stream of 1,000,000 keys",
         "select s.k, s.v, r.v as rv from s inner join r on s.k = r.k", 1_000_000,
         "r", 1_000_000, right_mode="versioned_kv"),
    Case("range join, 10 s, 100,000 keys",
         "select s.v, r.v as rv from s inner join r on s.k = r.k and "
         "date_diff_within(10s, s.at, r.at)", 100_000, "r", 200_000),
    Case("join of two versioned streams, 100,000 keys",
         "select s.k, s.v, r.v as rv, _tp_delta from s inner join r on s.k = r.k", 100_000,
         "r", 100_000, "versioned_kv", "versioned_kv"),
    Case("dedup, 1,000,000 keys", "select k, v from dedup(s, k, 0s, 1000000)", 1_000_000),
    Case("min and max of current rows, 100,000 keys",
         "select k % 1000 as g, min(v), max(v) from changelog(s, k) group by g emit periodic 1h",
         100_000),
)  # fmt: skip


def rows(first: int, count: int, keys: int, random: np.random.Generator) -> pa.RecordBatch:
    """Rows of uniform keys, 100,000 a second."""
    ms = START_MS + np.arange(first, first + count) // 100
    at = pa.array(ms).view(pa.timestamp("ms"))
    picked = random.integers(0, keys, count) if first >= 0 else np.arange(count) % keys
    values = pa.array(random.integers(0, 1_000_000, count))
    return pa.record_batch({"k": pa.array(picked), "v": values, "at": at, "_tp_time": at})


def parts(count: int, keys: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Batches of rows."""
    random = np.random.default_rng(seed)
    for first in range(0, count, BATCH_ROWS):
        yield rows(first, BATCH_ROWS, keys, random)


def define(pipelines: Pipelines, name: str, mode: str) -> None:
    """A stream of a mode; keyed ones have the primary key `k`."""
    pipelines.definitions[name] = Definition(
        id=f"id_{name}", name=name, kind="stream", mode=mode,
        columns=tuple(ColumnDef(n, t) for n, t in COLUMNS),
        primary_key="k" if mode != "append" else "",
    )  # fmt: skip
    fields = [pa.field(n, arrow_type(parse_type(t))) for n, t in COLUMNS]
    pipelines.schemas[name] = pa.schema([*fields, pa.field("_tp_time", pa.timestamp("ms"))])


def run(case: Case, events: int, seed: int) -> tuple[float, int]:
    """Events per CPU-second, and the bytes of state at the end."""
    pipelines = Pipelines()
    try:
        define(pipelines, "s", case.left_mode)
        define(pipelines, "r", case.right_mode)
        plan = pipelines.plan(case.sql)
        empty = {snapshot_query(scan): nothing_before(scan, 0) for scan in scans(plan.root)}
        answers = {query: empty[query] for query in snapshots_of(plan)}
        output = Counter()
        pipelines.flow.start("q", plan, output, pipelines.clock.now_ms(), answers)
        pipelines.virtual.settle()
        for part in parts(case.first_rows, case.keys, seed + 1):
            pipelines.storage.append(f"id_{case.first}", part)
            pipelines.virtual.settle()
        made = list(parts(events + BATCH_ROWS, case.keys, seed))
        pipelines.storage.append("id_s", made[0])
        pipelines.virtual.settle()
        began = time.process_time()
        for part in made[1:]:
            pipelines.storage.append("id_s", part)
            pipelines.virtual.settle()
        spent = time.process_time() - began
        held = pipelines.flow.counters("q").state_bytes
        pipelines.advance(3_600_000)
        assert output.rows_out, "the query gave nothing"
        return events / spent, held
    finally:
        pipelines.close()


def measure(options: Options) -> list[Figure]:
    """Every case once with its state; the more keys, the more of them are new."""
    figures: list[Figure] = []
    for case in CASES:
        events = options.size(2_000_000, 300_000)
        found = sorted(run(case, events, options.seed) for _ in range(3))
        value, held = found[1]
        figures.append(Figure(case.name, value, "ev/CPU-s", note=f"state {held >> 20} MiB"))
    return figures
