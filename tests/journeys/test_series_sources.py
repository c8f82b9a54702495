"""Sources into the time-series APIs: NATS and WebSocket messages become packets and values.

A message that no value may follow from stands alone as a dead letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import nats
import pytest

from tests.journeys.sender import Sender
from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]  # the fixture, for the tests here

SECONDS = 20.0
VALUES = (
    "select valid_time, value, series_unit from timedb_flat where series_key = 'socket' "
    "order by valid_time"
)


@pytest.fixture
def sender() -> Iterator[Sender]:
    """What a source reads."""
    with Sender() as made:
        yield made


def source(server: Server, kind: str, stream: str, **properties: str) -> str:
    """A source; its address. Its stream comes into being when it is named here."""
    body = {"name": f"{kind}_{stream}", "type": kind, "stream": stream, "properties": properties}
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    return f"/sources/{made.json()['id']}"


def letters(server: Server, path: str) -> list[list[Any]]:
    """Dead letters of a source, by their text."""
    stream = server.call("GET", path).json().get("dead_letter_stream")
    if stream is None:
        return []
    return server.select(f"select raw, error from table({stream}) order by raw")


def fact(device: str, number: int) -> str:
    """What a node sends."""
    return json.dumps({"id": device, "t": 1712000500 + number, "s1_id": "TEMP", "s1_v": number})


def stored(server: Server, device: str) -> list[list[object]]:
    """Values of a device."""
    return server.select(
        "select timestamp_raw, normalized_value from table(os_sensors) "
        f"where device_id = '{device}' order by timestamp_raw"
    )


def test_facts_by_a_websocket_are_packets(server: Server, sender: Sender) -> None:
    path = source(server, "websocket", "os_facts", url=sender.url, data_type="text")
    sender.send(fact("SOCKET_NODE", 0), "no fact", fact("SOCKET_NODE", 1), fact("SOCKET_NODE", 2))
    wait_until(lambda: len(stored(server, "SOCKET_NODE")) == 3, SECONDS, "the values")
    assert stored(server, "SOCKET_NODE") == [[1712000500 + n, float(n)] for n in range(3)]
    place = f"{server.url}/api/data/packets?device_id=SOCKET_NODE&limit=1"
    page = httpx.get(place, headers=server.headers).json()
    assert (page["total"], page["packets"][0]["payload_json"]["s1_v"]) == (3, 2)
    # What is no fact stays in os_facts to be looked at: it is no letter.
    assert server.select("select count() from table(os_facts) where raw = 'no fact'") == [[1]]
    assert letters(server, path) == []


@pytest.mark.asyncio
async def test_facts_by_nats_are_packets(server: Server, nats_server: Nats) -> None:
    path = source(
        server, "nats", "os_facts", url=nats_server.url, subject="nodes.>", data_type="text"
    )
    logs = f"{path}/logs?lines=20&error_log_time_range=1h"
    wait_until(lambda: "connected" in server.call("GET", logs).text, SECONDS, "the connection")
    client = await nats.connect(nats_server.url)
    for number in range(3):
        await client.publish("nodes.1", fact("NATS_NODE", number).encode())
    await client.drain()
    wait_until(lambda: len(stored(server, "NATS_NODE")) == 3, SECONDS, "the values")
    assert stored(server, "NATS_NODE") == [[1712000500 + n, float(n)] for n in range(3)]


def test_a_message_that_no_value_may_follow_from_is_a_letter(
    server: Server, sender: Sender
) -> None:
    path = source(server, "websocket", "timedb_in", url=sender.url, data_type="json")
    good = [
        {"name": "socket", "labels": {"site": "Gotland"}, "valid_time": f"2025-01-0{day}T00:00:00Z",
         "value": day, "unit": "MW"}
        for day in (1, 2, 3)
    ]  # fmt: skip
    ends_early = {**good[1], "valid_time_end": "2024-12-31T00:00:00Z"}
    metres = {**good[1], "unit": "m"}
    nameless = {**good[1], "name": " "}
    bad = [json.dumps(each) for each in (ends_early, metres, nameless)]
    sender.send(json.dumps(good[0]), *bad, json.dumps(good[1]), json.dumps(good[2]))
    wait_until(lambda: len(letters(server, path)) == 3, SECONDS, "the letters")
    wait_until(lambda: len(server.select(VALUES)) == 3, SECONDS, "the values")
    assert server.select(VALUES) == [
        [f"2025-01-0{day} 00:00:00.000000", float(day), "MW"] for day in (1, 2, 3)
    ]
    why = dict(letters(server, path))
    assert set(why) == set(bad)
    for text, word in zip(bad, ("valid_time_end", "unit", "name"), strict=True):
        assert word in why[text], why[text]
    place = f"{server.url}/values?name=socket&labels=%7B%22site%22%3A%22Gotland%22%7D"
    read = httpx.get(place, headers=server.headers).json()
    assert [row["value"] for row in read["data"]] == [1.0, 2.0, 3.0]
    assert server.call("GET", path).json()["status"] == "running"
