"""Queries per CPU-second: stateless and hop counts, planned from SQL, fed with 10k batches.

In process: planner, flow and operators are the product's; rows come from memory and results are
counted, so neither the log nor JSON is in these figures. CPU is that of all threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from benchmarks import nexmark
from benchmarks.harness import Figure, Options, median
from engine.errors import TailraceError
from tests.engine.pipeline import Pipelines

BATCH_ROWS = 10_000
KEYED_COLUMNS = "k {kind}, at datetime64(3)"
QUERIES = {
    "q1": "select auction, bidder, price * 0.908 as price, date_time, extra from bid",
    "q2": "select auction, price from bid where auction % 123 = 0",
}
HOP = (
    "select window_start, window_end, k, count() as n from hop(keyed, at, 2s, 10s) "
    "group by window_start, window_end, k"
)


class Counter:
    """An output that counts."""

    def __init__(self) -> None:
        self.rows_out = 0

    def ready(self) -> bool:
        """Always."""
        return True

    def rows(self, batch: pa.RecordBatch) -> None:
        """Count."""
        self.rows_out += batch.num_rows

    def end(self, error: TailraceError | None) -> None:
        """Fail the benchmark when the query fails."""
        if error is not None:
            raise error


def with_time(batch: pa.RecordBatch, column: str) -> pa.RecordBatch:
    """The rows as stored: with `_tp_time`."""
    return batch.append_column("_tp_time", batch.column(column))


def rate(sql: str, stream: tuple[str, str], made: Callable[[], Iterator[pa.RecordBatch]]) -> float:
    """Events per CPU-second of one query over these batches."""
    pipelines = Pipelines()
    try:
        name, columns = stream
        pipelines.stream(name, columns)
        output = Counter()
        pipelines.flow.start("q", pipelines.plan(sql), output, pipelines.clock.now_ms(), None)
        pipelines.virtual.settle()
        parts = list(made())
        # The first batch plans and allocates.
        pipelines.storage.append(f"id_{name}", parts[0])
        pipelines.virtual.settle()
        events = 0
        began = time.process_time()
        for part in parts[1:]:
            pipelines.storage.append(f"id_{name}", part)
            pipelines.virtual.settle()
            events += part.num_rows
        spent = time.process_time() - began
        assert output.rows_out, "the query gave nothing"
        return events / spent
    finally:
        pipelines.close()


def keyed(keys: int, events: int, kind: str, seed: int) -> Iterator[pa.RecordBatch]:
    """Uniform keys; a slide of two seconds has four events per key, at least 200k."""
    random = np.random.default_rng(seed)
    per_second = max(100_000, 2 * keys)
    names = pa.array([f"key-{n:09d}" for n in range(keys)]) if kind == "string" else None
    for start in range(0, events, BATCH_ROWS):
        picked = pa.array(random.integers(0, keys, BATCH_ROWS))
        values = picked if names is None else names.take(picked)
        ms = nexmark.START_MS + np.arange(start, start + BATCH_ROWS) * 1_000 // per_second
        yield pa.record_batch({"k": values, "at": pa.array(ms).view(pa.timestamp("ms"))})


def measure(options: Options) -> list[Figure]:
    """Stateless q1 and q2, hop counts with 10k integer and 1M string keys."""
    figures: list[Figure] = []
    events = options.size(5_000_000, 1_000_000)

    def bids() -> Iterator[pa.RecordBatch]:
        parts = nexmark.batches(nexmark.bids(events, nexmark.Shape(options.seed)), BATCH_ROWS)
        return (with_time(part, "date_time") for part in parts)

    for name, sql in QUERIES.items():
        value = median(lambda s=sql: rate(s, ("bid", nexmark.BID_COLUMNS), bids), options.repeats)
        figures.append(Figure(f"{name}, 10k batches", value, "ev/CPU-s", 6e6))
    for keys, kind, target, full, quick in (
        (10_000, "int64", 3e6, 5_000_000, 1_500_000),
        (1_000_000, "string", 1.5e6, 20_000_000, 9_000_000),
    ):
        count = options.size(full, quick)

        def parts(k: int = keys, t: str = kind, n: int = count) -> Iterator[pa.RecordBatch]:
            return (with_time(part, "at") for part in keyed(k, n, t, options.seed))

        columns = KEYED_COLUMNS.format(kind=kind)
        repeats = options.repeats if keys < 1e6 or not options.quick else 1
        value = median(lambda c=columns, p=parts: rate(HOP, ("keyed", c), p), repeats)
        what = f"hop count by key (q5 shape), {keys:,} {kind} keys"
        figures.append(Figure(what, value, "ev/CPU-s", target))
    return figures
