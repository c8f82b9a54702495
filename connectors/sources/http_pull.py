"""Source `http_pull`: an HTTP address is asked again and again; what is new there are events."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from connectors import checking, duration, http_delivery, http_looks, messages, pull_answers
from connectors.contract import AskedToWait, CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from connectors.http_client import Answer, Call, HttpClient, Refused
from connectors.http_delivery import Timeout, span
from connectors.oauth2 import OAuth2, tokens_of
from connectors.pull_answers import Newest, Piece, Reading, Unreadable
from connectors.saved_record import SavedRecord
from connectors.sink_contract import NotDelivered
from engine.errors import UserError

SECONDS_MIN: Final = 1.0
SECONDS_MAX: Final = 86_400.0
# Of one answer, which is held whole until it is read; it fits the runner's buffer.
ANSWER_BYTES_MAX: Final = 8 << 20
# Requests without a wait between them while each brings what is new: then other sources of the
# target have a turn.
PAGES_MAX: Final = 100
# How long a target can have a source wait.
WAIT_SECONDS_MAX: Final = 3600.0
NAME_CHARS_MAX: Final = 256
# Of what is asked with: it is stored with the source, and shown in a form.
BODY_CHARS_MAX: Final = 65_536
PREVIEW: Final = "preview"
_UNCHANGED: Final = 304
_WAIT: Final = frozenset((429, 503))
_ORIGIN_DIGITS: Final = 16

Dotted = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of an HTTP source."""

    url: Annotated[
        str,
        msgspec.Meta(
            title="URL",
            description="Address that is asked, http:// or https://.",
            examples=["https://api.example.org/readings?site=7"],
        ),
    ]
    data_type: Annotated[
        Literal["json", "text"],
        msgspec.Meta(
            title="Data type",
            description="json: each element of an array, each line, or the one object is an event, "
            "whose keys fill the columns of that name; text: the whole answer fills the column "
            "raw.",
        ),
    ]
    interval: Annotated[
        str,
        msgspec.Meta(
            title="Interval", description="From one request to the next; 1s to 1d."
        ),
    ] = "10s"  # fmt: skip
    items: Annotated[
        Dotted,
        msgspec.Meta(
            title="Items",
            description="Where the array of events stands in the answer, such as data.items; the "
            "whole answer if empty.",
        ),
    ] = ""
    cursor_field: Annotated[
        Dotted,
        msgspec.Meta(
            title="Cursor field",
            description="Field of each event that rises, such as id or meta.time: an event whose "
            "value is not above the greatest one so far is known.",
        ),
    ] = ""
    cursor_param: Annotated[
        Dotted,
        msgspec.Meta(
            title="Cursor parameter",
            description="Query parameter that tells the target the greatest cursor so far, such as "
            "since.",
        ),
    ] = ""
    cursor_start: Annotated[
        str,
        msgspec.Meta(
            title="First cursor",
            description="Events above this one are read; all if empty.",
            max_length=pull_answers.CURSOR_CHARS_MAX,
        ),
    ] = ""
    repeat: Annotated[
        Literal["skip", "keep"],
        msgspec.Meta(
            title="Same answer",
            description="An answer without a cursor that is the same as the one before: skip or "
            "keep it.",
        ),
    ] = "skip"
    method: Annotated[
        Literal["GET", "POST"], msgspec.Meta(title="Method", description="Of each request.")
    ] = "GET"
    body: Annotated[
        str,
        msgspec.Meta(
            title="Body", description="Of each request, with POST.", max_length=BODY_CHARS_MAX
        ),
    ] = ""
    headers: Annotated[
        dict[str, str], msgspec.Meta(title="Headers", description="Sent with each request.")
    ] = {}
    timeout: Timeout = "10s"
    oauth2: Annotated[
        OAuth2, msgspec.Meta(title="OAuth 2.0", description="Client credentials.")
    ] = OAuth2()  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse what cannot be asked, and what does not go together."""
        http_delivery.check_url(self.url, "url")
        http_delivery.check_headers(self.headers, "headers")
        span(self.timeout, "timeout")
        self._check_interval()
        if self.body and self.method != "POST":
            raise ValueError("Property 'body' is for the method POST")
        if self.data_type == "text" and (self.items or self.cursor_field):
            raise ValueError("Properties 'items' and 'cursor_field' are for data_type json")
        for name in ("items", "cursor_field"):
            value: str = getattr(self, name)
            if value and not all(value.split(".")):
                raise ValueError(f"Property {name!r} must be names with a dot between two")
        if not self.cursor_field and (self.cursor_param or self.cursor_start):
            raise ValueError("Properties 'cursor_param' and 'cursor_start' need 'cursor_field'")
        if self.cursor_field and self.repeat == "keep":
            raise ValueError("Property 'repeat' is for a source without 'cursor_field'")
        given = dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))
        if self.cursor_param and self.cursor_param in given:
            raise ValueError("Property 'url' has the parameter of 'cursor_param' already")

    def _check_interval(self) -> None:
        try:
            seconds = duration.seconds(self.interval, "property 'interval'")
        except UserError as error:
            raise ValueError(error.message.rstrip(".")) from error
        if not SECONDS_MIN <= seconds <= SECONDS_MAX:
            raise ValueError("Property 'interval' must be 1s to 1d")


class HttpPullSource:
    """See `connectors.contract.Source`. How far it has read is stored with the rows: the greatest
    cursor, or what tells whether an answer is another one."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._seconds = span(config.timeout, "timeout")
        self._interval = duration.seconds(config.interval)
        self._client = HttpClient(
            context.clock,
            private=context.private,
            connections=1,
            answer_bytes_max=ANSWER_BYTES_MAX + 1,
        )
        self._tokens = tokens_of(config.oauth2, self._client, context.clock, self._seconds)
        self._reading = Reading(
            is_text=config.data_type == "text",
            items=_names(config.items),
            cursor=_names(config.cursor_field),
            start=config.cursor_start,
            keeps=config.repeat == "keep",
        )
        self._record = SavedRecord(
            context.saved, config.url, config.method, config.body, config.data_type, config.items,
            config.cursor_field,
        )  # fmt: skip
        stored = self._record.stored
        self._newest = msgspec.json.decode(stored, type=Newest) if stored else Newest()
        self._begun = 0.0
        self._first: list[Piece] = []

    async def connect(self) -> None:
        """The first request: a source whose target is away is not taken for one that runs."""
        self._first = await self._asked()

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What is new in each answer; a preview has the first one alone."""
        clock, pages = self._context.clock, 0
        pieces, self._first = self._first, []
        while True:
            is_page = bool(pieces) and bool(self._config.cursor_param)
            for piece in pieces:
                yield self._batch(piece)
            if self._context.source_id == PREVIEW:
                return
            # Where there was something new there may be more: an answer is often one page.
            pages = pages + 1 if is_page and pages < PAGES_MAX else 0
            if not pages:
                wait = self._begun + self._interval - clock.monotonic()
                await self._context.sleep(max(0.0, wait))
            pieces = await self._asked()

    def _batch(self, piece: Piece) -> SourceBatch:
        record = None if self._reading.keeps else msgspec.json.encode(piece.newest)
        host, scope = urlsplit(self._config.url).hostname, self._record.scope

        def origin(at: int) -> str:
            """The same for the same event: it is one letter, however often it comes."""
            digest = hashlib.sha256(piece.events[at]).hexdigest()
            return f"{host}:{digest[:_ORIGIN_DIGITS]}:{scope}"

        return SourceBatch(
            piece.events,
            self._context.clock.monotonic(),
            messages.FORMATS[self._config.data_type],
            saved=self._record.written(record),
            origin=origin,
            refused=piece.refused,
        )

    async def _asked(self) -> list[Piece]:
        """What is new in the answer to one more request; UserError when there is none."""
        self._begun = self._context.clock.monotonic()
        known = self._newest
        asked = pull_answers.cursor_text(self._reading, known)
        answer = await self._answer(asked)
        if answer.status == _UNCHANGED and self._conditions(asked):
            return []
        validators = Newest(etag=answer.etag, modified=answer.modified, asked=asked)
        try:
            pieces, self._newest = await asyncio.to_thread(
                pull_answers.new, answer.body, self._reading, known, validators
            )
        except Unreadable as error:
            raise UserError(f"{answer.host} {error}.", 400, "orbit") from None
        return pieces

    async def _answer(self, asked: str) -> Answer:
        """An answer that is one: of a status that says so, and not too large. UserError."""
        try:
            answer = await self._sent(asked)
        except NotDelivered as error:
            raise _later(error.message, error.after) from None
        except Refused as error:
            raise UserError(error.message, 400, "orbit") from None
        if answer.status == _UNCHANGED and self._conditions(asked):
            return answer
        if not 200 <= answer.status < 300:
            after = answer.after if answer.status in _WAIT else 0.0
            raise _later(f"{answer.host} answered with status {answer.status}.", after)
        if len(answer.body) > ANSWER_BYTES_MAX:
            limit = ANSWER_BYTES_MAX >> 20
            raise UserError(f"{answer.host} answered with more than {limit} MiB.", 400, "orbit")
        return answer

    async def _sent(self, asked: str) -> Answer:
        if self._tokens is None:
            return await self._client.send(self._call(asked, {}))

        async def made(header: str) -> Call:
            return self._call(asked, {"authorization": header})

        return await self._tokens.send(made)

    def _call(self, asked: str, signed: dict[str, str]) -> Call:
        config = self._config
        known = {"accept": "application/json, */*;q=0.5" if config.data_type == "json" else "*/*"}
        if config.body:
            known["content-type"] = "application/json"
        given = {name.lower(): value for name, value in config.headers.items()}
        return Call(
            config.method,
            self._url(asked),
            config.body.encode(),
            known | self._conditions(asked),
            given | signed,
            self._seconds,
        )

    def _url(self, asked: str) -> str:
        """The URL with the cursor, once there is one."""
        url, param = self._config.url.partition("#")[0], self._config.cursor_param
        if not param or not asked:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode({param: asked})}"

    def _conditions(self, asked: str) -> dict[str, str]:
        """Headers by which the target need not send again what is known."""
        newest = self._newest
        if self._config.method != "GET":
            return {}
        if self._config.cursor_param and newest.asked != asked:
            return {}
        pairs = (("if-none-match", newest.etag), ("if-modified-since", newest.modified))
        return {name: value for name, value in pairs if value}

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. The request is the one of the source."""
        url, context = self._config.url, self._context
        reached = http_looks.reach(url, private=context.private).steps
        signed = self._tokens.steps() if self._tokens is not None else []
        return checking.steps(context.clock, *reached, *signed, ("answer", self._looked_at))

    async def _looked_at(self) -> str:
        answer = await self._answer(self._config.cursor_start)
        said = f"{answer.host} answered with status {answer.status}"
        reading = msgspec.structs.replace(self._reading, keeps=True, cursor=())
        try:
            pieces, _ = await asyncio.to_thread(
                pull_answers.new, answer.body, reading, Newest(), Newest()
            )
        except Unreadable as error:
            raise UserError(f"{said}; it {error}.", 400, "orbit") from None
        count = sum(len(piece.events) for piece in pieces)
        return f"{said} and {count:,} event{'' if count == 1 else 's'}."

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """Nobody waits for it: what is stored says how to go on."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split(".")) if dotted else ()


def _later(message: str, after: float) -> UserError:
    if not after:
        return UserError(message, 400, "orbit")
    seconds = min(after, WAIT_SECONDS_MAX)
    return AskedToWait(f"{message} It is asked again in {seconds:g} s.", seconds)


def _secrets(config: Config) -> frozenset[str]:
    return http_delivery.secret_headers(config.headers, "headers")


spec = SourceSpec(
    name="http_pull",
    title="HTTP pull",
    summary="What is new in the answers of an HTTP address that is asked again and again.",
    guarantee=SOURCES["http_pull"],
    icon="http",
    config=Config,
    create=HttpPullSource,
    client=("httpx",),
    secrets=_secrets,
)
