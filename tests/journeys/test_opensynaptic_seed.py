"""Every example of OpenSynaptic's reference without authentication and with a key; SQL on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from controlplane.openapi_examples import IDENTITY
from tests.controlplane.promised import faults
from tests.journeys.follower import Follower

# As its reference prints them; three packets before the one that it shows.
DEVICE = "SENSOR_NODE_01"
FACT = {
    "id": DEVICE, "s": "ONLINE", "t": 1712000500,
    "s1_id": "TEMP", "s1_s": "OK", "s1_u": "Cel", "s1_v": 22.5,
    "s2_id": "HUM", "s2_s": "OK", "s2_u": "%", "s2_v": 55.0,
}  # fmt: skip
CLIENT = httpx.Client(verify=False)  # plain HTTP: reading certificates takes long
BACKUP = "\n".join(json.dumps({**FACT, "t": FACT["t"] - i, "s": "WARN"}) for i in (3, 2, 1))


@pytest.fixture(scope="module")
def filled(follower: Follower) -> Follower:
    """A node's backup file, as it is, then one fact by the extension."""
    place = f"{follower.api}/streams/os_facts/ingest?format=lines"
    keys = {**follower.headers, "Content-Type": "text/plain"}
    for answer in (
        CLIENT.post(place, content=BACKUP, headers=keys),
        CLIENT.post(f"{follower.url}/api/data/packets", json=FACT, headers=follower.header()),
    ):
        assert answer.status_code == 200, answer.text
    return follower


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    CLIENT.close()


def get(follower: Follower, path: str, status: int = 200, /, **parameters: Any) -> Any:
    """A call as the reference shows it: the token in its own header."""
    answer = CLIENT.get(
        f"{follower.url}{path}", params=parameters, headers=follower.header("X-Admin-Token")
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def test_devices(filled: Follower) -> None:
    found = get(filled, "/api/data/devices")
    assert list(faults("opensynaptic", "Devices", found)) == []
    assert found == {
        "ok": True,
        "devices": [{"device_id": DEVICE, "last_seen": 1712000500, "packet_count": 4}],
        "total": 1, "limit": 100, "offset": 0,
    }  # fmt: skip
    assert get(filled, "/api/data/devices/", limit=50, offset=0)["limit"] == 50


def test_packets(filled: Follower) -> None:
    found = get(filled, "/api/data/packets")
    assert list(faults("opensynaptic", "Packets", found)) == []
    assert {k: found[k] for k in ("ok", "total", "limit", "offset")} == {
        "ok": True, "total": 4, "limit": 50, "offset": 0,
    }  # fmt: skip
    first = found["packets"][0]
    assert UUID(first["packet_uuid"]).version == 4
    assert (first["device_id"], first["device_status"]) == (DEVICE, "ONLINE")
    assert first["payload_json"] == FACT
    assert [p["timestamp_raw"] for p in found["packets"]] == [1712000500 - i for i in range(4)]

    def times(**parameters: Any) -> list[int]:
        rows = get(filled, "/api/data/packets", **parameters)["packets"]
        return [row["timestamp_raw"] - 1712000500 for row in rows]

    assert times(device_id=DEVICE, since=1710000000, limit=20) == [0, -1, -2, -3]
    assert times(status="WARN") == [-1, -2, -3]
    assert times(since=1712000498, until=1712000499) == [-1, -2]
    assert times(limit=2, offset=1) == [-1, -2]
    assert times(device_id="SENSOR_NODE_0") == []


def test_one_packet(filled: Follower) -> None:
    identity = get(filled, "/api/data/packets", limit=1)["packets"][0]["packet_uuid"]
    found = get(filled, f"/api/data/packets/{identity}")
    assert list(faults("opensynaptic", "PacketWithSensors", found)) == []
    assert found["packet"]["packet_uuid"] == identity
    assert found["sensors"] == [
        {"sensor_index": 1, "sensor_id": "TEMP", "sensor_status": "OK",
         "normalized_value": 22.5, "normalized_unit": "Cel"},
        {"sensor_index": 2, "sensor_id": "HUM", "sensor_status": "OK",
         "normalized_value": 55.0, "normalized_unit": "%"},
    ]  # fmt: skip
    unknown = "00000000-0000-0000-0000-000000000000"
    assert get(filled, f"/api/data/packets/{unknown}", 404) == {
        "ok": False, "error": "packet not found", "packet_uuid": unknown,
    }  # fmt: skip
    wanted = {"ok": False, "error": "packet_uuid is required"}
    assert get(filled, "/api/data/packets/", 400) == wanted


def test_sensors(filled: Follower) -> None:
    found = get(filled, "/api/data/sensors")
    assert list(faults("opensynaptic", "Sensors", found)) == []
    assert found["total"] == 8
    assert [(s["timestamp_raw"], s["sensor_index"]) for s in found["sensors"][:3]] == [
        (1712000500, 1), (1712000500, 2), (1712000499, 1),
    ]  # fmt: skip
    first = get(filled, "/api/data/sensors", sensor_id="TEMP", since=1710000000)
    assert first["total"] == 4
    assert {**first["sensors"][0], "packet_uuid": ""} == {
        "packet_uuid": "", "sensor_index": 1, "sensor_id": "TEMP", "sensor_status": "OK",
        "normalized_value": 22.5, "normalized_unit": "Cel", "device_id": DEVICE,
        "timestamp_raw": 1712000500,
    }  # fmt: skip


def test_bounds_are_cut_and_never_refused(filled: Follower) -> None:
    for asked, used in (
        ({"limit": 0}, (1, 0)), ({"limit": -5, "offset": -5}, (1, 0)),
        ({"limit": 501}, (500, 0)), ({"limit": "many", "offset": "far"}, (50, 0)),
        ({"limit": " 7 ", "offset": " 2 "}, (7, 2)), ({"limit": "", "offset": ""}, (50, 0)),
        ({"since": "yesterday", "until": "1e9", "device_id": " ", "status": ""}, (50, 0)),
        ({"limit": "9" * 30, "offset": "9" * 30}, (500, 2**63 - 1)),
        ({"since": "-" + "9" * 30, "until": "9" * 30}, (50, 0)),
    ):  # fmt: skip
        found = get(filled, "/api/data/packets", **asked)
        assert (found["limit"], found["offset"], found["total"]) == (*used, 4), asked


def test_who_may_and_what_is_not_there(filled: Follower) -> None:
    refused = {"ok": False, "error": "admin token required"}
    for headers in ({}, {"X-Admin-Token": "no"}, {"X-Admin-Token": "x" * 60}):
        for path in ("/api/data/devices", "/api/data/packets/", "/api/data/packets/1"):
            answer = CLIENT.get(filled.url + path, headers=headers)
            if filled.key:
                assert (answer.status_code, answer.json()) == (401, refused)
            else:  # credentials that match nobody are ignored
                assert answer.status_code in (200, 400, 404)
    for method, path in (("GET", "/api/data/x"), ("DELETE", "/api/data/devices"),
                         ("POST", "/api/data/sensors"), ("GET", "/api/data")):  # fmt: skip
        answer = CLIENT.request(method, filled.url + path, headers=filled.header())
        assert (answer.status_code, answer.json()) == (404, {"ok": False, "error": "not found"})
    for path in ("/health", "/api/health"):
        assert CLIENT.get(filled.url + path).json() == {"ok": True, "service": "web_user"}


def test_what_came_in_is_read_by_sql(filled: Follower) -> None:
    assert filled.select(
        "select sensor_id, avg(normalized_value), count() from table(os_sensors) "
        "where device_id = 'SENSOR_NODE_01' group by sensor_id order by sensor_id"
    ) == [["HUM", 55.0, 4], ["TEMP", 22.5, 4]]
    assert filled.select("select * from table(os_devices)") == [[DEVICE, 1712000500, 4]]
    for sql in ("drop stream os_packets", "insert into os_packets (device_id) values ('x')"):
        answer = filled.run(sql)
        assert (answer.status_code, "os_facts" in answer.text) == (400, True), answer.text
    place = f"/{filled.space}/opensynaptic/api/data/packets/{IDENTITY}"
    assert get(filled, place, 404)["ok"] is False
