"""Test rows and messages over REST: what the connector process is asked, and who may ask."""

from __future__ import annotations

from connectors.check_contract import SendTest
from tests.controlplane.conftest import API, Plane

ROW = f"{API}/sinks/test"
MESSAGE = f"{API}/alerts/test_message"


async def test_the_connector_process_gets_columns_and_row(lite: Plane) -> None:
    body = {"type": "http", "properties": {"url": "http://x"}, "row": {"a": 1, "b": "x", "c": True}}
    answer = await lite.client.post(ROW, json=body)
    assert answer.status_code == 200, answer.text
    (asked,) = lite.connectors.checked
    assert isinstance(asked, SendTest)
    assert [(c.name, c.type) for c in asked.columns] == [
        ("a", "int64"),
        ("b", "string"),
        ("c", "bool"),
    ]
    assert (asked.row, asked.alert) == (body["row"], "")
    failed = await lite.client.post(ROW, json={**body, "row": {"x": 1}})
    assert failed.json()["ok"] is False


async def test_masks_and_what_is_missing_are_refused(lite: Plane) -> None:
    assert (await lite.client.post(ROW, json={"properties": {}})).status_code == 400
    assert (await lite.client.post(MESSAGE, json={"name": "a"})).status_code == 400
    assert (await lite.client.post(MESSAGE, json={"id": "none"})).status_code == 404
    masked = {"type": "http", "properties": {"url": "http://x", "password": "******"}}
    assert (await lite.client.post(ROW, json=masked)).status_code == 400
    action = {"action": "http", "properties": masked["properties"]}
    assert (await lite.client.post(MESSAGE, json=action)).status_code == 400
    many = {"action": "http", "properties": {}, "actions": [{"action": "http"}] * 9}
    assert (await lite.client.post(MESSAGE, json=many)).status_code == 400
    assert lite.connectors.checked == []


async def test_readers_and_writers_may_send_nothing_out(lite: Plane) -> None:
    for role in ("read_only", "writer"):
        async with await lite.user(role, role) as other:
            for path in (ROW, MESSAGE):
                answer = await other.post(path, json={"type": "http", "action": "http"})
                assert answer.status_code == 403, (role, path)
