"""The ingest address as a thin ASGI application: authenticated, bounded, passed on as raw bytes.

It stands beside the framework's routes because it is the hot path: routing, dependency injection
and response objects cost more there than everything else together (docs/decisions).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from controlplane import problems
from controlplane.auth import Asking, Authenticator, permit
from controlplane.inflating import inflate
from controlplane.request import check_json_type
from controlplane.services.engines import Engines
from controlplane.services.names import check_database
from controlplane.settings import Settings
from controlplane.telemetry import HttpCounters
from engine.clock import Clock
from engine.errors import Code, TooLarge, UserError
from engine.protocol import IngestFormat, IngestRequest

Receive = Callable[[], Awaitable[dict[str, Any]]]

FORMATS: Final = ("compact", "streaming", "raw", "lines")
JSON_TYPES: Final = ("application/json", "application/vnd.timeplus+json")
STREAMING_WORDS: Final = ("streaming", "stream")
IDEMPOTENCY_ID: Final = re.compile(r"[\x20-\x7e]{1,128}")
# A body that is too large is read to its end up to this many times the limit, so that the client
# sees the answer instead of a broken connection.
DRAIN_FACTOR: Final = 4


class Hot(msgspec.Struct, frozen=True):
    """What the ingest path needs."""

    authenticator: Authenticator
    engines: Engines
    clock: Clock
    settings: Settings
    counters: HttpCounters


async def ingest(
    hot: Hot, workspace: str, stream: str, scope: dict[str, Any], receive: Receive
) -> None:
    """Store one request; returns when it is durable. Raises the tree of errors."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    principal = hot.authenticator.known(headers, workspace)
    if principal is None:
        address = str(scope["client"][0]) if scope.get("client") else ""
        asking = Asking(headers, workspace, scope["method"], address)
        principal = await hot.authenticator.authenticate(asking)
    permit(principal, "ingestStream")
    chosen = format_of(headers.get(b"content-type", b""), scope["query_string"])
    identity = idempotency_id(headers)
    body = await read_body(hot.settings, headers, receive)
    encoding = headers.get(b"content-encoding")
    if encoding is not None:
        body = await inflate(body, encoding, hot.settings.inflated_bytes_max)
    started = hot.clock.monotonic()
    place = await hot.engines.of(workspace)
    engine = place.connected or await place.engine()
    place.busy += 1
    try:
        ack = await engine.ingest(IngestRequest(stream, chosen, identity), body)
    finally:
        place.touch()
    hot.counters.ingested(ack.rows, len(body), hot.clock.monotonic() - started)


def format_of(content_type: bytes, query: bytes) -> IngestFormat:
    """The body's format: the query parameter wins over the content type. 415 for a type that no
    format has, unless the parameter says which."""
    if query:
        chosen = _format_parameter(query)
        if chosen is not None:
            return chosen
    return _format_by_type(content_type)


def _format_parameter(query: bytes) -> IngestFormat | None:
    values = parse_qs(query.decode("latin-1"), keep_blank_values=False)
    check_database(values.get("db", [None])[-1])
    chosen = values.get("format", [None])[-1]
    if chosen is not None and chosen not in FORMATS:
        raise UserError(
            f"The format '{chosen[:64]}' is not one of {', '.join(FORMATS)}.", Code.BAD_ARGUMENTS
        )
    return chosen


@lru_cache(maxsize=256)
def _format_by_type(content_type: bytes) -> IngestFormat:
    media, *parameters = content_type.decode("latin-1").lower().split(";")
    media = media.strip()
    words: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        words[name.strip()] = value.strip().strip('"')
    if media == "application/x-ndjson":
        return "streaming"
    if media in JSON_TYPES and words.get("format") in STREAMING_WORDS:
        return "streaming"
    if media == "text/plain":
        return "lines" if words.get("format") == "lines" else "raw"
    check_json_type(media)
    return "compact"


def idempotency_id(headers: dict[bytes, bytes]) -> str:
    """The batch's id, '' without one; 400 if it is not 1 to 128 printable characters."""
    value = headers.get(b"x-timeplus-idempotent-id")
    if value is None:
        value = headers.get(b"idempotency-key")
    if value is None:
        return ""
    text = value.decode("latin-1")
    if not IDEMPOTENCY_ID.fullmatch(text):
        raise UserError("An idempotency id has 1 to 128 printable characters.", Code.BAD_ARGUMENTS)
    return text


async def read_body(settings: Settings, headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body; 413 above the limit, 408 when its next bytes do not come."""
    limit = settings.body_bytes_max
    message = await _receive(settings, receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    parts = [body]
    size = len(body)
    announced = int(headers.get(b"content-length", b"0") or b"0")
    too_large = announced > limit
    while message.get("more_body") and size <= limit * DRAIN_FACTOR:
        message = await _receive(settings, receive)
        part: bytes = message.get("body", b"")
        size += len(part)
        too_large = too_large or size > limit
        if too_large:
            parts.clear()
        else:
            parts.append(part)
    if too_large or size > limit:
        raise TooLarge(
            f"The body is larger than body_bytes_max ({limit} bytes); send it in parts.", 413,
            "neutron",
        )  # fmt: skip
    return b"".join(parts)


async def _receive(settings: Settings, receive: Receive) -> dict[str, Any]:
    """The next part of the body; 408 when it does not come, ConnectionResetError at a hang-up."""
    try:
        async with asyncio.timeout(settings.body_idle_seconds):
            message = await receive()
    except TimeoutError:
        raise problems.Problem(408, "The body did not come to its end in time.") from None
    if message["type"] == "http.disconnect":
        raise ConnectionResetError
    return message
