"""Callers of the time-series APIs: tokens, the switch per API, tenants, the admin token."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from controlplane.auth import Asking, Authenticator, AuthLimits, Principal
from controlplane.db.repository import Directory
from controlplane.db.session import open_store
from controlplane.passwords import Passwords
from controlplane.principal import ZERO_UUID
from controlplane.problems import Problem
from controlplane.services.access import AccessService
from controlplane.services.series_auth import Needs, SeriesAuth
from controlplane.settings import Settings, SettingsError, load_settings
from controlplane.tokens import Claims, Tokens
from engine.clock import ManualClock
from tests.controlplane.conftest import API, KEY, Plane, make_plane, new_store, settings_for

PASSWORD = "longenough"
KEYS = {"first": b"1" * 32}


def bearer(token: str) -> dict[str, str]:
    """A Bearer header."""
    return {"Authorization": f"Bearer {token}"}


def basic(text: str) -> dict[str, str]:
    """A Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


async def log_in(plane: Plane, login: str, password: str = PASSWORD, at: str = "") -> str:
    """A token."""
    answer = await sent(plane, "POST", f"{at}/auth/v1/login", login=login, password=password)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "bearer"
    return answer.json()["access_token"]


async def sent(plane: Plane, method: str, path: str, **body: Any) -> httpx.Response:
    """The answer to a call without credentials."""
    async with plane.anonymous() as client:
        return await client.request(method, path, json=body)


async def status(plane: Plane, headers: dict[str, str], path: str = "/rbac/v1/users") -> int:
    """Of GET with these credentials."""
    async with plane.anonymous() as client:
        return (await client.get(path, headers=headers)).status_code


async def make_user(plane: Plane, name: str, role: str = "admin", **known: str) -> None:
    """A user with a password."""
    body = {"username": name, "password": PASSWORD, "role": role, **known}
    made = await plane.client.post(f"{API}/users", json=body)
    assert made.status_code == 201, made.text


# -- tokens ----------------------------------------------------------------------------------


async def test_a_token_is_a_signed_text_of_three_parts_that_says_when_it_expires() -> None:
    clock = ManualClock()
    tokens = Tokens(lambda: KEYS, clock, 5)
    await tokens.prepare()
    text = tokens.issue(Claims("u", "w", 3))
    parts = text.split(".")
    assert len(parts) == 3
    payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    assert payload["exp"] == clock.now_ms() // 1000 + 300
    assert type(payload["exp"]) is int
    assert tokens.read(text.encode()) == Claims("u", "w", 3, payload["exp"] * 1000)
    clock.advance(299_000)
    assert tokens.read(text.encode()) is not None
    clock.advance(1_001)
    assert tokens.read(text.encode()) is None


async def test_a_token_that_is_not_ours_says_nothing() -> None:
    clock = ManualClock()
    tokens = Tokens(lambda: KEYS, clock, 5)
    await tokens.prepare()
    text = tokens.issue(Claims("u", "w", 3))
    head, payload, signature = text.split(".")
    claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", "none", headers={"kid": "first"})
    others = jwt.encode(claims, "x" * 32, "HS256", headers={"kid": "first"})
    raw_key = jwt.encode(claims, KEYS["first"], "HS256", headers={"kid": "first"})
    wrong = f"{head}.{payload}x.{signature}"
    for bad in (unsigned, others, raw_key, wrong, "..", "a.b.c", text + "x" * 3_000):
        assert tokens.read(bad.encode()) is None, bad
    other_kid = jwt.encode(claims, "x" * 32, "HS256", headers={"kid": "second"})
    assert tokens.read(other_kid.encode()) is None


async def test_tokens_outlive_a_new_first_key() -> None:
    clock = ManualClock()
    old = Tokens(lambda: KEYS, clock, 5)
    await old.prepare()
    text = old.issue(Claims("u", "w", 3)).encode()
    rotated = Tokens(lambda: {"second": b"2" * 32, **KEYS}, clock, 5)
    assert rotated.read(text) is not None
    assert Tokens(lambda: {"second": b"2" * 32}, clock, 5).read(text) is None


@pytest.fixture
async def virtual(tmp_path: Path) -> AsyncIterator[tuple[Authenticator, ManualClock]]:
    """Sign-ins over a store with the first admin, on a clock that stands."""
    clock, passwords = ManualClock(), Passwords()
    store = await open_store(await new_store(tmp_path))
    directory = Directory(store.sessions)
    limits = AuthLimits(entries_max=10, cache_seconds=3.0)
    auth = Authenticator(directory, passwords, clock, limits, Tokens(lambda: KEYS, clock, 5))
    access = AccessService(directory, auth, passwords, clock)
    await access.bootstrap(settings_for(bootstrap_password=PASSWORD))
    yield auth, clock
    passwords.close()
    await store.close()


async def test_a_token_expires_to_the_second(
    virtual: tuple[Authenticator, ManualClock],
) -> None:
    auth, clock = virtual
    made = await auth.issue("admin", PASSWORD, "", "127.0.0.1")
    asking = Asking({b"authorization": b"Bearer " + made.text.encode()}, "")
    principal = await auth.authenticate(asking)
    assert (principal.user_name, principal.workspace) == ("admin", "default")
    clock.advance(299_000)
    assert await auth.alive(principal)
    await auth.authenticate(asking)  # remembered again: its end must count all the same
    clock.advance(1_001)
    assert not await auth.alive(principal)
    with pytest.raises(Problem) as refused:
        await auth.authenticate(asking)
    assert refused.value.code == 403


# -- log-in ----------------------------------------------------------------------------------


async def test_log_in_takes_name_or_email(plane: Plane) -> None:
    await make_user(plane, "eve1", email="Eve@Example.com")
    await make_user(plane, "bob1")
    for login in ("eve1", "eve@example.com", "EVE@example.COM", "bob1", "bob1@localhost"):
        assert await status(plane, bearer(await log_in(plane, login))) == 200
    for login in ("eve1@localhost", "nobody@localhost", "Eve1"):
        refused = await sent(plane, "POST", "/auth/v1/login", login=login, password=PASSWORD)
        assert refused.status_code == 401, login


@pytest.mark.parametrize(
    ("body", "expected", "place"),
    [
        ({"login": "adm", "password": "x"}, 422, "body.login"),
        ({"login": "a" * 65, "password": "x"}, 422, "body.login"),
        ({"login": "a" * 64, "password": "x"}, 401, ""),
        ({"login": "admin"}, 422, "body.password"),
        ({"login": 5, "password": "x"}, 422, "body.login"),
        ({"login": "admin", "password": "wrong"}, 401, ""),
    ],
)
async def test_what_log_in_refuses(
    lite: Plane, body: dict[str, Any], expected: int, place: str
) -> None:
    answer = await sent(lite, "POST", "/auth/v1/login", **body)
    assert answer.status_code == expected, answer.text
    error = answer.json()
    assert error["error"] == ("ValidationError" if expected == 422 else "Unauthorized")
    assert list(error.get("details", {})) == ([place] if place else [])
    assert (error["path"], error["method"]) == ("/auth/v1/login", "POST")


async def test_wrong_passwords_by_name_and_by_email_count_together(tmp_path: Path) -> None:
    settings = settings_for(sign_in_failures_max=4)
    made, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack:
        await make_user(made, "eve1", email="eve@example.com")
        found: list[int] = []
        for login in ("eve1", "eve@example.com") * 3:
            body = {"login": login, "password": "wrong"}
            found.append((await sent(made, "POST", "/auth/v1/login", **body)).status_code)
        assert found == [401, 401, 401, 401, 429, 429]


async def test_a_token_is_good_on_v1beta2_and_there_a_bad_one_is_403(lite: Plane) -> None:
    await make_user(lite, "eve1", "read_only")
    token = await log_in(lite, "eve1")
    assert await status(lite, bearer(token), f"{API}/streams") == 200
    assert await status(lite, bearer(token[:-3] + "abc"), f"{API}/streams") == 403
    assert await status(lite, bearer(token[:-3] + "abc")) == 401
    assert await status(lite, bearer(token)) == 403  # users are for admins


async def test_tokens_are_revoked_by_password_role_and_removal(plane: Plane) -> None:
    await make_user(plane, "eve1")
    for change in ({"password": "another one"}, {"role": "writer"}, {"role": "admin"}):
        password = PASSWORD if "password" in change else "another one"
        token = await log_in(plane, "eve1", password)
        assert await status(plane, bearer(token), "/api/v1beta2/streams") == 200
        changed = await plane.client.patch(f"{API}/users/eve1", json=change)
        assert changed.status_code == 200
        assert await status(plane, bearer(token), "/api/v1beta2/streams") == 403, change
    token = await log_in(plane, "eve1", "another one")
    assert (await plane.client.delete(f"{API}/users/eve1")).status_code == 204
    assert await status(plane, bearer(token)) == 401
    await make_user(plane, "eve1")
    assert await status(plane, bearer(token)) == 401


async def test_change_of_the_own_password(plane: Plane) -> None:
    await make_user(plane, "eve1")
    old = await log_in(plane, "eve1")
    body = {"login": "eve1", "password": PASSWORD, "new_password": "brand new 1"}
    path = "/auth/v1/change_password"
    other = await sent(plane, "POST", path, **body, confirm_password="brand new 2")
    assert (other.status_code, list(other.json()["details"])) == (422, ["body.confirm_password"])
    wrong = {**body, "password": "wrong", "confirm_password": "brand new 1"}
    assert (await sent(plane, "POST", path, **wrong)).status_code == 401
    short = {**body, "new_password": "short", "confirm_password": "short"}
    assert (await sent(plane, "POST", path, **short)).status_code == 400
    assert await status(plane, bearer(old)) == 200
    done = await sent(plane, "POST", path, **body, confirm_password="brand new 1")
    assert done.status_code == 200, done.text
    assert await status(plane, bearer(done.json()["access_token"])) == 200
    assert await status(plane, bearer(old)) == 401
    assert await status(plane, basic("eve1:brand new 1")) == 200
    assert await status(plane, basic(f"eve1:{PASSWORD}")) == 401


# -- workspaces and tenants --------------------------------------------------------------------


async def test_at_the_root_a_caller_is_in_the_workspace_of_the_credentials(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/workspaces", json={"name": "factory"})
    key = made.json()["api_key"]
    own = {"X-Api-Key": key}
    body = {"username": "eve1", "password": PASSWORD, "role": "admin"}
    there = await plane.with_key(key).post(f"/factory{API}/users", json=body)
    assert there.status_code == 201, there.text
    token = await log_in(plane, "eve1")
    for headers in (own, bearer(token), basic(f"eve1:{PASSWORD}")):
        async with plane.anonymous() as client:
            for path in ("/rbac/v1/users", "/factory/kronicle/rbac/v1/users"):
                answer = await client.get(path, headers=headers)
                assert [one["name"] for one in answer.json()] == ["admin", "eve1"], path
            elsewhere = await client.get("/default/kronicle/rbac/v1/users", headers=headers)
            assert (elsewhere.status_code, elsewhere.json()["error"]) == (404, "NotFound")
    assert await status(plane, {"X-Api-Key": KEY}, "/factory/kronicle/rbac/v1/users") == 404


async def test_whose_tenant_is_meant(plane: Plane) -> None:
    made = await plane.client.post(f"{API}/workspaces", json={"name": "factory"})
    auth = series_auth(plane)
    mine = await caller(auth, {"x-api-key": KEY})
    theirs = await caller(auth, {"x-api-key": made.json()["api_key"]})
    assert (mine.tenant_id, mine.changed_by) == (ZERO_UUID, "admin")
    assert theirs.tenant_id not in (ZERO_UUID, mine.workspace_id)
    for tenant in (None, ZERO_UUID, theirs.tenant_id.upper()):
        assert await auth.tenant(theirs, tenant) == theirs
    for wrong, code in ((mine.workspace_id, 403), (theirs.user_id, 403), ("x", 400)):
        with pytest.raises(Problem) as refused:
            await auth.tenant(theirs, wrong)
        assert refused.value.code == code
    off = series_auth(plane, timedb_auth="off")
    anybody = await caller(off, {})
    assert (anybody.tenant_id, anybody.changed_by) == (ZERO_UUID, "")
    assert await off.tenant(anybody, ZERO_UUID) == anybody
    assert (await off.tenant(anybody, theirs.tenant_id)).workspace == "factory"
    with pytest.raises(Problem) as unknown:
        await off.tenant(anybody, theirs.user_id)
    assert unknown.value.code == 404


# -- roles, keys and switches ------------------------------------------------------------------


def series_auth(plane: Plane, **values: Any) -> SeriesAuth:
    """Over the plane's people with other settings."""
    return SeriesAuth(plane.app.authenticator, Settings(**values))


async def caller(
    auth: SeriesAuth,
    headers: dict[str, str],
    api: str = "timedb",
    needs: Needs = "read",
    workspace: str = "",
) -> Principal:
    """Who asks with these headers."""
    raw = {name.encode(): value.encode() for name, value in headers.items()}
    return await auth.principal(api, Asking(raw, workspace), needs)


async def code(
    auth: SeriesAuth, headers: dict[str, str], api: str = "timedb", needs: Needs = "read"
) -> int:
    """200, or the status of the refusal."""
    try:
        await caller(auth, headers, api, needs)
    except Problem as error:
        return error.code
    return 200


async def test_a_key_is_narrowed_by_its_permissions(lite: Plane) -> None:
    async def key(*permissions: str) -> dict[str, str]:
        body = {"permissions": list(permissions)}
        made = await lite.client.post(f"{API}/auth/api_keys", json=body)
        return {"x-api-key": made.json()["api_key"]}

    needs: tuple[Needs, ...] = ("read", "write", "admin", "see_users", "change_users")
    auth = series_auth(lite)
    for permissions, expected in (
        (("read:*", "write:*"), [200] * 5),
        (("read:*",), [200, 403, 403, 200, 403]),
        (("read:stream",), [200, 403, 403, 403, 403]),
        (("read:*", "write:stream"), [200, 200, 200, 200, 403]),
        (("read:query",), [403] * 5),
    ):
        headers = await key(*permissions)
        found = [await code(auth, headers, needs=one) for one in needs]
        assert found == expected, permissions


async def test_off_lets_everybody_in_and_knows_whom_it_knows(lite: Plane) -> None:
    await make_user(lite, "eve1", "read_only", email="eve@example.com")
    key = await lite.key_of("eve1")
    auth = series_auth(lite, timedb_auth="off")
    for headers in (
        {},
        {"host": "127.0.0.1:8000"},
        {"host": "localhost", "origin": "http://localhost"},
        {"host": "[::1]:8000"},
        {"x-api-key": "o" * 60},
        {"x-api-key": "any text"},
        {"authorization": "Bearer a.b.c"},
        basic_lower("admin:wrong"),
    ):
        principal = await caller(auth, headers, needs="admin")
        assert (principal.role, principal.workspace, principal.user_id) == ("admin", "default", "")
    known = await caller(auth, {"x-api-key": key})
    assert (known.user_name, known.changed_by) == ("eve1", "eve@example.com")
    for headers in (
        {"host": "tailrace.example.com"},
        {"host": "127.0.0.1:8000", "origin": "http://example.com"},
        {"host": "127.0.0.1:8000", "origin": "null"},
        {"host": "[x"},
        {"host": "127.0.0.1:8000", "origin": "http://[x"},
    ):
        assert await code(auth, headers) == 403, headers
    with pytest.raises(Problem) as elsewhere:
        await caller(auth, {}, workspace="factory")
    assert elsewhere.value.code == 401
    assert await code(auth, {}, "kronicle") == 401  # each API has a switch of its own
    assert await code(auth, {}, "opensynaptic") == 401


async def test_without_credentials_one_is_admin_of_the_default_workspace_alone(
    tmp_path: Path,
) -> None:
    settings = settings_for(kronicle_auth="off")
    made, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack:
        await make_user(made, "eve1", "read_only")
        await make_user(made, "bob1", "read_only")
        there = await made.client.post(f"{API}/workspaces", json={"name": "factory"})
        own = made.with_key(there.json()["api_key"])
        joined = await own.post("/rbac/v1/users", json={"name": "bob1", "password": PASSWORD})
        assert joined.status_code == 200, joined.text
        async with made.anonymous() as client:
            client.base_url = httpx.URL("http://127.0.0.1")
            for name, expected in (("eve1", 200), ("bob1", 403)):
                body = {"name": name, "password": "brand new 1"}
                changed = await client.patch("/rbac/v1/users", json=body)
                assert changed.status_code == expected, changed.text
            listed = await client.get("/rbac/v1/users", headers={"X-Api-Key": "o" * 60})
            assert [one["name"] for one in listed.json()] == ["admin", "bob1", "eve1"]
            refused = await client.get("/factory/kronicle/rbac/v1/users")
            assert refused.status_code == 401
            assert (await client.get(f"{API}/users")).status_code == 401
        trail = (await made.client.get(f"{API}/audit")).json()
        assert [one["user"]["name"] for one in trail[:2]] == ["anonymous", "anonymous"]


def basic_lower(text: str) -> dict[str, str]:
    """As `basic`, with the header's name as a server sees it."""
    return {"authorization": basic(text)["Authorization"]}


async def test_wrong_credentials_do_not_lock_anybody_out_of_what_is_open(lite: Plane) -> None:
    auth = series_auth(lite, timedb_auth="off")
    for _ in range(12):
        assert await code(auth, basic_lower("nobody:wrong")) == 200


@pytest.mark.parametrize(
    ("settings", "none", "token", "key", "bad"),
    [
        ({}, 401, 401, 200, 401),
        ({"opensynaptic_admin_token": "t0ken"}, 401, 200, 200, 401),
        ({"opensynaptic_auth": "off"}, 200, 200, 200, 200),
        ({"opensynaptic_auth": "off", "opensynaptic_auth_enabled": True}, 503, 503, 503, 503),
        (
            {
                "opensynaptic_auth": "off",
                "opensynaptic_auth_enabled": True,
                "opensynaptic_admin_token": "t0ken",
            },
            401, 200, 200, 401,
        ),
        ({"opensynaptic_auth_enabled": False}, 200, 200, 200, 200),
    ],
)  # fmt: skip
async def test_the_own_pair_of_opensynaptic(
    lite: Plane, settings: dict[str, Any], none: int, token: int, key: int, bad: int
) -> None:
    auth = series_auth(lite, **settings)
    api = "opensynaptic"
    assert await code(auth, {}, api) == none
    assert await code(auth, {"x-admin-token": "t0ken"}, api, "write") == token
    assert await code(auth, {"x-admin-token": KEY}, api) == key
    assert await code(auth, {"x-api-key": KEY}, api) == key
    assert await code(auth, {"x-admin-token": "t0kex"}, api) == bad
    assert await code(auth, {"x-admin-token": ""}, api) == bad
    # The first that is there counts, and only this API knows the header.
    both = {"x-api-key": "o" * 60, "x-admin-token": KEY}
    assert await code(auth, both, api) == bad
    assert await code(auth, {"x-admin-token": KEY}, "timedb") == 401


async def test_refusals_name_the_way_in(lite: Plane) -> None:
    auth = series_auth(lite)
    for api, way, text in (
        ("timedb", "ApiKey", "Credentials are missing"),
        ("kronicle", "Bearer", "Credentials are missing"),
        ("opensynaptic", "Bearer", "admin token required"),
    ):
        with pytest.raises(Problem) as refused:
            await caller(auth, {}, api)
        assert refused.value.headers["WWW-Authenticate"] == way
        assert refused.value.message.startswith(text)


OFF = ("KRONICLE_AUTH", "TIMEDB_AUTH", "OPENSYNAPTIC_AUTH")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "tailrace.example.com"])
@pytest.mark.parametrize(
    ("name", "value"),
    [*((name, "off") for name in OFF), ("OPENSYNAPTIC_AUTH_ENABLED", "false")],
)
def test_off_is_refused_unless_only_this_machine_reaches_the_server(
    host: str, name: str, value: str
) -> None:
    environment = {f"TAILRACE_{name}": value}
    with pytest.raises(SettingsError, match=f"{name.lower()}={value} needs a loopback address"):
        load_settings({"host": host}, environment)
    for own in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        load_settings({"host": own}, environment)


def test_the_own_switch_of_opensynaptic_wins_over_the_common_one() -> None:
    both = {"TAILRACE_OPENSYNAPTIC_AUTH": "off", "TAILRACE_OPENSYNAPTIC_AUTH_ENABLED": "true"}
    settings = load_settings({"host": "0.0.0.0"}, both)
    assert settings.series_mode("opensynaptic") == "required"
