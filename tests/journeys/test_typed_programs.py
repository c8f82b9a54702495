"""What infrastructure tools and metrics helpers in typed languages send, and need of an answer.

They send whole objects with empty texts for what is not set, decode the body of a PUT, ignore that
of a PATCH, and compare what they read with what they wrote: a difference is a change to be made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.statically_typed import decoded

PASSWORD = "correct horse battery"
COLUMN = {"name": str, "type": str, "default": str, "codec": str, "ttl_expression": str}
STREAM = {
    **dict.fromkeys(("name", "description", "event_time_column", "event_time_timezone"), str),
    **dict.fromkeys(("ttl_expression", "ttl", "mode", "primary_key"), str),
    **dict.fromkeys(("logstore_retention_bytes", "logstore_retention_ms"), int),
    **dict.fromkeys(("shards", "replication_factor"), int),
    "columns": [COLUMN],
}
VIEW = {
    **dict.fromkeys(("name", "description", "query", "target_stream", "ttl"), str),
    **dict.fromkeys(("logstore_retention_bytes", "logstore_retention_ms"), int),
    "materialized": bool,
}
NAMED = dict.fromkeys(("id", "name", "description"), str)
SOURCE = {**NAMED, "stream": str, "type": str, "properties": dict}
SINK = {**NAMED, "query": str, "type": str, "properties": dict}
ALERT = {
    **NAMED,
    "severity": int,
    "action": str,
    "properties": dict,
    **dict.fromkeys(("trigger_sql", "resolve_sql"), str),
}
PANEL = {
    **dict.fromkeys(("id", "title", "description", "viz_type", "viz_content"), str),
    "position": dict,
    "viz_config": dict,
}
DASHBOARD = {**NAMED, "panels": [PANEL]}
FUNCTION = {
    **dict.fromkeys(("name", "description", "type", "return_type", "url"), str),
    **dict.fromkeys(("auth_method", "source"), str),
    "arguments": [{"name": str, "type": str}],
    "auth_context": {"key_name": str, "key_value": str},
    "is_aggregation": bool,
}
QUERY = {
    **dict.fromkeys(("id", "name", "sql", "description", "status", "message"), str),
    **dict.fromkeys(("start_time", "end_time", "duration", "response_time"), int),
    "tags": [str],
    "result": {"header": [{"name": str, "type": str}]},
}
SQL = "select device, number from iot"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose admin may sign in by password, as such tools do."""
    folder = tmp_path_factory.mktemp("server")
    running = Server(folder / "data", TAILRACE_BOOTSTRAP_PASSWORD=PASSWORD).start()
    for name in ("iot", "delivered"):
        running.create(name, device="string", number="float32")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    """Requests with name and password."""
    with httpx.Client(base_url=server.api, auth=("admin", PASSWORD), timeout=60) as client:
        yield client


def answer(http: httpx.Client, shape: Any, method: str, path: str, body: Any = None) -> Any:
    """The fields of an answer that must succeed with a body."""
    given = http.request(method, path, json=body)
    assert given.is_success, given.text
    return decoded(given.json(), shape)


def life(
    http: httpx.Client,
    path: str,
    shape: dict[str, Any],
    body: dict[str, Any],
    change: dict[str, Any],
    method: str = "PUT",
) -> dict[str, Any]:
    """Create, read, change, read and delete; the object as it was read first."""
    made = answer(http, shape, "POST", path, body)
    where = f"{path}/{made.get('id') or made['name']}"
    shown = answer(http, shape, "GET", where)
    assert shown == made
    kept = {k: v for k, v in body.items() if v and k in shape and k != "columns"}
    assert shown.items() >= kept.items()
    whole = {**body, **({"id": made["id"]} if "id" in made else {}), **change}
    changed = http.request(method, where, json=whole)
    assert changed.is_success, changed.text
    if method == "PUT":
        assert decoded(changed.json(), shape).items() >= change.items()
    assert answer(http, shape, "GET", where).items() >= change.items()
    assert http.delete(where).is_success
    assert http.get(where).status_code == 404
    return shown


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("1", int),
        (1.0, int),
        (1 << 63, int),
        (True, int),
        (1, str),
        (0, bool),
        ({}, [str]),
        ([], {}),
    ],
)
def test_a_field_of_another_kind_is_noticed(value: Any, shape: Any) -> None:
    with pytest.raises(AssertionError):
        decoded({"field": value}, {"field": shape})


def test_a_stream(http: httpx.Client) -> None:
    columns = [("col_1", "string"), ("col_2", "int32"), ("timestamp", "datetime64(3)")]
    body = {
        "name": "foo",
        "description": "",
        "columns": [{"name": name, "type": kind, "codec": ""} for name, kind in columns],
        "event_time_timezone": "",
        "ttl": "",
    }
    shown = life(http, "streams", STREAM, body, {"description": "new"}, "PATCH")
    # `_tp_time` is left out of the comparison by those who did not ask for it.
    assert [(c["name"], c["type"]) for c in shown["columns"]][:-1] == columns
    assert shown["columns"][-1]["name"] == "_tp_time"
    assert [c["default"] for c in shown["columns"][:-1]] == [""] * 3


def test_a_view(http: httpx.Client) -> None:
    body = {"name": "watch", "description": "", "query": SQL, "materialized": False}
    life(http, "views", VIEW, body, {"description": "new"}, "PATCH")


def test_a_materialized_view(http: httpx.Client) -> None:
    body = {"name": "kept", "description": "", "query": SQL, "materialized": True}
    shown = life(http, "views", VIEW, body, {"description": "new"}, "PATCH")
    assert shown["query"] == SQL


def test_a_source(http: httpx.Client) -> None:
    body = {
        "id": "",
        "name": "made_up",
        "stream": "iot",
        "type": "stream_generator",
        "properties": {"template": "iot", "interval": "200ms"},
    }
    made = answer(http, SOURCE, "POST", "sources", body)
    where = f"sources/{made['id']}"
    # A running source is not changed; such a tool shows its user why.
    refused = http.put(where, json={**made, "description": "new"})
    assert refused.status_code == 400
    assert "stop" in refused.json()["message"]
    assert http.post(f"{where}/stop").status_code == 204
    changed = answer(http, SOURCE, "PUT", where, {**made, "description": "new"})
    assert (changed["description"], changed["properties"]) == ("new", body["properties"])
    assert http.delete(where).status_code == 204


def test_a_sink(http: httpx.Client) -> None:
    body = {
        "id": "",
        "name": "copy",
        "sql": SQL,
        "query": SQL,
        "type": "timeplus",
        "properties": {"stream_name": "delivered"},
    }
    life(http, "sinks", SINK, body, {"description": "new"})


def test_an_alert(http: httpx.Client) -> None:
    body = {
        "id": "",
        "name": "hot",
        "severity": 1,
        "action": "timeplus",
        "properties": {"stream_name": "delivered"},
        "trigger_sql": f"{SQL} where number > 100",
        "resolve_sql": "",
    }
    life(http, "alerts", ALERT, body, {"description": "new", "severity": 2})


def test_a_dashboard(http: httpx.Client) -> None:
    position = {"x": 0, "y": 0, "w": 6, "h": 2, "nextX": 6, "nextY": 2}
    panel = {
        "id": "p1",
        "title": "Speed",
        "description": "",
        "position": position,
        "viz_type": "chart",
        "viz_content": SQL,
        "viz_config": {"chart_type": "line"},
    }
    body = {"id": "", "name": "board", "description": "", "panels": [panel]}
    shown = life(http, "dashboards", DASHBOARD, body, {"description": "new"})
    assert shown["panels"] == [panel]


@pytest.mark.parametrize("kind", ["javascript", "remote"])
def test_a_function(http: httpx.Client, kind: str) -> None:
    own = {
        "javascript": {"source": "function add_five(values) { return values.map(v => v + 5) }"},
        "remote": {"url": "http://127.0.0.1:1/add", "auth_method": "none"},
    }[kind]
    body = {
        "name": "add_five",
        "description": "",
        "type": kind,
        "arguments": [{"name": "value", "type": "float32"}],
        "return_type": "float32",
        **own,
    }
    life(http, "udfs", FUNCTION, body, {"description": "new"})


def test_a_key_of_a_function_is_shown_as_a_mask(http: httpx.Client) -> None:
    body = {
        "name": "looked_up",
        "description": "",
        "type": "remote",
        "arguments": [{"name": "value", "type": "string"}],
        "return_type": "string",
        "url": "http://127.0.0.1:1/look",
        "auth_method": "auth_header",
        "auth_context": {"key_name": "X-Token", "key_value": "geheim"},
    }
    made = answer(http, FUNCTION, "POST", "udfs", body)
    assert made["auth_context"] == {"key_name": "X-Token", "key_value": "******"}
    assert http.delete("udfs/looked_up").is_success


def test_lists_are_arrays_even_when_empty(http: httpx.Client) -> None:
    for path in (
        "views",
        "sources",
        "sinks",
        "alerts",
        "dashboards",
        "udfs",
        "queries",
        "savedqueries",
        "schemas",
    ):
        given = http.get(path)
        assert isinstance(given.json(), list), given.text
    assert [s["name"] for s in answer(http, [STREAM], "GET", "streams")] == ["delivered", "iot"]


def test_the_stream_of_a_metrics_helper(server: Server) -> None:
    client = httpx.Client(base_url=server.api, headers={"X-Api-key": server.key}, timeout=60)
    kinds = {
        **dict.fromkeys(("timestamp", "namepsace", "subsystem"), "string"),
        "tags": "json",
        "host": "string",
        "load": "float64",
    }
    name = "_tp_metric_cpu"
    body = {
        "name": name,
        "columns": [{"name": k, "type": t, "default": ""} for k, t in kinds.items()],
        "event_time_column": "to_datetime64(timestamp,9)",
        "ttl_expression": "to_datetime(_tp_time) + INTERVAL 30 DAY",
        "logstore_retention_bytes": 604800000,
        "logstore_retention_ms": 1342177280,
    }
    with client:
        assert answer(client, STREAM, "POST", "streams", body)["name"] == name
        (shown,) = [s for s in answer(client, [STREAM], "GET", "streams") if s["name"] == name]
        assert [c["name"] for c in shown["columns"]] == [*kinds, "_tp_time"]
        now = time.time_ns()
        rows = [[str(now), "n", "s", {"zone": "a"}, "h1", 0.5], [str(now), "", "", {}, None, None]]
        sent = client.post(f"streams/{name}/ingest", json={"columns": [*kinds], "data": rows})
        assert sent.is_success, sent.text
        found = server.select(f"select host, load, _tp_time from table({name}) order by load")
        assert [row[:2] for row in found] == [["", 0.0], ["h1", 0.5]]
        query = {
            "sql": f"select host from table({name})",
            "name": "",
            "description": "",
            "tags": [],
            "batching_policy": {},
        }
        with client.stream("POST", "queries", json=query) as events:
            assert events.status_code == 200
            lines = [line for line in events.iter_lines() if line]
        kind, _, data = lines[0].partition(": ")
        assert (kind, data) == ("event", "query")
        first = httpx.Response(200, text=lines[1].removeprefix("data:")).json()
        assert decoded(first, QUERY)["result"]["header"] == [{"name": "host", "type": "string"}]
        assert client.delete(f"streams/{name}").is_success


def test_low_level_rows_need_credentials_as_all_others(server: Server) -> None:
    for prefix in ("proton", "timeplusd"):
        where = f"{server.url}/{prefix}/v1/ingest/streams/iot"
        body = {"columns": ["device", "number"], "data": [["d1", 1.5]]}
        assert httpx.post(where, json=body, auth=("admin", PASSWORD)).is_success
        assert httpx.post(where, json=body).status_code == 401
