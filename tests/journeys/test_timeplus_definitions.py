"""The official Python client over real HTTP: external objects, schemas, dashboards, saved ones."""

from __future__ import annotations

from typing import Any

import pytest
import swagger_client
from swagger_client.rest import ApiException
from timeplus import Environment, ExternalStream, Schema
from timeplus.dashboard import Dashboard
from timeplus.error import TimeplusAPIError

from tests.journeys.server import Server

SQL = "select * from anything"


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
    schema.content('syntax = "proto3"; message Order { int32 id = 1; }').create()
    try:
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
