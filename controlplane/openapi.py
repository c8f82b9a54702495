"""The produced OpenAPI document: from the controllers, with the hot path added.

`python -m controlplane.openapi` writes openapi/tailrace.json; a test fails when it is not current.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from controlplane.api.routes import API_PREFIX, CONTROLLERS
from controlplane.api.system import HANDLERS
from controlplane.compat.routes import ROUTERS
from controlplane.console.start import START
from controlplane.framework import NAMES
from controlplane.openapi_examples import add_examples
from controlplane.openapi_links import add_links
from controlplane.openapi_series import SeriesOperations
from controlplane.permissions import OPEN_OPERATIONS, OPERATIONS
from controlplane.problems import ErrorResponse
from controlplane.services.live_query import Metrics

FILE: Final = Path("openapi/tailrace.json")
ERROR_REFERENCE: Final = {"$ref": "#/components/schemas/ErrorResponse"}
# What the framework calls its path parameters is `id` in the contract.
OWN_ID: Final = re.compile(r"\w+_id")
SUCCESS_TEXTS: Final = {
    "200": "Done.",
    "201": "Created.",
    "204": "Done; there is no body.",
    "503": "Not everything works; the body says what.",
}
# Errors of every operation, of those with a body, and of those that write.
ERROR_TEXTS: Final = {
    "400": "The request breaks a rule.",
    "401": "Credentials are missing or malformed.",
    "403": "The credentials are not enough.",
    "404": "Unknown name, id or workspace.",
    "429": "Overload; try again after Retry-After seconds.",
    "500": "Unexpected; the outcome is unknown.",
}
BODY_ERROR_TEXTS: Final = {
    "408": "The body did not come to its end in time.",
    "413": "A size limit was passed.",
    "415": "The content type or encoding cannot be used here.",
}
WRITE_ERROR_TEXTS: Final = {"507": "The disk is full; try again after Retry-After seconds."}
OWN_ERROR_TEXTS: Final = {"updateStream": {"501": "An external stream cannot be changed."}}
# One event of a query. JSON stands as text in it, so that its schema is that of a content.
QUERY_EVENT: Final = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"type": "string", "enum": ["query", "metrics", "message"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/Query"},
                    {"$ref": "#/components/schemas/Metrics"},
                    {"type": "array", "items": {"type": "array", "items": {}}},
                ]
            },
        },
    },
}
# Bodies that are not what the framework guesses.
MEDIA: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "createQuery": ("text/event-stream", QUERY_EVENT),
    "getDocs": ("text/html", {"type": "string"}),
    "getRedoc": ("text/html", {"type": "string"}),
    "getMetrics": ("text/plain", {"type": "string"}),
    "getWorkspaceMetrics": ("text/plain", {"type": "string"}),
    "getOpenAPI": ("application/json", {"type": "object"}),
}
SECURITY: Final = {
    "ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "BasicAuth": {"type": "http", "scheme": "basic"},
    "BearerAuth": {"type": "http", "scheme": "bearer"},
}
# Open operations that judge credentials all the same.
WITH_CREDENTIALS_INSIDE: Final = frozenset({"firstRun", "login"})
# Operations that answer 503 with their usual body when a part is down.
WITH_STATE: Final = frozenset({"getReadiness", "getInfo"})
FRAMEWORK_TEXTS: Final = frozenset({
    "Additional response", "Document created, URL follows", "Request fulfilled, document follows",
    "Request fulfilled, nothing follows",
})  # fmt: skip
STRING: Final = {"type": "string"}
IDEMPOTENT_ID: Final = {"type": "string", "pattern": "^[ -~]{1,128}$"}
# First parts of the addresses that low-level clients ingest at.
LOW_LEVEL: Final = ("proton", "timeplusd")
LOW_LEVEL_TEXT: Final = (
    "Store rows of the default workspace in compact format, whatever the request says about it."
)
INGEST_TEXT: Final = (
    "Store one body as one append, whole or not at all; answered when it is durable. The query "
    "parameter `format` wins over the content type. Header `x-timeplus-idempotent-id` or "
    "`Idempotency-Key` makes a repetition harmless. `Content-Encoding: gzip` is understood."
)


def document() -> dict[str, Any]:
    """The document as a dictionary."""
    app = Litestar(
        route_handlers=[
            Router(API_PREFIX, route_handlers=list(CONTROLLERS)),
            *(*HANDLERS, *START, *ROUTERS),
        ],
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Tailrace",
            version=version("tailrace"),
            description="Streaming SQL over REST, v1beta2, and the APIs of Kronicle, TimeDB and "
            "OpenSynaptic on the same streams.",
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
        dependencies={
            name: Provide(lambda: None, sync_to_thread=False) for name in (*NAMES, "principal")
        },
    )
    series = SeriesOperations(app)
    produced: dict[str, Any] = app.openapi_schema.to_schema()
    produced["servers"] = [
        {"url": "/", "description": "The default workspace."},
        {
            "url": "/{workspace}",
            "description": "A workspace by name.",
            "variables": {"workspace": {"default": "default"}},
        },
    ]
    paths: dict[str, Any] = {
        re.sub(r"{\w+_id}", "{id}", path): item for path, item in produced["paths"].items()
    }
    paths[f"{API_PREFIX}/streams/{{name}}/ingest"] = {"post": _ingest_operation()}
    for name in LOW_LEVEL:
        paths[f"/{name}/v1/ingest/streams/{{stream}}"] = {"post": _low_level_operation(name)}
    components = produced.setdefault("components", {})
    components["securitySchemes"] = SECURITY
    for struct in (ErrorResponse, Metrics):
        components.setdefault("schemas", {})[struct.__name__] = _schema(struct)
    series.add_schemas(components["schemas"])
    for path, item in paths.items():
        for method, operation in item.items():
            _finish(operation)
            series.finish(operation)
            add_examples(path, method, operation)
    produced["paths"] = dict(sorted(paths.items()))
    add_links(produced)
    return produced


def _schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([struct])
    return components[struct.__name__]


def _finish(operation: dict[str, Any]) -> None:
    """Names, errors and security as they are; the framework's own guesses go."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter["name"] = OWN_ID.sub("id", parameter["name"])
        parameter["schema"] = _without_null(parameter["schema"])
    name: str = operation["operationId"]
    operation["description"] = " ".join(operation["description"].split())
    responses: dict[str, Any] = operation["responses"]
    for status, response in list(responses.items()):
        if status >= "400" and status != "503":
            del responses[status]
            continue
        if response["description"] in FRAMEWORK_TEXTS:
            response["description"] = SUCCESS_TEXTS[status]
        _say_what_is_sent(name, response)
    if "503" not in responses and name in WITH_STATE:
        responses["503"] = {**responses["200"], "description": SUCCESS_TEXTS["503"]}
    body = operation.get("requestBody")
    if body is not None and "null" in json.dumps(body["content"].get("application/json")):
        body["required"] = False
    operation["security"] = [] if name in OPEN_OPERATIONS else [{name: []} for name in SECURITY]
    for status, text in _errors(name, with_body=body is not None).items():
        content = {"application/json": {"schema": ERROR_REFERENCE}}
        responses[status] = {"description": text, "content": content}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: in texts and lists of texts `null` is a text as any other. (For a
    number it means absent.) One that says what it is documented as is that."""
    if "oneOf" in schema and "type" in schema:
        return {name: value for name, value in schema.items() if name != "oneOf"}
    left = [one for one in schema.get("oneOf", ()) if one != {"type": "null"}]
    return left[0] if len(left) == 1 and left[0]["type"] in ("string", "array") else schema


def _say_what_is_sent(name: str, response: dict[str, Any]) -> None:
    """Drop the guess at a body where there is none; say the media type where it is another."""
    if name in MEDIA and response.get("content"):
        media, schema = MEDIA[name]
        response["content"] = {media: {"schema": schema}}
    content = response.get("content")
    if content and all(one["schema"] in ({}, {"type": "null"}) for one in content.values()):
        del response["content"]
    if response.get("content") is None:
        response.pop("content", None)


def _errors(name: str, *, with_body: bool) -> dict[str, str]:
    """Statuses that an operation may answer, with their texts."""
    if name in OPEN_OPERATIONS - WITH_CREDENTIALS_INSIDE:
        return {}
    found = {**ERROR_TEXTS, **OWN_ERROR_TEXTS.get(name, {})}
    if with_body:
        found |= BODY_ERROR_TEXTS
    if OPERATIONS.get(name, "").startswith("write:"):
        found |= WRITE_ERROR_TEXTS
    return found


def _parameter(name: str, place: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _rows_schema() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "array", "items": {}}}
    return {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {"columns": {"type": "array", "items": STRING}, "data": rows},
    }


def _ingest_operation() -> dict[str, Any]:
    compact, event = _rows_schema(), {"type": "object"}
    bodies: dict[str, dict[str, Any]] = {"application/json": compact}
    for kind in ("application/json", "application/vnd.timeplus+json"):
        bodies |= {kind: compact, f"{kind};format=compat": compact, f"{kind};format=stream": event}
    for kind in ("application/x-ndjson", "text/plain", "text/plain;format=lines"):
        bodies[kind] = STRING
    bodies["text/plain;format=raw"] = STRING
    formats = {"type": "string", "enum": ["compact", "streaming", "raw", "lines"]}
    return {
        "tags": ["Streams"],
        "summary": "Ingest rows",
        "description": INGEST_TEXT,
        "operationId": "ingestStream",
        "parameters": [
            _parameter("name", "path", True, STRING),
            _parameter("format", "query", False, formats),
            _parameter("db", "query", False, STRING),
            _parameter("x-timeplus-idempotent-id", "header", False, IDEMPOTENT_ID),
        ],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": schema} for media, schema in bodies.items()},
        },
        "responses": {"200": {"description": "Stored; the body is empty."}},
    }


def _low_level_operation(name: str) -> dict[str, Any]:
    return {
        "tags": ["Low-level ingest"],
        "summary": f"Ingest rows as clients of {name} do",
        "description": LOW_LEVEL_TEXT,
        "operationId": f"ingest{name.capitalize()}",
        "parameters": [_parameter("stream", "path", True, STRING)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _rows_schema()}},
        },
        "responses": {"200": {"description": "Stored; the body is empty."}},
    }


def encoded(root_path: str = "") -> bytes:
    """The document as the text of the file; with the path at which a proxy shows the server."""
    made = document()
    for server in made["servers"] if root_path else ():
        server["url"] = root_path + server["url"].rstrip("/")
    return (json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


if __name__ == "__main__":
    FILE.write_bytes(encoded())
