"""The official Python client over real HTTP: external objects, schemas, functions, dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import swagger_client
from swagger_client.rest import ApiException
from timeplus import UDF, Environment, ExternalStream, Schema
from timeplus.dashboard import Dashboard
from timeplus.error import TimeplusAPIError

from tests.journeys.server import Server
from tests.journeys.timeplus_calls import check, recording

PROTOBUF = 'syntax = "proto3"; message Order { int32 id = 1; }'
SQL = "select * from anything"


@pytest.fixture(scope="module", autouse=True)
def calls() -> Iterator[set[str]]:
    """What the tests of this module called."""
    with recording() as made:
        yield made


@pytest.fixture(scope="module")
def environment(server: Server) -> Environment:
    """The client's connection to the default workspace."""
    return Environment().address(server.url).workspace("default").apikey(server.key)


def generated(environment: Environment, name: str) -> Any:
    """A generated API class of the client."""
    client = swagger_client.ApiClient(environment._conf())
    return getattr(swagger_client, name)(client)


def test_life_of_an_external_stream(environment: Environment) -> None:
    stream = (
        ExternalStream(env=environment)
        .name("outside")
        .add_column("raw", "string")
        .description("elsewhere")
        .add_settings("type", "kafka")
        .add_settings("brokers", "nobody.invalid:9092")
        .add_settings("topic", "events")
        .add_settings("password", "geheim")
        .create()
    )
    try:
        assert stream.exist()
        shown = stream.get().metadata()
        assert (shown.name, shown.description) == ("outside", "elsewhere")
        assert [c.name for c in shown.columns] == ["raw"]
        assert {s.key: s.value for s in shown.settings} == {
            "type": "kafka",
            "brokers": "nobody.invalid:9092",
            "topic": "events",
            "password": "******",
        }
        assert [s.name for s in stream.list()] == ["outside"]
    finally:
        stream.delete()
    assert not stream.exist()
    with pytest.raises(TimeplusAPIError):
        stream.get()


def test_generated_calls_of_an_external_stream(environment: Environment) -> None:
    streams = generated(environment, "ExternalStreamsV1beta2Api")
    settings = [("type", "kafka"), ("brokers", "nobody.invalid:9092"), ("topic", "events")]
    body = {
        "name": "abroad",
        "columns": [{"name": "raw", "type": "string"}],
        "settings": [{"key": key, "value": value} for key, value in settings],
    }
    assert streams.v1beta2_external_streams_post(body).columns[0].name == "raw"
    shown = streams.v1beta2_external_streams_name_get("abroad")
    assert (shown.columns[0].type, shown.created_by.name) == ("string", "admin")
    assert [s.name for s in streams.v1beta2_external_streams_get()] == ["abroad"]
    streams.v1beta2_external_streams_name_delete("abroad")
    assert streams.v1beta2_external_streams_get() == []


def test_life_of_an_external_table(environment: Environment) -> None:
    tables = generated(environment, "ExternalTablesV1beta2Api")
    settings = [
        {"key": "type", "value": "clickhouse"},
        {"key": "address", "value": "nobody.invalid:9000"},
    ]
    made = tables.v1beta2_external_tables_post({"name": "far", "settings": settings})
    assert made.name == "far"
    assert [t.name for t in tables.v1beta2_external_tables_get()] == ["far"]
    assert tables.v1beta2_external_tables_name_get("far").settings[0].value == "clickhouse"
    tables.v1beta2_external_tables_name_delete("far")
    assert tables.v1beta2_external_tables_get() == []


def test_life_of_a_schema(environment: Environment) -> None:
    schema = Schema(env=environment).name("orders").type("Protobuf")
    schema.content(PROTOBUF).create()
    try:
        assert schema.exist()
        shown = schema.get().metadata()
        assert (shown.name, shown.type) == ("orders", "Protobuf")
        assert [s.name for s in schema.list()] == ["orders"]
    finally:
        schema.delete()
    with pytest.raises(TimeplusAPIError):
        schema.get()
    for name, type_, content in (
        ("a", "Protobuf", "something"),
        ("b", "unknown", "message A {}"),
    ):
        bad = Schema(env=environment).name(name).type(type_).content(content)
        with pytest.raises(ApiException) as caught:
            bad.create()
        assert caught.value.status == 400


def test_generated_calls_of_a_schema(environment: Environment) -> None:
    schemas = generated(environment, "SchemasV1beta2Api")
    body = {"name": "bills", "type": "Protobuf", "content": PROTOBUF}
    assert schemas.v1beta2_schemas_post(body).content == PROTOBUF
    assert schemas.v1beta2_schemas_name_get("bills").created_by.name == "admin"
    assert [s.name for s in schemas.v1beta2_schemas_get()] == ["bills"]
    # The client leaves {name} in the path as it is: no server can find that schema.
    with pytest.raises(ApiException) as refused:
        schemas.v1beta2_schemas_name_put(body)
    assert refused.value.status in (400, 404)
    schemas.v1beta2_schemas_name_delete("bills")
    assert schemas.v1beta2_schemas_get() == []


def test_life_of_a_function(environment: Environment, server: Server) -> None:
    functions = generated(environment, "UDFsV1beta2Api")
    body = {
        "name": "add_five",
        "type": "javascript",
        "arguments": [{"name": "value", "type": "float32"}],
        "return_type": "float32",
        "source": "function add_five(values) { return values.map(v => v + 5) }",
    }
    made = functions.v1beta2_udfs_post(swagger_client.UDF(**body))
    assert (made.name, made.is_aggregation, made.description) == ("add_five", False, "")
    assert server.select("select add_five(37)") == [[42.0]]
    assert functions.v1beta2_udfs_name_get("add_five").arguments[0].type == "float32"
    assert [f.name for f in UDF(env=environment).list()] == ["add_five"]
    assert len(functions.v1beta2_udfs_get()) == 1
    # The client leaves {name} in the path as it is: no server can find that function.
    with pytest.raises(ApiException) as refused:
        functions.v1beta2_udfs_name_put(body)
    assert refused.value.status == 404
    with pytest.raises(ApiException) as refused:
        functions.v1beta2_udfs_post({**body, "name": "broken", "source": "function ("})
    assert refused.value.status == 400
    assert json.loads(refused.value.body)["message"]
    functions.v1beta2_udfs_name_delete("add_five")
    assert functions.v1beta2_udfs_get() == []


def test_dashboards(environment: Environment) -> None:
    dashboards = generated(environment, "DashboardsV1beta2Api")
    position = {"x": 0, "y": 0, "w": 6, "h": 2, "nextX": 6, "nextY": 2}
    panel = {"title": "t", "viz_type": "chart", "viz_content": SQL, "position": position}
    made = dashboards.v1beta2_dashboards_post({"name": "first", "panels": [panel]})
    assert made.panels[0].position == position
    assert made.panels[0].id
    assert [d.name for d in Dashboard(env=environment).list()] == ["first"]
    changed = dashboards.v1beta2_dashboards_id_put({"name": "second"}, made.id)
    assert (changed.name, changed.panels, changed.description) == ("second", [], "")
    assert dashboards.v1beta2_dashboards_id_get(made.id).name == "second"
    dashboards.v1beta2_dashboards_id_delete(made.id)
    assert dashboards.v1beta2_dashboards_get() == []


def test_saved_queries(environment: Environment) -> None:
    saved = generated(environment, "SavedQueriesV1beta2Api")
    made = saved.v1beta2_savedqueries_post({"name": "one", "sql": SQL})
    assert (made.description, made.tags, made.created_by.name) == ("", [], "admin")
    changed = saved.v1beta2_savedqueries_id_put({"name": "two", "sql": SQL, "tags": ["a"]}, made.id)
    assert changed.tags == ["a"]
    assert [q.name for q in saved.v1beta2_savedqueries_get()] == ["two"]
    assert saved.v1beta2_savedqueries_id_get(made.id).sql == SQL
    saved.v1beta2_savedqueries_id_delete(made.id)
    assert saved.v1beta2_savedqueries_get() == []


def test_every_call_of_these_classes_was_made(
    calls: set[str], request: pytest.FixtureRequest
) -> None:
    check(calls, request)
