"""Names of types, their storage in Arrow and DuckDB, zero values and common types."""

from __future__ import annotations

import pyarrow as pa
import pytest

from engine.duck import Session
from engine.errors import Code, SqlError
from engine.type_parser import parse_type
from engine.type_promotion import integer_type, supertype
from engine.types import (
    BOOL,
    INT64,
    NULL,
    STRING,
    arrow_type,
    duckdb_type,
    integer_range,
    not_nullable,
    nullable,
    zero_sql,
    zero_value,
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("int", "int32"),
        ("INTEGER", "int32"),
        ("bigint", "int64"),
        ("float", "float32"),
        ("double", "float64"),
        ("varchar", "string"),
        ("datetime32", "datetime"),
        ("datetime('Asia/Tokyo')", "datetime('Asia/Tokyo')"),
        ("datetime64", "datetime64(3)"),
        ("DateTime64(3,'UTC')", "datetime64(3, 'UTC')"),
        ("decimal32(3)", "decimal(9, 3)"),
        ("decimal64(3)", "decimal(18, 3)"),
        ("decimal128(9)", "decimal(38, 9)"),
        ("decimal256(9)", "decimal(76, 9)"),
        ("decimal(10,2)", "decimal(10, 2)"),
        ("decimal(5)", "decimal(5, 0)"),
        ("array( string )", "array(string)"),
        ("tuple(s string, i int)", "tuple(s string, i int32)"),
        ("tuple(int, varchar)", "tuple(int32, string)"),
        ("tuple(`a b` int)", "tuple(`a b` int32)"),
        ("map(string, array(nullable(int)))", "map(string, array(nullable(int32)))"),
        ("low_cardinality(nullable(string))", "low_cardinality(nullable(string))"),
        ("enum8('a'=1,'b')", "enum8('a' = 1, 'b' = 2)"),
        ("enum('x' = 1000)", "enum16('x' = 1000)"),
        ("enum8('it''s' = -1)", "enum8('it\\'s' = -1)"),
        ("fixed_string(16)", "fixed_string(16)"),
        ("interval_second", "interval_second"),
        ("json", "json"),
    ],
)
def test_names(written: str, canonical: str) -> None:
    t = parse_type(written)
    assert str(t) == canonical
    assert parse_type(canonical) == t


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("strng", 50, "unknown type 'strng'"),
        ("array(strng)", 50, "unknown type 'strng' in 'array(strng)'"),
        ("", 62, "missing"),
        ("array", 36, "array takes a type"),
        ("array(int", 62, "expected ')'"),
        ("int int", 62, "unexpected int"),
        ("int; drop", 62, "unexpected"),
        ("datetime64(10)", 69, "scale from 0 to 9"),
        ("datetime64(3, 'Mars/Base')", 36, "unknown time zone 'Mars/Base'"),
        ("decimal(77, 1)", 69, "precision is 1 to 76"),
        ("decimal(5, 6)", 69, "scale"),
        ("fixed_string", 36, "fixed_string takes 1 numbers"),
        ("enum8('a' = 200)", 69, "values of enum8"),
        ("enum8('a' = 1, 'b' = 1)", 36, "stands twice"),
        ("nullable(nullable(int))", 43, "not allowed"),
        ("map(nullable(string), int)", 43, "key of a map"),
        ("tuple(a int, A int)", 15, "stands twice"),
        ("tuple()", 36, "at least one"),
        ("array(" * 40 + "int" + ")" * 40, 36, "deeper"),
    ],
)
def test_bad_names(written: str, code: int, words: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_type(written)
    assert caught.value.code == code
    assert words in caught.value.message


STORED = {
    "int8": pa.int8(),
    "uint64": pa.uint64(),
    "int128": pa.string(),
    "uint256": pa.string(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "fixed_string(3)": pa.string(),
    "json": pa.string(),
    "uuid": pa.string(),
    "ipv4": pa.string(),
    "ipv6": pa.string(),
    "enum16('b' = 2, 'a' = 1)": pa.string(),
    "date": pa.date32(),
    "date32": pa.date32(),
    "datetime": pa.timestamp("s"),
    "datetime64(0)": pa.timestamp("ms"),
    "datetime64(3, 'UTC')": pa.timestamp("ms"),
    "datetime64(6)": pa.timestamp("us"),
    "datetime64(9)": pa.timestamp("ns"),
    "decimal(10, 2)": pa.decimal128(10, 2),
    "decimal(39, 2)": pa.string(),
    "array(nullable(int8))": pa.list_(pa.int8()),
    "map(string, date)": pa.map_(pa.string(), pa.date32()),
    "tuple(int8, string)": pa.struct([("1", pa.int8()), ("2", pa.string())]),
    'tuple(`a "b` int8)': pa.struct([('a "b', pa.int8())]),
    "nullable(float64)": pa.float64(),
    "low_cardinality(string)": pa.string(),
    "interval_day": pa.month_day_nano_interval(),
}


@pytest.mark.parametrize("name", STORED)
def test_storage_is_the_same_in_arrow_and_duckdb(name: str) -> None:
    t = parse_type(name)
    assert arrow_type(t) == STORED[name]
    session = Session()
    null = session.query(f"SELECT CAST(NULL AS {duckdb_type(t)}) AS v")["v"]
    assert null.type == STORED[name]
    zero = session.query(f"SELECT {zero_sql(t)} AS v")["v"]
    assert zero.type == STORED[name]
    assert zero[0].equals(pa.scalar(zero_value(t), STORED[name]))
    assert zero[0].is_valid != t.is_nullable


def test_properties() -> None:
    t = parse_type("low_cardinality(nullable(string))")
    assert t.is_nullable and t.is_string and t.inner == STRING
    assert str(not_nullable(t)) == "low_cardinality(string)"
    assert str(nullable(parse_type("low_cardinality(string)"))) == str(t)
    assert parse_type("nullable(uint16)").is_integer and not parse_type("uint16").is_signed
    assert parse_type("decimal(10, 2)").scale == 2
    assert parse_type("datetime64(6, 'Asia/Tokyo')").zone == "Asia/Tokyo"
    assert parse_type("datetime('UTC')").zone == "UTC"
    assert not BOOL.is_numeric
    assert integer_range(parse_type("int8")) == (-128, 127)
    assert integer_range(parse_type("uint256")) == (0, 2**256 - 1)


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        ("int8", "int64", "int64"),
        ("uint8", "int8", "int16"),
        ("uint32", "int32", "int64"),
        ("uint64", "uint8", "uint64"),
        ("bool", "int32", "int32"),
        ("float32", "int16", "float32"),
        ("float32", "int32", "float64"),
        ("int64", "float64", "float64"),
        ("decimal(5, 2)", "decimal(6, 4)", "decimal(7, 4)"),
        ("decimal(5, 2)", "int8", "decimal(5, 2)"),
        ("decimal(5, 2)", "float32", "float64"),
        ("string", "fixed_string(3)", "string"),
        ("string", "enum8('a' = 1)", "string"),
        ("string", "low_cardinality(string)", "string"),
        ("low_cardinality(string)", "low_cardinality(nullable(string))",
         "low_cardinality(nullable(string))"),
        ("date", "datetime", "datetime"),
        ("datetime", "datetime64(6, 'UTC')", "datetime64(6, 'UTC')"),
        ("nullable(int8)", "int16", "nullable(int16)"),
        ("array(int8)", "array(nullable(int32))", "array(nullable(int32))"),
        ("tuple(int8, string)", "tuple(int16, string)", "tuple(int16, string)"),
        ("map(string, int8)", "map(string, float64)", "map(string, float64)"),
    ],
)  # fmt: skip
def test_common_types(a: str, b: str, common: str) -> None:
    assert str(supertype(parse_type(a), parse_type(b))) == common
    assert str(supertype(parse_type(b), parse_type(a))) == common


def test_no_common_type() -> None:
    for a, b in (("string", "int8"), ("uint64", "int64"), ("date", "int8"), ("uuid", "string")):
        with pytest.raises(SqlError, match=f"no common type of {a} and {b}"):
            supertype(parse_type(a), parse_type(b))
    assert str(supertype(NULL, INT64)) == "nullable(int64)"
    assert supertype(STRING, STRING) is STRING


def test_integer_literals_take_the_smallest_type() -> None:
    found = [str(integer_type(v)) for v in (0, 255, 256, -1, -129, 2**63, -(2**63), 2**64)]
    assert found == [
        "uint8", "uint8", "uint16", "int8", "int16", "uint64", "int64", "uint128",
    ]  # fmt: skip
    assert integer_type(2**256) is None
    assert Code.UNKNOWN_TYPE == 50
