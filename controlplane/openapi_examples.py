"""Example requests of the API reference: parameters, bodies and the command that sends them."""

from __future__ import annotations

import json
from typing import Any, Final

IDENTITY: Final = "5b1f0f6e-3c7a-4f0e-9d52-0a9f6f2f4a11"
# Examples lead nowhere but to the reader's own machine.
KAFKA: Final = {"brokers": "127.0.0.1:9092", "sasl": "none", "tls": {"disable": True}}
# The `name` of a path, by the tag of its operation.
NAMES: Final = {
    "Streams": "iot",
    "External streams": "orders",
    "External tables": "customers",
    "Views": "fast",
    "MaterializedViews": "fast_minutes",
    "Schemas": "order",
    "UDFs": "is_fast",
    "Users": "ann",
    "Extensions": "factory",
}
PARAMETERS: Final[dict[str, Any]] = {
    "before": 1000,
    "dialect": True,
    "history": True,
    "device_id": "SENSOR_NODE_01",
    "sensor_id": "TEMP",
    "since": 1712000000,
    "status": "ONLINE",
    "until": 1712086400,
    "text": "iot",
    "user": "ann",
    "uuid": IDENTITY,
    "db": "default",
    "error_log_time_range": "1d",
    "expand": True,
    "extraResources": ["udf"],
    "force": False,
    "format": "compact",
    "historyDays": 7,
    "id": IDENTITY,
    "limit": 100,
    "lines": 20,
    "metrics_time_range": "1h",
    "stream": "iot",
    "sync": True,
    "tag": "nightly",
    "x-timeplus-idempotent-id": "batch-17",
}
# Where an operation's parameter means something else than those of the same name.
OWN_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "listQueries": {"status": "finished", "user": "admin"},
}
COMPACT: Final = {"columns": ["cid", "speed"], "data": [["c001", 61.5], ["c002", 48.0]]}
# Rows by what a content type begins or ends with.
ROWS: Final[dict[str, Any]] = {
    "application/x-ndjson": '{"cid":"c001","speed":61.5}\n{"cid":"c002","speed":48.0}',
    "text/plain": "GET /index.html 200",
    "format=stream": {"cid": "c001", "speed": 61.5},
    "format=lines": "GET /index.html 200\nGET /missing 404",
}
SOURCE: Final[dict[str, Any]] = {
    "name": "devices",
    "type": "stream_generator",
    "stream": "device_readings",
    "properties": {"template": "iot", "interval": "200ms"},
    "description": "Readings of ten devices",
}
SINK: Final[dict[str, Any]] = {
    "name": "fast_cars",
    "type": "http",
    "query": "SELECT cid, speed FROM iot WHERE speed > 60",
    "properties": {"url": "http://127.0.0.1:8088/hook", "http_method": "POST"},
    "description": "Cars above 60",
}
ALERT: Final[dict[str, Any]] = {
    "name": "Too fast",
    "severity": 1,
    "trigger_sql": "SELECT cid, speed FROM iot WHERE speed > 100",
    "resolve_sql": "SELECT cid, speed FROM iot WHERE speed < 80",
    "action": "http",
    "properties": {"url": "http://127.0.0.1:8088/alarm"},
    "description": "Cars above 100",
}
PANEL: Final[dict[str, Any]] = {
    "title": "Speed by car",
    "viz_type": "chart",
    "viz_content": "SELECT cid, avg(speed) AS a FROM tumble(iot, 1m) GROUP BY window_start, cid",
    "viz_config": {"chart_type": "line"},
    "position": {"x": 0, "y": 0, "w": 6, "h": 2},
}
DASHBOARD: Final[dict[str, Any]] = {
    "name": "Traffic",
    "description": "What the cars do",
    "panels": [PANEL],
}
SAVED_QUERY: Final[dict[str, Any]] = {
    "name": "Fast cars",
    "sql": "SELECT cid, speed FROM iot WHERE speed > 60",
    "description": "Cars above 60",
    "tags": ["traffic"],
}
SCHEMA: Final = {
    "name": "order",
    "type": "Protobuf",
    "content": 'syntax = "proto3";\nmessage Order {\n  string id = 1;\n  double amount = 2;\n}\n',
}
FUNCTION: Final[dict[str, Any]] = {
    "name": "is_fast",
    "type": "javascript",
    "arguments": [{"name": "speed", "type": "float32"}],
    "return_type": "bool",
    "source": "function is_fast(speeds) { return speeds.map(speed => speed > 60) }",
    "description": "Whether a speed is above 60",
}
KAFKA_SETTINGS: Final = [
    {"key": "type", "value": "kafka"},
    {"key": "brokers", "value": "127.0.0.1:9092"},
    {"key": "topic", "value": "orders"},
]
TABLE_SETTINGS: Final = [
    {"key": "type", "value": "postgresql"},
    {"key": "address", "value": "127.0.0.1:5432"},
    {"key": "database", "value": "shop"},
    {"key": "table", "value": "customers"},
    {"key": "user", "value": "reader"},
]
# JSON bodies by operation.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "createStream": {
        "name": "iot",
        "columns": [{"name": "cid", "type": "string"}, {"name": "speed", "type": "float32"}],
        "description": "Speed of cars",
        "logstore_retention_ms": 86_400_000,
    },
    "updateStream": {"description": "Speed of all cars", "logstore_retention_ms": 604_800_000},
    "createView": {
        "name": "fast",
        "query": "SELECT cid, speed FROM iot WHERE speed > 60",
        "description": "Cars above 60",
    },
    "updateView": {"description": "Cars that are fast"},
    "createQuery": {
        "sql": "SELECT cid, speed FROM iot WHERE speed > 60 LIMIT 10",
        "tags": ["nightly"],
        "batching_policy": {"count": 100, "time_ms": 200},
    },
    "execute": {
        "sql": "SELECT cid, max(speed) FROM table(iot) GROUP BY cid",
        "type": "historical",
        "timeout_ms": 10_000,
    },
    "executeDDL": {"sql": "CREATE STREAM IF NOT EXISTS visits (page string, ms int32)"},
    "formatSQL": {"sql": "select cid,speed from iot where speed>60"},
    "analyzeSQL": {"sql": "SELECT cid, speed FROM iot WHERE speed > 60"},
    "createSource": SOURCE,
    "updateSource": {"properties": {"template": "iot", "interval": "1s"}},
    "patchSource": {"properties": {"interval": "1s"}},
    "previewSource": {
        "type": "stream_generator",
        "properties": {"template": "iot"},
        "size": 2,
        "timeout": "5s",
    },
    "inferSource": {"event": {"cid": "c001", "speed": 61.5, "time": "2026-11-20T21:39:43Z"}},
    "matchSource": {"events": [{"cid": "c001", "speed": 61.5}]},
    "listKafkaTopics": {"properties": KAFKA},
    "replaySourceLetters": {"where": "error like '%speed%'", "limit": 1000},
    "checkSource": {"type": "stream_generator", "properties": {"template": "iot"}},
    "suggestForSource": {"type": "stream_generator", "property": "template", "prefix": "i"},
    "createSink": SINK,
    "updateSink": {**SINK, "description": "Cars that are fast"},
    "patchSink": {"description": "Cars that are fast", "properties": {"http_method": "PUT"}},
    "replaySinkLetters": {"where": "time > now() - interval 1 hour"},
    "checkSink": {"type": SINK["type"], "properties": SINK["properties"], "query": SINK["query"]},
    "sendTestRow": {"type": SINK["type"], "properties": SINK["properties"], "row": {"cid": "c1"}},
    "sendTestMessage": {
        "name": ALERT["name"],
        "action": ALERT["action"],
        "properties": ALERT["properties"],
    },
    "suggestForSink": {"type": "timeplus", "property": "stream_name"},
    "createAlert": ALERT,
    "updateAlert": {**ALERT, "severity": 2, "cooldown": "10m"},
    "testAlert": {
        "trigger_sql": ALERT["trigger_sql"],
        "resolve_sql": ALERT["resolve_sql"],
        "minutes": 60,
    },
    "createDashboard": DASHBOARD,
    "updateDashboard": {**DASHBOARD, "description": "What all cars do"},
    "createSavedQuery": SAVED_QUERY,
    "updateSavedQuery": {**SAVED_QUERY, "tags": ["traffic", "speed"]},
    "createSchema": SCHEMA,
    "updateSchema": SCHEMA,
    "createUDF": FUNCTION,
    "updateUDF": {**FUNCTION, "description": "Whether a car is fast"},
    "createExternalStream": {
        "name": "orders",
        "columns": [{"name": "id", "type": "string"}, {"name": "amount", "type": "float64"}],
        "settings": KAFKA_SETTINGS,
    },
    "previewExternalStream": {"settings": KAFKA_SETTINGS, "count": 3, "timeout": 5},
    "createExternalTable": {"name": "customers", "settings": TABLE_SETTINGS},
    "createAPIKey": {"name": "dashboard", "expire_in": "720h", "permissions": ["read:*"]},
    "createUser": {"username": "ann", "password": "correct horse", "role": "writer"},
    "updateUser": {"role": "read_only"},
    "createInvitation": {"email": "ann@example.com"},
    "updateWorkspace": {"settings": {"enabled_user_tracking": False}},
    "createWorkspace": {"name": "factory"},
    "firstRun": {"token": "one-time-token-of-the-last-start", "password": "correct horse"},
    "login": {"username": "admin", "password": "correct horse"},
    "logout": {"everywhere": False},
}


def add_examples(path: str, method: str, operation: dict[str, Any]) -> None:
    """Put an example to each parameter and body of an operation, and the command that sends it."""
    tag = operation["tags"][0]
    parameters = PARAMETERS | OWN_PARAMETERS.get(operation["operationId"], {})
    for parameter in operation.get("parameters", ()):
        known = NAMES.get(tag) if parameter["name"] == "name" else parameters.get(parameter["name"])
        if known is not None and "example" not in parameter:
            parameter["example"] = known
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if operation["operationId"] in BODIES:
            content["example"] = BODIES[operation["operationId"]]
        elif "ingest" in path:
            content["example"] = _rows(media)
    command = _command(path, method, operation)
    operation["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": command}]


def _rows(media: str) -> Any:
    for part, rows in reversed(ROWS.items()):
        if media.startswith(part) or part in media:
            return rows
    return COMPACT


def _command(path: str, method: str, operation: dict[str, Any]) -> str:
    query: list[str] = []
    for parameter in operation.get("parameters", ()):
        example = parameter.get("example", "")
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(example))
        elif parameter["in"] == "query" and parameter.get("required"):
            query.append(f"{parameter['name']}={example}")
    address = f'"$TAILRACE_URL{path}{"?" if query else ""}{"&".join(query)}"'
    lines = [f"curl -sS -X {method.upper()} {address}"]
    if operation.get("security"):
        lines.append('-H "X-Api-Key: $TAILRACE_API_KEY"')
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in content:
        body = json.dumps(content["example"], ensure_ascii=False).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)
