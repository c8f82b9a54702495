"""What the console's pages ask of a real server: the catalog, types, places of errors."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.client import Client
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

WRONG = "select cid,\n  sped from cars"
CALLS = {
    "sqlanalyze": {"sql": WRONG},
    "queries": {"sql": WRONG},
    "exec": {"sql": WRONG.replace("cars", "table(cars)"), "type": "historical"},
}


@pytest.fixture(scope="module")
def cars(server: Server) -> Server:
    """A server with a stream."""
    server.create("cars", cid="string", speed="float32")
    return server


@pytest.mark.parametrize("path", CALLS)
def test_an_error_says_where_it_stands(cars: Server, path: str) -> None:
    refused = cars.call("POST", f"/{path}", CALLS[path])
    assert refused.status_code == 400, refused.text
    error: dict[str, Any] = refused.json()
    assert (error["line"], error["column"]) == (2, 3)
    assert error["replacement"] == "speed"


def test_syntax_errors_say_where_they_stand(cars: Server) -> None:
    error = cars.call(
        "POST", "/sqlanalyze", {"sql": "select cid\nfrom cars wher speed > 1 1"}
    ).json()
    assert error["code"] == 62
    assert error["line"] == 2


def test_the_catalog_and_the_types_of_a_real_server(cars: Server) -> None:
    view = "create materialized view fast as select cid, speed * 2 as twice from cars"
    assert cars.call("POST", "/exec", {"sql": view, "type": "ddl"}).status_code == 204
    found = cars.call("GET", "/catalog").json()
    objects = {one["name"]: one for one in found["objects"]}
    assert objects["cars"]["kind"] == "stream"
    assert objects["fast"]["kind"] == "materialized_view"
    assert [c["name"] for c in objects["fast"]["columns"]][:2] == ["cid", "twice"]
    assert len(found["dialect"]["functions"]) > 600
    types = cars.call("GET", "/connectors").json()
    kafka = next(one for one in types["sources"] if one["name"] == "kafka")
    assert kafka["guarantee"] == "exactly once"
    assert kafka["schema"]["properties"]["password"]["writeOnly"] is True
    assert {"http", "slack", "email"} <= {one["name"] for one in types["sinks"]}


def test_why_there_are_no_rows(cars: Server) -> None:
    view = "create materialized view slow as select cid from cars where speed < 0"
    assert cars.call("POST", "/exec", {"sql": view, "type": "ddl"}).status_code == 204
    found = cars.call("GET", "/materialized_views/slow/diagnosis").json()
    assert [one["code"] for one in found["reasons"]] == ["no_new_rows"]
    cars.ingest("cars", ["cid", "speed"], [["a", 1.0], ["b", 2.0]])

    def reasons() -> list[str]:
        answer = cars.call("GET", "/materialized_views/slow/diagnosis").json()
        return [one["code"] for one in answer["reasons"]]

    wait_until(lambda: "filtered_out" in reasons(), 10, "the rows were read")
    assert cars.call("POST", "/materialized_views/slow/pause").status_code == 200
    found = cars.call("GET", "/materialized_views/slow/diagnosis").json()
    assert (found["status"], found["reasons"][0]["code"]) == ("Paused", "paused")
    assert cars.call("GET", "/materialized_views/none/diagnosis").status_code == 404


def test_a_query_tells_why_it_waits_and_its_rates_are_kept(cars: Server) -> None:
    sql = "select count() as n from tumble(cars, 1h) group by window_start"
    with Client(cars.url, api_key=cars.key) as client, client.query(sql) as query:
        cars.ingest("cars", ["cid", "speed"], [["a", 1.0]])
        path = f"/queries/{query.id}/diagnosis"
        wait_until(lambda: cars.call("GET", path).json()["windows"][0]["open_groups"] == 1, 10, "w")
        found = cars.call("GET", path).json()
        assert [one["code"] for one in found["reasons"]] == ["window_open"]
        assert found["windows"][0]["closes_at_ms"] % 3_600_000 == 0
        assert found["inputs"][0]["scanned_rows"] == 1

        def rows() -> float:
            nodes = cars.call("GET", "/topology/rates").json()["nodes"]
            return sum(one["rows_in"] for one in nodes if one["id"] == f"query:{query.id}")

        def flows() -> bool:
            cars.ingest("cars", ["cid", "speed"], [["a", 1.0]])
            return rows() > 0

        wait_until(flows, 15, "the next sample")
