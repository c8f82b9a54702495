"""A schema registry of ours that answers by the published REST interface of Confluent's."""

from __future__ import annotations

import base64
import itertools
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest

KEY, SECRET = "registry-key", "registry-secret"
TYPE = "application/vnd.schemaregistry.v1+json"
# A real registry to test with, in place of ours: its URL, with key and secret if it wants them.
REAL = "TAILRACE_TEST_SCHEMA_REGISTRY"


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class SchemaRegistry:
    """Schemas by id and by subject; `failures` are statuses of the next answers."""

    KEY, SECRET = KEY, SECRET

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: list[int] = []
        self._ids: dict[int, dict[str, Any]] = {}
        self._subjects: dict[str, list[int]] = {}
        self._numbers = itertools.count(1)
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is; it wants KEY and SECRET."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> SchemaRegistry:
        """Listen, at the port of before if there was one."""
        handler = type("Bound", (Handler,), {"registry": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Nobody listens any more; the schemas stay."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> object:
        """The body of an answer; Problem."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match (method, *parts):
            case ("GET", "schemas", "ids", text):
                return self._shown(int(text))
            case ("GET", "subjects"):
                return sorted(self._subjects)
            case ("GET", "subjects", subject, "versions"):
                return list(range(1, len(self._versions(subject)) + 1))
            case ("GET", "subjects", subject, "versions", version):
                return self._version(subject, version)
            case ("POST", "subjects", subject, "versions"):
                return {"id": self._register(subject, body)}
            case _:
                raise Problem(404, 404, "HTTP 404 Not Found")

    def _shown(self, id_: int) -> dict[str, Any]:
        if id_ not in self._ids:
            raise Problem(404, 40403, f"Schema {id_} not found")
        found = dict(self._ids[id_])
        if found["schemaType"] == "AVRO":
            del found["schemaType"]  # as the real one
        return found

    def _versions(self, subject: str) -> list[int]:
        if subject not in self._subjects:
            raise Problem(404, 40401, f"Subject '{subject}' not found.")
        return self._subjects[subject]

    def _version(self, subject: str, version: str) -> dict[str, Any]:
        ids = self._versions(subject)
        number = len(ids) if version == "latest" else int(version)
        if not 1 <= number <= len(ids):
            raise Problem(404, 40402, f"Version {version} not found.")
        id_ = ids[number - 1]
        return {"subject": subject, "version": number, "id": id_, **self._shown(id_)}

    def _register(self, subject: str, body: dict[str, Any]) -> int:
        given = {"schemaType": "AVRO", **body}
        if given["schemaType"] == "AVRO":
            self._check_avro(subject, given["schema"])
        known = [id_ for id_, schema in self._ids.items() if schema == given]
        id_ = known[0] if known else next(self._numbers)
        self._ids[id_] = given
        ids = self._subjects.setdefault(subject, [])
        if id_ not in ids:
            ids.append(id_)
        return id_

    def _check_avro(self, subject: str, text: str) -> None:
        """Backward compatible, as a registry is by default: what is new has a default."""
        try:
            new = json.loads(text)
        except ValueError:
            raise Problem(422, 42201, "Invalid schema") from None
        if not self._subjects.get(subject) or not isinstance(new, dict):
            return
        old = json.loads(self._ids[self._subjects[subject][-1]]["schema"])
        names = {field["name"] for field in old.get("fields", ())}
        for field in new.get("fields", ()):
            if field["name"] not in names and "default" not in field:
                why = f"The field '{field['name']}' has no default value"
                raise Problem(409, 409, f"Schema being registered is incompatible: {why}")


class Handler(BaseHTTPRequestHandler):
    """HTTP around the answers."""

    registry: SchemaRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def _answer(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        registry = self.registry
        path = urlsplit(self.path).path
        registry.asked.append(f"{self.command} {path}")
        try:
            if registry.failures:
                status = registry.failures.pop(0)
                raise Problem(status, status * 100 + 1, "Error in the backend data store")
            pair = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            if self.headers.get("authorization") != f"Basic {pair}":
                raise Problem(401, 401, "HTTP 401 Unauthorized")
            self._send(200, registry.answer(self.command, path, json.loads(body or b"{}")))
        except Problem as problem:
            error = {"error_code": problem.code, "message": problem.message}
            self._send(problem.status, error)

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", TYPE)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Client:
    """Registers schemas as a producer's program does: in ours, or in a real registry."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.url, self.key, self.secret = url, key, secret
        self._auth = (key, secret) if key else None

    @property
    def properties(self) -> dict[str, str]:
        """Those of a source or sink that uses it."""
        return {
            "schema_registry_address": self.url,
            "schema_registry_api_key": self.key,
            "schema_registry_api_secret": self.secret,
        }

    def register(self, subject: str, schema: object, type_: str = "AVRO", *references: Any) -> int:
        """The id of a schema."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body: dict[str, Any] = {"schema": text, "schemaType": type_}
        if references:
            body["references"] = list(references)
        return self._ask("POST", f"/subjects/{subject}/versions", body)["id"]

    def latest(self, subject: str) -> dict[str, Any]:
        """The newest schema of a subject."""
        return self._ask("GET", f"/subjects/{subject}/versions/latest", None)

    def _ask(self, method: str, path: str, body: object) -> Any:
        answer = httpx.request(
            method, self.url + path, json=body, auth=self._auth, headers={"accept": TYPE}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def schema_registry() -> Iterator[SchemaRegistry]:
    """One of ours for one test, which can let it fail."""
    found = SchemaRegistry().start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def registry(schema_registry: SchemaRegistry) -> Client:
    """One to use: a real one where the environment names it, else ours."""
    real = os.environ.get(REAL)
    if real:
        parts = urlsplit(real)
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return Client(url, parts.username or "", parts.password or "")
    return Client(schema_registry.url, KEY, SECRET)
