"""Rows, weights and streaming sources of the reference interpreter; plain Python alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Row = dict[str, object]
Delta = tuple[Row, int]
# What one append brings, or what one emission sends.
Append = list[Delta]


@dataclass(frozen=True)
class Expr:
    """An expression twice: as SQL, and as a function of a row."""

    sql: str
    of: Callable[[Row], object] = field(compare=False)


def column(name: str) -> Expr:
    """A column by its name."""
    return Expr(name, lambda row: row[name])


class Node:
    """A part of a query. Rows enter at the leaf of a number and come out as appends."""

    def push(self, leaf: int, append: Append, now: int) -> list[Append]:
        """One append enters at a leaf."""
        raise NotImplementedError

    def wait(self, now: int) -> list[Append]:
        """The clock has moved to `now`, one millisecond on."""
        raise NotImplementedError

    def hold(self) -> None:
        """What comes now is the past: results of aggregations wait until `release`."""

    def release(self, now: int) -> list[Append]:
        """The past is read: what was held is sent."""
        return []


class Leaf(Node):
    """A scan of a stream."""

    def __init__(self, number: int) -> None:
        self.number = number

    def push(self, leaf: int, append: Append, now: int) -> list[Append]:
        return [append] if leaf == self.number else []

    def wait(self, now: int) -> list[Append]:
        return []


class Step(Node):
    """A node over one input; what it makes of one append is `take`."""

    def __init__(self, below: Node) -> None:
        self.below = below

    def push(self, leaf: int, append: Append, now: int) -> list[Append]:
        return self._all(self.below.push(leaf, append, now), now)

    def wait(self, now: int) -> list[Append]:
        return self._all(self.below.wait(now), now) + self.due(now)

    def hold(self) -> None:
        self.below.hold()

    def release(self, now: int) -> list[Append]:
        return self._all(self.below.release(now), now) + self.released(now)

    def released(self, now: int) -> list[Append]:
        """What comes out because the past is read."""
        return []

    def _all(self, appends: list[Append], now: int) -> list[Append]:
        return [made for append in appends for made in self.take(append, now) if made]

    def take(self, append: Append, now: int) -> list[Append]:
        """What comes out for an append."""
        raise NotImplementedError

    def due(self, now: int) -> list[Append]:
        """What comes out because time has passed."""
        return []


class Filter(Step):
    """WHERE, HAVING."""

    def __init__(self, below: Node, condition: Expr) -> None:
        super().__init__(below)
        self.condition = condition

    def take(self, append: Append, now: int) -> list[Append]:
        return [[one for one in append if self.condition.of(one[0])]]


class Project(Step):
    """The select list of a query without aggregates; weights pass."""

    def __init__(self, below: Node, items: list[tuple[str, Expr]]) -> None:
        super().__init__(below)
        self.items = items

    def take(self, append: Append, now: int) -> list[Append]:
        return [
            [
                ({n: e.of({**row, "_tp_delta": weight}) for n, e in self.items}, weight)
                for row, weight in append
            ]
        ]


class Union(Node):
    """UNION ALL: what comes from either side."""

    def __init__(self, sides: list[Node]) -> None:
        self.sides = sides

    def push(self, leaf: int, append: Append, now: int) -> list[Append]:
        return [made for side in self.sides for made in side.push(leaf, append, now)]

    def wait(self, now: int) -> list[Append]:
        return [made for side in self.sides for made in side.wait(now)]

    def hold(self) -> None:
        for side in self.sides:
            side.hold()

    def release(self, now: int) -> list[Append]:
        return [made for side in self.sides for made in side.release(now)]


class Ordered(Step):
    """ORDER BY: sorts each emission."""

    def __init__(self, below: Node, name: str, *, down: bool) -> None:
        super().__init__(below)
        self.name, self.down = name, down

    def take(self, append: Append, now: int) -> list[Append]:
        name, down = self.name, self.down
        return [sorted(append, key=lambda one: one[0][name], reverse=down)]  # type: ignore


class Limit(Step):
    """LIMIT [offset,] n: counts rows over all emissions."""

    def __init__(self, below: Node, count: int, offset: int = 0) -> None:
        super().__init__(below)
        self.skip, self.left = offset, count

    def take(self, append: Append, now: int) -> list[Append]:
        skipped = append[self.skip :]
        self.skip -= len(append) - len(skipped)
        taken = skipped[: self.left]
        self.left -= len(taken)
        return [taken]


class LimitBy(Step):
    """LIMIT n BY k: the first n rows of each key, of an emission or (`whole`) of the query."""

    def __init__(self, below: Node, count: int, keys: list[str], *, whole: bool) -> None:
        super().__init__(below)
        self.count, self.keys, self.whole = count, keys, whole
        self.seen: dict[tuple[object, ...], int] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        if not self.whole:
            self.seen = {}
        passed: Append = []
        for row, weight in append:
            key = tuple(row[name] for name in self.keys)
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] <= self.count:
                passed.append((row, weight))
        return [passed]


class Distinct(Step):
    """SELECT DISTINCT: each different row once, at once or at ticks."""

    def __init__(self, below: Node, started: int, interval: int = 0) -> None:
        super().__init__(below)
        self.started, self.interval = started, interval
        self.seen: set[tuple[object, ...]] = set()
        self.held: Append = []

    def take(self, append: Append, now: int) -> list[Append]:
        fresh: Append = []
        for row, weight in append:
            if (key := tuple(row.values())) not in self.seen:
                self.seen.add(key)
                fresh.append((row, weight))
        if not self.interval:
            return [fresh]
        self.held += fresh
        return []

    def due(self, now: int) -> list[Append]:
        if not self.interval or (now - self.started) % self.interval or not self.held:
            return []
        held, self.held = self.held, []
        return [held]
