"""Every type through every format: what was sent is what the encoder prints."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_values import SCALARS, Json, comparable, dumps, scalar_types, texts, types, values_of

from engine.duck import Session
from engine.encode import JsonEncoder
from engine.ingest.decoder import Decoder
from engine.protocol import IngestFormat
from engine.schema import StoredColumn, StoredSchema
from engine.type_parser import parse_type
from engine.types import DATETIME64_3_UTC, DataType, array, nullable
from tests.examples import examples

NOW = 1_767_225_600_123
relaxed = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck)
)


def decoder(*columns: tuple[str, DataType]) -> Decoder:
    """A decoder of a stream with these columns and no defaults."""
    stored = [StoredColumn(name, t) for name, t in columns]
    return Decoder(StoredSchema((*stored, StoredColumn("_tp_time", DATETIME64_3_UTC))), Session)


def read_back(
    d: Decoder, columns: tuple[tuple[str, DataType], ...], *bodies: tuple[IngestFormat, bytes]
):
    """Rows as the API prints them, without `_tp_time`."""
    decoded = d.decode(bodies, NOW)
    assert not decoded.errors, decoded.errors
    names = [name for name, _ in columns]
    payload = JsonEncoder(columns).encode(decoded.rows.select(names))
    assert b"\n" not in payload and b"\r" not in payload
    rows = json.loads(payload, parse_float=Decimal)
    return [[comparable(v, t) for v, (_, t) in zip(row, columns, strict=True)] for row in rows]


def expected(rows: list[tuple[Json, ...]], columns: tuple[tuple[str, DataType], ...]):
    """The rows sent, in comparable form."""
    return [[comparable(v, t) for v, (_, t) in zip(row, columns, strict=True)] for row in rows]


def compact(names: list[str], rows: list[tuple[Json, ...]]) -> bytes:
    """A compact body."""
    return f'{{"columns":{dumps(names)},"data":{dumps([list(r) for r in rows])}}}'.encode()


def streaming(names: list[str], rows: list[tuple[Json, ...]], gap: str = "\n") -> bytes:
    """A streaming body with `gap` between the objects."""
    return gap.join(dumps(dict(zip(names, row, strict=True))) for row in rows).encode()


@relaxed
@given(st.data(), types)
def test_any_type_through_compact_and_streaming(data: st.DataObject, t: DataType) -> None:
    columns = (("a b", t),)
    rows = data.draw(st.lists(st.tuples(values_of(t)), max_size=5))
    d = decoder(*columns)
    assert read_back(d, columns, ("compact", compact(["a b"], rows))) == expected(rows, columns)
    gap = data.draw(st.sampled_from(["", "\n", " \r\n\t ", "\n\n"]))
    body = streaming(["a b"], rows, gap)
    assert read_back(d, columns, ("streaming", body)) == expected(rows, columns)
    listed = b"[" + streaming(["a b"], rows, ",") + b"]"
    assert read_back(d, columns, ("streaming", listed)) == expected(rows, columns)


@pytest.mark.parametrize("name", SCALARS)
@settings(relaxed, max_examples=examples(25))
@given(data=st.data())
def test_each_scalar_alone_nullable_and_in_an_array(data: st.DataObject, name: str) -> None:
    t = parse_type(name)
    columns = (("plain", t), ("maybe", nullable(t)), ("list", array(nullable(t))))
    row = st.tuples(*(values_of(c) for _, c in columns))
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    names = [n for n, _ in columns]
    d = decoder(*columns)
    assert read_back(d, columns, ("compact", compact(names, rows))) == expected(rows, columns)
    assert read_back(d, columns, ("streaming", streaming(names, rows))) == expected(rows, columns)


@relaxed
@given(st.data(), scalar_types)
def test_every_value_may_come_as_a_text(data: st.DataObject, t: DataType) -> None:
    columns = (("v", t),)
    rows = data.draw(st.lists(st.tuples(values_of(t)), max_size=4))
    as_text = [(v if isinstance(v, str) else dumps(v),) for (v,) in rows]
    body = compact(["v"], as_text)
    assert read_back(decoder(*columns), columns, ("compact", body)) == expected(rows, columns)


STRING = parse_type("string")


@relaxed
@given(st.text(st.characters(codec="utf-8")))
def test_raw_is_the_whole_body(text: str) -> None:
    columns = (("raw", STRING),)
    assert read_back(decoder(*columns), columns, ("raw", text.encode())) == [[text]]


@relaxed
@given(st.lists(texts), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_lines_are_split_at_line_feeds(lines: list[str], end: str, closed: bool) -> None:
    lines = [line.replace("\n", "").rstrip("\r") for line in lines]
    if lines and not lines[-1]:
        closed = True
    body = end.join(lines) + (end if closed and lines else "")
    columns = (("raw", STRING),)
    found = read_back(decoder(*columns), columns, ("lines", body.encode()))
    assert found == [[line] for line in lines]


@relaxed
@given(values_of(parse_type("json")))
def test_a_document_is_the_same_written_or_as_text(text: Json) -> None:
    assert isinstance(text, str)
    columns = (("j", parse_type("json")),)
    d = decoder(*columns)
    body = f'{{"columns":["j"],"data":[[{text}]]}}'.encode()
    (row,) = read_back(d, columns, ("compact", body))
    assert isinstance(row[0], str)
    if not text.startswith('"'):  # a JSON text is a text in the body: what it says counts
        assert row == [text]
    msgspec.json.decode(row[0])


_NUMBERS = st.sampled_from(
    ["0", "-0", "1", "-1", "1.5", "1e3", "1E-3", "1e-999999999", "1e999999999", "1e400", "-1e39",
     "9" * 50, "-" + "9" * 400, "9" * 5000, "0." + "1" * 90, "1767225600", "1767225600123",
     "9223372036854775808", "1e18", "-62135596801", "253402300800", "true", "false", "null"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["nan", "-Infinity", "0000-00-00", "0000-01-01 00:00:00", "2026-02-29", "2026-1-2 3:4", "+5",
     "9999-12-31T23:59:59.999999999-18:00", "0001-01-01 00:00:00+23:59", "2026-01-01 24:00:00",
     "::", "::ffff:1.2.3.4", "1.2.3", "a", "{}", "[]", "[1,", '{"s":1}', " 7 ", "1767225600.5",
     "12:30", "20260101", "٣", "\u0000", "{" * 200]
)  # fmt: skip
_raw_scalars = _NUMBERS | (_WORDS | _NUMBERS | texts).map(dumps)
_raw_json = st.recursive(
    _raw_scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.dictionaries(st.sampled_from(["1", "s", "i x", "é"]), inner, max_size=3).map(
            lambda d: "{" + ",".join(f"{dumps(k)}:{v}" for k, v in d.items()) + "}"
        )
    ),
    max_leaves=6,
)


@settings(relaxed, max_examples=examples(400))
@given(types, st.lists(_raw_json, min_size=1, max_size=3))
def test_any_json_is_stored_or_refused_and_what_is_stored_reads_back(
    t: DataType, raws: list[str]
) -> None:
    columns = (("v", t),)
    d = decoder(*columns)
    body = f'{{"columns":["v"],"data":[{",".join(f"[{raw}]" for raw in raws)}]}}'.encode()
    decoded = d.decode([("compact", body)], NOW)
    if decoded.errors:
        assert decoded.rows.num_rows == 0
        message = decoded.errors[0].message
        assert message.startswith("row ") and "column 'v'" in message, message
        return
    printed = JsonEncoder(columns).encode(decoded.rows.select(["v"]))
    body = compact(["v"], json.loads(printed, parse_float=Decimal))
    again = d.decode([("compact", body)], NOW)
    assert not again.errors, again.errors
    assert JsonEncoder(columns).encode(again.rows.select(["v"])) == printed
