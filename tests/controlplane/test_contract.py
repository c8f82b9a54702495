"""The produced document keeps the promised contract: one comparison for each operation."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from controlplane import openapi
from tests.controlplane import promised
from tests.controlplane.promised import Reader, address, title
from tests.tidy.sources import ROOT

NAME = "v1beta2"
# The time-series APIs by the tag and the error body of all their operations.
SERIES = {
    "kronicle": ("Kronicle", "KronicleError"),
    "timedb": ("TimeDB", "TimeDBError"),
    "opensynaptic": ("OpenSynaptic", "OpenSynapticError"),
}
# Calls of later clients than those that are promised to work (docs/kronicle.md).
LATER = frozenset({"Zones"})
OPERATIONS = promised.operations(NAME)
EVERY = OPERATIONS + [
    one for api in SERIES for one in promised.operations(api) if one["group"] not in LATER
]
# Parameters beyond the contract; each may be left out.
EXTRA_PARAMETERS = frozenset({
    "force", "db", "x-timeplus-idempotent-id", "idempotency-key", "status", "user", "text",
})  # fmt: skip
# Statuses that section 1.5 of the contract gives to every operation.
GENERAL = frozenset({"400", "401", "403", "404", "408", "413", "415", "429", "500", "507"})
# And those that any operation of a time-series API may answer beside them.
SERIES_GENERAL = frozenset({"409", "422", "503"})
# Operations that answer in a second way to what one field of the request asks for.
ALSO = {"createQuery": {"204"}, "execute": {"204"}}
# Groups whose bodies the contract describes in its text alone, and that ask for no credentials.
PROBES = frozenset({"Health"})


@cache
def document() -> dict[str, Any]:
    """The document, which test_openapi.py holds against what is produced."""
    return json.loads((ROOT / openapi.FILE).read_bytes())


def shown(operation: dict[str, Any]) -> dict[str, Any]:
    """The produced operation at the promised place."""
    item = document()["paths"].get(address(operation), {})
    found = item.get(operation["method"].lower())
    assert found is not None, f"{title(operation)} is missing"
    return found


every = pytest.mark.parametrize("operation", EVERY, ids=title)


def test_the_contract_has_all_its_operations() -> None:
    counts = promised.contract(NAME)["counts"]["by_tier"]
    assert len(OPERATIONS) == sum(counts[tier] for tier in promised.TIERS) == 115
    assert [len(promised.operations(api)) for api in SERIES] == [39, 11, 7]


@every
def test_group_and_parameters(operation: dict[str, Any]) -> None:
    found = shown(operation)
    api = operation["api"]
    assert found["tags"] == [SERIES[api][0] if api in SERIES else operation["group"]]
    given = {(p["name"], p["in"]): p.get("required", False) for p in found.get("parameters", ())}
    wanted = {(p["name"], p["in"]): p["required"] for p in operation["parameters"]}
    assert {key: given.get(key) for key in wanted} == wanted
    extra = {key: required for key, required in given.items() if key not in wanted}
    assert {name for name, _ in extra} <= EXTRA_PARAMETERS
    assert not any(extra.values()), extra


@every
def test_request_bodies(operation: dict[str, Any]) -> None:
    body = shown(operation).get("requestBody", {})
    media = operation.get("request_content_types", ["application/json"])
    if operation["request_schema"] is None:
        assert body == {}
        return
    assert set(media) <= set(body["content"])
    reader = Reader(operation["api"], document(), asked=True)
    schema = body["content"]["application/json"]["schema"]
    fields = operation.get("request_fields", {})
    differences = list(reader.request(fields, schema))
    assert differences == []
    if any(field["required"] for field in fields.values()):
        assert body["required"] is True


@every
def test_response_bodies(operation: dict[str, Any]) -> None:
    success = shown(operation)["responses"][str(operation["success_status"])]
    if operation["response_schema"] is None:
        assert ("content" in success) == (operation["group"] in PROBES)
        return
    media = operation.get("response_content_type", "application/json")
    assert set(success["content"]) == {media}
    schema = success["content"][media]["schema"]
    if operation["response_schema"].startswith("array<"):  # a list, or the one that is named
        lists = [one for one in schema.get("oneOf", ()) if one.get("type") == "array"]
        schema = lists[0] if lists else schema
    if media == "text/event-stream":  # what the first event carries is promised
        schema = schema["properties"]["data"]["contentSchema"]["anyOf"][0]
    reader = Reader(operation["api"], document())
    assert list(reader.fits(operation["response_schema"], schema, "body")) == []
    fields = operation.get("response_fields") or {}
    assert list(reader.response(fields, schema)) == []


@every
def test_statuses(operation: dict[str, Any]) -> None:
    found = shown(operation)
    statuses = set(found["responses"])
    good = {status for status in statuses if status < "300"}
    assert good == {str(operation["success_status"]), *ALSO.get(found["operationId"], ())}
    wanted = {str(status) for status in operation["error_statuses"]}
    assert wanted <= statuses
    series = SERIES.get(operation["api"])
    assert statuses - good - wanted <= GENERAL | (SERIES_GENERAL if series else set())
    if operation["group"] not in PROBES and operation.get("authentication") != "none":
        assert {"401", "403"} <= statuses
    error = series[1] if series else "ErrorResponse"
    for status in statuses - good - (set() if series else {"503"}):
        schema = found["responses"][status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{error}"}, status


def test_what_is_not_promised_is_an_extension() -> None:
    places = {(o["method"].lower(), address(o)) for o in EVERY}
    beyond = {
        f"{method} {path}": operation["tags"]
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if (method, path) not in places
    }
    beyond = {place: tags for place, tags in beyond.items() if tags != ["Extensions"]}
    # Spellings that one group of Kronicle's routes has are good in the other too.
    assert beyond == {
        "get /data/v1/schemas/column_types": ["Kronicle"],
        "get /data/v1/schemas/columns_types": ["Kronicle"],
        "get /setup/v1/schemas/columns/types": ["Kronicle"],
    }


def test_what_is_left_out_on_purpose_is_not_there() -> None:
    left_out = [o for o in promised.contract(NAME)["operations"] if o["tier"] == "skip"]
    assert len(left_out) == 19
    paths = document()["paths"]
    assert [title(o) for o in left_out if o["method"].lower() in paths.get(address(o), {})] == []


@pytest.mark.parametrize("path", sorted(promised.FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_every_promised_contract_has_one_form(path: Any) -> None:
    content = promised.contract(path.stem)
    schemas = content["schemas"]
    keys = {
        "method", "path", "group", "summary", "tier", "success_status", "error_statuses",
        "parameters", "request_schema", "response_schema",
    }  # fmt: skip
    seen: set[str] = set()
    for operation in content["operations"]:
        assert keys <= set(operation), title(operation)
        assert title(operation) not in seen
        seen.add(title(operation))
        in_path = set(re.findall(r"{(\w+)}", operation["path"]))
        named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert in_path == named, title(operation)
        if operation["tier"] == "skip":
            continue
        types = [operation["request_schema"], operation["response_schema"]]
        for kind in types:
            assert kind is None or _known(kind, schemas), (title(operation), kind)
    for name, schema in schemas.items():
        for field, value in schema["fields"].items():
            assert _known(value["type"], schemas), (name, field, value["type"])


def _known(kind: str, schemas: dict[str, Any]) -> bool:
    inner = promised.CONTAINER.fullmatch(kind)
    if inner is not None:
        return _known(inner[2].removeprefix("string,"), schemas)
    plain = kind.partition("<")[0].partition("{")[0]
    return plain in {*promised.SIMPLE, "object", "any"} or kind in schemas


BREAKS: dict[str, tuple[Any, str, Callable[[dict[str, Any], dict[str, Any]], Any]]] = {
    "no parameter": (
        test_group_and_parameters, "GET /v1beta2/sources/{id}/stats",
        lambda operation, _: operation["parameters"].pop(),
    ),
    "an optional parameter": (
        test_group_and_parameters, "GET /v1beta2/sources/{id}/logs",
        lambda operation, _: operation["parameters"][1].update(required=False),
    ),
    "another group": (
        test_group_and_parameters, "GET /v1beta2/streams",
        lambda operation, _: operation.update(tags=["Extensions"]),
    ),
    "a field more required": (
        test_request_bodies, "POST /v1beta2/streams",
        lambda _, schemas: schemas["StreamDef"]["required"].append("columns"),
    ),
    "a field unknown": (
        test_request_bodies, "POST /v1beta2/streams",
        lambda _, schemas: schemas["StreamDef"]["properties"].pop("ttl_expression"),
    ),
    "a field of another type": (
        test_request_bodies, "POST /v1beta2/streams",
        lambda _, schemas: schemas["StreamDef"]["properties"].update(mode={"type": "integer"}),
    ),
    "a media type less": (
        test_request_bodies, "POST /v1beta2/streams/{name}/ingest",
        lambda operation, _: operation["requestBody"]["content"].pop("text/plain"),
    ),
    "a field that may be absent": (
        test_response_bodies, "GET /v1beta2/streams",
        lambda _, schemas: schemas["Stream"]["required"].remove("ttl"),
    ),
    "a field that may be null": (
        test_response_bodies, "GET /v1beta2/streams/{name}",
        lambda _, schemas: schemas["Stream"]["properties"].update(ttl={"type": ["string", "null"]}),
    ),
    "a field inside of another type": (
        test_response_bodies, "GET /v1beta2/streams/{name}",
        lambda _, schemas: schemas["ColumnsResp"]["properties"].update(name={"type": "integer"}),
    ),
    "another enumeration": (
        test_response_bodies, "GET /v1beta2/users",
        lambda _, schemas: schemas["User"]["properties"]["role"]["enum"].append("reader"),
    ),
    "a body where there is none": (
        test_response_bodies, "POST /v1beta2/users",
        lambda operation, _: operation["responses"]["201"].update(content={}),
    ),
    "another success": (
        test_statuses, "POST /v1beta2/sources/{id}/start",
        lambda operation, _: operation["responses"].update({"202": {}}),
    ),
    "an error less": (
        test_statuses, "PATCH /v1beta2/streams/{name}",
        lambda operation, _: operation["responses"].pop("501"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_document_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison, name, break_it = BREAKS[what]
    operation = next(one for one in OPERATIONS if title(one) == name)
    broken = copy.deepcopy(document())
    found = broken["paths"][address(operation)][operation["method"].lower()]
    break_it(found, broken["components"]["schemas"])
    comparison(operation)
    monkeypatch.setattr(f"{__name__}.document", lambda: broken)
    with pytest.raises(AssertionError):
        comparison(operation)


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("User", {"role": "reader", "username": "a"}, "body.role is 'reader'"),
        ("User", {"role": "admin"}, "body.username is absent"),
        ("User", {"role": "admin", "username": None}, "body.username is None"),
        ("array<User>", [{"role": "admin", "username": 7}], "body[].username is 7"),
        ("array<string>", {}, "body is {}"),
        ("map<string,integer>", {"a": True}, "body[] is True"),
        ("GlobalMetricsResult", [], "body is []"),
    ],
)
def test_a_broken_answer_is_found(kind: str, value: Any, fault: str) -> None:
    assert [text for text in promised.faults(NAME, kind, value) if text.startswith(fault)] != []
