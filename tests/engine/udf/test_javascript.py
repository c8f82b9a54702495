"""The JavaScript engine: values of every type there and back, limits, clock, randomness, errors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Code, QueryFailed, SqlError
from engine.sql.plan_parts import Column
from engine.type_parser import parse_type
from engine.types import arrow_type
from engine.udf import javascript
from engine.udf.definition import Function
from engine.udf.javascript import JavaScript, inspect
from tests.examples import examples


def function(source: str, *types: str, returns: str = "") -> JavaScript:
    arguments = tuple(Column(f"a{at}", parse_type(t)) for at, t in enumerate(types))
    result = parse_type(returns or types[0])
    return JavaScript(Function("f", "javascript", arguments, result, source))


def called(made: JavaScript, *columns: list[Any]) -> list[Any]:
    types = [c.type for c in made.function.arguments]
    arrays = [pa.array(c, arrow_type(t)) for c, t in zip(columns, types, strict=True)]
    return made.scalar(arrays, 1_577_836_800_000, 7).to_pylist()


MOMENT = dt.datetime(2020, 2, 29, 1, 2, 3, 456000)
VALUES: list[tuple[str, list[Any]]] = [
    ("bool", [True, False]),
    ("int8", [-128, 127]),
    ("uint64", [0, 2**53 - 1]),
    ("int128", [str(-(2**100))]),
    ("uint256", [str(2**200)]),
    ("float32", [1.5, float("inf"), float("-inf")]),
    ("decimal(10, 2)", [Decimal("-1.25")]),
    ("string", ["", "ä'\"\\\n"]),
    ("date", [dt.date(1969, 12, 31)]),
    ("datetime", [MOMENT.replace(microsecond=0)]),
    ("datetime64(3, 'UTC')", [MOMENT]),
    ("datetime64(6)", [MOMENT]),
    ("nullable(int32)", [None, 3]),
    ("array(nullable(string))", [["a", None], []]),
    ("array(array(datetime))", [[[MOMENT.replace(microsecond=0)], []]]),
    ("tuple(int32, string)", [{"1": 1, "2": "x"}]),
    ("tuple(a int32, t date)", [{"a": 1, "t": dt.date(2020, 1, 1)}]),
    ("map(string, float64)", [[("k", 1.5)]]),
    ("uuid", ["61f0c404-5cb3-11e7-907b-a6006ad3dba0"]),
    ("ipv4", ["10.0.0.1"]),
    ("json", ['{"a":[1]}']),
]


@pytest.mark.parametrize(("t", "values"), VALUES, ids=[t for t, _ in VALUES])
def test_values_come_back_as_they_went(t: str, values: list[Any]) -> None:
    assert called(function("const f = v => v", t), values) == values


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "a": st.integers(-(2**31), 2**31 - 1),
                "b": st.lists(st.none() | st.text(max_size=5), max_size=4),
            }
        ),
        max_size=20,
    )
)
def test_nested_values_come_back(rows: list[dict[str, Any]]) -> None:
    made = function(
        "function f(v) { return v.slice() }", "tuple(a int32, b array(nullable(string)))"
    )
    assert called(made, rows) == rows


def test_slices_of_batches_are_read_at_their_offset() -> None:
    made = function("const f = v => v.map(x => x.join('-'))", "array(int32)", returns="string")
    rows = pa.array([[1], [2, 3], [], [4]], pa.list_(pa.field("item", pa.int32())))
    assert made.scalar([rows.slice(1, 2)], 0, 0).to_pylist() == ["2-3", ""]


def test_what_javascript_sees_of_each_type() -> None:
    source = "const f = v => v.map(x => x === null ? 'null' : x.constructor.name + ':' + x)"
    seen = {
        t: called(function(source, t, returns="string"), values)[0]
        for t, values in {
            "int64": [5],
            "int128": ["5"],
            "bool": [True],
            "decimal(5, 1)": [Decimal("1.5")],
        }.items()
    }
    expected = {"int64": "Number:5", "int128": "BigInt:5", "bool": "Boolean:true"}
    assert seen == {**expected, "decimal(5, 1)": "Number:1.5"}
    dates = "const f = v => v.map(x => x instanceof Date ? x.toISOString() : typeof x)"
    assert called(function(dates, "datetime64(3)", returns="string"), [MOMENT]) == [
        "2020-02-29T01:02:03.456Z"
    ]


def test_the_clock_is_the_instant_and_randomness_is_seeded() -> None:
    source = (
        "const f = v => v.map(() => [Date.now(), new Date().getTime(), "
        "new (new Date()).constructor().getTime(), Math.random()].join())"
    )
    one = called(function(source, "int32", returns="string"), [1, 2])
    assert one == called(function(source, "int32", returns="string"), [1, 2])
    assert [row.rsplit(",", 1)[0] for row in one] == [
        "1577836800000,1577836800000,1577836800000"
    ] * 2
    assert one[0] != one[1]


def test_nothing_outside_can_be_reached() -> None:
    names = ("std", "os", "require", "process", "fetch", "setTimeout", "performance", "Atomics")
    text = " + ' ' + ".join(f"typeof {name}" for name in names)
    made = function(f"const f = v => v.map(() => {text})", "int8", returns="string")
    assert called(made, [1]) == [" ".join(["undefined"] * len(names))]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("function f(v) {}", Code.ILLEGAL_TYPE_OF_ARGUMENT, "returned nothing"),
        ("const f = v => 3", Code.ILLEGAL_TYPE_OF_ARGUMENT, "returned no array"),
        ("const f = v => [1]", Code.FUNCTION_FAILED, "1 results for 2 rows"),
        ("const f = v => ['x', 1]", Code.FUNCTION_FAILED, "result 1, x, is no int32"),
        ("const f = v => [1, 3e9]", Code.FUNCTION_FAILED, "3000000000 does not fit int32"),
        ("const f = v =>\n  v.map(x => x.y.z)", Code.FUNCTION_FAILED, "'z' of undefined (line 2"),
        ("const f = v => f(v)", Code.FUNCTION_FAILED, "call stack"),
        (
            "function f(v) { const a = []; while (true) a.push('x'.repeat(1e6) + a.length) }",
            Code.FUNCTION_FAILED,
            "more memory than its limit",
        ),
    ],
)
def test_failures_name_the_function_and_the_place(source: str, code: int, words: str) -> None:
    with pytest.raises(QueryFailed, match="Function f ") as failed:
        called(function(source, "int32"), [1, 2])
    assert failed.value.code == code
    assert words in failed.value.message


def test_an_endless_call_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript, "CALL_SECONDS_MAX", 1)
    with pytest.raises(QueryFailed, match="longer than its limit of 1 s"):
        called(function("function f(v) { while (true); }", "int32"), [1])


def test_a_source_is_looked_at_when_it_is_created() -> None:
    with pytest.raises(SqlError, match=r"SyntaxError.*\(line ") as broken:
        inspect("f", "function f( {", aggregate=False)
    assert broken.value.code == Code.FUNCTION_FAILED
    with pytest.raises(SqlError, match="declares no function f"):
        inspect("f", "function g() {}", aggregate=False)
    with pytest.raises(SqlError, match="has no process and no finalize"):
        inspect("f", "{ initialize() {} }", aggregate=True)
    with pytest.raises(SqlError, match="longer than its limit"):
        inspect("f", "while (true);", aggregate=False)
    found = inspect("f", "{ process(v, w) {}, finalize() {} };", aggregate=True)
    assert found == {"customized_emit": False, "arity": 2, "methods": ["process", "finalize"]}
