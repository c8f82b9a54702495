"""What a body may look like, what is refused and why, and that bodies never touch each other."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.duck import Session
from engine.errors import Code, IngestError, TooLarge, UserError
from engine.ingest.decoder import Decoder, IngestLimits
from engine.protocol import IngestFormat
from engine.schema import StoredColumn, StoredSchema
from engine.type_parser import parse_type
from engine.types import DATETIME64_3_UTC
from tests.examples import examples

NOW = 1_767_225_600_123
COLUMNS = {"id": "int32", "name": "string", "v": "float64", "at": "datetime64(3)"}


def no_session() -> Session:
    """Decoding without expressions never opens a DuckDB session."""
    raise AssertionError("a session was opened")


def decoder(columns: dict[str, str] = COLUMNS, limits: IngestLimits | None = None) -> Decoder:
    """A decoder of a stream with these columns and no defaults."""
    stored = [StoredColumn(name, parse_type(t)) for name, t in columns.items()]
    schema = StoredSchema((*stored, StoredColumn("_tp_time", DATETIME64_3_UTC)))
    return Decoder(schema, no_session, limits)


def rows_of(d: Decoder, format: IngestFormat, body: str | bytes) -> list[list[object]]:
    """Stored rows of an accepted body, without `_tp_time`."""
    decoded = d.decode([(format, body.encode() if isinstance(body, str) else body)], NOW)
    assert not decoded.errors, decoded.errors
    names = decoded.rows.schema.names[:-1]
    return [[row[name] for name in names] for row in decoded.rows.to_pylist()]


def refusal(d: Decoder, format: IngestFormat, body: str | bytes) -> UserError:
    """Why a body was refused; nothing of it is stored."""
    decoded = d.decode([(format, body.encode() if isinstance(body, str) else body)], NOW)
    assert decoded.rows.num_rows == 0
    assert decoded.borders.tolist() == [0]
    return decoded.errors[0]


def value(t: str, text: str) -> object:
    """One value, given as JSON, as it is stored."""
    return rows_of(decoder({"v": t}), "compact", f'{{"columns":["v"],"data":[[{text}]]}}')[0][0]


def bad_value(t: str, text: str) -> UserError:
    """Why a value, given as JSON, is refused."""
    good = {"bool": "true", "uuid": "null", "json": "1"}.get(t, "null")
    body = f'{{"columns":["v"],"data":[[{good}],[{text}]]}}'
    return refusal(decoder({"v": t}), "compact", body)


at = datetime.datetime
TIME = at(2026, 11, 20, 21, 39, 43, 761000)


@pytest.mark.parametrize(
    ("t", "text", "stored"),
    [
        ("int32", '"42"', 42),
        ("int32", "4.0", 4),
        ("int32", "1e3", 1000),
        ("int32", "true", 1),
        ("int64", '"-9223372036854775808"', -(2**63)),
        ("uint64", "18446744073709551615", 2**64 - 1),
        ("uint256", str(2**256 - 1), str(2**256 - 1)),
        ("float64", '"1.5"', 1.5),
        ("float64", "7", 7.0),
        ("float64", '"-INF"', float("-inf")),
        ("float64", "true", 1.0),
        ("bool", "0", False),
        ("bool", "1", True),
        ("bool", '"false"', False),
        ("string", "1.50", "1.50"),
        ("string", "false", "false"),
        ("string", '{"a": [1, 2]}', '{"a": [1, 2]}'),
        ("string", '["x"]', '["x"]'),
        ("array(string)", '[{"a":1}, 2, "x"]', ['{"a":1}', "2", "x"]),
        ("array(int8)", '"[1, 2]"', [1, 2]),
        ("array(int8)", "[1, null]", [1, 0]),
        ("array(nullable(int8))", "[1, null]", [1, None]),
        ("tuple(a int8, b string)", '{"b": "x", "zz": 1}', {"a": 0, "b": "x"}),
        ("map(int8, string)", '{"1": "a"}', [(1, "a")]),
        ("map(string, int8)", '[["a", 1], ["a", 2]]', [("a", 2)]),
        ("decimal(10, 2)", '"1.239"', Decimal("1.23")),
        ("uuid", '"6BA7B8109DAD11D180B400C04FD430C8"', "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("ipv6", '"2001:DB8:0::1"', "2001:db8::1"),
        ("ipv6", '"10.0.0.1"', "::ffff:10.0.0.1"),
        ("enum8('a' = 1, 'b' = 2)", "2", "b"),
        ("json", '{"a": 1}', '{"a": 1}'),
        ("json", '"hello"', '"hello"'),
        ("date", '"2026-11-20T21:39:43Z"', TIME.date()),
        ("date", "19000", datetime.date(2022, 1, 8)),
        ("date", "1795210783", TIME.date()),
        ("datetime64(3)", '"2026-11-20T21:39:43.761313"', TIME),
        ("datetime64(3)", '"2026-11-20 21:39:43.761Z"', TIME),
        ("datetime64(3)", '"2026-11-20T22:39:43.761+01:00"', TIME),
        ("datetime64(3)", '"2026-11-20T16:39:43.761999999-0500"', TIME),
        ("datetime64(1)", '"2026-11-20 21:39:43.761"', TIME.replace(microsecond=700000)),
        ("datetime64(3)", "1795210783.761", TIME),
        ("datetime64(3)", "1795210783761", TIME),
        ("datetime64(3)", '"1795210783761"', TIME),
        ("datetime64(3)", "1795210783761313", TIME),
        ("datetime", "1795210783761", TIME.replace(microsecond=0)),
        ("datetime", '"2026-11-20 21:39:43.999"', TIME.replace(microsecond=0)),
        ("datetime", '"2026/11/20 9:05"', datetime.datetime(2026, 11, 20, 9, 5)),
        ("datetime64(3, 'Europe/Berlin')", '"2026-11-20 22:39:43.761"', TIME),
        ("datetime64(3, 'Europe/Berlin')", '"2026-11-20 21:39:43.761Z"', TIME),
        # A wall-clock time in the gap of spring is taken as before the gap.
        ("datetime('Europe/Berlin')", '"2025-03-30 02:30:00"', at(2025, 3, 30, 1, 30)),
        ("datetime64(3)", '"1969-12-31 23:59:59.999"', at(1969, 12, 31, 23, 59, 59, 999000)),
        ("nullable(int8)", "null", None),
        ("int8", "null", 0),
        ("string", "null", ""),
    ],
)  # fmt: skip
def test_lenient_values(t: str, text: str, stored: object) -> None:
    assert value(t, text) == stored
    # The same value between others that need no leniency.
    many = ",".join([f"[{text}]"] * 40)
    rows = rows_of(decoder({"v": t}), "compact", f'{{"columns":["v"],"data":[{many}]}}')
    assert rows == [[stored]] * 40


@pytest.mark.parametrize(
    ("t", "text", "code", "words"),
    [
        ("int8", "128", 117, "'128' is out of the range of int8"),
        ("uint8", "-1", 117, "out of the range of uint8"),
        ("int32", '"12x"', 117, "cannot read '12x' as int32"),
        ("int32", "1.5", 117, "cannot read '1.5' as int32"),
        ("int32", '""', 117, "cannot read '' as int32"),
        ("int32", "[1]", 53, "expected int32, found array '[1]'"),
        ("int128", str(2**127), 117, "out of the range of int128"),
        ("float32", "1e39", 117, "out of the range of float32"),
        ("float64", "1e400", 117, "out of the range of float64"),
        ("float64", '"1_0"', 117, "cannot read '1_0' as float64"),
        ("bool", "2", 117, "cannot read '2' as bool"),
        ("fixed_string(2)", '"äb"', 117, "longer than fixed_string(2) holds"),
        ("uuid", '"123"', 117, "cannot read '123' as uuid"),
        ("uuid", "5", 53, "expected uuid, found number"),
        ("ipv4", '"1.2.3.256"', 117, "as ipv4"),
        ("ipv6", '"fe80::1%eth0"', 117, "as ipv6"),
        ("enum8('a' = 1)", '"c"', 117, "'c' is no member"),
        ("decimal(5, 2)", "1000", 117, "out of the range of decimal(5, 2)"),
        ("decimal(5, 2)", '"nan"', 117, "cannot read 'nan' as decimal(5, 2)"),
        ("date", '"2026-02-30"', 117, "cannot read '2026-02-30' as date"),
        ("datetime64(3)", '"yesterday"', 117, "cannot read 'yesterday' as datetime64(3)"),
        ("datetime64(3)", "true", 53, "expected datetime64(3), found bool"),
        ("datetime64(9)", '"2263-01-01 00:00:00"', 117, "out of the range of datetime64(9)"),
        ("array(int8)", "[1, 300]", 117, "element 2: '300' is out of the range of int8"),
        ("array(int8)", "5", 53, "expected array(int8), found number '5'"),
        ("tuple(a int8, b int8)", "[1]", 117, "expected 2 values"),
        ("tuple(int8, string)", '{"zz": 5}', 117, "is a field of"),
        ("map(string, int8)", '{"k": "x"}', 117, "key 'k': cannot read 'x' as int8"),
        ("map(int8, int8)", '{"k": 1}', 117, "key 'k': cannot read 'k' as int8"),
        ("string", "[" * 101 + "]" * 101, 36, "JSON nests deeper than 100"),
    ],
)
def test_bad_values_name_row_and_column(t: str, text: str, code: int, words: str) -> None:
    error = bad_value(t, text)
    assert isinstance(error, IngestError)
    assert error.code == code
    assert error.message.startswith("row 2, column 'v': "), error.message
    assert words in error.message
    streamed = refusal(decoder({"v": t}), "streaming", f'{{"v":null}}{{"v":{text}}}')
    assert (streamed.code, streamed.message) == (error.code, error.message)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('{"columns":["id","nope"],"data":[[1,2]]}', 16, "no such column 'nope'"),
        ('{"columns":["id","id"],"data":[[1,2]]}', 15, "column 'id' stands twice"),
        ('{"columns":[],"data":[]}', 117, "names no columns"),
        ('{"columns":["id","v"],"data":[[1,2],[1]]}', 117, "row 2: expected 2 values, found 1"),
        ('{"columns":["id"],"data":[[1,2]]}', 117, "row 1: expected 1 values, found 2"),
        ('{"columns":["id"],"data":[[1],5]}', 53, "row 2: expected an array of 1 values"),
        ('{"columns":["id"]}', 117, "missing required field `data`"),
        ('{"data":[[1]]}', 117, "missing required field `columns`"),
        ('{"columns":"id","data":[[1]]}', 117, "the body must be"),
        ('{"columns":["id"],"data":{}}', 117, "the body must be"),
        ("[[1]]", 117, "the body must be"),
        ("null", 117, "the body must be"),
        ("", 117, "not valid JSON"),
        ('{"columns":["id"],"data":[[1]', 117, "not valid JSON"),
        ('{"columns":["id"],"data":[[1]]} x', 117, "not valid JSON"),
        ('{"columns":["name"],"data":[["\\ud800"]]}', 117, "surrogate"),
        (b'{"columns":["name"],"data":[["\xff"]]}', 117, "not valid UTF-8"),
        (b'{"columns":["name"],"data":[["\xed\xa0\x80"]]}', 117, "not valid UTF-8"),
    ],
)
def test_bad_compact_bodies(body: str | bytes, code: int, words: str) -> None:
    d = decoder()
    for _ in range(2):  # the second time the column list is known
        error = refusal(d, "compact", body)
        assert error.code == code
        assert words in error.message


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('{"id":1} {"id":"x"}', 117, "row 2, column 'id': cannot read 'x' as int32"),
        ('{"id":1} 5', 53, "row 2: expected a JSON object"),
        ('[{"id":1},[{"id":2}]]', 53, "row 2: expected a JSON object"),
        ('{"id":1},{"id":2}', 117, "not valid JSON"),
        ('{"id":1}\n{"id":', 117, "row 2: the body is not valid JSON"),
        ('{"id":1}\n{"id":2}}', 117, "row 3: the body is not valid JSON"),
        ('{"name":"\\udc00"}', 117, "surrogate"),
        (b'{"name":"\xff"}', 117, "not valid UTF-8"),
        ('{"zz":' + '{"a":' * 101 + "1" + "}" * 102, 36, "JSON nests deeper than"),
        ('{"zz":' + "[" * 90_000 + "]" * 90_000 + "}", 36, "JSON nests"),
    ],
)
def test_bad_streaming_bodies(body: str | bytes, code: int, words: str) -> None:
    error = refusal(decoder(), "streaming", body)
    assert error.code == code
    assert words in error.message


@pytest.mark.parametrize(
    "body",
    [
        '{"id":1,"name":"a"}{"id":2}',
        '  {"id":1,\n"name":\t"a",\r\n"other":{"x":[1,{}]}}\n\n{"id":2,"v":null}\n',
        '[{"id":1,"name":"a"},{"id":2}]',
        '\n [ {"id":"1","name":"a"} ]\n{"id":2}',
    ],
)
def test_streaming_bodies(body: str) -> None:
    epoch = datetime.datetime(1970, 1, 1)
    assert rows_of(decoder(), "streaming", body) == [[1, "a", 0.0, epoch], [2, "", 0.0, epoch]]


def test_empty_bodies_are_empty_appends() -> None:
    d = decoder({"raw": "string"})
    bodies: list[tuple[IngestFormat, bytes]] = [
        ("compact", b'{"columns":["raw"],"data":[]}'),
        ("streaming", b" \n"),
        ("streaming", b"[]"),
        ("lines", b""),
        ("raw", b""),
    ]
    decoded = d.decode(bodies, NOW)
    assert not decoded.errors
    assert decoded.borders.tolist() == [0, 0, 0, 0, 0, 1]
    assert decoded.rows["raw"].to_pylist() == [""]


def test_raw_keeps_every_byte_and_lines_keep_inner_empty_lines() -> None:
    d = decoder({"raw": "string", "n": "int8"})
    assert rows_of(d, "raw", " a\r\n\n b \n") == [[" a\r\n\n b \n", 0]]
    assert rows_of(d, "lines", " a\r\n\n\r\r\nb") == [[" a", 0], ["", 0], ["\r", 0], ["b", 0]]
    assert "row 2: not valid UTF-8" in refusal(d, "lines", b"a\n\xff\n").message
    assert "not valid UTF-8" in refusal(d, "raw", b"\xff").message


def test_raw_column_of_another_type() -> None:
    assert rows_of(decoder({"raw": "json"}), "lines", '{"a":1}\nx') == [['{"a":1}'], ['"x"']]
    assert rows_of(decoder({"raw": "nullable(int32)"}), "lines", "1\n2") == [[1], [2]]
    error = refusal(decoder({"raw": "int32"}), "lines", "1\nx\n")
    assert error.message.startswith("row 2, column 'raw': cannot read 'x' as int32")


@pytest.mark.parametrize("format", ["raw", "lines"])
def test_raw_formats_need_the_column(format: IngestFormat) -> None:
    error = refusal(decoder(), format, "x")
    assert error.code == Code.NO_SUCH_COLUMN_IN_STREAM
    assert "'raw'" in error.message


def test_limits() -> None:
    small = IngestLimits(rows_max=2, string_bytes_max=10, columns_max=3)
    d = decoder({**COLUMNS, "list": "array(string)"}, small)
    long = json.dumps("x" * 11)
    too_many = refusal(d, "compact", '{"columns":["id"],"data":[[1],[2],[3]]}')
    assert isinstance(too_many, TooLarge) and "rows_per_request_max" in too_many.message
    assert isinstance(refusal(d, "streaming", '{"id":1}' * 3), TooLarge)
    error = refusal(d, "streaming", f'{{"name":"ok"}}{{"name":{long}}}')
    assert error.message.startswith("row 2, column 'name': a text is longer than 10 bytes")
    body = f'{{"columns":["id","list"],"data":[[1,["a","b"]],[1,["a",{long}]]]}}'
    error = refusal(d, "compact", body)
    assert error.message.startswith("row 2, column 'list': a text is longer than 10 bytes")
    error = refusal(d, "compact", '{"columns":["id","v","at","name"],"data":[]}')
    assert "more than 3 columns" in error.message
    assert error.code == Code.BAD_ARGUMENTS


def test_a_column_list_that_begins_like_another() -> None:
    d = decoder({"a": "int8", "a]": "int8", "b": "int8"})
    assert rows_of(d, "compact", '{"columns":["a"],"data":[[1]]}') == [[1, 0, 0]]
    assert rows_of(d, "compact", '{"columns":["a]"],"data":[[1]]}') == [[0, 1, 0]]
    assert rows_of(d, "compact", '{"columns":["a]","b"],"data":[[1,2]]}') == [[0, 1, 2]]
    assert rows_of(d, "compact", '{"columns":["a]"],"data":[[3]]}') == [[0, 3, 0]]
    assert rows_of(d, "compact", '{"data":[[4]],"columns":["b"]}') == [[0, 0, 4]]
    assert rows_of(d, "compact", '{"data":[[4]],"columns":["a"]}') == [[4, 0, 0]]


_PIECES: list[tuple[IngestFormat, str]] = [
    ("compact", '{"columns":["id","name"],"data":[[%d,"a"],[2,"é"]]}'),
    ("compact", '{"columns":["name","id"],"data":[["b",%d]]}'),
    ("compact", '{"columns":["id","name"],"data":[["%d",{"x":1}]]}'),
    ("compact", '{"columns":["id","name"],"data":[[1,"a"],[%d99999999999,"b"]]}'),
    ("compact", '{"columns":["id","at"],"data":[[%d,"2026-01-01T00:00:00Z"]]}'),
    ("compact", '{"columns":["id","at"],"data":[[%d,"2026-01-01 00:00:00.5"]]}'),
    ("compact", '{"columns":["id","at"],"data":[[%d,"2026-01-01x"]]}'),
    ("compact", '{"columns":["id","at"],"data":[[%d,1767225600]]}'),
    ("compact", '{"columns":["id","at"],"data":[[%d,1767225600123]]}'),
    ("compact", '{"columns":["id","v"],"data":[[%d,"inf"],[1,null]]}'),
    ("compact", '{"columns":["id"],"data":[]}'),
    ("compact", '{"columns":["nope"],"data":[[%d]]}'),
    ("compact", '{"columns":["id"],"data":[[%d'),
    ("streaming", '{"id":%d,"v":1}{"name":"x"}'),
    ("streaming", '{"id":%d,"v":"x"}'),
    ("streaming", '{"at":"2026-01-01T00:00:00.123456+02:00","id":%d}'),
    ("streaming", '[{"id":%d}]'),
    ("lines", "a%d\nb"),
]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(_PIECES), st.integers(0, 9)), max_size=12))
def test_together_is_the_same_as_one_by_one(
    picked: list[tuple[tuple[IngestFormat, str], int]],
) -> None:
    """Whatever waits together: same rows in request order, same errors, nothing of a bad body."""
    bodies: list[tuple[IngestFormat, bytes]] = [
        (format, (text % n if "%d" in text else text).encode()) for (format, text), n in picked
    ]
    together = decoder().decode(bodies, NOW)
    rows: list[dict[str, object]] = []
    borders = [0]
    errors: dict[int, tuple[int, str]] = {}
    for index, body in enumerate(bodies):
        alone = decoder().decode([body], NOW)
        if alone.errors:
            errors[index] = (alone.errors[0].code, alone.errors[0].message)
            assert alone.rows.num_rows == 0
        else:
            rows += alone.rows.to_pylist()
            borders.append(len(rows))
    assert together.rows.to_pylist() == rows
    assert together.borders.tolist() == borders
    assert {i: (e.code, e.message) for i, e in together.errors.items()} == errors


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda s: s.encode(errors="replace")))
def test_any_bytes_are_stored_or_refused(body: bytes) -> None:
    d = decoder({"raw": "string", "id": "int32"})
    formats: tuple[IngestFormat, ...] = ("compact", "streaming", "raw", "lines")
    decoded = d.decode([(format, body) for format in formats], NOW)
    assert len(decoded.borders) + len(decoded.errors) == len(formats) + 1
