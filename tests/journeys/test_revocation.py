"""Running event streams end within 5 s when their caller may not act any more, and no others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import pace

OWN_SERVER = "it is stopped and started, and all that its audit trail holds is looked at"

END_SECONDS_MAX = 5.0
SQL = {"sql": "select a from s"}
PASSWORD = "longenough"


class Reader:
    """An event stream that is open, and its frames."""

    def __init__(self, server: Server, **options: Any) -> None:
        self._client = httpx.Client(timeout=30 * pace())
        auth = options.pop("auth", None)
        request = self._client.build_request("POST", f"{server.api}/queries", json=SQL, **options)
        self._response = self._client.send(request, auth=auth, stream=True)
        assert self._response.status_code == 200, self._response.read()
        self.lines: Iterator[str] = self._response.iter_lines()
        while not next(self.lines).startswith("data:"):
            pass

    def end(self) -> dict[str, Any]:
        """The last `query` event; waits for the end of the stream."""
        last = ""
        event = ""
        for line in self.lines:
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
            elif line.startswith("data:") and event == "query":
                last = line.removeprefix("data:")
        self._client.close()
        return json.loads(last)

    def runs(self) -> bool:
        """Whether another event comes."""
        return any(line.startswith("event: metrics") for line in self.lines)


def user(server: Server, name: str) -> str:
    """A new writer; a key of its own."""
    body = {"username": name, "password": PASSWORD, "role": "writer"}
    assert server.call("POST", "/users", body).status_code == 201
    return key_of(server, name)["api_key"]


def key_of(server: Server, name: str, **body: Any) -> dict[str, Any]:
    """A new key of a user."""
    url = f"{server.api}/auth/api_keys"
    made = httpx.post(url, json=body, auth=(name, PASSWORD), timeout=30 * pace())
    assert made.status_code == 201, made.text
    return made.json()


def login(server: Server, name: str) -> dict[str, str]:
    """A session: the headers of a change by it."""
    body = {"username": name, "password": PASSWORD}
    made = httpx.post(f"{server.api}/auth/login", json=body, timeout=30 * pace())
    assert made.status_code == 200, made.text
    cookie = f"tailrace_session={made.cookies['tailrace_session']}"
    return {"Cookie": cookie, "X-CSRF-Token": made.json()["csrf_token"]}


def test_streams_end_with_what_allowed_them(server: Server) -> None:
    server.create("s", a="string")
    names = ("revoked", "expiring", "demoted", "removed", "changed", "leaving", "staying")
    keys = {name: user(server, name) for name in names}
    revoked = key_of(server, "revoked")
    session = login(server, "leaving")
    began = time.monotonic()
    expiring = key_of(server, "expiring", expire_in="6s")
    readers = {
        "expiring": Reader(server, headers={"X-Api-Key": expiring["api_key"]}),
        "revoked": Reader(server, headers={"X-Api-Key": revoked["api_key"]}),
        "demoted": Reader(server, headers={"X-Api-Key": keys["demoted"]}),
        "removed": Reader(server, headers={"X-Api-Key": keys["removed"]}),
        "changed": Reader(server, auth=("changed", PASSWORD)),
        "leaving": Reader(server, headers=session),
    }  # fmt: skip
    staying = Reader(server, headers={"X-Api-Key": keys["staying"]})
    other_session = Reader(server, headers=login(server, "leaving"))
    changes: dict[str, Callable[[], httpx.Response]] = {
        "revoked": lambda: server.call("DELETE", f"/auth/api_keys/{revoked['id']}"),
        "demoted": lambda: server.call("PATCH", "/users/demoted", {"role": "read_only"}),
        "removed": lambda: server.call("DELETE", "/users/removed"),
        "changed": lambda: server.call("PATCH", "/users/changed", {"password": "different1"}),
        "leaving": lambda: httpx.post(
            f"{server.api}/auth/logout", headers=session, timeout=30 * pace()
        ),
    }
    for name, change in changes.items():
        assert change().is_success, name
    changed = time.monotonic()
    for name in (*changes, "expiring"):
        last = readers[name].end()
        assert (last["status"], last["code"]) == ("canceled", 516), name
        since = max(changed, began + 6.0) if name == "expiring" else changed
        assert time.monotonic() - since <= END_SECONDS_MAX * pace(), name
    assert staying.runs()
    assert other_session.runs()
    for name in ("revoked", "demoted", "changed", "staying"):  # their other keys work on
        answer = httpx.get(f"{server.api}/streams", headers={"X-Api-Key": keys[name]}, timeout=30)
        assert answer.status_code == 200, (name, answer.text)


def test_identity_and_its_trail_are_there_after_a_restart(server: Server) -> None:
    user(server, "again")
    session = login(server, "again")
    assert server.call("DELETE", "/streams/none").status_code == 404
    before = server.call("GET", "/audit?limit=1000").json()
    assert {"createUser", "createAPIKey", "login", "deleteStream"} <= {
        record["action"] for record in before
    }
    server.stop()
    server.start()
    answer = httpx.get(f"{server.api}/auth/session", headers=session, timeout=30)
    assert (answer.status_code, answer.json()["username"]) == (200, "again")
    after = server.call("GET", "/audit?limit=1000").json()
    assert after[-len(before) :] == before
    assert {record["result"] for record in after} == {"done", "refused"}
    for secret in (PASSWORD, session["X-CSRF-Token"], server.key):
        assert secret not in json.dumps(after)
    assert PASSWORD not in server.log_text()


@pytest.mark.parametrize("path", ["/streams", "/streams/s/ingest"])
def test_a_stranger_and_a_member_of_elsewhere_see_the_same(server: Server, path: str) -> None:
    made = server.call("POST", "/workspaces", {"name": f"w{len(path)}"})
    assert made.status_code == 201, made.text
    headers = {"X-Api-Key": made.json()["api_key"]}
    method = "POST" if path.endswith("ingest") else "GET"
    bodies: set[str] = set()
    for place in ("default", "nowhere"):
        url = f"{server.url}/{place}/api/v1beta2{path}"
        answer = httpx.request(method, url, headers=headers, content=b"{}", timeout=30 * pace())
        assert answer.status_code == 404, answer.text
        bodies.add(answer.text.replace(place, "PLACE"))
    assert len(bodies) == 1
