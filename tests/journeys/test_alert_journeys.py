"""Alerts through the real processes: triggered, resolved, told of, kept over kills and restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.receiver import Receiver
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS = 20.0
# Within this time a message would have come that must not come.
QUIET_SECONDS = 1.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where messages go."""
    with Receiver() as made:
        yield made


class Alert:
    """An alert of a stream of temperatures: above 100 it triggers, below 50 it resolves."""

    def __init__(self, server: Server, receiver: Receiver, stream: str, **change: Any) -> None:
        self.server, self.receiver, self.stream = server, receiver, stream
        server.create(stream, place="string", t="float64")
        self.body: dict[str, Any] = {
            "name": f"Hot {stream}!", "action": "http", "severity": 1,
            "trigger_sql": f"select place, t from {stream} where t > 100",
            "resolve_sql": f"select place, t from {stream} where t < 50",
            "properties": {"url": f"{receiver.url}/", "retries": 20, "retry_interval": "100ms"},
            **change,
        }  # fmt: skip
        made = server.call("POST", "/alerts", self.body)
        assert made.status_code == 201, made.text
        assert made.json()["status"] == "running"
        assert made.json()["instance"]["status"] == "resolved"
        self.path = f"/alerts/{made.json()['id']}"

    def measure(self, *temperatures: float) -> None:
        rows = [["oven", temperature] for temperature in temperatures]
        body = {"columns": ["place", "t"], "data": rows}
        self.answered("POST", f"/streams/{self.stream}/ingest", body)

    def shown(self) -> dict[str, Any]:
        return self.answered("GET", self.path).json()

    def answered(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """The good answer of the engine, which may be starting after a kill."""
        answer = self.server.call(method, path, body)

        def is_there() -> bool:
            nonlocal answer
            if answer.status_code == 429:
                answer = self.server.call(method, path, body)
            return answer.status_code != 429

        wait_until(is_there, SECONDS, "the engine")
        assert answer.status_code == 200, answer.text
        return answer

    def state(self) -> str:
        return self.shown()["instance"]["status"]

    def becomes(self, state: str) -> None:
        wait_until(lambda: self.state() == state, SECONDS, state)

    def told(self, *temperatures: float) -> None:
        """Exactly the rows that changed the state were sent."""
        wanted = list(temperatures)
        wait_until(lambda: len(self.receiver.bodies()) >= len(wanted), SECONDS, "the messages")
        assert self.receiver.values("t") == wanted

    def quiet(self, *temperatures: float) -> None:
        time.sleep(QUIET_SECONDS)
        self.told(*temperatures)


def test_it_triggers_and_resolves_once_for_each_change(server: Server, receiver: Receiver) -> None:
    alert = Alert(server, receiver, "ovens")
    alert.measure(70, 20, 101, 102, 60, 103)
    alert.becomes("triggered")
    alert.told(101)
    first = alert.shown()["instance"]
    assert [moment["type"] for moment in first["timeline"]] == ["triggered"]
    alert.measure(104, 40, 30)
    alert.becomes("resolved")
    alert.told(101, 40)
    assert alert.shown()["instance"]["id"] == first["id"]
    alert.measure(45, 110)
    alert.becomes("triggered")
    alert.told(101, 40, 110)
    found = alert.shown()["instance"]
    assert found["id"] != first["id"], "a new incident"
    assert [moment["type"] for moment in found["timeline"]] == [
        "triggered", "resolved", "triggered",
    ]  # fmt: skip
    times = [moment["timestamp"] for moment in found["timeline"]]
    assert times == sorted(times)
    assert abs(times[-1] / 1000 - time.time()) < 60
    shown = alert.shown()
    for part in ("trigger", "resolve"):
        query = shown[f"{part}_query"]
        assert (query["sql"], query["status"]) == (alert.body[f"{part}_sql"], "running")
        assert [column["name"] for column in query["result"]["header"]] == ["place", "t"]

    used = server.call("DELETE", "/streams/ovens")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert "alert Hot ovens!" in used.json()["message"]
    assert server.call("DELETE", alert.path).status_code == 204
    assert server.call("DELETE", "/streams/ovens").status_code == 204


def test_people_resolve_it(server: Server, receiver: Receiver) -> None:
    alert = Alert(server, receiver, "fridges", resolve_sql="")
    alert.measure(101, 20, 102)
    alert.becomes("triggered")
    alert.told(101)
    for _ in range(2):
        assert server.call("POST", f"{alert.path}/resolve").status_code == 204
        assert alert.state() == "resolved"
    alert.quiet(101)
    alert.measure(103)
    alert.becomes("triggered")
    alert.told(101, 103)
    # A stopped one too; and its state is kept by a stop.
    assert server.call("POST", f"{alert.path}/stop").status_code == 204
    shown = alert.shown()
    assert (shown["status"], shown["instance"]["status"]) == ("stopped", "triggered")
    assert server.call("POST", f"{alert.path}/resolve").status_code == 204
    assert alert.state() == "resolved"
    assert alert.shown()["resolve_query"]["sql"] == ""
    alert.measure(104)
    alert.quiet(101, 103)
    assert server.call("POST", f"{alert.path}/start").status_code == 204
    alert.becomes("triggered")
    alert.told(101, 103, 104)


def test_a_replacement_begins_resolved(server: Server, receiver: Receiver) -> None:
    alert = Alert(server, receiver, "boilers")
    alert.measure(101)
    alert.becomes("triggered")
    alert.told(101)
    changed = server.call("PUT", alert.path, {**alert.body, "severity": 3})
    assert changed.status_code == 200, changed.text
    assert changed.json()["severity"] == 3
    assert changed.json()["instance"] == {"id": "", "status": "resolved", "timeline": []}
    alert.quiet(101)
    alert.measure(102)
    alert.becomes("triggered")
    alert.told(101, 102)
    # What was given up stays, and what could not be sent is there too.
    assert "dead_letter_stream" not in alert.shown()
    receiver.status = 404
    alert.measure(40)
    alert.becomes("resolved")
    wait_until(lambda: "dead_letter_stream" in alert.shown(), SECONDS, "a dead letter")
    receiver.status = 503
    alert.measure(103)
    alert.becomes("triggered")
    changed = server.call("PUT", alert.path, {**alert.body, "description": "another"})
    assert changed.status_code == 200, changed.text
    stream = changed.json()["dead_letter_stream"]
    listed = server.call("GET", "/alerts").json()
    assert stream in [each.get("dead_letter_stream") for each in listed]
    letters = server.select(f"select raw, error from table({stream}) order by time")
    assert ["404" in letters[0][1], "changed" in letters[1][1]] == [True, True]
    assert [json.loads(raw)["t"] for raw, _ in letters] == [40, 103]


def test_slack_texts(server: Server, receiver: Receiver) -> None:
    properties = {"url": f"{receiver.url}/hook/secret"}
    alert = Alert(server, receiver, "plain", action="slack", properties=properties)
    assert alert.shown()["properties"] == {"url": "******"}
    alert.measure(101, 40)
    wait_until(lambda: len(receiver.bodies("/hook/secret")) == 2, SECONDS, "two messages")
    triggered, resolved = receiver.values("text", "/hook/secret")
    assert "Hot plain!" in triggered
    assert "triggered" in triggered
    assert '"t":101' in triggered
    assert "resolved" in resolved
    assert '"t":40' in resolved

    # With templates, and the address kept behind its mask.
    properties = {
        "url": "******",
        "trigger_template": "{{ .place }} has {{.t}}",
        "resolve_template": "{{.place}} is fine",
    }
    body = {**alert.body, "properties": properties}
    assert server.call("PUT", alert.path, body).status_code == 200
    alert.measure(102.5, 30)
    wait_until(lambda: len(receiver.bodies("/hook/secret")) == 4, SECONDS, "four messages")
    assert receiver.values("text", "/hook/secret")[2:] == ["oven has 102.5", "oven is fine"]


def test_refusals_name_the_reason(server: Server) -> None:
    server.create("cups", t="float64")
    good = {
        "name": "a", "action": "http", "severity": 1, "trigger_sql": "select t from cups",
        "properties": {"url": "http://127.0.0.1:9/"},
    }  # fmt: skip
    for change, word in (
        ({"action": "pigeon"}, "not available"),
        ({"trigger_sql": "select t from nowhere"}, "nowhere"),
        ({"trigger_sql": "select t from table(cups)"}, ""),
        ({"resolve_sql": "select u from cups"}, "u"),
        ({"severity": -1}, "severity"),
        ({"properties": {"url": "http://h/", "payload_field": "{{ .x }}"}}, "x"),
    ):
        refused = server.call("POST", "/alerts", {**good, **change})
        assert refused.status_code == 400, (change, refused.text)
        assert word in refused.json()["message"]
    assert server.call("DELETE", "/streams/cups").status_code == 204, "nothing is left"


@pytest.mark.timeout(180)
def test_nothing_fires_again_after_kills_and_restarts(tmp_path: Path, receiver: Receiver) -> None:
    server = Server(tmp_path / "data").start()
    alert = Alert(server, receiver, "rooms")
    alert.measure(101)
    alert.becomes("triggered")
    alert.told(101)
    incident = alert.shown()["instance"]

    server.children("connectors.host")[0].kill()
    alert.measure(102)
    wait_until(lambda: alert.shown()["status"] == "running", SECONDS, "it runs")
    server.kill_engine()
    alert.measure(103)
    server.kill()
    server.start()
    assert server.stop() == 0
    server.start()
    alert.quiet(101)
    assert alert.shown()["instance"] == incident
    assert alert.shown()["status"] == "running"
    # What comes now changes it as ever.
    alert.measure(104, 40)
    alert.becomes("resolved")
    alert.told(101, 40)

    # A message that could not be sent before the kill is sent after it, with its incident.
    receiver.status = 503
    alert.measure(105)
    alert.becomes("triggered")
    wait_until(lambda: len(receiver.bodies()) > 2, SECONDS, "an attempt")
    server.kill()
    receiver.requests.clear()
    receiver.status = 200
    server.start()
    alert.told(105)
    found = alert.shown()["instance"]
    assert receiver.requests[0].headers["x-incident-id"] == found["id"]
    assert found["status"] == "triggered"
    server.stop()


def test_it_is_tried_over_the_past_before_it_is_switched_on(
    server: Server, receiver: Receiver
) -> None:
    server.create("stoves", place="string", t="float64")
    for temperature in (70, 101, 103, 60, 40, 30, 110):
        server.ingest("stoves", ["place", "t"], [["kitchen", temperature]])
    queries = {
        "trigger_sql": "select place, t from stoves where t > 100",
        "resolve_sql": "select place, t from stoves where t < 50",
    }
    before = len(server.call("GET", "/alerts").json())
    tried = server.call("POST", "/alerts/test", {**queries, "minutes": 60})
    assert tried.status_code == 200, tried.text
    found = tried.json()
    assert [(each["type"], each["row"]["t"]) for each in found["transitions"]] == [
        ("triggered", 101), ("resolved", 40), ("triggered", 110),
    ]  # fmt: skip
    assert found["transitions"][0]["row"]["place"] == "kitchen"
    times = [each["time"] for each in found["transitions"]]
    assert times == sorted(times)
    assert (found["scanned_rows"], found["truncated"]) == (14, False)
    assert len(server.call("GET", "/alerts").json()) == before, "nothing is made"
    # A count over a window of the same rows, which no bounded query of this text would give.
    counting = "select count() as n from tumble(stoves, 1h) group by window_start emit periodic 1s"
    tried = server.call("POST", "/alerts/test", {"trigger_sql": counting, "minutes": 1})
    assert tried.status_code == 200, tried.text
    assert [each["type"] for each in tried.json()["transitions"]] in ([], ["triggered"])
    for change in ({"trigger_sql": "select u from stoves"}, {"minutes": 0}, {"minutes": 1441}):
        refused = server.call("POST", "/alerts/test", {**queries, "minutes": 5, **change})
        assert refused.status_code == 400, (change, refused.text)


def test_several_actions_and_a_cool_down(server: Server, receiver: Receiver) -> None:
    server.create("told", place="string", t="float64")
    actions = [
        {"action": "slack", "properties": {"url": f"{receiver.url}/hook/secret"}},
        {"action": "timeplus", "properties": {"stream_name": "told"}},
    ]
    alert = Alert(server, receiver, "kilns", actions=actions, cooldown="1h")
    shown = alert.shown()
    assert shown["actions"][0]["properties"] == {"url": "******"}
    assert shown["cooldown"] == "1h"
    alert.measure(101)
    alert.told(101)
    wait_until(lambda: len(receiver.bodies("/hook/secret")) == 1, SECONDS, "slack")
    # Within the cool-down: the state changes, and nobody is told.
    alert.measure(40)
    alert.told(101, 40)
    alert.measure(102)
    alert.becomes("triggered")
    alert.quiet(101, 40)
    assert len(receiver.bodies("/hook/secret")) == 2
    rows = server.select("select t from table(told) order by _tp_time")
    assert [row[0] for row in rows] == [101, 40]
    used = server.call("DELETE", "/streams/told")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    body = {**alert.body, "actions": shown["actions"][:1], "cooldown": ""}
    assert server.call("PUT", alert.path, body).status_code == 200
    assert server.call("DELETE", "/streams/told").status_code == 204
    receiver.requests.clear()
    alert.measure(105)
    alert.told(105)
    wait_until(lambda: len(receiver.bodies("/hook/secret")) == 1, SECONDS, "the kept address")
