"""The produced OpenAPI document: valid, current, complete against the routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

from controlplane import openapi
from controlplane.permissions import OPEN_OPERATIONS, OPERATIONS
from tests.controlplane.conftest import Plane

ROOT = Path(__file__).parents[2]


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All operations by id."""
    return {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }


def test_the_written_document_is_current() -> None:
    assert (ROOT / "openapi" / "tailrace.json").read_bytes() == openapi.encoded()


def test_the_document_is_valid_and_complete() -> None:
    document = openapi.document()
    validate(json.loads(json.dumps(document)))
    found = operations(document)
    assert set(found) <= set(OPERATIONS) | OPEN_OPERATIONS
    missing = {OPERATIONS[name].partition(":")[2] for name in set(OPERATIONS) - set(found)}
    assert missing <= {"sink", "alert"}  # these come with their own issue
    for name, operation in found.items():
        assert operation["summary"], name
        assert (operation["security"] == []) == (name in OPEN_OPERATIONS), name


def test_success_statuses_are_those_of_the_contract() -> None:
    found = operations(openapi.document())
    created = {
        "createInvitation",
        "createStream", "createSource", "createAPIKey", "createUser", "createUDF", "createView",
        "createWorkspace",
        "createSavedQuery", "createDashboard", "createSchema", "createExternalStream",
        "createExternalTable",
    }  # fmt: skip
    empty = {
        "deleteInvitation", "logout",
        "deleteStream", "deleteQuery", "cancelQuery", "deleteAPIKey", "deleteUser",
        "deleteSource", "startSource", "stopSource", "deleteUDF",
        "updateWorkspace", "deleteWorkspace", "updateView", "deleteView", "deleteMaterializedView",
        "deleteSavedQuery", "deleteDashboard", "deleteSchema", "deleteExternalStream",
        "deleteExternalTable",
    }  # fmt: skip
    for name, operation in found.items():
        expected = "201" if name in created else "204" if name in empty else "200"
        success = [status for status in operation["responses"] if status < "300"]
        assert success == [expected], name


async def test_the_page_lists_every_operation(lite: Plane) -> None:
    page = await lite.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for name in operations(openapi.document()):
        assert f'id="{name}"' in page.text
    assert "<script" not in page.text
    assert (await lite.client.get("/openapi.json")).content == openapi.encoded()
