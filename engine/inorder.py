"""Which of the sources of two queries reads next while they catch up, so that neither overtakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.batch import StreamSlice
from engine.feeds import Feed, Storage, pieces, split_at
from engine.log.records import head_of


class Head(NamedTuple):
    """The next append that a source has not read, or what is left of it."""

    feed: Feed
    part: StreamSlice


def next_head(heads: Sequence[Head]) -> Head:
    """The one that was written first. Appends of one stream go by their numbers, those of several
    by their times and, at one time, as the queries name them."""
    first: dict[str, int] = {}
    for turn, head in enumerate(heads):
        first.setdefault(head.feed.stream_id, turn)

    def written(turn: int) -> tuple[int, int, int, int, int]:
        feed, part = heads[turn]
        sn = int(part.sn[0])
        row = feed.row if sn == feed.next_sn else 0
        return int(part.append_time_ms[0]), first[feed.stream_id], sn, row, turn

    return heads[min(range(len(heads)), key=written)]


def read_heads(feeds: Sequence[Feed], storage: Storage, instant_ms: int) -> list[Head] | None:
    """What each reads next; those that have caught up are left out. None while the past of one is
    sorted or played, and has nothing yet. Blocks on the disk."""
    heads: list[Head] = []
    for feed in feeds:
        part = feed.read(storage, instant_ms)
        if part is not None:
            heads.append(Head(feed, part))
        elif feed.backfilling:
            return None
    return heads


def next_piece(
    head: Head, feeds: Sequence[Feed], bounds: tuple[int, int], *, appends: bool
) -> tuple[StreamSlice, bool]:
    """What the source of a head reads next, and whether its last append goes on. `appends`: of one
    append at most.

    It goes as far as another source of the stream that is ahead has read: rows of both are put in
    order within what they read alike. Else `bounds` of rows and bytes count.
    """
    feed, part = head
    sn = int(part.sn[0])
    before = (sn, feed.row if sn == feed.next_sn else 0)
    ahead = [
        (other.next_sn, other.row)
        for other in feeds
        if other.stream_id == feed.stream_id and (other.next_sn, other.row) > before
    ]
    if appends:
        part = split_at(part, sn + 1)[0]
    if not ahead:
        return next(pieces(part, *bounds))
    rows = _rows_up_to(part, before[1], *min(ahead))
    return head_of(part, rows), rows not in part.borders


def _rows_up_to(part: StreamSlice, read: int, sn: int, row: int) -> int:
    """Rows of a slice before row `row` of append `sn`; of its first append so many were `read`."""
    at = int(np.searchsorted(part.sn, sn))
    if at == part.appends:
        return part.rows.num_rows
    rows = row - (0 if at else read) if int(part.sn[at]) == sn else 0
    return int(part.borders[at]) + max(rows, 0)
