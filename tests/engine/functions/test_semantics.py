"""Where the dialect differs from DuckDB: conversions, numbers, times, JSON, NULL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duck import Error, Session
from engine.errors import SqlError
from engine.functions import registry
from engine.functions.table import Arg
from engine.type_parser import parse_type
from engine.types import STRING, UINT8
from tests.engine.functions.evaluator import equal, evaluate

TRUE = [
    # integers wrap and are cut
    ("to_uint8(300)", "44"),
    ("to_int8(200)", "-56"),
    ("to_uint64(-1)", "18446744073709551615"),
    ("to_int32(-7.9)", "-7"),
    ("to_int32(nan)", "0"),
    ("to_int32('-12')", "-12"),
    ("to_int32_or_zero('12.7')", "0"),
    ("to_int32_or_null('1e3')", "null"),
    ("to_int128('12')", '"12"'),
    ("plus(to_int64(9223372036854775807), 1)", "-9223372036854775808"),
    # floats
    ("1 / 0", '"inf"'),
    ("-1 / 0", '"-inf"'),
    ("is_nan(0 / 0)", "true"),
    ("round(0.5)", "0"),
    ("round(1.5)", "2"),
    ("round(2.5)", "2"),
    ("round(25, -1)", "20"),
    ("to_string(5.0)", '"5"'),
    ("to_string(0.1)", '"0.1"'),
    ("to_string(1 / 0)", '"inf"'),
    # texts
    ("to_string(['a', 'it\\'s'])", "\"['a','it\\\\'s']\""),
    ("to_string((1, 'a'))", "\"(1,'a')\""),
    ("to_string({'k': 1})", "\"{'k':1}\""),
    ("substring('hello', 1, 2)", '"he"'),
    ("substring('hello', -3, 2)", '"ll"'),
    ("substring('hello', 0)", '""'),
    ("position('abc', 'x')", "0"),
    ("extract('abc', 'x')", '""'),
    ("extract('abc', 'b')", '"b"'),
    ("replace('aaa', 'a', 'b')", '"bbb"'),
    ("split_by_string(',', 'a,,b')", '["a", "", "b"]'),
    ("like('a%c', 'a\\\\%c')", "true"),
    ("like('abc', 'a\\\\%c')", "false"),
    ("not_like('abc', 'b%')", "true"),
    # bool
    ("to_bool('true')", "true"),
    ("to_bool('false')", "false"),
    ("to_bool(1)", "true"),
    ("to_bool(0)", "false"),
    ("equals(1 = 1, 1)", "true"),
    ("equals('true', 1 = 1)", "true"),
    # times
    ("to_string(to_datetime('2020-01-01T00:00:00+08:00'))", '"2019-12-31 16:00:00"'),
    ("to_string(to_datetime('2020-01-01 00:00:00.9'))", '"2020-01-01 00:00:00"'),
    ("to_string(to_datetime64('2020-01-01 00:00:00.9999', 3))", '"2020-01-01 00:00:00.999"'),
    (
        "to_string(to_datetime64('2020-01-01 00:00:00.123456789', 9))",
        '"2020-01-01 00:00:00.123456789"',
    ),
    ("to_string(to_datetime64('2020-01-01 00:00:00.123', 1))", '"2020-01-01 00:00:00.1"'),
    ("to_string(to_datetime64(1.5, 3))", '"1970-01-01 00:00:01.500"'),
    ("to_string(to_datetime('2020-01-01 08:00:00', 'Asia/Shanghai'))", '"2020-01-01 08:00:00"'),
    ("to_unix_timestamp(to_datetime('2020-01-01 08:00:00', 'Asia/Shanghai'))", "1577836800"),
    ("to_datetime('1577836800')", '"2020-01-01 00:00:00"'),
    ("to_string(to_datetime64('1577836800123', 3))", '"2020-01-01 00:00:00.123"'),
    ("to_string(to_datetime64('1577836800123456', 6))", '"2020-01-01 00:00:00.123456"'),
    ("to_string(to_datetime64('1577836800123456789', 9))", '"2020-01-01 00:00:00.123456789"'),
    ("to_string(to_datetime64('1577836800123456789', 3))", '"2020-01-01 00:00:00.123"'),
    ("to_datetime64_or_null('9999999999999999999', 9)", "null"),
    ("to_datetime64_or_null('9999999999999999', 9)", "null"),
    ("to_datetime64_or_null('9999999999999', 9)", "null"),
    ("to_datetime64_or_null('1 Jan 2300', 9)", "null"),
    ("to_date('2020-01-02 23:59:59')", '"2020-01-02"'),
    ("to_date(18262)", '"2020-01-01"'),
    ("to_string(to_time('11.02.2021 20:00:04'))", '"2021-11-02 20:00:04.000"'),
    ("to_string(to_time('25/12/2021 10:00'))", '"2021-12-25 10:00:00.000"'),
    ("to_string(to_time('2 Nov 2021 20:00:04'))", '"2021-11-02 20:00:04.000"'),
    ("to_hour(to_timezone(to_datetime('2020-01-01 00:00:00'), 'Asia/Shanghai'))", "8"),
    (
        "to_start_of_day(to_datetime('2020-01-01 20:00:00'), 'Asia/Shanghai')",
        '"2020-01-01 16:00:00"',
    ),
    ("to_start_of_interval(to_datetime('2024-02-29 00:00:00'), interval 1 week)", '"2024-02-26"'),
    ("to_start_of_interval(to_datetime('2024-02-29 00:00:00'), interval 1 month)", '"2024-02-01"'),
    ("to_start_of_interval(to_datetime('2024-02-29 00:00:00'), interval 2 year)", '"2024-01-01"'),
    (
        "date_diff('second', to_datetime64('2020-01-01 00:00:00.9', 3), to_date('2020-01-02'))",
        "86400",
    ),
    ("date_diff('week', to_date('2024-01-07'), to_date('2024-01-08'))", "1"),
    ("date_diff('month', to_date('2024-01-31'), to_date('2024-02-01'))", "1"),
    ("date_add(to_date('2024-01-31'), interval 1 month)", '"2024-02-29"'),
    (
        "to_string(to_datetime('2024-01-01 00:00:00') + interval 1 millisecond)",
        '"2024-01-01 00:00:00.001"',
    ),
    ("to_type_name(to_date('2024-01-31') + interval 1 hour)", '"datetime"'),
    ("to_type_name(now64())", '"datetime64(3)"'),
    ("day_of_week(to_date('2024-01-01'))", "1"),
    ("day_of_week(to_date('2024-01-07'))", "7"),
    # JSON
    ("json_extract_string('{\"a\":1}', 'b')", '""'),
    ("json_extract_int('{\"a\":1}', 'b')", "0"),
    ("json_extract_string('no json', 'a')", '""'),
    ("json_extract_float('{\"a\":\"127.001\"}', 'a')", "127.001"),
    ("json_extract_int('{\"a\":-1.9}', 'a')", "-1"),
    ("json_extract_string('{\"a.b\":{\"c d\":\"x\"}}', 'a.b', 'c d')", '"x"'),
    ("json_extract_string('{\"a\":[5,6]}', 'a', 1)", '"5"'),
    ("json_extract_string('{\"a\":[5,6]}', 'a', -1)", '"6"'),
    ("json_value('{\"a\":[[20,1],[0]]}', '$.a[*][0 to 2, 4]')", '"20"'),
    ("json_query('{\"a\":1}', '$.b')", '""'),
    # NULL
    ("if(null, 1, 2)", "2"),
    ("to_type_name(if(1 = 1, 1, null))", '"nullable(uint8)"'),
    ("lower(null)", "null"),
    ("coalesce(null, null, 3)", "3"),
    ("to_type_name(coalesce(to_nullable(1), 2))", '"uint8"'),
    ("multi_if(1 = 2, 'a', null, 'b', 'c')", '"c"'),
    # arrays and maps
    ("array_element([1, 2], 5)", "0"),
    ("map_element({'a': 'x'}, 'b')", '""'),
    ("map_cast(['a', 'a'], [1, 2])", '{"a": 1}'),
    ("array_map((x, y) -> x + y, [1, 2], [10, 20])", "[11, 22]"),
    ("array_fold((a, x, y) -> a + x * y, [1, 2], [3, 4], to_int64(0))", "11"),
    ("array_sort([3, 1, 2])", "[1, 2, 3]"),
    ("array_sum([])", "0"),
    ("array_slice([1, 2, 3, 4], -2)", "[3, 4]"),
    ("array_slice([1, 2, 3, 4], 2, -1)", "[2, 3]"),
    ("has([1, 2], 3)", "false"),
    ("to_type_name([1, -1])", '"array(int16)"'),
    ("cast('[1,2]', 'array(int32)')", "[1, 2]"),
    ("cast(['1', '2'], 'array(int32)')", "[1, 2]"),
    ("is_ipv4_string('1.2.3.4')", "true"),
    ("is_ipv6_string('1::2::3')", "false"),
    ("greatest(1, 2.5)", "2.5"),
]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@pytest.mark.parametrize(("sql", "expected"), TRUE, ids=[sql for sql, _ in TRUE])
def test_value(session: Session, sql: str, expected: str) -> None:
    value, _ = evaluate(session, sql)
    assert equal(value, json.loads(expected)), value


@pytest.mark.parametrize(
    "sql",
    [
        "to_int32('abc')",
        "to_int32('12.7')",
        "to_float('x')",
        "to_bool('maybe')",
        "to_datetime('not a time')",
        "to_date('2020-02-30')",
        "to_uuid('x')",
        "cast('z', 'enum8(\\'a\\' = 1)')",
        "parse_datetime('x', '%Y')",
    ],
)
def test_text_that_cannot_be_parsed_fails_with_code_6(session: Session, sql: str) -> None:
    with pytest.raises(Error, match="code 6: cannot parse text"):
        evaluate(session, sql)


OR_NULL = [n for n in registry.names() if re.fullmatch(r"to_\w+_or_(null|zero)", n)]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.from_regex(r"[-+0-9.:T/ eE]{0,25}", fullmatch=True),
        ),
        max_size=60,
    )
)
def test_no_text_makes_or_null_and_or_zero_fail(session: Session, texts: list[str]) -> None:
    session.register("__texts", pa.table({"x": pa.array(texts, pa.string())}))
    parts: list[str] = []
    for at, name in enumerate(OR_NULL):
        entry = registry.scalar(name)
        assert entry is not None
        scale = (Arg("2", UINT8, 2),) if entry.args_min == 2 else ()
        parts.append(f"{entry.render((Arg('x', STRING), *scale)).sql} AS c{at}")
    assert session.query(f"SELECT {', '.join(parts)} FROM __texts").num_rows == len(texts)


def test_no_conversion_is_code_53(session: Session) -> None:
    with pytest.raises(SqlError) as caught:
        evaluate(session, "cast([1], 'int32')")
    assert caught.value.code == 53


def test_division_by_zero(session: Session) -> None:
    for sql in ("5 % 0", "int_div(5, 0)"):
        with pytest.raises(Error, match="code 153: "):
            evaluate(session, sql)


def test_random_values_depend_on_row_and_seed_alone(session: Session) -> None:
    first = evaluate(session, "random_in_type('int64')")
    assert first == evaluate(session, "random_in_type('int64')")
    assert evaluate(session, "rand(1)") != evaluate(session, "rand(2)")


_RANDOM_TYPES = """bool int8 int64 int256 uint8 uint128 string fixed_string(3) date date32
datetime32 datetime64(3) datetime64(9) float32 float64 decimal32(3) decimal64(3) decimal128(9)
decimal256(9) uuid ipv4 ipv6 enum8('a'=1,'b'=2)"""


@pytest.mark.parametrize("name", _RANDOM_TYPES.split())
def test_random_in_every_type(session: Session, name: str) -> None:
    text = name.replace("'", "\\'")
    value, _ = evaluate(session, f"to_string(random_in_type('{text}'))")
    assert isinstance(value, str)
    shown, _ = evaluate(session, f"to_type_name(random_in_type('{text}'))")
    assert shown == str(parse_type(name))


def test_random_in_type_with_maximum_and_lambda(session: Session) -> None:
    assert evaluate(session, "random_in_type('uint8', 1, x -> to_uint8(x + 10))")[0] == 10
    assert evaluate(session, "random_in_type('uint8', x -> to_uint8(x - x))")[0] == 0
