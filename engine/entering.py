"""The order in which the sources of a query enter it where they depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.batch import StreamSlice
from engine.feeds import Feed, split_appends
from engine.log.records import Commit, merge_slices
from engine.sql import logical
from engine.sql.repeats import units


class Entering:
    """Feeds of a query whose result depends on which of its streams was written first.

    `feeds`: from the last join of FROM to the first, of a union in the order of FROM. Rows enter in
    the order of the log; a stream that is scanned several times enters append by append, by one
    scan after the other.
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
                if part.stream_id in self._repeated:
                    yield from split_appends(part)
                else:
                    run.append(part)
        if run:
            yield merge_slices(run)


def entering(feeds: Sequence[Feed], root: logical.Node) -> Entering | None:
    """The order of a query with joins, or that scans a stream several times; else None."""
    streams = [feed.stream_id for feed in feeds]
    meet = _joins(root) or len(set(streams)) < len(streams)
    return Entering(feeds, root) if meet else None


def _together(last: StreamSlice, part: StreamSlice) -> bool:
    same = last.stream_id == part.stream_id
    return same and last.rows.schema.equals(part.rows.schema)


def _joins(node: logical.Node) -> bool:
    return isinstance(node, logical.Join) or any(_joins(n) for n in logical.inputs_of(node))
