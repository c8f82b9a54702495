"""Window aggregates that a plan has more than once and that are run once, and where sources stand.

A CTE that is read twice has them in two places; sources and places are given in the order in which
rows enter them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from engine.sql.logical import Aggregate, Join, Node, Scan, inputs_of


@dataclass(frozen=True, slots=True)
class Unit:
    """Where rows come from: a source, or a repeated aggregate over one.

    `leaf`: the number of the source, in the order of FROM, a repeated one once. `occurrence`: which
    of the places of the aggregate this is, in the same order.
    """

    source: Node
    leaf: int
    shared: Aggregate | None = None
    occurrence: int = 0


def repeated(root: Node) -> frozenset[Aggregate]:
    """The aggregates that are run once for all their places.

    Such a one has no timer and a single stream below it, and no other source enters between its
    places (`units`): so each place gets the rows that one of its own would give, at the same point.
    """
    counts = Counter(n for n in _nodes(root) if isinstance(n, Aggregate) and _fits(n))
    several = frozenset(node for node, count in counts.items() if count > 1)
    if not several:
        return several
    runs = [shared for shared, _ in groupby(unit.shared for unit in _units(root, several))]
    return frozenset(n for n in several if runs.count(n) == 1)


def units(root: Node) -> list[Unit]:
    """All places of sources as rows enter them: from the last join of FROM to the first."""
    return _units(root, repeated(root))


def leaves_of(root: Node) -> list[Node]:
    """The sources of a plan in the order of FROM, those below a repeated aggregate once."""
    found = {unit.leaf: unit.source for unit in units(root)}
    return [found[leaf] for leaf in sorted(found)]


def scans(root: Node) -> list[Scan]:
    """The stored streams among them."""
    return [leaf for leaf in leaves_of(root) if isinstance(leaf, Scan)]


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for each in inputs_of(node):
        yield from _nodes(each)


def _fits(node: Aggregate) -> bool:
    if node.window is None or node.emit.when != "close":
        return False
    if node.emit.timeout_ms or node.window.processing_time:
        return False
    sources = [each for each in _nodes(node) if not inputs_of(each)]
    timers = any(isinstance(each, Aggregate) and not _fits(each) for each in _nodes(node.input))
    return len(sources) == 1 and isinstance(sources[0], Scan) and not timers


def _units(root: Node, several: frozenset[Aggregate]) -> list[Unit]:
    leaves = 0
    first: dict[Aggregate, int] = {}
    seen: Counter[Aggregate] = Counter()

    def walk(node: Node) -> list[Unit]:
        nonlocal leaves
        if isinstance(node, Aggregate) and node in several:
            if node not in first:
                first[node] = leaves
                leaves += 1
            source = next(each for each in _nodes(node) if not inputs_of(each))
            seen[node] += 1
            return [Unit(source, first[node], node, seen[node] - 1)]
        below = inputs_of(node)
        if not below:
            leaves += 1
            return [Unit(node, leaves - 1)]
        found = [walk(each) for each in below]
        if isinstance(node, Join):
            found.reverse()
        return [unit for each in found for unit in each]

    return walk(root)
