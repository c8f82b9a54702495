"""Joins of streams equal nested loops over lists, whatever the grouping, also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Batch
from engine.checkpoint import decode, encode
from engine.duck import Session
from engine.errors import QueryFailed
from engine.operators.join import make_join
from engine.operators.operator import Context, Operator, Start
from engine.sql.logical import Join, Scan
from engine.sql.plan_parts import AsofRule, Column, LagRule, RangeRule, Side
from engine.types import INT8, INT64, STRING, DataType, arrow_field
from tests.examples import examples

DATETIME = DataType("datetime")
Row = tuple[Any, ...]
Append = list[tuple[Row, int]]  # rows with weights
Result = list[list[Row]]  # by append

LEFT = (Column("lk", INT64), Column("lv", STRING), Column("lt", DATETIME))
RIGHT = (Column("rk", INT64), Column("rv", STRING), Column("rt", DATETIME))
DELTA = Column("_tp_delta", INT8)
NULLS = (None, None, None)


def node(kind: str, *, weighted: tuple[bool, bool] = (False, False), **given: Any) -> Join:
    schemas = [
        (*columns, DELTA) if each else columns
        for columns, each in zip((LEFT, RIGHT), weighted, strict=True)
    ]
    left, right = (Scan(schema, "s", "s") for schema in schemas)
    schema = (*LEFT, *RIGHT, DELTA) if weighted[0] else (*LEFT, *RIGHT)
    sides = (Side(("lk",), weighted[0]), Side(("rk",), weighted[1]))
    strictness = given.pop("strictness", "all")
    return Join(left, right, kind, strictness, sides, schema, **given)  # pyright: ignore


def arrow(columns: tuple[Column, ...]) -> pa.Schema:
    return pa.schema([arrow_field(c.name, c.type) for c in columns])


class Runner:
    """An operator that is fed appends in groups and now and then put away and taken up again."""

    def __init__(self, session: Session, plan: Join) -> None:
        self._context = Context(session, Start(0, 1))
        self._plan = plan
        self._schemas = [arrow(plan.left.schema), arrow(plan.right.schema)]
        self.operator = self._made()
        self._saved: list[bytes] = []

    def _made(self) -> Operator:
        return make_join(self._context, self._plan, self._schemas)

    def push(self, port: int, appends: list[Append]) -> Result:
        schema = self._schemas[port]
        weighted = "_tp_delta" in schema.names
        rows = [(*row, w) if weighted else row for append in appends for row, w in append]
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        borders = np.cumsum([0, *(len(append) for append in appends)])
        made = self.operator.push(port, Batch(batch, 0, borders))
        return [part for out in made for part in _appends(out)]

    def save(self, *, full: bool) -> None:
        delta = self.operator.changes(full=full)  # pyright: ignore[reportAttributeAccessIssue]
        if delta is not None:
            self._saved.append(encode(delta))

    def restart(self) -> None:
        self.save(full=False)
        self.operator.close()
        self.operator = self._made()
        deltas = [decode(data) for data in self._saved]
        self.operator.restore(deltas)  # pyright: ignore[reportAttributeAccessIssue]


def _appends(batch: Batch) -> Iterator[list[Row]]:
    rows = [tuple(row.values()) for row in batch.rows.to_pylist()]
    for begin, end in zip(batch.borders[:-1].tolist(), batch.borders[1:].tolist(), strict=True):
        yield rows[begin:end]


# -- what they should give ------------------------------------------------------------------------


@dataclass
class Reference:
    """Nested loops over lists of (row, weight)."""

    left_join: bool
    weighted: bool = False
    bidirectional: bool = True
    sides: tuple[dict[Row, int], dict[Row, int]] = field(default_factory=lambda: ({}, {}))
    numbers: list[int] = field(default_factory=lambda: [0, 0])

    def push(self, port: int, append: Append) -> list[Row]:
        out = self._left(append) if port == 0 else self._right(append)
        for row, weight in append:
            side = self.sides[port]
            if row[0] is None:
                continue
            stored = row if self.weighted or not self.bidirectional else self._unique(port, row)
            side[stored] = side.get(stored, 0) + weight
            if not side[stored]:
                del side[stored]
        return out

    def _unique(self, port: int, row: Row) -> Row:
        self.numbers[port] += 1
        return (*row, self.numbers[port])

    def _left(self, append: Append) -> list[Row]:
        out: list[Row] = []
        for row, weight in append:
            found = [(r, w) for r, w in self.sides[1].items() if r[0] == row[0] is not None]
            for right, times in found:
                out += self._rows(row, right, weight * times)
            if self.left_join and sum(w for _, w in found) <= 0:
                out += self._rows(row, NULLS, weight)
        return out

    def _right(self, append: Append) -> list[Row]:
        out: list[Row] = []
        if not self.bidirectional:
            return out
        for left, held in self.sides[0].items():
            before = sum(w for r, w in self.sides[1].items() if r[0] == left[0])
            after = before + sum(w for r, w in append if r[0] == left[0])
            corrects = self.left_join and self.weighted
            if corrects and before <= 0 < after:
                out += self._rows(left, NULLS, -held)
            for right, weight in append:
                if right[0] == left[0]:
                    out += self._rows(left, right, weight * held)
            if corrects and after <= 0 < before:
                out += self._rows(left, NULLS, held)
        return out

    def _rows(self, left: Row, right: Row, weight: int) -> list[Row]:
        row = (*left[:3], *right[:3])
        if not self.weighted:
            return [row] * weight if self.bidirectional else [row] * max(weight, 0)
        return [(*row, 1 if weight > 0 else -1)] * abs(weight)


@dataclass
class Versions:
    """ASOF and LATEST: lists per key."""

    left_join: bool
    op: str
    keep: int
    held: dict[Any, list[Row]] = field(default_factory=dict)

    def push(self, port: int, append: Append) -> list[Row]:
        out: list[Row] = []
        for row, _ in append:
            if port == 1:
                self._keep(row)
                continue
            found = [r for r in self.held.get(row[0], []) if self._fits(row, r)]
            if found:
                best = found[-1]
                if self.op in ("<", "<="):
                    best = [r for r in found if r[2] == found[0][2]][-1]
                out.append((*row, *best))
            elif self.left_join:
                out.append((*row, *NULLS))
        return out

    def _keep(self, row: Row) -> None:
        if row[0] is None or (self.op and row[2] is None):
            return
        rows = self.held.setdefault(row[0], [])
        rows.append(row)
        if self.op:
            rows.sort(key=lambda r: r[2])
        del rows[: -self.keep]

    def _fits(self, left: Row, right: Row) -> bool:
        if not self.op:
            return True
        a, b = left[2], right[2]
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[self.op]


@dataclass
class Ranges:
    """A range join: lists, with what is behind in buckets taken out after each append."""

    left_join: bool
    low: int
    high: int
    sides: tuple[list[Row], list[Row]] = field(default_factory=lambda: ([], []))
    newest: list[int] = field(default_factory=lambda: [-(10**12), -(10**12)])

    @property
    def size(self) -> int:
        return (self.high - self.low + 1) // 2

    def push(self, port: int, append: Append) -> list[Row]:
        mark = min(self.newest)
        rows = [r for r, _ in append if self._bucket(r) + self.size >= mark]
        other = self.sides[1 - port]
        out: list[Row] = []
        if port == 0:
            for row in rows:
                found = [(*row, *r) for r in other if self._meet(row, r)]
                out += found or ([(*row, *NULLS)] if self.left_join else [])
        else:
            out = [(*left, *row) for left in other for row in rows if self._meet(left, row)]
        self.sides[port].extend(r for r in rows if r[0] is not None)
        self.newest[port] = max([self.newest[port], *(self._bucket(r) for r, _ in append)])
        mark = min(self.newest)
        for side in self.sides:
            side[:] = [r for r in side if self._bucket(r) > mark - self.size]
        return out

    def _bucket(self, row: Row) -> int:
        return row[2] // self.size * self.size

    def _meet(self, left: Row, right: Row) -> bool:
        near = self.low <= left[2] - right[2] <= self.high
        return near and left[0] == right[0] is not None


# -- random appends -------------------------------------------------------------------------------

KEYS = st.one_of(st.none(), st.integers(1, 3))
ROWS = st.tuples(
    KEYS, st.sampled_from(["", "a", "a text of more than sixteen"]), st.integers(0, 40)
)
ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(st.lists(st.tuples(ROWS, st.booleans()), max_size=3), min_size=1, max_size=3),
        st.sampled_from(["", "", "save", "restart"]),
    ),
    max_size=12,
)


def valid(append: list[tuple[Row, bool]], held: dict[Row, int], *, weighted: bool) -> Append:
    """The rows with weights; only rows that are there are taken back."""
    made: Append = []
    for row, take in append:
        weight = -1 if weighted and take and held.get(row, 0) > 0 else 1
        held[row] = held.get(row, 0) + weight
        made.append((row, weight))
    return made


def compare(
    session: Session, plan: Join, reference: Any, actions: list[Any], weights: tuple[bool, bool]
) -> None:
    runner = Runner(session, plan)
    held: tuple[dict[Row, int], dict[Row, int]] = ({}, {})
    for port, appends, then in actions:
        given_rows = [valid(a, held[port], weighted=weights[port]) for a in appends]
        wanted = [reference.push(port, append) for append in given_rows]
        found = [[_plain(row) for row in rows] for rows in runner.push(port, given_rows)]
        if port == 1 and not found:
            found = [[] for _ in wanted]
        assert found == wanted
        if then == "save":
            runner.save(full=False)
        if then == "restart":
            runner.restart()
    runner.operator.close()


def _plain(row: Row) -> Row:
    """Times as seconds."""
    return tuple(int(v.timestamp()) if hasattr(v, "timestamp") else v for v in map(_utc, row))


def _utc(value: Any) -> Any:
    import datetime as dt

    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = Session()
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["inner", "left"])
@given(actions=ACTIONS)
@settings(max_examples=examples(30), deadline=None)
def test_append_with_append(session: Session, kind: str, actions: list[Any]) -> None:
    compare(session, node(kind), Reference(kind == "left"), actions, (False, False))


@pytest.mark.parametrize("kind", ["inner", "left"])
@given(actions=ACTIONS)
@settings(max_examples=examples(30), deadline=None)
def test_changelog_with_changelog(session: Session, kind: str, actions: list[Any]) -> None:
    plan = node(kind, weighted=(True, True))
    compare(session, plan, Reference(kind == "left", weighted=True), actions, (True, True))


@pytest.mark.parametrize("kind", ["inner", "left"])
@given(actions=ACTIONS)
@settings(max_examples=examples(30), deadline=None)
def test_enrichment(session: Session, kind: str, actions: list[Any]) -> None:
    plan = node(kind, weighted=(False, True), bidirectional=False)
    reference = Reference(kind == "left", bidirectional=False)
    compare(session, plan, reference, actions, (False, True))


@pytest.mark.parametrize("kind", ["inner", "left"])
@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@given(actions=ACTIONS, keep=st.integers(1, 3))
@settings(max_examples=examples(15), deadline=None)
def test_asof(session: Session, kind: str, op: Any, actions: list[Any], keep: int) -> None:
    rule = AsofRule("lt", op, "rt", keep)
    plan = node(kind, strictness="asof", asof=rule, bidirectional=False)
    compare(session, plan, Versions(kind == "left", op, keep), actions, (False, False))


@pytest.mark.parametrize("kind", ["inner", "left"])
@given(actions=ACTIONS)
@settings(max_examples=examples(20), deadline=None)
def test_latest(session: Session, kind: str, actions: list[Any]) -> None:
    plan = node(kind, strictness="latest", bidirectional=False)
    compare(session, plan, Versions(kind == "left", "", 1), actions, (False, False))


@pytest.mark.parametrize("kind", ["inner", "left"])
@pytest.mark.parametrize("bounds", [(-5, 5), (0, 7), (-6, 0)])
@given(actions=ACTIONS)
@settings(max_examples=examples(15), deadline=None)
def test_range(session: Session, kind: str, bounds: tuple[int, int], actions: list[Any]) -> None:
    rule = RangeRule("lt", "rt", bounds[0] * 1000, bounds[1] * 1000)
    plan = node(kind, range=rule)
    compare(session, plan, Ranges(kind == "left", *bounds), actions, (False, False))


def test_too_many_buffered_bytes_end_the_query(session: Session) -> None:
    plan = replace(node("inner"), buffered_bytes_max=20_000)
    runner = Runner(session, plan)
    big: Append = [((i, "x" * 30, 0), 1) for i in range(5_000)]
    with pytest.raises(QueryFailed) as raised:
        runner.push(0, [big])
    assert raised.value.code == 191
    assert "join_max_buffered_bytes" in raised.value.message


def test_a_batch_that_joins_too_many_rows_ends_the_query(session: Session) -> None:
    runner = Runner(session, node("inner"))
    same: Append = [((1, "x", 0), 1) for _ in range(4_000)]
    runner.push(0, [same])
    with pytest.raises(QueryFailed) as raised:
        runner.push(1, [same])
    assert raised.value.code == 241


# -- lag_behind -----------------------------------------------------------------------------------


@dataclass
class Aligned:
    """LATEST with a lag: rows of both sides in order of time, left ones when the right is there."""

    left_join: bool
    lag: int
    waiting: tuple[list[Row], list[Row]] = field(default_factory=lambda: ([], []))
    last: dict[Any, Row] = field(default_factory=dict)
    newest: int = -(10**12)

    def push(self, port: int, append: Append) -> list[Row]:
        rows = [row for row, _ in append]
        self.waiting[port].extend(rows)
        self.waiting[port].sort(key=lambda row: row[2])
        if port == 1:
            self.newest = max([self.newest, *(row[2] for row in rows)])
        out: list[Row] = []
        while self.waiting[0] and self.waiting[0][0][2] <= self.newest + self.lag:
            row = self.waiting[0].pop(0)
            while self.waiting[1] and self.waiting[1][0][2] <= row[2]:
                right = self.waiting[1].pop(0)
                self.last[right[0]] = right
            found = self.last.get(row[0]) if row[0] is not None else None
            if found is not None:
                out.append((*row, *found))
            elif self.left_join:
                out.append((*row, *NULLS))
        return out


@pytest.mark.parametrize("kind", ["inner", "left"])
@given(actions=ACTIONS, lag=st.integers(0, 5))
@settings(max_examples=examples(20), deadline=None)
def test_lag_behind(session: Session, kind: str, actions: list[Any], lag: int) -> None:
    rule = LagRule("lt", "rt", lag * 1000, 1_000_000)
    plan = node(kind, strictness="latest", bidirectional=False, lag=rule)
    compare(session, plan, Aligned(kind == "left", lag), actions, (False, False))


def test_a_quiet_right_side_is_not_waited_for(session: Session) -> None:
    rule = LagRule("lt", "rt", 0, 5_000)
    runner = Runner(session, node("left", strictness="latest", bidirectional=False, lag=rule))
    assert runner.push(0, [[((1, "a", 7), 1)]]) == [[]]
    runner.restart()
    assert runner.operator.due_ms() == 5_000
    assert runner.operator.tick(4_999) == []
    (batch,) = runner.operator.tick(5_000)
    assert [row["lv"] for row in batch.rows.to_pylist()] == ["a"]
    assert runner.operator.due_ms() is None


def test_a_range_join_forgets_what_is_behind(session: Session) -> None:
    runner = Runner(session, node("inner", range=RangeRule("lt", "rt", -5_000, 5_000)))
    held: list[int] = []
    for start in range(0, 3_000, 100):
        rows: Append = [((start + i, "x", start + i), 1) for i in range(100)]
        runner.push(0, [rows])
        runner.push(1, [rows])
        late: Append = [((start + i, "late", start - 50), 1) for i in range(20)]
        runner.push(0, [late])
        held.append(runner.operator.held().rows)
    assert max(held) < 300
    assert runner.operator.held().bytes < 300_000
