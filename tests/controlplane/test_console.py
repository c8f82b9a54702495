"""The console's addresses without a browser: files, caching, policy, bootstrap, the first run."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import pytest

from controlplane.console import bundle
from tests.controlplane.conftest import API, Plane, make_plane, new_store, settings_for

PAGE = """<!doctype html><html lang="en"><head><base href="/console/" />
<meta name="csp-nonce" content="__CSP_NONCE__" /><title>Tailrace</title>
<script type="module" src="./assets/app-1a2b.js"></script></head><body></body></html>"""
SCRIPT = "console.log('tailrace');\n" * 100
PASSWORD = "correct horse battery"


def build(folder: Path, page: str = PAGE) -> None:
    """A bundle as a build leaves it."""
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    script = folder / "assets" / "app-1a2b.js"
    script.write_text(SCRIPT)
    script.with_name("app-1a2b.js.br").write_bytes(b"brotli")
    script.with_name("app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (folder / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / ".stamp").write_text("secret")
    (folder / "index.html").write_text(page)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the server takes the bundle from; nothing is in it."""
    folder = tmp_path / "bundle"
    monkeypatch.setattr(bundle, "FOLDER", folder)
    return folder


@contextlib.asynccontextmanager
async def served(tmp_path: Path, root_path: str = "") -> AsyncGenerator[httpx.AsyncClient]:
    """A caller without credentials of a new control plane."""
    settings = settings_for(root_path=root_path)
    made, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack, made.anonymous() as client:
        yield client


@pytest.fixture
async def caller(built: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of a server with a bundle."""
    build(built)
    async with served(tmp_path) as client:
        yield client


def policy(answer: httpx.Response) -> dict[str, str]:
    """Directives of the answer's policy of content."""
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: rest for name, _, rest in (part.partition(" ") for part in parts)}


async def test_the_page_answers_at_every_address_of_a_view(caller: httpx.AsyncClient) -> None:
    for path in (
        "/console/",
        "/console/query",
        "/console/first-run",
        "/console/streams/iot?panel=view:v",
    ):
        answer = await caller.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert '<base href="/console/"' in answer.text
    assert (await caller.get("/console")).headers["location"] == "console/"
    assert (await caller.get("/console/assets/gone.js")).status_code == 404
    for path in ("/console/.stamp", "/console/../bundle/.stamp", "/console/%2e%2e/VERSION"):
        assert "secret" not in (await caller.get(path)).text


async def test_the_page_runs_nothing_from_elsewhere(caller: httpx.AsyncClient) -> None:
    nonces: set[str] = set()
    for _ in range(2):
        answer = await caller.get("/console/")
        found = policy(answer)
        for name in ("script-src", "connect-src", "worker-src", "font-src"):
            assert found[name] == "'self'"
        assert found["default-src"] == "'none'"
        assert found["img-src"] == "'self' data:"
        assert found["frame-ancestors"] == "'none'"
        (nonce,) = re.findall(r'name="csp-nonce" content="([^"]{43})"', answer.text)
        assert found["style-src"] == f"'self' 'nonce-{nonce}'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "private, no-cache"
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_a_page_that_is_known_keeps_its_nonce(caller: httpx.AsyncClient) -> None:
    etag = (await caller.get("/console/")).headers["etag"]
    again = await caller.get("/console/query", headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-security-policy" not in again.headers


@pytest.mark.parametrize(
    ("takes", "coding"),
    [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"),
     ("identity", ""), ("br;q=0.0", "")],
)  # fmt: skip
async def test_hashed_files_are_packed_and_kept_for_good(
    caller: httpx.AsyncClient, takes: str, coding: str
) -> None:
    request = caller.build_request(
        "GET", "/console/assets/app-1a2b.js", headers={"Accept-Encoding": takes}
    )
    answer = await caller.send(request, stream=True)
    sent = b"".join([part async for part in answer.aiter_raw()])
    packed = {"br": b"brotli", "gzip": gzip.compress(SCRIPT.encode()), "": SCRIPT.encode()}
    assert answer.headers.get("content-encoding", "") == coding
    assert sent == packed[coding] or gzip.decompress(sent) == SCRIPT.encode()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_files_are_asked_for_again(caller: httpx.AsyncClient) -> None:
    answer = await caller.get("/console/favicon.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await caller.get("/console/favicon.svg", headers=known)).status_code == 304


async def test_behind_a_proxy_the_page_knows_its_root(built: Path, tmp_path: Path) -> None:
    build(built)
    async with served(tmp_path, "/tools/tailrace") as client:
        for path in ("/tools/tailrace/console/", "/console/lineage"):
            answer = await client.get(path)
            assert '<base href="/tools/tailrace/console/"' in answer.text
        asset = "/tools/tailrace/console/assets/app-1a2b.js"
        assert (await client.get(asset)).text == SCRIPT


async def test_without_a_bundle_the_page_says_what_to_do(built: Path, tmp_path: Path) -> None:
    async with served(tmp_path, "/tools") as client:
        answer = await client.get("/console/query")
        assert answer.status_code == 503
        assert "make console" in answer.text
        assert 'href="/tools/docs"' in answer.text
        assert policy(answer)["style-src"] == "'self'"
        assert (await client.get("/console/health")).json()["bundle"] == "missing"
        assert (await client.get("/console/bootstrap")).json()["build"] == ""
        # It is built while the server runs, and built anew.
        build(built)
        state = (await client.get("/console/health")).json()
        assert state["bundle"] == "present"
        first = (await client.get("/console/bootstrap")).json()
        assert (await client.get("/console/query")).status_code == 200
        build(built, PAGE.replace("Tailrace", "Tailrace 2"))
        assert "Tailrace 2" in (await client.get("/console/query")).text
        second = (await client.get("/console/bootstrap")).json()
        assert second["build"] != first["build"] != ""
        assert second["version"] == state["version"]


async def test_bootstrap_shows_places_to_their_people_only(plane: Plane) -> None:
    for workspace in ("lab", "closed"):
        made = await plane.client.post(f"{API}/workspaces", json={"name": workspace})
        assert made.status_code == 201, made.text
    user = {"username": "eve", "password": "longenough"}
    assert (await plane.client.post(f"{API}/users", json=user)).status_code == 201
    keys = await plane.client.post(f"{API}/workspaces", json={"name": "third"})
    key = {"X-Api-Key": keys.json()["api_key"]}
    joined = await plane.client.post(f"/third{API}/users", json=user, headers=key)
    assert joined.status_code == 201, joined.text
    async with plane.anonymous() as client:
        body = (await client.get("/console/bootstrap")).json()
        assert (body["signed_in"], body["workspaces"]) == (False, [])
        assert body["features"]["python_functions"] is False
        login = await client.post(f"{API}/auth/login", json=user)
        client.headers["X-CSRF-Token"] = login.json()["csrf_token"]
        body = (await client.get("/console/bootstrap")).json()
        assert (body["signed_in"], body["workspaces"]) == (True, ["default", "third"])
        token = client.cookies["tailrace_session"]
        assert (await client.post(f"{API}/auth/logout", json={})).status_code == 204
        client.cookies.set("tailrace_session", token)
        assert (await client.get("/console/bootstrap")).json()["signed_in"] is False


async def test_the_first_run_sets_the_password_once(plane: Plane) -> None:
    token = await plane.app.first_run.begin()
    assert len(token) == 43
    async with plane.anonymous() as client:
        assert (await client.get("/console/bootstrap")).json()["first_run"] is True

        async def take(token: str, password: str = PASSWORD) -> httpx.Response:
            body = {"token": token, "password": password}
            return await client.post("/console/first-run", json=body)

        assert (await take("x" * 43)).status_code == 403
        assert (await take(token, "short")).status_code == 400
        elsewhere = {"Origin": "http://elsewhere.example"}
        body = {"token": token, "password": PASSWORD}
        answer = await client.post("/console/first-run", json=body, headers=elsewhere)
        assert answer.status_code == 403
        answers = await asyncio.gather(take(token), take(token, "another password"))
        assert sorted(answer.status_code for answer in answers) == [200, 403]
        done = next(answer for answer in answers if answer.status_code == 200)
        session = done.json()
        assert (session["username"], session["role"]) == ("admin", "admin")
        client.headers["X-CSRF-Token"] = session["csrf_token"]
        shown = (await client.get(f"{API}/auth/session")).json()
        assert shown["csrf_token"] == session["csrf_token"]
        assert (await take(token)).status_code == 403
        body = (await client.get("/console/bootstrap")).json()
        assert (body["first_run"], body["signed_in"]) == (False, True)
    assert await plane.app.first_run.begin() == ""
    records = (await plane.client.get(f"{API}/audit")).json()
    assert [(r["action"], r["object"]) for r in records if r["action"] == "firstRun"] == [
        ("firstRun", "admin")
    ]


async def test_a_password_by_another_way_ends_the_first_run(lite: Plane) -> None:
    token = await lite.app.first_run.begin()
    changed = await lite.client.patch(f"{API}/users/admin", json={"password": "by another way"})
    assert changed.status_code in (200, 204), changed.text
    async with lite.anonymous() as client:
        assert (await client.get("/console/bootstrap")).json()["first_run"] is False
        body = {"token": token, "password": PASSWORD}
        assert (await client.post("/console/first-run", json=body)).status_code == 403
        login = {"username": "admin", "password": PASSWORD}
        assert (await client.post(f"{API}/auth/login", json=login)).status_code == 403


async def test_another_start_makes_another_token(lite: Plane) -> None:
    first, second = await lite.app.first_run.begin(), await lite.app.first_run.begin()
    async with lite.anonymous() as client:
        body = {"token": first, "password": PASSWORD}
        assert (await client.post("/console/first-run", json=body)).status_code == 403
        body["token"] = second
        assert (await client.post("/console/first-run", json=body)).status_code == 200


async def test_tokens_cannot_be_tried_for_long(tmp_path: Path) -> None:
    settings = settings_for(sign_in_failures_max=3)
    made, stack = await make_plane(await new_store(tmp_path), tmp_path, settings)
    async with stack, made.anonymous() as client:
        token = await made.app.first_run.begin()
        body = {"token": "x" * 43, "password": PASSWORD}
        for status in (403, 403, 403, 429):
            answer = await client.post("/console/first-run", json=body)
            assert answer.status_code == status
        body["token"] = token
        assert (await client.post("/console/first-run", json=body)).status_code == 429
        assert int(answer.headers["retry-after"]) > 0
