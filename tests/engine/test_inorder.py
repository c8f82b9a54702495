"""Which source reads next, and how far, while two queries catch up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from engine.batch import StreamSlice
from engine.inorder import Head, next_head, next_piece

BOUNDS = (1_000, 1 << 20)


@dataclass
class Source:
    """What of a feed counts here."""

    stream_id: str
    next_sn: int
    row: int = 0


def part(stream: str, counts: list[int], sn: int, times: list[int] | None = None) -> StreamSlice:
    borders = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rows = pa.RecordBatch.from_pydict({"v": np.arange(int(borders[-1]))})
    numbers = np.arange(sn, sn + len(counts))
    return StreamSlice(stream, rows, borders, numbers, np.array(times or numbers))


def head(source: Source, of: StreamSlice) -> Head:
    return Head(cast("Any", source), of)


def test_the_append_that_was_written_first_is_next() -> None:
    a, b, r = Source("s", 3), Source("s", 2), Source("r", 9)
    same = [5, 5, 5]
    heads = [
        head(a, part("s", [1, 1], 3, same[:2])),
        head(b, part("s", [1, 1, 1], 2, same)),
        head(r, part("r", [1], 9, [5])),
    ]
    assert next_head(heads).feed is b  # one time: the number counts, then the order of FROM
    assert next_head(heads[:1] + heads[2:]).feed is a
    heads[2] = head(r, part("r", [1], 9, [4]))
    assert next_head(heads).feed is r
    c = Source("s", 2, row=1)
    assert next_head([head(c, part("s", [2], 2)), head(b, part("s", [3], 2))]).feed is b


@pytest.mark.parametrize(
    ("ahead", "appends", "rows", "continues"),
    [
        ((2, 0), False, 6, False),  # side by side: as far as the slice goes
        ((2, 0), True, 3, False),  # one append at most
        ((3, 0), False, 3, False),  # the other has read the first append
        ((3, 1), False, 4, True),  # and a row of the next
        ((2, 2), False, 2, True),
        ((2, 2), True, 2, True),
        ((9, 0), False, 6, False),
    ],
)
def test_a_source_reads_as_far_as_one_that_is_ahead(
    ahead: tuple[int, int], appends: bool, rows: int, continues: bool
) -> None:
    one, other, foreign = Source("s", 2), Source("s", *ahead), Source("r", 0)
    feeds = cast("Any", [one, other, foreign])
    made, goes_on = next_piece(head(one, part("s", [3, 2, 1], 2)), feeds, BOUNDS, appends=appends)
    assert (made.rows.num_rows, goes_on) == (rows, continues)


def test_what_is_left_of_an_append_is_read_up_to_the_same_row() -> None:
    one, other = Source("s", 2, row=1), Source("s", 2, row=3)
    rest = part("s", [4, 1], 2)  # rows 1 to 4 of append 2, and append 3
    made, goes_on = next_piece(head(one, rest), cast("Any", [one, other]), BOUNDS, appends=False)
    assert (made.rows.num_rows, goes_on) == (2, True)
    other.next_sn, other.row = 3, 0
    made, goes_on = next_piece(head(one, rest), cast("Any", [one, other]), BOUNDS, appends=False)
    assert (made.rows.num_rows, goes_on) == (4, False)
