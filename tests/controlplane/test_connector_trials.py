"""Checks and suggestions over REST: what is asked of the connector process, and who may ask."""

from __future__ import annotations

from typing import Any

from connectors.check_contract import Check, Suggest
from tests.controlplane.conftest import API, Plane

SECRET = "s3cret-8842"
STEPS = [
    {"message": "", "millis": 2, "name": "address", "ok": True},
    {"message": "Refused.", "millis": 1, "name": "connection", "ok": False},
]


async def test_a_new_one_is_checked_and_proposed_for(lite: Plane) -> None:
    given = {"brokers": "b:9092", "password": SECRET}
    body: dict[str, Any] = {"type": "kafka", "properties": given}
    for kind, path in (("source", "sources"), ("sink", "sinks")):
        answer = await lite.client.post(f"{API}/{path}/check", json=body)
        assert (answer.status_code, answer.json()) == (200, {"ok": False, "steps": STEPS})
        assert lite.connectors.checked[-1] == Check(kind, "kafka", given, "default")  # type: ignore[arg-type]
        asked = {**body, "property": "topic", "prefix": "o"}
        answer = await lite.client.post(f"{API}/{path}/suggest", json=asked)
        assert (answer.status_code, answer.json()) == (
            200, {"truncated": True, "values": ["orders", "visits"]},
        )  # fmt: skip
        wanted = Suggest(kind, "kafka", given, "default", "topic", "o")  # type: ignore[arg-type]
        assert lite.connectors.checked[-1] == wanted
        for bad, why in (
            ({"properties": given}, "type"),
            ({"type": "kafka", "properties": {"password": "******"}}, "no value is stored"),
            ({"type": "kafka", "properties": {"a": {"$sealed": "x"}}}, "$sealed"),
        ):
            refused = await lite.client.post(f"{API}/{path}/check", json=bad)
            assert (refused.status_code, why in refused.text) == (400, True), bad
        unknown = await lite.client.post(f"{API}/{path}/check", json={"id": "nothing"})
        assert unknown.status_code == 404
        nothing = await lite.client.post(f"{API}/{path}/suggest", json=body)
        assert nothing.status_code == 400
        long = await lite.client.post(f"{API}/{path}/suggest", json={**asked, "prefix": "x" * 1001})
        assert long.status_code == 400


async def test_a_stored_one_is_checked_with_its_secrets(lite: Plane) -> None:
    await lite.stream("iot")
    made = await lite.client.post(
        f"{API}/sinks",
        json={
            "name": "hook", "type": "slack", "query": "select cid, speed from iot",
            "properties": {"url": f"https://hooks.example.org/{SECRET}", "password": SECRET},
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    id_, shown = made.json()["id"], made.json()["properties"]
    assert shown == {"url": "******", "password": "******"}
    path = f"{API}/sinks/check"
    for body in ({"id": id_}, {"id": id_, "properties": shown}):
        answer = await lite.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert SECRET not in answer.text
        told = lite.connectors.checked[-1]
        assert (told.type, told.properties["password"]) == ("slack", SECRET)
        assert isinstance(told, Check)
        assert [column.name for column in told.columns or ()] == ["cid", "speed"]
        assert told.id == id_
    elsewhere = {"url": "https://other.example.org/", "password": "******"}
    for body in (
        {"id": id_, "properties": elsewhere},
        {"id": id_, "type": "http", "properties": shown},
    ):
        count = len(lite.connectors.checked)
        refused = await lite.client.post(path, json=body)
        assert refused.status_code == 400, "a stored secret goes nowhere else"
        assert len(lite.connectors.checked) == count
    bad = {"type": "slack", "properties": {"url": "https://x"}, "query": "select"}
    assert (await lite.client.post(path, json=bad)).status_code == 400


async def test_who_may_not_make_one_may_not_try_one(lite: Plane) -> None:
    key = await lite.client.post(
        f"{API}/auth/api_keys", json={"name": "reader", "permissions": ["read:*", "write:sink"]}
    )
    headers = {"x-api-key": key.json()["api_key"]}
    body = {"type": "kafka", "properties": {}, "property": "topic"}
    for path, status in (
        ("sources/check", 403), ("sources/suggest", 403),
        ("sinks/check", 200), ("sinks/suggest", 200),
    ):  # fmt: skip
        answer = await lite.client.post(f"{API}/{path}", json=body, headers=headers)
        assert answer.status_code == status, path
    lite.connectors.away = True
    away = await lite.client.post(f"{API}/sinks/check", json=body)
    assert away.status_code == 429
