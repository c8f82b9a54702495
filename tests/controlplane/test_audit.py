"""The audit trail: one record for each change and each refused one, and for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlplane.db.session import store_url
from controlplane.statement_names import definition_of
from tests.controlplane.conftest import API, Plane, make_plane, settings_for

STREAM = {"name": "b", "columns": [{"name": "a", "type": "string"}]}


async def trail(plane: Plane) -> list[tuple[str, str, str, int]]:
    """(action, object, result, status) from the oldest on."""
    answer = await plane.client.get(f"{API}/audit?limit=1000")
    assert answer.status_code == 200, answer.text
    found = [(r["action"], r["object"], r["result"], r["status"]) for r in answer.json()]
    return found[::-1]


async def test_changes_are_recorded_with_who_and_what(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/auth/api_keys", json={"name": "ci"})
    key = made.json()
    async with plane.with_key(key["api_key"]) as client:
        await client.post(f"{API}/streams", json=STREAM)
        await client.patch(f"{API}/streams/b", json={"description": "secret words"})
        await client.delete(f"{API}/streams/b")
        await client.delete(f"{API}/streams/b")
    await plane.client.post(f"{API}/users", json={"username": "eve", "password": "longenough"})
    await plane.client.patch(f"{API}/users/eve", json={"password": "another password"})
    await plane.client.delete(f"{API}/auth/api_keys/{key['id']}")
    assert await trail(plane) == [
        ("createAPIKey", key["id"], "done", 201),
        ("createStream", "b", "done", 201),
        ("updateStream", "b", "done", 200),
        ("deleteStream", "b", "done", 204),
        ("deleteStream", "b", "refused", 404),
        ("createUser", "eve", "done", 201),
        ("updateUser", "eve", "done", 200),
        ("deleteAPIKey", key["id"], "done", 204),
    ]
    records = (await plane.client.get(f"{API}/audit")).json()
    by_key = {record["key_id"] for record in records if "Stream" in record["action"]}
    assert by_key == {key["id"]}
    assert {record["user"]["name"] for record in records} == {"admin"}
    assert all(record["address"] and record["created_at"].endswith("Z") for record in records)
    text = str(records)
    for secret in (key["api_key"], "longenough", "another password", "secret words"):
        assert secret not in text


async def test_what_was_refused_is_recorded_too(lite: Plane) -> None:
    reader = await lite.user("r", "read_only")
    before = len(await trail(lite))
    assert (await reader.post(f"{API}/streams", json=STREAM)).status_code == 403
    assert (await reader.delete(f"{API}/users/admin")).status_code == 403
    sql = {"sql": "drop stream iot"}
    assert (await reader.post(f"{API}/queries", json=sql)).status_code == 403
    bad = {"username": "x", "password": "short"}
    assert (await lite.client.post(f"{API}/users", json=bad)).status_code == 400
    assert (await trail(lite))[before:] == [
        ("createStream", "", "refused", 403),
        ("deleteUser", "admin", "refused", 403),
        ("DROP STREAM", "iot", "refused", 403),
        ("createUser", "x", "refused", 400),
    ]


async def test_definitions_by_sql_are_recorded_by_every_way(lite: Plane) -> None:
    for path, body in (
        ("/queries", {"sql": "create stream s1"}),
        ("/queries/exec", {"sql": "CREATE  STREAM IF NOT EXISTS s2"}),
        ("/exec", {"sql": "create stream s3", "type": "ddl"}),
        ("/queries", {"sql": "create stream s4", "type": "ddl", "name": "mine"}),
    ):
        answer = await lite.client.post(API + path, json=body)
        assert answer.is_success, (path, answer.text)
    assert [record[:3] for record in await trail(lite)] == [
        ("CREATE STREAM", f"s{n}", "done") for n in (1, 2, 3, 4)
    ]


async def test_rows_queries_and_reads_are_not_recorded(lite: Plane) -> None:
    await lite.stream()
    rows = {"columns": ["cid", "speed"], "data": [["a", 1.5]]}
    for method, path, body in (
        ("POST", "/streams/iot/ingest", rows),
        ("POST", "/queries", {"sql": "select 1"}),
        ("POST", "/queries", {"sql": "insert into iot values"}),
        ("POST", "/exec", {"sql": "select 1", "type": "historical"}),
        ("POST", "/sqlanalyze", {"sql": "create stream x"}),
        ("POST", "/format", {"sql": "drop stream iot"}),
        ("GET", "/streams", None),
        ("GET", "/audit", None),
    ):
        await lite.client.request(method, API + path, json=body)
    assert [record[0] for record in await trail(lite)] == ["createStream"]


async def test_signing_in_and_out_is_recorded(lite: Plane) -> None:
    await lite.client.post(f"{API}/users", json={"username": "eve", "password": "longenough"})
    async with lite.anonymous() as client:
        wrong = {"username": "eve", "password": "wrong password"}
        await client.post(f"{API}/auth/login", json=wrong)
        good = {"username": "eve", "password": "longenough"}
        token = (await client.post(f"{API}/auth/login", json=good)).json()["csrf_token"]
        await client.post(f"{API}/auth/logout", headers={"X-CSRF-Token": token})
    assert [record[0] for record in await trail(lite)] == ["createUser", "login", "logout"]


async def test_pages_and_their_limits(lite: Plane) -> None:
    for n in range(5):
        await lite.client.post(f"{API}/streams", json={**STREAM, "name": f"s{n}"})
    seen: list[str] = []
    before = ""
    for size in (2, 2, 1):
        page = (await lite.client.get(f"{API}/audit?limit=2{before}")).json()
        assert len(page) == size
        seen += [record["object"] for record in page]
        before = f"&before={page[-1]['id']}"
    assert seen == ["s4", "s3", "s2", "s1", "s0"]
    for query in ("limit=0", "limit=1001", "limit=x", "before=x"):
        assert (await lite.client.get(f"{API}/audit?{query}")).status_code == 400


async def test_the_trail_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.services.audit.TRIM_EVERY", 1)
    settings = settings_for(audit_records_max=3)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack:
        for n in range(6):
            await plane.client.post(f"{API}/streams", json={**STREAM, "name": f"s{n}"})
        assert [record[1] for record in await trail(plane)] == ["s3", "s4", "s5"]


async def test_each_workspace_has_its_own_trail(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/workspaces", json={"name": "team"})
    async with plane.with_key(made.json()["api_key"]) as client:
        await client.post(f"/team{API}/streams", json=STREAM)
        theirs: list[dict[str, Any]] = (await client.get(f"/team{API}/audit")).json()
    assert [record["object"] for record in theirs] == ["b"]
    assert [record[0] for record in await trail(plane)] == ["createWorkspace"]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("create stream s (a int)", ("CREATE STREAM", "s")),
        ("  /* x */ Create Or Replace View `a b` as select 1", ("CREATE VIEW", "a b")),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS mv INTO t AS", ("CREATE MATERIALIZED VIEW", "mv")),
        ("create external stream e settings password='x'", ("CREATE EXTERNAL STREAM", "e")),
        ("create format schema p as 'text' type Protobuf", ("CREATE FORMAT SCHEMA", "p")),
        ("create aggregate function f(a int)", ("CREATE AGGREGATE FUNCTION", "f")),
        ("drop stream if exists default.s", ("DROP STREAM", "s")),
        ("DROP VIEW s;", ("DROP VIEW", "s")),
        ("truncate s", ("TRUNCATE", "s")),
        ("delete from s where a = 'secret'", ("DELETE FROM", "s")),
        ("rename stream a to b", ("RENAME STREAM", "a")),
        ("system pause materialized view mv", ("SYSTEM PAUSE MATERIALIZED VIEW", "mv")),
        ("alter stream s add column x int", ("ALTER STREAM", "s")),
        ("create", ("CREATE", "")),
        ("create stream 'secret'", ("CREATE STREAM", "")),
        ("select 1", None),
        ("insert into s values ('drop stream s')", None),
        ("explain create stream s", None),
        ("show streams", None),
        ("", None),
    ],
)
def test_statements_that_define(sql: str, found: tuple[str, str] | None) -> None:
    assert definition_of(sql) == found


@pytest.mark.parametrize("before", [2**63, 10**30, -1])
async def test_a_page_before_no_possible_record_is_refused(lite: Plane, before: int) -> None:
    answer = await lite.client.get(f"{API}/audit", params={"before": before})
    assert (answer.status_code, answer.json()["system"]) == (400, "neutron")
    assert "before" in answer.json()["message"]
