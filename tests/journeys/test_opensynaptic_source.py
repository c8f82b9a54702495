"""Facts of nodes by a NATS source, whose target comes into being when the source names it."""

from __future__ import annotations

import json

import nats
import pytest

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]  # the fixture, for the tests here

SOURCE = {
    "name": "nodes",
    "type": "nats",
    "stream": "os_facts",
    "properties": {"subject": "nodes.>", "data_type": "text"},
}


@pytest.mark.asyncio
async def test_facts_of_a_source_are_packets(server: Server, nats_server: Nats) -> None:
    body = {**SOURCE, "properties": {**SOURCE["properties"], "url": nats_server.url}}
    made = server.call("POST", "/sources", body)
    assert made.status_code == 201, made.text
    logs = f"/sources/{made.json()['id']}/logs?lines=20&error_log_time_range=1h"
    wait_until(lambda: "connected" in server.call("GET", logs).text, 20, "the connection")
    client = await nats.connect(nats_server.url)
    for i in range(3):
        fact = {"id": "SOURCE_NODE", "t": 1712000500 + i, "s1_id": "TEMP", "s1_v": i}
        await client.publish("nodes.1", json.dumps(fact).encode())
    await client.publish("nodes.1", b"no fact")
    await client.drain()

    def stored() -> list[list[object]]:
        return server.select(
            "select timestamp_raw, normalized_value from table(os_sensors) "
            "where device_id = 'SOURCE_NODE' order by timestamp_raw"
        )

    wait_until(lambda: len(stored()) == 3, 20, "the values")
    assert stored() == [[1712000500 + i, float(i)] for i in range(3)]
    assert server.select("select count() from table(os_facts) where raw = 'no fact'") == [[1]]
