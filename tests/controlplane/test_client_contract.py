"""The Python client against the contract: no operation without a call, no field without a place."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest

from controlplane import client as facade
from controlplane import openapi
from controlplane.clientlib import answers, definitions, errors, installation
from controlplane.clientlib.calls import Call
from tests.controlplane.client_calls import NAME, described, operations

CALLS = [(group, name) for group, name, _ in operations()]
# For browsers and for other tools; `server.ready` says what /healthz does and more.
OTHERS = {
    ("post", "/api/v1beta2/auth/login"),
    ("post", "/api/v1beta2/auth/logout"),
    ("post", "/proton/v1/ingest/streams/x"),
    ("post", "/timeplusd/v1/ingest/streams/x"),
    ("get", "/docs"),
    ("get", "/redoc"),
    ("get", "/healthz"),
    ("get", "/openapi.json"),
    ("get", "/console/bootstrap"),
    ("get", "/console/health"),
    ("post", "/console/first-run"),
    ("post", "/api/v1beta2/queries"),  # client.query
}
# APIs that have clients of their own.
OTHER_CLIENTS = {"Kronicle", "TimeDB", "OpenSynaptic"}
# Deprecated, always empty, or what only one kind of client needs.
UNUSED = {
    ("Query", "sinks"),
    ("Session", "csrf_token"),
    ("Udf", "last_modified_at"),
    ("Udf", "last_modified_by"),
    ("StreamStats", "nodes"),
}


@cache
def document() -> dict[str, Any]:
    """The document that this control plane would publish."""
    return openapi.document()


@cache
def promised() -> dict[tuple[str, str], dict[str, Any]]:
    """Operations of the produced document by method and path, names being `x`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path, item in document()["paths"].items():
        parts = [NAME if part.startswith("{") else part for part in path.split("/")]
        for method, operation in item.items():
            own = operation.get("tags", [""])[0] not in OTHER_CLIENTS
            if own and method in ("get", "post", "put", "patch", "delete"):
                found[method, "/".join(parts)] = operation
    return found


def place(call: Call[Any]) -> tuple[str, str]:
    path = call.path if call.path.startswith("/") else f"/api/{call.path}"
    return call.method.lower(), path


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references and without `null` beside it."""
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if choice.get("type") != "null":
            return resolved(choice)
    reference = schema.get("$ref")
    return document()["components"]["schemas"][reference.split("/")[-1]] if reference else schema


def names(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_every_operation_has_a_call_and_every_call_an_operation() -> None:
    called = {place(described(group, name)) for group, name in CALLS}
    assert set(promised()) - called - OTHERS == set()
    assert called - set(promised()) == set()


@pytest.mark.parametrize(("group", "name"), CALLS, ids=[".".join(call) for call in CALLS])
def test_call_sends_and_reads_what_the_contract_says(group: str, name: str) -> None:
    call = described(group, name)
    operation = promised()[place(call)]
    parameters = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    required = {p["name"] for p in parameters if p.get("required")}
    assert required <= set(call.params) <= {p["name"] for p in parameters}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body and call.content and not call.retried and call.idempotency_id == "":
        sent = msgspec.json.decode(call.content)
        schema = resolved(body["schema"])
        assert set(sent) <= set(schema["properties"])
        assert set(schema.get("required", ())) <= set(sent)
    answer = next(v for code, v in operation["responses"].items() if code.startswith("2"))
    content = answer.get("content", {}).get("application/json", {}).get("schema")
    decoder = getattr(call.decode, "__self__", None)
    kind = getattr(decoder, "type", None)
    if kind is None:
        return
    assert content, f"{group}.{name} reads an answer that has no body"
    schema = resolved(content)
    if get_origin(kind) is list:
        assert schema["type"] == "array"
        schema, kind = resolved(schema["items"]), get_args(kind)[0]
    compare(kind, schema)


def compare(kind: Any, schema: dict[str, Any]) -> None:
    """A struct has the fields of its schema, and those below it have theirs."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    properties = schema["properties"]
    missing = {(kind.__name__, field) for field in set(properties) - names(kind)}
    assert missing <= UNUSED
    for field in msgspec.structs.fields(kind):
        inner = resolved(properties.get(field.encode_name, {}))
        types = [field.type, *get_args(field.type)]
        inner = resolved(inner.get("items", inner))
        for one in types:
            if "properties" in inner:
                compare(one, inner)


DEFINITIONS = [
    (definitions.StreamDef, "StreamDef"),
    (definitions.ColumnDef, "ColumnInput"),
    (definitions.StreamUpdate, "UpdateStreamRequest"),
    (definitions.ViewDef, "CreateViewRequest"),
    (definitions.ViewUpdate, "UpdateViewRequest"),
    (definitions.QueryDef, "CreateQueryRequestV1Beta2"),
    (definitions.SavedQueryDef, "CreateSavedQueryRequest"),
    (definitions.UdfDef, "UDFDef"),
    (definitions.SourceDef, "CreateSourceRequest"),
    (definitions.SourceUpdate, "UpdateSourceRequest"),
    (definitions.SinkDef, "CreateSinkRequest"),
    (definitions.SinkUpdate, "PatchSinkRequest"),
    (definitions.AlertDef, "CreateAlertRequest"),
    (definitions.KeyDef, "CreateAPIKeyRequest"),
    (definitions.DashboardDef, "CreateDashboardRequest"),
    (definitions.Panel, "PanelRequest"),
    (definitions.ExternalStreamDef, "ExternalStreamDef"),
    (definitions.ExternalTableDef, "ExternalTableDef"),
    (definitions.ExternalStreamPreview, "PreviewExternalStreamRequest"),
    (definitions.SourcePreview, "SourcePreviewRequest"),
    (definitions.ConnectorTrial, "SinkCheckRequest"),
]


@pytest.mark.parametrize(("kind", "schema"), DEFINITIONS, ids=[name for _, name in DEFINITIONS])
def test_definitions_have_every_field_of_the_contract(kind: Any, schema: str) -> None:
    fields = set(document()["components"]["schemas"][schema]["properties"])
    assert (
        fields - names(kind) <= {"type"}
        if schema.startswith("CreateQuery")
        else not (fields ^ names(kind))
    )


def test_docs_name_every_call() -> None:
    page = Path("docs/client.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `client\.(\w+)` \| (.*) \|$", page, re.M)
    told = {(group, name) for group, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == set(CALLS)


def test_everything_public_is_found_in_one_module() -> None:
    for module in (answers, definitions, errors, installation):
        own = {
            n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__
        }
        public = {name for name in own if not name.startswith("_")}
        assert public - set(facade.__all__) == set()
    assert [name for name in facade.__all__ if not hasattr(facade, name)] == []
