"""The compacted rows of keyed streams: DuckDB SQL against the rule in plain Python."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.sql.keyed import compacted, key_names
from engine.sql.plan_parts import Keyed

Row = tuple[int, int, int]  # key, version or weight, arrival


def left(keyed: Keyed, rows: list[Row], column: str) -> list[tuple[int, ...]]:
    """What the SQL leaves of rows (id, column, n)."""
    values = ", ".join(f"({a}, {b}::TINYINT, {n})" for a, b, n in rows)
    table = f"(VALUES {values}) AS t(id, {column}, n)"
    sql = f"SELECT id, {column}, n FROM ({compacted(keyed, table)})"
    found = duckdb.connect().execute(sql).fetchall()
    return [tuple(row) for row in found]


pairs = st.lists(st.tuples(st.integers(1, 3), st.integers(-2, 2)), min_size=1, max_size=14)


@given(pairs)
def test_the_largest_version_is_left_and_of_equal_ones_the_later(given_rows: list[tuple[int, int]]):
    rows = [(key, version, n) for n, (key, version) in enumerate(given_rows)]
    best: dict[int, Row] = {}
    for row in rows:
        if row[0] not in best or row[1] >= best[row[0]][1]:
            best[row[0]] = row
    wanted = sorted(best.values(), key=lambda row: row[2])
    assert left(Keyed("versioned_kv", ("id",), "rev"), rows, "rev") == wanted


@given(pairs)
def test_a_row_taken_back_takes_the_last_that_is_left_of_its_key(
    given_rows: list[tuple[int, int]],
):
    rows = [(key, weight, n) for n, (key, weight) in enumerate(given_rows)]
    stacks: dict[int, list[int]] = {}
    owed: dict[int, int] = {}
    for key, weight, n in rows:
        stack = stacks.setdefault(key, [])
        for _ in range(abs(weight)):
            if weight > 0 and owed.get(key, 0):
                owed[key] -= 1
            elif weight > 0:
                stack.append(n)
            elif stack:
                stack.pop()
            else:
                owed[key] = owed.get(key, 0) + 1
    wanted = [(key, stacks[key].count(n), n) for key, _, n in rows if stacks[key].count(n)]
    assert left(Keyed("changelog_kv", ("id",)), rows, "_tp_delta") == wanted


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("(a)", ("a",)), ("a, b", ("a", "b")), ("(a, `b c`)", ("a", "b c")), ("", ())],
)
def test_primary_keys_as_they_are_written(text: str, names: tuple[str, ...]) -> None:
    assert key_names(text) == names


def test_a_primary_key_is_made_of_columns() -> None:
    with pytest.raises(SqlError) as found:
        key_names("a + 1")
    assert found.value.code == 36
