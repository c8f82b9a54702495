"""Results of statements as Arrow: the short way gives what DuckDB's public one gives."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from engine import duck

EVERY_TYPE = """
SELECT i, i::TINYINT AS small, i::UBIGINT AS wide, i::HUGEINT AS huge, i / 7 AS ratio,
  (i / 7)::FLOAT AS single, (i / 8)::DECIMAL(18, 4) AS money, i % 3 = 0 AS flag,
  CASE WHEN i % 5 = 0 THEN NULL ELSE 'text ' || i END AS text, encode('b' || i) AS bytes,
  make_timestamp_ms(i) AS at, make_timestamp(i)::TIMESTAMP_S AS second, DATE '2026-01-01' AS day,
  [i, NULL, i + 1] AS list, {'a': i, 'b': 'x'} AS pair, MAP {i: 'v'} AS map,
  uuid '00000000-0000-0000-0000-000000000001' AS id, NULL::INTEGER AS nothing,
  'NaN'::DOUBLE AS nan, INTERVAL 1 DAY AS span
FROM range({count}) t(i)
"""


@pytest.fixture
def session() -> Iterator[duck.Session]:
    """A session whose statements under `limited` may take a fifth of a second."""
    made = duck.Session(seconds_max=0.2)
    yield made
    made.close()


@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_every_type_is_the_same_on_both_ways(
    count: int, session: duck.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = EVERY_TYPE.replace("{count}", str(count))
    short = session.query(sql)
    monkeypatch.setattr(duck, "_submit", None)
    public = session.query(sql)
    assert short.schema == public.schema
    assert short.num_rows == count
    assert repr(short.to_pylist()) == repr(public.to_pylist())  # NaN is not equal to itself


def test_a_large_result_is_whole_and_in_order(session: duck.Session) -> None:
    found = session.query("SELECT range AS i FROM range(300_000)")
    assert found.column("i").to_pylist() == list(range(300_000))


def test_a_step_sees_only_the_rows_of_its_run(session: duck.Session) -> None:
    schema = pa.schema([("x", pa.int64())])
    step = session.prepare({"src": schema}, lambda t: f"SELECT sum(x) AS s FROM {t['src']}")
    runs = [pa.record_batch([pa.array(x)], schema=schema) for x in ([1, 2], [5], [])]
    assert [step.run(src=rows).to_pydict() for rows in runs] == [
        {"s": [3]},
        {"s": [5]},
        {"s": [None]},
    ]
    step.close()


def test_a_failing_statement_raises_and_the_next_one_runs(session: duck.Session) -> None:
    with pytest.raises(duck.Error, match="no number"):
        session.query("SELECT CAST('no number' AS INTEGER)")
    assert session.query("SELECT 1 AS one").to_pydict() == {"one": [1]}


def test_a_long_statement_is_interrupted(session: duck.Session) -> None:
    began = time.monotonic()
    with session.limited(), pytest.raises(duck.InterruptException):
        session.query("SELECT count(*) FROM range(100_000_000_000) t(i) WHERE i % 7 = 3")
    assert time.monotonic() - began < 20
