"""The examples of the API reference work as they stand, on a real server that has nothing yet."""

from __future__ import annotations

import httpx

from tests.controlplane.example_world import BY_TITLE, World, empty
from tests.journeys.server import Server

# What no example can have: a Kafka broker on the reader's machine, a view that has failed.
REFUSED = {
    "POST /v1beta2/external_streams/preview": "cannot be reached",
    "POST /v1beta2/source/kafka/topics": "cannot be reached",
    "POST /v1beta2/materialized_views/{name}/recover": "has not failed",
}


async def test_every_example_is_answered_with_success(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60) as client:
        world = World(client, "/default", "", empty)
        await world.play()
    assert set(world.answers) == set(BY_TITLE)
    for name, answer in world.answers.items():
        if name in REFUSED:
            assert answer.status_code == 400, name
            assert REFUSED[name] in answer.json()["message"]
        else:
            assert answer.status_code == BY_TITLE[name]["success_status"], (name, answer.text)
