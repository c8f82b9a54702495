"""What checkpoints cost: CPU of collecting and of writing by that of the steps between them.

Of one run: two runs, with and without, differ by more than what is measured.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.engine_flow import Counter
from benchmarks.harness import Figure, Options
from benchmarks.stateful import CASES, Case, define, filling, give, parts, step
from engine.checkpoints import Checkpoint, CheckpointStore, as_written
from engine.clock import ManualClock
from engine.graph import Graph
from engine.log.files import FileSystem
from engine.snapshots import nothing_before, snapshots_of
from engine.sql.keyed import snapshot_query
from engine.sql.repeats import scans
from tests.engine.pipeline import Pipelines

# The default of checkpoint_interval; by CPU time, so that a busy machine changes nothing.
INTERVAL_SECONDS = 5.0
# Part of the CPU that checkpoints may cost.
COST_MAX = 0.15
# Checkpoints of a run, one base and what changed since; and rows after which it ends anyway.
TAKEN = 5
EVENTS_MAX = 200_000_000


class Checkpoints:
    """Takes and writes a checkpoint of a graph whenever its interval has passed."""

    def __init__(self, folder: Path, interval: float) -> None:
        self._store = CheckpointStore(folder, FileSystem(), ManualClock())
        self._interval = interval
        self._due = time.process_time() + interval
        self.taken = 0

    def look(self, graph: Graph) -> None:
        """Between two steps."""
        if time.process_time() < self._due:
            return
        full = self._store.wants_base("q")
        found = as_written(graph.changes(full=full))
        self._store.write("q", Checkpoint(self.taken, 0, (), found, full))
        self.taken += 1
        self._due = time.process_time() + self._interval


def spent(case: Case, seed: int, interval: float) -> tuple[float, float]:
    """CPU-seconds of the steps and those of the checkpoints between them, of one run."""
    pipelines = Pipelines()
    try:
        for name, mode in zip("sr", case.modes, strict=True):
            define(pipelines, name, mode)
        plan = pipelines.plan(case.sql)
        empty = {snapshot_query(scan): nothing_before(scan, 0) for scan in scans(plan.root)}
        answers = {query: empty[query] for query in snapshots_of(plan)}
        pipelines.flow.start("q", plan, Counter(), pipelines.clock.now_ms(), answers)
        pipelines.virtual.settle()
        graph = pipelines.flow._lives.running["q"].graph
        for part in filling(case, seed + 1):
            give(pipelines, case.first, part)
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = Checkpoints(Path(folder), interval)
            steps, between = 0.0, 0.0
            for part in parts(EVENTS_MAX, case, seed):
                steps += step(pipelines, case, part)
                began = time.process_time()
                checkpoints.look(graph)
                between += time.process_time() - began
                if checkpoints.taken == TAKEN:
                    break
            return steps, between
    finally:
        pipelines.close()


def measure(options: Options) -> list[Figure]:
    """For each case the CPU of checkpoints by that of the steps between them."""
    figures: list[Figure] = []
    interval = INTERVAL_SECONDS / (10 if options.quick else 1)
    for case in CASES:
        steps, between = spent(case, options.seed, interval)
        note = f"{TAKEN} in {steps + between:.1f} CPU-s"
        cost = 100 * between / steps
        figures.append(Figure(case.name, cost, "%", 100 * COST_MAX, lower=True, note=note))
    return figures
