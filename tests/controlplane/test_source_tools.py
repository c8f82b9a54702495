"""Tools around sources: columns of an event, streams that fit events, topics of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.services.event_shapes import columns_of, takes
from tests.controlplane.conftest import API, Plane

EVENT = {
    "z": True,
    "a": 1,
    "f": 1.5,
    "when": "2026-01-31T12:00:00.250Z",
    "zone": "2026-01-31 12:00:00+02:00",
    "day": "2026-01-31",
    "text": "hello",
    "none": None,
    "big": 2**64 - 1,
    "list": [1, 2],
    "mixed": [1, 2.5],
    "texts": ["a", 1],
    "empty": [],
    "deep": [[1]],
    "inner": {"b": 1},
    "no": "2026-13-31T12:00:00Z",
}
TYPES = [
    "bool", "int64", "float64", "datetime64(3)", "datetime64(3)", "string", "string", "string",
    "uint64", "array(int64)", "array(float64)", "array(string)", "array(string)",
    "array(array(int64))", "json", "string",
]  # fmt: skip


async def test_columns_in_the_order_of_the_keys(lite: Plane) -> None:
    answer = await lite.client.post(f"{API}/source/infer", json={"event": EVENT})
    assert answer.status_code == 200, answer.text
    columns = answer.json()["inferred_columns"]
    assert [(c["name"], c["type"]) for c in columns] == list(zip(EVENT, TYPES, strict=True))
    assert answer.json()["recommeneded_columns"] == columns
    for bad in ({}, {"event": None}, {"event": []}, {"event": 1}):
        refused = await lite.client.post(f"{API}/source/infer", json=bad)
        assert refused.status_code == 400, bad
    empty = await lite.client.post(f"{API}/source/infer", json={"event": {}})
    assert empty.json() == {"inferred_columns": [], "recommeneded_columns": []}


def test_an_event_has_the_columns_it_was_inferred_from() -> None:
    for name, type_ in columns_of(EVENT):
        assert takes(type_, EVENT[name]) or name == "texts", name


@pytest.mark.parametrize(
    ("type_", "value", "fits"),
    [
        ("int8", 127, True),
        ("int8", 128, False),
        ("uint8", -1, False),
        ("nullable(int32)", 5, True),
        ("low_cardinality(nullable(string))", "x", True),
        ("float32", 5, True),
        ("int32", 5.0, False),
        ("string", 5, False),
        ("bool", 1, False),
        ("datetime64(3, 'UTC')", "2026-01-31 12:00:00", True),
        ("datetime64(3)", "soon", False),
        ("array(int8)", [1, 300], False),
        ("array(nullable(int8))", [1, None], True),
        ("map(string, int32)", {"a": 1}, True),
        ("int32", None, True),
    ],
)
def test_whether_a_column_takes_a_value(type_: str, value: Any, fits: bool) -> None:
    assert takes(type_, value) is fits


async def test_streams_that_take_the_events(lite: Plane) -> None:
    for name, columns in (
        ("wide", [("cid", "string"), ("speed", "float32"), ("n", "int8")]),
        ("iot", [("cid", "string"), ("speed", "float32")]),
        ("texts", [("cid", "string"), ("speed", "string")]),
        ("aaa", [("cid", "string"), ("speed", "float32"), ("n", "int8"), ("more", "int8")]),
    ):
        body = {"name": name, "columns": [{"name": n, "type": t} for n, t in columns]}
        assert (await lite.client.post(f"{API}/streams", json=body)).status_code == 201

    async def match(*events: dict[str, Any]) -> list[str]:
        answer = await lite.client.post(f"{API}/source/match", json={"events": events})
        assert answer.status_code == 200, answer.text
        return answer.json()

    # The closest first: those with the fewest columns that no event has.
    assert await match({"cid": "c1", "speed": 1.5}) == ["iot", "wide", "aaa"]
    assert await match({"cid": "c1", "n": 1}) == ["wide", "aaa"]
    assert await match({"cid": "c1", "n": 1}, {"n": 1000}) == []
    assert await match({"cid": None}) == ["iot", "texts", "wide", "aaa"]
    assert await match({"other": 1}) == []
    assert await match() == []
    many = await lite.client.post(f"{API}/source/match", json={"events": [{}] * 101})
    assert many.status_code == 400
    assert (await lite.client.post(f"{API}/source/match", json={})).status_code == 400


async def test_topics(lite: Plane) -> None:
    path = f"{API}/source/kafka/topics"
    body = {"properties": {"brokers": "b:9092", "tls": {"disable": True}, "message": ""}}
    assert (await lite.client.post(path, json=body)).json() == ["orders", "visits"]
    for bad in ({}, {"properties": None}, {"properties": {}}):
        refused = await lite.client.post(path, json=bad)
        assert (refused.status_code, refused.json()["system"]) == (400, "orbit"), bad
