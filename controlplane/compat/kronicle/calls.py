"""Calls of the Kronicle API into the engine: what is asked, what is answered, what is refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.response import Stream

from controlplane.audited import NAMED_BYTES_MAX
from controlplane.compat.kronicle.answers import Shown
from controlplane.compat.kronicle.bodies import ChannelAnswer
from controlplane.compat.kronicle_errors import Details, KronicleProblem, invalid
from controlplane.permissions import DEFINED_BY_WRITER
from controlplane.principal import Principal
from controlplane.problems import bad_request
from controlplane.request import check_json_type
from controlplane.scope import OBJECT_KEY, OPERATION_KEY
from controlplane.services.series import SeriesService
from engine.owned_names import KRONICLE, SeriesCall
from engine.timeseries.kronicle_messages import (
    Asked,
    Done,
    Listed,
    Parameters,
    Reading,
    Refused,
    Verb,
    decode_answer,
    encode_asked,
)

JSON: Final = "application/json"
# Query parameters of one request; each is at most one part of a statement.
PARAMETERS_MAX: Final = 1_000
STATUSES: Final = {"bad": 400, "invalid": 422, "conflict": 409, "missing": 404}
_TRUE: Final = frozenset({"true", "1", "yes", ""})
_FALSE: Final = frozenset({"false", "0", "no"})

T = TypeVar("T", Done, Listed, Reading)
HttpRequest = Request[Any, Any, Any]


def parameters_of(request: HttpRequest) -> Parameters:
    """The query parameters in their order."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        found = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise bad_request(f"A request has at most {PARAMETERS_MAX} parameters.") from None
    return tuple(found)


def flag_of(parameters: Parameters, name: str) -> bool:
    """A parameter that is true or false; absent is false."""
    words = [text.strip().lower() for key, text in parameters if key == name]
    if not words or words[-1] in _FALSE:
        return False
    if words[-1] in _TRUE:
        return True
    raise invalid(f"query.{name}", f"'{words[-1][:40]}' is neither true nor false", "bool_parsing")


async def ask(
    series: SeriesService,
    principal: Principal,
    verb: Verb,
    asked: Asked,
    kinds: type[T] | tuple[type[T], ...],
    body: bytes = b"",
) -> T:
    """The engine's answer; Problem when it refuses."""
    call = SeriesCall(KRONICLE, verb, encode_asked(asked))
    answer = decode_answer(await series.call(principal, call, body))
    if isinstance(answer, Refused):
        raise _problem(answer)
    assert isinstance(answer, kinds), "the engine answers what it was asked"
    if isinstance(answer, Done) and answer.defined:
        await series.refresh(principal)
    return answer


def _problem(refused: Refused) -> KronicleProblem:
    details: Details = {place: why for place, (why, _) in refused.details.items()}
    if refused.kind == "invalid":
        details = {
            place: [{"message": why, "type": kind}]
            for place, (why, kind) in refused.details.items()
        }
    return KronicleProblem(STATUSES[refused.kind], refused.message, details)


async def body_of(request: HttpRequest) -> bytes:
    """The body as it came, said to be JSON; the engine reads it."""
    check_json_type(request.headers.get("content-type", ""))
    return await request.body()


def as_answer(encoded: bytes) -> Response[ChannelAnswer]:
    """An answer that is encoded already."""
    return cast("Response[ChannelAnswer]", Response(encoded, media_type=JSON))


async def changed(
    series: SeriesService,
    principal: Principal,
    verb: Verb,
    asked: Asked,
    body: bytes = b"",
    request: HttpRequest | None = None,
) -> Response[ChannelAnswer]:
    """The channel after a call, as an answer. `request`: its path does not name the channel that
    was made or changed, and the audit trail does."""
    scope: Any = {} if request is None else request.scope
    try:
        done = await ask(series, principal, verb, asked, Done, body)
    except KronicleProblem:
        if verb == "write" and (declared := _declared(body)) is not None:
            scope |= {OBJECT_KEY: declared, OPERATION_KEY: DEFINED_BY_WRITER}
        raise
    if request is not None and done.defined:
        scope[OBJECT_KEY] = "/".join(filter(None, (asked.id, done.channel.id)))
        if verb == "write":  # with new rows alone it is no change of a definition
            scope[OPERATION_KEY] = DEFINED_BY_WRITER
    return as_answer(Shown(series.now_ms()).done(done))


class _Declared(msgspec.Struct, frozen=True):
    """What a body of rows says of its channel."""

    channel_id: Any = ""
    sensor_id: Any = ""
    id: Any = ""
    channel_schema: msgspec.Raw = msgspec.Raw()
    sensor_schema: msgspec.Raw = msgspec.Raw()


def _declared(body: bytes) -> str | None:
    """The channel that a body would define, '' where it names none; None for rows alone, and for
    bodies that are too large to be looked at twice."""
    try:
        found = _decode(body) if len(body) <= NAMED_BYTES_MAX else _Declared()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (bytes(found.channel_schema) or bytes(found.sensor_schema)):
        return None
    return str(found.channel_id or found.sensor_id or found.id)[:64]


_decode: Final = msgspec.json.Decoder(_Declared).decode


async def _from_first(pieces: AsyncGenerator[bytes]) -> Stream:
    """An answer that is sent as it comes. What fails before its first piece is an error of its
    own; later the connection ends without the answer's end."""
    first = await anext(pieces)

    async def whole() -> AsyncGenerator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return Stream(whole(), media_type=JSON)


async def read(
    request: HttpRequest,
    series: SeriesService,
    principal: Principal,
    channel_id: str,
    *,
    columns: bool,
) -> Response[ChannelAnswer]:
    """A channel with its rows, sent as they are read."""
    asked = Asked(id=channel_id, parameters=parameters_of(request))
    reading = await ask(series, principal, "read", asked, Reading)
    shown = Shown(series.now_ms())
    pieces = shown.columns if columns else shown.rows
    answer = await _from_first(pieces(reading, series.rows(principal, reading.sql)))
    return cast("Response[ChannelAnswer]", answer)
