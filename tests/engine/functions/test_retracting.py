"""Every aggregate over a changelog gives what it gives over the rows that are left."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pytest

from engine.batch import TP_DELTA, Batch
from engine.checkpoint import decode, encode
from engine.duck import Session
from engine.functions.build import quoted
from engine.functions.retracting import ROWS, retracting
from engine.functions.table import ROW, SEED, BoundAggregate
from engine.operators.aggregate import Aggregate
from engine.operators.operator import Context, Start
from engine.sql.logical import Aggregate as Node
from engine.sql.logical import Scan
from engine.sql.plan_parts import Column, EmitSpec, Named, Partial
from engine.types import INT8, INT64, arrow_type
from tests.engine.functions.evaluator import bind_aggregate
from tests.engine.functions.test_aggregates import (
    ARGS,
    CALLS,
    COLUMNS,
    Row,
    filtered,
    near,
    random_rows,
)

GROUPS = 6
# A sample that leaves values out draws others than the bounded form does.
LEFT_OUT = ("group_array_sample(i, 3)", "group_array_sample(f, 2, 7)")
COMPARED = [call for call in CALLS if call not in LEFT_OUT]
SCHEMA = pa.schema(
    [(n, arrow_type(t)) for n, t in COLUMNS.items()] + [("k", pa.int64()), (TP_DELTA, pa.int8())]
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@lru_cache
def changes(seed: int, *, latest: bool) -> tuple[list[Row], list[Row]]:
    """Rows with weights in order of arrival, and those that are left.

    `latest`: the row taken back is always the last one of its group, so that it does not matter
    which of equal values goes.
    """
    pick = random.Random(seed)
    given: list[Row] = []
    left: list[Row] = []
    for row in random_rows(seed):
        values = (*row[:-2], int(str(row[-2])) % GROUPS)
        given.append((*values, 1))
        left.append(values)
        while left and pick.random() < 0.4:
            at = pick.randrange(len(left))
            if latest:
                at = max(n for n, held in enumerate(left) if held[-1] == left[at][-1])
            given.append((*left.pop(at), -1))
    return given, left


def operator(session: Session, bound: BoundAggregate, where: str) -> Aggregate:
    bound = bound.over_changes
    forms = retracting(bound.partials, where, ordered=not bound.mergeable)
    partials = [
        Partial(
            f"__p{at}",
            form.sql.replace(SEED, "42"),
            template.type,
            template.merge,  # type: ignore[arg-type]
            f"__p{template.by}" if template.by >= 0 else "",
            template.keep,
            form.counted,
            items=template.items,
        )
        for at, (template, form) in enumerate(zip(bound.partials, forms, strict=True))
    ]
    partials.append(Partial("__rows", ROWS, INT64, "add"))
    columns = (*(Column(n, t) for n, t in COLUMNS.items()), Column("k", INT64))
    source = Scan((*columns, Column(TP_DELTA, INT8)), "id", "c")
    key = Named("__k0", '"k"', INT64)
    schema = (Column("__k0", INT64), *(Column(p.name, p.type) for p in partials))
    emit = EmitSpec("tick", "all", interval_ms=1000)
    node = Node(source, (key,), tuple(partials), emit, schema, alive="__rows")
    return Aggregate(Context(session, Start(0, 0)), SCHEMA, node)


def push(made: Aggregate, rows: list[Row]) -> None:
    arrays = [pa.array([r[at] for r in rows], f.type) for at, f in enumerate(SCHEMA)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    made.push(0, Batch(batch, 1, np.array([0, len(rows)])))


def results(session: Session, made: Aggregate, bound: BoundAggregate) -> dict[object, object]:
    bound = bound.over_changes
    (sent,) = made.tick(1000)
    session.register("__state", pa.Table.from_batches([sent.rows]))
    final = bound.final(tuple(quoted(f"__p{at}") for at in range(len(bound.partials))))
    return {
        r["g"]: r["r"]
        for r in session.query(f"SELECT __k0 AS g, {final} AS r FROM __state").to_pylist()
    }


def together(call: str, left: list[Row]) -> list[Row]:
    """Rows that are equal in the columns of a `min_k` or `max_k` follow the first of them: there
    they count as rows that came with it."""
    if not call.startswith(("min_k", "max_k")):
        return left
    names = list(COLUMNS)
    columns = [names.index(n) for n in re.findall(r"[a-z]+", call.partition("(")[2])]
    first: dict[Row, int] = {}
    for at, row in enumerate(left):
        first.setdefault((row[-1], *(row[c] for c in columns)), at)
    return sorted(left, key=lambda row: first[(row[-1], *(row[c] for c in columns))])


def expected(
    session: Session, bound: BoundAggregate, left: list[Row], where: str
) -> dict[object, object]:
    fields = list(SCHEMA)[:-1]
    arrays = [pa.array([r[at] for r in left], f.type) for at, f in enumerate(fields)]
    names = [*(f.name for f in fields), ROW]
    session.register("__left", pa.table([*arrays, pa.array(range(len(left)))], names=names))
    sql = f"SELECT k AS g, {filtered(bound.native, where)} AS r FROM __left GROUP BY k"
    return {r["g"]: r["r"] for r in session.query(sql).to_pylist()}


@pytest.mark.turns(3)
@pytest.mark.parametrize("where", ["", "i > 0"])
@pytest.mark.parametrize("call", COMPARED)
def test_what_is_left(session: Session, call: str, where: str) -> None:
    entry, args = bind_aggregate(call, ARGS)
    bound = entry.bind(args, False)
    latest = not bound.mergeable or call.startswith("arg_")
    given, left = changes(11, latest=latest)
    made = operator(session, bound, where)
    for at in range(0, len(given), 80):
        push(made, given[at : at + 80])
    found = results(session, made, bound)
    wanted = expected(session, bound, together(call, left), where)
    made.close()
    assert found.keys() == wanted.keys()
    for group, value in wanted.items():
        assert near(found[group], value), (group, found[group], value)


@pytest.mark.turns(2)
@pytest.mark.parametrize("call", COMPARED[::4])
def test_saved_and_restored(session: Session, call: str) -> None:
    entry, args = bind_aggregate(call, ARGS)
    bound = entry.bind(args, False)
    latest = not bound.mergeable or call.startswith("arg_")
    given, left = changes(12, latest=latest)
    made = operator(session, bound, "")
    saved = []
    for at in range(0, len(given) // 2, 50):
        push(made, given[at : at + 50])
        if at in (100, 150):
            saved.append(made.changes(full=False))
    done = min(-(-(len(given) // 2) // 50) * 50, len(given))
    saved.append(made.changes(full=False))
    made.close()
    fresh = operator(session, bound, "")
    fresh.restore([decode(encode(delta)) for delta in saved if delta is not None])
    push(fresh, given[done:])
    found, wanted = results(session, fresh, bound), expected(session, bound, left, "")
    fresh.close()
    assert found.keys() == wanted.keys()
    assert all(near(found[group], value) for group, value in wanted.items())


@pytest.mark.parametrize("call", COMPARED)
def test_every_partial_but_sums_says_what_a_row_gives(call: str) -> None:
    entry, args = bind_aggregate(call, ARGS)
    bound = entry.bind(args, False).over_changes
    assert all(bool(p.each) == (p.merge != "add") for p in bound.partials)


def test_everything_taken_back_leaves_nothing(session: Session) -> None:
    entry, args = bind_aggregate("max(f)", ARGS)
    bound = entry.bind(args, False)
    made = operator(session, bound, "")
    rows = [(*r[:-2], int(str(r[-2])) % GROUPS, 1) for r in random_rows(3)]
    push(made, rows)
    push(made, [(*r[:-1], -1) for r in rows])
    assert made.tick(1000) == []
    held = made.held()
    assert held.rows == 0
    made.close()
