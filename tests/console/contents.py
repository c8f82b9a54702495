"""One of each kind of object, with hostile texts in names and values: what pages are tried with."""

from __future__ import annotations

from typing import Any

import httpx

from tests.journeys.server import Server

CHANNEL = "0b1e1a5e-58a0-4c1e-9d5c-3d3c1f2a7b11"
EVIL = "<img src=x onerror='window.attacked = true'>"
DESCRIPTION = {"description": EVIL}
OBJECTS: dict[str, dict[str, Any]] = {
    "sources": {
        "name": "bad_source", "type": "stream_generator", "stream": "pumps",
        "properties": {"template": "iot", "interval": "1s"},
    },
    "alerts": {
        "name": f"bad alert {EVIL}", "action": "http", "severity": 2,
        "trigger_sql": "SELECT text FROM pumps WHERE text = 'never'",
        "properties": {"url": "http://127.0.0.1:9/"},
    },
    "sinks": {
        "name": "bad_sink", "type": "http", "properties": {"url": "http://127.0.0.1:9/"},
        "query": "SELECT text FROM pumps WHERE text = 'never'",
    },
    "views": {"name": "pump_view", "query": "SELECT text FROM pumps"},
}  # fmt: skip
ROW = {"time": "2026-01-01T00:00:00Z", "note": EVIL, "value": 1.5}
SENT: dict[str, dict[str, Any]] = {
    "data/v1/channels": {
        "channel_id": CHANNEL, "channel_name": "attacked", "tags": {"where": EVIL},
        "channel_schema": {"time": "datetime", "note": "str", "value": "float"},
        "rows": [ROW, {**ROW, "time": "2026-01-01T01:00:00Z", "value": 2.5}],
    },
    "series": {"name": "forecast", "unit": "MW", "overlapping": True, "labels": {"site": "north"}},
    "api/data/packets": {
        "id": "NODE_01", "s": "ONLINE", "t": 1712000500,
        "s1_id": EVIL, "s1_s": "OK", "s1_u": "Cel", "s1_v": 22.5,
    },
}  # fmt: skip
KNOWN = ("2025-01-01T00:00:00Z", "2025-01-01T06:00:00Z")
HOURS = 6


def fill(server: Server) -> dict[str, str]:
    """Make them; ids by group."""
    server.create("pumps", text="string")
    server.ingest("pumps", ["text"], [[EVIL]])
    assert server.call("PATCH", "/streams/pumps", DESCRIPTION).status_code == 200
    ids: dict[str, str] = {}
    for group, body in OBJECTS.items():
        answer = server.call("POST", f"/{group}", {**body, **DESCRIPTION})
        assert answer.status_code == 201, answer.text
        ids[group] = answer.json().get("id", "")
    for path, body in SENT.items():
        answer = send(server, path, body)
        ids[path] = str(answer.get("series_id", ""))
    for number, known in enumerate(KNOWN):
        values = [
            {"valid_time": f"2025-01-02T{hour:02}:00:00Z", "value": 10 * number + hour}
            for hour in range(HOURS)
        ]
        sent = {"name": "forecast", "known_time": known, "data": values}
        if not _has_forecast(server, known):  # of another module, whose streams are gone by now
            send(server, "values", sent)
    return ids


def _has_forecast(server: Server, known: str) -> bool:
    at = {
        "name": "forecast",
        "mode": "overlapping",
        "start_known": known,
        "end_known": known[:-3] + "01Z",
    }
    answer = httpx.get(f"{server.url}/values", params=at, headers=server.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["count"] > 0


def send(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request of a time-series API that must succeed."""
    address = f"{server.url}/{path}"
    answer = httpx.post(address, json=body, headers=server.headers, verify=False)
    assert answer.status_code == 200, answer.text
    return answer.json()
