"""Queries with joins: rows enter in the order of the log, whatever is run together."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.pipeline import Pipelines

QUERIES = (
    "select a.i, a.v, b.v from l as a join r as b on a.i = b.i",
    "select a.i, a.v, b.v from l as a left join r as b on a.i = b.i",
    "select a.i, a.v, b.v from l as a left latest join r as b on a.i = b.i",
    "select a.v, b.v from r as a join r as b on a.i = b.i",
    "select a.v, b.v, c.v from l as a left join r as b on a.i = b.i left join r as c on a.i = c.i",
    "select a.v, b.v from (select * from l union all select * from r) as a join r as b using (i)",
    "select i, v from (select i, v from r union all select -i, v from r)",
    "select group_array(v) from (select v from r union all select v from r) emit on update",
)
APPENDS = st.lists(
    st.tuples(
        st.sampled_from(["l", "r"]),
        st.lists(st.tuples(st.integers(1, 2), st.integers(0, 99)), min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=8,
)


def result(sql: str, appends: list[tuple[str, list[Any], bool]], *, together: bool) -> list[Any]:
    pipelines = Pipelines()
    for name in ("l", "r"):
        pipelines.stream(name, "i int32, v int32")
    output = pipelines.query(sql)
    for name, rows, rest in appends:
        pipelines.storage.append(f"id_{name}", pipelines.rows(name, rows))
        if rest or not together:
            pipelines.virtual.settle()
    pipelines.virtual.settle()
    found = output.all()
    assert output.error is None
    pipelines.close()
    return found


@given(sql=st.sampled_from(QUERIES), appends=APPENDS)
@settings(max_examples=settings.default.max_examples // 2, deadline=None)
def test_what_is_run_together_changes_nothing(sql: str, appends: list[Any]) -> None:
    assert result(sql, appends, together=True) == result(sql, appends, together=False)


def test_a_past_is_read_from_the_right_side_first() -> None:
    pipelines = Pipelines()
    for name in ("l", "r"):
        pipelines.stream(name, "i int32, v int32")
    pipelines.insert("l", [(1, 10)])
    pipelines.insert("r", [(1, 20)])
    output = pipelines.query(
        "select a.v, b.v from l as a latest join r as b on a.i = b.i settings seek_to = 'earliest'"
    )
    assert output.all() == [(10, 20)]
    pipelines.close()
