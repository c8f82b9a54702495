"""Sources over the real server: read for real, secrets sealed on disk, counters over restarts."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.sync.server import Server as SocketServer
from websockets.sync.server import serve

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECRET = "open-sesame-8842"
SECONDS_MAX = 30.0
RANGES = "metrics_time_range=10m&error_log_time_range=1d"


@pytest.fixture
def feed() -> Iterator[str]:
    """A WebSocket server that sends an event every few milliseconds; its address."""
    stopped = threading.Event()

    def handler(socket: Any) -> None:
        number = 0
        while not stopped.wait(0.02):
            number += 1
            socket.send(msgspec.json.encode({"device": "d1", "value": number}).decode())

    with serve(handler, "127.0.0.1", 0) as server:
        made: SocketServer = server
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{made.socket.getsockname()[1]}/"
        stopped.set()
        made.shutdown()


def lying_in(folder: Path, secret: str) -> list[Path]:
    """Files below a folder that hold a text."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_socket()]
    return [file for file in files if secret.encode() in file.read_bytes()]


@pytest.mark.timeout(180)
def test_a_source_from_its_event_to_the_next_start(tmp_path: Path, feed: str) -> None:
    server = Server(tmp_path / "data", TAILRACE_ALLOW_PRIVATE_NETWORKS="true").start()
    properties = {"url": feed, "data_type": "json"}
    preview = {"type": "websocket", "properties": properties, "timeout": "10s"}
    event = server.call("POST", "/source/preview", preview).json()[0]
    inferred = server.call("POST", "/source/infer", {"event": event}).json()["inferred_columns"]
    stream = {"name": "feed", "columns": inferred}
    assert server.call("POST", "/streams", stream).status_code == 201
    assert server.call("POST", "/source/match", {"events": [event]}).json() == ["feed"]
    body = {
        "name": "web", "type": "websocket", "stream": "feed",
        "properties": {**properties, "token": SECRET},
    }  # fmt: skip
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    assert made.json()["properties"]["token"] == "******"
    path = f"/sources/{made.json()['id']}"

    def rows() -> int:
        return int(server.select("select count() from table(feed)")[0][0])

    wait_until(lambda: rows() > 5, SECONDS_MAX, "rows of the source")
    lines = server.call("GET", f"{path}/logs?lines=5").json()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "INFO started into stream feed", "INFO connected",
    ]  # fmt: skip
    used = server.call("DELETE", "/streams/feed")
    assert (used.status_code, "source web" in used.json()["message"]) == (400, True)
    sql = server.call("POST", "/exec", {"sql": "drop stream feed", "type": "ddl"})
    assert (sql.status_code, "source web" in sql.json()["message"]) == (400, True)
    before = server.call("GET", f"{path}/stats?{RANGES}").json()
    assert before["success_count"] > 5
    assert server.stop() == 0
    assert lying_in(tmp_path, SECRET) == []

    server.start()
    wait_until(
        lambda: server.call("GET", path).json()["status"] == "running", SECONDS_MAX, "the source"
    )
    after = server.call("GET", f"{path}/stats?{RANGES}").json()
    assert after["success_count"] >= before["success_count"], "counters go on"
    assert after["uptime"] >= before["uptime"]
    assert sum(point["value"] for point in after["throughput"]) > 0
    server.stop()

    (tmp_path / "data" / "secret.key").write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    server.launch()
    assert server.process is not None
    assert server.process.wait(SECONDS_MAX) == 2
    last = server.log_text().strip().splitlines()[-1]
    assert "source web of workspace default is sealed with the key" in last
    assert "secret.key" in last


@pytest.mark.timeout(120)
def test_types_that_cannot_be_reached(server: Server) -> None:
    server.create("sunk", a="int64")
    kafka = {"brokers": "127.0.0.1:1", "tls": {"disable": True}}
    topics = server.call("POST", "/source/kafka/topics", {"properties": kafka})
    assert (topics.status_code, topics.json()["system"]) == (400, "orbit")
    body = {
        "name": "k", "type": "kafka", "stream": "sunk",
        "properties": {**kafka, "topic": "t", "data_type": "json", "offset": "earliest"},
    }  # fmt: skip
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    path = f"/sources/{made.json()['id']}"
    wait_until(
        lambda: server.call("GET", path).json()["status"] == "failed", SECONDS_MAX, "the failure"
    )
    shown = server.call("GET", path).json()
    assert "127.0.0.1:1 cannot be reached" in shown["message"]
    errors = server.call("GET", f"{path}/stats?{RANGES}").json()["errors"]
    assert errors[0]["message"] == shown["message"]
    for name in ("ably", "redpanda_connect"):
        refused = server.call("POST", "/sources", {**body, "type": name})
        assert (refused.status_code, f"'{name}' is not available" in refused.text) == (400, True)
    assert server.call("DELETE", path).status_code == 204
