"""Result rows as JSON: the values of the contract, pieces below the limit, event times."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encode import JsonEncoder, event_time_ms
from engine.type_parser import parse_type
from engine.types import INT64, STRING, arrow_type
from engine.zones import shifted_by_rule, to_local, to_utc


def encoded(t: str, values: Sequence[object]) -> str:
    """A column of these values as the encoder prints it."""
    dialect = parse_type(t)
    array = pa.array(values, arrow_type(dialect))
    rows = pa.RecordBatch.from_arrays([array], names=["v"])
    return JsonEncoder([("v", dialect)]).encode(rows).decode()


MS = 1_652_698_862_345  # 2022-05-16 11:01:02.345


@pytest.mark.parametrize(
    ("t", "values", "text"),
    [
        ("bool", [True, False], "[[true],[false]]"),
        ("int64", [-(2**63), 2**63 - 1], "[[-9223372036854775808],[9223372036854775807]]"),
        ("uint64", [2**64 - 1], "[[18446744073709551615]]"),
        ("int128", [str(-(2**127))], '[["-170141183460469231731687303715884105728"]]'),
        ("float64", [48.0, -0.0, 1e300, 0.1], "[[48.0],[-0.0],[1e300],[0.1]]"),
        ("float32", [61.5, 0.1, 3.4e38], "[[61.5],[0.1],[3.4e38]]"),
        ("float32", [float("inf"), float("nan")], '[["inf"],["nan"]]'),
        ("nullable(float64)", [None, float("-inf"), float("nan")], '[[null],["-inf"],["nan"]]'),
        ("decimal(10, 2)", [Decimal("1.50"), Decimal("-0.05")], "[[1.50],[-0.05]]"),
        ("decimal(50, 3)", ["1.500"], "[[1.500]]"),
        ("date", [datetime.date(2022, 5, 16)], '[["2022-05-16"]]'),
        ("date32", [datetime.date.min, datetime.date.max], '[["0001-01-01"],["9999-12-31"]]'),
        ("datetime", [MS // 1000], '[["2022-05-16 11:01:02"]]'),
        ("datetime('Asia/Kolkata')", [MS // 1000], '[["2022-05-16 16:31:02"]]'),
        ("datetime64(0)", [MS], '[["2022-05-16 11:01:02"]]'),
        ("datetime64(1)", [MS], '[["2022-05-16 11:01:02.3"]]'),
        ("datetime64(3, 'UTC')", [MS], '[["2022-05-16 11:01:02.345"]]'),
        ("datetime64(3, 'America/New_York')", [MS], '[["2022-05-16 07:01:02.345"]]'),
        ("datetime('America/New_York')", [3_508_729_200], '[["2081-03-09 03:00:00"]]'),
        ("datetime64(5)", [MS * 1000 + 678], '[["2022-05-16 11:01:02.34567"]]'),
        ("datetime64(9)", [MS * 10**6 + 7], '[["2022-05-16 11:01:02.345000007"]]'),
        ("datetime64(3)", [-1, -62135596800000, 253402300799999],
         '[["1969-12-31 23:59:59.999"],["0001-01-01 00:00:00.000"],["9999-12-31 23:59:59.999"]]'),
        ("string", ['a"\\\n\r\t\x00é😀\u2028'], '[["a\\"\\\\\\n\\r\\t\\u0000é😀\u2028"]]'),
        ("json", ['{"a": 1}'], '[["{\\"a\\": 1}"]]'),
        ("uuid", ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
         '[["6ba7b810-9dad-11d1-80b4-00c04fd430c8"]]'),
        ("enum8('a' = 1)", ["a"], '[["a"]]'),
        ("array(nullable(int8))", [[1, None], []], "[[[1,null]],[[]]]"),
        ("array(array(string))", [[["a"], []], []], '[[[["a"],[]]],[[]]]'),
        ("nullable(array(int8))", [None, [1]], "[[null],[[1]]]"),
        ("tuple(a int8, b string)", [(1, "x")], '[[[1,"x"]]]'),
        ("array(tuple(int8, float32))", [[(1, 0.1)]], "[[[[1,0.1]]]]"),
        ("map(int8, datetime64(3))", [[(5, 0)], []], '[[{"5":"1970-01-01 00:00:00.000"}],[{}]]'),
        ("map(bool, string)", [[(True, "x")]], '[[{"true":"x"}]]'),
        ("interval_minute", [pa.MonthDayNano([0, 1, 60 * 10**9])], "[[1441]]"),
        ("interval_year", [pa.MonthDayNano([24, 0, 0])], "[[2]]"),
        ("nullable(nothing)", [None], "[[null]]"),
    ],
)  # fmt: skip
def test_values(t: str, values: Sequence[object], text: str) -> None:
    assert encoded(t, values) == text
    json.loads(text)
    # The same behind an offset, as slices of a larger batch have it.
    dialect = parse_type(t)
    array = pa.array([*values, *values], arrow_type(dialect)).slice(len(values))
    rows = pa.RecordBatch.from_arrays([array], names=["v"])
    assert JsonEncoder([("v", dialect)]).encode(rows).decode() == text


@pytest.mark.parametrize(
    ("t", "utc", "text"),
    [
        ("datetime('Europe/Berlin')", "2026-10-25T00:30:00", '"2026-10-25 02:30:00"'),
        ("datetime('Europe/Berlin')", "2026-10-25T01:30:00", '"2026-10-25 02:30:00+01:00"'),
        ("datetime('Europe/Berlin')", "2026-10-25T02:00:00", '"2026-10-25 03:00:00"'),
        ("datetime64(3, 'America/New_York')", "2026-11-01T06:30:00.250",
         '"2026-11-01 01:30:00.250-05:00"'),
        ("datetime64(9, 'Australia/Lord_Howe')", "2026-04-04T15:15:00.000000001",
         '"2026-04-05 01:45:00.000000001+10:30"'),
        ("datetime64(1, 'Asia/Kolkata')", "2026-10-25T01:30:00", '"2026-10-25 07:00:00.0"'),
        ("array(nullable(datetime('Europe/Berlin')))", "2026-10-25T01:30:00",
         '["2026-10-25 02:30:00+01:00",null]'),
        ("map(datetime('Europe/Berlin'), tuple(datetime('Europe/Berlin')))", "2026-10-25T01:30:00",
         '{"2026-10-25 02:30:00+01:00":["2026-10-25 02:30:00+01:00"]}'),
        ("datetime", "2026-10-25T01:30:00", '"2026-10-25 01:30:00"'),
    ],
)  # fmt: skip
def test_the_second_of_two_equal_local_times_ends_with_its_offset(
    t: str, utc: str, text: str
) -> None:
    dialect = parse_type(t)
    unit = "ns" if "64(9" in t else "ms" if "64(" in t else "s"
    at = int(np.datetime64(utc, unit).astype(np.int64))
    value = [at, None] if t.startswith("array") else [(at, (at,))] if t.startswith("map") else at
    array = pa.array([value, value, value], arrow_type(dialect)).slice(1)
    rows = pa.RecordBatch.from_arrays([array], names=["v"])
    found = JsonEncoder([("v", dialect)], folds=True).encode(rows).decode()
    assert found == f"[[{text}],[{text}]]"
    plain = JsonEncoder([("v", dialect)]).encode(rows).decode()
    assert plain == re.sub(r"[+-]\d\d:\d\d(?=\")", "", found)


def test_columns_of_a_wider_relative_are_shown_as_declared() -> None:
    t = parse_type("datetime64(3)")
    rows = pa.table({"v": pa.array([MS * 1000 + 999], pa.timestamp("us"))})
    assert JsonEncoder([("v", t)]).encode(rows) == b'[["2022-05-16 11:01:02.345"]]'


def test_tables_of_any_chunks() -> None:
    column = pa.chunked_array([pa.array([1]), pa.array([2, 3])])
    table = pa.table({"a": column, "b": pa.chunked_array([pa.array(["x", "y", "z"])])})
    encoder = JsonEncoder([("a", INT64), ("b", STRING)])
    assert encoder.encode(table) == b'[[1,"x"],[2,"y"],[3,"z"]]'
    assert encoder.encode(table.slice(0, 0)) == b"[]"
    assert list(encoder.encode_chunks(table.slice(0, 0))) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=200), st.integers(1, 600))
def test_pieces_hold_all_rows_in_order_and_stay_below_the_limit(sizes: list[int], top: int) -> None:
    rows = pa.table({"v": pa.array(["x" * size for size in sizes], pa.string())})
    encoder = JsonEncoder([("v", STRING)])
    found: list[list[str]] = []
    for count, piece in encoder.encode_chunks(rows, top):
        values = json.loads(piece)
        assert len(values) == count > 0
        assert len(piece) <= top or count == 1
        found += values
    assert found == [["x" * size] for size in sizes]


def test_a_large_row_stands_alone() -> None:
    sizes = [10] * 100 + [2_000_000] + [10] * 100
    rows = pa.table({"v": ["x" * size for size in sizes]})
    pieces = list(JsonEncoder([("v", STRING)]).encode_chunks(rows))
    assert sum(count for count, _ in pieces) == len(sizes)
    assert [count for count, piece in pieces if len(piece) > 512 * 1024] == [1]


def test_event_times() -> None:
    times = pa.array([5, None, 7], pa.timestamp("us"))
    days = pa.array([1, 3, None], pa.date32())
    rows = pa.table({"t": times, "d": days, "n": pa.nulls(3, pa.timestamp("ms")), "i": [1, 2, 3]})
    rows = rows.append_column("neg", pa.array([-1, -1, -1], pa.timestamp("us")))
    assert [event_time_ms(rows, at) for at in range(5)] == [0, 3 * 86_400_000, 0, 0, -1]
    assert event_time_ms(rows.slice(0, 0), 0) == 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-62_135_510_400, 253_402_214_400) | st.none(), max_size=5),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.sampled_from(["s", "ms", "us"]),
)
def test_both_sources_of_zone_data_agree(seconds: list[int | None], zone: str, unit: str) -> None:
    instants = pa.array(seconds, pa.timestamp("s")).cast(pa.timestamp(unit))
    local = to_local(instants, zone)
    assert local.equals(shifted_by_rule(instants, zone, local=False))
    back = to_utc(local, zone)
    assert back.equals(shifted_by_rule(local, zone, local=True))
    assert to_local(back, zone).equals(local)
