"""Each route of Kronicle's document (seed 000), without authentication and with a key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.journeys.follower import Follower

SCHEMA = {"time": "datetime", "temperature": "float", "door": "optional[bool]"}
SHOWN = {"sensor_schema": SCHEMA, "metadata": {"site": "Rennes"}, "tags": {"room": 101}}
ROWS = [
    {"time": "2025-01-10T08:00:00+00:00", "temperature": 19.5, "door": True},
    {"time": "2025-01-10T08:01:00+00:00", "temperature": 20.5, "door": None},
]
GROUPS = ("/setup/v1", "/data/v1", "/api/v1")


@dataclass
class Document:
    """The document's requests; `sensor_id` is the one that its tables name."""

    follower: Follower
    sensor_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request, with the sensor in its path where the document has it."""
        place = self.follower.url + path.replace("{sensor_id}", self.sensor_id)
        keys = self.follower.header("X-Api-Key")
        return httpx.request(method, place, json=body, headers=keys, timeout=60)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """What a request that must succeed answers."""
        answer = self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """What a request that must be refused answers."""
        answer = self.call(method, path, body)
        assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
        return answer.json()


@pytest.fixture
def document(follower: Follower) -> Document:
    """A reader of the document, with a sensor of their own."""
    return Document(follower)


def test_what_is_there_when_the_server_is_launched(document: Document) -> None:
    url = document.follower.url
    page = httpx.get(f"{url}/docs", headers={"Accept": "text/html"})
    assert (page.status_code, "swagger" in page.text.lower()) == (200, True)
    paths = httpx.get(f"{url}/openapi.json", timeout=60).json()["paths"]
    for group in GROUPS:
        assert f"{group}/channels" in paths
    assert httpx.get(url).json()["app"] == "Kronicle"


def test_the_routes_for_administrators(document: Document) -> None:
    made = document.ok("POST", "/setup/v1/channels", {"sensor_id": document.sensor_id, **SHOWN})
    assert {name: made[name] for name in SHOWN} == SHOWN
    body = {"sensor_id": document.sensor_id, **SHOWN}
    assert document.refused(409, "POST", "/setup/v1/channels", body)["error"] == "Conflict"
    one = "/setup/v1/channels/{sensor_id}"
    put = document.ok("PUT", one, {"metadata": {"site": "Brest"}, "tags": {"room": 7}})
    assert (put["metadata"], put["tags"]) == ({"site": "Brest"}, {"room": 7})
    other = Document(document.follower)
    assert other.ok("PUT", one, SHOWN)["sensor_id"] == other.sensor_id  # it was not there
    schema = {"time": "datetime", "pressure": "float"}
    body = {"metadata": {"floor": 2}, "tags": {"room": 8}, "sensor_schema": schema}
    patched = document.ok("PATCH", one, body)
    assert (patched["metadata"], patched["tags"], patched["sensor_schema"]) == (
        {"site": "Brest", "floor": 2}, {"room": 8}, schema,
    )  # fmt: skip
    rows = {"rows": [{"time": "2025-01-10T08:00:00Z", "pressure": 1.0}]}
    document.ok("POST", "/data/v1/channels/{sensor_id}/rows", rows)
    listed = {each["sensor_id"]: each for each in document.ok("GET", "/setup/v1/channels")}
    assert listed[document.sensor_id]["available_rows"] == 1
    assert listed[other.sensor_id]["available_rows"] == 0
    assert "rows" not in listed[document.sensor_id]
    clone = document.ok("POST", f"{one}/clone")
    assert (clone["sensor_schema"], clone["metadata"], clone["available_rows"]) == (
        schema, {"site": "Brest", "floor": 2}, 0,
    )  # fmt: skip
    assert document.ok("POST", f"{one}/clone", {"metadata": {"own": 1}})["metadata"] == {"own": 1}
    types = document.ok("GET", "/setup/v1/channels/columns/types")
    assert set(types) == {"str", "int", "float", "bool", "uuid", "datetime", "dict", "list"}
    emptied = document.ok("DELETE", f"{one}/rows")
    assert (emptied["available_rows"], emptied["metadata"]) == (0, {"site": "Brest", "floor": 2})
    assert document.ok("DELETE", one)["sensor_id"] == document.sensor_id
    document.refused(404, "GET", one)


def test_the_routes_for_writers_and_readers(document: Document) -> None:
    body = {"sensor_id": document.sensor_id, **SHOWN, "rows": ROWS[:1]}
    first = document.ok("POST", "/data/v1/channels", body)  # makes the channel
    assert (first["op_status"], first["available_rows"]) == ("success", 1)
    again = document.ok("POST", "/data/v1/channels/{sensor_id}/rows", {"rows": ROWS[1:]})
    assert (again["available_rows"], again["metadata"]) == (2, SHOWN["metadata"])
    for group in GROUPS:
        one = f"{group}/channels/{{sensor_id}}"
        listed = {each["sensor_id"]: each for each in document.ok("GET", f"{group}/channels")}
        assert listed[document.sensor_id]["tags"] == SHOWN["tags"]
        found = document.ok("GET", one)
        assert (found["available_rows"], "rows" in found) == (2, False)
        rows = document.ok("GET", f"{one}/rows")
        assert (rows["rows"], rows["metadata"]) == (ROWS, SHOWN["metadata"])
        columns = document.ok("GET", f"{one}/columns")["columns"]
        assert columns == {name: [row[name] for row in ROWS] for name in ROWS[0]}
    stream = "channel_" + document.sensor_id.replace("-", "")
    assert document.follower.select(
        f"select temperature, door from table({stream}) order by time"
    ) == [[19.5, True], [20.5, None]]


def test_rows_are_immutable_and_readers_only_read(document: Document) -> None:
    body = {"sensor_id": document.sensor_id, **SHOWN, "rows": ROWS}
    document.ok("POST", "/data/v1/channels", body)
    for method, path in (
        ("PUT", "/data/v1/channels/{sensor_id}/rows"),
        ("PATCH", "/data/v1/channels/{sensor_id}/rows"),
        ("DELETE", "/data/v1/channels/{sensor_id}/rows"),
        ("POST", "/api/v1/channels"),
        ("DELETE", "/api/v1/channels/{sensor_id}"),
    ):
        document.refused(405, method, path, {"rows": ROWS})
    document.refused(
        400, "PATCH", "/setup/v1/channels/{sensor_id}", {"sensor_schema": {"a": "int"}}
    )
    assert document.ok("GET", "/api/v1/channels/{sensor_id}/rows")["rows"] == ROWS
