"""Who may call which time-series API on a running server: API, role and kind of credentials."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from tests.journeys.server import Server

PASSWORD = "correct horse"
FACTORY = "factory"
# API and what is asked of it -> who may. No call makes anything: bodies are empty, so that who may
# gets a 4xx of another kind.
READS, WRITES, ADMINS = (
    {"admin", "writer", "read_only"}, {"admin", "writer"}, {"admin"},
)  # fmt: skip
CALLS: list[tuple[str, str, str, set[str]]] = [
    ("kronicle", "GET", "/api/v1/channels", READS),
    ("kronicle", "GET", "/data/v1/channels", WRITES),
    ("kronicle", "POST", "/data/v1/channels", WRITES),
    ("kronicle", "GET", "/setup/v1/channels", ADMINS),
    ("kronicle", "POST", "/setup/v1/channels", ADMINS),
    ("kronicle", "GET", "/rbac/v1/users", ADMINS),
    ("timedb", "GET", "/series", READS),
    ("timedb", "GET", "/values", READS),
    ("timedb", "POST", "/series", WRITES),
    ("timedb", "POST", "/values", WRITES),
    ("timedb", "PUT", "/values", WRITES),
    ("timedb", "POST", "/upload", WRITES),
    ("opensynaptic", "GET", "/api/data/devices", READS),
    ("opensynaptic", "POST", "/api/data/packets", WRITES),
]
CREDENTIALS = ("key", "bearer key", "token", "basic", "admin token")


@dataclass
class Someone:
    """A user of the workspace with one of each kind of credentials."""

    name: str
    role: str
    key: str
    token: str

    def headers(self, kind: str) -> dict[str, str]:
        """Credentials of a kind as a client sends them."""
        text = base64.b64encode(f"{self.name}:{PASSWORD}".encode()).decode()
        return {
            "key": {"X-API-Key": self.key},
            "bearer key": {"Authorization": f"Bearer {self.key}"},
            "token": {"Authorization": f"Bearer {self.token}"},
            "basic": {"Authorization": f"Basic {text}"},
            "admin token": {"X-Admin-Token": self.key},
        }[kind]


class Factory:
    """A workspace with a user of each role."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.http = httpx.Client(base_url=server.url, timeout=60)
        made = server.call("POST", "/workspaces", {"name": FACTORY})
        assert made.status_code == 201, made.text
        self.admin = {"X-Api-Key": made.json()["api_key"]}
        self.people = {role: self.person(role) for role in ("admin", "writer", "read_only")}

    def call(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        """An answer."""
        return self.http.request(method, path, headers=headers, json=body)

    def person(self, role: str) -> Someone:
        """A new user of that role."""
        name = f"the_{role}"
        api = f"/{FACTORY}/api/v1beta2"
        body = {"username": name, "password": PASSWORD, "role": role}
        assert self.call("POST", f"{api}/users", self.admin, body).status_code == 201
        basic = (name, PASSWORD)
        made = self.http.post(f"{api}/auth/api_keys", auth=basic)
        assert made.status_code == 201, made.text
        body = {"login": name, "password": PASSWORD}
        login = self.http.post(f"/{FACTORY}/kronicle/auth/v1/login", json=body)
        assert login.status_code == 200, login.text
        return Someone(name, role, made.json()["api_key"], login.json()["access_token"])


@pytest.fixture(scope="module")
def factory(server: Server) -> Iterator[Factory]:
    """The workspace, which goes with all that is in it."""
    made = Factory(server)
    yield made
    gone = server.call("DELETE", f"/workspaces/{FACTORY}?force=true")
    assert gone.status_code == 204, gone.text


@pytest.mark.parametrize("role", ["admin", "writer", "read_only"])
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_who_may_do_what(factory: Factory, role: str, kind: str) -> None:
    headers = factory.people[role].headers(kind)
    wrong: list[tuple[str, str, int]] = []
    for api, method, path, may in CALLS:
        for place in ("", f"/{FACTORY}/{api}"):
            answer = factory.call(method, place + path, headers, {} if method != "GET" else None)
            known = kind != "admin token" or api == "opensynaptic"
            expected = 401 if not known else None if role in may else 403
            found = answer.status_code if answer.status_code in (401, 403) else None
            if found != expected or answer.status_code >= 500:
                wrong.append((method, place + path, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "short"},
        {"X-API-Key": "o" * 60},
        {"Authorization": "Bearer " + "o" * 60},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Digest x"},
        {"X-Admin-Token": "o" * 60},
    ],
)
def test_nobody_is_401_everywhere(factory: Factory, headers: dict[str, str]) -> None:
    for api, method, path, _ in CALLS:
        body = {} if method != "GET" else None
        answer = factory.call(method, path, headers, body)
        assert answer.status_code == 401, (path, answer.text)
        check_body(api, answer)


def test_a_wrong_password_is_401_on_each_api(factory: Factory) -> None:
    wrong = base64.b64encode(b"nobody:wrong one").decode()
    for api, path in (("kronicle", "/setup/v1/channels"), ("timedb", "/series"),
                      ("opensynaptic", "/api/data/devices")):  # fmt: skip
        answer = factory.call("GET", path, {"Authorization": f"Basic {wrong}"})
        assert answer.status_code == 401, (path, answer.text)
        check_body(api, answer)


def check_body(api: str, answer: httpx.Response) -> None:
    """The refusal is in the form of the API."""
    body = answer.json()
    if api == "kronicle":
        names = {"status", "error", "message", "path", "method", "request_id"}
        assert (set(body), body["error"]) == (names, "Unauthorized")
    elif api == "timedb":
        assert set(body) == {"detail"}
        assert answer.headers["WWW-Authenticate"] == "ApiKey"
    else:
        assert body == {"ok": False, "error": "admin token required"}


def test_credentials_of_one_workspace_are_of_no_other(factory: Factory, server: Server) -> None:
    admin = factory.people["admin"]
    paths = [(path, api) for api, method, path, _ in CALLS if method == "GET"]
    for path, api in paths:
        for kind in ("key", "token", "basic"):
            answer = factory.call("GET", f"/default/{api}{path}", admin.headers(kind))
            assert answer.status_code == 404, (path, kind, answer.text)
        answer = factory.call("GET", f"/{FACTORY}/{api}{path}", server.headers)
        assert answer.status_code == 404, (path, answer.text)


def test_a_token_ends_with_the_role_that_it_was_made_for(factory: Factory) -> None:
    person = factory.people["writer"]
    login = {"login": person.name, "password": PASSWORD}
    token = factory.http.post("/auth/v1/login", json=login).json()["access_token"]
    assert type(jwt.decode(token, options={"verify_signature": False})["exp"]) is int
    mine = {"Authorization": f"Bearer {token}"}
    user = f"/{FACTORY}/api/v1beta2/users/{person.name}"
    assert factory.call("GET", "/data/v1/channels", mine).status_code == 200
    assert factory.call("PATCH", user, factory.admin, {"role": "read_only"}).status_code == 200
    for _, method, path, _ in CALLS:
        assert factory.call(method, path, mine, {}).status_code == 401, path
    fresh = factory.http.post("/auth/v1/login", json=login).json()["access_token"]
    mine = {"Authorization": f"Bearer {fresh}"}
    assert factory.call("GET", "/data/v1/channels", mine).status_code == 403
    assert factory.call("GET", "/api/v1/channels", mine).status_code == 200
    assert factory.call("PATCH", user, factory.admin, {"role": "writer"}).status_code == 200
    again = factory.http.post("/auth/v1/login", json=login).json()["access_token"]
    factory.people["writer"] = Someone(person.name, "writer", person.key, again)


def test_a_revoked_key_opens_no_api(factory: Factory) -> None:
    keys = f"/{FACTORY}/api/v1beta2/auth/api_keys"
    made = factory.call("POST", keys, factory.admin, {"name": "short"}).json()
    mine = {"X-API-Key": made["api_key"]}
    assert factory.call("GET", "/series", mine).status_code == 200
    assert factory.call("DELETE", f"{keys}/{made['id']}", factory.admin).status_code == 204
    for _, method, path, _ in CALLS:
        assert factory.call(method, path, mine, {}).status_code == 401, path
