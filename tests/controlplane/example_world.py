"""The examples of the API reference, sent one after the other to a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from controlplane.openapi_examples import BODIES, COMPACT, NAMES
from tests.controlplane import promised
from tests.controlplane.promised import address, title
from tests.controlplane.test_contract import NAME, shown

BY_TITLE = {title(one): one for one in promised.operations(NAME)}
READINGS = {
    "name": "device_readings",
    "columns": [
        {"name": "device", "type": "string"},
        {"name": "number", "type": "float32"},
        {"name": "time", "type": "string"},
    ],
}
FAST_MINUTES = {"name": "fast_minutes", "query": "SELECT cid FROM iot", "materialized": True}
# Makers first, since the others need what they make; what ends an object comes last.
FIRST = (
    "POST /v1beta2/streams", "POST /v1beta2/views", "POST /v1beta2/sources",
    "POST /v1beta2/sources/{id}/stop", "POST /v1beta2/invitations",
)  # fmt: skip


@dataclass
class World:
    """A server as one client sees it, the ids of what was made in it, and what it answered."""

    client: httpx.AsyncClient
    prefix: str
    slash: str
    absent: Callable[[str], Any]
    # Lets the materialized view of the examples fail, for what brings a failed one back.
    fail_the_view: Callable[[], None] = lambda: None
    ids: dict[str, str] = field(default_factory=dict)
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def path(self, operation: dict[str, Any], identity: str = "") -> str:
        """The address of an operation on the object of its group, or on another."""
        group = operation["group"]
        known = identity or self.ids.get(group, NAMES.get(group, "iot"))
        path = address(operation)
        for name in ("id", "name", "stream"):
            path = path.replace(f"{{{name}}}", known)
        prefix = self.prefix if path.startswith("/api/v1beta2") else ""
        return f"{prefix}{path}{self.slash}"

    def body(self, operation: dict[str, Any]) -> Any:
        """The example, with fields that nobody knows and the rest of the known ones absent."""
        if operation["request_schema"] is None:
            return None
        if operation["request_schema"] == "IngestData":
            return dict(COMPACT)
        fields = operation["request_fields"]
        example = BODIES[shown(operation)["operationId"]]
        absent = {name: self.absent(one["type"]) for name, one in fields.items()}
        return {**absent, "nobody_knows": {"x": [1]}, **example}

    async def send(self, operation: dict[str, Any], **changes: Any) -> httpx.Response:
        """One operation as it stands in the document; a body that is not defined is `null`."""
        query = {p["name"]: p.get("example") for p in shown(operation).get("parameters", ())
                 if p["in"] == "query"}  # fmt: skip
        body = self.body(operation)
        if title(operation) == "POST /v1beta2/queries":  # that of the example waits for rows
            body["sql"] = "SELECT cid, speed FROM table(iot) LIMIT 10"
        given: dict[str, Any] = {"json": body, "params": query, **changes}
        if operation["method"] == "GET":
            given.pop("json")
        path = given.pop("path", self.path(operation))
        return await self.client.request(operation["method"], path, **given)

    async def play(self) -> None:
        """Send every operation once."""
        await self._make("/streams", READINGS)
        for name in sorted(BY_TITLE, key=turn):
            operation = BY_TITLE[name]
            if name == "POST /v1beta2/materialized_views/{name}/recover":
                self.fail_the_view()
            answer = await self.send(operation)
            self.answers[name] = answer
            self._remember(operation, answer)
            if name == "POST /v1beta2/views":
                await self._make("/views", FAST_MINUTES)
            if name == "POST /v1beta2/invitations":
                listed = await self.client.get("/api/v1beta2/invitations")
                self.ids["Invitations"] = listed.json()[0]["id"]

    async def _make(self, path: str, body: dict[str, Any]) -> None:
        made = await self.client.post(f"/api/v1beta2{path}", json=body)
        assert made.status_code == 201, made.text

    def _remember(self, operation: dict[str, Any], answer: httpx.Response) -> None:
        if operation["group"] == "Queries" and answer.text.startswith("event: query"):
            first = answer.text.splitlines()[1].removeprefix("data: ")
            self.ids["Queries"] = json.loads(first)["id"]
        elif answer.status_code == 201 and answer.content and "id" in answer.json():
            self.ids[operation["group"]] = answer.json()["id"]


def turn(name: str) -> tuple[int, int, str]:
    """When an operation is played: makers, all others, and what deletes at the end."""
    operation = BY_TITLE[name]
    if name in FIRST:
        return (0, FIRST.index(name), name)
    if operation["method"] == "DELETE":
        return (4, operation["group"] == "Streams", name)
    if name.endswith("/start"):  # what runs cannot be changed
        return (3, 0, name)
    makes = operation["success_status"] == 201 or name == "POST /v1beta2/queries"
    return (1 if makes else 2, 0, name)


def null(_: str) -> Any:
    """Absent as null."""
    return None


def empty(kind: str) -> Any:
    """Absent as an empty text where a text is wanted."""
    return "" if kind == "string" else None
