"""The Kronicle API over HTTP: each route in both vocabularies, who may call it, how it refuses."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# A workspace of its own, which the fixture `server` deletes.
WORKSPACE = "kronicle_http_lab"
PASSWORD = "long enough for this"
GROUPS = ("api", "data", "setup")
ROLES = {"admin": "setup", "writer": "data", "read_only": "api"}
SCHEMA = {"time": "datetime", "Temp C": "number", "ok": "optional[bool]"}
ERRORS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict",
    422: "ValidationError", 405: "HTTPError",
}  # fmt: skip
# How many rows are more than one piece of an answer.
MANY = 10_000


class Lab:
    """Calls of a user into the workspace, below `/<workspace>/kronicle`."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        base = f"{server.url}/{WORKSPACE}"
        self.calls = httpx.Client(base_url=f"{base}/kronicle", timeout=60)
        self.control = httpx.Client(
            base_url=f"{base}/api/v1beta2", headers={"X-Api-Key": key}, timeout=60
        )
        self.key = {"X-Api-Key": key}

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One call as the admin, whatever its answer."""
        more.setdefault("headers", self.key)
        content = body if isinstance(body, bytes) else None
        return self.calls.request(
            method, path, json=None if content is not None else body, content=content, **more
        )

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer that is 200."""
        answer = self.call(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The error body of an answer, which has the API's form."""
        answer = self.call(method, path, body, **more)
        assert answer.status_code == status, answer.text
        found = answer.json()
        shown = {"status": status, "error": ERRORS[status], "method": method}
        assert {name: found[name] for name in shown} == shown
        assert found["path"] == path.partition("?")[0].rstrip("/")
        assert uuid.UUID(found["request_id"])
        return found

    def make(self, **fields: Any) -> str:
        """A new channel's id."""
        identity = str(uuid.uuid4())
        self.ok("POST", "/setup/v1/channels", {"id": identity, "sensor_schema": SCHEMA, **fields})
        return identity

    def select(self, sql: str) -> list[list[Any]]:
        """Rows of a bounded query."""
        answer = self.control.post("/exec", json={"sql": sql, "type": "historical"})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    made = server.call("POST", "/workspaces", {"name": WORKSPACE})
    assert made.status_code == 201, made.text
    lab = Lab(server, made.json()["api_key"])
    for role in ROLES:
        user = {"username": f"kh_{role}", "password": PASSWORD, "role": role}
        assert lab.control.post("/users", json=user).status_code == 201
    wait_until(lambda: lab.call("GET", "/api/v1/channels").status_code == 200, 30, "an engine")
    yield lab


ROW = {"time": "2025-01-10T00:00:00+01:00", "Temp C": 1}


@pytest.mark.parametrize("words", ["sensor", "channel"])
def test_a_channel_from_its_making_to_its_end_in_each_vocabulary(lab: Lab, words: str) -> None:
    identity = str(uuid.uuid4())
    name = f"{words} one"
    body = {f"{words}_id": identity, f"{words}_schema": SCHEMA, f"{words}_name": name}
    made = lab.ok("POST", "/setup/v1/channels", {**body, "rows": [ROW]})
    assert (made["op_status"], made["available_rows"]) == ("warning", 0)
    assert "1 rows were ignored" in made["op_details"]["details"][0]["message"]
    schema = {"time": "datetime", "Temp C": "float", "ok": "optional[bool]"}
    for word in ("sensor", "channel"):
        assert (made[f"{word}_id"], made[f"{word}_schema"]) == (identity, schema)
    assert made["name"] == f"{words}_one"
    assert "metadata" not in made and "tags" not in made and "rows" not in made
    sent = lab.ok("POST", "/data/v1/channels", {**body, "rows": [ROW], "tags": {"a": 1}})
    assert (sent["op_status"], sent["available_rows"], sent["tags"]) == ("success", 1, {"a": 1})
    more = lab.ok("POST", f"/data/v1/channels/{identity}/rows", {"rows": [ROW, {"ok": True}]})
    assert (more["op_status"], more["op_details"]["rows"]) == (
        "warning", {"row_2": "Column 'Temp C' is missing"},
    )  # fmt: skip
    shown = {"time": "2025-01-09T23:00:00+00:00", "Temp C": 1.0, "ok": None}
    for group in GROUPS:
        path = f"/{group}/v1/channels"
        assert lab.ok("GET", f"{path}/?name={name}")["channel_id"] == identity
        assert identity in [each["sensor_id"] for each in lab.ok("GET", path)]
        assert lab.ok("GET", f"{path}/{identity}/")["available_rows"] == 2
        rows = lab.ok("GET", f"{path}/{identity}/rows")
        assert rows["rows"] == [shown, shown]
        assert (rows["op_details"]["available_rows"], rows["op_details"]["provided_rows"]) == (2, 2)
        columns = lab.ok("GET", f"{path}/{identity}/columns/?limit=1")
        assert columns["columns"] == {key: [value] for key, value in shown.items()}
        assert "rows" not in columns
    assert lab.select(f"select `Temp C` from table(kronicle_{words}_one)") == [[1.0], [1.0]]
    patched = lab.ok("PATCH", f"/setup/v1/channels/{identity}", {"metadata": {"m": None, "n": [1]}})
    assert patched["metadata"] == {"n": [1]}
    put = lab.ok("PUT", f"/setup/v1/channels/{identity}", {f"{words}_name": "two"})
    assert (put["name"], "metadata" in put) == ("two", False)
    put = lab.ok("PUT", "/setup/v1/channels", {f"{words}_id": identity, "name": "three"})
    assert put["name"] == "three"
    clone = lab.ok("POST", f"/setup/v1/channels/{identity}/clone")
    assert (clone["name"], clone["available_rows"]) == ("three_copy", 0)
    emptied = lab.ok("DELETE", f"/setup/v1/channels/{identity}/rows")
    assert (emptied["available_rows"], emptied["op_details"]["available_rows"]) == (0, 0)
    assert "rows" not in lab.ok("GET", f"/api/v1/channels/{identity}/rows")
    assert lab.ok("DELETE", f"/setup/v1/channels/{identity}")["channel_id"] == identity
    gone = lab.ok(
        "POST", "/setup/v1/channels/batch-delete", {f"{words}_ids": [clone["channel_id"], identity]}
    )
    assert [each["channel_id"] for each in gone] == [clone["channel_id"]]
    lab.refused(404, "GET", f"/api/v1/channels/{identity}")


def test_types_of_columns(lab: Lab) -> None:
    types = ["str", "int", "float", "bool", "uuid", "datetime", "dict", "list"]
    for path in (
        "/setup/v1/channels/columns/types", "/setup/v1/schemas/column_types",
        "/setup/v1/schemas/columns_types", "/data/v1/channels/columns/types",
        "/data/v1/schemas/columns/types",
    ):  # fmt: skip
        assert lab.ok("GET", path) == types


def test_errors_in_the_form_of_the_api(lab: Lab) -> None:
    identity = lab.make()
    unknown, old = str(uuid.uuid4()), str(uuid.uuid1())
    body = {"channel_id": identity, "channel_schema": SCHEMA}
    lab.refused(409, "POST", "/setup/v1/channels", body)
    lab.refused(400, "POST", "/setup/v1/channels", {"channel_id": unknown})
    lab.refused(400, "POST", "/setup/v1/channels", {"channel_schema": SCHEMA})
    lab.refused(400, "GET", f"/api/v1/channels/{old}")
    lab.refused(404, "GET", f"/api/v1/channels/{unknown}/rows")
    lab.refused(404, "GET", "/api/v1/channels?name=nobody")
    lab.refused(404, "POST", f"/data/v1/channels/{unknown}/rows", {"rows": [ROW]})
    lab.refused(400, "POST", "/data/v1/channels", {"channel_id": identity})
    wrong = lab.refused(422, "POST", "/setup/v1/channels", {**body, "channel_id": "x"})
    assert wrong["details"] == {
        "body.channel_id": [{"message": "'x' is not a UUID", "type": "uuid_parsing"}]
    }
    broken = lab.refused(422, "POST", "/setup/v1/channels", b"{")
    assert broken["details"]["body"][0]["type"] == "json_invalid"
    assert "path.channel_id" in lab.refused(422, "GET", "/api/v1/channels/x")["details"]
    lab.refused(422, "POST", "/data/v1/channels?strict=perhaps", body)
    rows = {"rows": [ROW, {"Temp C": "x"}]}
    strict = lab.refused(400, "POST", f"/data/v1/channels/{identity}/rows?strict=true", rows)
    assert list(strict["details"]) == ["row_2"]
    lab.refused(400, "GET", f"/api/v1/channels/{identity}/rows?strict=true&min[x]=1")
    skipped = lab.ok("GET", f"/api/v1/channels/{identity}/rows?min[x]=1")
    assert skipped["op_details"]["details"][0]["field"] == "min[x]"
    lab.refused(400, "DELETE", f"/setup/v1/channels/{identity}/rows?min[x]=1")
    for method, path in (("DELETE", "/api/v1/channels"), ("GET", "/setup/v1/nothing/here")):
        answer = lab.call(method, path)
        assert answer.json()["error"] == "HTTPError"
        assert answer.json()["status"] == answer.status_code in (404, 405)


def test_roles_reach_their_groups_only(lab: Lab) -> None:
    identity = lab.make()
    wanted: list[tuple[str, str, Any]] = [
        ("GET", f"/{{}}/v1/channels{end}", None)
        for end in ("", f"/{identity}", f"/{identity}/rows", f"/{identity}/columns")
    ]
    cases = [(method, path.format(group), body, group)
             for group in GROUPS for method, path, body in wanted]  # fmt: skip
    rows = {"rows": [ROW]}
    cases += [
        ("POST", "/data/v1/channels", {"id": identity, **rows}, "data"),
        ("POST", f"/data/v1/channels/{identity}/rows", rows, "data"),
        ("POST", f"/setup/v1/channels/{identity}/rows", rows, "setup"),
        ("POST", f"/setup/v1/channels/{identity}/clone", None, "setup"),
        ("PATCH", f"/setup/v1/channels/{identity}", {}, "setup"),
        ("PUT", f"/setup/v1/channels/{identity}", {}, "setup"),
        ("DELETE", f"/setup/v1/channels/{identity}/rows", None, "setup"),
        ("GET", "/setup/v1/schemas/column_types", None, "setup"),
        ("GET", "/data/v1/schemas/columns/types", None, "data"),
    ]
    reach = {"admin": set(GROUPS), "writer": {"api", "data"}, "read_only": {"api"}}
    for role, groups in reach.items():
        answer = lab.calls.post(
            "/auth/v1/login", json={"login": f"kh_{role}", "password": PASSWORD}
        )
        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        for method, path, body, group in cases:
            if group in groups:
                lab.ok(method, path, body, headers=token)
            else:
                lab.refused(403, method, path, body, headers=token)
    for headers in ({}, {"X-Api-Key": "bad"}, {"Authorization": "Bearer a.b.c"}):
        lab.refused(401, "GET", "/api/v1/channels", headers=headers)


def many(lab: Lab) -> str:
    """A channel with many rows in one request; its id."""
    identity = lab.make(name="many")
    rows = [{"time": "2025-01-10", "Temp C": n} for n in range(MANY)]
    sent = lab.ok("POST", f"/data/v1/channels/{identity}/rows", {"rows": rows})
    assert sent["available_rows"] == MANY
    return identity


def test_all_rows_come_and_pages_meet(lab: Lab) -> None:
    identity = many(lab)
    path = f"/api/v1/channels/{identity}/rows"
    whole = lab.ok("GET", path)
    assert [row["Temp C"] for row in whole["rows"]] == list(range(MANY))
    assert whole["op_details"]["provided_rows"] == MANY
    columns = lab.ok("GET", f"/api/v1/channels/{identity}/columns")
    assert columns["columns"]["Temp C"] == list(range(MANY))
    pages: Callable[[int], list[Any]] = lambda at: [  # noqa: E731
        row["Temp C"] for row in lab.ok("GET", f"{path}?limit=1000&offset={at}")["rows"]
    ]
    assert [v for at in range(0, MANY, 1_000) for v in pages(at)] == list(range(MANY))


def test_rows_of_views_and_ingest_are_those_of_the_channel(lab: Lab) -> None:
    identity = lab.make(name="fed")
    stream = "channel_" + identity.replace("-", "")
    body = {"columns": ["time", "temp_c"], "data": [["2025-01-10 00:00:00", 7.5]]}
    assert lab.control.post(f"/streams/{stream}/ingest", json=body).status_code == 200
    found = lab.ok("GET", f"/api/v1/channels/{identity}/rows?skip_received=false")
    assert found["available_rows"] == 1
    assert found["rows"][0]["Temp C"] == 7.5
    assert found["rows"][0]["received_at"][:4] >= "2026"
    # That column is the server's alone.
    said = {"time": "2025-01-10 00:00:01", "temp_c": 1, "received_at": "2001-01-01 00:00:00"}
    body = {"columns": list(said), "data": [list(said.values())]}
    refused = lab.control.post(f"/streams/{stream}/ingest", json=body)
    assert (refused.status_code, "received_at" in refused.text) == (400, True)
    names = {each["name"] for each in lab.control.get("/streams").json()}
    assert {stream, "kronicle_channels"} <= names
    assert "kronicle_fed" in {each["name"] for each in lab.control.get("/views").json()}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("kronicle/data/v1/channels",
         {"id": str(uuid.uuid4()), "channel_schema": {"v": "int"}, "rows": [{"v": 1}]}),
        ("timedb/series", {"name": "packed"}),
        ("opensynaptic/api/data/packets", {"id": "PACKED"}),
        ("api/v1beta2/exec", {"sql": "select 1", "type": "historical"}),
    ],
)  # fmt: skip
def test_bodies_of_all_apis_may_be_gzip(lab: Lab, path: str, body: Any) -> None:
    def sent(content: bytes, encoding: str = "gzip") -> int:
        headers = {**lab.key, "Content-Encoding": encoding, "Content-Type": "application/json"}
        place = f"{lab.server.url}/{WORKSPACE}/{path}"
        return httpx.post(place, content=content, headers=headers, timeout=60).status_code

    packed = gzip.compress(json.dumps(body).encode())
    assert sent(packed) == 200
    assert sent(packed[:-9]) == 400
    assert sent(gzip.compress(b" " * (64 << 20) + b"{}")) == 413
    assert sent(packed, "br") == 415


def test_changes_of_channels_are_in_the_audit_trail(lab: Lab) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    setup, data, schema = "/setup/v1/channels", "/data/v1/channels", {"v": "int"}
    rows: dict[str, Any] = {"sensor_id": other, "rows": [{"v": 1}]}
    lab.ok("POST", setup, {"channel_id": one, "channel_schema": schema})
    lab.refused(409, "POST", setup, {"channel_id": one, "channel_schema": schema})
    lab.ok("PUT", setup, {"channel_id": one, "name": "audited"})
    lab.ok("POST", data, {**rows, "sensor_schema": schema})
    lab.refused(400, "POST", data, {**rows, "sensor_schema": {"v": "str"}})
    lab.ok("POST", data, rows)  # rows alone are no change of a channel
    lab.refused(400, "POST", data, {**rows, "rows": [{"v": "x"}]})
    lab.ok("POST", f"{data}/{other}/rows", rows)
    lab.ok("POST", data, {**rows, "tags": {"room": 1}})
    clone = lab.ok("POST", f"{setup}/{one}/clone")["channel_id"]
    lab.ok("POST", f"{setup}/batch-delete", {"sensor_ids": [one, other]})
    trail = lab.control.get("/audit").json()[:8]
    assert [(each["action"], each["object"], each["status"]) for each in reversed(trail)] == [
        ("kronicleCreate", one, 200),
        ("kronicleCreate", one, 409),
        ("kronicleReplace", one, 200),
        ("kronicleWriteChannel", other, 200),
        ("kronicleWriteChannel", other, 400),
        ("kronicleWriteChannel", other, 200),
        ("kronicleClone", f"{one}/{clone}", 200),
        ("kronicleDeleteMany", f"{one},{other}", 200),
    ]


def test_what_nobody_could_have_stored_by_the_api_is_still_read(lab: Lab) -> None:
    identity = lab.make(sensor_schema={"d": "optional[dict]", "f": "optional[float]"})
    stream = "channel_" + identity.replace("-", "")
    body = {"columns": ["d", "f"], "data": [["not json", "nan"]]}
    assert lab.control.post(f"/streams/{stream}/ingest", json=body).status_code == 200
    (row,) = lab.ok("GET", f"/api/v1/channels/{identity}/rows?columns=d,f")["rows"]
    assert row["d"] == "not json"
    json.dumps(row, allow_nan=False)
