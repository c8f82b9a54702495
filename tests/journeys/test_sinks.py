"""Sinks through the real processes: delivered, stopped, replaced, killed with all around them."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.receiver import Receiver
from tests.journeys.server import Server
from tests.journeys.test_source_secrets import lying_in
from tests.journeys.waiting import wait_until

SECONDS = 20.0
SECRET = "open-sesame-9931"
RANGES = "metrics_time_range=10m&error_log_time_range=1d"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where rows go."""
    with Receiver() as made:
        yield made


def make(server: Server, receiver: Receiver, stream: str, **change: Any) -> str:
    """A stream and a sink of all its rows; the sink's address."""
    server.create(stream, n="int64")
    body = {
        "name": f"out_{stream}", "type": "http", "query": f"select n from {stream}",
        "properties": {"url": f"{receiver.url}/", "retries": 20, "retry_interval": "100ms"},
        **change,
    }  # fmt: skip
    made = server.call("POST", "/sinks", body)
    assert made.status_code == 201, made.text
    assert (made.json()["status"], made.json()["message"]) == ("running", "")
    return f"/sinks/{made.json()['id']}"


def put(server: Server, stream: str, *numbers: int) -> None:
    server.ingest(stream, ["n"], [[number] for number in numbers])


def arrive(receiver: Receiver, wanted: list[int], seconds: float = SECONDS) -> None:
    """Wait until exactly these have come, in this order."""
    wait_until(lambda: len(receiver.bodies()) >= len(wanted), seconds, f"{len(wanted)} rows")
    assert receiver.values("n") == wanted


def stats(server: Server, path: str) -> dict[str, Any]:
    answer = server.call("GET", f"{path}/stats?{RANGES}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_stopped_sink_goes_on_where_it_was(server: Server, receiver: Receiver) -> None:
    path = make(server, receiver, "visits")
    put(server, "visits", 1, 2, 3)
    arrive(receiver, [1, 2, 3])
    assert len({request.event_id for request in receiver.requests}) == 3
    assert server.call("POST", f"{path}/stop").status_code == 204
    put(server, "visits", 4, 5)
    time.sleep(0.5)
    assert receiver.values("n") == [1, 2, 3], "a stopped sink delivers nothing"
    assert server.call("GET", path).json()["status"] == "stopped"
    assert server.call("POST", f"{path}/start").status_code == 204
    put(server, "visits", 6)
    arrive(receiver, [1, 2, 3, 4, 5, 6])
    assert server.call("GET", path).json()["status"] == "running"
    found = stats(server, path)
    assert (found["success_count"], found["failure_count"]) == (3, 0), "since the start"
    assert found["nodes"][0]["status"] == "ExecutingPipeline"
    assert found["uptime"] > 0
    lines = server.call("GET", f"{path}/logs?lines=50").json()
    assert any("started" in line for line in lines), lines

    used = server.call("DELETE", "/streams/visits")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert "sink out_visits" in used.json()["message"]
    assert server.call("DELETE", path).status_code == 204
    assert server.call("DELETE", "/streams/visits").status_code == 204
    names = [stream["name"] for stream in server.call("GET", "/streams").json()]
    assert not [name for name in names if name.startswith("_sink")]


def test_a_running_sink_is_replaced(server: Server, receiver: Receiver) -> None:
    path = make(server, receiver, "orders")
    put(server, "orders", 1)
    arrive(receiver, [1])
    sink = server.call("GET", path).json()
    # Another address, the same query: it goes on.
    body = {**sink, "properties": {**sink["properties"], "url": f"{receiver.url}/second"}}
    assert server.call("PUT", path, body).status_code == 200
    put(server, "orders", 2)
    wait_until(lambda: receiver.values("n", "/second") == [2], SECONDS, "the second address")
    # Another query: it begins anew.
    body["query"] = "select n * 10 as n from orders"
    changed = server.call("PUT", path, body).json()
    assert changed["plan"]["original_query"] == body["query"]
    put(server, "orders", 3)
    wait_until(lambda: receiver.values("n", "/second") == [2, 30], SECONDS, "the new query")
    patched = server.call("PATCH", path, {"properties": {"url": f"{receiver.url}/third"}})
    assert patched.json()["properties"]["retries"] == 20
    put(server, "orders", 4)
    wait_until(lambda: receiver.values("n", "/third") == [40], SECONDS, "the third address")


def test_what_the_target_refuses_is_kept_apart(server: Server, receiver: Receiver) -> None:
    receiver.status = 400
    path = make(server, receiver, "bad")
    put(server, "bad", 7)
    wait_until(lambda: stats(server, path)["failure_count"] == 1, SECONDS, "a failure")
    receiver.status = 200
    put(server, "bad", 8)
    wait_until(lambda: stats(server, path)["success_count"] == 1, SECONDS, "a success")
    assert [error["message"] for error in stats(server, path)["errors"]] != []
    shown = server.call("GET", path).json()
    assert (shown["status"], shown["message"] != "") == ("running", True)
    letters = stats(server, path)["dead_letter_stream"]
    names = [stream["name"] for stream in server.call("GET", "/streams").json()]
    assert letters in names
    rows = server.select(f"select * from table({letters})")
    assert '{"n":7}' in str(rows)


def test_a_target_that_is_away_is_waited_for(server: Server, receiver: Receiver) -> None:
    receiver.status = 503
    path = make(server, receiver, "later")
    put(server, "later", 1)
    wait_until(lambda: server.call("GET", path).json()["status"] == "error", SECONDS, "its error")
    assert "503" in server.call("GET", path).json()["message"]
    receiver.status = 200
    wait_until(lambda: stats(server, path)["success_count"] == 1, SECONDS, "the row")
    assert server.call("GET", path).json()["status"] == "running"
    assert len({request.event_id for request in receiver.requests}) == 1, "the same row"


def test_rows_go_into_another_stream(server: Server) -> None:
    server.create("raw", n="int64", text="string")
    server.create("kept", text="string", n="int64", more="string")
    made = server.call("POST", "/sinks", {
        "name": "into", "type": "timeplus", "query": "select n, text from raw where n > 1",
        "properties": {"stream_name": "kept"},
    })  # fmt: skip
    assert made.status_code == 201, made.text
    server.ingest("raw", ["n", "text"], [[1, "one"], [2, "two"], [3, "three"]])
    wanted = [[2, "two", ""], [3, "three", ""]]
    sql = "select n, text, more from table(kept) order by n"
    wait_until(lambda: server.select(sql) == wanted, SECONDS, "the rows")
    used = server.call("DELETE", "/streams/kept")
    assert (used.status_code, used.json()["code"]) == (400, 630)
    assert "sink into" in used.json()["message"]
    edges = server.call("GET", "/topology").json()["edges"]
    node = f"sink:{made.json()['id']}"
    assert {"source": "stream:raw", "target": node} in edges
    assert {"source": node, "target": "stream:kept"} in edges
    assert server.call("DELETE", f"/sinks/{made.json()['id']}").status_code == 204
    assert server.call("DELETE", "/streams/kept").status_code == 204


def test_a_failed_sink_begins_anew(server: Server, receiver: Receiver) -> None:
    path = make(server, receiver, "short")
    put(server, "short", 1)
    arrive(receiver, [1])
    body = server.call("GET", path).json()
    assert server.call("DELETE", "/streams/short?force=true").status_code == 204
    wait_until(lambda: server.call("GET", path).json()["status"] == "error", SECONDS, "its end")
    assert "short" in server.call("GET", path).json()["message"]
    refused = server.call("POST", f"{path}/start")
    assert (refused.status_code, refused.json()["code"]) == (400, 60)
    server.create("short", n="int64")
    assert server.call("PUT", path, body).json()["status"] == "running"
    put(server, "short", 2)
    arrive(receiver, [1, 2])


def test_what_a_query_uses_names_the_sink(server: Server) -> None:
    server.create("base", n="int64")
    for sql in (
        "create function twice as (n) -> n * 2",
        "create view doubled as select twice(n) as n from base",
    ):
        made = server.call("POST", "/exec", {"sql": sql, "type": "ddl"})
        assert made.status_code == 204, made.text
    body = {
        "name": "of_view", "type": "http", "query": "select twice(n) as m from doubled",
        "properties": {"url": "http://127.0.0.1:9/"},
    }  # fmt: skip
    path = f"/sinks/{server.call('POST', '/sinks', body).json()['id']}"
    replace = {"sql": "create or replace view doubled as select 1 as n from base", "type": "ddl"}
    for method, address, asked in (
        ("DELETE", "/views/doubled", None),
        ("PATCH", "/views/doubled", {"query": "select n from base"}),
        ("DELETE", "/udfs/twice", None),
        ("POST", "/exec", {"sql": "drop function twice", "type": "ddl"}),
        ("POST", "/exec", {"sql": "drop view doubled", "type": "ddl"}),
        ("POST", "/exec", replace),
    ):
        refused = server.call(method, address, asked)
        assert (refused.status_code, refused.json()["code"]) == (400, 630), (address, refused.text)
        assert "sink of_view" in refused.json()["message"], (method, address, asked)
    assert server.call("DELETE", path).status_code == 204
    assert server.call("DELETE", "/views/doubled").status_code == 204
    assert server.call("DELETE", "/udfs/twice").status_code == 204


def test_refusals_name_the_reason(server: Server) -> None:
    server.create("plain", n="int64")
    good = {
        "name": "s", "type": "http", "query": "select n from plain",
        "properties": {"url": "http://127.0.0.1:9/"},
    }  # fmt: skip
    for change, code, word in (
        ({"type": "redpanda_connect"}, 400, "not available"),
        ({"query": "select n from nowhere"}, 60, "nowhere"),
        ({"query": "select n from table(plain)"}, None, ""),
        ({"query": "drop stream plain"}, None, ""),
        ({"properties": {}}, 400, "url"),
        ({"properties": {"url": "http://h/", "payload_field": "{{ .x }}"}}, 400, "x"),
        ({"properties": {"url": "http://h/", "timeout": "soon"}}, 400, "duration"),
    ):
        refused = server.call("POST", "/sinks", {**good, **change})
        assert refused.status_code == 400, (change, refused.text)
        assert code is None or refused.json()["code"] == code, refused.text
        assert word in refused.json()["message"]
    assert server.call("DELETE", "/streams/plain").status_code == 204, "nothing is left"


@pytest.mark.timeout(240)
def test_starts_over_what_is_stored(tmp_path: Path, receiver: Receiver) -> None:
    """Starts of its own: secrets lie sealed, the engine of a running sink starts with the server,
    and what another key has sealed is refused."""
    server = Server(tmp_path / "data").start()
    hush = make_hush(server, receiver)
    key = server.call("POST", "/workspaces", {"name": "second"}).json()["api_key"]
    client = httpx.Client(
        base_url=f"{server.url}/second/api/v1beta2", headers={"X-Api-Key": key}, timeout=20
    )
    columns = [{"name": "n", "type": "int64"}]
    made = client.post("/streams", json={"name": "far", "columns": columns})
    assert made.status_code == 201, made.text
    sink = {
        "name": "out", "type": "http", "query": "select n from far",
        "properties": {"url": f"{receiver.url}/far"},
    }  # fmt: skip
    made = client.post("/sinks", json=sink)
    assert made.status_code == 201, made.text
    assert server.stop() == 0
    assert lying_in(tmp_path, SECRET) == []

    server.start()
    assert len(server.children("engine.host")) == 2
    answer = client.post("/streams/far/ingest", json={"columns": ["n"], "data": [[7]]})
    assert answer.status_code == 200, answer.text
    wait_until(lambda: receiver.values("n", "/far") == [7], SECONDS, "the row")
    put(server, "hush", 3)
    arrive(receiver, [1, 2, 3])
    assert receiver.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    stopped = client.post(f"/sinks/{made.json()['id']}/stop")
    assert stopped.status_code == 204
    assert server.stop() == 0

    server.start()
    assert len(server.children("engine.host")) == 1
    # A deleted workspace delivers nothing, and its engine is gone.
    assert client.post(f"/sinks/{made.json()['id']}/start").status_code == 204
    assert server.call("DELETE", "/workspaces/second?force=true").status_code == 204
    wait_until(lambda: len(server.children("engine.host")) == 1, SECONDS, "its end")
    assert server.call("GET", hush).json()["status"] == "running"
    server.stop()

    (tmp_path / "data" / "secret.key").write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    server.launch()
    assert server.process is not None
    assert server.process.wait(SECONDS) == 2
    last = server.log_text().strip().splitlines()[-1]
    assert "sink out_hush of workspace default is sealed with the key" in last


def make_hush(server: Server, receiver: Receiver) -> str:
    """A sink whose secret header is sent and never shown; its address."""
    properties = {
        "url": f"{receiver.url}/", "http_header": {"Authorization": f"Bearer {SECRET}"},
    }  # fmt: skip
    path = make(server, receiver, "hush", properties=properties)
    put(server, "hush", 1)
    arrive(receiver, [1])
    assert receiver.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    shown = server.call("GET", path)
    assert shown.json()["properties"]["http_header"] == {"Authorization": "******"}
    # What comes back masked keeps its value.
    assert server.call("PUT", path, shown.json()).status_code == 200
    put(server, "hush", 2)
    arrive(receiver, [1, 2])
    assert receiver.requests[1].headers["authorization"] == f"Bearer {SECRET}"
    for place in (path, f"{path}/logs?lines=50", f"{path}/stats?{RANGES}", "/audit"):
        assert SECRET not in server.call("GET", place).text
    return path


# Between two rows: a feed without a pause takes a processor for itself.
FEED_SECONDS = 0.005


class Feed:
    """Puts one number after the other, until the server is gone for good; which were taken."""

    def __init__(self, server: Server, stream: str) -> None:
        self.taken: list[int] = []
        self._server = server
        self._stream = stream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with httpx.Client(timeout=20) as client:
            number = 0
            while not self._stop.wait(FEED_SECONDS):
                try:
                    answer = client.post(
                        f"{self._server.api}/streams/{self._stream}/ingest",
                        json={"columns": ["n"], "data": [[number]]},
                        headers=self._server.headers,
                    )
                    if answer.status_code == 200:
                        self.taken.append(number)
                except httpx.HTTPError:
                    time.sleep(0.05)
                number += 1

    def more(self, count: int) -> None:
        """Wait until so many more were taken."""
        wanted = len(self.taken) + count
        wait_until(lambda: len(self.taken) >= wanted, 2 * SECONDS, f"{count} more rows")

    def end(self) -> None:
        self._stop.set()
        self._thread.join(20)


@pytest.mark.timeout(240)
def test_nothing_is_missing_after_kills(tmp_path: Path, receiver: Receiver) -> None:
    server = Server(tmp_path / "data").start()
    path = make(server, receiver, "much")
    feed = Feed(server, "much")
    feed.more(50)
    server.children("connectors.host")[0].kill()
    feed.more(50)
    server.kill_engine()
    feed.more(50)
    server.kill()
    server.start()
    feed.more(50)
    before = stats(server, path)["success_count"]
    assert server.stop() == 0
    server.start()
    feed.more(50)
    feed.end()
    taken = set(feed.taken)
    wait_until(lambda: taken <= set(receiver.values("n")), 2 * SECONDS, "all rows")
    assert server.call("GET", path).json()["status"] == "running"
    assert stats(server, path)["success_count"] > before > 0, "counted on over restarts"
    # What comes twice is the same event, and new ones come in order.
    first: dict[str, int] = {}
    for request in list(receiver.requests):
        assert first.setdefault(request.event_id, request.body["n"]) == request.body["n"]
    assert list(first.values()) == sorted(first.values())
    server.stop()
