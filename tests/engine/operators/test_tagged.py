"""Rows of two queries are put in the order of what both read, also over a checkpoint."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from engine.batch import ROW_ORDER, Batch
from engine.operators.tagged import Tagged
from engine.sql.ordered import LAST, WINDOWS_FROM

SCHEMA = pa.schema([("query", pa.int8()), ("v", pa.int32())])


def batch(
    query: int, values: list[int], order: list[int], borders: list[int] | None = None
) -> Batch:
    rows = pa.RecordBatch.from_pydict(
        {"query": [query] * len(values), "v": values, ROW_ORDER: order},
        schema=pa.schema([*SCHEMA, (ROW_ORDER, pa.int64())]),
    )
    return Batch(rows, 7, np.array(borders or [0, len(values)], np.int64))


def shown(made: list[Batch]) -> list[list[tuple[int, int]]]:
    columns = [[b.rows.column(0).to_pylist(), b.rows.column(1).to_pylist()] for b in made]
    return [list(zip(*each, strict=True)) for each in columns]


def test_rows_wait_until_all_have_read_the_slice() -> None:
    tagged = Tagged(SCHEMA)
    assert tagged.push(0, batch(0, [1, 2], [0, 3])) == []
    assert tagged.held().rows == 2
    tagged.push(1, batch(1, [3, 4, 5], [1, 3, 4]))
    assert shown(tagged.settle()) == [[(0, 1), (1, 3), (0, 2), (1, 4), (1, 5)]]
    assert tagged.settle() == []
    assert tagged.held().rows == 0


def test_what_an_append_sends_at_its_end_comes_after_its_rows() -> None:
    tagged = Tagged(SCHEMA)
    tagged.push(0, batch(0, [1, 2], [WINDOWS_FROM + 5, WINDOWS_FROM + 9]))
    tagged.push(1, batch(1, [3], [10]))
    tagged.push(1, batch(1, [4], [WINDOWS_FROM + 7]))
    tagged.push(1, batch(1, [5], [LAST]))
    assert shown(tagged.settle()) == [[(1, 3), (0, 1), (1, 4), (0, 2), (1, 5)]]


def test_rows_of_one_query_never_change_places() -> None:
    tagged = Tagged(SCHEMA)
    tagged.push(0, batch(0, [1, 2], [5, 4]))
    tagged.push(1, batch(1, [3], [4]))
    assert shown(tagged.settle()) == [[(1, 3), (0, 1), (0, 2)]]


def test_one_query_alone_keeps_its_emissions() -> None:
    tagged = Tagged(SCHEMA)
    tagged.push(0, batch(0, [1, 2, 3], [LAST] * 3, [0, 1, 3]))
    (made,) = tagged.settle()
    assert made.borders.tolist() == [0, 1, 3]
    assert made.rows.schema.equals(SCHEMA)


def test_emissions_for_each_row_go_by_their_numbers() -> None:
    tagged = Tagged(SCHEMA)
    tagged.push(0, batch(0, [1, 2], [LAST] * 2, [0, 1, 1, 2]))
    tagged.push(1, batch(1, [3], [1]))
    assert shown(tagged.settle()) == [[(0, 1), (1, 3), (0, 2)]]


def test_what_waits_is_in_a_checkpoint() -> None:
    tagged, again = Tagged(SCHEMA), Tagged(SCHEMA)
    assert tagged.changes(full=True) is None
    tagged.push(0, batch(0, [1, 2], [0, 3], [0, 1, 2]))
    base = tagged.changes(full=True)
    assert base is not None
    assert tagged.changes(full=False) is None
    again.restore([base])
    for each in (tagged, again):
        each.push(1, batch(1, [3], [1]))
        assert shown(each.settle()) == [[(0, 1), (1, 3), (0, 2)]]
    emptied = tagged.changes(full=False)
    assert emptied is not None
    third = Tagged(SCHEMA)
    third.restore([base, emptied])
    assert third.settle() == []
