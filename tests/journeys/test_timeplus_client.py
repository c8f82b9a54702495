"""The official Python client over real HTTP: streams, ingest, live queries, its DB-API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from swagger_client.rest import ApiException
from timeplus import Environment, Query, Stream, Topology, Type, View, dbapi
from timeplus.dbapi import Connection
from timeplus.error import Error, TimeplusAPIError

from engine.owned_names import FIXED  # what an API has made stays on the shared server
from tests.journeys.server import Server
from tests.journeys.timeplus_calls import check, recording
from tests.journeys.waiting import wait_until

# Types that are none without what they hold.
HOLDING = {Type.Array: "(string)", Type.Map: "(string, int64)", Type.Tuple: "(int64, string)"}


@pytest.fixture(scope="module", autouse=True)
def calls() -> Iterator[set[str]]:
    """What the tests of this module called."""
    with recording() as made:
        yield made


@pytest.fixture(scope="module")
def environment(server: Server) -> Environment:
    """The client's connection to the default workspace."""
    return Environment().address(server.url).workspace("default").apikey(server.key)


@pytest.fixture(scope="module")
def cars(environment: Environment) -> Iterator[Stream]:
    """A stream made by the client."""
    stream = Stream(env=environment).name("cars").column("cid", "string").column("speed", "float32")
    yield stream.create()
    stream.delete()


@pytest.fixture
def connection(server: Server, cars: Stream) -> Iterator[Connection]:
    """The DB-API over the same server."""
    opened = dbapi.connect(
        host="127.0.0.1", port=server.port, scheme="http", path="default", password=server.key
    )
    yield opened
    opened.close()


def test_life_of_a_stream(environment: Environment) -> None:
    stream = (
        Stream(env=environment)
        .name("made")
        .column("id", "integer")
        .column("note", "string")
        .ttl_expression("to_datetime(_tp_time) + INTERVAL 7 DAY")
        .logstore_retention_bytes(1 << 30)
        .logstore_retention_ms(60_000)
        .event_time_timezone("UTC")
        .description("made by the client")
        .create()
    )
    try:
        assert stream.exist()
        shown = stream.get().metadata()
        assert shown.name == "made"
        assert [c.name for c in shown.columns] == ["id", "note", "_tp_time"]
        assert shown.columns[-1].type == "datetime64(3, 'UTC')"
        assert shown.description == "made by the client"
        assert shown.logstore_retention_bytes == 1 << 30
        assert shown.logstore_retention_ms == 60_000
        assert shown.mode == "append"
        assert "made" in [s.name for s in stream.list()]
    finally:
        stream.delete()
    assert not stream.exist()
    with pytest.raises(TimeplusAPIError):
        stream.get()
    assert stream.create().exist()
    stream.delete()


def test_stream_with_a_key_and_an_event_time(environment: Environment, server: Server) -> None:
    stream = Stream(env=environment).name("latest").mode("versioned_kv").primary_key("id")
    stream.column("id", "string").column("seen", "datetime64(3)").event_time_cloumn("seen").create()
    shown = stream.get().metadata()
    assert (shown.mode, shown.primary_key) == ("versioned_kv", "id")
    stream.ingest(["id", "seen"], [["a", "2026-01-01 00:00:00"], ["a", "2026-01-02 00:00:00"]])
    rows = server.select("select id, to_string(_tp_time) from table(latest)")
    assert [(name, time[:10]) for name, time in rows] == [("a", "2026-01-02")]
    stream.delete()


def test_stream_with_a_column_of_each_type(environment: Environment, cars: Stream) -> None:
    stream = Stream(env=environment).name("typed")
    for kind in Type:
        stream.column(f"c_{kind.value}", f"{kind.value}{HOLDING.get(kind, '')}")
    shown = stream.create().get().metadata()
    made = {column.name: column.type for column in shown.columns}
    assert made["c_integer"] == "int32"
    assert made["c_map"] == "map(string, int64)"
    assert len(made) == len(Type) + 1
    stream.delete()
    for kind in HOLDING:
        bare = Stream(env=environment).name("bare").column("c", kind.value)
        with pytest.raises(ApiException) as refused:
            bare.create()
        assert refused.value.status == 400
        message = json.loads(refused.value.body)["message"]
        assert message.startswith("the type of column c is not valid: "), message
        assert "default" not in message


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ({"colums": ["cid", "speed"], "rows": [["c1", 61.5], ["c2", 48.0]]}, 2),
        ({"payload": '{"cid":"c3","speed":1}\n{"cid":"c4"}', "format": "streaming"}, 2),
        ({"payload": {"cid": "c5", "speed": 2}, "format": "streaming"}, 1),
    ],
)
def test_ingest(how: dict[str, Any], rows: int, cars: Stream, server: Server) -> None:
    before = server.select("select count() from table(cars)")[0][0]
    cars.ingest(**how)
    assert server.select("select count() from table(cars)")[0][0] == before + rows


@pytest.mark.parametrize(("form", "count"), [("raw", 1), ("lines", 3)])
def test_ingest_of_text(form: str, count: int, environment: Environment, server: Server) -> None:
    stream = Stream(env=environment).name(f"text_{form}").column("raw", "string").create()
    stream.ingest(payload="one\n  two\nthree", format=form)
    rows = [raw for (raw,) in server.select(f"select raw from table(text_{form})")]
    assert len(rows) == count
    stream.delete()


def test_streaming_query_with_metrics(environment: Environment, cars: Stream) -> None:
    query = Query(env=environment).sql("select cid, speed from cars").create()
    assert [c["name"] for c in query.header()] == ["cid", "speed"]
    assert query.metadata()["status"] == "running"
    stop = threading.Event()

    def drive() -> None:
        while not stop.wait(0.1):
            cars.ingest(["cid", "speed"], [["live", 50.5]])

    driving = threading.Thread(target=drive)
    driving.start()
    rows: list[list[Any]] = []
    metrics: list[dict[str, Any]] = []
    for event in query.result():
        if event.event == "message":
            rows += json.loads(event.data)
        elif event.event == "metrics":
            metrics.append(json.loads(event.data))
        if rows and len(metrics) == 2:
            break
    stop.set()
    driving.join()
    assert all(row == ["live", 50.5] for row in rows)
    assert metrics[1]["count"] >= metrics[0]["count"] > 0
    assert metrics[1]["eps"] > 0
    query.cancel()
    left = [event.event for event in query.result()]
    assert left[-1] == "query"
    assert query.get().metadata().status == "canceled"


def test_query_of_another_client_is_found_by_its_id(environment: Environment, cars: Stream) -> None:
    begun = Query(env=environment).sql("select cid from cars").create()
    other = Query(env=environment).id(begun.id())
    assert other.id() == begun.id()
    other.cancel()
    assert other.get().metadata().status == "canceled"


def test_bounded_query_and_batching(environment: Environment, cars: Stream) -> None:
    cars.ingest(["cid", "speed"], [[f"b{n}", n] for n in range(10)])
    query = (
        Query(env=environment)
        .sql("select cid from table(cars) where cid like 'b%' order by cid")
        .batching_policy(count=4, time_ms=1000)
        .create()
    )
    events = list(query.result())
    batches = [json.loads(e.data) for e in events if e.event == "message"]
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert json.loads(events[-1].data)["status"] == "finished"


def test_list_and_delete_of_queries(environment: Environment, cars: Stream) -> None:
    query = Query(env=environment).sql("select cid from cars").create()
    assert query.id() in [q.id for q in query.list()]
    query.delete()
    assert query.id() not in [q.id for q in query.list()]


def test_analyze(environment: Environment, cars: Stream) -> None:
    found = Query(env=environment).sql("select count() as n from cars group by cid").analyze()
    assert (found.is_streaming, found.has_aggr, found.query_type) == (True, True, "SELECT")
    assert [c.column for c in found.result_columns] == ["n"]


def test_errors_have_status_and_body(environment: Environment, cars: Stream) -> None:
    def sql(text: str) -> Query:
        return Query(env=environment).sql(text)

    for call, status, code in (
        (lambda: sql("select * from nowhere").create(), 400, 60),
        (lambda: sql("selec").create(), 400, 62),
        (lambda: sql("select nothing from cars").analyze(), 400, 47),
        (lambda: cars.create(), 400, 57),
        (lambda: cars.ingest(["wrong"], [[1]]), 400, 16),
        (lambda: cars.ingest(["cid", "speed"], [["a", "fast"]]), 400, None),
        (lambda: Stream(env=environment).name("none").delete(), 404, 60),
    ):
        with pytest.raises(ApiException) as refused:
            call()
        body = json.loads(refused.value.body)
        assert refused.value.status == status, body
        extra = {"line", "column", "hint", "replacement"}
        assert set(body) - extra == {"code", "message", "system"}
        assert code is None or body["code"] == code, body


def test_wrong_key_is_refused(server: Server) -> None:
    stranger = Environment().address(server.url).workspace("default").apikey("x" * 60)
    with pytest.raises(ApiException) as refused:
        Stream(env=stranger).list()
    assert refused.value.status == 403
    with pytest.raises(ValueError, match="60"):
        Environment().apikey("short")


def test_address_without_a_workspace(server: Server, cars: Stream) -> None:
    plain = Environment().address(server.url).apikey(server.key)
    assert "cars" in [s.name for s in Stream(env=plain).list()]


def test_cursor_over_a_table(connection: Connection, cars: Stream) -> None:
    cars.ingest(["cid", "speed"], [[f"d{n}", n] for n in range(5)])
    cursor = connection.cursor()
    cursor.execute(
        "select cid, speed from table(cars) where cid like %(like)s order by cid", {"like": "d%"}
    )
    shown = [column[:2] for column in cursor.description]
    assert shown == [("cid", "string"), ("speed", "float32")]
    assert tuple(cursor.fetchone()) == ("d0", 0.0)
    assert [row.cid for row in cursor.fetchmany(2)] == ["d1", "d2"]
    assert [row.cid for row in cursor.fetchall()] == ["d3", "d4"]
    assert cursor.fetchone() is None
    cursor.close()  # cancels a query that has finished


def test_cursor_over_a_stream(connection: Connection, cars: Stream, server: Server) -> None:
    cursor = connection.execute("select cid, _tp_time from cars")
    cars.ingest(["cid"], [["s0"], ["s1"]])
    assert [cursor.next()[0] for _ in range(2)] == ["s0", "s1"]
    cursor.close()
    wait_until(lambda: not server.running(), 2, "the end of a closed cursor's query")


def test_cursor_runs_definitions(connection: Connection) -> None:
    cursor = connection.cursor()
    for sql in (
        "create stream by_cursor (a int32, b string)",
        "insert into by_cursor (a, b) values (1, 'x'), (2, 'y')",
    ):
        assert cursor.execute(sql).fetchall() == []
    rows = cursor.execute("select a, b from table(by_cursor) order by a").fetchall()
    assert [tuple(row) for row in rows] == [(1, "x"), (2, "y")]
    assert "by_cursor" in [row[0] for row in cursor.execute("show streams").fetchall()]
    assert cursor.execute("drop stream by_cursor").fetchall() == []


def test_connection_as_the_standard_has_it(server: Server, cars: Stream) -> None:
    where = {"host": "127.0.0.1", "port": server.port, "scheme": "http", "path": "default"}
    connection = dbapi.connect(**where, password=server.key)
    connection.commit()
    connection.rollback()
    with connection as cursor:
        cursor.setinputsizes([1])
        cursor.setoutputsizes(1)
        with pytest.raises(Error, match="before `execute`"):
            cursor.fetchall()
        with pytest.raises(Error, match="not supported"):
            cursor.executemany("select 1", [])
        cursor.execute("select 1 as a union all select 2 as a")
        assert cursor.rowcount == 2
        assert sorted(row.a for row in iter(cursor)) == [1, 2]
        with pytest.raises(ApiException) as refused:
            cursor.execute("select * from nowhere")
        assert "nowhere does not exist" in json.loads(refused.value.body)["message"]
    with pytest.raises(Error, match="already closed"):
        connection.cursor()


def test_parameters_reach_the_server_as_they_are(connection: Connection) -> None:
    given = {"text": "it's", "number": 1.5, "truth": True}
    sql = "select %(text)s as a, %(number)s as b, %(truth)s as c"
    assert tuple(connection.execute(sql, given).fetchone()) == ("it's", 1.5, True)
    assert connection.execute(dbapi.apply_parameters(sql, given)).fetchone().a == "it's"
    assert dbapi.escape(["a'b", "c"]) == "'a''b', 'c'"


@pytest.mark.parametrize("materialized", [False, True])
def test_life_of_a_view(environment: Environment, cars: Stream, materialized: bool) -> None:
    view = (
        View(env=environment)
        .name("of_cars")
        .query("select cid, speed from cars")
        .materialized(materialized)
        .target_stream("cars_seen")
        .description("made by the client")
        .create()
    )
    try:
        assert view.exist()
        shown = view.get().metadata()
        assert (shown.name, shown.materialized) == ("of_cars", materialized)
        assert (shown.target_stream, shown.description) == ("cars_seen", "made by the client")
        assert [v.name for v in view.list() if v.name not in FIXED] == ["of_cars"]
        graph = Topology(env=environment).get()
        kind = "materialized_view" if materialized else "view"
        assert f"{kind}:of_cars" in {node.id for node in graph.nodes}
        assert ("stream:cars", f"{kind}:of_cars") in {(e.source, e.target) for e in graph.edges}
    finally:
        view.delete()
    assert not view.exist()
    if materialized:
        Stream(env=environment).name("cars_seen").delete()
    with pytest.raises(TimeplusAPIError):
        view.get()


def test_every_call_of_these_classes_was_made(
    calls: set[str], request: pytest.FixtureRequest
) -> None:
    check(calls, request)
