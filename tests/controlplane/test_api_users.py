"""Users and roles over REST."""

from __future__ import annotations

import pytest

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
