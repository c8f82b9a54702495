"""Two workspaces: what one holds answers in the other exactly like what nobody has."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from controlplane import openapi
from engine.protocol import Definition
from tests.controlplane.conftest import API, Plane

# One per first part of the path: how the definition is known to the engine of its workspace.
IN_ENGINE = {
    "streams": "stream",
    "views": "view",
    "materialized_views": "materialized_view",
    "udfs": "function",
    "external_streams": "external_stream",
    "external_tables": "external_table",
    "schemas": "schema",
}
# Objects of the metadata store, created over REST.
IN_STORE: dict[str, dict[str, Any]] = {
    "sources": {
        "name": "generated", "type": "stream_generator", "stream": "streams1",
        "properties": {"template": "iot"},
    },
    "sinks": {
        "name": "out", "type": "http", "query": "SELECT cid from streams1",
        "properties": {"url": "http://127.0.0.1:1/in"},
    },
    "alerts": {
        "name": "a", "action": "http", "severity": 1, "trigger_sql": "SELECT cid from streams1",
        "properties": {"url": "http://127.0.0.1:1/in"},
    },
    "auth/api_keys": {"name": "k"},
    "savedqueries": {"name": "q", "sql": "select 1", "tags": []},
    "dashboards": {"name": "d", "panels": []},
    "invitations": {"email": "one@example.com", "role": "writer"},
    "users": {"username": "wanda", "password": "long enough", "role": "writer"},
}  # fmt: skip
# Bodies that pass the decoder, so that the look-up is what answers.
BODIES: dict[str, dict[str, Any]] = {
    "ingestStream": {"columns": ["cid"], "data": [["a"]]},
    "updateSink": IN_STORE["sinks"],
    "updateAlert": IN_STORE["alerts"],
    "updateSavedQuery": IN_STORE["savedqueries"],
    "updateDashboard": IN_STORE["dashboards"],
    "updateUDF": {"type": "javascript", "source": "function f(v) { return v }"},
}
QUERY = {"error_log_time_range": "1d", "metrics_time_range": "1d", "lines": "10"}
# Not of one workspace.
EXEMPT = {"workspaces"}


def operations() -> list[tuple[str, str, str]]:
    """(method, path below the prefix, operation id) of all that name an object."""
    return [
        (method.upper(), path.removeprefix(f"{API}/"), operation["operationId"])
        for path, item in openapi.document()["paths"].items()
        for method, operation in item.items()
        if "{" in path and path.startswith(API)
    ]


def kind_of(path: str) -> str:
    """The path before its first parameter."""
    return path.partition("/{")[0]


async def second_workspace(plane: Plane) -> httpx.AsyncClient:
    """A client in a new workspace."""
    made = await plane.client.post(f"{API}/workspaces", json={"name": "second"})
    assert made.status_code == 201, made.text
    client = plane.with_key(made.json()["api_key"])
    client.base_url = httpx.URL(f"http://test/second{API}/")
    return client


async def fill(plane: Plane) -> dict[str, str]:
    """One object of each kind in `default`; how its address names it."""
    found: dict[str, str] = {}
    for path, kind in IN_ENGINE.items():
        name = f"{path}1"
        plane.engine.by_name[name] = Definition(id=name, name=name, kind=kind)  # type: ignore[arg-type]
        found[path] = name
    plane.engine.revision += 1
    await (await plane.app.engines.of("default")).refresh()
    for path, body in IN_STORE.items():
        made = await plane.client.post(f"{API}/{path}", json=body)
        assert made.status_code in (200, 201), (path, made.text)
        shown = (
            made.json() if made.content else (await plane.client.get(f"{API}/{path}")).json()[-1]
        )
        found[path] = "wanda" if path == "users" else shown["id"]
    async with plane.client.stream(
        "POST", f"{API}/queries", json={"sql": "select * from table(streams1)"}
    ) as answer:
        await answer.aread()
    found["queries"] = (await plane.client.get(f"{API}/queries")).json()[0]["id"]
    return found


async def call(client: httpx.AsyncClient, method: str, path: str, operation: str) -> Any:
    """One request with whatever it may need; the answer."""
    body = BODIES.get(operation, {}) if method in ("POST", "PUT", "PATCH") else None
    return await client.request(method, path, json=body, params=QUERY)


@pytest.mark.timeout(60)
async def test_a_foreign_id_answers_like_an_unknown_one(lite: Plane) -> None:
    found = await fill(lite)
    tried: set[str] = set()
    async with await second_workspace(lite) as second:
        for method, path, operation in operations():
            kind = kind_of(path)
            if kind in EXEMPT:
                continue
            assert kind in found, f"{operation}: add an object of {kind} to this test"
            mine = found[kind]
            nobodys = str(uuid.uuid4()) if len(mine) == 36 else "nobody1"
            parameter = path[path.index("{") : path.index("}") + 1]
            answers: list[tuple[int, str]] = []
            for name in (mine, nobodys):
                answer = await call(second, method, path.replace(parameter, name), operation)
                answers.append((answer.status_code, answer.text.replace(name, "?")))
            assert answers[0] == answers[1], (operation, answers)
            assert answers[0][0] in (404, 400, 501), (operation, answers)
            tried.add(operation)
        assert len(tried) > 40, sorted(tried)
    # Nothing of it was touched.
    for kind, name in found.items():
        if kind in ("auth/api_keys", "invitations"):
            listed = (await lite.client.get(f"{API}/{kind}")).json()
            assert name in [one["id"] for one in listed], kind
    for path in (
        "sources",
        "sinks",
        "alerts",
        "savedqueries",
        "dashboards",
        "queries",
        "users",
        "streams",
    ):
        assert (await lite.client.get(f"{API}/{path}/{found[path]}")).status_code == 200, path


async def test_lists_show_the_own_workspace_only(lite: Plane) -> None:
    await fill(lite)
    async with await second_workspace(lite) as second:
        for kind in (*IN_ENGINE, *IN_STORE, "queries"):
            listed = await second.get(kind)
            assert listed.status_code == 200, kind
            names = [one.get("username") or one.get("name") or one["id"] for one in listed.json()]
            if kind == "users":
                assert names == ["admin"]
            elif kind == "auth/api_keys":
                assert len(names) == 1
                assert names[0].startswith("first admin")
            else:
                assert names == [], kind
        for name in ("streams1", "same"):  # names are taken in their workspace only
            body = {"name": name, "columns": [{"name": "cid", "type": "string"}]}
            assert (await second.post("streams", json=body)).status_code == 201
        assert (await second.delete("streams/streams1")).status_code == 204
    assert (await lite.client.get(f"{API}/streams/streams1")).status_code == 200


async def test_credentials_of_another_workspace_find_nothing(lite: Plane) -> None:
    await lite.stream()
    assert (
        await lite.client.post(
            f"{API}/users", json={"username": "wanda", "password": "long enough", "role": "admin"}
        )
    ).status_code == 201
    async with await second_workspace(lite) as second, lite.anonymous() as client:
        theirs = second.headers["X-Api-Key"]
        ours = lite.client.headers["X-Api-Key"]
        cases: list[tuple[str, str, dict[str, Any], int]] = [
            ("GET", "/second/api/v1beta2/streams", {"headers": {"X-Api-Key": ours}}, 404),
            ("GET", "/default/api/v1beta2/streams", {"headers": {"X-Api-Key": theirs}}, 404),
            ("GET", "/api/v1beta2/streams", {"headers": {"X-Api-Key": theirs}}, 404),
            ("GET", "/third/api/v1beta2/streams", {"headers": {"X-Api-Key": ours}}, 404),
            ("GET", "/second/api/v1beta2/streams", {"auth": ("wanda", "long enough")}, 404),
            ("GET", "/third/api/v1beta2/streams", {"auth": ("wanda", "long enough")}, 404),
            ("GET", "/default/api/v1beta2/streams", {"auth": ("wanda", "long enough")}, 200),
            ("GET", "/third/api/v1beta2/streams", {}, 401),
            ("GET", "/third/api/v1beta2/streams", {"headers": {"X-Api-Key": "x" * 60}}, 403),
            ("GET", "/second/api/info", {"headers": {"X-Api-Key": ours}}, 404),
            ("GET", "/second/api/info", {"headers": {"X-Api-Key": theirs}}, 200),
            (
                "POST", "/second/api/v1beta2/streams/iot/ingest",
                {"headers": {"X-Api-Key": ours}, "json": {}}, 404,
            ),
            (
                "POST", "/proton/v1/ingest/streams/iot",
                {"headers": {"X-Api-Key": theirs}, "json": {}}, 404,
            ),
        ]  # fmt: skip
        unknown = await client.get("/third/api/v1beta2/streams", headers={"X-Api-Key": ours})
        for method, path, arguments, status in cases:
            answer = await client.request(method, path, **arguments)
            assert answer.status_code == status, (method, path, arguments, answer.text)
            if status == 404 and path.startswith("/second"):
                assert answer.text == unknown.text.replace("third", "second")


async def test_one_workspaces_engine_does_not_hold_up_another(lite: Plane) -> None:
    await lite.stream()
    async with await second_workspace(lite) as second:
        body = {"name": "iot", "columns": [{"name": "cid", "type": "string"}]}
        assert (await second.post("streams", json=body)).status_code == 201
        lite.launcher.down = True
        lite.launcher.engines["second"].crash()
        await asyncio.sleep(0.05)
        stuck = asyncio.create_task(
            second.post("exec", json={"sql": "select 1", "type": "historical"})
        )
        ours = await lite.client.post(f"{API}/streams/iot/ingest", json=[])
        assert ours.status_code == 200
        assert (await lite.client.get("/readyz")).status_code == 200  # nobody has to have it
        assert (await stuck).status_code == 429
