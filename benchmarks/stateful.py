"""Queries with state: cost by number of keys, joins, dedup, retractions, with their memory.

In process, as `engine_flow`: planner, flow and operators are the product's, rows come from memory.
Each case runs in a process of its own, so that its peak memory is known: what the process had at
most above what it had before the query. State is what the operators say that they hold, CPU is that
of all threads. Rows of `grows` touch as many keys in each batch whatever the number of keys is.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.engine_flow import Counter
from benchmarks.harness import Figure, Options
from engine.physical import stored_schema
from engine.protocol import ColumnDef, Definition
from engine.snapshots import nothing_before, snapshots_of
from engine.sql.keyed import snapshot_query
from engine.sql.logical import Column
from engine.sql.repeats import scans
from engine.type_parser import parse_type
from tests.engine.pipeline import Pipelines

BATCH_ROWS = 10_000
TOUCHED = 1_000  # keys of a batch where cost is compared by the number of keys
GROWTH_MAX = 2.0
SECONDS_MAX = 600
COLUMNS = (("k", "int64"), ("v", "int64"), ("at", "datetime64(3)"))
START_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Case:
    """A query over `s` (and `r`) whose rows have so many keys, with the primary key `k` if keyed.

    Rows of `first` go in before the clock starts, of each key as many, then rows of `s` do, which
    touch `touched` keys in a batch (0 = any), and so many of each batch into `r` `beside` it.
    """

    name: str
    sql: str
    keys: int
    first: str = ""
    first_rows: int = 0
    modes: tuple[str, str] = ("append", "append")
    touched: int = 0
    beside: int = 0


_VERSIONED = ("versioned_kv", "versioned_kv")
_TUMBLE = (
    "select window_start, k, count(), sum(v), max(v) from tumble(s, at, 1s) "
    "group by window_start, k"
)
_HOUR = _TUMBLE.replace("1s", "1h")
_GLOBAL = "select k, count(), sum(v), max(v) from s group by k emit periodic 1h"
_ENRICH = "select s.k, s.v, r.v as rv from s inner join r on s.k = r.k"
_KEYED = "select s.k, s.v, r.v as rv, _tp_delta from s inner join r on s.k = r.k"
_RANGE = (
    "select s.v, r.v as rv from s inner join r on s.k = r.k and date_diff_within(10s, s.at, r.at)"
)
_BEST = "select k % 1000 as g, min(v), max(v) from changelog(s, k) group by g emit periodic 1h"
_DEDUP = "select k, v from dedup(s, k, 0s, 2000000)"
SIZES = (10, 10_000, 1_000_000)
CASES = (
    *(Case(f"global count, sum, max, {n:,} keys", _GLOBAL, n) for n in SIZES),
    *(Case(f"the same per second, {n:,} keys", _TUMBLE, n) for n in SIZES),
    Case("join with a versioned stream of 1,000,000 keys", _ENRICH, 1_000_000, "r", 1_000_000,
         ("append", "versioned_kv")),
    Case("range join, 10 s, 100,000 keys", _RANGE, 100_000, beside=BATCH_ROWS // 10),
    Case("join of two versioned streams, 100,000 keys", _KEYED, 100_000, "r", 100_000, _VERSIONED),
    Case("dedup, 1,000,000 keys", _DEDUP, 1_000_000),
    Case("min and max of current rows, 100,000 keys", _BEST, 100_000),
)  # fmt: skip
GROWS = {
    "global count, sum, max": lambda n: Case("", _GLOBAL, n, "s", n, touched=TOUCHED),
    "the same per hour": lambda n: Case("", _HOUR, n, "s", n, touched=TOUCHED),
    "join with a versioned stream": lambda n: Case(
        "", _ENRICH, n, "r", n, ("append", "versioned_kv"), TOUCHED
    ),
    "join of two versioned streams": lambda n: Case("", _KEYED, n, "r", n, _VERSIONED, TOUCHED),
    "dedup": lambda n: Case("", _DEDUP, n, "s", n, touched=TOUCHED),
    "min and max of current rows": lambda n: Case(
        "", _BEST.replace("1000", str(n // 10)), n, "s", n, touched=TOUCHED
    ),
}


def rows(first: int, picked: np.ndarray, random: np.random.Generator) -> pa.RecordBatch:
    """Rows of these keys, 100,000 a second."""
    ms = START_MS + np.arange(first, first + len(picked)) // 100
    at = pa.array(ms).view(pa.timestamp("ms"))
    values = pa.array(random.integers(0, 1_000_000, len(picked)))
    return pa.record_batch({"k": pa.array(picked), "v": values, "at": at, "_tp_time": at})


def parts(count: int, case: Case, seed: int) -> Iterator[pa.RecordBatch]:
    """Batches of rows of uniform keys."""
    random = np.random.default_rng(seed)
    for first in range(0, count, BATCH_ROWS):
        if case.touched:
            some = random.integers(0, case.keys, case.touched)
            picked = some[random.integers(0, case.touched, BATCH_ROWS)]
        else:
            picked = random.integers(0, case.keys, BATCH_ROWS)
        yield rows(first, picked, random)


def filling(case: Case, seed: int) -> Iterator[pa.RecordBatch]:
    """Batches that go in before the clock starts: one key after the other."""
    random = np.random.default_rng(seed)
    for first in range(0, case.first_rows, BATCH_ROWS):
        numbers = np.arange(first, min(first + BATCH_ROWS, case.first_rows))
        yield rows(0, numbers % case.keys, random)


def define(pipelines: Pipelines, name: str, mode: str) -> None:
    """A stream of a mode; keyed ones have the primary key `k`."""
    pipelines.definitions[name] = Definition(
        id=f"id_{name}", name=name, kind="stream", mode=mode,
        columns=tuple(ColumnDef(n, t) for n, t in COLUMNS),
        primary_key="k" if mode != "append" else "",
    )  # fmt: skip
    stored = (*COLUMNS, ("_tp_time", "datetime64(3)"))
    pipelines.schemas[name] = stored_schema(tuple(Column(n, parse_type(t)) for n, t in stored))


def give(pipelines: Pipelines, name: str, part: pa.RecordBatch) -> float:
    """Append rows and run what reads them; CPU seconds."""
    began = time.process_time()
    pipelines.storage.append(f"id_{name}", part)
    pipelines.virtual.settle()
    spent = time.process_time() - began
    kept = pipelines.storage.streams[f"id_{name}"]
    kept[-1] = kept[0]  # its number stays taken, its rows go
    return spent


def step(pipelines: Pipelines, case: Case, part: pa.RecordBatch) -> float:
    """Give the streams of a case their next rows; CPU seconds."""
    spent = give(pipelines, "s", part)
    return spent + (give(pipelines, "r", part.slice(0, case.beside)) if case.beside else 0.0)


def run(case: Case, events: int, seed: int) -> tuple[float, int, int]:
    """Events per CPU-second, bytes of state at the end, peak memory above that before."""
    pipelines = Pipelines()
    try:
        for name, mode in zip("sr", case.modes, strict=True):
            define(pipelines, name, mode)
        before = psutil.Process().memory_info().rss
        plan = pipelines.plan(case.sql)
        empty = {snapshot_query(scan): nothing_before(scan, 0) for scan in scans(plan.root)}
        answers = {query: empty[query] for query in snapshots_of(plan)}
        output = Counter()
        pipelines.flow.start("q", plan, output, pipelines.clock.now_ms(), answers)
        pipelines.virtual.settle()
        for part in filling(case, seed + 1):
            give(pipelines, case.first, part)
        made = parts(events + BATCH_ROWS, case, seed)
        step(pipelines, case, next(made))  # plans and allocates
        spent = sum(step(pipelines, case, part) for part in made)
        held = pipelines.flow.counters("q").state_bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        pipelines.advance(3_600_000)
        return events / spent, held, peak
    finally:
        pipelines.close()


def alone(case: Case, options: Options, events: int) -> tuple[float, int, int]:
    """`run` in processes of its own: the medians."""
    task = json.dumps([case.__dict__, events, options.seed])
    command = [sys.executable, "-m", "benchmarks.stateful", task]
    found: list[tuple[float, int, int]] = []
    for _ in range(1 if options.quick else 3):
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        if done.returncode:
            raise RuntimeError(f"{case.name or case.sql}: {done.stderr[-800:]}")
        found.append(tuple(json.loads(done.stdout.strip().splitlines()[-1])))
    rate, held, peak = (statistics.median(values) for values in zip(*found, strict=True))
    return rate, int(held), int(peak)


def memory(held: int, peak: int) -> str:
    """State and peak as a note."""
    return f"state {held >> 20} MiB, peak {peak >> 20} MiB"


def measure(options: Options) -> list[Figure]:
    """Every case with its memory, then cost per batch at 1,000,000 keys by that at 10,000."""
    figures: list[Figure] = []
    for case in (each for each in CASES if options.takes(each.name)):
        rate, held, peak = alone(case, options, options.size(2_000_000, 300_000))
        figures.append(Figure(case.name, rate, "ev/CPU-s", note=memory(held, peak)))
    for name, case_of in GROWS.items():
        if not options.takes(name):
            continue
        events = options.size(1_000_000, 100_000)
        few, many = (alone(case_of(n), options, events) for n in (10_000, 1_000_000))
        what = f"{name}: a batch at 1,000,000 keys by one at 10,000"
        took = [1e6 * BATCH_ROWS / each[0] for each in (few, many)]
        note = f"{took[0]:.0f} and {took[1]:.0f} us; {memory(*many[1:])}"
        figures.append(Figure(what, few[0] / many[0], "x", GROWTH_MAX, lower=True, note=note))
    return figures


def main() -> None:
    """One run for `alone`."""
    case, events, seed = json.loads(sys.argv[1])
    case["modes"] = tuple(case["modes"])
    print(json.dumps(run(Case(**case), events, seed)))


if __name__ == "__main__":
    main()
