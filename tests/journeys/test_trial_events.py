"""Test rows of sinks and test messages of alerts reach a real receiver, marked, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.receiver import Receiver
from tests.journeys.server import Server

MARK = {"x-tailrace-test": "true"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with Receiver() as made:
        yield made


def marked(receiver: Receiver) -> Any:
    """The only request that came, which must be marked as a test."""
    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers.items() >= MARK.items()
    assert headers["x-event-id"].startswith("test-")
    return request.body


def test_a_row_of_a_sink_that_is_not_there_yet(server: Server, receiver: Receiver) -> None:
    server.create("tried", cid="string", speed="float32")
    body = {
        "type": "http",
        "properties": {"url": f"{receiver.url}/"},
        "query": "select cid, speed from tried",
        "row": {"cid": "c1"},
    }
    answer = server.call("POST", "/sinks/test", body).json()
    assert answer["ok"], answer
    assert [step["name"] for step in answer["steps"]] == ["connect", "deliver"]
    assert marked(receiver) == {"cid": "c1", "speed": 0}
    refused = server.call("POST", "/sinks/test", {**body, "row": {"other": 1}})
    assert (refused.status_code, len(receiver.requests)) == (400, 1)


def test_a_receiver_that_refuses_is_told_of_and_not_asked_again(
    server: Server, receiver: Receiver
) -> None:
    receiver.status = 500
    body = {"type": "http", "properties": {"url": f"{receiver.url}/"}, "row": {"a": 1}}
    answer = server.call("POST", "/sinks/test", body).json()
    assert answer["ok"] is False
    assert answer["steps"][-1]["name"] == "deliver"
    assert "500" in answer["steps"][-1]["message"]
    assert marked(receiver) == {"a": 1}


def test_a_message_of_an_alert_with_each_action(server: Server, receiver: Receiver) -> None:
    receiver.status = 200
    payload = '{"who": "{{ ._alert_name }}", "is": "{{ ._alert_status }}", "n": {{ .n }}}'
    properties = {"url": f"{receiver.url}/", "payload_field": payload}
    gone = {"action": "http", "properties": {"url": "http://127.0.0.1:9/"}}
    body = {
        "name": "Hot", "severity": 2, "action": "http", "properties": properties,
        "actions": [gone], "row": {"n": 7},
    }  # fmt: skip
    answer = server.call("POST", "/alerts/test_message", body).json()
    assert [one["ok"] for one in answer["actions"]] == [True, False]
    assert answer["ok"] is False
    assert marked(receiver) == {"who": "Hot", "is": "triggered", "n": 7}


def test_a_stored_alert_keeps_its_state_and_secrets(server: Server, receiver: Receiver) -> None:
    server.create("hot", n="int32")
    made = server.call("POST", "/alerts", {
        "name": "Hot", "severity": 1, "trigger_sql": "select n from hot where n > 5",
        "action": "http",
        "properties": {"url": f"{receiver.url}/", "http_header": {"Authorization": "hush"}},
    }).json()  # fmt: skip
    answer = server.call("POST", "/alerts/test_message", {"id": made["id"], "row": {"n": 9}})
    assert answer.json()["ok"], answer.text
    assert "hush" not in answer.text
    assert marked(receiver)["n"] == 9
    headers = {name.lower(): value for name, value in receiver.requests[0].headers.items()}
    assert headers["authorization"] == "hush"
    after = server.call("GET", f"/alerts/{made['id']}").json()
    assert (after["instance"]["status"], after["instance"]["timeline"]) == ("resolved", [])
