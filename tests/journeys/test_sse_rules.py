"""Event streams of a real server, each kind of query read by the strict parser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import Stopwatch, wait_until
from tests.sse_parser import Parser, Violation

COLUMNS = ["id", "name", "value"]


@pytest.fixture(scope="module")
def events(server: Server) -> Server:
    """The server with a stream that has three rows."""
    server.create("events", id="int64", name="string", value="float64")
    server.ingest("events", COLUMNS, [[1, "a", 0.5], [2, "b\nc\r\n", 1.5], [3, "ü\u2028", 2.5]])
    return server


def feed(server: Server, rows: list[list[Any]]) -> None:
    """Rows for what listens to the stream."""
    server.ingest("events", COLUMNS, rows)


def test_tail_sends_query_rows_metrics(events: Server) -> None:
    answer = Answer(events, "select id, name, value from events", tags=["tail"])
    assert answer.query["status"] == "running"
    assert answer.columns == COLUMNS
    feed(events, [[10, "x", 1.0], [11, 'line\n"\\', -0.25]])
    assert answer.rows(2) == [[10, "x", 1.0], [11, 'line\n"\\', -0.25]]
    metrics = [a for a, _ in zip(answer, range(2), strict=False)]
    assert [a.event.name for a in metrics] == ["metrics", "metrics"]
    assert metrics[0].event.data["count"] == 2
    assert metrics[0].event.data["scanned_rows"] >= 2
    assert events.call("POST", f"/queries/{answer.id}/cancel").status_code == 204
    rows, last = answer.rest()
    assert (rows, last["status"], last["code"]) == ([], "canceled", 394)
    assert last["message"].startswith("code 394: ")
    assert last["end_time"] >= last["start_time"] > 0
    shown = events.call("GET", f"/queries/{answer.id}").json()
    assert (shown["status"], shown["message"]) == ("canceled", last["message"])
    assert events.call("GET", "/queries?tag=tail").json()[0]["id"] == answer.id


def test_windowed_aggregate(events: Server) -> None:
    sql = (
        "select window_start, count() as n, sum(value) as s "
        "from tumble(events, 1s) group by window_start"
    )
    answer = Answer(events, sql)
    assert answer.columns == ["window_start", "n", "s"]
    assert answer.query["timeColumns"]["windowStart"] == 0
    stop = threading.Event()

    def keep_feeding() -> None:
        while not stop.wait(0.1):
            feed(events, [[20, "w", 1.0]])

    feeder = threading.Thread(target=keep_feeding)
    feeder.start()
    rows = answer.rows(2)
    stop.set()
    feeder.join()
    assert len({start for start, _, _ in rows}) == 2
    assert all(count == total for _, count, total in rows)
    answer.close()


def test_table_query_ends_before_any_metrics(events: Server) -> None:
    """A client reads the first two events of such a query and wants all rows in them."""
    sql = "select id, name, value from table(events) where id < 4 order by id"
    answer = Answer(events, sql)
    arrived = list(answer)
    rows = [a.event.data for a in arrived if a.event.name == "rows"]
    assert rows == [[[1, "a", 0.5], [2, "b\nc\r\n", 1.5], [3, "ü\u2028", 2.5]]]
    assert arrived[-1].event.data["status"] == "finished"
    assert arrived[-1].event.data["id"] == answer.id


def test_streaming_limit_finishes(events: Server) -> None:
    answer = Answer(events, "select id from events limit 3")
    feed(events, [[n, "l", 0.0] for n in range(30, 40)])
    rows, last = answer.rest()
    assert (rows, last["status"]) == ([[30], [31], [32]], "finished")
    assert "code" not in last
    assert last["message"] == ""


def test_definition_is_one_event(events: Server) -> None:
    answer = Answer(events, "create stream if not exists made_here (a int32)")
    assert (answer.query["status"], answer.columns) == ("finished", [])
    assert list(answer) == []
    dropped = events.call("POST", "/queries", {"sql": "drop stream made_here", "type": "ddl"})
    assert (dropped.status_code, dropped.content) == (204, b"")


@pytest.mark.parametrize("sql", ["show streams", "describe events", "select 1 as one, 'x' as two"])
def test_statements_with_rows_known_at_once(sql: str, events: Server) -> None:
    rows, last = Answer(events, sql).rest()
    assert last["status"] == "finished"
    assert rows
    if sql == "show streams":
        assert "events" in [row[0] for row in rows]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select * from nowhere", 60),
        ("selec 1", 62),
        ("select no_column from events", 47),
        ("select no_such_function(id) from events", 46),
    ],
)
def test_failure_before_the_start_is_no_event_stream(sql: str, code: int, events: Server) -> None:
    answer = Answer(events, sql)
    assert answer.status == 400
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = json.loads(answer.body())
    assert set(body) - {"line", "column", "hint", "replacement"} == {"code", "message", "system"}
    assert (body["code"], body["system"]) == (code, "proton")


def test_failure_after_the_start_is_a_last_query_event(events: Server) -> None:
    answer = Answer(events, "select throw_if(id > 100, 'too large') from events")
    if answer.status == 400:
        answer = Answer(events, "select to_int8(name) from events")
    feed(events, [[101, "no number", 0.0]])
    rows, last = answer.rest()
    assert rows == []
    assert last["status"] == "failed"
    assert last["message"].startswith(f"code {last['code']}: ")
    assert last["code"] > 0


def batches(answer: Answer, rows: int) -> list[list[list[Any]]]:
    """Row events until there are so many rows."""
    found: list[list[list[Any]]] = []
    while sum(map(len, found)) < rows:
        event = next(answer).event
        found += [event.data] if event.name == "rows" else []
    return found


def test_batching_by_count_splits(events: Server) -> None:
    answer = Answer(events, "select id from events", batching_policy={"count": 4})
    feed(events, [[n, "b", 0.0] for n in range(10)])
    found = batches(answer, 10)
    assert max(map(len, found)) <= 4
    assert [row for batch in found for row in batch] == [[n] for n in range(10)]
    answer.close()


def test_batching_by_time_waits(events: Server) -> None:
    policy = {"count": 1000, "time_ms": 1500}
    answer = Answer(events, "select id from events", batching_policy=policy)
    watch = Stopwatch()
    for n in range(5):
        feed(events, [[n, "t", 0.0]])
    found = batches(answer, 5)
    assert [len(batch) for batch in found] == [5]
    assert watch.seconds >= 1.4
    answer.close()


def test_batching_by_count_does_not_wait_for_the_time(events: Server) -> None:
    policy = {"count": 5, "time_ms": 60_000}
    answer = Answer(events, "select id from events", batching_policy=policy)
    for n in range(5):
        feed(events, [[n, "t", 0.0]])
    assert [len(batch) for batch in batches(answer, 5)] == [5]
    answer.close()


def test_large_results_are_cut_into_events_below_a_mebibyte(events: Server) -> None:
    events.create("wide", id="int64", text="string")
    for start in range(0, 60, 20):
        rows = [[n, "ä" * 50_000] for n in range(start, start + 20)]
        events.ingest("wide", ["id", "text"], rows)
    rows, last = Answer(events, "select id, text from table(wide) order by id").rest()
    assert last["status"] == "finished"
    assert [row[0] for row in rows] == list(range(60))
    assert all(row[1] == "ä" * 50_000 for row in rows)


@pytest.mark.parametrize(
    ("method", "path", "shown", "again"),
    [("POST", "/queries/{}/cancel", 200, 204), ("DELETE", "/queries/{}", 404, 404)],
)
def test_ended_from_outside(method: str, path: str, shown: int, again: int, events: Server) -> None:
    answer = Answer(events, "select id from events")
    assert events.call(method, path.format(answer.id)).status_code == 204
    assert answer.rest()[1]["status"] == "canceled"
    assert events.call("GET", f"/queries/{answer.id}").status_code == shown
    assert events.call(method, path.format(answer.id)).status_code == again


def test_key_that_is_revoked_ends_its_streams(events: Server) -> None:
    made = events.call("POST", "/auth/api_keys", {"name": "short"}).json()
    admin, events.key = events.key, made["api_key"]
    try:
        answer = Answer(events, "select id from events")
    finally:
        events.key = admin
    assert events.call("DELETE", f"/auth/api_keys/{made['id']}").status_code == 204
    watch = Stopwatch()
    assert answer.rest()[1]["status"] == "canceled"
    watch.within(6, "the end of a revoked key's stream")


def test_nothing_runs_in_the_end(events: Server) -> None:
    wait_until(lambda: not events.running(), 2, "the end of abandoned queries")


QUERY = json.dumps(
    {
        "analysis": {}, "description": "", "duration": 0, "end_time": 0, "id": "q", "message": "",
        "name": "", "response_time": 0, "result": {"header": [{"name": "a", "type": "int8"}]},
        "sql": "", "start_time": 1, "status": "running", "timeColumns": {},
    }
).encode()  # fmt: skip
FIRST = b"event: query\ndata: " + QUERY + b"\n\n"


@pytest.fixture
def parser() -> Iterator[Parser]:
    """A parser after the first event."""
    started = Parser()
    assert [event.name for event in started.feed(FIRST)] == ["query"]
    yield started


@pytest.mark.parametrize(
    "block",
    [
        b": ping\n\n",
        b"id: 1\ndata: [[1]]\n\n",
        b"retry: 5\n\n",
        b"event: error\ndata: {}\n\n",
        b"event: metrics\n\n",
        b"data: [[1]]\ndata: [[2]]\n\n",
        b"data: [[1,2]]\n\n",
        b"data: [[NaN]]\n\n",
        b"data: []\n\n",
        b"data: [[1]]\r\n\n",
        b"data: [[" + b"1" * (1 << 20) + b"]]\n\n",
        FIRST,
    ],
)
def test_parser_is_strict(block: bytes, parser: Parser) -> None:
    with pytest.raises(Violation):
        list(parser.feed(block))


def test_parser_wants_a_last_event(parser: Parser) -> None:
    with pytest.raises(Violation):
        parser.close()
