"""Links of the OpenAPI document: from what was made to what can be asked of it."""

from __future__ import annotations

from typing import Any, Final

# The field of an answer, or of the request where the answer has no body, that an address ends with.
FIELDS: Final = ("id", "name", "username")


def add_links(document: dict[str, Any]) -> None:
    """Let each operation that answers 201 say where the object lies: a link for every operation on
    an address that has one parameter more. The objects' own fields decide; nothing is named here.
    """
    paths: dict[str, dict[str, Any]] = document["paths"]
    for path, item in paths.items():
        made = item.get("post", {}).get("responses", {}).get("201")
        if made is None:
            continue
        links: dict[str, Any] = {}
        for below, others in paths.items():
            parameter = _parameter_below(path, below)
            source = parameter and _source(document, item["post"], made, parameter)
            if source:
                for operation in others.values():
                    links[operation["operationId"]] = {
                        "operationId": operation["operationId"],
                        "parameters": {f"path.{parameter}": source},
                    }
        if links:
            made["links"] = dict(sorted(links.items()))


def _parameter_below(path: str, below: str) -> str:
    """The parameter that `below` has as the part after `path`, if it has no other; '' otherwise."""
    first, _, rest = below.removeprefix(f"{path}/").partition("/")
    if below.startswith(f"{path}/{{") and "{" not in rest:
        return first.strip("{}")
    return ""


def _source(
    document: dict[str, Any], operation: dict[str, Any], made: dict[str, Any], parameter: str
) -> str:
    """Where the parameter's value stands: the answer first, then the request; '' for nowhere."""
    fields = (parameter, *FIELDS) if parameter == "name" else (parameter,)
    for where, body in (("response", made), ("request", operation.get("requestBody", {}))):
        known = _fields(document, body)
        for field in fields:
            if field in known:
                return f"${where}.body#/{field}"
    return ""


def _fields(document: dict[str, Any], body: dict[str, Any]) -> frozenset[str]:
    """Names of the fields of a JSON body."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    reference = schema.get("$ref", "").rpartition("/")[2]
    if reference:
        schema = document["components"]["schemas"][reference]
    return frozenset(schema.get("properties", {}))
