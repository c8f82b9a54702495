"""Empties the workspace `default` of a server, so that the tests of the next file may use it."""

from __future__ import annotations

import re
import uuid

import httpx

from engine.owned_names import FIXED
from tests.journeys.server import Server

# Group -> the field that names one of it. Who uses others comes before them.
GROUPS = {
    "sinks": "id", "sources": "id", "alerts": "id", "dashboards": "id", "savedqueries": "id",
    "views": "name", "external_streams": "name", "external_tables": "name", "streams": "name",
    "udfs": "name", "schemas": "name",
}  # fmt: skip
CHANNEL = re.compile(r"channel_([0-9a-f]{32})")
# What is used by one of its own kind goes in a later round.
ROUNDS_MAX = 5


def empty(server: Server) -> None:
    """Delete all objects of `default`, all other workspaces and users, and end all queries.

    AssertionError when something stays: the file that made it would be felt by another.
    """
    for query in server.running():
        server.call("POST", f"/queries/{query['id']}/cancel")
    for workspace in server.call("GET", "/workspaces").json():
        if workspace["name"] != "default":
            server.call("DELETE", f"/workspaces/{workspace['name']}?force=true")
    for user in server.call("GET", "/users").json():
        if user["username"] != "admin":
            server.call("DELETE", f"/users/{user['username']}")
    for _ in range(ROUNDS_MAX):
        left = found(server)
        if not left:
            return
        for group, name in left:
            channel = CHANNEL.fullmatch(name)
            if channel is None:
                server.call("DELETE", f"/{group}/{name}?force=true")
            else:
                place = f"{server.url}/setup/v1/channels/{uuid.UUID(channel[1])}?force=true"
                httpx.delete(place, headers=server.headers, verify=False)
    raise AssertionError(f"objects that cannot be deleted: {left}")


def found(server: Server) -> list[tuple[str, str]]:
    """Group and name of each object, but for the streams of time-series APIs, which stay."""
    return [
        (group, one[field])
        for group, field in GROUPS.items()
        for one in server.call("GET", f"/{group}").json()
        if one[field] not in FIXED
    ]
