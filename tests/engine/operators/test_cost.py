"""Work grows with the batch and the keys it touches, not with the state: counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest

from engine.multisets import Ranked
from engine.protocol import ColumnDef, Definition
from engine.rowlists import RowLists
from engine.slots import SlotTable
from engine.snapshots import nothing_before, snapshots_of
from engine.sql.keyed import snapshot_query
from engine.sql.repeats import scans
from engine.testing import Collected
from tests.engine.pipeline import Pipelines

FEW, MANY = 2_000, 40_000
BATCH = 400
COLUMNS = (("k", "int64"), ("v", "int64"), ("at", "datetime64(3)"))
KEYED = ("versioned_kv", "versioned_kv")
APPEND = ("append", "append")
# A query over s (and r), the modes of both, which of them is filled before.
QUERIES = {
    "global aggregate": (
        "select k, count(), max(v) from s group by k emit on update", APPEND, "s"),
    "windows": (
        "select k, sum(v), window_end from tumble(s, at, 1h) group by k, window_end", APPEND, "s"),
    "versioned join": (
        "select s.k, r.v as x from s join r on s.k = r.k", ("append", "versioned_kv"), "r"),
    "range join": (
        "select s.k, r.v as x from s join r on s.k = r.k and date_diff_within(10s, s.at, r.at)",
        APPEND, "r"),
    "keyed join": ("select s.k, r.v as x, _tp_delta from s join r on s.k = r.k", KEYED, "r"),
    "dedup": ("select k, v from dedup(s, k, 0s, 1000000)", APPEND, "s"),
    "min and max of current rows": (
        "select k % 100000 as g, min(v), max(v) from changelog(s, k) group by g emit on update",
        APPEND, "s"),
}  # fmt: skip


class Work:
    """Entries that the structures of state were asked for, and bytes of checkpoints."""

    def __init__(self) -> None:
        self.entries = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts within this."""
        with (
            self._counted(SlotTable, "assign"),
            self._counted(SlotTable, "find"),
            self._counted(SlotTable, "free"),
            self._counted(RowLists, "append"),
            self._counted(RowLists, "remove"),
            self._counted(RowLists, "walk", result=True),
            self._counted(Ranked, "best"),
        ):
            yield

    def _counted(self, owner: type, name: str, *, result: bool = False) -> Any:
        whole = getattr(owner, name)

        def counted(it: Any, first: Any, *rest: Any) -> Any:
            self.entries += len(first)
            found = whole(it, first, *rest)
            self.entries += len(found[1]) if result else 0
            return found

        return mock.patch.object(owner, name, counted)


def stream(pipelines: Pipelines, name: str, mode: str) -> None:
    columns = tuple(ColumnDef(n, t) for n, t in COLUMNS)
    key = "k" if mode != "append" else ""
    pipelines.definitions[name] = Definition(
        id=f"id_{name}", name=name, kind="stream", mode=mode, columns=columns, primary_key=key
    )


def given(pipelines: Pipelines, name: str, keys: np.ndarray, second: int) -> None:
    at = pa.array(np.full(len(keys), 1_600_000_000_000 + 1_000 * second)).view(pa.timestamp("ms"))
    values = pa.array(keys * 7 % 1_001)
    rows = pa.record_batch({"k": pa.array(keys), "v": values, "at": at, "_tp_time": at})
    pipelines.storage.append(f"id_{name}", rows)
    pipelines.virtual.settle()


def work(name: str, keys: int) -> tuple[int, int]:
    """Entries asked for and bytes of the next checkpoint, for a batch at so many keys."""
    sql, modes, filled = QUERIES[name]
    pipelines = Pipelines()
    try:
        for each, mode in zip("sr", modes, strict=True):
            stream(pipelines, each, mode)
        plan = pipelines.plan(sql)
        empty = {snapshot_query(scan): nothing_before(scan, 0) for scan in scans(plan.root)}
        answers = {query: empty[query] for query in snapshots_of(plan)}
        output = Collected()
        pipelines.flow.start("q", plan, output, pipelines.clock.now_ms(), answers)
        pipelines.virtual.settle()
        given(pipelines, filled, np.arange(keys), 0)
        touched = np.arange(BATCH) * (keys // BATCH)
        given(pipelines, "s", touched, 1)
        graph = pipelines.flow._lives.running["q"].graph
        graph.changes(full=True)
        counted = Work()
        with counted.counting():
            given(pipelines, "s", touched, 2)
            deltas = graph.changes(full=False)
        tables = [t for delta in deltas if delta is not None for t in delta.tables.values()]
        assert output.error is None
        return counted.entries, sum(table.num_rows for table in tables)
    finally:
        pipelines.close()


@pytest.mark.parametrize("name", QUERIES)
def test_a_batch_costs_what_it_touches(name: str) -> None:
    few, many = work(name, FEW), work(name, MANY)
    assert few[0] > 0
    assert many[0] <= 1.1 * few[0]
    assert many[1] <= 1.1 * few[1] + 10
    assert many[1] <= 8 * BATCH
