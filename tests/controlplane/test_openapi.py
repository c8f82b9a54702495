"""The produced OpenAPI document: valid, current, complete against the routes."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from controlplane import openapi
from controlplane.api import reference
from controlplane.openapi_examples import BODIES
from controlplane.openapi_series_examples import BODIES as SERIES_BODIES
from controlplane.openapi_series_examples import PARAMETERS as SERIES_PARAMETERS
from controlplane.permissions import OPEN_OPERATIONS, OPERATIONS
from tests.controlplane.conftest import Plane
from tests.controlplane.test_contract import ALSO

ROOT = Path(__file__).parents[2]
# Tags of the time-series APIs, and which of their operations need no credentials.
SERIES = {"Kronicle", "TimeDB", "OpenSynaptic"}
OPEN_SERIES = {
    "getRoot", "kronicleLive", "kronicleReady", "kronicleVersion", "openSynapticHealth",
    "openSynapticApiHealth", "kronicleLogin", "kronicleChangePassword",
}  # fmt: skip


def operations(written: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All operations by id."""
    return {
        operation["operationId"]: operation
        for item in written["paths"].values()
        for operation in item.values()
    }


@cache
def document() -> dict[str, Any]:
    """The produced document as its readers get it; the first test holds it against the code."""
    return json.loads((ROOT / openapi.FILE).read_bytes())


def produced() -> dict[str, dict[str, Any]]:
    """All its operations by id."""
    return operations(document())


def test_the_written_document_is_current() -> None:
    assert (ROOT / "openapi" / "tailrace.json").read_bytes() == openapi.encoded()


def test_the_document_is_valid_and_complete() -> None:
    validate(document())
    series = {name for name, operation in produced().items() if set(operation["tags"]) & SERIES}
    found = {name: one for name, one in produced().items() if name not in series}
    assert set(OPERATIONS) <= set(found) <= set(OPERATIONS) | OPEN_OPERATIONS
    assert series.isdisjoint(set(OPERATIONS) | OPEN_OPERATIONS)
    assert {name for name in series if produced()[name]["security"] == []} == OPEN_SERIES
    for name, operation in found.items():
        assert (operation["security"] == []) == (name in OPEN_OPERATIONS), name


def test_success_statuses_are_those_of_the_contract() -> None:
    found = produced()
    created = {
        "createInvitation",
        "createStream", "createSource", "createAPIKey", "createUser", "createUDF", "createView",
        "createWorkspace",
        "createSavedQuery", "createDashboard", "createSchema", "createExternalStream",
        "createExternalTable", "createSink", "createAlert",
    }  # fmt: skip
    empty = {
        "deleteInvitation", "logout",
        "deleteStream", "deleteQuery", "cancelQuery", "deleteAPIKey", "deleteUser",
        "deleteSource", "startSource", "stopSource", "deleteUDF",
        "deleteSink", "startSink", "stopSink",
        "deleteAlert", "startAlert", "stopAlert", "resolveAlert",
        "updateWorkspace", "deleteWorkspace", "updateView", "deleteView", "deleteMaterializedView",
        "deleteSavedQuery", "deleteDashboard", "deleteSchema", "deleteExternalStream",
        "deleteExternalTable",
    }  # fmt: skip
    for name, operation in found.items():  # those of the time-series APIs are all 200
        expected = "201" if name in created else "204" if name in empty else "200"
        success = {status for status in operation["responses"] if status < "300"}
        assert success == {expected, *ALSO.get(name, ())}, name


@pytest.mark.parametrize("name", produced())
def test_an_operation_is_described_with_an_example(name: str) -> None:
    operation = produced()[name]
    assert operation["summary"]
    assert operation["summary"][-1] != "."
    assert operation["description"].endswith(".")
    for parameter in operation.get("parameters", ()):
        assert "example" in parameter, parameter["name"]
        assert Draft202012Validator(parameter["schema"]).is_valid(parameter["example"])
        alternatives = parameter["schema"].get("oneOf", ())
        assert [one for one in alternatives if one.get("type") in ("array", "string")] == []
    command = operation["x-codeSamples"][0]["source"]
    assert command.startswith("curl ")
    assert "{" not in command.split("'")[0].split('"')[1]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = {**content["schema"], "components": document()["components"]}
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(
            content["example"])]  # fmt: skip
        assert errors == [], media


@pytest.mark.parametrize("name", produced())
def test_a_response_has_a_model_or_no_body(name: str) -> None:
    for status, response in produced()[name]["responses"].items():
        assert response["description"].endswith("."), status
        assert response["description"] not in openapi.FRAMEWORK_TEXTS
        for content in response.get("content", {}).values():
            assert content["schema"] not in ({}, {"type": "null"}), status


def test_no_example_is_of_an_operation_that_is_not_there() -> None:
    assert set(BODIES) <= set(OPERATIONS) | OPEN_OPERATIONS
    assert set(SERIES_BODIES) | set(SERIES_PARAMETERS) <= set(produced())
    assert {name for name in BODIES if name in produced() and "requestBody" not in produced()[name]
            } == set()  # fmt: skip


async def test_the_page_loads_nothing_from_elsewhere(lite: Plane) -> None:
    page = await lite.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe-eval" not in policy
    assert re.findall(r"<script(?! src=)", page.text) == []
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert {address for address in loaded if ":" in address} == {"data:,"}
    for address in set(loaded) - {"data:,"}:
        answer = await lite.client.get(f"/{address}")
        assert answer.status_code == 200, address
    assert (await lite.client.get("/openapi.json")).content == openapi.encoded()


async def test_what_the_page_loads_is_as_it_was_published(lite: Plane) -> None:
    readme = (reference.STATIC / "swagger-ui" / "README.md").read_text(encoding="utf-8")
    assert f"# Swagger UI {reference.VERSION}\n" in readme
    sums = dict(re.findall(r"\| `(swagger-ui\S+)` \| `(\w{64})` \|", readme))
    for address, name in ((reference.SCRIPT, "swagger-ui-bundle.js"),
                          (reference.STYLE, "swagger-ui.css")):  # fmt: skip
        plain = await lite.client.get(f"/docs/{address}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert hashlib.sha256(plain.content).hexdigest() == sums[name]
        packed = await raw(lite, f"/docs/{address}")
        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in packed.headers["cache-control"]
        assert gzip.decompress(b"".join([part async for part in packed.aiter_raw()])) == (
            plain.content
        )


async def raw(lite: Plane, path: str) -> httpx.Response:
    """An answer whose body is not unpacked."""
    request = lite.client.build_request("GET", path, headers={"Accept-Encoding": "gzip"})
    return await lite.client.send(request, stream=True)


@pytest.mark.parametrize("path", ["/docs/x", "/docs/README.md", "/docs/..%2Fapp.py"])
async def test_nothing_else_is_below_the_page(lite: Plane, path: str) -> None:
    answer = await lite.client.get(path)
    assert (answer.status_code, answer.json()["system"]) == (404, "neutron")


def test_what_is_made_is_linked_to_what_can_be_asked_of_it() -> None:
    found = produced()
    linked: dict[str, set[str]] = {}
    for name, operation in found.items():
        for link in operation["responses"].get("201", {}).get("links", {}).values():
            target = found[link["operationId"]]
            linked.setdefault(name, set()).add(target["operationId"])
            wanted = {f"path.{p['name']}" for p in target["parameters"] if p["in"] == "path"}
            assert set(link["parameters"]) == wanted
            (source,) = link["parameters"].values()
            where, field = re.fullmatch(r"\$(response|request)\.body#/(\w+)", source).groups()  # type: ignore[union-attr]
            body = (
                operation["responses"]["201"] if where == "response" else operation["requestBody"]
            )
            reference = body["content"]["application/json"]["schema"]["$ref"]
            assert (
                field in document()["components"]["schemas"][reference.split("/")[-1]]["required"]
            )
    assert linked["createSource"] == {
        "deleteSource", "getSource", "getSourceLogs", "getSourceStats", "patchSource",
        "replaySourceLetters", "startSource", "stopSource", "updateSource",
    }  # fmt: skip
    assert "ingestStream" in linked["createStream"]
    assert linked["createUser"] == {"deleteUser", "getUser", "updateUser"}
    made = {name for name, one in found.items() if "201" in one["responses"]}
    assert made - set(linked) == {"createInvitation"}, "its answer has no body"
