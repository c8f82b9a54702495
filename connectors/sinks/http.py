"""Sink `http`: a request for each row, or for several together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final, Literal

import msgspec

from connectors import batching, checking, http_delivery, http_looks
from connectors.batching import BatchCount, BatchInterval
from connectors.contract import CheckStep
from connectors.http_client import Answer, Call, HttpClient, Refused
from connectors.http_delivery import Retries, RetryInterval, Timeout, span
from connectors.oauth2 import OAuth2, tokens_of
from connectors.row_json import ObjectWriter
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow, SinkSpec, Unfit
from connectors.template import Template

PARALLEL_MAX: Final = 64
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "GET")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of an HTTP sink."""

    url: Annotated[
        str,
        msgspec.Meta(
            title="URL",
            description="Where each row is sent, http:// or https://.",
            examples=["https://hooks.example.org/rows"],
        ),
    ]
    http_method: Annotated[
        str, msgspec.Meta(title="Method", description=f"One of {', '.join(METHODS)}.")
    ] = "POST"
    content_type: Annotated[
        str, msgspec.Meta(title="Content type", description="Of the body.")
    ] = JSON  # fmt: skip
    payload_field: Annotated[
        str,
        msgspec.Meta(
            title="Payload",
            description="Template of the body, with fields such as {{ .device }}; the row as a "
            "JSON object if empty.",
        ),
    ] = ""
    http_header: Annotated[
        dict[str, str], msgspec.Meta(title="Headers", description="Sent with each request.")
    ] = {}
    paralism: Annotated[
        int,
        msgspec.Meta(
            title="Parallelism",
            description="Requests at a time; rows arrive in order when it is 1.",
            ge=1,
            le=PARALLEL_MAX,
        ),
    ] = 1
    batch_count: BatchCount = 1
    batch_interval: BatchInterval = ""
    batch_format: Annotated[
        Literal["array", "ndjson"],
        msgspec.Meta(
            title="Rows together as", description="A JSON array, or a line for each (ndjson)."
        ),
    ] = "array"
    retries: Retries = None
    retry_interval: RetryInterval = "10s"
    timeout: Timeout = "10s"
    oauth2: Annotated[
        OAuth2, msgspec.Meta(title="OAuth 2.0", description="Client credentials.")
    ] = OAuth2()  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        http_delivery.check_url(self.url, "url")
        if self.http_method.upper() not in METHODS:
            raise ValueError(f"Property 'http_method' must be one of {', '.join(METHODS)}")
        http_delivery.check_headers(self.http_header, "http_header")
        http_delivery.check_headers({"content-type": self.content_type}, "content_type")
        span(self.retry_interval, "retry_interval")
        span(self.timeout, "timeout")
        batching.wait(self.batch_interval)
        if self.batch_count > 1 and self.paralism > 1:
            raise ValueError("Property 'paralism' must be 1 with a 'batch_count' above 1")


class HttpSink:
    """See `connectors.sink_contract.Sink`. 2xx is delivered; 408, 429 and 5xx are tried again."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        names = [*(column.name for column in context.columns), *context.extras]
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        text = config.payload_field
        self._template = Template(text, names, "property 'payload_field'") if text else None
        self._seconds = span(config.timeout, "timeout")
        self._together = config.batch_count > 1 and context.purpose == "rows"
        self._type = config.content_type
        if self._together and config.batch_format == "ndjson" and self._type == JSON:
            self._type = LINES
        self._client = HttpClient(
            context.clock, private=context.private, connections=config.paralism
        )
        self._tokens = tokens_of(config.oauth2, self._client, context.clock, self._seconds)

    async def connect(self) -> None:
        """Connections are made by requests."""

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No row is sent."""
        url, context = self._config.url, self._context
        reached = http_looks.reach(url, private=context.private).steps
        signed = self._tokens.steps() if self._tokens is not None else []
        return checking.steps(context.clock, *reached, *signed, ("answer", self._answered))

    async def _answered(self) -> str:
        own = {name.lower(): value for name, value in self._config.http_header.items()}
        if self._tokens is not None:
            own["authorization"] = await self._tokens.header()
        return await http_looks.answer(self._client, self._config.url, own, self._seconds)

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send the row, or several as one request."""
        try:
            answer = await self._sent(rows)
        except Refused as error:
            return [Refusal(index, error.message) for index in range(len(rows))]
        refused = http_delivery.outcome(answer)
        if refused and len(rows) > 1:  # one of them may be why
            raise Unfit(refused[0].message)
        return refused

    async def _sent(self, rows: Sequence[SinkRow]) -> Answer:
        if self._tokens is None:
            return await self._client.send(await self._made(rows, {}))
        return await self._tokens.send(lambda header: self._made(rows, {"authorization": header}))

    def _body(self, row: SinkRow) -> bytes:
        if self._template is not None:
            return self._template.render(row.values).encode()
        return self._objects.write(row.values)

    def _bodies(self, rows: Sequence[SinkRow]) -> list[bytes]:
        return list(map(self._body, rows))

    async def _made(self, rows: Sequence[SinkRow], signed: dict[str, str]) -> Call:
        """The request; of several rows not made in the loop, and bit by bit: a thread that runs
        for long without waiting holds the loop up too."""
        row = rows[0]
        if not self._together:
            if sum(map(len, row.values)) <= batching.BYTES_AT_A_TIME:
                return self._call(self._body(row), row, signed)
            return self._call(await asyncio.to_thread(self._body, row), row, signed)
        bodies: list[bytes] = []
        for piece in batching.pieces(rows):
            bodies += await asyncio.to_thread(self._bodies, piece)
        return self._call(await asyncio.to_thread(self._joined, bodies), row, signed)

    def _joined(self, bodies: Sequence[bytes]) -> bytes:
        if self._config.batch_format == "ndjson":
            return b"\n".join((*bodies, b""))
        return b"".join((b"[", b",".join(bodies), b"]"))

    def _call(self, body: bytes, row: SinkRow, signed: dict[str, str]) -> Call:
        config = self._config
        known = {"content-type": self._type, "x-event-id": row.event_id}
        known |= {name.lower(): value for name, value in row.headers}
        given = {name.lower(): value for name, value in config.http_header.items()}
        own = {name: value for name, value in given.items() if name not in known} | signed
        method = config.http_method.upper()
        return Call(method, config.url, body, known, own, self._seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _delivery(config: Config, context: SinkContext) -> Delivery:
    each = http_delivery.delivery(
        config.retries, config.retry_interval, config.paralism, context, default=0
    )
    return batching.batched(each, config.batch_count, config.batch_interval, context)


def _secrets(config: Config) -> frozenset[str]:
    return http_delivery.secret_headers(config.http_header, "http_header")


spec = SinkSpec(
    name="http",
    title="HTTP",
    summary="A request for each row, or for several together.",
    guarantee="at least once",
    icon="http",
    config=Config,
    create=HttpSink,
    delivery=_delivery,
    secrets=_secrets,
    client=("httpx",),
)
