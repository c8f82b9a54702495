"""Invitations over REST: pending, accepted by a user of that name, withdrawn with the user."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from controlplane.db.session import store_url
from tests.controlplane.conftest import API, Plane, make_plane, settings_for

EMAIL = "eve@example.com"
ID = "00000000-0000-4000-8000-000000000000"


async def test_life_of_an_invitation(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/invitations", json={"email": EMAIL})
    assert (made.status_code, made.content) == (201, b"")
    (pending,) = (await plane.client.get(f"{API}/invitations")).json()
    assert {**pending, "id": ""} == {
        **pending, "id": "", "email": EMAIL, "status": "pending", "user_id": ""
    }  # fmt: skip
    assert pending["created_by"]["name"] == "admin"
    again = await plane.client.post(f"{API}/invitations", json={"email": EMAIL.upper()})
    assert again.status_code == 400
    user = {"username": EMAIL, "password": "longenough"}
    assert (await plane.client.post(f"{API}/users", json=user)).status_code == 201
    (accepted,) = (await plane.client.get(f"{API}/invitations")).json()
    assert accepted["status"] == "accepted"
    assert accepted["user_id"]
    gone = await plane.client.delete(f"{API}/invitations/{accepted['id']}")
    assert gone.status_code == 204
    assert (await plane.client.get(f"{API}/invitations")).json() == []
    assert (await plane.client.get(f"{API}/users/{EMAIL}")).status_code == 404


async def test_a_pending_invitation_is_withdrawn(plane: Plane) -> None:
    await plane.client.post(f"{API}/invitations", json={"email": EMAIL})
    (pending,) = (await plane.client.get(f"{API}/invitations")).json()
    for identity, status in (("odd", 404), (ID, 404), (pending["id"], 204), (pending["id"], 404)):
        answer = await plane.client.delete(f"{API}/invitations/{identity}")
        assert answer.status_code == status, identity


@pytest.mark.parametrize("email", ["", "eve", "eve@", "@x.y", "a b@x.y", "e@x", f"{'e' * 300}@x.y"])
async def test_bad_addresses_are_400(lite: Plane, email: str) -> None:
    answer = await lite.client.post(f"{API}/invitations", json={"email": email})
    assert answer.status_code == 400


async def test_a_member_is_not_invited(lite: Plane) -> None:
    await lite.client.post(f"{API}/users", json={"username": EMAIL, "password": "longenough"})
    answer = await lite.client.post(f"{API}/invitations", json={"email": EMAIL})
    assert answer.status_code == 400


async def test_the_program_is_told(tmp_path: Path) -> None:
    told, program = tmp_path / "told", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncat > {told}.part\nmv {told}.part {told}\n")
    program.chmod(0o700)
    settings = settings_for(invitation_program=str(program))
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack:
        answer = await plane.client.post(f"{API}/invitations", json={"email": EMAIL})
        assert answer.status_code == 201
        async with asyncio.timeout(20):
            while not told.exists():
                await asyncio.sleep(0.01)
    message = json.loads(told.read_text())
    assert message == {"workspace": "default", "email": EMAIL, "invited_by": "admin"}
