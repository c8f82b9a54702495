"""Credentials and permissions over REST: precedence, 401, 403, 404, the roles matrix."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import cast

import pytest

from controlplane.api.routes import CONTROLLERS
from controlplane.api.system import HANDLERS
from controlplane.auth import Asking, Authenticator, AuthLimits
from controlplane.db.identity import KeyFound
from controlplane.db.repository import Directory
from controlplane.db.tables import ApiKey, User
from controlplane.passwords import Passwords
from controlplane.permissions import ADMIN_OPERATIONS, OPEN_OPERATIONS, OPERATIONS, ROLES
from engine.clock import ManualClock
from tests.controlplane.conftest import API, KEY, Plane

OTHER = "o" * 60
ID = "00000000-0000-4000-8000-000000000000"


def basic(text: str) -> dict[str, str]:
    """A Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Api-Key": ""}, 401),
        ({"X-Api-Key": "short"}, 401),
        ({"X-Api-Key": "!" * 60}, 401),
        ({"X-Api-Key": OTHER}, 403),
        ({"x-aPi-kEy": KEY}, 200),
        ({"Authorization": f"ApiKey {KEY}"}, 200),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Authorization": f"bearer {OTHER}"}, 403),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Digest x"}, 401),
        ({"Authorization": "Basic %%%"}, 401),
        (basic("nocolon"), 401),
        (basic("admin:wrong password"), 403),
        (basic("nobody:wrong password"), 403),
        ({"X-Api-Key": OTHER, "Authorization": f"ApiKey {KEY}"}, 403),
        ({"X-Api-Key": KEY, "Authorization": f"ApiKey {OTHER}"}, 200),
    ],
)
@pytest.mark.parametrize("path", [f"{API}/roles", f"{API}/streams/iot/ingest"])
async def test_credentials(lite: Plane, headers: dict[str, str], status: int, path: str) -> None:
    await lite.stream()
    method = "POST" if path.endswith("ingest") else "GET"
    async with lite.anonymous() as client:
        answer = await client.request(method, path, headers=headers, content=b"{}")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()) == {"code", "message", "system"}
        assert answer.json()["system"] == "neutron"
    assert (answer.headers.get("WWW-Authenticate") == "ApiKey") == (status == 401)


class Slow:
    """A store of one key whose answer takes until it is let go; counts the questions."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.there = True

    async def key(self, digest: str) -> KeyFound | None:
        self.asked += 1
        await self.gate.wait()
        key = ApiKey(id="k", permissions=["read:query"], workspace_id="w", expire_at_ms=0)
        user = User(id="u", username="eve")
        return KeyFound(key, user, "writer", "default") if self.there else None


LIMITS = AuthLimits(entries_max=10, cache_seconds=4.0)


async def test_many_requests_wait_for_one_look_up_of_their_key() -> None:
    store, clock = Slow(), ManualClock()
    auth = Authenticator(cast("Directory", store), Passwords(), clock, LIMITS)
    headers = {b"x-api-key": KEY.encode()}
    asking = Asking(headers, "default")
    waiting = [asyncio.create_task(auth.authenticate(asking)) for _ in range(100)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who gives up does not take the answer from the others
    await asyncio.sleep(0)
    store.gate.set()
    found = await asyncio.gather(*waiting[1:])
    assert {p.user_name for p in found} == {"eve"}
    assert store.asked == 1


async def test_a_key_in_use_is_looked_up_again_before_anybody_must_wait() -> None:
    store, clock = Slow(), ManualClock()
    store.gate.set()
    auth = Authenticator(cast("Directory", store), Passwords(), clock, LIMITS)
    headers = {b"x-api-key": KEY.encode()}
    await auth.authenticate(Asking(headers, "default"))
    clock.advance(1_000)
    assert auth.known(headers, "default") is not None
    assert store.asked == 1
    clock.advance(2_000)
    assert auth.known(headers, "default") is not None
    await asyncio.sleep(0.01)
    assert store.asked == 2
    clock.advance(3_000)  # after the first four seconds, within those of the second answer
    assert auth.known(headers, "default") is not None
    store.there = False
    await asyncio.sleep(0.01)
    assert auth.known(headers, "default") is None  # it was removed by another server


async def test_password_sign_in(plane: Plane) -> None:
    body = {"username": "eve", "password": "longenough"}
    assert (await plane.client.post(f"{API}/users", json=body)).status_code == 201
    async with plane.anonymous() as client:
        good = basic("eve:longenough")
        assert (await client.get(f"{API}/roles", headers=good)).status_code == 200
        changed = await plane.client.patch(f"{API}/users/eve", json={"password": "different1"})
        assert changed.status_code == 200
        assert (await client.get(f"{API}/roles", headers=good)).status_code == 403
        better = basic("eve:different1")
        assert (await client.get(f"{API}/roles", headers=better)).status_code == 200
        assert (await plane.client.delete(f"{API}/users/eve")).status_code == 204
        assert (await client.get(f"{API}/roles", headers=better)).status_code == 403


async def test_admin_without_password_cannot_sign_in_with_one(lite: Plane) -> None:
    async with lite.anonymous() as client:
        for password in ("", "admin"):
            answer = await client.get(f"{API}/roles", headers=basic(f"admin:{password}"))
            assert answer.status_code == 403


async def test_open_addresses(lite: Plane) -> None:
    async with lite.anonymous() as client:
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/nothing/here")).status_code == 404


def operations() -> dict[str, tuple[str, str]]:
    """Every operation that is served: id -> (method, address with names of nothing)."""
    found: dict[str, tuple[str, str]] = {"ingestStream": ("POST", f"{API}/streams/none/ingest")}
    for controller in CONTROLLERS:
        for handler in vars(controller).values():
            operation = getattr(handler, "operation_id", None)
            if operation:
                (method,) = handler.http_methods - {"OPTIONS"}
                (path,) = handler.paths or {"/"}
                found[operation] = (method, API + address(controller.path or "", path))
    for handler in HANDLERS:
        (path,) = handler.paths
        found[str(handler.operation_id)] = ("GET", path)
    return found


def address(*parts: str) -> str:
    """The path with a free name for each parameter, an id where it asks for one."""
    path = "/".join(part.strip("/") for part in parts if part.strip("/"))
    path = re.sub(r"\{\w*id:str\}", ID, path)
    return "/" + re.sub(r"\{\w+:str\}", "none", path)


def test_every_operation_has_a_permission() -> None:
    assert set(operations()) <= set(OPERATIONS) | OPEN_OPERATIONS
    assert set(OPERATIONS) >= ADMIN_OPERATIONS
    assert not set(OPERATIONS) & OPEN_OPERATIONS


# What the roles may do besides reading; said here once more, not taken from the table.
HIDDEN = {"getSystem", "listAudit", "listInvitations", "listWorkspaces"}
READ_ONLY = {
    "createQuery", "executeDDL", "execute", "formatSQL", "analyzeSQL", "cancelQuery", "deleteQuery",
    "inferSource", "matchSource", "createAPIKey", "deleteAPIKey", "logout",
}  # fmt: skip
WRITER = READ_ONLY | {
    "ingestStream", "createSavedQuery", "updateSavedQuery", "deleteSavedQuery", "createDashboard",
    "updateDashboard", "deleteDashboard",
}  # fmt: skip


@pytest.mark.parametrize("role", list(ROLES))
async def test_roles_matrix(lite: Plane, role: str) -> None:
    client = lite.client if role == "admin" else await lite.user("someone", role)
    more = {"admin": set(OPERATIONS), "writer": WRITER, "read_only": READ_ONLY}[role]
    for operation, (method, path) in operations().items():
        if operation in OPEN_OPERATIONS:
            continue
        query = "?error_log_time_range=1d&metrics_time_range=1d" if path.endswith("stats") else ""
        answer = await client.request(method, path + query, json={} if method != "GET" else None)
        reads = method == "GET" and operation not in HIDDEN
        allowed = reads or operation in more
        assert (answer.status_code != 403) == allowed, (operation, answer.text)
        assert answer.status_code < 500 or answer.status_code == 501, (operation, answer.text)


async def test_statement_classes_follow_the_role(lite: Plane) -> None:
    reader, writer = await lite.user("r", "reader"), await lite.user("w", "writer")
    statements = {"select 1": "r", "insert into s values": "w", "create stream s1": "admin"}
    for sql, least in statements.items():
        for client, rank in ((reader, 0), (writer, 1), (lite.client, 2)):
            answer = await client.post(f"{API}/queries", json={"sql": sql})
            needed = ["r", "w", "admin"].index(least)
            assert answer.status_code == (200 if rank >= needed else 403), (sql, answer.text)
            if answer.status_code == 403:
                assert answer.json() == {**answer.json(), "code": 497, "system": "proton"}


async def test_queries_of_others_cannot_be_canceled(lite: Plane) -> None:
    reader = await lite.user("r", "read_only")
    await lite.client.post(f"{API}/queries", json={"sql": "select 1"})
    (theirs,) = (await lite.client.get(f"{API}/queries")).json()
    for method, path in (
        ("POST", f"/queries/{theirs['id']}/cancel"),
        ("DELETE", f"/queries/{theirs['id']}"),
    ):
        assert (await reader.request(method, API + path)).status_code == 403
    await reader.post(f"{API}/queries", json={"sql": "select 1"})
    own = [q for q in (await reader.get(f"{API}/queries")).json() if q["created_by"]["name"] == "r"]
    assert (await reader.delete(f"{API}/queries/{own[0]['id']}")).status_code == 204
    assert (await lite.client.delete(f"{API}/queries/{theirs['id']}")).status_code == 204
