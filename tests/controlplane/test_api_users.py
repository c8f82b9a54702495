"""Users and roles over REST."""

from __future__ import annotations

import httpx
import pytest

from controlplane.permissions import ROLES
from tests.controlplane.conftest import API, Plane


async def test_roles(lite: Plane) -> None:
    assert (await lite.client.get(f"{API}/roles")).json() == ["admin", "writer", "read_only"]


async def test_life_of_a_user(plane: Plane) -> None:
    body = {"username": "eve", "password": "longenough"}
    made = await plane.client.post(f"{API}/users", json=body)
    assert (made.status_code, made.content) == (201, b"")
    again = await plane.client.post(f"{API}/users", json=body)
    assert again.status_code == 400
    assert (await plane.client.get(f"{API}/users/eve")).json() == {
        "role": "read_only", "username": "eve"
    }  # fmt: skip
    assert [u["username"] for u in (await plane.client.get(f"{API}/users")).json()] == [
        "admin", "eve"
    ]  # fmt: skip
    changed = await plane.client.patch(f"{API}/users/eve", json={"role": "writer"})
    assert (changed.status_code, changed.content) == (200, b"")
    assert (await plane.client.get(f"{API}/users/eve")).json()["role"] == "writer"
    assert (await plane.client.delete(f"{API}/users/eve")).status_code == 204
    assert (await plane.client.get(f"{API}/users/eve")).status_code == 404
    assert (await plane.client.delete(f"{API}/users/eve")).status_code == 404
    assert (await plane.client.patch(f"{API}/users/eve", json={})).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"username": "eve"},
        {"password": "longenough"},
        {"username": "", "password": "longenough"},
        {"username": "a b", "password": "longenough"},
        {"username": "eve", "password": "short"},
        {"username": "eve", "password": "x" * 300},
        {"username": "eve", "password": "longenough", "role": "king"},
    ],
)
async def test_bad_users_are_400(lite: Plane, body: dict[str, str]) -> None:
    assert (await lite.client.post(f"{API}/users", json=body)).status_code == 400


async def test_oneself_and_the_last_admin_stay(plane: Plane) -> None:
    assert (await plane.client.delete(f"{API}/users/admin")).status_code == 400
    demoted = await plane.client.patch(f"{API}/users/admin", json={"role": "writer"})
    assert demoted.status_code == 400
    second = await plane.user("second", "admin")
    assert (await second.delete(f"{API}/users/admin")).status_code == 204
    assert (await plane.client.get(f"{API}/roles")).status_code == 403
    assert (await second.delete(f"{API}/users/second")).status_code == 400


async def workspace(plane: Plane, name: str) -> httpx.AsyncClient:
    """A second workspace and a client for it with its first key, of the admin of `default`."""
    made = await plane.client.post(f"{API}/workspaces", json={"name": name})
    assert made.status_code == 201, made.text
    client = plane.with_key(made.json()["api_key"])
    client.base_url = httpx.URL(f"http://test/{name}")
    return client


async def test_a_user_has_a_role_in_each_workspace(plane: Plane) -> None:
    team = await workspace(plane, "team")
    eve = {"username": "eve", "password": "longenough"}
    assert (await team.post(f"{API}/users", json={**eve, "role": "writer"})).status_code == 201
    assert [u["username"] for u in (await plane.client.get(f"{API}/users")).json()] == ["admin"]
    assert (await plane.client.get(f"{API}/users/eve")).status_code == 404
    wrong = await plane.client.post(f"{API}/users", json={**eve, "password": "different1"})
    assert wrong.status_code == 400
    assert "another workspace" in wrong.json()["message"]
    async with plane.anonymous() as client:
        basic = httpx.BasicAuth("eve", "longenough")
        assert (await client.get(f"/team{API}/streams", auth=basic)).status_code == 200
        for path in (f"{API}/streams", f"/nowhere{API}/streams"):
            assert (await client.get(path, auth=basic)).status_code == 404
            bad = httpx.BasicAuth("eve", "wrong password")
            assert (await client.get(path, auth=bad)).status_code == 403
        assert (await plane.client.post(f"{API}/users", json=eve)).status_code == 201
        assert (await client.get(f"{API}/streams", auth=basic)).status_code == 200
    assert (await plane.client.get(f"{API}/users/eve")).json()["role"] == "read_only"
    assert (await team.get(f"{API}/users/eve")).json()["role"] == "writer"


async def test_who_leaves_one_workspace_stays_in_the_others(plane: Plane) -> None:
    team = await workspace(plane, "team")
    body = {"username": "eve", "password": "longenough", "role": "writer"}
    for client in (team, plane.client):
        assert (await client.post(f"{API}/users", json=body)).status_code == 201
    keys: dict[str, str] = {}
    async with plane.anonymous() as client:
        for place in ("team", "default"):
            made = await client.post(
                f"/{place}{API}/auth/api_keys", auth=("eve", "longenough"), json={}
            )
            keys[place] = made.json()["api_key"]
        assert (await team.delete(f"{API}/users/eve")).status_code == 204
        for place, status in (("team", 403), ("default", 200)):
            headers = {"X-Api-Key": keys[place]}
            answer = await client.get(f"/{place}{API}/streams", headers=headers)
            assert answer.status_code == status, (place, answer.text)
        basic = httpx.BasicAuth("eve", "longenough")
        assert (await client.get(f"/team{API}/streams", auth=basic)).status_code == 404
        assert (await client.get(f"{API}/streams", auth=basic)).status_code == 200
        assert (await plane.client.delete(f"{API}/users/eve")).status_code == 204
        assert (await client.get(f"{API}/streams", auth=basic)).status_code == 403
    again = {**body, "password": "another password"}
    assert (await plane.client.post(f"{API}/users", json=again)).status_code == 201


async def test_an_admin_of_one_workspace_takes_over_nobody_of_another(plane: Plane) -> None:
    """A password opens all workspaces of its user."""
    team = await workspace(plane, "team")
    for client in (team, plane.client):
        body = {"username": "eve", "password": "longenough", "role": "writer"}
        assert (await client.post(f"{API}/users", json=body)).status_code == 201
    bob = {"username": "bob", "password": "longenough", "role": "admin"}
    assert (await team.post(f"{API}/users", json=bob)).status_code == 201
    new = {"password": "different1"}
    async with plane.anonymous() as client:
        basic = httpx.BasicAuth("bob", "longenough")
        taken = await client.patch(f"/team{API}/users/eve", json=new, auth=basic)
        assert taken.status_code == 403, taken.text
        role = await client.patch(f"/team{API}/users/eve", json={"role": "reader"}, auth=basic)
        assert role.status_code == 200
        own = await client.patch(f"/team{API}/users/bob", json=new, auth=basic)
        assert own.status_code == 200
    # A key of another workspace than the first has no say over the whole installation.
    for name in ("eve", "admin"):
        refused = await team.patch(f"{API}/users/{name}", json=new)
        assert refused.status_code == 403 and "in other workspaces too" in refused.text
    assert (await team.patch(f"{API}/users/bob", json=new)).status_code == 200
    assert (await plane.client.patch(f"{API}/users/eve", json=new)).status_code == 200


async def test_a_narrowed_key_makes_nobody_mightier_than_itself(plane: Plane) -> None:
    made = await plane.client.post(
        f"{API}/auth/api_keys", json={"permissions": [*ROLES["read_only"], "write:user"]}
    )
    async with plane.anonymous() as client:
        client.headers["X-Api-Key"] = made.json()["api_key"]
        for role, status in (("admin", 403), ("writer", 403), ("read_only", 201)):
            body = {"username": f"new_{role}", "password": "longenough", "role": role}
            answer = await client.post(f"{API}/users", json=body)
            assert answer.status_code == status, answer.text
        for name, change in (
            ("admin", {"password": "takeover1"}),
            ("new_read_only", {"role": "admin"}),
        ):
            answer = await client.patch(f"{API}/users/{name}", json=change)
            assert answer.status_code == 403
            assert "may do more than these credentials" in answer.json()["message"]


async def test_permissions_of_the_roles(lite: Plane) -> None:
    found = (await lite.client.get(f"{API}/permissions")).json()
    assert found["roles"]["admin"] == ["read:*", "write:*"]
    assert "write:stream" in found["roles"]["writer"]
    assert "write:stream" not in found["roles"]["read_only"]
    assert {"stream", "workspace"} <= set(found["groups"])
