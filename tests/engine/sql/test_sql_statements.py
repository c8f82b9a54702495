"""Parsing: every statement of the dialect, positions of errors, limits, hostile input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sql_support import World, readings

from engine.errors import SqlError, UserError
from engine.protocol import Definition
from engine.sql import statements as st
from engine.sql.format import format_sql
from engine.sql.planner import Planner
from engine.sql.text import Printer, to_text
from tests.examples import examples


def test_create_stream_with_everything() -> None:
    found = st.parse(
        "CREATE STREAM IF NOT EXISTS default.`my s` (`a b` int32 DEFAULT 1 + 2 CODEC(ZSTD(1)), "
        "c string ALIAS to_string(`a b`) COMMENT 'text', d datetime64(3, 'UTC') "
        "MATERIALIZED now64(3), "
        "INDEX i (c) TYPE minmax GRANULARITY 1) PRIMARY KEY (c) ORDER BY c PARTITION BY d "
        "TTL to_datetime(_tp_time) + INTERVAL 7 DAY COMMENT 'all' SETTINGS shards=2, mode='append';"
    )
    assert isinstance(found, st.CreateStream)
    assert (found.name, found.if_not_exists, found.primary_key) == ("my s", True, ("c",))
    assert [c.name for c in found.columns] == ["a b", "c", "d"]
    assert [c.kind for c in found.columns] == ["default", "alias", "materialized"]
    assert found.columns[0].codec == "CODEC(ZSTD(1))"
    assert found.columns[2].type == "datetime64(3, 'UTC')"
    assert found.ttl == "to_datetime(_tp_time) + INTERVAL 7 DAY"
    assert found.settings == {"shards": "2", "mode": "append"}


def test_other_statements() -> None:
    view = st.parse("create or replace view v as (select 1)")
    assert isinstance(view, st.CreateView)
    assert view.or_replace
    random = st.parse("create random stream r(i int default rand()%10) settings eps=5")
    assert isinstance(random, st.CreateStream)
    assert random.kind == "random_stream"
    assert st.parse("drop stream if exists s settings enable_dependency_check=false") == st.Drop(
        "stream", "s", True, True, "drop stream if exists s settings enable_dependency_check=false"
    )
    rename = st.parse("rename stream a to b")
    assert isinstance(rename, st.Rename)
    assert (rename.name, rename.to) == ("a", "b")
    alter = st.parse("alter stream s modify ttl t + 1d, modify setting logstore_retention_ms = -1")
    assert isinstance(alter, st.Alter)
    assert (alter.ttl, alter.settings) == ("t + 1d", {"logstore_retention_ms": "-1"})
    kill = st.parse("kill query where query_id = 'x' sync")
    assert isinstance(kill, st.KillQuery)
    assert kill.query_id == "x"
    assert isinstance(st.parse("use default"), st.Use)
    show = st.parse("show streams from default like 'a%'")
    assert isinstance(show, st.Show)
    assert show.like == "a%"


def test_insert_takes_tuples_without_commas() -> None:
    found = st.parse("insert into s(a, b) values (1, 'x')(2, 'y') (3, concat('a', 'b'))")
    assert isinstance(found, st.Insert)
    assert len(found.values) == 3
    starred = st.parse("insert into s(* except _tp_time) settings idempotent_id='i' values (1)")
    assert isinstance(starred, st.Insert)
    assert (starred.except_, starred.settings) == (("_tp_time",), {"idempotent_id": "i"})


QUERIES = [
    "select `a b`, t.1, x.y.z, raw:a.b[2].`c d` from s",
    "select a::array(tuple(x int32, y string)), cast(b, 'nullable(int8)') from s",
    "select 5s, -2h, interval 1 month, interval n day, 1M + 1m from s",
    "select {'k': [1, 2]}['k'][1], (1, 'a') from s",
    "select array_map((x, y) -> x + y, a, b) from s",
    "select count(), count(*), sum(distinct x), max(x) filter (where y > 1) from s",
    "select sum(x) over (partition by id) from s",
    "select * except (a, b) replace (a + 1 as c), s.*, columns('^t') from s",
    "select case a when 1 then 'x' else 'y' end, case when a > 1 then 2 end from s",
    "select not a in (1, 2) and b not in (select c from table(t)) or d is not null from s",
    "select a between 1 and 2, b not like '%x\\\\_%' from s",
    "with c as (select 1 as x), d as (select x from c) select x from d union all select 2",
    "select a from (select b as a from s where b > 1) as q where a < 5",
    "select a from tumble(s, t, 5s, 'UTC') group by window_end emit after watermark with delay 2s",
    "select a from hop(table(s), 1s, 5s) partition by k group by a having a > 1",
    "select a from session(s, t, 5s, 1m, [a > 1, b < 2)) group by window_start",
    "select a from s as l left asof join table(r) as m on l.k = m.k and l.t >= m.t",
    "select a from s inner latest join r using (k, j) left array join arr as e",
    "select a from s order by a desc nulls first, b limit 2 by k limit 5 offset 1 emit periodic 5s",
    "select a from s limit 4 emit stream on update settings seek_to = 'earliest', max_events = 5",
    "select a from s emit periodic 1s repeat with delay 2s and timeout 3s",
    "select a from s emit changelog periodic 1s",
    "select a from s emit last 1h on proctime and periodic 5s",
    "select 'it\\'s', 'a''b', 0x1F, 1e3, 1_000, true, null",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_printed_queries_parse_to_themselves(sql: str) -> None:
    query = st.parse_query(sql)
    text = to_text(query)
    assert to_text(st.parse_query(text)) == text
    pretty = Printer(pretty=True).text(query)
    assert to_text(st.parse_query(pretty)) == text


def test_format_puts_clauses_on_lines() -> None:
    assert format_sql("select a,b from s where a>1 limit 3 emit periodic 5s") == (
        "SELECT\n  a,\n  b\nFROM s\nWHERE a > 1\nLIMIT 3\nEMIT periodic 5s"
    )
    assert "STREAM IF NOT EXISTS s" in format_sql("create stream if not exists s(a int)")


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("selec 1", "line 1, column 1"),
        ("select from", "line 1, column 8"),
        ("select 1 +", "line 1"),
        ("select a\nfrom s\nwhere", "line 3"),
        ("select (1", "line 1"),
        ("select 'abc", "line 1, column 8"),
        ("select 1 /* abc", "not closed"),
        ("select 1; select 2", "one statement"),
        ("", "empty"),
        (";", "empty"),
        ("select a from s limit x y", "line 1"),
    ],
)
def test_syntax_errors_name_the_place(sql: str, place: str) -> None:
    with pytest.raises(SqlError) as caught:
        st.parse(sql)
    assert caught.value.code == 62
    assert place in caught.value.message


@pytest.mark.parametrize(
    ("sql", "way_out"),
    [
        ("create database d", "default"),
        ("update s set a = 1", "INSERT"),
        ("alter stream s delete where a = 1", "DELETE FROM"),
        ("alter stream s modify column c int", "a column of another type is a new one"),
        ("exchange streams a and b", "RENAME STREAM"),
        ("set x = 1", "SETTINGS"),
        ("begin", "whole or not at all"),
        ("system flush logs", "not supported"),
    ],
)
def test_what_comes_later_is_code_48_and_names_a_way_out(sql: str, way_out: str) -> None:
    with pytest.raises(SqlError) as caught:
        st.parse(sql)
    assert caught.value.code == 48
    assert way_out in caught.value.message


DEEP = [
    "(" * 5000 + "1" + ")" * 5000,
    "not " * 5000 + "1",
    "- " * 5000 + "1",
    "[" * 5000,
    "f(" * 5000 + ")" * 5000,
    "a" + ".b" * 5000,
    "a" + "[1]" * 5000,
    "a" + "::int32" * 5000,
    "case when " * 3000 + "1",
    "(select " * 2000 + "1" + ")" * 2000,
]


@pytest.mark.parametrize("expression", DEEP)
def test_deep_nesting_is_refused(expression: str) -> None:
    with pytest.raises(SqlError) as caught:
        st.parse(f"select {expression}")
    assert caught.value.code == 62


def test_long_flat_expressions_are_fine() -> None:
    world = readings()
    many = " or ".join(f"n = {at}" for at in range(400))
    assert world.run(f"select count() from table(readings) where {many}") == [(5,)]
    assert world.value("select " + " + ".join(["1"] * 50)) == 50
    numbers = ", ".join(str(at) for at in range(3, 4000))
    assert world.run(f"select count() from table(readings) where n in ({numbers})") == [(2,)]


def test_too_long_statements_are_refused() -> None:
    with pytest.raises(SqlError, match="1024 KiB"):
        st.parse("select '" + "a" * (1025 * 1024) + "'")


HOSTILE = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('*')",
    "select * from duckdb_settings()",
    "select * from information_schema.tables",
    "select * from pg_catalog.pg_class",
    "select getenv('HOME')",
    "select current_setting('threads')",
    "select read_text('/etc/passwd')",
    "select read_blob('/etc/passwd') from table(readings)",
    "select getvariable('x')",
    "select nextval('x')",
    "select query('select 1')",
    "select * from query('select 1')",
    "select * from query_table('t0')",
    "select write_log('x')",
    "select json_execute_serialized_sql('x')",
    "select pragma_version()",
    "select sleep(1)",
    "select error('x')",
    "copy readings to '/x'",
    "attach '/x' as y",
    "install httpfs",
    "load httpfs",
    "pragma threads=2",
    "set threads=2",
    "call f()",
    "export database 'x'",
    "checkpoint",
    "create table x(a int)",
    "create macro f() as 1",
    "create secret s (type s3)",
    "update readings set n = 1",
    "prepare p as select 1",
    "explain analyze select 1",
    "select 1 into outfile 'x'",
    "select * from readings tablesample 10%",
    "select * from readings pivot (sum(n) for id in ('a'))",
    "from readings select 1",
    "select * from readings qualify row_number() over () = 1",
    "select * from t0",
    'select * from "t0"',
    "select main.abs(1)",
    "select ?",
    "select $1",
    "select @x",
    "select /*+ hint */ foo(1)",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_sql_is_refused(sql: str) -> None:
    with pytest.raises(UserError) as caught:
        readings().plan(sql)
    assert caught.value.code in (36, 42, 46, 47, 48, 60, 62, 81), caught.value.message


INJECTIONS = [
    "'; select 1; --",
    "\\'); select 1; --",
    '" || (select 1) || "',
    "{filter}",
    "{now_ms}",
    "{seed} {param_0} {lookup_0}",
    "__row",
    "\\\\",
    "a\\nb",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_texts_stay_texts(text: str) -> None:
    world = readings()
    literal = text.replace("'", "\\'") if "\\'" not in text else text
    sql = f"select '{literal}' as x, count_if(id = '{literal}') from table(readings)"
    ((found, count),) = world.run(sql)
    assert count == 0
    assert found.replace("\n", "") != ""


def test_names_cannot_spell_tokens() -> None:
    world = World()
    with pytest.raises(SqlError):
        world.create("create stream s(`{filter}` int32)")
    rows = readings().run(
        "select `{filter}` from (select distinct n as `{filter}` from table(readings)) "
        "order by `{filter}` limit 1"
    )
    assert rows == [(0,)]


WORDS = [
    "select",
    "from",
    "where",
    "group",
    "by",
    "order",
    "limit",
    "emit",
    "(",
    ")",
    ",",
    ".",
    "*",
    "+",
    "-",
    "=",
    "'x'",
    "1",
    "s",
    "id",
    "n",
    "t",
    "readings",
    "table",
    "tumble",
    "hop",
    "5s",
    "as",
    "and",
    "or",
    "not",
    "in",
    "like",
    "case",
    "when",
    "then",
    "end",
    "[",
    "]",
    "{",
    "}",
    ":",
    "::",
    "->",
    "join",
    "on",
    "using",
    "with",
    "union",
    "all",
    "count",
    "sum",
    "max",
    "raw",
    "window_start",
    "settings",
    "insert",
    "into",
    "values",
    "create",
    "stream",
    "view",
]


@settings(max_examples=examples(300), deadline=None)
@given(some.lists(some.sampled_from(WORDS), max_size=25))
def test_any_words_are_planned_or_refused(words: list[str]) -> None:
    try:
        SHARED.plan(" ".join(words))
    except UserError as error:
        assert error.code > 0


@settings(max_examples=examples(200), deadline=None)
@given(some.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        st.parse(text)
    except SqlError as error:
        assert error.message


SHARED = readings()


def test_the_longest_statement_is_a_setting() -> None:
    definitions: dict[str, Definition] = {}
    planner = Planner(definitions.get, sql_bytes_max=1_000)
    assert planner.plan("select 1" + " " * 900).kind == "bounded"
    with pytest.raises(SqlError, match="longer than 1000 bytes"):
        planner.plan("select 1" + " " * 1_000)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1" + "+1" * 40_000,
        "select a" + ",a" * 40_000,
        "select a" + " or a" * 20_000,
        "select " + "f(" * 35_000 + "1" + ")" * 35_000,
        "insert into s select 1" + "+1" * 40_000,
    ],
)
def test_statements_of_too_many_words_are_refused_before_they_are_parsed(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("engine.sql.grammar_ddl.StatementParser.statement", parsed)
    with pytest.raises(SqlError, match="more than 32768 names and operators"):
        st.parse(sql)


def test_long_lists_of_values_are_not_words() -> None:
    listed = ",".join(["-1", "'x'", "null", "true"] * 10_000)
    assert isinstance(st.parse(f"select [{listed}]"), st.Select)
    assert isinstance(st.parse(f"insert into s (a) values ({listed})"), st.Insert)
