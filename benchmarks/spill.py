"""State beyond memory: queries whose state is four times what they may hold, and the same at ease.

In process, as `stateful`, with its rows: keys are uniform, so that every batch touches all parts of
the state. CPU is that of all threads, reading and writing files included.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.engine_flow import Counter
from benchmarks.harness import Figure, Options
from benchmarks.stateful import BATCH_ROWS, Case, define, filling, give, parts
from engine.flow_settings import FlowSettings
from engine.snapshots import nothing_before, snapshots_of
from engine.sql.keyed import snapshot_query
from engine.sql.repeats import scans
from tests.engine.pipeline import Pipelines

TIMES = 4
_JOIN = "select s.k, s.v, r.v as rv from s inner join r on s.k = r.k"
CASES = (
    Case("global count, sum, max every hour",
         "select k, count(), sum(v), max(v) from s group by k emit periodic 1h", 0),
    Case("the same on update",
         "select k, count(), sum(v), max(v) from s group by k emit on update", 0),
    Case("count, sum, max of windows of 20 s",
         "select window_start, k, count(), sum(v), max(v) from tumble(s, at, 20s) "
         "group by window_start, k", 0),
    Case("changelog() by key", "select k, v, _tp_delta from changelog(s, k)", 0),
    Case("join with a versioned stream", _JOIN, 0, "r", 1, ("append", "versioned_kv")),
)  # fmt: skip


def run(case: Case, events: int, seed: int, memory: int) -> tuple[float, int, int]:
    """Events per CPU-second, most bytes of state in memory, and bytes on disk at the end."""
    with tempfile.TemporaryDirectory() as folder:
        settings = FlowSettings(state_memory_bytes_max=memory, spill_folder=Path(folder))
        pipelines = Pipelines(settings)
        try:
            for name, mode in zip("sr", case.modes, strict=True):
                define(pipelines, name, mode)
            plan = pipelines.plan(case.sql)
            empty = {snapshot_query(scan): nothing_before(scan, 0) for scan in scans(plan.root)}
            answers = {query: empty[query] for query in snapshots_of(plan)}
            pipelines.flow.start("q", plan, Counter(), pipelines.clock.now_ms(), answers)
            pipelines.virtual.settle()
            query = pipelines.flow._lives.running["q"]
            assert query.spill is not None
            for part in filling(case, seed + 1):
                give(pipelines, case.first, part)
            made = parts(events + BATCH_ROWS, case, seed)
            give(pipelines, "s", next(made))  # plans and allocates
            spent, most = 0.0, 0
            for part in made:
                spent += give(pipelines, "s", part)
                most = max(most, query.graph.held().bytes - query.spill.disk_bytes)
            return events / spent, most, query.spill.disk_bytes
        finally:
            pipelines.close()


def measure(options: Options) -> list[Figure]:
    """Each case within a quarter of the memory that it needs, compared with all of it."""
    figures: list[Figure] = []
    keys = options.size(4_000_000, 500_000)
    for shape in CASES:
        case = replace(shape, keys=keys, first_rows=keys if shape.first else 0)
        events = options.size(6_000_000, 600_000)
        at_ease, needed, _ = run(case, events, options.seed, 1 << 40)
        value, most, disk = run(case, events, options.seed, needed // TIMES)
        note = (
            f"{value / at_ease:.0%} of the rate at ease; of {needed >> 20} MiB {most >> 20} MiB in "
            f"memory at most, files {disk >> 20} MiB"
        )
        figures.append(Figure(case.name, value, "ev/CPU-s", note=note))
    return figures
