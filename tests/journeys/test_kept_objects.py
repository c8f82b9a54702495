"""Kept objects over a restart: saved queries, dashboards, schemas, external ones, sinks, alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.journeys.server import Server
from tests.journeys.test_source_secrets import lying_in

SECRET = "not-to-be-shown"
SCHEMA = {
    "name": "shop",
    "type": "Protobuf",
    "content": 'syntax = "proto3";\npackage shop;\nmessage Order { int32 id = 1; }\n',
}
KAFKA = [
    {"key": "type", "value": "kafka"},
    {"key": "brokers", "value": "nobody.invalid:9092"},
    {"key": "topic", "value": "orders"},
    {"key": "password", "value": SECRET},
    {"key": "data_format", "value": "ProtobufSingle"},
    {"key": "format_schema", "value": "shop:Order"},
]
STREAM = {"name": "orders", "columns": [{"name": "id", "type": "int"}], "settings": KAFKA}
TABLE_SQL = f"""create external table users settings type = 'postgresql',
    address = 'nobody.invalid:5432', password = '{SECRET}'"""
QUERY = {"name": "all", "sql": "select * from nowhere", "tags": ["a"]}
DASHBOARD = {"name": "first", "panels": [{"title": "t", "position": {"y": 1, "x": 0}}]}
SINK = {
    "name": "out", "type": "slack", "query": "select id from visits",
    "properties": {"url": f"https://nobody.invalid/{SECRET}"},
}  # fmt: skip
ALERT = {
    "name": "Many!", "action": "slack", "severity": 1, "trigger_sql": "select id from visits",
    "resolve_sql": "select id from visits where id = 0", "properties": SINK["properties"],
}  # fmt: skip
GROUPS = (
    "savedqueries", "dashboards", "schemas", "external_streams", "external_tables", "sinks",
    "alerts",
)  # fmt: skip


def everything(server: Server) -> dict[str, Any]:
    """All objects of all groups; their answers hold no secret."""
    found: dict[str, Any] = {}
    for group in GROUPS:
        answer = server.call("GET", f"/{group}")
        assert answer.status_code == 200, answer.text
        assert SECRET not in answer.text
        found[group] = answer.json()
    return found


@pytest.mark.timeout(200)
def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        server.create("visits", id="int64")
        for group, body in (
            ("savedqueries", QUERY),
            ("dashboards", DASHBOARD),
            ("schemas", SCHEMA),
            ("external_streams", STREAM),
            ("sinks", SINK),
            ("alerts", ALERT),
        ):
            made = server.call("POST", f"/{group}", body)
            assert made.status_code == 201, made.text
            if group in ("sinks", "alerts"):
                stopped = server.call("POST", f"/{group}/{made.json()['id']}/stop")
                assert stopped.status_code == 204, stopped.text
        made = server.call("POST", "/queries/exec", {"sql": TABLE_SQL})
        assert made.status_code == 200, made.text
        assert SECRET not in made.text
        bad = server.call("POST", "/schemas", {**SCHEMA, "name": "bad", "content": "something"})
        assert (bad.status_code, bad.json()["code"]) == (400, 62)
        before = everything(server)
        assert [len(before[group]) for group in GROUPS] == [1, 1, 1, 1, 1, 1, 1]
        assert before["external_tables"][0]["settings"][-1]["value"] == "******"
        assert server.select("show external streams") == [["orders"]]

        for stop in (server.stop, server.kill):
            stop()
            server.start()
            assert everything(server) == before

        assert SECRET not in server.call("GET", "/queries").text
        assert SECRET not in server.log_text()
        assert lying_in(tmp_path, SECRET) == []
        used = server.call("DELETE", "/schemas/shop")
        assert (used.status_code, used.json()["code"]) == (400, 630)
        assert "orders" in used.json()["message"]
        assert server.call("PATCH", "/streams/orders", {"description": "x"}).status_code == 501
        for path in (
            "/external_streams/orders",
            "/external_tables/users",
            "/schemas/shop",
            f"/savedqueries/{before['savedqueries'][0]['id']}",
            f"/dashboards/{before['dashboards'][0]['id']}",
            f"/sinks/{before['sinks'][0]['id']}",
            f"/alerts/{before['alerts'][0]['id']}",
        ):
            assert server.call("DELETE", path).status_code == 204, path
        assert everything(server) == {group: [] for group in GROUPS}
    finally:
        server.stop()
