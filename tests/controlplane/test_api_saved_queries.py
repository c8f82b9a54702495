"""Saved queries over REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controlplane.conftest import API, Plane

QUERY: dict[str, Any] = {
    "name": "speeders",
    "description": "too fast",
    "sql": "select * from iot where speed > 50",
    "tags": ["cars", "speed"],
}
PATH = f"{API}/savedqueries"


async def create(plane: Plane, **change: Any) -> dict[str, Any]:
    """One saved query."""
    made = await plane.client.post(PATH, json={**QUERY, **change})
    assert made.status_code == 201, made.text
    return made.json()


async def test_a_saved_query_is_created_shown_replaced_and_deleted(plane: Plane) -> None:
    made = await create(plane)
    assert {k: made[k] for k in QUERY} == QUERY
    assert made["created_by"]["name"] == made["last_updated_by"]["name"] == "admin"
    other = await create(plane, name="All", sql="this is not SQL \\ 'x", tags=None)
    assert (other["tags"], other["sql"]) == ([], "this is not SQL \\ 'x")
    listed = (await plane.client.get(f"/default{PATH}/")).json()
    assert listed == [other, made] or listed == [made, other]
    assert (await plane.client.get(f"{PATH}/{made['id']}")).json() == made
    put = await plane.client.put(
        f"{PATH}/{made['id']}", json={"name": "new", "sql": "select 1", "id": "other", "x": 1}
    )
    assert put.status_code == 200, put.text
    changed = put.json()
    assert (changed["name"], changed["sql"]) == ("new", "select 1")
    assert (changed["description"], changed["tags"]) == ("", [])
    assert (changed["id"], changed["created_at"]) == (made["id"], made["created_at"])
    gone = await plane.client.request("DELETE", f"{PATH}/{made['id']}", content=b"null")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await plane.client.get(f"{PATH}/{made['id']}")).status_code == 404
    assert (await plane.client.get(PATH)).json() == [other]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": None},
        {"name": "x" * 256},
        {"name": "a\0b"},
        {"sql": ""},
        {"sql": None},
        {"sql": "a\0"},
        {"sql": 1},
        {"tags": "cars"},
        {"tags": ["x"] * 101},
        {"tags": [1]},
        {"description": "\0"},
    ],
)
async def test_what_cannot_be_kept_is_400(plane: Plane, change: dict[str, Any]) -> None:
    for answer in (
        await plane.client.post(PATH, json={**QUERY, **change}),
        await plane.client.put(f"{PATH}/unknown", json={**QUERY, **change}),
    ):
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"code", "message", "system"}
    assert (await plane.client.get(PATH)).json() == []


async def test_any_text_is_a_name(plane: Plane) -> None:
    for name in ("x" * 255, "Ünïcode – 中文 🚗", "a/b?c", " "):
        assert (await create(plane, name=name))["name"] == name


async def test_unknown_ids_are_404(lite: Plane) -> None:
    for path in (f"{PATH}/none", f"{PATH}/0b6f9f3e-0000-4000-8000-000000000000"):
        assert (await lite.client.get(path)).status_code == 404
        assert (await lite.client.put(path, json=QUERY)).status_code == 404
        assert (await lite.client.delete(path)).status_code == 404


async def test_a_writer_changes_its_own_an_admin_all_a_reader_none(lite: Plane) -> None:
    admins = await create(lite)
    async with await lite.user("wanda", "writer") as writer:
        mine = await writer.post(PATH, json=QUERY)
        assert mine.status_code == 201, mine.text
        assert mine.json()["created_by"]["name"] == "wanda"
        own = f"{PATH}/{mine.json()['id']}"
        assert (await writer.put(own, json={**QUERY, "name": "mine"})).status_code == 200
        other = f"{PATH}/{admins['id']}"
        assert (await writer.get(other)).status_code == 200
        refused = await writer.put(other, json=QUERY)
        assert (refused.status_code, refused.json()["code"]) == (403, 403)
        assert (await writer.delete(other)).status_code == 403
    async with await lite.user("rita", "read_only") as reader:
        assert len((await reader.get(PATH)).json()) == 2
        assert (await reader.post(PATH, json=QUERY)).status_code == 403
        assert (await reader.put(own, json=QUERY)).status_code == 403
        assert (await reader.delete(f"{PATH}/none")).status_code == 403
    assert (await lite.client.put(own, json=QUERY)).json()["last_updated_by"]["name"] == "admin"
    assert (await lite.client.delete(own)).status_code == 204
