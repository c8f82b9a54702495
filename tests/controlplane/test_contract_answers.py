"""Every operation of v1beta2 by HTTP with its example request: answers, refusals, wire rules."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from controlplane.openapi_examples import BODIES
from tests.controlplane import promised
from tests.controlplane.conftest import Plane, make_plane, new_store, settings_for
from tests.controlplane.example_world import BY_TITLE, World, empty, null
from tests.controlplane.promised import address, title
from tests.controlplane.test_contract import NAME, PROBES

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@contextlib.asynccontextmanager
async def world(folder: Path, **values: Any) -> AsyncIterator[World]:
    """A control plane of its own."""
    plane, stack = await make_plane(await new_store(folder), folder, settings_for())

    def fail_the_view() -> None:
        states = plane.engine.states
        states["fast_minutes"] = msgspec.structs.replace(states["fast_minutes"], status="Error")

    async with stack:
        plane.connectors.now_ms = plane.clock.now_ms()
        yield World(plane.client, fail_the_view=fail_the_view, **values)


WAYS = {
    "long form, nulls": {"prefix": "/default", "slash": "", "absent": null},
    "short form, trailing slash, empty texts": {"prefix": "", "slash": "/", "absent": empty},
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def answers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, httpx.Response]:
    """What all operations answered, one after the other."""

    async def play() -> dict[str, httpx.Response]:
        async with world(tmp_path_factory.mktemp("world"), **request.param) as made:
            await made.play()
            return made.answers

    return asyncio.run(play())


@pytest.mark.parametrize("name", BY_TITLE)
def test_the_example_request_is_answered_as_promised(
    answers: dict[str, httpx.Response], name: str
) -> None:
    operation, answer = BY_TITLE[name], answers[name]
    assert answer.status_code == operation["success_status"], answer.text
    kind = operation["response_schema"]
    if kind is None:
        assert answer.content == b"" or operation["group"] in PROBES
        return
    media = operation.get("response_content_type", "application/json")
    assert answer.headers["content-type"].partition(";")[0] == media
    value = _first_event(answer.text) if media != "application/json" else answer.json()
    assert list(promised.faults(NAME, kind, value)) == []
    fields = operation["response_fields"] or {}
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            assert list(promised.fields_faults(NAME, fields, one)) == []


def test_lists_that_were_compared_were_not_empty(answers: dict[str, httpx.Response]) -> None:
    lists = [n for n, o in BY_TITLE.items() if (o["response_schema"] or "").startswith("array<")]
    assert [name for name in lists if answers[name].json() == []] == []


def _first_event(text: str) -> Any:
    head, data = text.splitlines()[:2]
    assert head == "event: query"
    return json.loads(data.removeprefix("data: "))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, httpx.Response]]:
    """What all operations answered to requests that must be refused."""

    async def collect() -> dict[str, dict[str, httpx.Response]]:
        folder = tmp_path_factory.mktemp("refusals")
        async with world(folder, prefix="/default", slash="", absent=null) as made:
            await made.client.post("/api/v1beta2/streams", json=BODIES["createStream"])
            return {name: await refuse(made, one) for name, one in BY_TITLE.items()}

    return asyncio.run(collect())


async def refuse(made: World, operation: dict[str, Any]) -> dict[str, httpx.Response]:
    """One operation's refusals by what was wrong."""
    found: dict[str, httpx.Response] = {}
    if operation["group"] in PROBES:
        return found
    path = made.path(operation)
    for header in ("", "k" * 59, "x" * 60):
        found[f"key {header[:1]}{len(header)}"] = await made.send(
            operation, headers={"X-Api-Key": header}
        )
    if path.startswith("/default"):
        found["workspace"] = await made.send(
            operation, path=path.replace("/default", "/nowhere", 1)
        )
    if "{" in operation["path"]:
        unknown = UNKNOWN_ID if "{id}" in operation["path"] else "nothing_here"
        changes: dict[str, Any] = {"path": made.path(operation, unknown)}
        body = made.body(operation)
        if body and "{name}" in operation["path"] and "name" in body:
            changes["json"] = {**body, "name": unknown}
        found["unknown"] = await made.send(operation, **changes)
    if operation["request_schema"] not in (None, "IngestData"):  # rows are the engine's to judge
        for wrong in ("{", "[]", '{"a":', "\ufffe", "7"):
            found[f"body {wrong!r}"] = await made.send(
                operation, json=None, content=wrong.encode(),
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
        for name in _needed(operation):
            whole = made.body(operation)
            del whole[name]
            found[f"without {name}"] = await made.send(operation, json=whole)
            found[f"wrong {name}"] = await made.send(operation, json={**whole, name: [[]]})
    return found


def _needed(operation: dict[str, Any]) -> list[str]:
    fields = operation.get("request_fields", {})
    return [name for name, one in fields.items() if one["required"]]


# A key has 60 characters: one of another length is malformed.
EXPECTED = {"key 0": 401, "key k59": 401, "key x60": 403, "workspace": 404, "unknown": 404}


@pytest.mark.parametrize("name", [n for n, o in BY_TITLE.items() if o["group"] not in PROBES])
def test_refusals_are_those_of_the_contract(
    refusals: dict[str, dict[str, httpx.Response]], name: str
) -> None:
    found = refusals[name]
    statuses = {what: answer.status_code for what, answer in found.items()}
    wanted = {what: EXPECTED.get(what, 400) for what in found}
    assert statuses == wanted
    for answer in found.values():
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert set(body) == {"code", "message", "system"}
        assert isinstance(body["code"], int)
        assert body["message"]
        assert (
            body["system"]
            in promised.contract(NAME)["schemas"]["ErrorResponse"]["fields"]["system"]["enum"][
                "seed"
            ]
        )


async def test_what_is_left_out_on_purpose_is_unknown(lite: Plane) -> None:
    for operation in promised.contract(NAME)["operations"]:
        if operation["tier"] == "skip":
            path = address(operation).replace("{", "").replace("}", "")
            answer = await lite.client.request(operation["method"], f"/default{path}")
            assert answer.status_code == 404, title(operation)
