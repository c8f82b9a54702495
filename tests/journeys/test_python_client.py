"""Both Python clients against a real server: every call they have, each in its own workspace."""

from __future__ import annotations

import datetime
import json
import math
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from controlplane.client import (
    AlertDef,
    ApiError,
    Client,
    ColumnDef,
    ConnectorTrial,
    DashboardDef,
    End,
    ExternalStreamDef,
    ExternalStreamPreview,
    ExternalTableDef,
    KeyDef,
    Panel,
    QueryDef,
    QueryFailed,
    Rows,
    SavedQueryDef,
    Setting,
    SinkDef,
    SinkUpdate,
    SourceDef,
    SourcePreview,
    SourceUpdate,
    StreamDef,
    StreamUpdate,
    UdfArgument,
    UdfDef,
    ViewDef,
    ViewUpdate,
)
from tests.journeys.both_clients import Face, face
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

SECONDS = 20.0
ORDERS = StreamDef(
    "orders",
    [
        ColumnDef("id", "uint64"),
        ColumnDef("price", "decimal(30, 12)"),
        ColumnDef("note", "nullable(string)"),
        ColumnDef("at", "datetime64(6)", default="to_datetime64('2026-01-02 03:04:05', 6)"),
    ],
)
RECENT = "_tp_time > now() - 1h"
# Nobody listens there.
BROKERS = {"brokers": "127.0.0.1:1"}
KAFKA = [Setting("type", "kafka"), Setting("brokers", "127.0.0.1:1"), Setting("topic", "t")]
PROTO = 'syntax = "proto3"; message Order { int64 id = 1; }'


@pytest.fixture(params=["blocking", "async"])
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Face]:
    """A client of each kind, admin of a new workspace."""
    name = f"of_{request.param}"
    with face(request.param, server.url, server.key) as first:
        made = first.workspaces.create(name)
        assert (made.name, len(made.api_key)) == (name, 60)
        assert name in [entry.name for entry in first.workspaces.list()]
        assert "# TYPE" in first.server.scrape()
        assert first.server.system()["processes"]
        with face(request.param, server.url, made.api_key, name) as own:
            own.streams.create(ORDERS)
            own.used |= first.used
            yield own
        with pytest.raises(ApiError, match="stream"):
            first.workspaces.delete(name)
        first.workspaces.delete(name, force=True)
        assert name not in [entry.name for entry in first.workspaces.list()]


def streams_and_rows(client: Face) -> None:
    stream = client.streams.get("orders")
    assert [column.name for column in stream.columns] == ["id", "price", "note", "at", "_tp_time"]
    exact = Decimal("123456789012345678.000000000001")
    moment = datetime.datetime(2026, 5, 6, 7, 8, 9, 10, datetime.UTC)
    for _ in range(2):  # the same id: stored once
        client.streams.ingest(
            "orders", ["id", "price", "at"], [[2**64 - 1, exact, moment]], idempotency_id="one"
        )
    client.streams.ingest_objects("orders", [{"id": 2, "note": "b"}, {"id": 3}])
    body = json.dumps({"id": 4}).encode()
    client.streams.ingest_body("orders", body, "streaming")
    client.streams.ingest_once("orders", body, "streaming")
    client.streams.create(StreamDef("texts", [ColumnDef("raw", "string")]))
    client.streams.ingest_lines("texts", ["a", "b"])
    client.streams.ingest_raw("texts", "c\nd")
    floats = StreamDef("floats", [ColumnDef("n", "int8"), ColumnDef("f", "array(float64)")])
    client.streams.create(floats)
    values = [math.inf, -math.inf, 0.5, math.nan]
    client.streams.ingest("floats", ["n", "f"], [(1, values)])
    client.streams.ingest_objects("floats", [{"n": 2, "f": values}])
    both = client.fetch("select f from table(floats) order by n").to_arrow().column(0).to_pylist()
    assert [found[:3] for found in both] == [values[:3], values[:3]]
    assert all(math.isnan(found[3]) for found in both)
    client.streams.delete("floats")
    texts = client.queries.exec("select raw from table(texts) order by raw")
    assert texts.rows == [("a",), ("b",), ("c\nd",)]
    found = client.queries.exec("select id, price, note, at from table(orders) order by id")
    assert [row[0] for row in found] == [2, 3, 4, 4, 2**64 - 1]
    assert found.rows[-1][1:3] == (exact, None)
    table = found.to_arrow()
    assert table.column("at").to_pylist()[-1] == moment
    assert [str(kind) for kind in table.schema.types] == [
        "uint64", "decimal128(30, 12)", "string", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    with pytest.raises(ApiError, match="no_such") as refused:
        client.streams.ingest("orders", ["no_such"], [[1]])
    assert (refused.value.status, refused.value.code) == (400, 16)
    changed = client.streams.update("orders", StreamUpdate(description="What was ordered"))
    assert changed.description == "What was ordered"
    assert [stream.name for stream in client.streams.list()] == ["orders", "texts"]
    assert {s.name: s.row_count for s in client.streams.list(expand=True)}["texts"] == 3
    stats = client.streams.stats("texts", history_days=1)
    assert stats.row_count == 3
    client.streams.delete("texts")
    with pytest.raises(ApiError) as gone:
        client.streams.get("texts")
    assert gone.value.status == 404


# Type of a column, a value that is sent, its type in Arrow.
TYPES = [
    ("uint64", 2**64 - 1, "uint64"),
    ("int128", -(2**127), "decimal256(39, 0)"),
    ("uint128", 2**128 - 1, "decimal256(39, 0)"),
    ("uint256", 2**256 - 1, "string"),
    ("float32", math.inf, "float"),
    ("decimal(50, 3)", Decimal("1.125"), "decimal256(50, 3)"),
    ("uuid", uuid.UUID(int=5), "string"),
    ("ipv6", "::1", "string"),
    ("enum8('a' = 1, 'it\\'s' = 2)", "it's", "string"),
    ("date", datetime.date(2022, 1, 2), "date32[day]"),
    ("datetime('Asia/Tokyo')", "2022-05-16 11:01:02", "timestamp[s, tz=Asia/Tokyo]"),
    ("datetime64(9, 'UTC')", "2022-05-16 11:01:02.123456789", "timestamp[ns, tz=UTC]"),
    ("array(nullable(int8))", [1, None], "list<item: int8>"),
    ("map(string, array(decimal(9, 2)))", {"k": ["1.50"]},
     "map<string, list<item: decimal128(9, 2) not null>>"),
    ("tuple(a int8, `b c` nullable(string))", [1, None], "struct<a: int8 not null, b c: string>"),
    ("nullable(datetime64(6))", None, "timestamp[us, tz=UTC]"),
]  # fmt: skip


def types(client: Face) -> None:
    names = [f"c{at}" for at in range(len(TYPES))]
    columns = [ColumnDef(name, kind) for name, (kind, _, _) in zip(names, TYPES, strict=True)]
    client.streams.create(StreamDef("every", columns))
    client.streams.ingest("every", names, [[value for _, value, _ in TYPES]])
    table = client.fetch(f"select {', '.join(names)} from table(every)").to_arrow()
    table.validate(full=True)
    assert [str(field.type) for field in table.schema] == [arrow for _, _, arrow in TYPES]
    assert [field.nullable for field in table.schema] == [False] * 15 + [True]
    whole = [table.column(at)[0].as_py() for at in (0, 1, 2, 3, 4)]
    assert whole == [2**64 - 1, Decimal(-(2**127)), Decimal(2**128 - 1), str(2**256 - 1), math.inf]
    assert table.column(11)[0].value == 1_652_698_862_123_456_789
    assert table.column(13)[0].as_py() == [("k", [Decimal("1.50")])]
    assert table.column(14)[0].as_py() == {"a": 1, "b c": None}
    client.streams.delete("every")


def queries(client: Face) -> None:
    definition = QueryDef("select id from orders", tags=["journey"], name="watch")

    def more() -> Any:
        return client.client.streams.ingest("orders", ["id"], [[70], [71]])

    found = client.live(definition, 1, more, "events")
    assert found == [Rows([[70], [71]])]
    (batch,) = client.live("select id, price from orders", 1, more, "batches")
    assert batch.column("id").to_pylist() == [70, 71]
    assert client.live("select id from orders", 2, more, "rows") == [(70,), (71,)]
    ends = client.live("select 1 as one", 9, lambda: None, "events")
    assert (ends[0], ends[-1]) == (Rows([[1]]), End("finished"))
    record = client.queries.list(tag="journey")[0]
    assert (record.name, record.tags) == ("watch", ["journey"])
    assert client.queries.get(record.id).sql == definition.sql
    client.queries.cancel(record.id)
    wait_until(
        lambda: client.queries.get(record.id).status == "canceled", SECONDS, "the query's end"
    )
    assert client.queries.pipeline(record.id).nodes == []
    assert client.queries.diagnosis(record.id)["status"] == "canceled"
    client.queries.delete(record.id)
    assert client.queries.list(tag="journey") == []
    assert client.queries.analyze("select id from orders").is_streaming
    assert "SELECT" in client.queries.format("select 1").sql
    assert client.queries.define("create stream by_sql (id int64)").status == "finished"
    client.queries.exec_ddl("drop stream by_sql")
    assert client.fetch("create stream by_query (id int64)").rows == []
    assert client.fetch("drop stream by_query").rows == []
    with pytest.raises(ApiError) as refused:
        client.fetch("selec 1")
    assert (refused.value.status, refused.value.code) == (400, 62)


def views(client: Face) -> None:
    plain = client.views.create(ViewDef("cheap", "select id from orders where price < 1"))
    assert (plain.materialized, [c.name for c in plain.columns]) == (False, ["id"])
    client.views.update("cheap", ViewUpdate(query="select id from orders where price < 2"))
    assert "2" in client.views.get("cheap").query
    client.views.create(ViewDef("ids", "select id from orders", materialized=True))
    assert [view.name for view in client.views.list()] == ["cheap", "ids"]
    client.streams.ingest("orders", ["id"], [[500]])
    wait_until(
        lambda: (500,) in client.queries.exec("select id from table(ids)").rows, SECONDS, "a row"
    )
    views = client.materialized_views
    assert [view.name for view in views.list(expand=True)] == ["ids"]
    assert [read["stream"] for read in views.diagnosis("ids")["inputs"]] == ["orders"]
    assert client.views.stats("ids").row_count == views.stats("ids").row_count > 0
    views.pause("ids", sync=True)
    assert views.get("ids").status == "Paused"
    with pytest.raises(ApiError):
        views.recover("ids")
    views.resume("ids", sync=True)
    assert views.get("ids").status == "ExecutingPipeline"
    with pytest.raises(ApiError, match="ids"):
        client.streams.delete("orders")
    views.delete("ids")
    client.views.delete("cheap")
    assert client.views.list() == []


def kept_objects(client: Face) -> None:
    saved = client.saved_queries.create(SavedQueryDef("mine", "select 1", tags=["a"]))
    changed = client.saved_queries.update(saved.id, SavedQueryDef("mine", "select 2"))
    assert (changed.sql, changed.tags) == ("select 2", [])
    assert client.saved_queries.get(saved.id) in client.saved_queries.list()
    client.saved_queries.delete(saved.id)

    source = "function twice(values) { return values.map(v => v * 2) }"
    twice = UdfDef("twice", "javascript", [UdfArgument("v", "float64")], "float64", source)
    assert client.udfs.create(twice).arguments == [UdfArgument("v", "float64")]
    assert client.queries.exec("select twice(2.5) as t").rows == [(5.0,)]
    assert client.udfs.update("twice", twice).name == client.udfs.get("twice").name
    assert [function.name for function in client.udfs.list()] == ["twice"]
    client.udfs.delete("twice")

    client.schemas.create("shop", PROTO)
    assert client.schemas.get("shop").content == PROTO
    client.schemas.update("shop", PROTO.replace("id", "number"))
    assert "number" in client.schemas.list()[0].content
    client.schemas.delete("shop")

    panel = Panel("P", "chart", "select 1", {"chart_type": "line"}, {"x": 0, "w": 6})
    board = client.dashboards.create(DashboardDef("board", [panel]))
    assert board.panels[0].viz_config == {"chart_type": "line"}
    assert client.dashboards.get(board.id) == client.dashboards.list()[0]
    again = DashboardDef("board", board.panels, description="ours")
    assert client.dashboards.update(board.id, again).panels == board.panels
    client.dashboards.delete(board.id)
    assert client.dashboards.list() == []


def what_lives_elsewhere(client: Face) -> None:
    columns = [ColumnDef("raw", "string")]
    client.external_streams.create(ExternalStreamDef("topic", KAFKA, columns))
    topic = client.external_streams.get("topic")
    assert (topic.type, [c.name for c in topic.columns]) == ("kafka", ["raw"])
    assert [stream.name for stream in client.external_streams.list()] == ["topic"]
    assert client.external_streams.stats("topic").written_eps == 0
    with pytest.raises(ApiError):
        client.external_streams.preview(ExternalStreamPreview(KAFKA, timeout=1))
    client.external_streams.delete("topic")
    settings = [Setting("type", "postgresql"), Setting("address", "127.0.0.1:1"),
                Setting("user", "ann"), Setting("password", "s3cret"),
                Setting("database", "d"), Setting("table", "t")]  # fmt: skip
    client.external_tables.create(ExternalTableDef("elsewhere", settings))
    table = client.external_tables.get("elsewhere")
    assert {s.key: s.value for s in table.settings}["password"] == "******"
    assert [one.name for one in client.external_tables.list()] == ["elsewhere"]
    client.external_tables.delete("elsewhere")


def sources(client: Face) -> None:
    client.streams.create(
        StreamDef("iot", [ColumnDef("device", "string"), ColumnDef("number", "float32"),
                          ColumnDef("time", "string")])
    )  # fmt: skip
    made = {"template": "iot", "interval": "20ms"}
    sources = client.sources
    source = sources.create(SourceDef("made_up", "stream_generator", "iot", made))
    wait_until(lambda: sources.stats(source.id).success_count > 0, SECONDS, "an event")
    sources.stop(source.id)
    assert sources.get(source.id).status == "stopped"
    changed = sources.update(source.id, SourceUpdate(description="d"))
    assert changed.description == "d"
    patched = sources.patch(source.id, SourceUpdate(properties={"interval": "50ms"}))
    assert patched.properties == {"template": "iot", "interval": "50ms"}
    sources.start(source.id)
    assert [one.id for one in sources.list()] == [source.id]
    assert isinstance(sources.logs(source.id, lines=5), list)
    assert sources.replay(source.id, "error like '%x%'").replayed == 0
    trial = ConnectorTrial("stream_generator", made)
    tested = sources.check(trial)
    assert (tested.ok, [step.name for step in tested.steps]) == (True, ["template"])
    assert sources.suggest(trial, "template", "d").values == ["devops"]
    (event,) = sources.preview(SourcePreview("stream_generator", made, size=1))
    assert set(event) > {"device", "number", "time"}
    inferred = sources.infer({"device": "d", "number": 1.5}).inferred_columns
    assert inferred == [ColumnDef("device", "string"), ColumnDef("number", "float64")]
    assert sources.match([{"device": "d", "number": 1.5}]) == ["iot"]
    with pytest.raises(ApiError):
        sources.topics(BROKERS)
    sources.delete(source.id)
    client.streams.delete("iot")


def until(check: Callable[[], bool], what: str) -> None:
    wait_until(check, SECONDS, what)


def sinks_and_alerts(client: Face) -> None:
    client.streams.create(StreamDef("sent", [ColumnDef("id", "uint64")]))
    wanted = SinkDef("copy", "timeplus", "select id from orders", {"stream_name": "sent"})
    sinks = client.sinks
    sink = sinks.create(wanted)
    client.streams.ingest("orders", ["id"], [[900]])
    count = "select count() from table(sent) where id = 900"
    until(lambda: client.queries.exec(count).rows == [(1,)], "a row that was sent")
    until(lambda: sinks.stats(sink.id).success_count >= 1, "a counted row")
    assert sinks.patch(sink.id, SinkUpdate(description="d")).description == "d"
    assert sinks.update(sink.id, wanted).query == wanted.query
    sinks.stop(sink.id)
    assert sinks.get(sink.id).status == "stopped"
    sinks.start(sink.id)
    assert [one.id for one in sinks.list()] == [sink.id]
    assert isinstance(sinks.logs(sink.id), list)
    assert sinks.replay(sink.id).failed == 0
    tested = sinks.check(ConnectorTrial(id=sink.id))
    assert (tested.ok, [step.name for step in tested.steps]) == (True, ["stream"])
    into = ConnectorTrial("timeplus")
    assert sinks.send_test(ConnectorTrial(id=sink.id), {"id": 902}).ok
    assert not sinks.suggest(into, "stream_name", "no stream begins so").values
    sinks.delete(sink.id)

    alerts = client.alerts
    rule = AlertDef(
        "Too dear", "timeplus", 1, "select id from orders where price > 100",
        properties={"stream_name": "sent"},
    )  # fmt: skip
    alert = alerts.create(rule)
    assert (alert.status, alert.instance.status) == ("running", "resolved")
    client.streams.ingest("orders", ["id", "price"], [[901, 101]])
    until(lambda: alerts.get(alert.id).instance.status == "triggered", "an alert")
    (told,) = alerts.test(rule.trigger_sql, minutes=10).transitions
    assert told.type == "triggered"
    assert alerts.send_message(alert.id, {"id": 903})
    alerts.resolve(alert.id)
    until(lambda: alerts.get(alert.id).instance.status == "resolved", "a resolved alert")
    assert [event.type for event in alerts.get(alert.id).instance.timeline] == [
        "triggered",
        "resolved",
    ]
    alerts.stop(alert.id)
    assert alerts.get(alert.id).status == "stopped"
    alerts.start(alert.id)
    assert alerts.update(alert.id, rule).name == rule.name
    assert [one.id for one in alerts.list()] == [alert.id]
    alerts.delete(alert.id)
    client.streams.delete("sent")


def revoke(client: Client, key_id: str) -> None:
    """Meanwhile somebody takes a key away."""
    client.api_keys.delete(key_id)


def people(client: Face) -> None:
    kind = "blocking" if type(client.client).__name__ == "Client" else "async"
    url, workspace = client.client.url, client.client.workspace
    name = f"ann_{kind}"
    assert client.users.roles() == ["admin", "writer", "read_only"]
    client.users.create(name, "long enough")
    assert client.users.get(name).role == "read_only"
    with face(kind, url, f"{name}:long enough", workspace) as ann:
        assert ann.server.session().username == name
        key = ann.api_keys.create(
            KeyDef("hers", expire_in="1h", permissions=["read:*", "write:query"])
        )
        assert key.expire_at > key.created_at
        with face(kind, url, key.api_key, workspace) as hers:
            assert [stream.name for stream in hers.streams.list()] == ["orders"]
            with pytest.raises(ApiError) as refused:
                hers.streams.create(StreamDef("mine", [ColumnDef("a", "int8")]))
            assert refused.value.status == 403
            with (
                Client(url, f"{name}:long enough", workspace) as other,
                pytest.raises(QueryFailed, match="credentials are no longer valid"),
            ):
                hers.live("select id from orders", 1, lambda: revoke(other, key.id), "rows")
        assert key.id not in [one.id for one in ann.api_keys.list()]
        client.used |= ann.used | hers.used | {("api_keys", "delete")}
    client.users.update(name, role="writer")
    assert client.users.get(name).role == "writer"
    assert name in [user.username for user in client.users.list()]
    client.users.delete(name)
    client.invitations.create("bob@example.com")
    (invitation,) = client.invitations.list()
    assert (invitation.email, invitation.status) == ("bob@example.com", "pending")
    client.invitations.delete(invitation.id)
    assert client.invitations.list() == []


def the_server_itself(client: Face) -> None:
    assert client.server.info().product_version
    assert client.server.ready().status == "ready"
    nodes = {node.name for node in client.server.topology().nodes}
    assert "orders" in nodes
    assert "orders" in {node["name"] for node in client.server.topology_rates()["nodes"]}
    assert client.server.permissions()["roles"]
    assert "orders" in {one["name"] for one in client.server.catalog(dialect=False)["objects"]}
    assert "nats" in {one["name"] for one in client.server.connector_types()["sources"]}
    assert client.server.metrics().storage >= 0
    assert "# TYPE" in client.server.workspace_scrape()
    assert client.server.subscription().subscription_plan
    assert client.server.databases()[0].count["streams"] == 1
    client.workspaces.configure(enabled_user_tracking=True)
    assert client.workspaces.current().settings.enabled_user_tracking
    (newest,) = client.server.audit(limit=1)
    assert newest.action
    assert client.server.audit(before=newest.id, limit=1)[0].id < newest.id
    assert newest.created_at.endswith("Z")
    with pytest.raises(ApiError) as refused:
        client.queries.get(str(uuid.uuid4()))
    assert refused.value.status == 404


PARTS = (
    streams_and_rows,
    types,
    queries,
    views,
    kept_objects,
    what_lives_elsewhere,
    sources,
    sinks_and_alerts,
    people,
    the_server_itself,
)


def test_every_call_does_what_it_says(client: Face) -> None:
    for part in PARTS:
        part(client)
    # The fixture makes and deletes the workspace.
    assert client.unused() == {("workspaces", "delete")}
