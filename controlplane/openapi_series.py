"""The time-series APIs in the OpenAPI document: their errors, credentials and undecoded bodies."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.openapi.spec import Operation

from controlplane.compat.callers import SERIES_API, SERIES_BODY, SERIES_NEEDS
from controlplane.openapi_series_examples import (
    BODIES,
    EXAMPLES,
    NAMES,
    NEEDED,
    PARAMETERS,
)
from controlplane.openapi_series_examples import KRONICLE as UNDECLARED
from engine.owned_names import KRONICLE, OPENSYNAPTIC, TIMEDB

REFERENCE: Final = "#/components/schemas/{name}"
# Key of an operation's own class, which may hold what is documented of its body.
OWN: Final = "operation_class"
_TEXT: Final = {"type": "string"}
# The error body of each API, by the name of its schema.
ERRORS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    KRONICLE: (
        "KronicleError",
        {
            "type": "object",
            "required": ["status", "error", "message", "path", "method", "request_id"],
            "properties": {
                "status": {"type": "integer"},
                "error": {
                    "type": "string",
                    "enum": [
                        "BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict",
                        "ValidationError", "InternalServerError", "HTTPError",
                    ],
                },
                "message": _TEXT,
                "details": {"type": "object"},
                "path": _TEXT,
                "method": _TEXT,
                "request_id": _TEXT,
            },
        },
    ),
    TIMEDB: (
        "TimeDBError",
        {
            "type": "object",
            "required": ["detail"],
            "properties": {"detail": {"anyOf": [_TEXT, {"type": "array", "items": {}}]}},
        },
    ),
    OPENSYNAPTIC: (
        "OpenSynapticError",
        {
            "type": "object",
            "required": ["ok", "error"],
            "properties": {"ok": {"type": "boolean"}, "error": _TEXT, "packet_uuid": _TEXT},
        },
    ),
}  # fmt: skip
TEXTS: Final = {
    "400": "The request breaks a rule.",
    "401": "Credentials are missing, wrong or expired.",
    "403": "The credentials are not enough.",
    "404": "There is no such thing.",
    "408": "The body did not come to its end in time.",
    "409": "A name or id is taken, or something depends on what is to go.",
    "413": "A size limit was passed.",
    "415": "The content type cannot be used here.",
    "422": "A field is missing or of another type.",
    "429": "Overload; try again after Retry-After seconds.",
    "500": "Unexpected; the outcome is unknown.",
    "503": "The store is switched off, or wants an admin token that is not set.",
    "507": "The disk is full; try again after Retry-After seconds.",
}
ALWAYS: Final = ("401", "403", "429", "500")
OF_API: Final[dict[str, tuple[str, ...]]] = {
    KRONICLE: ("400", "404", "409", "422"),
    TIMEDB: ("400", "404", "409", "422"),
    OPENSYNAPTIC: ("503",),
}
WITH_PATH: Final = ("400", "404")
WITH_BODY: Final = ("400", "408", "413", "415", "507")


class SeriesOperations:
    """The operations of an application that are of a time-series API."""

    def __init__(self, app: Litestar) -> None:
        self._options: dict[str, dict[str, Any]] = {}
        for route in app.routes:
            for handler in getattr(route, "route_handlers", ()):
                if SERIES_API in handler.opt:
                    self._options[str(handler.operation_id)] = {
                        **handler.opt,
                        OWN: handler.operation_class,
                    }

    def add_schemas(self, schemas: dict[str, Any]) -> None:
        """The schemas of what the framework does not see: errors, and bodies that handlers pass
        on as they are."""
        schemas.update(dict(ERRORS.values()))
        for options in self._options.values():
            if SERIES_BODY in options:
                _, found = msgspec.json.schema_components(
                    [options[SERIES_BODY]], ref_template=REFERENCE
                )
                schemas.update({name: schemas.get(name, schema) for name, schema in found.items()})

    def finish(self, operation: dict[str, Any]) -> None:
        """Its errors as its API sends them; nothing for an operation of v1beta2."""
        options = self._options.get(operation["operationId"])
        if options is None:
            return
        _add_parameters(operation)
        if options[OWN] is not Operation:
            operation["requestBody"] = options[OWN]().request_body.to_schema()
        if SERIES_BODY in options:
            name = options[SERIES_BODY].__name__
            schema = {"$ref": REFERENCE.format(name=name)}
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"required": True, "content": content}
        name = operation["operationId"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if name in BODIES:
                content["example"] = BODIES[name]
        closed = SERIES_NEEDS in options
        if not closed:
            operation["security"] = []
        kept = {k: v for k, v in operation["responses"].items() if k < "400"}
        operation["responses"] = kept | _errors(options[SERIES_API], operation, closed)


def _add_parameters(operation: dict[str, Any]) -> None:
    """Those that the handler reads itself; and an example for each."""
    name, tag = operation["operationId"], operation["tags"][0]
    for one in PARAMETERS.get(name, ()):
        schema, example = UNDECLARED[one]
        found = {"name": one, "in": "query", "required": False, "schema": schema}
        if schema["type"] == "object":
            found["style"] = "deepObject"
        operation.setdefault("parameters", []).append({**found, "example": example})
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "name":
            parameter["example"] = NAMES[tag]
        elif parameter["name"] in EXAMPLES:
            parameter["example"] = EXAMPLES[parameter["name"]]
        if NEEDED.get(name) == parameter["name"]:
            parameter["required"] = True


def _errors(api: str, operation: dict[str, Any], closed: bool) -> dict[str, Any]:
    with_body = "requestBody" in operation
    if not closed and not with_body:
        return {}  # probes
    statuses = {*ALWAYS, *OF_API[api]}
    if with_body:
        statuses |= set(WITH_BODY)
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses |= set(WITH_PATH)
    name, _ = ERRORS[api]
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}}
    return {
        status: {"description": TEXTS[status], "content": content} for status in sorted(statuses)
    }
