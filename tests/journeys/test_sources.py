"""A source through the real processes: created, seen, killed with its surroundings, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server

OWN_SERVER = "its processes are killed"

STREAM = {
    "name": "iot",
    "columns": [
        {"name": "device", "type": "string"},
        {"name": "number", "type": "float32"},
        {"name": "time", "type": "string"},
    ],
}
SOURCE = {
    "name": "made_up",
    "type": "stream_generator",
    "stream": "iot",
    "properties": {"template": "iot", "interval": "20ms"},
}


class Api:
    """Calls with the admin's key."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.Client(base_url=server.api, headers=server.headers, timeout=15)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self._http.request(method, path, json=body)

    def rows(self) -> int:
        body = {"sql": "select count() from table(iot)", "type": "historical"}
        answer = self.call("POST", "/exec", body)
        answer.raise_for_status()
        return int(answer.json()["data"][0][0])

    def grows(self) -> bool:
        try:
            before = self.rows()
            time.sleep(0.2)
            return self.rows() > before
        except (httpx.HTTPStatusError, httpx.TransportError):
            return False


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


@pytest.mark.timeout(180)
def test_life_of_a_generator(server: Server) -> None:
    api = Api(server)
    assert api.call("POST", "/streams", STREAM).status_code == 201
    created = api.call("POST", "/sources", SOURCE)
    assert created.status_code == 201, created.text
    path = f"/sources/{created.json()['id']}"
    wait_until(api.grows)
    shown = api.call("GET", path).json()
    assert (shown["status"], shown["message"]) == ("running", "")
    assert shown["properties"] == SOURCE["properties"]
    assert shown["start_time"] > 0

    # Each of the two processes dies; the source goes on without anybody's help.
    server.children("connectors.host")[0].kill()
    wait_until(api.grows)
    server.kill_engine()
    wait_until(api.grows)
    wait_until(lambda: api.call("GET", path).json()["status"] == "running")

    stats = api.call("GET", f"{path}/stats?metrics_time_range=10m&error_log_time_range=1d").json()
    assert stats["success_count"] > 0
    assert sum(point["value"] for point in stats["throughput"]) > 0

    assert api.call("POST", f"{path}/stop").status_code == 204
    stopped = api.rows()
    time.sleep(0.3)
    assert api.rows() == stopped
    assert api.call("GET", path).json()["status"] == "stopped"
    assert api.call("DELETE", "/streams/iot").status_code == 400, "a source still writes to it"
    assert api.call("POST", f"{path}/start").status_code == 204
    wait_until(api.grows)
    assert api.call("DELETE", path).status_code == 204
    assert api.call("GET", path).status_code == 404
    assert api.call("DELETE", "/streams/iot").status_code == 204


def test_refusals_name_the_reason(server: Server) -> None:
    api = Api(server)
    for change, code, word in (
        ({"type": "ably"}, 400, "not available"),
        ({"stream": "nowhere"}, 60, "nowhere"),
        ({"properties": {}}, 400, "template"),
        ({"properties": {"template": "iot", "interval": "soon"}}, 400, "duration"),
    ):
        refused = api.call("POST", "/sources", {**SOURCE, **change})
        assert refused.status_code == 400, refused.text
        assert refused.json()["code"] == code
        assert word in refused.json()["message"]


def test_preview_needs_no_stream(server: Server) -> None:
    body = {"type": "stream_generator", "properties": {"template": "devops"}, "size": 2}
    answer = Api(server).call("POST", "/source/preview", body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 2
    assert {"host", "cpu"} <= set(answer.json()[0])
