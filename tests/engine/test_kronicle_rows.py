"""Rows and filters of the Kronicle API: what is stored, what is bad and why, what is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import TooLarge
from engine.timeseries.kronicle_messages import Reading
from engine.timeseries.kronicle_payload import read_payload
from engine.timeseries.kronicle_refusal import Refusal
from engine.timeseries.kronicle_rows import RowShape
from engine.timeseries.kronicle_schema import normalised, parse_schema, shown_schema
from tests.engine.kronicle_calls import LAB, ask, done, make, refused, row, rows_of
from tests.engine.place import Place
from tests.examples import examples

WIDE = {
    "Temp C": "number",
    "n": "optional[integer]",
    "ok": "Optional[Boolean]",
    "name": "optional[text]",
    "meta": "optional[jsonb]",
    "l": "optional[list]",
    "u": "optional[uuid4]",
    "at": "optional[timestamptz]",
    "Is On": "optional[bool]",
}
UUID = "6fa459ea-ee8a-4ca4-894e-db77e160355e"

in_engine = pytest.mark.asyncio(loop_scope="module")


class OneByOne(RowShape):
    """Looks at each row alone."""

    def _whole(self, piece: Any) -> Any:
        raise OverflowError


def converted(
    schema: dict[str, str], rows: list[Any], shape: type[RowShape] = RowShape
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Stored values of good rows, and why others are bad."""
    payload = read_payload(json.dumps({"rows": rows}).encode())
    found = shape(parse_schema(schema)).convert(payload.rows or ())
    columns = {name: array.to_pylist() for name, array in found.columns.items()}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ], found.bad


def test_names_and_types_are_canonical() -> None:
    for name, wanted in (
        ("Temp °C", "temp_c"), ("__a--b__", "a_b"), ("2nd", "channel_2nd"), ("!", ""), ("é", "é"),
    ):  # fmt: skip
        assert normalised(name) == wanted
    shown = {
        "Temp C": "float", "n": "optional[int]", "ok": "optional[bool]", "name": "optional[str]",
        "meta": "optional[dict]", "l": "optional[list]", "u": "optional[uuid]",
        "at": "optional[datetime]", "Is On": "optional[bool]",
    }  # fmt: skip
    assert shown_schema(parse_schema(WIDE)) == shown
    assert shown_schema(parse_schema({"Time": "text", "a": "double  precision"})) == {
        "Time": "datetime", "a": "float",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("float", 3, 3.0),
        ("int", -(1 << 63), -(1 << 63)),
        ("str", "", ""),
        ("dict", {"a": [1, None]}, '{"a":[1,null]}'),
        ("list", [], "[]"),
        ("uuid", UUID.upper(), UUID),
        ("datetime", "2025", "2025-01-01 00:00:00"),
        ("datetime", "2025-03", "2025-03-01 00:00:00"),
        ("datetime", "2025-03-01T02:00:00+02:00", "2025-03-01 00:00:00"),
        ("datetime", "2025-03-01 00:00:00.000001", "2025-03-01 00:00:00.000001"),
        ("datetime", 1_000_000_000, "2001-09-09 01:46:40"),
        ("datetime", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
        ("datetime", "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"),
    ],
)
def test_values_that_a_column_takes(kind: str, value: Any, stored: Any) -> None:
    (found,), bad = converted({"v": kind}, [{"v": value}])
    assert not bad
    assert (str(found["v"]) if kind == "datetime" else found["v"]) == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", "3"), ("float", True), ("int", 1.0), ("int", "1"), ("int", 1 << 63),
        ("int", False), ("bool", 1), ("bool", "true"), ("str", 1), ("dict", []), ("list", {}),
        ("uuid", "x"), ("uuid", 1), ("datetime", "soon"), ("datetime", 999_999_999),
        ("datetime", 2_524_604_401), ("datetime", 1.5e9), ("datetime", True), ("int", None),
        ("datetime", "0001-01-01T00:00:00+14:00"), ("datetime", "9999-12-31T23:59:59-14:00"),
    ],
)  # fmt: skip
def test_values_that_it_does_not(kind: str, value: Any) -> None:
    good, bad = converted({"v": kind, "w": "int"}, [{"v": value, "w": 1}])
    assert not good
    assert list(bad) == ["row_1"]
    assert "'v'" in bad["row_1"]


def test_labels_of_bad_rows_are_as_wide_as_their_count() -> None:
    rows: list[Any] = [{"a": 1} for _ in range(100)]
    rows[1] = {"a": "x"}
    rows[99] = 5
    good, bad = converted({"a": "int"}, rows)
    assert (len(good), list(bad)) == (98, ["row_002", "row_100"])


def test_a_row_that_cannot_be_decoded_is_a_bad_row() -> None:
    shape = RowShape(parse_schema({"a": "optional[str]", "n": "optional[float]"}))
    rows = (b'{"n":1}', b'{"a":"\xff"}', b'{"n":1e999}', b'{"a":"b"}')
    found = shape.convert(read_payload(b'{"rows":[' + b",".join(rows) + b"]}").rows or ())
    assert (found.count, list(found.bad)) == (2, ["row_2", "row_3"])
    assert "not valid JSON" in found.bad["row_2"]


def test_columns_of_any_name_take_rows() -> None:
    names = ('say "hi"', "back\\slash", "line\nbreak", "nul\x00", "{a}", "a`b", "日本", "x,y", "-z")
    schema = {name: "int" for name in names}
    good, bad = converted(schema, [dict.fromkeys(names, 1), {normalised(n): 2 for n in names}, {}])
    assert [{v for k, v in row.items() if k != "time"} for row in good] == [{1}, {2}]
    assert list(bad) == ["row_3"]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3), st.sampled_from([UUID, "2025-01-01", "2025-01-01T00:00:00Z", "2025"]),
    st.lists(st.integers(0, 3), max_size=2), st.dictionaries(st.sampled_from("ab"), st.none()),
)  # fmt: skip
KEYS = (
    "time",
    "Temp C",
    "temp_c",
    "n",
    "ok",
    "name",
    "meta",
    "l",
    "u",
    "at",
    "Is On",
    "is_on",
    "received_at",
    "x",
)


# Rows that are good more often than by chance.
GOOD = st.fixed_dictionaries(
    {"Temp C": st.integers(0, 9)},
    optional={
        "is_on": st.booleans(), "Is On": st.one_of(st.none(), st.booleans()),
        "n": st.integers(0, 9),
        "time": st.sampled_from(["2025", "2025-01-01", "2025-01-01T00:00:00Z", 1_700_000_000]),
    },
)  # fmt: skip


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.one_of(GOOD, st.dictionaries(st.sampled_from(KEYS), VALUES), VALUES), max_size=6)
)
def test_rows_together_are_what_each_is_alone(rows: list[Any]) -> None:
    if rows:
        assert converted(WIDE, rows) == converted(WIDE, rows, OneByOne)
    for each in rows:  # a bad one makes that others are looked at one by one
        assert converted(WIDE, [each]) == converted(WIDE, [each], OneByOne)


@in_engine
async def test_good_rows_are_stored_and_bad_ones_named(place: Place) -> None:
    await make(place, channel_schema={"Temp C": "float", "ok": "optional[bool]"})
    rows = [
        {"time": "2025-01-10", "Temp C": 1},
        {"time": "2025-01-11", "temp_c": 2.5, "ok": None, "received_at": "2001-01-01", "x": 1},
        {"time": "2025-01-12", "Temp C": "warm"},
        {"time": "2025-01-13"},
    ]
    found = await done(place, "write", {"rows": rows}, id=LAB)
    assert (found.inserted_rows, found.channel.available_rows) == (2, 2)
    assert found.bad_rows == {
        "row_3": "Column 'Temp C': Expected float, got str \"warm\"",
        "row_4": "Column 'Temp C' is missing",
    }
    assert [r[1:] for r in await rows_of(place)] == [[1.0, None], [2.5, None]]
    received = await rows_of(place, skip_received="false")
    assert all(r[-1] > "2025-12" for r in received)
    for strict in ({"strict": True}, {}):
        asked = {} if strict else {"strict": True}
        no = await refused(place, "write", {"rows": rows, **strict}, id=LAB, **asked)
        assert (no.kind, sorted(no.details)) == ("bad", ["row_3", "row_4"])
    assert (await refused(place, "write", {"rows": rows[2:]}, id=LAB)).kind == "bad"
    assert (await done(place, "get", id=LAB)).channel.available_rows == 2


@in_engine
async def test_a_row_without_time_takes_that_of_its_arrival(place: Place) -> None:
    await make(place, channel_schema={"a": "int"})
    await done(place, "write", {"rows": [{"a": 1}, {"a": 2, "time": None}, {"a": 3}]}, id=LAB)
    found = await rows_of(place)
    assert [r[1] for r in found] == [1, 2, 3]
    assert found[0][0][:19] == "2026-01-01 00:00:00"


@in_engine
async def test_writing_needs_rows_a_channel_and_its_schema(place: Place) -> None:
    rows = [row(0, 1.0)]
    for body, asked in (
        ({"rows": rows}, {}),
        ({"channel_id": LAB}, {}),
        ({"channel_id": LAB, "rows": []}, {}),
        ({"channel_id": LAB, "rows": rows}, {}),
        ({"channel_id": LAB, "rows": rows, "channel_schema": {"temp": "int"}}, {}),
    ):
        assert (await refused(place, "write", body, **asked)).kind == "bad", body
    assert (await refused(place, "write", {"rows": rows}, id=LAB)).kind == "missing"
    await make(place)
    other = {"rows": rows, "channel_schema": {"temp": "int"}}
    assert (await refused(place, "write", other, id=LAB)).kind == "bad"
    assert (await refused(place, "write", {**other, "channel_id": LAB})).kind == "bad"
    place.engine.timeseries.ground.rows_max = 1
    with pytest.raises(TooLarge, match="rows_per_request_max"):
        await ask(place, "write", {"rows": rows * 2}, id=LAB)


@in_engine
async def test_metadata_given_with_rows_replaces_what_is_stored(place: Place) -> None:
    body = {"channel_id": LAB, "channel_schema": {"temp": "float"}, "rows": [row(0, 1.0)]}
    first = await done(place, "write", {**body, "name": "lab", "tags": {"a": 1}})
    assert (first.defined, first.channel.name, first.channel.tags) == (True, "lab", b'{"a":1}')
    again = await done(place, "write", body)
    assert (again.defined, again.channel.tags) == (False, b'{"a":1}')
    other = await done(place, "write", {**body, "tags": {"b": 2}})
    assert (other.channel.name, other.channel.tags) == ("lab", b'{"b":2}')
    assert other.channel.available_rows == 3


FILTERED = [
    {"Temp C": 1.5, "n": 1, "ok": True, "name": "a'b", "meta": {"k": {"z": 5}}, "l": ["p", 1]},
    {"Temp C": 2.5, "n": 2, "ok": False, "name": "c\\d", "meta": {"k": "x"}, "l": ["p"], "u": UUID},
    {"Temp C": 3.5, "n": 3, "name": "e", "at": "2025-02-01T00:00:00Z"},
]


@in_engine
async def test_filters_orders_and_pages(place: Place) -> None:
    await make(place, channel_schema=WIDE)
    rows = [{"time": f"2025-01-0{i}", **each} for i, each in enumerate(FILTERED, 1)]
    await done(place, "write", {"rows": rows[::-1], "strict": True}, id=LAB)

    async def n(**parameters: str) -> list[int]:
        found = await ask(
            place, "read", id=LAB, parameters={**parameters, "columns": "n", "strict": "true"}
        )
        assert isinstance(found, Reading), found
        return [r[1] for r in await place.rows(found.sql)]

    assert await n() == [1, 2, 3]
    assert await n(from_date="2025-01-02", to_date="2025-01-03T00:00:00Z") == [2, 3]
    for name, value, wanted in (
        ("min[n]", "2", [2, 3]), ("max[Temp C]", "2.5", [1, 2]), ("min[temp_c]", "3", [3]),
        ("min[at]", "2025-02", [3]), ("col[at]", "1738368000", [3]), ("col[n]", "2", [2]),
        ("col[ok]", "False", [2]), ("col[name]", "a'b", [1]), ("col[name]", "c\\d", [2]),
        ("col[u]", UUID.upper(), [2]), ("col[meta.k]", "x", [2]), ("col[meta.k.z]", "5", [1]),
        ("any[n]", "1,3", [1, 3]), ("any[meta.k]", "x,y", [2]), ("has[l]", "p", [1, 2]),
        ("has[l]", "p,1", [1]), ("max[time]", "2025-01-01", [1]), ("sort", "-n", [3, 2, 1]),
        ("sort", "ok,-temp_c", [2, 1, 3]), ("limit", "2", [1, 2]), ("limit", "0", [1, 2, 3]),
        ("limit", "-1", [1, 2, 3]), ("offset", "1", [2, 3]), ("min[time]", "0001-01-01", [1, 2, 3]),
        # As answers write times, in an address whose + a client did not encode.
        ("from_date", "2025-01-03T00:00:00 00:00", [3]),
        ("max[time]", "2025-01-02 02:00:00.0 0200", [1, 2]),
    ):  # fmt: skip
        assert await n(**{name: value}) == wanted, (name, value)
    assert await n(**{"min[n]": "2", "limit": "1", "offset": "1", "sort": "-n"}) == [2]


@in_engine
async def test_keys_of_dicts_are_what_follows_the_dot(place: Place) -> None:
    schema = {"d": "dict", "d_k": "int", "e.k": "int", "e": "dict"}
    await make(place, channel_schema=schema)
    keys = ("$", "k", "a b", "#", "**", "*a", "[*]", "$[0]", "?", "'", '"', "\\", "0", "-1", "é")
    held = {key: f"of {key}" for key in keys}
    await done(place, "write", {"rows": [{"d": held, "d_k": 5, "e.k": 6, "e": {}}]}, id=LAB)
    for name, value in (*((f"col[d.{key}]", f"of {key}") for key in keys), ("col[e.k]", "6")):
        assert len(await rows_of(place, **{name: value, "strict": "true"})) == 1, name
        assert await rows_of(place, **{name: "0", "strict": "true"}) == [], name


@in_engine
async def test_filters_that_cannot_be_used(place: Place) -> None:
    await make(place, channel_schema=WIDE)
    await done(place, "write", {"rows": [{"Temp C": 1.5}]}, id=LAB)
    for name, value in (
        ("min[nope]", "1"), ("min[name]", "1"), ("min[n]", "x"), ("min[n]", "nan"), ("col[l]", "1"),
        ("col[name.x]", "1"), ("has[n]", "1"), ("sort", "meta"), ("sort", "nope"), ("limit", "x"),
        ("offset", "-1"), ("columns", "nope"), ("nope", "1"), ("min[n", "1"), ("col[ok]", "maybe"),
        ("col[u]", "x"), ("col[at]", "9" * 30), ("col[meta.k.]", "1"), ("any[meta..k]", "1"),
        ("col[meta.*]", "1"), ("any[meta.k.*]", "1"),
    ):  # fmt: skip
        found = await ask(place, "read", id=LAB, parameters={name: value})
        assert isinstance(found, Reading), found
        assert [note.field for note in found.notes] == [name]
        assert len(await place.rows(found.sql)) == 1
        strict = await refused(place, "read", id=LAB, parameters={name: value, "strict": "true"})
        assert (strict.kind, list(strict.details)) == ("bad", [name])
        assert (await refused(place, "delete_rows", id=LAB, parameters={name: value})).kind == "bad"
    for parameters in (
        {"from_date": "soon"}, {"to_date": "x"}, {"from_date": "2026", "to_date": "2025"},
        {"from_date": "0001-01-01T00:00:00+14:00"}, {"to_date": "9999-12-31T23:59:59-14:00"},
    ):  # fmt: skip
        assert (await refused(place, "read", id=LAB, parameters=parameters)).kind == "bad"
    assert (await done(place, "get", id=LAB)).channel.available_rows == 1


EVIL = (
    "x' or 1=1 --", "\\' or 1=1 --", "') or ('1'='1", "`", "\\", '"', "1) or (1=1", "{seed}",
    "{now_ms}", "a`b", "%", "\n;drop stream x", "/*", "$$",
)  # fmt: skip


@in_engine
async def test_nothing_of_a_parameter_gets_into_the_statement(place: Place) -> None:
    await make(place, channel_schema=WIDE)
    rows = [{"Temp C": 1.5, "name": text, "meta": {text: text}, "l": [text]} for text in EVIL]
    await done(place, "write", {"rows": rows, "strict": True}, id=LAB)
    for text in EVIL:
        found = await rows_of(place, **{"col[name]": text})
        assert [r[4] for r in found] == [text]
        if "," not in text:
            assert [r[4] for r in await rows_of(place, **{"any[name]": text})] == [
                text.strip()
            ] or (text != text.strip())
            held = await rows_of(place, **{"has[l]": text.strip()})
            assert len(held) == (text == text.strip())
        for name in ("col", "any", "min", "max", "has"):
            assert len(await rows_of(place, **{f"{name}[{text}]": text})) == len(EVIL)
        for name in ("sort", "columns", "limit", "offset", text):
            assert len(await rows_of(place, **{name: text})) == len(EVIL)
        await rows_of(place, **{f"col[meta.{text}]": text})
        await refused(place, "delete_rows", id=LAB, parameters={f"min[{text}]": text})
    assert (await done(place, "get", id=LAB)).channel.available_rows == len(EVIL)


@in_engine
async def test_rows_are_deleted_by_filters(place: Place) -> None:
    await make(place)
    await done(place, "write", {"rows": [row(s, float(s)) for s in range(10)]}, id=LAB)
    left = await done(place, "delete_rows", id=LAB, parameters={"min[temp]": "7"})
    assert left.channel.available_rows == 7
    assert [r[1] for r in await rows_of(place)] == [float(s) for s in range(7)]
    refusing = await refused(place, "delete_rows", id=LAB, parameters={"limit": "1"})
    assert "limit" in refusing.details
    assert (await done(place, "delete_rows", id=LAB)).channel.available_rows == 0
    await place.kill()
    assert await rows_of(place) == []


def test_a_schema_with_too_many_columns() -> None:
    with pytest.raises(Refusal, match="at most"):
        parse_schema({f"c{n}": "int" for n in range(1_001)})
