"""A running operator graph: pushes batches upwards, passes ends on, runs timers, counts work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.batch import Batch
from engine.checkpoint import StateDelta
from engine.operators.operator import Operator
from engine.operators.tagged import Tagged
from engine.protocol import Pipeline, PipelineNode
from engine.sql.logical import BoundedScan, RandomScan, Scan
from engine.state import StateSize
from engine.stateparts import Fields

# Timers that one instant may run; more means that an operator never uses up its timer.
TICKS_MAX = 1_000


@dataclass(slots=True)
class Node:
    """An operator with its place: `parent` is (node, port), None = the output of the query.

    `more`: further places that get the same rows, each to the end before the next.
    """

    operator: Operator
    parent: tuple[int, int] | None
    inputs: int
    ended: set[int] = field(default_factory=set[int])
    backfilled: set[int] = field(default_factory=set[int])
    finished: bool = False
    bytes: int = 0
    seconds: float = 0.0
    more: tuple[tuple[int, int], ...] = ()

    @property
    def places(self) -> tuple[tuple[int, int] | None, ...]:
        """All that it gives its rows to."""
        return (self.parent, *self.more)


@dataclass(slots=True)
class Leaf:
    """An input of the graph: what is read, and where its rows go."""

    source: Scan | RandomScan | BoundedScan
    parent: tuple[int, int] | None
    name: str
    ended: bool = False
    past_done: bool = False
    rows: int = 0
    bytes: int = 0
    scanned: int = 0  # rows that were read, before its filters
    read_ms: int = 0  # when the newest of them was appended


def _never() -> bool:
    return False


class StateUnfit(Exception):
    """A state that was made by another graph, such as that of another version of the program."""


class Graph:
    """Nodes in an order in which children stand before parents. For the flow thread."""

    def __init__(
        self,
        nodes: Sequence[Node],
        leaves: Sequence[Leaf],
        timer: Callable[[], float],
    ) -> None:
        self.nodes = list(nodes)
        self.leaves = list(leaves)
        self._timer = timer
        self.ended = False
        # Of two queries in one graph: what puts their rows in order, and whether a scan has still
        # to read rows of its stream that another has read.
        self._tagged = next((n.operator for n in nodes if isinstance(n.operator, Tagged)), None)
        self.uneven: Callable[[], bool] = _never
        self._flags = Fields(self, "flags")

    def begin(self, instant_ms: int) -> list[Batch]:
        """Before the first row: operators that want none (LIMIT 0) end what is below."""
        out: list[Batch] = []
        for at, node in enumerate(self.nodes):
            if node.operator.done and not node.finished:
                out += self._finish(at, instant_ms)
        return out + self._settled()

    def push(self, leaf: int, batch: Batch) -> list[Batch]:
        """Rows of a leaf; returns what the query gives out, in order."""
        self.leaves[leaf].rows += batch.num_rows
        out = self._rise(self.leaves[leaf].parent, [batch], batch.instant_ms)
        return out + self._settled()

    def _settled(self) -> list[Batch]:
        """Of two queries: what they gave so far, in order, once both have read alike."""
        return [] if self._tagged is None or self.uneven() else self._tagged.settle()

    @property
    def holds(self) -> bool:
        """Whether rows of one of two queries wait for the other."""
        return self._tagged is not None and self._tagged.held().rows > 0

    def _rise(
        self, to: tuple[int, int] | None, batches: list[Batch], instant_ms: int
    ) -> list[Batch]:
        """Push batches into a place and what comes out further up."""
        if to is None:
            return batches
        at, port = to
        node = self.nodes[at]
        out: list[Batch] = []
        for batch in batches:
            if node.finished:
                break
            began = self._timer()
            made = node.operator.push(port, batch)
            node.seconds += self._timer() - began
            node.bytes += batch.rows.get_total_buffer_size()
            out += self._above(node, made, instant_ms)
            if node.operator.done and not node.finished:
                out += self._finish(at, instant_ms)
        return out

    def _above(self, node: Node, made: list[Batch], instant_ms: int) -> list[Batch]:
        """Push what a node made into its places."""
        if not node.more:
            return self._rise(node.parent, made, instant_ms)
        return [b for to in node.places for b in self._rise(to, made, instant_ms)]

    def _finish(self, at: int, instant_ms: int) -> list[Batch]:
        """The operator wants no more: what is below stops, what is above sees an end."""
        node = self.nodes[at]
        node.finished = True
        self._stop_below(at)
        return self._ended(node, instant_ms)

    def _ended(self, node: Node, instant_ms: int) -> list[Batch]:
        """The places of a node get no more rows."""
        return [b for to in node.places for b in self._end_at(to, instant_ms)]

    def _stop_below(self, at: int) -> None:
        for leaf in self.leaves:
            if leaf.parent is not None and leaf.parent[0] == at:
                leaf.ended = True
        for below, node in enumerate(self.nodes):
            wanted = any(to is None or not self.nodes[to[0]].finished for to in node.places)
            mine = any(to is not None and to[0] == at for to in node.places)
            if mine and not wanted and not node.finished:
                node.finished = True
                self._stop_below(below)

    def end_leaf(self, leaf: int, instant_ms: int) -> list[Batch]:
        """A leaf has no more rows; returns what is due."""
        if self.leaves[leaf].ended:
            return []
        self.leaves[leaf].ended = True
        return self._end_at(self.leaves[leaf].parent, instant_ms) + self._settled()

    def _end_at(self, to: tuple[int, int] | None, instant_ms: int) -> list[Batch]:
        if to is None:
            self.ended = True
            return []
        at, port = to
        node = self.nodes[at]
        if node.finished:
            return []
        node.ended.add(port)
        out = self._above(node, node.operator.end(port, instant_ms), instant_ms)
        if node.operator.done and not node.finished:
            return out + self._finish(at, instant_ms)
        if len(node.ended) == node.inputs and not node.finished:
            node.finished = True
            out += self._ended(node, instant_ms)
        return out

    def backfilled(self, leaf: int, instant_ms: int) -> list[Batch]:
        """The past of a leaf is read; returns what was held."""
        if self.leaves[leaf].past_done:
            return []
        self.leaves[leaf].past_done = True
        out = self._backfilled_at(self.leaves[leaf].parent, instant_ms)
        return out if self.in_past else out + self._settled()

    def _backfilled_at(self, to: tuple[int, int] | None, instant_ms: int) -> list[Batch]:
        if to is None:
            return []
        at, port = to
        node = self.nodes[at]
        if port in node.backfilled:
            return []
        node.backfilled.add(port)
        if len(node.backfilled) < node.inputs or node.finished:
            return []
        out = self._above(node, node.operator.backfilled(port, instant_ms), instant_ms)
        for to in node.places:
            out += self._backfilled_at(to, instant_ms)
        return out

    def due_ms(self) -> int | None:
        """When the next timer is due."""
        due = [d for n in self.nodes if not n.finished and (d := n.operator.due_ms()) is not None]
        return min(due) if due else None

    def tick(self, instant_ms: int) -> list[Batch]:
        """Run the timers up to the instant, oldest first."""
        out: list[Batch] = []
        for _ in range(TICKS_MAX):
            waiting = [
                (due, at)
                for at, node in enumerate(self.nodes)
                if not node.finished and (due := node.operator.due_ms()) is not None
            ]
            if not waiting or min(waiting)[0] > instant_ms:
                break
            at = min(waiting)[1]
            node = self.nodes[at]
            out += self._above(node, node.operator.tick(instant_ms), instant_ms)
        return out + self._settled()

    @property
    def in_past(self) -> bool:
        """Whether a leaf that reads on still reads the past."""
        return any(not leaf.past_done and not leaf.ended for leaf in self.leaves)

    def held(self) -> StateSize:
        """State of all operators."""
        return sum((n.operator.held() for n in self.nodes), StateSize())

    def late_rows(self) -> int:
        """Rows dropped as late."""
        return sum(int(getattr(n.operator, "late_rows", 0)) for n in self.nodes)

    def pipeline(self) -> Pipeline:
        """The graph as the API shows it: leaves first, the output last."""
        first = len(self.leaves)
        output = first + len(self.nodes)
        shown = [
            PipelineNode(at, leaf.name, _status(leaf.ended), leaf.bytes)
            for at, leaf in enumerate(self.leaves)
        ]
        shown += [
            PipelineNode(
                first + at,
                node.operator.name,
                _status(node.finished),
                node.bytes,
                int(node.seconds * 1e9),
            )
            for at, node in enumerate(self.nodes)
        ]
        shown.append(PipelineNode(output, "Output", _status(self.ended)))
        places = [(leaf.parent,) for leaf in self.leaves] + [node.places for node in self.nodes]
        edges = tuple(
            (at, output if to is None else first + to[0])
            for at, each in enumerate(places)
            for to in each
        )
        return Pipeline(tuple(shown), edges)

    # -- checkpoints ------------------------------------------------------------------------

    @property
    def shape(self) -> str:
        """Which operators stand where: a state fits a graph of the same shape alone."""
        places = [f"{leaf.name}>{leaf.parent}" for leaf in self.leaves]
        for n in self.nodes:
            to = f"{n.parent}" + "".join(f",{each}" for each in n.more)
            places.append(f"{n.operator.name}({n.operator.schema.names})>{to}")
        return ";".join(places)

    @property
    def flags(self) -> list[Any]:
        """The shape, and what has ended or is past, as JSON can say it."""
        nodes = [[n.finished, sorted(n.ended), sorted(n.backfilled)] for n in self.nodes]
        leaves = [[leaf.ended, leaf.past_done] for leaf in self.leaves]
        return [self.shape, self.ended, nodes, leaves]

    @flags.setter
    def flags(self, said: list[Any]) -> None:
        """Go on from there."""
        _, self.ended, nodes, leaves = said
        for node, (finished, ended, backfilled) in zip(self.nodes, nodes, strict=True):
            node.finished, node.ended, node.backfilled = finished, set(ended), set(backfilled)
        for leaf, (ended, past_done) in zip(self.leaves, leaves, strict=True):
            leaf.ended, leaf.past_done = ended, past_done

    def changes(self, *, full: bool) -> list[StateDelta | None]:
        """What changed since the last call (all if `full` and on the first), for a checkpoint.

        One entry for each node in order, the last for the graph itself; None = nothing. Called
        between steps, on the flow thread; costs what changed.
        """
        made = [node.operator.changes(full=full) for node in self.nodes]
        return [*made, self._flags.changes(full=full)]

    def restore(self, operators: Sequence[Sequence[StateDelta]]) -> None:
        """Take a state: for each entry of `changes` the base and the changes after it, in order.

        Called once on a new graph in place of `begin`; what the operators sent is not sent again.
        Raises StateUnfit when the state is that of another graph.
        """
        if len(operators) != len(self.nodes) + 1 or not operators[-1]:
            raise StateUnfit("the state has another number of operators than the query")
        if operators[-1][-1].values["flags"][0] != self.shape:
            raise StateUnfit("the state belongs to other operators than those of the query")
        for node, deltas in zip(self.nodes, operators[:-1], strict=True):
            node.operator.restore(deltas)
        self._flags.restore(operators[-1])

    def close(self) -> None:
        """Give back what operators hold."""
        for node in self.nodes:
            node.operator.close()


def _status(ended: bool) -> str:
    return "finished" if ended else "processing"
