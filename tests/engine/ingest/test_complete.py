"""Defaults, zero values, materialized columns, the event time, and rows that a query computed."""

from __future__ import annotations

import datetime
import json
import time
from decimal import Decimal

import pyarrow as pa
import pytest

from engine.duck import Session
from engine.errors import Code, IngestError, UserError
from engine.ingest.complete import Completer
from engine.ingest.decoder import Decoder
from engine.schema import StoredColumn, StoredSchema
from engine.type_parser import parse_type
from engine.types import DATETIME64_3_UTC, arrow_type

NOW = 1_767_225_600_123
NOW_TIME = datetime.datetime(2026, 1, 1, 0, 0, 0, 123000)
NOW_SQL = "CAST(make_timestamp_ms({now_ms}) AS TIMESTAMP_MS)"


def schema(*columns: tuple[str, ...], **event: str) -> StoredSchema:
    """(name, type, default SQL, 'materialized') and a `_tp_time` unless one is given."""
    stored = [StoredColumn(c[0], parse_type(c[1]), *c[2:3], len(c) > 3) for c in columns]
    if not any(column.name == "_tp_time" for column in stored):
        stored.append(StoredColumn("_tp_time", DATETIME64_3_UTC))
    return StoredSchema(tuple(stored), **event)


def stored(s: StoredSchema, *bodies: str) -> list[dict[str, object]]:
    """Stored rows of streaming bodies."""
    decoded = Decoder(s, Session).decode([("streaming", b.encode()) for b in bodies], NOW)
    assert not decoded.errors, decoded.errors
    for column in s.columns:
        array = decoded.rows[column.name]
        assert array.type == arrow_type(column.type)
        assert column.type.is_nullable or array.null_count == 0
    return decoded.rows.to_pylist()


def test_missing_columns_are_zero_or_null() -> None:
    s = schema(
        ("i", "int8"), ("s", "string"), ("n", "nullable(string)"), ("a", "array(int8)"),
        ("t", "tuple(x int8, y nullable(int8))"), ("m", "map(string, int8)"), ("d", "date"),
        ("e", "enum8('b' = 2, 'a' = 1)"), ("u", "uuid"), ("w", "int256"), ("c", "decimal(5, 2)"),
        ("j", "json"), ("p", "ipv4"), ("dt", "datetime"), ("k", "bool"), ("f", "float32"),
    )  # fmt: skip
    (row,) = stored(s, "{}")
    assert row == {
        "i": 0, "s": "", "n": None, "a": [], "t": {"x": 0, "y": None}, "m": [],
        "d": datetime.date(1970, 1, 1), "e": "a", "u": "00000000-0000-0000-0000-000000000000",
        "w": "0", "c": Decimal("0.00"), "j": "{}", "p": "0.0.0.0",
        "dt": datetime.datetime(1970, 1, 1), "k": False, "f": 0.0, "_tp_time": NOW_TIME,
    }  # fmt: skip


def test_null_takes_the_default_unless_the_column_has_null() -> None:
    s = schema(("a", "int8", "CAST(7 AS TINYINT)"), ("n", "nullable(int8)", "8"), ("t", "int64"))
    rows = stored(s, '{"a":null,"n":null,"t":1}{"t":2}{"a":1,"n":2,"t":3}')
    assert [(r["a"], r["n"]) for r in rows] == [(7, None), (7, 8), (1, 2)]
    compact = Decoder(s, Session).decode(
        [("compact", b'{"columns":["a"],"data":[[null],[3]]}')], NOW
    )
    assert [(r["a"], r["n"]) for r in compact.rows.to_pylist()] == [(7, 8), (3, 8)]


def test_defaults_over_other_columns_and_over_each_other() -> None:
    s = schema(
        ("c", "string", "concat(\"b\", '!')"),
        ("a", "int32"),
        ("b", "string", 'CAST("a" * 2 AS VARCHAR)'),
        ("m", "int64", '"a" + length("c")', "materialized"),
    )
    rows = stored(s, '{"a":1}{"a":2,"b":"x"}{"a":3,"c":"y","m":99}', '{"a":4}')
    assert [(r["a"], r["b"], r["c"], r["m"]) for r in rows] == [
        (1, "2", "2!", 3),
        (2, "x", "x!", 4),
        (3, "6", "y", 4),
        (4, "8", "8!", 6),
    ]


def test_the_instant_and_volatile_defaults() -> None:
    s = schema(
        ("t", "datetime64(3)", NOW_SQL),
        ("us", "datetime64(6)", "make_timestamp({now_ms} * 1000)"),
        ("s", "datetime", NOW_SQL),
        ("day", "date", f"CAST({NOW_SQL} AS DATE)"),
        ("year", "string", f"strftime({NOW_SQL}, '%Y')"),
        ("u", "uuid", "CAST(uuid() AS VARCHAR)"),
        ("five", "int64", "2 + 3"),
        ("nothing", "int32", "NULL"),
    )
    rows = stored(s, "{}{}")
    for row in rows:
        assert row["t"] == row["us"] == NOW_TIME
        assert row["s"] == NOW_TIME.replace(microsecond=0)
        assert row["day"] == NOW_TIME.date()
        assert (row["year"], row["five"], row["nothing"]) == ("2026", 5, 0)
    assert rows[0]["u"] != rows[1]["u"]


@pytest.mark.parametrize(
    ("t", "given", "ms"),
    [
        ("datetime64(3)", '"2026-11-20 21:39:43.761"', 761),
        ("datetime64(9)", '"2026-11-20 21:39:43.761999999"', 761),
        ("datetime", '"2026-11-20 21:39:43"', 0),
        ("string", '"2026-11-20T21:39:43.5Z"', 500),
        ("int64", "1795210783", 0),
    ],
)
def test_event_time_is_a_copy_of_a_column(t: str, given: str, ms: int) -> None:
    s = schema(("at", t), event_time_column="at")
    decoded = Decoder(s, Session).decode([("streaming", f'{{"at":{given}}}'.encode())], NOW)
    assert decoded.rows["_tp_time"].to_pylist()[0] == datetime.datetime(
        2026, 11, 20, 21, 39, 43, ms * 1000
    )


def test_event_time_given_missing_or_computed() -> None:
    s = schema(("at", "nullable(date)"), event_time_column="at")
    rows = stored(s, '{"at":"2026-02-03"}{}{"at":"2026-02-03","_tp_time":"2020-01-01 00:00:00"}')
    day = datetime.datetime
    assert [r["_tp_time"] for r in rows] == [day(2026, 2, 3), NOW_TIME, day(2020, 1, 1)]
    s = schema(("at", "datetime64(3)", NOW_SQL), event_time_column="at")
    assert [r["_tp_time"] for r in stored(s, '{}{"at":1}')] == [NOW_TIME, day(1970, 1, 1, 0, 0, 1)]
    s = schema(
        ("ms", "int64"),
        ("later", "datetime64(3)", '"_tp_time" + INTERVAL 1 DAY'),
        event_time_sql='make_timestamp_ms("ms")',
    )
    (row,) = stored(s, '{"ms":86400000}')
    assert (row["_tp_time"], row["later"]) == (day(1970, 1, 2), day(1970, 1, 3))
    s = schema(("a", "int8"), ("_tp_time", "datetime64(3, 'UTC')", "TIMESTAMP '2001-01-01'"))
    assert stored(s, "{}")[0]["_tp_time"] == day(2001, 1, 1)


def test_closed_decoders_leave_nothing_in_a_shared_session() -> None:
    session = Session()
    s = schema(("a", "int8"), ("b", "int32", 'CAST("a" AS INTEGER) + 1'))
    count = "SELECT count(*) AS n FROM (FROM duckdb_prepared_statements())"
    for _ in range(3):
        d = Decoder(s, lambda: session)
        d.decode([("streaming", b"{}"), ("streaming", b'{"b":1}{}')], NOW)
        assert session.query(count)["n"].to_pylist() != [0]
        d.close()
    assert session.query(count)["n"].to_pylist() == [0]


def test_an_expression_that_takes_too_long_refuses_its_body() -> None:
    """It is interrupted; the next body of another shape is decoded."""
    slow = 'list_sum(list_transform(range(100000 + "a"), lambda x: x % 7))'
    s = schema(("a", "int64"), ("b", "int64", f"CAST({slow} AS BIGINT)"))
    session = Session(seconds_max=1)
    d = Decoder(s, lambda: session)
    began = time.monotonic()
    many = b'{"a":1}' * 50_000
    decoded = d.decode([("streaming", many)], NOW)
    assert decoded.errors[0].code == 159
    assert "column 'b' took too long" in decoded.errors[0].message
    assert time.monotonic() - began < 20
    assert d.decode([("streaming", b'{"a":1,"b":2}')], NOW).rows["b"].to_pylist() == [2]
    session.close()


def test_a_failing_expression_refuses_its_body_alone() -> None:
    s = schema(("text", "string"), ("n", "int32", 'CAST("text" AS INTEGER)'))
    d = Decoder(s, Session)
    good, bad = b'{"text":"1"}', b'{"text":"1"}{"text":"2"}{"text":"x"}'
    decoded = d.decode([("streaming", good), ("streaming", bad), ("streaming", good)], NOW)
    assert decoded.rows["n"].to_pylist() == [1, 1]
    assert decoded.errors.keys() == {1}
    assert decoded.errors[1].message.startswith("row 3: cannot compute column 'n': ")


def test_defaults_that_cannot_work() -> None:
    with pytest.raises(UserError, match="circle"):
        Completer(schema(("a", "int8", '"b"'), ("b", "int8", '"a"')), Session)
    with pytest.raises(UserError, match="not valid"):
        Completer(schema(("a", "int8", "no_such(1)")), Session)
    with pytest.raises(UserError, match="interval_second"):
        Decoder(schema(("a", "interval_second")), Session)


def test_materialized_columns_cannot_be_given() -> None:
    s = schema(("a", "int8"), ("m", "int8", '"a"', "materialized"))
    decoded = Decoder(s, Session).decode([("compact", b'{"columns":["m"],"data":[[1]]}')], NOW)
    assert decoded.errors[0].code == Code.NO_SUCH_COLUMN_IN_STREAM
    assert "'m' is computed" in decoded.errors[0].message


def insert(t: str, values: pa.Array) -> object:
    """The first row of an INSERT of one column."""
    d = Decoder(schema(("v", t)), Session)
    batch = d.complete(pa.table({"v": values}), NOW)
    assert batch.schema == d.arrow_schema
    assert batch["_tp_time"].to_pylist() == [NOW_TIME] * len(values)
    payload: object = batch["v"].to_pylist()[0]
    return payload


@pytest.mark.parametrize(
    ("t", "values", "expected"),
    [
        ("int32", pa.array([5], pa.int64()), 5),
        ("int8", pa.array([2.0]), 2),
        ("int64", pa.array([Decimal(7)], pa.decimal128(38, 0)), 7),
        ("int32", pa.array(["12"]), 12),
        ("int32", pa.array([True]), 1),
        ("int128", pa.array([Decimal(2**100)], pa.decimal128(38, 0)), str(2**100)),
        ("uint256", pa.array([5], pa.int32()), "5"),
        ("float32", pa.array([1], pa.int32()), 1.0),
        ("float64", pa.array([Decimal("1.5")]), 1.5),
        ("float64", pa.array([float("inf")]), float("inf")),
        ("bool", pa.array([2], pa.int8()), True),
        ("string", pa.array([1.5]), "1.5"),
        ("string", pa.array([datetime.date(2026, 1, 2)]), "2026-01-02"),
        ("string", pa.array([[1, 2]]), "[1,2]"),
        ("decimal(5, 2)", pa.array([1.1]), Decimal("1.10")),
        ("decimal(5, 2)", pa.array([3], pa.int32()), Decimal("3.00")),
        ("date", pa.array([datetime.datetime(1969, 12, 31, 23)]), datetime.date(1969, 12, 31)),
        ("datetime", pa.array([datetime.date(2026, 1, 2)]), datetime.datetime(2026, 1, 2)),
        ("datetime64(3)", pa.array([1767225600123456], pa.timestamp("us")), NOW_TIME),
        ("datetime64(3)", pa.array([1767225600123], pa.timestamp("ms", "UTC")), NOW_TIME),
        ("datetime64(3)", pa.array(["2026-01-01 00:00:00.123"]), NOW_TIME),
        ("datetime64(3)", pa.array([1767225600], pa.int32()), NOW_TIME.replace(microsecond=0)),
        ("uuid", pa.array(["6BA7B810-9DAD-11D1-80B4-00C04FD430C8"]),
         "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("enum8('a' = 1)", pa.array(["a"]).dictionary_encode(), "a"),
        ("enum8('a' = 1)", pa.array([1], pa.int32()), "a"),
        ("array(int8)", pa.array([[1, 2]], pa.list_(pa.int64())), [1, 2]),
        ("array(int8)", pa.array(["[1,2]"]), [1, 2]),
        ("tuple(a int8, b string)", pa.array([{"x": 1, "y": 2}]), None),
        ("tuple(a int8, b string)", pa.array([{"a": 1, "b": 2}]), {"a": 1, "b": "2"}),
        ("map(string, int8)", pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [("k", 1)]),
        ("int8", pa.array([None], pa.null()), 0),
        ("nullable(int8)", pa.array([None], pa.int64()), None),
    ],
)  # fmt: skip
def test_insert_casts_to_the_stored_type(t: str, values: pa.Array, expected: object) -> None:
    if expected is None and "tuple" in t:
        expected = {"a": 1, "b": "2"}  # a tuple is taken by position
    assert insert(t, values) == expected


@pytest.mark.parametrize(
    ("t", "values"),
    [
        ("int8", pa.array([1, 300])),
        ("uint8", pa.array([1, -1])),
        ("int32", pa.array(["1", "x"])),
        ("int8", pa.array([1.0, 2.9])),
        ("int8", pa.array([1.0, float("nan")])),
        ("int64", pa.array([Decimal("1.00"), Decimal("1.50")])),
        ("float32", pa.array([1.0, 1e300])),
        ("datetime64(3)", pa.array(["2026-01-01", "soon"])),
        ("datetime64(9)", pa.array([datetime.datetime(2026, 1, 1), datetime.datetime(9000, 1, 1)])),
        ("enum8('a' = 1)", pa.array(["a", "b"])),
        ("fixed_string(1)", pa.array(["a", "bc"])),
        ("decimal(3, 2)", pa.array([1.0, 10.0])),
        ("array(int8)", pa.array([[1], [1, 300]])),
        ("json", pa.array([1.0, float("nan")]).cast(pa.string()).fill_null("x")),
    ],
)
def test_insert_of_a_bad_value_names_row_and_column(t: str, values: pa.Array) -> None:
    if t == "json":
        assert insert(t, values) == "1"
        return
    with pytest.raises(IngestError, match=r"^row 2, column 'v': ") as caught:
        insert(t, values)
    assert caught.value.code == Code.TYPE_MISMATCH


def test_insert_of_some_columns() -> None:
    d = Decoder(schema(("a", "int8"), ("b", "string", "'x'"), ("c", "int8", '"a"')), Session)
    batch = d.complete(pa.table({"a": pa.array([1, None])}), NOW)
    assert [tuple(r.values())[:3] for r in batch.to_pylist()] == [(1, "x", 1), (0, "x", 0)]
    assert d.complete(pa.table({"a": pa.array([], pa.int64())}), NOW).num_rows == 0
    with pytest.raises(IngestError, match="no such column 'z'") as caught:
        d.complete(pa.table({"z": [1]}), NOW)
    assert caught.value.code == Code.NO_SUCH_COLUMN_IN_STREAM


def test_what_duckdb_gives_back_is_stored_as_declared() -> None:
    """Zero values by SQL, by the table of types and by the decoder are the same."""
    from engine.types import duckdb_type, zero_sql

    session = Session()
    names = ["int256", "float32", "array(map(string, date))", "tuple(a enum8('b' = 1), b uuid)",
             "datetime64(9)", "decimal(40, 3)", "json", "nullable(ipv6)"]  # fmt: skip
    for name in names:
        t = parse_type(name)
        (row,) = stored(schema(("v", name)), "{}")
        table = session.query(f"SELECT CAST({zero_sql(t)} AS {duckdb_type(t)}) AS v")
        assert table["v"].type == arrow_type(t)
        assert table["v"].to_pylist() == [row["v"]], json.dumps(name)


def test_random_defaults_differ_by_row_and_append() -> None:
    s = schema(("i", "int8"), ("r", "uint64", "hash(__row, CAST({seed} AS UBIGINT))"))
    decoder = Decoder(s, Session, seed=7)
    bodies = [b'{"i":1}\n{"i":2}', b'{"i":3}']
    values = [
        row["r"]
        for body in bodies
        for row in decoder.decode([("streaming", body)], NOW).rows.to_pylist()
    ]
    assert len(set(values)) == 3
    again = Decoder(s, Session, seed=8).decode([("streaming", bodies[0])], NOW).rows.to_pylist()
    assert again[0]["r"] != values[0]
