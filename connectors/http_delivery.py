"""What connectors over HTTP have in common: properties of requests, what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from connectors import duration
from connectors.http_client import Answer
from connectors.sink_contract import Delivery, NotDelivered, Refusal, SinkContext
from engine.errors import UserError

SECONDS_MAX: Final = 3600.0
HEADERS_MAX: Final = 64
HEADER_CHARS_MAX: Final = 8_192
# Answers after which another attempt may go well.
_AGAIN: Final = frozenset((408, 429))
_TOKEN_CHARS: Final = frozenset(
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
# Headers that are set by the client.
_OWN: Final = frozenset(("host", "content-length", "transfer-encoding", "connection"))
_SECRET_WORDS: Final = ("authorization", "cookie", "token", "secret", "key", "password")

Retries = Annotated[
    Annotated[int, msgspec.Meta(ge=-1, le=100_000)] | None,
    msgspec.Meta(
        title="Retries",
        description="Attempts after the first before a row is given up; -1: none is given up. An "
        "alert's message is not given up unless this is set.",
    ),
]
RetryInterval = Annotated[
    str, msgspec.Meta(title="Retry interval", description="Between two attempts.")
]
Timeout = Annotated[str, msgspec.Meta(title="Timeout", description="Of each attempt.")]


def check_url(url: str, name: str) -> None:
    """ValueError for what is no http or https address."""
    parts = urlsplit(url)
    try:
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"Property {name!r} must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"Property {name!r} must not hold a user or password; use a header")
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError(f"Property {name!r} must be percent-encoded")


def check_headers(headers: Mapping[str, str], name: str) -> None:
    """ValueError for what cannot be a header."""
    if len(headers) > HEADERS_MAX:
        raise ValueError(f"Property {name!r} has more than {HEADERS_MAX} headers")
    for header, value in headers.items():
        if not header or not set(header) <= _TOKEN_CHARS or header.lower() in _OWN:
            raise ValueError(f"Property {name!r} cannot hold the header {header[:50]!r}")
        printable = value.isascii() and value.isprintable() and len(value) <= HEADER_CHARS_MAX
        if not printable:
            raise ValueError(f"Property {name!r} has a value of {header!r} that is no header's")


def secret_headers(headers: Mapping[str, str], name: str) -> frozenset[str]:
    """Dotted names of headers whose values are secret by their names."""
    return frozenset(
        f"{name}.{header}"
        for header in headers
        if any(word in header.lower() for word in _SECRET_WORDS)
    )


def span(text: str, name: str) -> float:
    """Seconds of a duration above 0 and up to an hour; ValueError."""
    try:
        seconds = duration.seconds(text, f"property {name!r}")
    except UserError as error:
        raise ValueError(error.message.rstrip(".")) from error
    if not 0 < seconds <= SECONDS_MAX:
        raise ValueError(f"Property {name!r} must be above 0 and at most 1h")
    return seconds


def delivery(
    retries: int | None, interval: str, parallel: int, context: SinkContext, default: int | None
) -> Delivery:
    """How rows are sent one by one. Without `retries` a row has `default` of them, and an alert's
    message as many as it takes."""
    if retries is None:
        retries = default if context.purpose == "rows" else None
    return Delivery(
        rows=1,
        parallel=parallel,
        retries=None if retries == -1 else retries,
        interval=span(interval, "retry_interval"),
    )


def outcome(answer: Answer) -> tuple[Refusal, ...]:
    """What an answer to a row means; NotDelivered when it may be taken later."""
    if 200 <= answer.status < 300:
        return ()
    message = f"{answer.host} answered with status {answer.status}."
    if answer.status in _AGAIN or answer.status >= 500:
        raise NotDelivered(message, after=answer.after)
    return (Refusal(0, message),)
