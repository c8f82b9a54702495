"""The order in which the sources of a query with joins enter it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.batch import StreamSlice
from engine.feeds import Feed, split_appends
from engine.log.records import Commit, merge_slices
from engine.sql import logical


class Entering:
    """Feeds of a query whose result depends on which of its streams was written first.

    `feeds`: from the last join of FROM to the first. Rows enter in the order of the log; a stream
    that is scanned several times enters append by append, by one scan after the other.
    """

    def __init__(self, feeds: Sequence[Feed], root: logical.Node) -> None:
        order = {leaf: at for at, leaf in enumerate(_leaves(root))}
        self.feeds = sorted(feeds, key=lambda feed: order[feed.source])
        streams = [feed.stream_id for feed in feeds]
        self._streams = frozenset(streams)
        self._repeated = frozenset(s for s in streams if streams.count(s) > 1)

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
    """The order of a query with joins; None for one whose sources do not meet."""
    return Entering(feeds, root) if _joins(root) else None


def _together(last: StreamSlice, part: StreamSlice) -> bool:
    same = last.stream_id == part.stream_id
    return same and last.rows.schema.equals(part.rows.schema)


def _joins(node: logical.Node) -> bool:
    return isinstance(node, logical.Join) or any(_joins(n) for n in logical.inputs_of(node))


def _leaves(root: logical.Node) -> list[int]:
    """Numbers of the leaves (in the order of FROM) as they enter."""
    count = 0

    def number(node: logical.Node) -> list[int]:
        nonlocal count
        if not logical.inputs_of(node):
            count += 1
            return [count - 1]
        found = [number(each) for each in logical.inputs_of(node)]
        if isinstance(node, logical.Join):
            found.reverse()
        return [leaf for each in found for leaf in each]

    return number(root)
