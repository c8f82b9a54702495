"""Alerts over REST: life, state, replacement, secrets, uses of streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.errors import EngineUnavailable
from engine.protocol import BacktestRow, ResultColumn
from tests.controlplane.conftest import API, Plane
from tests.journeys.waiting import within

ALERT = {
    "name": "Too fast!", "action": "http", "severity": 1,
    "trigger_sql": "SELECT cid, speed from iot",
    "resolve_sql": "SELECT cid from iot",
    "properties": {"url": "http://127.0.0.1:1/in"},
}  # fmt: skip
INSTANCE = {
    "id": "8c5f4f43-2f34-4b7f-9d0b-0a4bd5b57c11",
    "status": "triggered",
    "timeline": [{"timestamp": 1_767_225_600_000, "type": "triggered"}],
}


async def create(plane: Plane, **change: Any) -> dict[str, Any]:
    """An alert on a fresh stream."""
    await plane.stream()
    made = await plane.client.post(f"{API}/alerts", json={**ALERT, **change})
    assert made.status_code == 201, made.text
    return made.json()


def owner(alert: dict[str, Any]) -> str:
    return f"alert:{alert['id']}"


async def test_life_of_an_alert(plane: Plane) -> None:
    alert = await create(plane)
    assert (alert["status"], alert["message"], alert["description"]) == ("running", "", "")
    assert alert["instance"] == {"id": "", "status": "resolved", "timeline": []}
    for part in ("trigger", "resolve"):
        query = alert[f"{part}_query"]
        assert (query["sql"], query["status"]) == (alert[f"{part}_sql"], "running")
        assert query["start_time"] > 0
        assert [column["name"] for column in query["result"]["header"]] == ["cid", "speed"]
        assert query["analysis"]["is_streaming"] is True
    path = f"{API}/alerts/{alert['id']}"
    shown = (await plane.client.get(path)).json()
    assert shown["id"] == alert["id"]
    assert [one["id"] for one in (await plane.client.get(f"{API}/alerts")).json()] == [alert["id"]]
    given, _ = plane.connectors.started[alert["id"]]
    columns = (ResultColumn("cid", "string"), ResultColumn("speed", "float32"))
    assert (given.action, given.severity, given.name) == ("http", 1, "Too fast!")
    assert (given.trigger_header, given.resolve_header) == (columns, columns)
    there = plane.engine.background[owner(alert)]
    assert there.query.queries == (ALERT["trigger_sql"], ALERT["resolve_sql"])
    assert there.query.name == "Too_fast_"

    plane.engine.save(owner(alert), "instance", INSTANCE)
    assert (await plane.client.get(path)).json()["instance"] == INSTANCE
    used = await plane.client.delete(f"{API}/streams/iot")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert "alert Too fast!" in used.json()["message"]

    for _ in range(2):
        assert (await plane.client.post(f"{path}/stop", content=b"null")).status_code == 204
    shown = (await plane.client.get(path)).json()
    assert (shown["status"], shown["trigger_query"]["status"]) == ("stopped", "canceled")
    assert shown["instance"] == INSTANCE, "a stop keeps the state"
    assert there.paused
    for _ in range(2):
        assert (await plane.client.post(f"{path}/start", content=b"null")).status_code == 204
    assert (await plane.client.get(path)).json()["instance"] == INSTANCE
    assert (await plane.client.delete(path)).status_code == 204
    assert (await plane.client.get(path)).status_code == 404
    assert plane.engine.background == {}
    assert (await plane.client.delete(f"{API}/streams/iot")).status_code == 204


async def test_an_alert_that_people_resolve(lite: Plane) -> None:
    alert = await create(lite, resolve_sql="", properties={"url": "http://h/"})
    assert alert["resolve_sql"] == ""
    query = alert["resolve_query"]
    assert (query["sql"], query["status"], query["start_time"]) == ("", "finished", 0)
    assert query["timeColumns"] == {"eventTime": -1, "windowEnd": -1, "windowStart": -1}
    assert query["analysis"]["original_query"] == ""
    assert lite.engine.background[owner(alert)].query.queries == (ALERT["trigger_sql"],)
    path = f"{API}/alerts/{alert['id']}"
    for _ in range(2):
        assert (await lite.client.post(f"{path}/resolve", content=b"null")).status_code == 204
    assert lite.connectors.resolved == [("default", alert["id"])] * 2
    lite.connectors.away = True
    assert (await lite.client.post(f"{path}/resolve")).status_code == 429
    unknown = f"{API}/alerts/{lite.clock.uuid4()}/resolve"
    assert (await lite.client.post(unknown)).status_code == 404


async def test_a_resolve_waits_for_the_engine(lite: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = await create(lite)
    seen: list[bool] = []

    async def resolve(workspace: str, alert_id: str) -> None:
        found = lite.app.engines.find(workspace)
        seen.append(found is not None and found.connected is not None)

    monkeypatch.setattr(lite.connectors, "resolve_alert", resolve)
    await lite.app.engines.remove("default")  # as one that nobody used
    lite.app.engines.allow("default")
    path = f"{API}/alerts/{alert['id']}/resolve"
    assert (await lite.client.post(path)).status_code == 204
    lite.launcher.down = True
    lite.engine.crash()
    asyncio.get_running_loop().call_later(0.1, setattr, lite.launcher, "down", False)
    assert (await lite.client.post(path)).status_code == 204
    assert seen == [True, True]


async def test_a_replacement_begins_resolved(plane: Plane) -> None:
    alert = await create(plane)
    path = f"{API}/alerts/{alert['id']}"
    plane.engine.save(owner(alert), "instance", INSTANCE)
    body = {**ALERT, "name": "other", "severity": 3, "description": "d", "resolve_sql": None}
    changed = (await plane.client.put(path, json=body)).json()
    assert (changed["name"], changed["severity"], changed["description"]) == ("other", 3, "d")
    assert (changed["resolve_sql"], changed["status"]) == ("", "running")
    assert changed["instance"]["status"] == "resolved"
    assert plane.connectors.started[alert["id"]][0].queries == (ALERT["trigger_sql"],)
    # Also with the same queries, and stopped ones stay stopped.
    plane.engine.save(owner(alert), "instance", INSTANCE)
    assert (await plane.client.post(f"{path}/stop")).status_code == 204
    changed = (await plane.client.put(path, json=body)).json()
    assert (changed["status"], changed["instance"]["status"]) == ("stopped", "resolved")
    assert plane.engine.background[owner(alert)].paused


async def test_what_a_replaced_one_has_not_sent_is_dead_letters(lite: Plane) -> None:
    alert = await create(lite, actions=[{"action": "http", "properties": ALERT["properties"]}])
    path = f"{API}/alerts/{alert['id']}"
    pending = [
        {"type": "triggered", "incident": "i", "timestamp": 1, "row": ["c1", 70], "waiting": [1]},
        {"type": "resolved", "incident": "i", "timestamp": 2, "row": ["c1", 9], "waiting": [0, 1]},
    ]
    lite.engine.save(owner(alert), "instance", {**INSTANCE, "pending": pending})
    lite.engine.full = "_dlq_x is full"
    body = {**ALERT, "description": "d", "trigger_sql": "SELECT cid from iot"}
    refused = await lite.client.put(path, json=body)
    assert (refused.status_code, refused.json()["message"]) == (507, "_dlq_x is full")
    shown = (await lite.client.get(path)).json()
    assert (shown["description"], shown["instance"]["status"]) == ("", "triggered"), "as it was"
    lite.engine.full = ""
    assert (await lite.client.put(path, json=body)).json()["instance"]["status"] == "resolved"
    letters = lite.engine.letters[owner(alert)]
    assert [(letter.origin, letter.raw) for letter in letters] == [
        ("i-triggered-1", '{"cid":"c1","speed":70}'),
        ("i-resolved", '{"cid":"c1","speed":9}'),
        ("i-resolved-1", '{"cid":"c1","speed":9}'),
    ]
    assert {letter.error for letter in letters} == {
        "The alert was changed before this message was sent."
    }
    assert (await lite.client.put(path, json=body)).status_code == 200
    assert len(lite.engine.letters[owner(alert)]) == 3, "once"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trigger_sql": "SELECT cid from missing"}, 60),
        ({"trigger_sql": "SELECT 1"}, 36),
        ({"resolve_sql": "SELECT 1"}, 36),
        ({"trigger_sql": None}, 400),
        ({"action": "ably"}, 400),
        ({"properties": {}}, 400),
        ({"properties": {"url": "http://h/", "trigger_template": "{{ .nothing }}"}}, 400),
        ({"severity": -1}, 400),
        ({"severity": None}, 400),
        ({"severity": 2**70}, 400),
        ({"name": ""}, 400),
        ({"name": "x" * 256}, 400),
    ],
)
async def test_bad_alerts_are_400(lite: Plane, change: dict[str, Any], code: int) -> None:
    await lite.stream()
    answer = await lite.client.post(f"{API}/alerts", json={**ALERT, **change})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == code
    assert (await lite.client.get(f"{API}/alerts")).json() == []
    assert lite.engine.background == lite.connectors.started == {}


async def test_secrets_are_masked_and_kept(lite: Plane) -> None:
    url = "https://hooks.example.com/T0/B0/secret"
    alert = await create(lite, action="slack", properties={"url": url})
    path = f"{API}/alerts/{alert['id']}"
    assert alert["properties"] == {"url": "******"}
    changed = await lite.client.put(
        path, json={**ALERT, "action": "slack", **{"properties": {"url": "******"}}}
    )
    assert changed.json()["properties"] == {"url": "******"}
    assert lite.connectors.started[alert["id"]][0].properties == {"url": url}
    audit = (await lite.client.get(f"{API}/audit")).text
    assert "updateAlert" in audit
    assert "secret" not in audit


async def test_topology_shows_alerts(lite: Plane) -> None:
    alert = await create(lite)
    graph = (await lite.client.get(f"{API}/topology")).json()
    node = f"alert:{alert['id']}"
    shown = next(one for one in graph["nodes"] if one["id"] == node)
    assert (shown["type"], shown["name"]) == ("alert", "Too fast!")
    assert shown["properties"] == {
        "action": "http", "severity": 1, "status": "running",
    }  # fmt: skip
    assert {"source": "stream:iot", "target": node} in graph["edges"]


async def test_a_new_connector_process_is_told_what_to_watch(lite: Plane) -> None:
    alert = await create(lite)
    path = f"{API}/alerts/{alert['id']}"
    lite.connectors.sources.clear()
    lite.connectors.started.clear()
    lite.connectors.away = True
    assert (await lite.client.get(path)).json()["status"] == "failed"
    lite.app.resume.again()
    await asyncio.sleep(0.1)
    lite.connectors.away = False
    async with within(3):
        while alert["id"] not in lite.connectors.started:
            await asyncio.sleep(0.01)
    assert (await lite.client.get(path)).json()["status"] == "running"


async def test_an_engine_that_dies_under_the_question_is_back_pressure(lite: Plane) -> None:
    alert = await create(lite)
    path = f"{API}/alerts/{alert['id']}"
    lite.engine.failure = EngineUnavailable("gone")
    answer = await lite.client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert (await lite.client.get(path)).status_code == 200
    lite.launcher.down = True
    lite.engine.crash()
    await asyncio.sleep(0.05)
    assert (await lite.client.get(path)).status_code == 429, "its state is not made up"
    assert (await lite.client.post(f"{path}/stop")).status_code == 204
    assert (await lite.client.get(f"{API}/topology")).status_code == 200


ACTIONS = [
    {"action": "slack", "properties": {"url": "http://127.0.0.1:1/hook/s3cret"}},
    {"action": "timeplus", "properties": {"stream_name": "told"}},
]


async def test_further_actions_are_kept_masked_and_started(plane: Plane) -> None:
    await plane.stream("told")
    alert = await create(plane, actions=ACTIONS, cooldown="10m")
    path = f"{API}/alerts/{alert['id']}"
    shown = (await plane.client.get(path)).json()
    assert shown["actions"] == [
        {"action": "slack", "properties": {"url": "******"}},
        {"action": "timeplus", "properties": {"stream_name": "told"}},
    ]
    assert (shown["cooldown"], shown["action"], shown["properties"]) == (
        "10m", "http", ALERT["properties"],
    )  # fmt: skip
    given, _ = plane.connectors.started[alert["id"]]
    assert given.cooldown_ms == 600_000
    assert [(one.action, one.properties) for one in given.actions] == [
        (one["action"], one["properties"]) for one in ACTIONS
    ]
    used = await plane.client.delete(f"{API}/streams/told")
    assert (used.status_code, used.json()["code"]) == (400, 630)

    # A mask that comes back is the stored secret, unless the address would be another.
    again = await plane.client.put(path, json={**ALERT, "actions": shown["actions"][:1]})
    assert again.status_code == 200, again.text
    given, _ = plane.connectors.started[alert["id"]]
    assert [one.properties for one in given.actions] == [ACTIONS[0]["properties"]]
    assert (given.cooldown_ms, again.json()["cooldown"]) == (0, "")
    assert (await plane.client.delete(f"{API}/streams/told")).status_code == 204
    for actions in (
        [{"action": "http", "properties": {"url": "******", "password": "******"}}],
        [{"action": "pigeon"}],
        [ACTIONS[1]],
        ACTIONS[:1] * 9,
    ):
        refused = await plane.client.put(path, json={**ALERT, "actions": actions})
        assert refused.status_code == 400, (actions, refused.text)
    for cooldown in ("-1s", "soon", "31d"):
        refused = await plane.client.put(path, json={**ALERT, "cooldown": cooldown})
        assert refused.status_code == 400, cooldown


async def test_what_an_alert_would_have_done(plane: Plane) -> None:
    await plane.stream()
    plane.engine.past = (
        BacktestRow(1_767_225_600_000, 1, b'["c0",1]'),
        BacktestRow(1_767_225_601_000, 0, b'["c1",61.5]'),
        BacktestRow(1_767_225_602_500, 1, b'["c2",3]'),
    )
    body = {"trigger_sql": ALERT["trigger_sql"], "resolve_sql": ALERT["trigger_sql"], "minutes": 5}
    found = await plane.client.post(f"{API}/alerts/test", json=body)
    assert found.status_code == 200, found.text
    assert found.json() == {
        "transitions": [
            {"time": "2026-01-01T00:00:01.000Z", "type": "triggered",
             "row": {"cid": "c1", "speed": 61.5}},
            {"time": "2026-01-01T00:00:02.500Z", "type": "resolved",
             "row": {"cid": "c2", "speed": 3}},
        ],
        "scanned_rows": 3, "transitions_max": 1000, "truncated": False,
    }  # fmt: skip
    assert (await plane.client.get(f"{API}/alerts")).json() == [], "nothing is made"
    for change in ({"minutes": 0}, {"minutes": 1441}, {"trigger_sql": "selec"}):
        refused = await plane.client.post(f"{API}/alerts/test", json={**body, **change})
        assert refused.status_code == 400, change
