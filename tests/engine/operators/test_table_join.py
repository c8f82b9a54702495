"""Look-ups in external tables equal a dictionary with a time to live, also after a restart."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import table_calls as tc
from engine.batch import Batch
from engine.calls import Answer, Request
from engine.checkpoint import decode, encode
from engine.errors import QueryFailed
from engine.operators import table_join
from engine.operators.operator import Context, Start
from engine.operators.table_join import TableJoin
from engine.sql.logical import Enrich, Scan, TableRows
from engine.sql.plan_parts import Column, Named
from engine.types import INT64, STRING, arrow_field
from tests.examples import examples
from tests.sessions import kept_session

TTL_MS = 100
LEFT = (Column("k", INT64), Column("v", STRING))
RIGHT = (Column("id", INT64), Column("name", STRING))
SHOWN = (Column("r0", INT64), Column("r1", STRING))
LAYER = ((Named("r0", '"id"', INT64), Named("r1", 'upper("name")', STRING)), "\"name\" <> 'gone'")
Rows = list[tuple[int, str]]


def arrow(columns: tuple[Column, ...]) -> pa.Schema:
    return pa.schema([arrow_field(c.name, c.type) for c in columns])


class Table:
    """A table elsewhere: `asked` are the keys of each look-up. It compares loosely, as some
    databases do: rows of a neighbouring key come too."""

    def __init__(self) -> None:
        self.rows: Rows = []
        self.asked: list[list[int]] = []
        self.fails = ""

    def ask(self, request: Request) -> Answer:
        """See `engine.calls.ask`."""
        if self.fails:
            return Answer(failure=self.fails, code=2533)
        asked = msgspec.msgpack.decode(request.body, type=tc.TableLookUp)
        with pa.ipc.open_stream(asked.values) as reader:
            keys = reader.read_all().column("id").to_pylist()
        self.asked.append(keys)
        found = [row for row in self.rows if row[0] in keys or row[0] - 1 in keys]
        schema = pa.ipc.read_schema(pa.py_buffer(asked.schema))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            columns = list(zip(*found, strict=True)) or [(), ()]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        return Answer(sink.getvalue().to_pybytes())


class Model:
    """The same in plain Python."""

    def __init__(self, table: Table, ttl_ms: int, *, left_join: bool) -> None:
        self._table, self._ttl_ms, self._left_join = table, ttl_ms, left_join
        self._cache: dict[int, tuple[int, Rows]] = {}

    def push(self, instant_ms: int, rows: list[tuple[int | None, str]]) -> list[Any]:
        joined: list[Any] = []
        for key, value in rows:
            found: Rows = []
            if key is not None:
                known = self._cache.get(key)
                if known is None or known[0] + self._ttl_ms <= instant_ms:
                    current = [r for r in self._table.rows if r[0] == key and r[1] != "gone"]
                    known = self._cache[key] = (instant_ms, current)
                found = known[1]
            joined += [(key, value, k, name.upper()) for k, name in found]
            if not found and self._left_join:
                joined.append((key, value, None, None))
        return joined


class Runner:
    """The operator, which may be put away and taken up again."""

    def __init__(self, table: Table, *, ttl_ms: int = TTL_MS, kind: str = "left") -> None:
        self.session = kept_session()
        source = Scan(LEFT, "s", "s")
        rows = TableRows(RIGHT, "t", "users", "postgresql", (("address", "db"),))
        self._plan = Enrich(
            source, rows, (LAYER,), kind, (("k",), ("r0",)), ("id",), (*LEFT, *SHOWN), ttl_ms
        )  # pyright: ignore
        self._saved: list[bytes] = []
        self.operator = self._made()

    def _made(self) -> TableJoin:
        return TableJoin(Context(self.session, Start(0, 1)), arrow(LEFT), self._plan)

    def push(self, instant_ms: int, rows: list[tuple[int | None, str]]) -> list[Any]:
        columns = list(zip(*rows, strict=True)) or [(), ()]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, arrow(LEFT), strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=arrow(LEFT))
        [made] = self.operator.push(0, Batch(batch, instant_ms, np.array([0, len(rows)])))
        assert list(made.borders) == [0, made.num_rows]
        return [tuple(row.values()) for row in made.rows.to_pylist()]

    def restart(self, *, full: bool) -> None:
        """As a checkpoint and a recovery do."""
        delta = self.operator.changes(full=full or not self._saved)
        if delta is not None:
            self._saved.append(encode(delta))
        self.operator.close()
        self.operator = self._made()
        self.operator.restore([decode(each) for each in self._saved])

    def close(self) -> None:
        self.operator.close()
        self.session.close()


KEYS = st.one_of(st.none(), st.integers(0, 6))
STEPS = st.one_of(
    st.tuples(st.just("row"), st.integers(0, 7), st.sampled_from(["a", "b", "gone"])),
    st.tuples(st.just("push"), st.integers(0, 70), st.lists(KEYS, max_size=6)),
    st.tuples(st.just("restart"), st.booleans(), st.just(0)),
)


@settings(max_examples=examples(60))
@given(st.lists(STEPS, max_size=14), st.sampled_from(["left", "inner"]), st.sampled_from([0, 100]))
def test_it_equals_a_dictionary(steps: list[Any], kind: str, ttl_ms: int) -> None:
    table = Table()
    model = Model(table, ttl_ms, left_join=kind == "left")
    runner = Runner(table, ttl_ms=ttl_ms, kind=kind)
    instant_ms = 1_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_join, "ask", table.ask)
        for step, first, second in steps:
            if step == "row":
                table.rows.append((first, second))
            elif step == "restart":
                runner.restart(full=first)
            else:
                instant_ms += first + (ttl_ms == 0)
                rows = [(key, f"v{at}") for at, key in enumerate(second)]
                assert runner.push(instant_ms, rows) == model.push(instant_ms, rows)
    assert all(len(keys) == len(set(keys)) and None not in keys for keys in table.asked)
    runner.close()


def test_keys_are_asked_for_once_while_they_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    monkeypatch.setattr(table_join, "ask", table.ask)
    table.rows = [(1, "a"), (1, "b"), (3, "of another key")]
    runner = Runner(table)
    assert runner.push(0, [(1, "x"), (2, "y"), (1, "z")]) == [
        (1, "x", 1, "A"),
        (1, "x", 1, "B"),
        (2, "y", None, None),
        (1, "z", 1, "A"),
        (1, "z", 1, "B"),
    ]
    runner.push(TTL_MS - 1, [(1, "x"), (2, "y"), (3, "z")])
    runner.restart(full=False)
    runner.push(TTL_MS, [(3, "z"), (1, "x")])
    assert table.asked == [[1, 2], [3], [1]]
    runner.close()


def test_many_keys_are_asked_for_in_parts_and_the_cache_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table()
    monkeypatch.setattr(table_join, "ask", table.ask)
    monkeypatch.setattr(table_join, "CACHE_KEYS_MAX", 1_500)
    runner = Runner(table)
    runner.push(0, [(key, "x") for key in range(2_100)])
    assert [len(keys) for keys in table.asked] == [1_000, 1_000, 100]
    assert runner.operator.held().rows == 1_100
    runner.push(1, [(0, "x"), (2_050, "x")])
    assert table.asked[-1] == [0], "what was asked for first was let go first"
    runner.close()


def test_a_look_up_that_failed_fails_the_query_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table()
    monkeypatch.setattr(table_join, "ask", table.ask)
    runner = Runner(table)
    table.fails = "External table users: no answer within 60 s."
    with pytest.raises(QueryFailed, match="users"):
        runner.push(0, [(1, "x")])
    runner.close()
