"""Errors in the form of the TimeDB API: {"detail": ...}, a list of faults for 422, the handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from controlplane.problems import FRAMEWORK_MESSAGES, Problem, render
from engine.errors import TailraceError
from engine.timeseries.timedb_messages import Fault

INTERNAL: Final = "Internal error; the server's log has it under this request's X-Request-Id."


class ErrorBody(msgspec.Struct, frozen=True):
    """The error body."""

    detail: str | Sequence[Fault]


class Unprocessable(Problem):
    """422: a request that does not have the shape of one."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(422, "The request is not valid.")
        self.faults = faults


def invalid_query(name: str, given: object, kind: str, message: str) -> Unprocessable:
    """422 for one parameter of the query."""
    return Unprocessable([Fault(kind, ("query", name), message, given)])


def _answer(
    status: int, detail: str | Sequence[Fault], headers: Mapping[str, str]
) -> Response[bytes]:
    body = msgspec.json.encode(ErrorBody(detail))
    return Response(body, status_code=status, headers=dict(headers), media_type="application/json")


def respond(_: Request[Any, Any, Any], error: BaseException) -> Response[bytes]:
    """The answer to an error of any kind; one that nobody expected is logged."""
    rendered = render(error)
    if isinstance(error, Unprocessable):
        return _answer(422, error.faults, rendered.headers)
    text = error.message if isinstance(error, TailraceError) else INTERNAL
    return _answer(rendered.status, text, rendered.headers)


def respond_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to an error of the web framework: an unknown method, a body that is too large."""
    status = error.status_code
    if status >= 500:
        return respond(request, error.__cause__ or error)
    if isinstance(error, ValidationException):
        return _answer(422, [Fault("value_error", ("query",), str(error.detail))], {})
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return _answer(status, FRAMEWORK_MESSAGES.get(status) or str(error.detail), allow)


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    TailraceError: respond,
    HTTPException: respond_framework,
    Exception: respond,
}
