"""The one place that writes the audit trail: an ASGI layer around the framework's operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from controlplane.auth import Principal
from controlplane.permissions import OPERATIONS, SERIES_CHANGES
from controlplane.scope import OBJECT_KEY, OPERATION_KEY, client_address
from controlplane.services.audit import Act, AuditService
from controlplane.statement_names import definition_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Operations whose SQL decides whether they change a definition.
SQL_OPERATIONS: Final = frozenset({"createQuery", "executeDDL", "execute"})
# They need a write permission and change nothing that lasts; rows are counted by metrics.
UNAUDITED: Final = SQL_OPERATIONS | {
    "ingestStream", "cancelQuery", "deleteQuery", "previewSource", "previewExternalStream",
    "listKafkaTopics", "testAlert", "checkSource", "suggestForSource", "checkSink",
    "suggestForSink",
}  # fmt: skip
AUDITED: Final = (
    SERIES_CHANGES
    | {"firstRun", "login", "logout"}
    | {
        operation
        for operation, permission in OPERATIONS.items()
        if permission.startswith("write:") and operation not in UNAUDITED
    }
)
# Texts that say nothing; the second is what a client of Kronicle sends for an id it has not.
NOTHING: Final = frozenset({"", "None"})
# What names something stands in a small body; larger ones hold rows and are not looked at.
NAMED_BYTES_MAX: Final = 64 << 10
# The status of a request that ended without an answer: its outcome is not known.
NO_ANSWER: Final = 499


class _Named(msgspec.Struct, frozen=True):
    """The fields of a body or an answer that say what it is about."""

    id: Any = None
    name: Any = None
    username: Any = None
    email: Any = None
    login: Any = None
    sql: Any = None
    channel_id: Any = None
    sensor_id: Any = None
    channel_ids: Any = None
    sensor_ids: Any = None

    def label(self) -> str:
        """The first of them that is there."""
        for value in (
            self.channel_id, self.sensor_id, self.id, self.name, self.username, self.email,
            self.login,
        ):  # fmt: skip
            if isinstance(value, str) and value not in NOTHING:
                return value
        for several in (self.channel_ids, self.sensor_ids):
            if isinstance(several, list):
                return ",".join(one for one in several if isinstance(one, str))  # type: ignore
        return ""


_decode = msgspec.json.Decoder(_Named).decode


class Audited:
    """Passes requests on; the answer to a change is sent after its record is stored."""

    def __init__(self, app: App, audit: AuditService) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of the framework."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._audit, scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            await exchange.close()


class _Exchange:
    """One request and its answer, looked at once the guard has said which operation it is."""

    def __init__(self, audit: AuditService, scope: Scope, receive: Receive, send: Send) -> None:
        self._audit = audit
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body: list[bytes] = []
        self._start: dict[str, Any] | None = None
        self._over = False

    def _operation(self) -> str:
        return self._scope.get(OPERATION_KEY) or ""

    async def receive(self) -> dict[str, Any]:
        """The next part of the request, kept if it may say what a change is about."""
        message = await self._receive()
        if message["type"] == "http.request":
            operation = self._operation()
            if operation in AUDITED or operation in SQL_OPERATIONS:
                self._body.append(message.get("body", b""))
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """A part of the answer; its start waits for the record, and a creation's for its id."""
        if self._over:
            self._body.clear()
            await self._send(message)
        elif message["type"] == "http.response.start":
            label = self._label()
            if label is None:
                self._over = True
            elif label[1] or message["status"] >= 300:
                await self._record(label, message["status"])
            else:
                self._start = message
                return
            await self._send(message)
        else:
            start, self._start = self._start, None
            if start is not None:
                answer = _label_in(message.get("body", b""))
                label = self._label() or ("", "")
                await self._record((label[0], answer or label[1]), start["status"])
                await self._send(start)
            await self._send(message)

    async def close(self) -> None:
        """The request is over: a change that got no answer is recorded as such."""
        if not self._over:
            label = self._label()
            if label is not None:
                await self._record(label, NO_ANSWER)

    def _label(self) -> tuple[str, str] | None:
        """(action, object) of a change, the object '' while unknown; None for all else."""
        operation = self._operation()
        if operation in AUDITED:
            if OBJECT_KEY in self._scope:
                return operation, str(self._scope[OBJECT_KEY])
            parameters: dict[str, Any] = self._scope.get("path_params") or {}
            return operation, "/".join(str(value) for value in parameters.values())
        if operation in SQL_OPERATIONS:
            sql = _named(b"".join(self._body)).sql
            return definition_of(sql) if isinstance(sql, str) else None
        return None

    def _asked(self) -> str:
        """What the body names; a statement's body names its query."""
        in_body = self._operation() not in SQL_OPERATIONS
        return _label_in(b"".join(self._body)) if in_body else ""

    async def _record(self, label: tuple[str, str], status: int) -> None:
        self._over = True
        principal: Principal | None = self._scope.get("user")
        if principal is not None:
            act = Act(label[0], label[1] or self._asked(), status, client_address(self._scope))
            await self._audit.record(principal, act)


def _label_in(body: bytes) -> str:
    """What a body says that it is about; '' when it is large."""
    return _named(body).label() if len(body) <= NAMED_BYTES_MAX else ""


def _named(body: bytes) -> _Named:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Named()
