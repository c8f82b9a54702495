"""What functions can reach and how much they can make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine.functions
from engine.duck import Error, Session
from engine.errors import SqlError
from engine.functions import registry
from engine.functions.build import SQL_CHARS_MAX
from engine.functions.table import Arg
from engine.types import DATE, INT64, STRING, array
from tests.engine.functions.evaluator import Parser, bind, bind_aggregate
from tests.engine.functions.test_aggregates import ARGS, CALLS

# Functions of DuckDB that reach files, settings, the environment, other sessions or the clock.
FORBIDDEN = re.compile(
    r"read_\w+|glob|getenv|getvariable|current_\w+|query|query_table|sniff_csv|parquet_\w+|"
    r"sleep_ms|pg_\w+|write_log|nextval|currval|setseed|duckdb_\w+|pragma_\w+|json_execute\w*|"
    r"json_serialize_\w+|json_deserialize_\w+|txid_current|has_\w+_privilege|inet_\w+|version|"
    r"user|session_user|in_search_path|transaction_timestamp|get_current_\w+|random|uuid|"
    r"gen_random_uuid|uuidv4|uuidv7|now|today|storage_info|which_secret|stats|ago"
)
# Syntax that looks like a call.
_SYNTAX = """cast try_cast try coalesce nullif case when then else and or not in is on as lambda
filter by decimal over from struct interval map select where distinct timestamp array date end"""
SYNTAX = frozenset(_SYNTAX.split())
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def called(sql: str) -> set[str]:
    return {name.lower() for name in _CALL.findall(_LITERAL.sub("''", sql))} - SYNTAX


def every_sql() -> Iterator[str]:
    for family in registry.SCALAR_FAMILIES.values():
        for entry in family:
            for example in entry.examples:
                yield bind(Parser(example.sql).parse(), {}).sql
    for call in CALLS:
        entry, args = bind_aggregate(call, ARGS)
        bound = entry.bind(args, False)
        yield bound.native
        yield bound.final(tuple(f'"p{i}"' for i in range(len(bound.partials))))
        yield from (p.sql for p in bound.partials)


def test_generated_sql_calls_only_harmless_functions_that_exist(session: Session) -> None:
    rows = session.query("SELECT DISTINCT lower(function_name) AS n FROM duckdb_functions()")
    existing = set(rows.column(0).to_pylist())
    used = set().union(*(called(sql) for sql in every_sql()))
    assert used - existing == set()
    assert {name for name in used if FORBIDDEN.fullmatch(name)} == set()


def test_no_template_names_a_forbidden_function() -> None:
    """Also what no example happens to use."""
    folder = Path(engine.functions.__file__ or "").parent
    for path in folder.glob("*.py"):
        for name in ("read_", "getenv", "current_setting", "sleep_ms", "pg_", "duckdb_functions"):
            assert not re.search(rf"\b{name}\w*\(", path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("name", ["read_csv", "getenv", "query", "glob", "sleep_ms", "version"])
def test_duckdb_functions_are_not_reachable_by_name(name: str) -> None:
    assert registry.scalar(name) is None
    assert registry.aggregate(name) is None


def size(session: Session, call: str, measure: str = "strlen") -> int:
    found = bind(Parser(call).parse(), {})
    return session.query(f"SELECT {measure}({found.sql}) AS r").column(0).to_pylist()[0]


@pytest.mark.parametrize(
    "call",
    [
        "repeat('abc', 4000000000)",
        "space(4000000000)",
        "left_pad('x', 2000000000, 'y')",
        "right_pad('x', 2000000000)",
    ],
)
def test_texts_are_bounded(session: Session, call: str) -> None:
    """Never shorter than asked for without a word."""
    with pytest.raises(Error, match="code 69: "):
        size(session, call)


@pytest.mark.parametrize(
    "call",
    [
        "range(0, 1000000000000)",
        "range(3000000)",
        "range(0, 5, 0)",
        "array_resize([1], 4000000000)",
        "array_with_constant(4000000000, 1)",
    ],
)
def test_arrays_are_bounded(session: Session, call: str) -> None:
    with pytest.raises(Error, match="code 69: "):
        size(session, call, "len")


def test_replacing_cannot_grow_without_bound(session: Session) -> None:
    big = "repeat('a', 1000000)"
    for call in (
        f"replace({big}, 'a', repeat('b', 100))",
        f"replace_regex({big}, 'a', repeat('b', 100))",
        "format('{:999999999d}', 1)",
    ):
        with pytest.raises(Exception, match="code 36"):
            size(session, call)


def test_nesting_that_doubles_the_text_is_refused() -> None:
    arg = Arg('"s"', STRING)
    entry = registry.scalar("substring")
    assert entry is not None
    with pytest.raises(SqlError) as caught:
        for _ in range(60):
            arg = Arg(
                entry.render((arg, Arg("CAST(length(" + arg.sql + ") AS BIGINT)", INT64))).sql,
                STRING,
            )
    assert caught.value.code == 36
    assert len(arg.sql) <= 2 * SQL_CHARS_MAX


def test_counts_and_types_are_checked() -> None:
    for name, args, code in (
        ("lower", (), 42),
        ("lower", (Arg("1", INT64),), 43),
        ("array_map", (Arg("1", INT64), Arg("[1]", array(INT64))), 43),
        ("to_datetime64", (Arg("'x'", STRING), Arg("12", INT64, 12)), 69),
        ("date_trunc", (Arg("'eon'", STRING, "eon"), Arg("x", DATE)), 36),
    ):
        entry = registry.scalar(name)
        assert entry is not None
        with pytest.raises(SqlError) as caught:
            entry.render(args)
        assert caught.value.code == code, name
