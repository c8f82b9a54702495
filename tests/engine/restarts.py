"""Queries that lose their memory between steps: state through a checkpoint into a new graph."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Generator
from unittest import mock

import pyarrow as pa

import engine.lives
from engine.checkpoint import StateDelta, decode, encode
from engine.errors import Code, QueryFailed
from engine.graph import Graph
from engine.operators.operator import Context
from engine.physical import Built, Chain, SchemaOf, build
from engine.running import Running
from engine.sql.logical import StreamingQuery

# What happens after a step: nothing, a checkpoint, or a checkpoint and a new graph.
GO_ON, SAVE, RESTART = "go on", "save", "restart"
Choose = Callable[[], str]


class _Kept:
    """How to make a query's graph again, and the checkpoints of its state."""

    def __init__(self, remake: Callable[[], Graph]) -> None:
        self.remake = remake
        self.saved: list[list[bytes]] = []

    def save(self, graph: Graph) -> None:
        found = graph.changes(full=not self.saved)
        if not self.saved:
            self.saved = [[] for _ in found]
        for deltas, delta in zip(self.saved, found, strict=True):
            if delta is not None:
                deltas.append(encode(delta))

    def restored(self) -> Graph:
        graph = self.remake()
        operators: list[list[StateDelta]] = [[decode(d) for d in each] for each in self.saved]
        graph.restore(operators)
        return graph


@contextlib.contextmanager
def restarts(choose: Choose) -> Generator[dict[str, int]]:
    """Within this, flows ask `choose` after every step of a query; gives what was done."""
    kept: dict[int, _Kept] = {}
    done = {GO_ON: 0, SAVE: 0, RESTART: 0}

    def building(
        plan: StreamingQuery,
        context: Context,
        schema_of: SchemaOf,
        timer: Callable[[], float],
        *,
        borders: bool = False,
    ) -> Built:
        schemas: list[pa.Schema] = []

        def noted(chain: Chain) -> pa.Schema:
            schemas.append(schema_of(chain))
            return schemas[-1]

        made = build(plan, context, noted, timer, borders=borders)

        def remake() -> Graph:
            known = iter(schemas)
            return build(plan, context, lambda _: next(known), timer, borders=borders).graph

        kept[id(made.graph)] = _Kept(remake)
        return made

    after = Running.after

    def then(self: Running, instant_ms: int) -> None:
        after(self, instant_ms)
        what = choose()
        done[what] += 1
        if what == GO_ON or self.over:
            return
        known = kept[id(self.graph)]
        try:
            known.save(self.graph)
        except QueryFailed as error:  # a user's aggregate that cannot give its state
            assert error.code == Code.NOT_IMPLEMENTED
            return
        if what == RESTART:
            old, self.graph = self.graph, known.restored()
            assert self.graph.due_ms() == old.due_ms()
            assert self.graph.late_rows() == old.late_rows()
            kept[id(self.graph)] = kept.pop(id(old))
            old.close()

    with (
        mock.patch.object(engine.lives, "build", building),
        mock.patch.object(Running, "after", then),
    ):
        yield done


def every(what: str) -> Choose:
    """The same after every step."""
    return lambda: what


def drawn(seed: int) -> Choose:
    """What chance says."""
    values = random.Random(seed)
    return lambda: values.choice((GO_ON, SAVE, RESTART))
