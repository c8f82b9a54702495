"""Users as people: the Kronicle API's /rbac/v1/users, the same over v1beta2 and the command."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.controlplane.conftest import API, KEY, Plane

USERS = "/rbac/v1/users"
ANN: dict[str, Any] = {
    "email": "Ann.Lee+lab@Example.com",
    "name": "annlee",
    "orcid": "0009-0007-1629-1921",
    "full_name": "Ann Lee",
    "password": "correct horse",
    "details": {"lab": 3},
}
SHOWN: dict[str, Any] = {
    "email": "ann.lee+lab@example.com",
    "name": "annlee",
    "orcid": "0009-0007-1629-1921",
    "full_name": "Ann Lee",
    "details": {"lab": 3},
}


async def call(plane: Plane, method: str, expected: int = 200, **body: Any) -> Any:
    """The answer to a call of the admin with a body."""
    answer = await plane.client.request(method, USERS, json=body)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def found(plane: Plane, query: str) -> Any:
    """The answer to a search, with the query as the client library writes it."""
    answer = await plane.client.get(f"{USERS}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_life_of_a_user(plane: Plane) -> None:
    # The client library sends the text of its None as id of a user that has none.
    made = await call(plane, "POST", id="None", **ANN)
    identity = made.pop("id")
    assert made == SHOWN
    listed = await found(plane, "")
    assert [one["name"] for one in listed] == ["admin", "annlee"]
    assert "correct horse" not in str(listed)
    shown = {"id": identity, **SHOWN}
    for query in (
        "email=ann.lee+lab@example.com",
        "email=Ann.Lee%2Blab@Example.com",
        "name=annlee",
        "orcid=0009-0007-1629-1921",
    ):
        assert await found(plane, query) == shown, query
    for query in (
        "email=bob@example.com",
        "name=bob",
        "orcid=1",
        "email=",
        "name=annlee@localhost",
    ):
        assert await found(plane, query) is None, query

    changed = await call(plane, "PATCH", id=identity, email="ann@example.com", full_name="Ann L.")
    assert changed == {**shown, "email": "ann@example.com", "full_name": "Ann L."}
    renamed = await call(plane, "PATCH", id="None", email="ann@example.com", name="annie")
    assert (renamed["id"], renamed["name"]) == (identity, "annie")
    assert (await call(plane, "PATCH", name="annie", email=""))["email"] == "annie@localhost"
    assert await found(plane, "email=annie@localhost") == {**renamed, "email": "annie@localhost"}
    emptied = await call(plane, "PATCH", name="annie", orcid="", full_name="", details={})
    assert (emptied["orcid"], emptied["full_name"], emptied["details"]) == (None, None, {})

    gone = await call(plane, "DELETE", id=identity, email="annie@localhost")
    assert gone == emptied
    assert await found(plane, "name=annie") is None
    error = await call(plane, "DELETE", 404, id=identity)
    assert (error["error"], error["method"]) == ("NotFound", "DELETE")


async def test_an_email_and_a_name_are_of_one_user(plane: Plane) -> None:
    await call(plane, "POST", **ANN)
    same = {"email": ANN["email"], "name": "other", "password": "correct horse"}
    assert (await call(plane, "POST", 409, **same))["error"] == "Conflict"
    assert (await call(plane, "POST", 409, **{**ANN, "email": "x@example.com"}))["status"] == 409
    # Nobody may be called like the e-mail of somebody else, nor have the name of one as e-mail.
    named = {"name": "ann.lee+lab@example.com", "password": "correct horse"}
    await call(plane, "POST", 409, **named)
    await call(plane, "POST", name="bob@example.com", password="correct horse")
    await call(plane, "PATCH", 409, name="annlee", email="bob@example.com")
    bob = await call(plane, "PATCH", name="bob@example.com", email="bob@example.com")
    assert bob["email"] == "bob@example.com"
    await call(plane, "PATCH", 409, email="bob@example.com", name="annlee")
    taken = await plane.client.post(
        f"{API}/users",
        json={"username": "new", "password": "correct horse", "email": "bob@example.com"},
    )
    assert taken.status_code == 400


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 422),
        ({"id": "None", "orcid": "1"}, 422),
        ({"email": 5}, 422),
        ({"email": "x@example.com", "details": [1]}, 422),
        ({"email": "no address"}, 400),
        ({"email": "x@example.com", "name": "a b"}, 400),
        # Users without an e-mail sign in as NAME@localhost: nobody else is called so.
        ({"name": "admin@localhost"}, 400),
        ({"name": "new@LocalHost"}, 400),
        ({"email": "x@example.com", "password": "short"}, 400),
        ({"email": "x@example.com", "orcid": "x" * 65}, 400),
        ({"email": "x@example.com", "details": {"x": "y" * 20_000}}, 400),
        ({"email": "x@example.com", "role": "king"}, 400),
    ],
)
async def test_bad_users(lite: Plane, body: dict[str, Any], expected: int) -> None:
    error = await call(lite, "POST", expected, **body)
    assert error["error"] == ("ValidationError" if expected == 422 else "BadRequest")
    assert bool(error.get("details")) == (expected == 422)


async def test_without_a_name_the_email_is_the_name_and_without_a_role_it_only_reads(
    lite: Plane,
) -> None:
    made = await call(lite, "POST", email="ann@example.com")
    assert (made["name"], made["email"]) == ("ann@example.com", "ann@example.com")
    shown = (await lite.client.get(f"{API}/users/ann@example.com")).json()
    assert shown == {
        "role": "read_only", "username": "ann@example.com", "email": "ann@example.com"
    }  # fmt: skip
    await call(lite, "PATCH", email="ann@example.com", role="writer", password="correct horse")
    async with lite.anonymous() as client:
        body = {"login": "ann@example.com", "password": "correct horse"}
        token = (await client.post("/auth/v1/login", json=body)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for method in ("GET", "POST", "PATCH", "DELETE"):
            refused = await client.request(method, USERS, json={"name": "admin"})
            assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden"), method


async def test_one_does_not_delete_oneself_and_strangers_learn_nothing(lite: Plane) -> None:
    assert (await call(lite, "DELETE", 400, name="admin"))["error"] == "BadRequest"
    async with lite.anonymous() as client:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            refused = await client.request(method, USERS, json={"name": "admin"})
            assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized"), method


async def test_an_admin_of_one_workspace_does_not_rename_users_of_others(lite: Plane) -> None:
    await call(lite, "POST", **ANN, role="admin")
    made = await lite.client.post(f"{API}/workspaces", json={"name": "factory"})
    own = lite.with_key(made.json()["api_key"])
    joined = await own.post(USERS, json={"name": "annlee", "password": "correct horse"})
    assert joined.status_code == 200, joined.text
    assert joined.json()["full_name"] == "Ann Lee"
    for change in ({"email": "thief@example.com"}, {"full_name": "x"}, {"password": "taken over"}):
        refused = await own.patch(USERS, json={"id": joined.json()["id"], **change})
        assert refused.status_code == 403, change
    left = await own.request("DELETE", USERS, json={"name": "annlee"})
    assert left.status_code == 200
    assert (await found(lite, "name=annlee"))["email"] == SHOWN["email"]
    elsewhere = await own.get(f"{USERS}?name=annlee")
    assert elsewhere.json() is None


async def test_changes_of_users_are_in_the_audit_trail(lite: Plane) -> None:
    made = await call(lite, "POST", id="None", **ANN)
    await call(lite, "POST", 409, id="None", **ANN)
    await call(lite, "PATCH", email="ann.lee+lab@example.com", orcid="1")
    await call(lite, "DELETE", 404, name="nobody")
    async with lite.anonymous() as client:
        for login in ("annlee", "nobody"):
            body = {"login": login, "password": "correct horse"}
            await client.post("/auth/v1/login", json=body)
    await call(lite, "DELETE", id=made["id"])
    answer = await lite.client.get(f"{API}/audit")
    trail = [
        (one["action"], one["object"], one["user"]["name"], one["status"])
        for one in reversed(answer.json())
    ]
    assert trail == [
        ("kronicleCreateUser", made["id"], "admin", 200),
        ("kronicleCreateUser", "annlee", "admin", 409),
        ("kronicleUpdateUser", made["id"], "admin", 200),
        ("kronicleDeleteUser", "nobody", "admin", 404),
        ("kronicleLogin", "annlee", "annlee", 200),
        ("kronicleDeleteUser", made["id"], "admin", 200),
    ]
    assert "correct horse" not in answer.text


async def test_the_same_fields_over_v1beta2(plane: Plane) -> None:
    known = {k: ANN[k] for k in ("email", "orcid", "full_name", "details")}
    body = {"username": "annlee", "password": "correct horse", **known}
    assert (await plane.client.post(f"{API}/users", json=body)).status_code == 201
    shown = {"role": "read_only", "username": "annlee", **known, "email": SHOWN["email"]}
    assert (await plane.client.get(f"{API}/users/annlee")).json() == shown
    change = {"email": "", "details": {}, "full_name": "A. Lee"}
    done = await plane.client.patch(f"{API}/users/annlee", json=change)
    assert done.status_code == 200, done.text
    left = {k: v for k, v in shown.items() if k not in ("email", "details")}
    expected = {**left, "full_name": "A. Lee"}
    assert (await plane.client.get(f"{API}/users/annlee")).json() == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/auth/v1/nothing", 404),
        ("GET", "/auth/v1/login", 405),
        ("POST", "/rbac/v1/users/5", 404),
        ("PUT", "/setup/v1/nothing", 404),
    ],
)
async def test_unknown_addresses_of_kronicle_have_its_error_body(
    lite: Plane, method: str, path: str, status: int
) -> None:
    headers = {"X-Api-Key": KEY, "X-Request-Id": "5c3f2a1e-0000-4000-8000-000000000001"}
    answer: httpx.Response = await lite.client.request(method, path, headers=headers)
    body = answer.json()
    assert (answer.status_code, body["status"], body["error"]) == (status, status, "HTTPError")
    assert (body["path"], body["method"]) == (path, method)
    assert body["request_id"] == "5c3f2a1e-0000-4000-8000-000000000001"
    assert "details" not in body
