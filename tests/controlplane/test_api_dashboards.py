"""Dashboards over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.controlplane.conftest import API, Plane

PANEL: dict[str, Any] = {
    "description": "by minute",
    "id": "p1",
    "position": {"x": 0, "y": 0, "w": 6, "h": 2, "nextX": 6, "nextY": 2},
    "title": "Speed",
    "viz_config": {
        "chart_type": "line", "z": None, "a": [1, 2.5, {"deep": True}], "big": 2**60,
        "text": "ä\u0000", "one": 1.0, "empty": {},
    },
    "viz_content": "select speed from iot",
    "viz_type": "chart",
}  # fmt: skip
PATH = f"{API}/dashboards"


async def create(plane: Plane, **change: Any) -> dict[str, Any]:
    """One dashboard."""
    body = {"name": "cars", "description": "all of them", "panels": [PANEL], **change}
    made = await plane.client.post(PATH, json=body)
    assert made.status_code == 201, made.text
    return made.json()


async def test_panels_come_back_as_they_were_given(plane: Plane) -> None:
    made = await create(plane)
    for shown in (
        made,
        (await plane.client.get(f"{PATH}/{made['id']}")).json(),
        (await plane.client.get(PATH)).json()[0],
    ):
        # Text, since equal dictionaries may have another order and 1 == 1.0.
        assert json.dumps(shown["panels"]) == json.dumps([PANEL])
        assert shown == made


async def test_a_panel_without_an_id_gets_one_and_keeps_it(plane: Plane) -> None:
    made = await create(plane, panels=[{"title": "a"}, {"title": "b", "id": ""}, {"id": None}])
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == 3 and all(ids)
    first = made["panels"][0]
    assert (first["position"], first["viz_config"], first["viz_content"]) == ({}, {}, "")
    assert (await plane.client.get(f"{PATH}/{made['id']}")).json()["panels"] == made["panels"]
    put = await plane.client.put(f"{PATH}/{made['id']}", json=made)
    assert [panel["id"] for panel in put.json()["panels"]] == ids


async def test_a_dashboard_is_replaced_whole_and_deleted(plane: Plane) -> None:
    made = await create(plane)
    path = f"{PATH}/{made['id']}"
    put = await plane.client.put(path, json={"name": "less"})
    assert put.status_code == 200, put.text
    assert (put.json()["panels"], put.json()["description"]) == ([], "")
    assert put.json()["created_by"] == made["created_by"]
    gone = await plane.client.request("DELETE", path, content=b"null")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await plane.client.get(path)).status_code == 404
    assert (await plane.client.put(path, json={"name": "x"})).status_code == 404
    assert (await plane.client.delete(path)).status_code == 404
    assert (await plane.client.get(PATH)).json() == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": None},
        {"name": "x" * 256},
        {"description": 5},
        {"panels": {}},
        {"panels": ["p"]},
        {"panels": [{"position": "top"}]},
        {"panels": [{"viz_config": [1]}]},
        {"panels": [{"id": "a"}, {"id": "a"}]},
        {"panels": [{}] * 501},
        {"panels": [{"viz_content": "x" * (4 << 20)}]},
    ],
)
async def test_what_cannot_be_kept_is_400(lite: Plane, change: dict[str, Any]) -> None:
    answer = await lite.client.post(PATH, json={"name": "cars", **change})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "system"}
    assert (await lite.client.get(PATH)).json() == []


async def test_nesting_beyond_reason_is_400(plane: Plane) -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    body = b'{"name":"n","panels":[{"position":' + deep + b"}]}"
    answer = await plane.client.post(PATH, content=body)
    assert answer.status_code == 400, answer.text


async def test_a_writer_changes_its_own_an_admin_all_a_reader_none(lite: Plane) -> None:
    admins = await create(lite)
    async with await lite.user("wanda", "writer") as writer:
        mine = await writer.post(PATH, json={"name": "mine"})
        assert mine.status_code == 201, mine.text
        own = f"{PATH}/{mine.json()['id']}"
        assert (await writer.put(own, json={"name": "still mine"})).status_code == 200
        assert (await writer.delete(f"{PATH}/{admins['id']}")).status_code == 403
    async with await lite.user("rita", "read_only") as reader:
        assert [d["name"] for d in (await reader.get(PATH)).json()] == ["cars", "still mine"]
        assert (await reader.post(PATH, json={"name": "x"})).status_code == 403
        assert (await reader.delete(own)).status_code == 403
    assert (await lite.client.delete(own)).status_code == 204
