"""Workspaces over REST: made with a key, isolated, limited, deleted whole; the current one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlplane.db.session import store_url
from controlplane.services.workspaces import RESERVED
from tests.controlplane.conftest import API, Plane, make_plane, settings_for

WORKSPACES = f"{API}/workspaces"
COLUMNS = [{"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}]


async def made(plane: Plane, name: str) -> httpx.AsyncClient:
    """A new workspace; a client whose paths begin in it, with its first key."""
    answer = await plane.client.post(WORKSPACES, json={"name": name})
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"name", "api_key"}
    assert answer.json()["name"] == name
    assert len(answer.json()["api_key"]) == 60
    client = plane.with_key(answer.json()["api_key"])
    client.base_url = httpx.URL(f"http://test/{name}{API}/")
    return client


async def names(plane: Plane) -> list[str]:
    """Names of all workspaces."""
    answer = await plane.client.get(WORKSPACES)
    assert answer.status_code == 200, answer.text
    return [workspace["name"] for workspace in answer.json()]


async def test_a_workspace_from_its_making_to_its_end(plane: Plane) -> None:
    async with await made(plane, "second") as second:
        assert await names(plane) == ["default", "second"]
        made_by = (await plane.client.get(WORKSPACES)).json()[1]["created_by"]
        assert made_by["name"] == "admin"
        body = {"name": "iot", "columns": COLUMNS}
        assert (await second.post("streams", json=body)).status_code == 201
        assert [s["name"] for s in (await second.get("streams")).json()] == ["iot"]
        assert (await plane.client.get(f"{API}/streams")).json() == []
        row = {"columns": ["cid"], "data": [["a"]]}
        assert (await second.post("streams/iot/ingest", json=row)).status_code == 200
        assert len(plane.launcher.engines["second"].appends) == 1
        assert plane.engine.appends == []

        refused = await plane.client.delete(f"{WORKSPACES}/second")
        assert refused.status_code == 400
        assert "iot" in refused.json()["message"]
        assert "force=true" in refused.json()["message"]
        assert (await second.get("streams")).status_code == 200

        gone = await plane.client.delete(f"{WORKSPACES}/second?force=true")
        assert gone.status_code == 204, gone.text
        assert await names(plane) == ["default"]
        assert (await second.get("streams")).status_code == 403  # its keys are gone with it
        with_ours = await plane.client.get(f"/second{API}/streams")
        assert with_ours.status_code == 404
        assert "second" in plane.launcher.retired
        assert not plane.launcher.folders.exists("second")
        assert (await plane.client.delete(f"{WORKSPACES}/second")).status_code == 404
    async with await made(plane, "second") as again:
        assert (await again.get("sources")).json() == []
        users = (await again.get("users")).json()
        assert [(user["username"], user["role"]) for user in users] == [("admin", "admin")]


async def test_an_empty_workspace_needs_no_force(lite: Plane) -> None:
    async with await made(lite, "second") as second:
        assert (await second.get("streams")).json() == []
        assert (await lite.client.delete(f"{WORKSPACES}/second")).status_code == 204
    async with await made(lite, "unused"):
        assert (await lite.client.delete(f"{WORKSPACES}/unused")).status_code == 204
    refused = await lite.client.delete(f"{WORKSPACES}/default?force=true")
    assert (refused.status_code, await names(lite)) == (400, ["default"])


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a.b", "a/b", "ä", "_a", "a" * 64])
async def test_bad_names(lite: Plane, name: str) -> None:
    answer = await lite.client.post(WORKSPACES, json={"name": name})
    assert answer.status_code == 400, answer.text
    assert "lower-case" in answer.json()["message"]
    assert await names(lite) == ["default"]


async def test_reserved_and_taken_names(lite: Plane) -> None:
    for name in sorted(RESERVED):
        answer = await lite.client.post(WORKSPACES, json={"name": name})
        assert answer.status_code == 400, name
    assert "reserved" in (await lite.client.post(WORKSPACES, json={"name": "ws"})).text
    async with await made(lite, "a" * 63):
        for name in ("default", "a" * 63):
            answer = await lite.client.post(WORKSPACES, json={"name": name})
            assert answer.status_code == 400
            assert "already exists" in answer.json()["message"]
    assert (await lite.client.post(WORKSPACES, json={})).status_code == 400
    assert (await lite.client.post(WORKSPACES, json={"name": None})).status_code == 400


async def test_a_folder_of_nobody_is_neither_taken_nor_touched(lite: Plane) -> None:
    folder = lite.launcher.folders.of("found")
    folder.mkdir(parents=True)
    (folder / "rows").write_text("kept")
    answer = await lite.client.post(WORKSPACES, json={"name": "found"})
    assert answer.status_code == 400
    assert "workspaces/found" in answer.json()["message"]
    await lite.app.workspaces.finish_deletions()
    assert (folder / "rows").read_text() == "kept"


async def test_only_admins_of_default_manage_workspaces(lite: Plane) -> None:
    writer = await lite.user("wanda", "writer")
    async with await made(lite, "second") as second, writer, lite.anonymous() as nobody:
        calls: list[tuple[str, str, Any]] = [
            ("GET", "workspaces", None),
            ("POST", "workspaces", {"name": "third"}),
            ("DELETE", "workspaces/second", None),
            ("DELETE", "workspaces/unknown", None),
        ]
        for method, path, body in calls:
            answer = await second.request(method, path, json=body)
            assert answer.status_code == 403, (method, path)
            assert "'default'" in answer.json()["message"]
            answer = await writer.request(method, f"{API}/{path}", json=body)
            assert answer.status_code == 403, (method, path)
            answer = await nobody.request(method, f"{API}/{path}", json=body)
            assert answer.status_code == 401, (method, path)
        assert await names(lite) == ["default", "second"]


async def test_limits(tmp_path: Path) -> None:
    settings = settings_for(workspaces_max=3, engines_max=2)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack, await made(plane, "one") as one, await made(plane, "two") as two:
        answer = await plane.client.post(WORKSPACES, json={"name": "three"})
        assert answer.status_code == 400
        assert "workspaces_max" in answer.json()["message"]
        assert (await one.get("streams")).status_code == 200
        busy = await two.get("streams")
        assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
        assert "engines_max" in busy.json()["message"]
        assert (await plane.client.get("/readyz")).status_code == 200


async def test_running_queries_and_sources_end_with_the_workspace(lite: Plane) -> None:
    async with await made(lite, "second") as second:
        body = {"name": "iot", "columns": COLUMNS}
        assert (await second.post("streams", json=body)).status_code == 201
        source = {
            "name": "generated", "type": "stream_generator", "stream": "iot",
            "properties": {"template": "iot"},
        }  # fmt: skip
        assert (await second.post("sources", json=source)).status_code == 201
        assert len(lite.connectors.sources) == 1
        reading = asyncio.create_task(second.post("queries", json={"sql": "select * from iot"}))
        async with asyncio.timeout(10):
            while lite.app.queries.running("second") == 0:
                await asyncio.sleep(0.01)
        gone = await lite.client.delete(f"{WORKSPACES}/second?force=true")
        assert gone.status_code == 204, gone.text
        text = (await asyncio.wait_for(reading, 10)).text
        assert '"status":"canceled"' in text
        assert "the workspace was deleted" in text
        assert lite.connectors.sources == {}
        assert '"second"' not in (await lite.client.get("/metrics")).text


@pytest.mark.parametrize("step", ["leave", "discard", "remove"])
async def test_a_deletion_that_was_cut_short_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    url = store_url("", tmp_path)
    plane, stack = await make_plane(url, tmp_path, settings_for())

    async def dies(*_: object) -> None:
        raise OSError("killed here")

    def dies_now(*_: object) -> None:
        raise OSError("killed here")

    async with stack, await made(plane, "second") as second:
        body = {"name": "iot", "columns": COLUMNS}
        assert (await second.post("streams", json=body)).status_code == 201
        workspaces: Any = plane.app.workspaces
        with monkeypatch.context() as patched:
            if step == "leave":
                patched.setattr(workspaces, "_leave", dies)
            elif step == "discard":
                patched.setattr(workspaces._folders, "discard", dies_now)
            else:
                patched.setattr(workspaces._table, "remove", dies)
            cut = await plane.client.delete(f"{WORKSPACES}/second?force=true")
            assert cut.status_code == 500
        # Gone for everybody from that moment, but the name is not free.
        assert await names(plane) == ["default"]
        async with plane.with_key(second.headers["X-Api-Key"]) as other:
            assert (await other.get(f"/second{API}/streams")).status_code in (403, 404)
        taken = await plane.client.post(WORKSPACES, json={"name": "second"})
        assert taken.status_code == 400
        assert "still being deleted" in taken.json()["message"]

    plane, stack = await make_plane(url, tmp_path, settings_for())
    async with stack:
        assert await names(plane) == ["default"]
        assert not plane.launcher.folders.exists("second")
        async with await made(plane, "second") as again:
            assert (await again.get("streams")).json() == []


async def test_a_failed_deletion_can_be_repeated(
    lite: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspaces: Any = lite.app.workspaces

    def dies(*_: object) -> None:
        raise OSError("no such device")

    async with await made(lite, "second"):
        with monkeypatch.context() as patched:
            patched.setattr(workspaces._folders, "discard", dies)
            assert (await lite.client.delete(f"{WORKSPACES}/second")).status_code == 500
        assert (await lite.client.delete(f"{WORKSPACES}/second")).status_code == 204
        assert (await lite.client.delete(f"{WORKSPACES}/second")).status_code == 404
    async with await made(lite, "second"):
        assert await names(lite) == ["default", "second"]


async def test_the_current_workspace_and_its_settings(lite: Plane) -> None:
    reader = await lite.user("rita", "read_only")
    async with await made(lite, "second") as second, reader:
        shown = (await second.get("workspace")).json()
        assert shown["name"] == "second"
        assert shown["settings"] == {"enabled_user_tracking": False}
        assert (shown["demo_mode"], shown["enabled_subscription"]) == (False, False)
        assert shown["created_by"]["name"] == "admin"
        body = {"settings": {"enabled_user_tracking": True, "unknown": 1}, "name": "other"}
        answer = await second.patch("workspace", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        for empty in ({}, {"settings": None}, {"settings": {"enabled_user_tracking": None}}):
            assert (await second.patch("workspace", json=empty)).status_code == 204
        changed = (await second.get("workspace")).json()
        assert changed["settings"] == {"enabled_user_tracking": True}
        assert changed["id"] == shown["id"]
        ours = (await reader.get(f"{API}/workspace")).json()
        assert (ours["name"], ours["settings"]) == ("default", {"enabled_user_tracking": False})
        assert (await reader.patch(f"{API}/workspace", json=body)).status_code == 403
        wrong = await second.patch("workspace", json={"settings": {"enabled_user_tracking": "x"}})
        assert wrong.status_code == 400


async def test_subscription_and_databases(lite: Plane) -> None:
    answer = await lite.client.get(f"{API}/subscription")
    assert (answer.status_code, answer.json()) == (
        200,
        {"cpu": 0, "storage_size": 0, "subscription_plan": "Enterprise"},
    )
    await lite.stream()
    async with await made(lite, "second") as second:
        assert (await second.get("databases")).json() == [
            {"name": "default", "engine": "Atomic", "count": {"streams": 0}}
        ]
    databases = (await lite.client.get(f"{API}/databases")).json()
    assert databases == [{"name": "default", "engine": "Atomic", "count": {"streams": 1}}]
