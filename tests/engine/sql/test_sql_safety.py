"""Any statement: planned and bound in a locked session, or refused with an error of the dialect."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.duck import Error, Session
from engine.errors import NotFound, SqlError
from engine.failures import failure_of
from engine.functions import registry
from tests.engine.functions.test_safety import FORBIDDEN, called
from tests.engine.sql.sql_support import World, check_fragments, readings, tokens_bound
from tests.examples import examples

COLUMNS = [
    "id",
    "value",
    "n",
    "big",
    "t",
    "raw",
    "tags",
    "m",
    "tup",
    "maybe",
    "d",
    "dt",
    "twice",
    "_tp_time",
    "_tp_sn",
]
LITERALS = [
    "1",
    "0",
    "-1",
    "2.5",
    "'a'",
    "''",
    "'%'",
    "'{now_ms}'",
    "NULL",
    "true",
    "5s",
    "[1,2]",
    "[]",
    "(1,'a')",
    "{'k':1}",
    "1e400",
    "0x1f",
]
FORBIDDEN_CALLS = [
    "read_csv('/etc/passwd')",
    "getenv('HOME')",
    "query('select",
    "1')",
    "glob('/*')",
    "version()",
    "current_setting('TimeZone')",
    "sleep_ms(1)",
    "pg_sleep(1)",
    "read_text('/etc/passwd')",
    "duckdb_settings()",
]
ENTRIES = [
    entry
    for families in (registry.SCALAR_FAMILIES, registry.AGGREGATE_FAMILIES)
    for entries in families.values()
    for entry in entries
]
EXAMPLES = [
    example.sql
    for entries in registry.SCALAR_FAMILIES.values()
    for entry in entries
    for example in entry.examples
]
OPERATORS = ["+", "-", "*", "/", "%", "||", "=", "!=", "<", ">=", "and", "or", "like"]
TYPES = [
    "int8",
    "uint64",
    "int256",
    "float32",
    "string",
    "bool",
    "date",
    "datetime64(3)",
    "array(string)",
    "decimal(9,2)",
]
# What DuckDB may find wrong with a plan: values and types, as codes that readers see.
LATE = {6, 36, 43, 53, 69}


@st.composite
def calls(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """A function, most often with as many arguments as it takes."""
    entry = draw(st.sampled_from(ENTRIES))
    count = draw(st.integers(entry.args_min, min(entry.args_max, entry.args_min + 2)))
    arguments = draw(st.lists(inner, min_size=count, max_size=count))
    return f"{draw(st.sampled_from((entry.name, *entry.aliases)))}({', '.join(arguments)})"


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        calls(inner),
        calls(inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("({})::{}".format, inner, st.sampled_from(TYPES)),
        st.builds("(case when {} then {} else {} end)".format, inner, inner, inner),
        st.builds("({} in (select {} from table(readings)))".format, inner, inner),
        st.builds("(select {} from table(readings) limit 1)".format, inner),
        st.builds("array_map(x -> {}, {})".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("not {}".format, inner),
    )


LEAVES = st.one_of(
    st.sampled_from(COLUMNS),
    st.sampled_from(COLUMNS),
    st.sampled_from(LITERALS),
    st.sampled_from(EXAMPLES),
)
EXPRESSIONS = st.recursive(LEAVES, deeper, max_leaves=6)
STATEMENTS = st.one_of(
    st.builds("select {}, {} from table(readings) where {}".format, *[EXPRESSIONS] * 3),
    st.builds("select {} from readings where {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("select {0}, count() from readings group by {0}".format, EXPRESSIONS),
    st.builds("select {}, {} from table(readings) group by id".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("select {} from {}".format, EXPRESSIONS, st.sampled_from(FORBIDDEN_CALLS)),
    st.builds("select {}, {} from readings".format, EXPRESSIONS, st.sampled_from(FORBIDDEN_CALLS)),
    st.builds("select {} from table(readings)".format, EXPRESSIONS),
    st.builds("select {} from readings where n > 1".format, EXPRESSIONS),
    st.builds("insert into readings(n) values ({})".format, EXPRESSIONS),
    st.builds("create stream s2(a int32 default {})".format, EXPRESSIONS),
    st.text(max_size=60),
)
WORLD: World = readings()
SESSION = Session()


def bound(sql: str) -> None:
    """Plan, and let DuckDB bind what came out."""
    planned = WORLD.plan(sql)
    plans = [p for p in (planned.bounded,) if p is not None]
    if planned.streaming is not None:
        plans += [lookup.query for lookup in planned.streaming.lookups]
        if not planned.streaming.lookups:
            check_fragments(SESSION, planned.streaming.root)
    for plan in plans:
        bad = {name for name in called(plan.sql) if FORBIDDEN.fullmatch(name)}
        assert not bad, (sql, bad)
        for scan in plan.tables:
            rows = WORLD.rows[scan.stream_name].slice(0, 0).select(list(scan.columns))
            SESSION.register(scan.alias, rows)
        SESSION.execute(f"EXPLAIN {tokens_bound(plan.sql)}")


@settings(
    max_examples=examples(300),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(STATEMENTS)
def test_every_statement_is_bound_or_refused(sql: str) -> None:
    try:
        bound(sql)
    except (SqlError, NotFound):
        return
    except Error as error:
        assert failure_of(error).code in LATE, (sql, str(error))
