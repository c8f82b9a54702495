"""Errors in the form of the Kronicle API: its bodies, its 422 with details, the handlers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from controlplane.problems import FRAMEWORK_MESSAGES, Problem, render
from controlplane.request import InflatingRequest, check_json_type
from controlplane.telemetry import request_id
from engine.errors import TailraceError

# What went wrong with a value: its place, such as `body.channel_id`, -> what and of which type.
Details = Mapping[str, Any]

ERRORS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    422: "ValidationError",
    500: "InternalServerError",
}
OTHER: Final = "HTTPError"
# Parts of msgspec's messages, which name the field that does not fit.
_PLACE: Final = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"required field `([^`]+)`")
_EXPECTED: Final = re.compile(r"Expected `([a-z]+)")


class KronicleProblem(Problem):
    """An error with the `details` of its body; left out there when empty."""

    def __init__(self, status: int, message: str, details: Details | None = None) -> None:
        super().__init__(status, message)
        self.details: Details = details or {}


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The error body; `details` is left out when empty."""

    status: int
    error: str
    message: str
    path: str
    method: str
    request_id: str
    details: Details = {}


def conflict(message: str) -> Problem:
    """409: what is to be made exists already."""
    return Problem(409, message)


def invalid(place: str, message: str, kind: str = "value_error") -> KronicleProblem:
    """422 for one value, such as `body.channel_id`."""
    return KronicleProblem(
        422, f"The request is not valid: {message} ({place}).", {place: [_item(message, kind)]}
    )


def invalid_json(error: msgspec.DecodeError | UnicodeDecodeError) -> KronicleProblem:
    """422 for a body that is no JSON, or none of the wanted type."""
    if not isinstance(error, msgspec.ValidationError):
        return invalid("body", f"the body is not JSON: {error}", "json_invalid")
    found = _PLACE.match(str(error))
    assert found is not None
    message, path = found[1], (found[2] or "").replace("[...]", "")
    missing = _MISSING.search(message)
    if missing is not None:
        return invalid(f"body{path}.{missing[1]}", "Field required", "missing")
    expected = _EXPECTED.search(message)
    kind = f"{expected[1]}_type" if expected is not None else "value_error"
    return invalid(f"body{path}", message, kind)


def _item(message: str, kind: str) -> dict[str, str]:
    return {"message": message, "type": kind}


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


class KronicleRequest(InflatingRequest):
    """A request whose JSON body is decoded strictly; what does not fit is 422 with its place."""

    async def json(self) -> Any:
        """The body as the handler's type of `data`."""
        check_json_type(self.headers.get("content-type", ""))
        body = await self.body()
        field = self.route_handler.parsed_data_field
        decoder = _decoder(Any if field is None else field.annotation)
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise invalid_json(error) from None
        except RecursionError:
            raise invalid("body", "the body is nested too deeply") from None


def respond(request: Request[Any, Any, Any], error: BaseException) -> Response[bytes]:
    """The answer to an error of any kind; one that nobody expected is logged under the id shown."""
    identity = _uuid(request_id.get())
    token = request_id.set(identity)
    try:
        rendered = render(error)
    finally:
        request_id.reset(token)
    details = error.details if isinstance(error, KronicleProblem) else {}
    known = isinstance(error, TailraceError)
    message = error.message if known else "Internal error; the server's log has it under this id."
    return _answer(_body(request, rendered.status, message, details), rendered.headers)


def respond_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to an error of the web framework: an unknown address or method, a parameter."""
    status = error.status_code
    if status >= 500:
        return respond(request, error.__cause__ or error)
    if isinstance(error, ValidationException):
        details = _parameters(error)
        message = "; ".join(f"{place}: {found[0]['message']}" for place, found in details.items())
        text = f"The request is not valid: {message or error.detail}"
        return _answer(_body(request, 422, text, details), {})
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    body = _body(request, status, FRAMEWORK_MESSAGES.get(status) or str(error.detail), {})
    return _answer(msgspec.structs.replace(body, error=OTHER), allow)


def _parameters(error: ValidationException) -> dict[str, list[dict[str, str]]]:
    """Place -> what is wrong there, of what the framework could not read."""
    extra: Any = error.extra
    found: dict[str, list[dict[str, str]]] = {}
    for one in extra if isinstance(extra, list) else ():
        source = str(one.get("source") or "body")
        key = str(one.get("key") or "")
        place = "body" if key == "data" else f"{source}.{key}"
        missing = key == "data" or str(one.get("message", "")).startswith("Missing")
        kind = "missing" if missing else "value_error"
        found.setdefault(place, []).append(_item(str(one.get("message", "bad value")), kind))
    return found


def _body(
    request: Request[Any, Any, Any], status: int, message: str, details: Details
) -> ErrorBody:
    return ErrorBody(
        status=status,
        error=ERRORS.get(status, ERRORS[500] if status >= 500 else OTHER),
        message=message,
        path=request.scope["path"],
        method=request.method,
        request_id=_uuid(request_id.get()),
        details=details,
    )


def _answer(body: ErrorBody, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(body),
        status_code=body.status,
        headers=dict(headers),
        media_type="application/json",
    )


def _uuid(identity: str) -> str:
    """The request's id as a UUID, which this API's clients take it for: always the same one."""
    try:
        return str(uuid.UUID(identity))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, identity))


# For the routers of this API, together with `request_class=KronicleRequest`.
EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    TailraceError: respond,
    HTTPException: respond_framework,
    Exception: respond,
}
