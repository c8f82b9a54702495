"""Errors in the form of the OpenSynaptic API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from controlplane.problems import FRAMEWORK_MESSAGES, Problem, render
from engine.errors import TailraceError

NOT_FOUND: Final = "not found"
NO_STORE: Final = "database not configured"
NO_PACKET: Final = "packet not found"
NO_UUID: Final = "packet_uuid is required"


class PacketProblem(Problem):
    """There is no such packet; the body says which, as it was asked for."""

    def __init__(self, packet_uuid: str) -> None:
        super().__init__(404, NO_PACKET)
        self.packet_uuid = packet_uuid


def respond(_: Request[Any, Any, Any], error: BaseException) -> Response[bytes]:
    """The answer to an error of any kind; unexpected ones are logged and show no internals."""
    rendered = render(error)
    message: str = msgspec.json.decode(rendered.body)["message"]
    more = {"packet_uuid": error.packet_uuid} if isinstance(error, PacketProblem) else {}
    return _answer(rendered.status, message, rendered.headers, more)


def respond_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to an error of the web framework. Other methods are unknown addresses here."""
    status = error.status_code
    if status >= 500:
        return respond(request, error.__cause__ or error)
    if status in (404, 405):
        return _answer(404, NOT_FOUND, {}, {})
    return _answer(status, FRAMEWORK_MESSAGES.get(status) or str(error.detail), {}, {})


def _answer(
    status: int, message: str, headers: Mapping[str, str], more: Mapping[str, str]
) -> Response[bytes]:
    body = msgspec.json.encode({"ok": False, "error": message, **more})
    return Response(body, status_code=status, headers=dict(headers), media_type="application/json")


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    TailraceError: respond,
    HTTPException: respond_framework,
    Exception: respond,
}
