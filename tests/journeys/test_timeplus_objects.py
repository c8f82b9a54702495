"""The official Python client over real HTTP: sources, sinks, alerts, and its generated API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import swagger_client
from swagger_client.rest import ApiException
from timeplus import Alert, Environment, Query, Sink, Source
from timeplus.error import TimeplusAPIError

from engine.owned_names import FIXED  # what an API has made stays on the shared server
from tests.journeys.server import Server
from tests.journeys.timeplus_calls import check, recording
from tests.journeys.waiting import wait_until

GENERATOR = {"template": "iot", "interval": "20ms"}
# What sources and sinks are asked for besides their statistics.
RANGES = ("1d", "10m")


@pytest.fixture(scope="module", autouse=True)
def calls() -> Iterator[set[str]]:
    """What the tests of this module called."""
    with recording() as made:
        yield made


@pytest.fixture(scope="module")
def environment(server: Server) -> Environment:
    """The client's connection to the default workspace."""
    for name in ("iot", "delivered"):
        server.create(name, device="string", number="float32")
    return Environment().address(server.url).workspace("default").apikey(server.key)


@pytest.fixture(scope="module")
def client(environment: Environment) -> swagger_client.ApiClient:
    """What the generated classes send their requests by."""
    return swagger_client.ApiClient(environment._conf())


def count(server: Server, stream: str) -> int:
    """Rows of a stream."""
    return server.select(f"select count() from table({stream})")[0][0]


def message_of(call: Callable[[], Any], status: int = 400) -> str:
    """What a refused call says to its user."""
    with pytest.raises(ApiException) as refused:
        call()
    assert refused.value.status == status
    return json.loads(refused.value.body)["message"]


def status_of(call: Any, *given: Any) -> int:
    """The status that a call is refused with; its body is a well-formed error."""
    with pytest.raises(ApiException) as refused:
        call(*given)
    assert set(json.loads(refused.value.body)) == {"code", "message", "system"}
    return refused.value.status


def test_life_of_a_source(environment: Environment, server: Server) -> None:
    source = Source(env=environment).name("made_up").type("stream_generator").stream("iot")
    source.description("by the client").properties(GENERATOR).create()
    wait_until(lambda: count(server, "iot") > 0, 10, "rows of the source")
    assert source.exist()
    assert source.get().metadata()["status"] == "running"
    assert [s.name for s in source.list()] == ["made_up"]
    assert source.stop() is source
    assert source.get().metadata()["status"] == "stopped"
    assert source.start() is source
    # The client swaps body and id: it asks for a source named like the body.
    with pytest.raises(ApiException) as refused:
        source.update({"description": "new"})
    assert refused.value.status in (400, 404)
    source.delete()
    assert not source.exist()
    assert Source(env=environment).id(source.id()).start() is False
    with pytest.raises(TimeplusAPIError, match=source.id()):
        source.get()


def test_generated_calls_of_a_source(client: swagger_client.ApiClient, server: Server) -> None:
    sources = swagger_client.SourcesV1beta2Api(client)
    body = swagger_client.CreateSourceRequest(
        name="second", type="stream_generator", stream="iot", properties=GENERATOR
    )
    made = sources.v1beta2_sources_post(body)
    wait_until(
        lambda: sources.v1beta2_sources_id_stats_get(made.id, *RANGES).success_count > 0,
        10,
        "events of the source in its statistics",
    )
    changes = swagger_client.UpdateSourceRequest(description="new")
    assert "stop" in message_of(lambda: sources.v1beta2_sources_id_put(changes, made.id))
    sources.v1beta2_sources_id_stop_post(made.id)
    changed = sources.v1beta2_sources_id_put(changes, made.id)
    assert (changed.description, changed.status) == ("new", "stopped")
    sources.v1beta2_sources_id_start_post(made.id)
    assert sources.v1beta2_sources_id_get(made.id).status == "running"
    assert [s.id for s in sources.v1beta2_sources_get()] == [made.id]
    sources.v1beta2_sources_id_delete(made.id)
    assert sources.v1beta2_sources_get() == []


def test_tools_for_a_source(client: swagger_client.ApiClient, environment: Environment) -> None:
    sources = swagger_client.SourcesV1beta2Api(client)
    found = sources.v1beta2_source_infer_post({"event": {"device": "d1", "number": 1.5}})
    columns = [(c.name, c.type) for c in found.inferred_columns]
    assert columns == [("device", "string"), ("number", "float64")]
    assert found.recommeneded_columns == found.inferred_columns
    events = {"events": [{"device": "d1", "number": 1.5}]}
    assert sorted(sources.v1beta2_source_match_post(events)) == ["delivered", "iot"]
    preview = swagger_client.SourcePreviewRequest(
        type="stream_generator", properties=GENERATOR, size=2
    )
    assert [sorted(event)[0] for event in sources.v1beta2_source_preview_post(preview)] == [
        "battery",
        "battery",
    ]
    nowhere = swagger_client.KafkaCommon(brokers="127.0.0.1:1")
    body = swagger_client.V1beta2ListKafkaTopicRequest(properties=nowhere)
    assert "127.0.0.1:1" in message_of(lambda: sources.v1beta2_source_kafka_topics_post(body))


def test_life_of_a_sink(environment: Environment, server: Server) -> None:
    sink = Sink(env=environment).name("copy").type("timeplus").query("select * from iot")
    sink.description("by the client").properties({"stream_name": "delivered"}).create()
    server.ingest("iot", ["device", "number"], [["d1", 1.0]])
    wait_until(lambda: count(server, "delivered") == 1, 10, "the row that the sink delivers")
    assert sink.exist()
    assert sink.get().metadata()["status"] == "running"
    assert [s.name for s in sink.list()] == ["copy"]
    assert sink.stop() is sink
    assert sink.get().metadata()["status"] == "stopped"
    assert sink.start() is sink
    # The client swaps body and id: it asks for a sink named like the body.
    with pytest.raises(ApiException) as refused:
        sink.update()
    assert refused.value.status in (400, 404)
    sink.delete()
    assert not sink.exist()
    assert Sink(env=environment).id(sink.id()).start() is False
    with pytest.raises(TimeplusAPIError, match=sink.id()):
        sink.get()


def test_generated_calls_of_a_sink(client: swagger_client.ApiClient, server: Server) -> None:
    sinks = swagger_client.SinksV1beta2Api(client)
    properties = {"stream_name": "delivered"}
    body = {"name": "copy", "type": "timeplus", "query": "select * from iot"}
    request = swagger_client.CreateSinkRequest(**body, properties=properties)
    made = sinks.v1beta2_sinks_post(request)
    assert (made.status, made.plan.is_streaming) == ("running", True)
    server.ingest("iot", ["device", "number"], [["d2", 2.0]])
    wait_until(
        lambda: sinks.v1beta2_sinks_id_stats_get(made.id, *RANGES).success_count == 1,
        10,
        "the delivered row in the sink's statistics",
    )
    request.description = "new"
    assert sinks.v1beta2_sinks_id_put(request, made.id).description == "new"
    sinks.v1beta2_sinks_id_stop_post(made.id)
    assert sinks.v1beta2_sinks_id_get(made.id).status == "stopped"
    sinks.v1beta2_sinks_id_start_post(made.id)
    assert [s.status for s in sinks.v1beta2_sinks_get()] == ["running"]
    bounded = {**body, "query": "select * from table(iot)", "properties": properties}
    assert "table()" in message_of(lambda: sinks.v1beta2_sinks_post(bounded))
    unknown = {**body, "type": "nothing", "properties": properties}
    assert "nothing" in message_of(lambda: sinks.v1beta2_sinks_post(unknown))
    sinks.v1beta2_sinks_id_delete(made.id)
    assert sinks.v1beta2_sinks_get() == []


def test_life_of_an_alert(
    client: swagger_client.ApiClient, environment: Environment, server: Server
) -> None:
    alerts = swagger_client.AlertsV1beta2Api(client)
    server.create("fired", text="string")
    body = swagger_client.CreateAlertRequest(
        name="hot",
        action="timeplus",
        severity=1,
        trigger_sql="select device as text from iot where number > 100",
        properties={"stream_name": "fired"},
    )
    made = alerts.v1beta2_alerts_post(body)
    assert (made.status, made.instance.status, made.resolve_sql) == ("running", "resolved", "")
    assert made.trigger_query.status == "running"
    server.ingest("iot", ["device", "number"], [["d3", 101.0]])
    wait_until(
        lambda: alerts.v1beta2_alerts_id_get(made.id).instance.status == "triggered",
        10,
        "the alert",
    )
    wait_until(lambda: count(server, "fired") == 1, 10, "the message of the alert")
    alerts.v1beta2_alerts_id_resolve_post(made.id)
    shown = alerts.v1beta2_alerts_id_get(made.id).instance
    assert (shown.status, [t.type for t in shown.timeline]) == (
        "resolved",
        ["triggered", "resolved"],
    )
    alerts.v1beta2_alerts_id_stop_post(made.id)
    assert [a.status for a in Alert(env=environment).list()] == ["stopped"]
    alerts.v1beta2_alerts_id_start_post(made.id)
    body.severity = 2
    assert alerts.v1beta2_alerts_id_put(body, made.id).severity == 2
    assert len(alerts.v1beta2_alerts_get()) == 1
    body.trigger_sql = "select device from table(iot)"
    assert message_of(lambda: alerts.v1beta2_alerts_post(body))
    alerts.v1beta2_alerts_id_delete(made.id)
    assert alerts.v1beta2_alerts_get() == []


def test_streams(client: swagger_client.ApiClient) -> None:
    streams = swagger_client.StreamsV1beta2Api(client)
    columns = [swagger_client.ColumnDef(name="id", type="int64")]
    made = streams.v1beta2_streams_post(swagger_client.StreamDef(name="cars", columns=columns))
    assert (made.name, made.description, made.created_by.name) == ("cars", "", "admin")
    streams.v1beta2_streams_name_ingest_post({"columns": ["id"], "data": [[1], [2]]}, "cars")
    changes = swagger_client.UpdateStreamRequest(description="by the client", ttl_expression="")
    streams.v1beta2_streams_name_patch(changes, "cars")
    assert streams.v1beta2_streams_name_get("cars").description == "by the client"
    stats = streams.v1beta2_streams_name_stats_get("cars")
    assert (stats.row_count, stats.streaming_data_bytes > 0) == (2, True)
    assert stats.earliest_event <= stats.latest_event
    assert "cars" in [s.name for s in streams.v1beta2_streams_get()]
    streams.v1beta2_streams_name_delete("cars")
    assert status_of(streams.v1beta2_streams_name_get, "cars") == 404


@pytest.mark.parametrize("materialized", [False, True])
def test_views(client: swagger_client.ApiClient, server: Server, materialized: bool) -> None:
    views = swagger_client.ViewsV1beta2Api(client)
    server.create("seen", id="int64")
    body = swagger_client.CreateViewRequest(
        name="watch", query="select id from seen", materialized=materialized
    )
    made = views.v1beta2_views_post(body)
    assert (made.name, made.materialized) == ("watch", materialized)
    views.v1beta2_views_name_patch(swagger_client.UpdateViewRequest(description="new"), "watch")
    assert views.v1beta2_views_name_get("watch").description == "new"
    assert [v.name for v in views.v1beta2_views_get() if v.name not in FIXED] == ["watch"]
    assert views.v1beta2_views_name_stats_get("watch").row_count == 0
    graph = swagger_client.TopologyV1beta2Api(client).v1beta2_topology_get()
    assert "stream:seen" in {node.id for node in graph.nodes}
    # What the view reads cannot go before it.
    streams = swagger_client.StreamsV1beta2Api(client)
    with pytest.raises(ApiException) as refused:
        streams.v1beta2_streams_name_delete("seen")
    assert "watch" in json.loads(refused.value.body)["message"]
    views.v1beta2_views_name_delete("watch")
    streams.v1beta2_streams_name_delete("seen")


def test_queries(client: swagger_client.ApiClient, environment: Environment) -> None:
    queries = swagger_client.QueriesV1beta2Api(client)
    made = queries.v1beta2_queries_exec_post(
        swagger_client.ExecuteQueryRequest(sql="create stream asked (id int64)")
    )
    assert made.status == "finished"
    pretty = queries.v1beta2_format_post(swagger_client.FormatQueryRequest(sql="select   1"))
    assert pretty.sql == "SELECT 1"
    plan = queries.v1beta2_sqlanalyze_post({"sql": "select count() as n from asked"})
    assert (plan.is_streaming, plan.result_columns[0].column) == (True, "n")
    request = swagger_client.CreateQueryRequestV1Beta2(sql="select 1 as one", tags=["mine"])
    answer = queries.v1beta2_queries_post(request)
    first = next(line for line in answer if line.startswith(b"data: "))
    assert json.loads(first[6:])["result"]["header"] == [{"name": "one", "type": "uint8"}]
    answer.close()
    assert [q.tags for q in queries.v1beta2_queries_get(tag="mine")] == [["mine"]]
    reading = Query(env=environment).sql("select count() from asked").create()
    running = reading.id()
    graph = queries.v1beta2_queries_id_pipeline_get(running)
    assert "Read asked" in [node.name for node in graph.nodes]
    assert len(graph.edges) == len(graph.nodes) - 1
    assert queries.v1beta2_queries_id_get(running).status == "running"
    queries.v1beta2_queries_id_cancel_post(running)
    assert queries.v1beta2_queries_id_get(running).status == "canceled"
    queries.v1beta2_queries_id_delete(running)
    assert status_of(queries.v1beta2_queries_id_get, running) == 404
    swagger_client.StreamsV1beta2Api(client).v1beta2_streams_name_delete("asked")


def test_api_keys(client: swagger_client.ApiClient, server: Server) -> None:
    keys = swagger_client.APIKeysV1beta2Api(client)
    made = keys.v1beta2_auth_api_keys_post(
        body=swagger_client.CreateAPIKeyRequest(name="mine", expire_in="24h")
    )
    assert len(made.api_key) == 60
    assert made.name.startswith("mine (")
    # The client shares its key among all environments of a process: the new one is tried without.
    theirs = {"X-Api-Key": made.api_key}
    assert server.call("GET", "/auth/api_keys", **theirs).status_code == 200
    assert made.id in [key.id for key in keys.v1beta2_auth_api_keys_get()]
    keys.v1beta2_auth_api_keys_id_delete(made.id)
    assert server.call("GET", "/auth/api_keys", **theirs).status_code == 403
    keys.v1beta2_auth_api_keys_id_delete(keys.v1beta2_auth_api_keys_post().id)


def test_invitations(client: swagger_client.ApiClient) -> None:
    invitations = swagger_client.InvitationsV1beta2Api(client)
    body = swagger_client.InvitationRequest(email="new@example.org")
    invitations.v1beta2_invitations_post(body)
    (shown,) = invitations.v1beta2_invitations_get()
    assert shown.email == "new@example.org"
    invitations.v1beta2_invitations_id_delete(shown.id)
    assert invitations.v1beta2_invitations_get() == []


def test_the_workspace(client: swagger_client.ApiClient) -> None:
    workspace = swagger_client.WorkspaceV1beta2Api(client)
    assert workspace.v1beta2_workspace_get().name == "default"
    settings = swagger_client.WorkspaceSettings()
    workspace.v1beta2_workspace_patch(swagger_client.UpdateWorkspaceRequest(settings=settings))
    assert swagger_client.MiscApi(client).info_get().product_name == "Tailrace"
    metrics = swagger_client.MetricsV1beta2Api(client).v1beta2_global_metrics_get()
    assert metrics.storage >= 0
    subscription = swagger_client.SubscriptionV1beta2Api(client).v1beta2_subscription_get()
    assert subscription.subscription_plan == "Enterprise"


def test_what_the_contract_leaves_out_is_not_found(client: swagger_client.ApiClient) -> None:
    licences = swagger_client.LicenseV1beta2Api(client)
    assert status_of(swagger_client.WorkspacesV1beta2Api(client).destroy_post) == 404
    assert status_of(licences.v1beta2_licenses_get) == 404
    assert status_of(licences.v1beta2_licenses_post, {}) == 404
    assert status_of(licences.v1beta2_licenses_id_get, "1") == 404
    assert status_of(licences.v1beta2_licenses_id_delete, "1") == 404


def test_every_call_of_these_classes_was_made(
    calls: set[str], request: pytest.FixtureRequest
) -> None:
    check(calls, request)
