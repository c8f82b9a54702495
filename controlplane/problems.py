"""Errors of the server as status, headers and the body {code, message, system}; all of them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import (
    Code,
    EngineUnavailable,
    NotFound,
    Overloaded,
    StorageFull,
    TailraceError,
    TooLarge,
    UserError,
)

if TYPE_CHECKING:
    from litestar import Request, Response

log = logging.getLogger("tailrace.http")


class ErrorResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one error body.

    Of errors in statements, as far as they are known: `line` and `column` from 1, where they stand;
    `hint`, a sentence about the way out; `replacement`, the name that was probably meant there.
    """

    code: int
    message: str
    system: str
    line: int | msgspec.UnsetType = msgspec.UNSET
    column: int | msgspec.UnsetType = msgspec.UNSET
    hint: str | msgspec.UnsetType = msgspec.UNSET
    replacement: str | msgspec.UnsetType = msgspec.UNSET


class Problem(TailraceError):
    """An error of the control plane itself: its code is the HTTP status."""

    system = "neutron"

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message, status)
        self.headers = headers or {}


class Rendered(msgspec.Struct, frozen=True):
    """An error ready for the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


# First match by class wins; 497 is the engine's own refusal of a statement class.
STATUS_BY_CLASS: Final[tuple[tuple[type[TailraceError], int], ...]] = (
    (NotFound, 404),
    (TooLarge, 413),
    (UserError, 400),
    (Overloaded, 429),
    (StorageFull, 507),
    (EngineUnavailable, 500),
)
STATUS_BY_CODE: Final = {Code.ACCESS_DENIED: 403, Code.TOO_MANY_QUERIES: 429}
# What the engine's messages say of a place and of a name that is like the unknown one.
PLACE: Final = re.compile(r" \(line (\d{1,9}), column (\d{1,9})\)$")
MEANT: Final = re.compile(r"; did you mean (.{1,256})\?")
RETRY_STATUSES: Final = frozenset({429, 507})
INTERNAL: Final = "Internal error; the server's log has it under this request's X-Request-Id."
FRAMEWORK_MESSAGES: Final = {
    404: "There is nothing at this address.",
    405: "This address does not have this method.",
    413: "The body is larger than body_bytes_max allows.",
    415: "The content type cannot be used here.",
}


def status_of(error: TailraceError) -> int:
    """The HTTP status of an error of the tree."""
    if isinstance(error, Problem):
        return error.code
    by_code = STATUS_BY_CODE.get(error.code)
    if by_code is not None:
        return by_code
    for kind, status in STATUS_BY_CLASS:
        if isinstance(error, kind):
            return status
    return 500


def render(error: BaseException) -> Rendered:
    """What the client gets for `error`; unexpected ones are logged and show no internals."""
    if isinstance(error, RecursionError):
        log.warning("nesting beyond the recursion limit", exc_info=error)
        error = Problem(400, "The body is nested too deeply.")
    if not isinstance(error, TailraceError):
        log.error("unhandled error", exc_info=error)
        body = ErrorResponse(500, INTERNAL, "neutron")
        return Rendered(500, {}, msgspec.json.encode(body))
    status = status_of(error)
    headers: dict[str, str] = dict(error.headers) if isinstance(error, Problem) else {}
    if status in RETRY_STATUSES:
        headers.setdefault("Retry-After", str(getattr(error, "retry_after_seconds", 1)))
    body = body_of(error)
    return Rendered(status, headers, msgspec.json.encode(body))


def body_of(error: TailraceError) -> ErrorResponse:
    """The body of an error of the tree. The engine ends messages about a statement with their place
    (`UserError.place`), and before it names what was meant; a place in a view's text is none."""
    body = ErrorResponse(error.code, error.message, error.system)
    if error.system != TailraceError.system:
        return body
    place, meant = PLACE.search(error.message), MEANT.search(error.message)
    if place is not None:
        body = msgspec.structs.replace(body, line=int(place[1]), column=int(place[2]))
    if meant is not None:
        name = meant[1]
        body = msgspec.structs.replace(body, hint=f"Did you mean {name}?", replacement=name)
    return body


def unauthenticated() -> Problem:
    """No credentials, or a header that cannot be read."""
    return Problem(
        401,
        "Credentials are missing or malformed; send an API key as X-Api-Key.",
        {"WWW-Authenticate": "ApiKey"},
    )


def forbidden(message: str) -> Problem:
    """Credentials that are not enough."""
    return Problem(403, message)


def unknown(kind: str, name: str) -> Problem:
    """No such object of the control plane."""
    return Problem(404, f"There is no {kind} '{name}' in this workspace.")


def no_workspace(name: str) -> Problem:
    """No such workspace, or none of the caller's."""
    return Problem(404, f"There is no workspace '{name}'.")


def bad_request(message: str) -> Problem:
    """A request that breaks a rule of the control plane."""
    return Problem(400, message)


def exception_handlers() -> dict[Any, Any]:
    """Litestar's handlers: the tree, the framework's own errors, everything else."""
    from litestar import Response
    from litestar.exceptions import HTTPException

    def respond(rendered: Rendered) -> Response[bytes]:
        return Response(
            rendered.body,
            status_code=rendered.status,
            headers=rendered.headers,
            media_type="application/json",
        )

    def on_known(_: Request[Any, Any, Any], error: TailraceError) -> Response[bytes]:
        return respond(render(error))

    def on_framework(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        status = error.status_code
        if status >= 500:
            return respond(render(error.__cause__ or error))
        message = FRAMEWORK_MESSAGES.get(status) or _validation_text(error)
        allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
        return respond(render(Problem(status, message, allow)))

    def on_other(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return respond(render(error))

    return {TailraceError: on_known, HTTPException: on_framework, Exception: on_other}


def _validation_text(error: Any) -> str:
    """One sentence from the framework's validation error, without its internals."""
    extra: Any = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        first: dict[str, Any] = extra[0]
        key = first.get("key") or "body"
        if key == "data":  # a body that is there was decoded before, by controlplane.request
            return "The body is missing."
        return f"The request is not valid: {first.get('message', 'bad value')} ({key})."
    return f"The request is not valid: {error.detail}."
