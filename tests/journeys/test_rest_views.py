"""Views by REST on a real server: made, paused, resumed, measured, and there after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS: Final = 15
TTL: Final = "to_datetime(_tp_time) + INTERVAL 7 DAY"
PLAIN: Final = {"name": "all_cars", "query": "select * from cars", "target_stream": "unused"}
FAST: Final = {
    "name": "fast",
    "query": "select cid, speed * 2 as twice from all_cars where speed > 50;",
    "materialized": True,
    "target_stream": "fast_rows",
    "ttl_expression": TTL,
    "logstore_retention_ms": 3_600_000,
}
NUMBERS: Final = {
    "name": "numbers_of",
    "query": "select to_int32(cid) as n from cars settings enable_dlq = 1",
    "materialized": True,
}


def ok(answer: httpx.Response, status: int = 200) -> Any:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


@pytest.mark.timeout(240)
def test_life_of_views(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()

    def get(path: str) -> Any:
        return ok(server.call("GET", path))

    def count() -> int:
        return int(server.select("select count() from table(fast_rows)")[0][0])

    server.create("cars", cid="string", speed="float32")
    for body in (PLAIN, FAST, NUMBERS):
        made = ok(server.call("POST", "/views", body), 201)
        assert made == get(f"/views/{body['name']}")
        assert made["columns"][-1]["name"] == "_tp_time"
        assert made["target_stream"] == body.get("target_stream", "")
    rows_in = get("/streams/fast_rows")
    assert [c["name"] for c in rows_in["columns"]] == ["cid", "twice", "_tp_time"]
    assert rows_in["ttl"] == TTL

    server.ingest("cars", ["cid", "speed"], [["c1", 60], ["2", 40]])
    wait_until(lambda: count() == 1, SECONDS, "the first row")
    ok(server.call("POST", "/materialized_views/fast/pause", None))
    server.ingest("cars", ["cid", "speed"], [["c1", 70], ["c2", 80]])
    server.ingest("cars", ["cid", "speed"], [["c3", 90]])
    paused = get("/views/fast/stats")
    assert (paused["nodes"][0]["status"], paused["lagging"]) == ("Paused", 2)
    assert paused["row_count"] == 1
    assert paused["nodes"][0]["checkpoint_size"] > 0

    _killed(server, get)
    ok(server.call("POST", "/materialized_views/fast/resume?sync=true", None))
    wait_until(lambda: count() == 4, SECONDS, "the rows that came meanwhile")
    moved = get("/views/fast/stats?historyDays=1")
    assert (moved["status"], moved["row_count"]) == ("ExecutingPipeline", 4)
    assert moved["written_eps"] > 0
    assert sum(point["written_eps"] for point in moved["history"]) > 0
    assert server.call("POST", "/materialized_views/fast/recover", None).status_code == 400
    _seen(server, get)

    server.stop()
    server.start()
    assert [view["name"] for view in get("/views")] == ["all_cars", "fast", "numbers_of"]
    assert get("/streams/cars/stats?historyDays=1")["read_eps"] > 0
    server.ingest("cars", ["cid", "speed"], [["c4", 99]])
    wait_until(lambda: count() == 5, SECONDS, "a row after the restart")
    _dropped(server, get)
    server.stop()


def _killed(server: Server, get: Callable[[str], Any]) -> None:
    """A kill takes neither the pause nor the view nor what was measured."""
    before = get("/streams/cars/stats?historyDays=1")
    server.kill()
    server.start()
    still = get("/materialized_views/fast")
    assert (still["status"], still["lagging"]) == ("Paused", 2)
    after = get("/streams/cars/stats?historyDays=1")
    assert after["written_eps"] == before["written_eps"] > 0
    assert any(point["written_eps"] > 0 for point in after["history"])


def _seen(server: Server, get: Callable[[str], Any]) -> None:
    """Rows that cannot be computed are counted and kept; the graph shows where rows go."""

    def left_out() -> int:
        return int(get("/views/numbers_of/stats")["left_out_rows"])

    wait_until(lambda: left_out() == 4, SECONDS, "left out rows")
    letters = get("/views/numbers_of/stats")["dead_letter_stream"]
    assert server.select(f"select count() from table({letters})") == [[4]]
    edges = {(edge["source"], edge["target"]) for edge in get("/topology")["edges"]}
    assert edges == {
        ("stream:cars", "view:all_cars"),
        ("view:all_cars", "materialized_view:fast"),
        ("materialized_view:fast", "stream:fast_rows"),
        ("stream:cars", "materialized_view:numbers_of"),
        ("materialized_view:numbers_of", f"stream:{letters}"),
    }
    assert get("/global-metrics")["storage"] > 0


def _dropped(server: Server, get: Callable[[str], Any]) -> None:
    """What is read by another view stays; a target stream outlives its view."""
    used = server.call("DELETE", "/views/all_cars")
    assert used.status_code == 400
    assert "fast" in used.json()["message"]
    ok(server.call("DELETE", "/views/fast"), 204)
    ok(server.call("DELETE", "/materialized_views/numbers_of"), 204)
    ok(server.call("DELETE", "/views/all_cars"), 204)
    assert [stream["name"] for stream in get("/streams")] == ["cars", "fast_rows"]
