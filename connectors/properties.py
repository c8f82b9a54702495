"""Properties of a connector: validated against its configuration struct, described as schema."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from engine.errors import UserError

_MISSING = re.compile(r"missing required field `([^`]+)`")
_AT = re.compile(r" - at `\$\.([^`]+)`$")
_OWN = frozenset({"title", "description"})


def parse(config: type[msgspec.Struct], properties: dict[str, Any]) -> Any:
    """A `config` from user-given properties; raises UserError (400) naming the property.

    As the contract wants: null and empty text mean absent, unknown names are ignored, numbers and
    booleans may come as text, and nested properties may come dotted (`"tls.disable": true`).
    """
    try:
        return msgspec.convert(_normalised(properties), config, strict=False)
    except msgspec.ValidationError as error:
        raise UserError(_explain(str(error)), 400, "orbit") from error


def _normalised(properties: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None or value == "":
            continue
        target = result
        *parents, leaf = name.split(".")
        for parent in parents:
            inner = target.setdefault(parent, {})
            if not isinstance(inner, dict):
                break
            target = inner
        target[leaf] = _normalised(value) if isinstance(value, dict) else value
    return result


def _explain(message: str) -> str:
    place = _AT.search(message)
    where = place[1] if place else ""
    plain = _AT.sub("", message)
    missing = _MISSING.search(message)
    if missing:
        name = f"{where}.{missing[1]}" if where else missing[1]
        return f"The property {name!r} is required."
    if where:
        return f"The property {where!r} does not fit: {plain[0].lower()}{plain[1:]}."
    return f"The properties do not fit: {plain[0].lower()}{plain[1:]}."


def schema(config: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema of a configuration, with references inlined; secrets carry `writeOnly`."""
    (root,), components = msgspec.json.schema_components([config], ref_template="#/{name}")
    return _inlined(root, components)


def _inlined(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            found = _inlined(components[str(node["$ref"]).removeprefix("#/")], components)
            # What the property says of itself stands before what its type says.
            return {**found, **{key: node[key] for key in _OWN & node.keys()}}
        return {key: _inlined(value, components) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(value, components) for value in node]
    return node


def secret_names(config: type[msgspec.Struct]) -> frozenset[str]:
    """Dotted names of the secret properties."""
    return frozenset(_secrets(schema(config), ""))


def _secrets(node: dict[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, value in node.get("properties", {}).items():
        if value.get("writeOnly"):
            found.append(prefix + name)
        found += _secrets(value, f"{prefix}{name}.")
    return found
