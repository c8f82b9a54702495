"""Console sessions over REST: cookie, CSRF token, lifetimes, log-out, lock-out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from controlplane.auth import AuthLimits
from controlplane.db.session import store_url
from controlplane.lockout import ADDRESS_FACTOR, Lockout
from controlplane.problems import Problem
from engine.clock import ManualClock
from tests.controlplane.conftest import API, KEY, Plane, make_plane, settings_for

USER = {"username": "eve", "password": "longenough"}
CREATE = {"name": "b", "columns": [{"name": "a", "type": "string"}]}


@contextlib.asynccontextmanager
async def signed_in(plane: Plane, role: str = "admin") -> AsyncGenerator[httpx.AsyncClient]:
    """A browser-like client of a new user with a session and its CSRF token."""
    made = await plane.client.post(f"{API}/users", json={**USER, "role": role})
    assert made.status_code in (201, 400)
    async with plane.anonymous() as client:
        answer = await client.post(f"{API}/auth/login", json=USER)
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


async def test_a_session_is_an_http_only_cookie_of_this_site(lite: Plane) -> None:
    await lite.client.post(f"{API}/users", json=USER)
    async with lite.anonymous() as client:
        for base, secure in (("http://test", False), ("https://test", True)):
            answer = await client.post(f"{base}{API}/auth/login", json=USER)
            assert answer.status_code == 200, answer.text
            cookie = SimpleCookie(answer.headers["set-cookie"])["tailrace_session"]
            assert cookie["httponly"]
            assert cookie["samesite"].lower() == "strict"
            assert bool(cookie["secure"]) == secure
            assert cookie["path"] == "/"
            assert cookie.value not in answer.text
        body = answer.json()
    assert (body["username"], body["role"], body["workspace"]) == ("eve", "read_only", "default")
    assert body["permissions"] == ["read:*", "write:key", "write:query"]


async def test_life_of_a_session(plane: Plane) -> None:
    async with signed_in(plane) as client:
        assert (await client.get(f"{API}/streams")).status_code == 200
        made = await client.post(f"{API}/streams", json=CREATE)
        assert made.status_code == 201, made.text
        assert made.json()["created_by"]["name"] == "eve"
        session = (await client.get(f"{API}/auth/session")).json()
        assert session["csrf_token"] == client.headers["X-CSRF-Token"]
        assert session["username"] == "eve"
        token = client.cookies["tailrace_session"]
        assert (await client.post(f"{API}/auth/logout", content=b"null")).status_code == 204
        assert "tailrace_session" not in client.cookies
        assert (await client.get(f"{API}/streams")).status_code == 401
        client.cookies.set("tailrace_session", token)
        assert (await client.get(f"{API}/streams")).status_code == 403


async def test_the_store_has_no_token(lite: Plane, tmp_path: Path) -> None:
    async with signed_in(lite) as client:
        token = client.cookies["tailrace_session"].encode()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or token not in file.read_bytes()


@pytest.mark.parametrize("token", [None, "", "f" * 64])
async def test_a_change_by_cookie_needs_the_csrf_token(lite: Plane, token: str | None) -> None:
    async with signed_in(lite) as client:
        del client.headers["X-CSRF-Token"]
        headers = {} if token is None else {"X-CSRF-Token": token}
        for method, path, body in (
            ("POST", "/streams", CREATE),
            ("POST", "/queries", {"sql": "select 1"}),
            ("POST", "/streams/b/ingest", {"columns": ["a"], "data": [["1"]]}),
            ("DELETE", "/users/eve", None),
            ("POST", "/auth/logout", None),
        ):
            answer = await client.request(method, API + path, json=body, headers=headers)
            assert answer.status_code == 403, (path, answer.text)
            assert "CSRF" in answer.json()["message"]
        assert (await client.get(f"{API}/streams", headers=headers)).json() == []
        with_key = {**headers, "X-Api-Key": KEY}
        assert (await client.post(f"{API}/streams", json=CREATE, headers=with_key)).is_success


@pytest.mark.parametrize(
    ("cookie", "status"), [("short", 401), ("x" * 43, 403), ("x" * 44, 401), ("é", 401)]
)
async def test_other_cookies_are_refused(lite: Plane, cookie: str, status: int) -> None:
    async with lite.anonymous() as client:
        headers = {b"cookie": f"theme=dark; tailrace_session={cookie}".encode()}
        answer = await client.get(f"{API}/streams", headers=headers)
    assert answer.status_code == status, answer.text


async def test_log_out_everywhere(plane: Plane) -> None:
    async with signed_in(plane) as first, signed_in(plane) as second:
        assert (await second.post(f"{API}/auth/logout")).status_code == 204
        assert (await first.get(f"{API}/streams")).status_code == 200
    async with signed_in(plane) as first, signed_in(plane) as second:
        body = {"everywhere": True}
        assert (await second.post(f"{API}/auth/logout", json=body)).status_code == 204
        assert (await first.get(f"{API}/streams")).status_code == 403
    answer = await plane.client.post(f"{API}/auth/logout")
    assert answer.status_code == 400  # a key is no session


async def test_a_new_password_a_removal_and_a_role_reach_sessions(plane: Plane) -> None:
    async with signed_in(plane) as client:
        await plane.client.patch(f"{API}/users/eve", json={"role": "read_only"})
        assert (await client.post(f"{API}/streams", json=CREATE)).status_code == 403
        assert (await client.get(f"{API}/streams")).status_code == 200
        await plane.client.patch(f"{API}/users/eve", json={"password": "different1"})
        assert (await client.get(f"{API}/streams")).status_code == 403
        await plane.client.patch(f"{API}/users/eve", json={"password": "longenough"})
    async with signed_in(plane) as client:
        await plane.client.delete(f"{API}/users/eve")
        assert (await client.get(f"{API}/streams")).status_code == 403


async def test_a_session_is_good_in_the_workspaces_of_its_user_only(lite: Plane) -> None:
    made = await lite.client.post(f"{API}/workspaces", json={"name": "team"})
    assert made.status_code == 201, made.text
    async with signed_in(lite) as client:
        for place in ("team", "nowhere"):
            assert (await client.get(f"/{place}{API}/streams")).status_code == 404
        assert (await client.post(f"/team{API}/auth/login", json=USER)).status_code == 404
        async with lite.with_key(made.json()["api_key"]) as team:
            await team.post(f"/team{API}/users", json=USER)
        assert (await client.get(f"/team{API}/streams")).status_code == 200
        assert (await client.get(f"/team{API}/auth/session")).json()["role"] == "read_only"


async def test_sessions_end_by_idleness_and_by_age(lite: Plane) -> None:
    async with signed_in(lite) as client:
        limits: AuthLimits = lite.app.authenticator._limits
        clock = ManualClock(start_ms=lite.clock.now_ms())
        lite.app.authenticator._clock = clock
        for _ in range(2):
            clock.advance(limits.session_idle_ms - 1_000)
            assert (await client.get(f"{API}/streams")).status_code == 200
        clock.advance(limits.session_idle_ms)
        assert (await client.get(f"{API}/streams")).status_code == 403
    lite.app.authenticator._clock = lite.clock
    async with signed_in(lite) as client:
        clock = ManualClock(start_ms=lite.clock.now_ms())
        lite.app.authenticator._clock = clock
        for _ in range(limits.session_ms // limits.session_idle_ms * 2 - 1):
            clock.advance(limits.session_idle_ms // 2)
            assert (await client.get(f"{API}/streams")).status_code == 200
        clock.advance(limits.session_idle_ms // 2)
        assert (await client.get(f"{API}/streams")).status_code == 403


async def test_pages_of_other_origins_cannot_sign_in(lite: Plane) -> None:
    await lite.client.post(f"{API}/users", json=USER)
    async with lite.anonymous() as client:
        for origin, status in (("http://evil", 403), ("null", 403), ("http://test", 200)):
            headers = {"Origin": origin}
            answer = await client.post(f"{API}/auth/login", json=USER, headers=headers)
            assert answer.status_code == status, (origin, answer.text)


async def test_repeated_failures_lock_and_tell_nothing(tmp_path: Path) -> None:
    settings = settings_for(sign_in_failures_max=3, sign_in_lock_seconds=60)
    plane, stack = await make_plane(store_url("", tmp_path), tmp_path, settings)
    async with stack, plane.anonymous() as client:
        await plane.client.post(f"{API}/users", json=USER)
        # One who signed in lately is remembered, which must not tell a guesser of a right one.
        assert (await client.post(f"{API}/auth/login", json=USER)).status_code == 200
        client.cookies.clear()
        answers: dict[str, list[tuple[int, str]]] = {}
        for name in ("eve", "nobody"):
            wrong = {"username": name, "password": "wrong password"}
            tries = [await client.post(f"{API}/auth/login", json=wrong) for _ in range(4)]
            answers[name] = [(one.status_code, one.json()["message"][:20]) for one in tries]
            assert 0 < int(tries[-1].headers["Retry-After"]) <= 60
        assert answers["eve"] == answers["nobody"]
        assert [status for status, _ in answers["eve"]] == [403, 403, 403, 429]
        assert (await client.post(f"{API}/auth/login", json=USER)).status_code == 429
        basic = httpx.BasicAuth("eve", "longenough")
        assert (await client.get(f"{API}/streams", auth=basic)).status_code == 429
        assert (await plane.client.get(f"{API}/streams")).status_code == 200


def attempt(lockout: Lockout, name: str, address: str) -> bool:
    """Whether another wrong password may be tried."""
    try:
        lockout.begin(name, address)
    except Problem as problem:
        assert problem.code == 429
        return False
    return True


def test_the_lock_opens_and_success_clears_it() -> None:
    clock = ManualClock()
    lockout = Lockout(3, 60.0, 100, clock)
    assert [attempt(lockout, "eve", "1.1.1.1") for _ in range(4)] == [True] * 3 + [False]
    assert attempt(lockout, "eve", "2.2.2.2")
    clock.advance(60_001)
    assert attempt(lockout, "eve", "1.1.1.1")
    lockout.succeeded("eve", "1.1.1.1")
    assert [attempt(lockout, "eve", "1.1.1.1") for _ in range(4)] == [True] * 3 + [False]


def test_one_address_cannot_go_through_all_names() -> None:
    lockout = Lockout(3, 60.0, 1000, ManualClock())
    tried = [attempt(lockout, f"user{n}", f"2001:db8::{n}") for n in range(3 * ADDRESS_FACTOR + 1)]
    assert tried == [True] * (3 * ADDRESS_FACTOR) + [False]
    assert attempt(lockout, "user", "2001:db8:0:1::1")


def test_the_memory_of_failures_is_bounded() -> None:
    lockout = Lockout(3, 60.0, 10, ManualClock())
    for n in range(1_000):
        attempt(lockout, f"user{n}", f"10.0.{n // 250}.{n % 250}")
    assert len(lockout._failures) == 10
