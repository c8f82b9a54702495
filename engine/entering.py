"""The order in which the sources of a query enter it where they depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.batch import StreamSlice
from engine.feeds import Feed, split_appends
from engine.graph import Leaf
from engine.log.records import Commit, merge_slices
from engine.sql import logical
from engine.sql.repeats import units

# Of an append that enters whole: the bounds of an append count.
_NO_BOUND: Final = 1 << 40


class Entering:
    """Feeds of a query whose result depends on which of its streams was written first.

    `feeds`: from the last join of FROM to the first, of a union in the order of FROM. Rows enter in
    the order of the log; a stream that is scanned several times enters append by append, by one
    scan after the other. `together`: no scan may overtake another, also while they catch up; of two
    queries in one graph, which read so much in turn as `reads` says.
    """

    def __init__(self, feeds: Sequence[Feed], root: logical.Node) -> None:
        places = units(root)
        order = {unit.leaf: at for at, unit in enumerate(places)}
        self.feeds = sorted(feeds, key=lambda feed: order[feed.source])
        streams = [feed.stream_id for feed in feeds]
        self._streams = frozenset(streams)
        scanned = [
            unit.source.stream_id for unit in places if isinstance(unit.source, logical.Scan)
        ]
        self._repeated = frozenset(s for s in scanned if scanned.count(s) > 1)
        self.together = isinstance(root, logical.Tagged)
        self.reads = root.reads if isinstance(root, logical.Tagged) else "append"
        # How far any scan has read of each stream since the query began or was restored.
        self._read: dict[str, tuple[int, int]] = {}

    def advanced(self, feed: Feed) -> None:
        """A feed has read on."""
        place = feed.next_sn, feed.row
        self._read[feed.stream_id] = max(self._read.get(feed.stream_id, place), place)

    def uneven(self, leaves: Sequence[Leaf]) -> bool:
        """Whether a feed has still to read rows that another feed of the stream has read. One that
        began further on has nothing to wait for."""
        return any(
            (feed.next_sn, feed.row) < self._read.get(feed.stream_id, (-1, 0))
            for feed in self.feeds
            if not leaves[feed.source].ended
        )

    def bounds(self, rows_max: int, bytes_max: int) -> tuple[int, int]:
        """Rows and bytes of a step at most, where others have these bounds."""
        if self.reads == "whole":
            return _NO_BOUND, _NO_BOUND
        return (1 if self.reads == "row" else rows_max), bytes_max

    @property
    def slices(self) -> bool:
        """Whether several appends may be read in turn."""
        return self.reads == "slice" and len(self._streams) == 1

    def parts(self, commits: Iterable[Commit]) -> Iterator[StreamSlice]:
        """What of the commits enters, in order; appends of a stream that follow each other in one
        slice, but those of a stream with several scans one by one."""
        run: list[StreamSlice] = []
        for commit in commits:
            for part in commit.slices:
                if part.stream_id not in self._streams:
                    continue
                if run and not _together(run[-1], part):
                    yield merge_slices(run)
                    run = []
                if self.reads != "slice" and (part.stream_id in self._repeated or self.together):
                    yield from split_appends(part)
                else:
                    run.append(part)
        if run:
            yield merge_slices(run)


def entering(feeds: Sequence[Feed], root: logical.Node) -> Entering | None:
    """The order of a query with joins, or that scans a stream several times, or of two queries;
    else None."""
    streams = [feed.stream_id for feed in feeds]
    meet = isinstance(root, logical.Tagged) or _joins(root) or len(set(streams)) < len(streams)
    return Entering(feeds, root) if meet else None


def _together(last: StreamSlice, part: StreamSlice) -> bool:
    same = last.stream_id == part.stream_id
    return same and last.rows.schema.equals(part.rows.schema)


def _joins(node: logical.Node) -> bool:
    return isinstance(node, logical.Join) or any(_joins(n) for n in logical.inputs_of(node))
