"""What the promised contracts under openapi/promised say, and how far a document keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "openapi" / "promised"
# Of a contract's tiers, those that are to be built.
TIERS = ("required", "recommended", "optional")
CONTAINER = re.compile(r"(array|map)<(.*)>")
# Fields that a client may send back with an object; the server writes them and ignores these.
WRITTEN_HERE = frozenset({
    "created_at", "created_by", "last_modified_at", "last_modified_by", "last_updated_at",
    "last_updated_by",
})  # fmt: skip
SIMPLE = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}


@cache
def contract(name: str) -> dict[str, Any]:
    """One contract as it stands in the file."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def operations(name: str) -> list[dict[str, Any]]:
    """The operations of a contract that are to be built; each says of which it is (`api`)."""
    found = [one for one in contract(name)["operations"] if one["tier"] in TIERS]
    return [{**one, "api": name} for one in found]


def title(operation: dict[str, Any]) -> str:
    """An operation's name in a list of tests."""
    return f"{operation['method']} {operation['path']}"


def address(operation: dict[str, Any]) -> str:
    """Where an operation of v1beta2 stands without a workspace."""
    path = str(operation["path"])
    return f"/api{path}" if path.startswith(("/v1beta2/", "/info")) else path


class Reader:
    """Compares what a contract promises with the schemas of an OpenAPI document: for a body that
    the server sends, or for one that it gets (`asked`), where less may be required than promised
    for the objects inside."""

    def __init__(self, name: str, document: dict[str, Any], *, asked: bool = False) -> None:
        self._asked = asked
        self._promised = contract(name)["schemas"]
        self._shown = document["components"]["schemas"]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema without references and without the alternative null."""
        while True:
            if "$ref" in schema:
                schema = self._shown[schema["$ref"].rpartition("/")[2]]
            elif "oneOf" in schema or "anyOf" in schema:
                both = schema.get("oneOf") or schema["anyOf"]
                left = [one for one in both if one.get("type") != "null"]
                if len(left) != 1:
                    return schema
                schema = left[0]
            else:
                return schema

    def nullable(self, schema: dict[str, Any]) -> bool:
        """Whether null may stand for a value."""
        both = schema.get("oneOf") or schema.get("anyOf") or [schema]
        kinds = {kind for one in both for kind in _kinds(one)}
        return "null" in kinds

    def request(self, promised: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
        """How a request body differs: other fields required, fields unknown or of another type."""
        found = self.resolved(schema)
        properties: dict[str, Any] = found.get("properties", {})
        wanted = {name for name, field in promised.items() if field["required"]}
        if wanted != set(found.get("required", ())):
            yield f"requires {sorted(found.get('required', ()))}, promised is {sorted(wanted)}"
        for name, field in promised.items():
            if name in properties:
                yield from self.fits(field["type"], properties[name], name)
            elif name not in WRITTEN_HERE:
                yield f"does not know the field {name}"

    def response(self, promised: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
        """How a response body differs: fields that may be absent, be null or be of another type."""
        found = self.resolved(schema)
        if found.get("type") == "array":
            found = self.resolved(found["items"])
        elif "properties" not in found and isinstance(found.get("additionalProperties"), dict):
            found = self.resolved(found["additionalProperties"])
        yield from self._fields(promised, found, "")

    def _fields(
        self, promised: dict[str, Any], found: dict[str, Any], within: str
    ) -> Iterator[str]:
        properties: dict[str, Any] = found.get("properties", {})
        for name, field in promised.items():
            where = f"{within}{name}"
            if self._asked:
                if name not in properties:
                    yield f"does not know the field {where}"
                elif name in found.get("required", ()) and not field["required"]:
                    yield f"requires {where}"
            elif field["required"] and name not in found.get("required", ()):
                yield f"{where} may be absent"
            elif field["required"] and field["type"] != "any" and self.nullable(properties[name]):
                yield f"{where} may be null"
            if name in properties:
                yield from self.fits(field["type"], properties[name], where)
                if not self._asked:
                    yield from _enums(field, self.resolved(properties[name]), where)

    def fits(self, promised: str, schema: dict[str, Any], where: str) -> Iterator[str]:
        """How the type of a value differs from the promised one."""
        found = self.resolved(schema)
        kinds = _kinds(found) - {"null" if self._asked else ""}
        inner = CONTAINER.fullmatch(promised)
        if promised in SIMPLE or promised.startswith("string<"):
            wanted = SIMPLE[promised.partition("<")[0]]
            allowed = {"number": {"number", "integer"}}.get(wanted, {wanted})
            # A request may take more than is promised.
            more = [_kinds(one) for one in found.get("oneOf", found.get("anyOf", [{}]))]
            wide = self._asked and not kinds and any(one <= allowed for one in more)
            if not wide and (not kinds or not kinds <= allowed):
                yield f"{where} is {sorted(kinds)}, promised is {promised}"
        elif inner is not None:
            wanted = {"array": "array", "map": "object"}[inner[1]]
            if kinds != {wanted}:
                yield f"{where} is {sorted(kinds)}, promised is {promised}"
                return
            key = "items" if wanted == "array" else "additionalProperties"
            element = inner[2].removeprefix("string,")
            if element != "any" and isinstance(found.get(key), dict):
                yield from self.fits(element, found[key], f"{where}[]")
        elif promised != "any":
            if kinds != {"object"}:
                yield f"{where} is {sorted(kinds)}, promised is {promised}"
            elif promised in self._promised and found.get("properties"):
                yield from self._fields(self._promised[promised]["fields"], found, f"{where}.")


def _kinds(schema: dict[str, Any]) -> set[str]:
    kinds = schema.get("type", ())
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    if not found and "enum" in schema:
        found = {"string"}
    return found


def _enums(field: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[str]:
    promised = field.get("enum")
    if promised and not set(schema.get("enum", ())) <= set(promised):
        yield f"{where} may be {schema['enum']}, promised are {promised}"
    if promised and "enum" not in schema and "const" not in schema:
        yield f"{where} does not say that it is one of {promised}"


def faults(name: str, kind: str, value: Any, where: str = "body") -> Iterator[str]:
    """Where a value that a server sent is not of a promised type: fields that are absent or null
    though required, texts outside an enumeration, values of another kind."""
    schemas = contract(name)["schemas"]
    inner = CONTAINER.fullmatch(kind)
    if inner is not None:
        wanted: type = list if inner[1] == "array" else dict
        if not isinstance(value, wanted):
            yield f"{where} is {value!r}, promised is {kind}"
            return
        parts = list(value.values()) if isinstance(value, dict) else value
        for part in parts:
            yield from faults(name, inner[2].removeprefix("string,"), part, f"{where}[]")
    elif kind in schemas and schemas[kind]["fields"]:
        if not isinstance(value, dict):
            yield f"{where} is {value!r}, promised is {kind}"
            return
        yield from fields_faults(name, schemas[kind]["fields"], value, where)
    elif not _is(kind, value):
        yield f"{where} is {value!r}, promised is {kind}"


def fields_faults(
    name: str, fields: dict[str, Any], value: dict[str, Any], where: str = "body"
) -> Iterator[str]:
    """The same for the fields of an object."""
    for field, promise in fields.items():
        place = f"{where}.{field}"
        if field not in value:
            if promise["required"]:
                yield f"{place} is absent"
            continue
        yield from faults(name, promise["type"], value[field], place)
        if "enum" in promise and value[field] not in promise["enum"]:
            yield f"{place} is {value[field]!r}, promised are {promise['enum']}"


def _is(kind: str, value: Any) -> bool:
    """Whether a value is of a type without parts."""
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool,
    }  # fmt: skip
    return isinstance(value, kinds.get(kind.partition("<")[0], dict))
