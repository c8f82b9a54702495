"""The produced OpenAPI document: from the controllers, with the hot path added; and its page.

`python -m controlplane.openapi` writes openapi/tailrace.json; a test fails when it is not current.
"""

from __future__ import annotations

import html
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from controlplane.api.routes import API_PREFIX, CONTROLLERS, DEPENDENCIES
from controlplane.api.system import HANDLERS
from controlplane.permissions import OPEN_OPERATIONS
from controlplane.problems import ErrorResponse

FILE: Final = Path("openapi/tailrace.json")
ERROR_REFERENCE: Final = {"$ref": "#/components/schemas/ErrorResponse"}
ERROR_TEXTS: Final = {
    "400": "The request breaks a rule.",
    "401": "Credentials are missing or malformed.",
    "403": "The credentials are not enough.",
    "404": "Unknown name, id or workspace.",
    "429": "Overload; try again after Retry-After seconds.",
    "500": "Unexpected; the outcome is unknown.",
}
SECURITY: Final = {
    "ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "BasicAuth": {"type": "http", "scheme": "basic"},
}
# Open operations that judge credentials all the same.
WITH_CREDENTIALS_INSIDE: Final = frozenset({"login"})
INGEST_TEXT: Final = (
    "Store one body as one append, whole or not at all; answered when it is durable. The query "
    "parameter `format` wins over the content type. Header `x-timeplus-idempotent-id` or "
    "`Idempotency-Key` makes a repetition harmless. `Content-Encoding: gzip` is understood."
)


def document() -> dict[str, Any]:
    """The document as a dictionary."""
    app = Litestar(
        route_handlers=[Router(API_PREFIX, route_handlers=list(CONTROLLERS)), *HANDLERS],
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Tailrace",
            version=version("tailrace"),
            description="Streaming SQL over REST, v1beta2.",
            render_plugins=[JsonRenderPlugin()],
        ),
        dependencies={name: Provide(lambda: None, sync_to_thread=False) for name in DEPENDENCIES},
    )
    produced: dict[str, Any] = app.openapi_schema.to_schema()
    produced["servers"] = [
        {"url": "/", "description": "The default workspace."},
        {
            "url": "/{workspace}",
            "description": "A workspace by name.",
            "variables": {"workspace": {"default": "default"}},
        },
    ]
    produced["paths"][f"{API_PREFIX}/streams/{{name}}/ingest"] = {"post": _ingest_operation()}
    components = produced.setdefault("components", {})
    components["securitySchemes"] = SECURITY
    components.setdefault("schemas", {})["ErrorResponse"] = _error_schema()
    for path, item in produced["paths"].items():
        for operation in item.values():
            _finish(path, operation)
    produced["paths"] = dict(sorted(produced["paths"].items()))
    return produced


def _error_schema() -> dict[str, Any]:
    _, components = msgspec.json.schema_components([ErrorResponse])
    return components["ErrorResponse"]


def _finish(path: str, operation: dict[str, Any]) -> None:
    """Errors and security as they are; the framework's own guesses go."""
    responses: dict[str, Any] = operation["responses"]
    for status in [status for status in responses if status >= "400" and status != "503"]:
        del responses[status]
    if operation["operationId"] in OPEN_OPERATIONS:
        operation["security"] = []
        if operation["operationId"] not in WITH_CREDENTIALS_INSIDE:
            return
    else:
        operation["security"] = [{name: []} for name in SECURITY]
    for status, text in ERROR_TEXTS.items():
        if status == "404" and "{" not in path:
            continue
        content = {"application/json": {"schema": ERROR_REFERENCE}}
        responses[status] = {"description": text, "content": content}


def _ingest_operation() -> dict[str, Any]:
    def text(name: str, place: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": place, "required": required, "schema": schema}

    string = {"type": "string"}
    rows = {"type": "array", "items": {"type": "array", "items": {}}}
    compact = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {"columns": {"type": "array", "items": string}, "data": rows},
    }
    bodies = {
        "application/json": compact,
        "application/json;format=streaming": {"type": "object"},
        "application/x-ndjson": string,
        "text/plain": string,
        "text/plain;format=lines": string,
    }
    formats = {"type": "string", "enum": ["compact", "streaming", "raw", "lines"]}
    return {
        "tags": ["Streams"],
        "summary": "Ingest rows",
        "description": INGEST_TEXT,
        "operationId": "ingestStream",
        "parameters": [
            text("name", "path", True, string),
            text("format", "query", False, formats),
            text("db", "query", False, string),
            text("x-timeplus-idempotent-id", "header", False, string),
        ],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": schema} for media, schema in bodies.items()},
        },
        "responses": {
            "200": {"description": "Stored; the body is empty."},
            "413": {"description": "A size limit was passed."},
            "507": {"description": "The disk is full; try again after Retry-After seconds."},
        },
    }


def encoded() -> bytes:
    """The document as the text of the file."""
    return (json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


PAGE_HEAD: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Tailrace API</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1d2733;background:#fff}code{font-size:.95em}
h2{margin-top:2.5rem;border-bottom:1px solid #ccd}
article{margin:1.2rem 0}b{display:inline-block;min-width:4.5rem;color:#0a5c8a}
p{margin:.2rem 0 .2rem 4.8rem}small{color:#556}
@media(prefers-color-scheme:dark){body{background:#12171d;color:#dde5ee}b{color:#6cc0f0}
small{color:#9ab}}</style></head><body><h1>Tailrace API</h1>
<p style="margin-left:0">The machine-readable form is <a href="/openapi.json">/openapi.json</a>.
Addresses are also valid behind <code>/{workspace}</code>.</p>
"""


def page(produced: bytes) -> bytes:
    """One page of HTML that lists every operation, without scripts or outside resources."""
    groups: dict[str, list[str]] = {}
    for path, item in json.loads(produced)["paths"].items():
        for method, operation in item.items():
            group = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(group, []).append(_entry(path, method, operation))
    parts = [PAGE_HEAD]
    for group in sorted(groups):
        parts.append(f"<h2>{html.escape(group)}</h2>\n")
        parts += groups[group]
    return "".join([*parts, "</body></html>\n"]).encode()


def _entry(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = ", ".join(
        f"{p['name']}{'' if p.get('required') else '?'}" for p in operation.get("parameters", [])
    )
    statuses = " ".join(sorted(operation["responses"]))
    text = html.escape(operation.get("description") or operation.get("summary") or "")
    return (
        f'<article id="{operation["operationId"]}"><b>{method.upper()}</b>'
        f"<code>{html.escape(path)}</code><p>{text}</p>"
        f"<p><small>{html.escape(parameters)}{' · ' if parameters else ''}{statuses}</small></p>"
        "</article>\n"
    )


if __name__ == "__main__":
    FILE.write_bytes(encoded())
