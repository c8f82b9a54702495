"""API keys over REST: shown once, masked, expiring, revoked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.services.access import checksum, new_key
from engine.clock import ManualClock
from tests.controlplane.conftest import API, Plane

ID = "00000000-0000-4000-8000-000000000000"


def test_keys_are_sixty_characters_with_a_checksum() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    for key in keys:
        assert len(key) == 60
        assert key.startswith("tp_")
        assert key.isascii()
        assert checksum(key[:54]) == key[54:]


async def test_life_of_a_key(plane: Plane, tmp_path: Path) -> None:
    made = await plane.client.post(f"{API}/auth/api_keys", json={"name": "ci", "expire_in": "24h"})
    assert made.status_code == 201, made.text
    key = made.json()
    text = key["api_key"]
    assert key["name"] == f"ci ({text[:4]}****{text[-4:]})"
    assert key["expire_at"] - key["created_at"] in (86_400, 86_399, 86_401)
    assert key["permissions"] == ["read:*", "write:*"]
    listed = (await plane.client.get(f"{API}/auth/api_keys")).json()
    assert [entry for entry in listed if entry["id"] == key["id"]] == [
        {name: value for name, value in key.items() if name != "api_key"}
    ]
    async with plane.with_key(text) as client:
        assert (await client.get(f"{API}/roles")).status_code == 200
        gone = await client.request("DELETE", f"{API}/auth/api_keys/{key['id']}", content=b"null")
        assert gone.status_code == 204
        assert (await client.get(f"{API}/roles")).status_code == 403
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or text.encode() not in file.read_bytes()


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"name":null,"expire_in":""}'])
async def test_the_body_may_be_missing(lite: Plane, body: bytes) -> None:
    made = await lite.client.post(f"{API}/auth/api_keys", content=body)
    assert made.status_code == 201, made.text
    assert made.json()["expire_at"] == 0
    text = made.json()["api_key"]
    assert made.json()["name"] == f"{text[:4]}****{text[-4:]}"


@pytest.mark.parametrize(
    "body",
    [
        {"expire_in": "1h", "expire_at": "2999-01-01T00:00:00Z"},
        {"expire_in": "-1h"},
        {"expire_in": "0"},
        {"expire_in": "soon"},
        {"expire_in": "99999999w"},
        {"expire_at": "2022-06-07T12:00:00Z08:00"},
        {"expire_at": "2999-01-01T00:00:00"},
        {"expire_at": "2001-01-01T00:00:00Z"},
        {"name": 7},
        {"name": "x" * 300},
        {"permissions": []},
        {"permissions": "read:query"},
        {"permissions": ["read:nothing"]},
        {"permissions": ["read"]},
        {"permissions": ["own:key"]},
        {"permissions": ["*"]},
        {"permissions": ["read:query", "Read:query"]},
    ],
)
async def test_bad_keys_are_400(lite: Plane, body: dict[str, object]) -> None:
    answer = await lite.client.post(f"{API}/auth/api_keys", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"]


async def test_expired_keys_are_listed_and_refused(lite: Plane) -> None:
    made = await lite.client.post(
        f"{API}/auth/api_keys", json={"expire_at": "2999-01-01T00:00:00+02:00"}
    )
    key = made.json()
    clock = ManualClock(start_ms=(key["expire_at"] + 1) * 1000)
    lite.app.authenticator._clock = clock
    async with lite.with_key(key["api_key"]) as client:
        assert (await client.get(f"{API}/roles")).status_code == 403
    listed = (await lite.client.get(f"{API}/auth/api_keys")).json()
    assert key["id"] in [entry["id"] for entry in listed]


async def test_others_keys(lite: Plane) -> None:
    reader = await lite.user("r", "read_only")
    own = (await reader.get(f"{API}/auth/api_keys")).json()
    assert [key["created_by"]["name"] for key in own] == ["r"]
    everyone = (await lite.client.get(f"{API}/auth/api_keys")).json()
    assert {key["created_by"]["name"] for key in everyone} == {"admin", "r"}
    admins = next(key for key in everyone if key["created_by"]["name"] == "admin")
    assert (await reader.delete(f"{API}/auth/api_keys/{admins['id']}")).status_code == 403
    assert (await reader.delete(f"{API}/auth/api_keys/{ID}")).status_code == 404
    assert (await reader.delete(f"{API}/auth/api_keys/odd")).status_code == 400
    assert (await lite.client.delete(f"{API}/auth/api_keys/{own[0]['id']}")).status_code == 204
    assert (await reader.get(f"{API}/roles")).status_code == 403


async def test_permissions_of_a_key_are_enforced(lite: Plane) -> None:
    await lite.stream()
    made = await lite.client.post(
        f"{API}/auth/api_keys", json={"permissions": ["write:stream", "read:stream", "write:key"]}
    )
    assert made.status_code == 201, made.text
    assert made.json()["permissions"] == ["read:stream", "write:key", "write:stream"]
    rows = {"columns": ["cid"], "data": [["a"]]}
    async with lite.with_key(made.json()["api_key"]) as client:
        for method, path, body, status in (
            ("GET", "/streams", None, 200),
            ("POST", "/streams/iot/ingest", rows, 200),
            ("POST", "/streams", {"name": "b", "columns": [{"name": "a", "type": "string"}]}, 201),
            ("GET", "/users", None, 403),
            ("GET", "/queries", None, 403),
            ("POST", "/queries", {"sql": "select 1"}, 403),
            ("POST", "/exec", {"sql": "select 1", "type": "historical"}, 403),
            ("GET", "/auth/api_keys", None, 403),
            ("POST", "/auth/api_keys", {"permissions": ["read:user"]}, 400),
            ("POST", "/auth/api_keys", {"permissions": ["read:*"]}, 400),
            ("POST", "/auth/api_keys", {"permissions": ["read:stream"]}, 201),
        ):
            answer = await client.request(method, API + path, json=body)
            assert answer.status_code == status, (method, path, answer.text)
        inherited = await client.post(f"{API}/auth/api_keys", json={"permissions": None})
        assert inherited.json()["permissions"] == ["read:stream", "write:key", "write:stream"]


async def test_definitions_in_sql_need_all_that_they_may_define(lite: Plane) -> None:
    for permissions, status in (
        (["write:query", "write:stream"], 403),
        (["write:query", "write:stream", "write:view", "write:external", "write:schema"], 403),
        (["write:*"], 200),
    ):
        made = await lite.client.post(f"{API}/auth/api_keys", json={"permissions": permissions})
        async with lite.with_key(made.json()["api_key"]) as client:
            answer = await client.post(f"{API}/queries", json={"sql": "create stream s1"})
            assert answer.status_code == status, answer.text


async def test_a_key_has_no_more_than_its_owners_role(lite: Plane) -> None:
    writer = await lite.user("w", "writer")
    for permissions, status in (
        (["write:source"], 400),
        (["write:*"], 400),
        (["read:*", "write:stream"], 201),
    ):
        made = await writer.post(f"{API}/auth/api_keys", json={"permissions": permissions})
        assert made.status_code == status, made.text
    assert (await lite.client.patch(f"{API}/users/w", json={"role": "reader"})).status_code == 200
    async with lite.with_key(made.json()["api_key"]) as client:
        rows = {"columns": ["cid"], "data": [["a"]]}
        await lite.stream()
        assert (await client.post(f"{API}/streams/iot/ingest", json=rows)).status_code == 403
        assert (await client.get(f"{API}/streams")).status_code == 200
