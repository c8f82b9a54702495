"""Results as Arrow: what the engine encodes comes back with the types and values it had."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.client import ClientError, Column, Result
from controlplane.clientlib import results
from controlplane.clientlib.column_types import parse
from controlplane.clientlib.errors import NotInstalled
from controlplane.clientlib.frames import BatchReader
from engine.encode import JsonEncoder
from engine.type_parser import parse_type
from engine.types import arrow_type

# A column: name of its type, what Arrow it should be, and pairs of what the engine stores and
# what the client should make of it.
Values = st.SearchStrategy[tuple[Any, Any]]
Kind = tuple[str, pa.DataType, Values]

SUMMER = 47_000_000  # 1971-06-28: no hour is there twice for months
YEAR = 365 * 86_400


def same(values: st.SearchStrategy[Any]) -> Values:
    return values.map(lambda v: (v, v))


def whole(bits: int, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(*((-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)))


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**precision - 1
    return st.integers(-top, top).map(lambda n: Decimal(n).scaleb(-scale, None))


def summers(per_second: int, top: int = 2150) -> st.SearchStrategy[int]:
    """Instants of any year up to `top`, in months in which no zone here changes its clock."""
    seconds = st.tuples(st.integers(0, top - 1972), st.integers(0, 20 * 86_400)).map(
        lambda at: SUMMER + at[0] * YEAR + at[0] // 4 * 86_400 + at[1]
    )
    parts = st.integers(0, per_second - 1)
    return st.tuples(seconds, parts).map(lambda at: at[0] * per_second + at[1])


def text() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), max_size=8)


INTEGERS: list[Kind] = [
    (f"{sign}int{bits}", getattr(pa, f"{sign}int{bits}")(), same(whole(bits, not sign)))
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
]
WIDE: list[Kind] = [
    (f"{sign}int128", pa.decimal256(39, 0),
     whole(128, not sign).map(lambda n: (str(n), Decimal(n))))
    for sign in ("", "u")
] + [
    (f"{sign}int256", pa.string(), whole(256, not sign).map(lambda n: (str(n), str(n))))
    for sign in ("", "u")
]  # fmt: skip
NUMBERS: list[Kind] = [
    ("float32", pa.float32(), same(st.floats(width=32, allow_nan=False))),
    ("float64", pa.float64(), same(st.floats(allow_nan=False))),
    ("decimal(9, 2)", pa.decimal128(9, 2), same(decimals(9, 2))),
    ("decimal(38, 12)", pa.decimal128(38, 12), same(decimals(28, 12))),
    ("decimal(60, 3)", pa.decimal256(60, 3),
     st.integers(0, 10**57 - 1).map(lambda n: (f"{n}.125", Decimal(f"{n}.125")))),
    ("bool", pa.bool_(), same(st.booleans())),
    ("interval_hour", pa.int64(),
     st.integers(0, 9).map(lambda n: (pa.MonthDayNano([0, 0, n * 3_600 * 10**9]), n))),
]  # fmt: skip
TIMES: list[Kind] = [
    ("date", pa.date32(), same(st.dates())),
    ("datetime", pa.timestamp("s", "UTC"), same(st.integers(-(10**10), 2 * 10**11))),
    ("datetime('Asia/Kolkata')", pa.timestamp("s", "Asia/Kolkata"), same(summers(1))),
    ("datetime64(0)", pa.timestamp("ms", "UTC"),
     st.integers(-(10**10), 10**11).map(lambda n: (n * 1000, n * 1000))),
    ("datetime64(3, 'UTC')", pa.timestamp("ms", "UTC"), same(summers(1_000, 9_000))),
    ("datetime64(3, 'America/New_York')", pa.timestamp("ms", "America/New_York"),
     same(summers(1_000))),
    ("datetime64(6)", pa.timestamp("us", "UTC"), same(summers(10**6))),
    ("datetime64(9, 'Europe/Paris')", pa.timestamp("ns", "Europe/Paris"), same(summers(10**9))),
]  # fmt: skip
TEXTS: list[Kind] = [
    ("string", pa.string(), same(text())),
    ("low_cardinality(string)", pa.string(), same(text())),
    ("json", pa.string(), st.just(('{"a": [1]}', '{"a": [1]}'))),
    ("uuid", pa.string(), same(st.uuids().map(str))),
    ("ipv6", pa.string(), same(st.ip_addresses(v=6).map(str))),
    ("enum8('it''s, (a)' = 1, 'b' = 2)".replace("''", "\\'"), pa.string(),
     same(st.sampled_from(["it's, (a)", "b"]))),
]  # fmt: skip
LEAVES = [*INTEGERS, *WIDE, *NUMBERS, *TIMES, *TEXTS]
# Keys of maps are texts in JSON, whatever their type.
KEYS = [kind for kind in LEAVES if not kind[0].startswith(("float", "interval", "low", "bool"))]


def paired(values: st.SearchStrategy[list[tuple[Any, Any]]], shape: Callable[..., Any]) -> Values:
    return values.map(lambda v: (shape(a for a, _ in v), shape(b for _, b in v)))


def or_null(kind: Kind) -> Kind:
    name, arrow, values = kind
    return f"nullable({name})", arrow, st.none().map(lambda _: (None, None)) | values


def array(kind: Kind) -> Kind:
    name, arrow, values = kind
    field = pa.field("item", arrow, name.startswith("nullable"))
    return f"array({name})", pa.list_(field), paired(st.lists(values, max_size=3), list)


def tuple_(kinds: list[Kind]) -> Kind:
    """The first field has no name, the others have odd ones."""
    names = ["1", *(f"f {at}" for at in range(2, len(kinds) + 1))]
    inner = ", ".join(
        name if at == 0 else f"`{field}` {name}"
        for at, (field, (name, _, _)) in enumerate(zip(names, kinds, strict=True))
    )
    if len(kinds) > 1:
        inner = f"`1` {inner}"
    fields = [
        pa.field(field, arrow, name.startswith("nullable"))
        for field, (name, arrow, _) in zip(names, kinds, strict=True)
    ]
    values = st.tuples(*(values for _, _, values in kinds))
    made = values.map(
        lambda v: ({n: a for n, (a, _) in zip(names, v, strict=True)},
                   {n: b for n, (_, b) in zip(names, v, strict=True)})
    )  # fmt: skip
    return f"tuple({inner})", pa.struct(fields), made


def map_(key: Kind, value: Kind) -> Kind:
    arrow = pa.map_(
        pa.field("key", key[1], False), pa.field("value", value[1], value[0].startswith("null"))
    )
    entries = st.lists(
        st.tuples(key[2], value[2]), max_size=3, unique_by=lambda entry: str(entry[0][0])
    )
    made = entries.map(lambda v: ([(k[0], i[0]) for k, i in v], [(k[1], i[1]) for k, i in v]))
    return f"map({key[0]}, {value[0]})", arrow, made


def kinds() -> st.SearchStrategy[Kind]:
    leaves = st.sampled_from(LEAVES)
    base = leaves | leaves.filter(lambda kind: not kind[0].startswith("low")).map(or_null)

    def larger(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
        return (
            inner.map(array)
            | st.lists(inner, min_size=1, max_size=3).map(tuple_)
            | st.tuples(st.sampled_from(KEYS), inner).map(lambda pair: map_(*pair))
        )

    return st.recursive(base, larger, max_leaves=4)


@settings(max_examples=150, deadline=None)  # there are many types
@given(st.data())
def test_rows_come_back_as_the_engine_had_them(data: st.DataObject) -> None:
    name, wanted, values = data.draw(kinds())
    drawn = data.draw(st.lists(values, max_size=5))
    dialect = parse_type(name)
    stored = pa.array([a for a, _ in drawn], arrow_type(dialect))
    rows = pa.RecordBatch.from_arrays([stored], names=["v"])
    piece = JsonEncoder([("v", dialect)]).encode(rows)
    reader = BatchReader([Column("v", str(dialect))])
    batch = reader.batch(piece)
    assert batch.schema.field(0).type == wanted
    assert batch.schema.field(0).nullable == dialect.is_nullable
    expected = pa.array([b for _, b in drawn], wanted)
    assert batch.column(0).equals(expected), (batch.column(0), expected)
    batch.validate(full=True)


@pytest.mark.parametrize("wrap", ["{}", "array({})", "tuple({})", "map(string, {})"])
@pytest.mark.parametrize("family", ["float32", "float64"])
def test_texts_of_what_is_no_number_become_floats(wrap: str, family: str) -> None:
    forms = {"{}": "{}", "array({})": "[{}]", "tuple({})": "[{}]", "map(string, {})": '{{"k":{}}}'}
    texts = ['"inf"', '"-inf"', '"nan"', "1.5", "2"]
    rows = ",".join(f"[{forms[wrap].format(v)}]" for v in texts)
    batch = BatchReader([Column("v", wrap.format(family))]).batch(f"[{rows}]".encode())
    column = batch.column(0)
    flat = column.flatten() if wrap.startswith("array") else column
    if wrap.startswith("tuple"):
        flat = column.flatten()[0]
    if wrap.startswith("map"):
        flat = column.items
    values = flat.to_pylist()
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
    assert values[3:] == [1.5, 2.0]


def test_fields_know_the_name_of_their_type() -> None:
    schema = BatchReader([Column("id", "uint256"), Column("at", "datetime64(3, 'UTC')")]).schema
    assert [field.metadata[b"tailrace.type"] for field in schema] == [
        b"uint256",
        b"datetime64(3, 'UTC')",
    ]


def test_null_columns_and_types_of_a_newer_server() -> None:
    header = [Column("n", "nullable(nothing)"), Column("p", "point(2)"), Column("s", "stamp")]
    batch = BatchReader(header).batch(b'[[null,[1,2.5],"a"],[null,null,null]]')
    assert batch.schema.types == [pa.null(), pa.string(), pa.string()]
    assert batch.to_pylist() == [
        {"n": None, "p": "[1,2.5]", "s": "a"},
        {"n": None, "p": None, "s": None},
    ]


@pytest.mark.parametrize("piece", [b"[[1,2]]", b'[["x"]]', b"[[300]]", b"{}", b"[[1]"])
def test_rows_that_do_not_fit_their_columns_are_an_error(piece: bytes) -> None:
    with pytest.raises(ClientError, match="cannot be read as their columns say"):
        BatchReader([Column("v", "int8")]).batch(piece)


@pytest.mark.parametrize("name", ["array(int8", "tuple(`a int8)", "array(" * 99 + ")" * 99])
def test_types_without_a_form_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="The type"):
        parse(name)


def result() -> Result:
    header = [
        Column("id", "int64"),
        Column("price", "decimal(30, 20)"),
        Column("at", "datetime64(3)"),
        Column("big", "uint128"),
    ]
    piece = f'[[1,0.12345678901234567890,"2026-01-02 03:04:05.678","{2**128 - 1}"]]'.encode()
    return Result(header, [piece, b"[]", piece])


def test_rows_of_a_result_are_exact() -> None:
    one = (1, Decimal("0.12345678901234567890"), "2026-01-02 03:04:05.678", str(2**128 - 1))
    assert result().rows == list(result()) == [one, one]
    assert len(result()) == 2
    assert result().to_dicts()[0] == dict(zip(("id", "price", "at", "big"), one, strict=True))


def test_table_of_a_result_has_a_chunk_for_each_piece() -> None:
    table = result().to_arrow()
    assert table.column("id").num_chunks == 3
    assert table.column("big").to_pylist() == [Decimal(2**128 - 1)] * 2
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678_000, datetime.UTC)
    assert table.column("at").to_pylist() == [at, at]
    assert Result([Column("id", "int8")], []).to_arrow().num_rows == 0


@pytest.mark.parametrize("package", ["pandas", "polars", "pyarrow"])
def test_missing_packages_are_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(results.importlib, "import_module", absent)
    form = {"pyarrow": "arrow"}.get(package, package)
    with pytest.raises(NotInstalled, match=f"need the package {package}") as caught:
        getattr(result(), f"to_{form}")()
    assert isinstance(caught.value, ClientError)


def test_narrow_tables_have_no_number_of_more_than_38_digits() -> None:
    header = [Column("a", "array(int128)"), Column("d", "map(string, decimal(39, 1))")]
    batch = BatchReader(header, narrow=True).batch(b'[[["5"],{"k":1.5}]]')
    assert str(batch.schema.types[0]) == "list<item: string not null>"
    assert batch.to_pylist() == [{"a": ["5"], "d": [("k", "1.5")]}]


def test_pandas_frame() -> None:
    frame = result().to_pandas()
    assert list(frame["id"]) == [1, 1]
    assert list(frame["price"]) == [Decimal("0.12345678901234567890")] * 2
    assert str(frame["at"].dtype) == "datetime64[ms, UTC]"
    top = 2**63 - 1
    some = Result([Column("n", "nullable(int64)")], [f"[[{top}],[null]]".encode()]).to_pandas()
    assert str(some["n"].dtype) == "Int64"
    assert some["n"][0] == top


def test_polars_frame() -> None:
    frame = result().to_polars()
    assert frame["id"].to_list() == [1, 1]
    assert frame["price"].to_list() == [Decimal("0.12345678901234567890")] * 2
    assert frame["big"].to_list() == [str(2**128 - 1)] * 2
