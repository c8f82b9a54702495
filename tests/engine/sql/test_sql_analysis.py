"""What sqlanalyze reports."""

from __future__ import annotations

from sql_support import readings


def test_a_streaming_aggregation() -> None:
    world = readings()
    report = world.plan(
        "select id, count() as c from tumble(readings, 5s) where n > 1 group by id, window_start"
    ).analysis
    assert (report.query_type, report.is_streaming, report.has_aggr) == ("SELECT", True, True)
    assert report.group_by_columns == ("id", "window_start")
    assert {c.column for c in report.required_columns} == {"id", "n", "_tp_time"}
    assert {c.table for c in report.required_columns} == {"readings"}
    assert [(c.column, c.column_type) for c in report.result_columns] == [
        ("id", "string"),
        ("c", "uint64"),
    ]
    assert report.rewritten_query.startswith("select id, count() as c from tumble(readings, 5s)")


def test_flags() -> None:
    world = readings()
    union = world.plan("select n from table(readings) union all select n from table(readings)")
    assert union.analysis.has_union
    assert not union.analysis.is_streaming
    joined = world.plan("select a.n from table(readings) a join table(readings) b on a.n = b.n")
    assert joined.analysis.has_table_join
    assert world.plan("select x from (select 1 as x)").analysis.has_subquery


def test_every_statement_is_analyzed() -> None:
    world = readings()
    words = {
        "create stream x(a int)": "CREATE",
        "create view x as select 1": "CREATE",
        "drop stream readings": "DROP",
        "insert into readings(n) values (1)": "INSERT",
        "show streams": "SHOW",
        "describe readings": "DESCRIBE",
        "explain select 1": "EXPLAIN",
        "kill query where query_id='x'": "KILL",
    }
    for sql, word in words.items():
        planned = world.plan(sql)
        assert planned.analysis.query_type == word
        assert planned.analysis.original_query == sql
