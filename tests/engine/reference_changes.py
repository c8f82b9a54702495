"""Changelogs of the reference interpreter: upserts as deltas, and what is left of stored rows."""

from __future__ import annotations

from collections import Counter

from tests.engine.reference_rows import Append, Expr, Node, Row, Step

Key = tuple[object, ...]


class Upserts(Step):
    """changelog(): for a known key the row before with -1, then the new one with +1.

    `version`: rows whose version is smaller than the current one's are dropped.
    """

    def __init__(self, below: Node, keys: tuple[str, ...], version: str = "") -> None:
        super().__init__(below)
        self.keys, self.version = keys, version
        self.current: dict[Key, Row] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        out: Append = []
        for row, _ in append:
            key = tuple(row[name] for name in self.keys)
            before = self.current.get(key)
            late = before is not None and self.version
            if late and row[self.version] < before[self.version]:  # type: ignore[operator,index]
                continue
            if before is not None:
                out.append((before, -1))
            out.append((row, 1))
            self.current[key] = row
        return [out]


class DistinctChanges(Step):
    """DISTINCT of a changelog: a row is there while one equal to it is there below. What an append
    changes is sent where its first such row stands."""

    def __init__(self, below: Node) -> None:
        super().__init__(below)
        self.count: Counter[Key] = Counter()

    def take(self, append: Append, now: int) -> list[Append]:
        net: Counter[Key] = Counter()
        first: dict[Key, Row] = {}
        for row, weight in append:
            key = tuple(value for name, value in row.items() if name != "_tp_delta")
            first.setdefault(key, row)
            net[key] += weight
        out: Append = []
        for key, row in first.items():
            before = self.count[key] > 0
            self.count[key] += net[key]
            sign = (self.count[key] > 0) - before
            if sign:
                out.append((row, sign))
        return [out]


class Deduplicated(Step):
    """dedup(): the first row of each key passes; `ttl` in ms and `limit` forget keys."""

    def __init__(self, below: Node, keys: tuple[Expr, ...], ttl: int, limit: int) -> None:
        super().__init__(below)
        self.keys, self.ttl, self.limit = keys, ttl, limit
        self.seen: dict[Key, int] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        if self.ttl:
            self.seen = {k: since for k, since in self.seen.items() if now - since < self.ttl}
        passed: Append = []
        for row, weight in append:
            key = tuple(expr.of(row) for expr in self.keys)
            if key not in self.seen:
                self.seen[key] = now
                passed.append((row, weight))
        for gone in list(self.seen)[: max(0, len(self.seen) - self.limit)]:
            del self.seen[gone]
        return [passed]


class Rowified(Step):
    """rowify(): every row is an append of its own."""

    def take(self, append: Append, now: int) -> list[Append]:
        return [[one] for one in append]


def left_of(appends: list[Append], keys: tuple[str, ...], version: str) -> list[Append]:
    """The current rows of a versioned stream, in order of arrival, append by append.

    Without a `version` it is the time of the append, which never goes back: the later row wins.
    """
    best: dict[Key, tuple[int, int]] = {}
    for at, append in enumerate(appends):
        for place, (row, _) in enumerate(append):
            key = tuple(row[name] for name in keys)
            if key in best and version:
                other = appends[best[key][0]][best[key][1]][0]
                if row[version] < other[version]:  # type: ignore[operator]
                    continue
            best[key] = (at, place)
    kept = set(best.values())
    found = [
        [one for place, one in enumerate(append) if (at, place) in kept]
        for at, append in enumerate(appends)
    ]
    return [append for append in found if append]


def left_of_changes(appends: list[Append], keys: tuple[str, ...]) -> list[Append]:
    """The rows that are left of a changelog_kv stream: -1 takes away the last row of its key."""
    held: list[tuple[int, int]] = []
    for at, append in enumerate(appends):
        for place, (row, weight) in enumerate(append):
            if weight > 0:
                held.append((at, place))
                continue
            key = [row[name] for name in keys]
            for one in reversed(held):
                other = appends[one[0]][one[1]][0]
                if [other[name] for name in keys] == key:
                    held.remove(one)
                    break
    found = [
        [one for place, one in enumerate(append) if (at, place) in held]
        for at, append in enumerate(appends)
    ]
    return [append for append in found if append]
