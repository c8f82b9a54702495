"""What clients of the socket send, decoded strictly, and the frames that belong to no query."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from controlplane.problems import bad_request, render
from controlplane.services.subscription import (
    HZ_DEFAULT,
    HZ_MAX,
    HZ_MIN,
    ROWS_DEFAULT,
    ROWS_MAX,
    Mode,
)
from engine.errors import TailraceError

# A statement has at most 256 KiB; JSON may write a character of it with six.
MESSAGE_BYTES_MAX: Final = 2 << 20
PONG: Final = b'{"ev":"pong"}'

Identity = Annotated[str, Meta(min_length=1, max_length=64)]
Hz = Annotated[float, Meta(ge=HZ_MIN, le=HZ_MAX)]


class Sub(msgspec.Struct, frozen=True, tag_field="op", tag="sub"):
    """Run a query, or share one that is about to run; `since`: go on at that event time."""

    id: Identity
    sql: str
    max_hz: Hz = HZ_DEFAULT
    max_rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = ROWS_DEFAULT
    mode: Mode | None = None
    since: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    name: str = ""
    tags: tuple[str, ...] = ()


class Unsub(msgspec.Struct, frozen=True, tag_field="op", tag="unsub"):
    """Nothing more of this subscription, please."""

    id: Identity


class Rate(msgspec.Struct, frozen=True, tag_field="op", tag="rate"):
    """Another pace from now on."""

    id: Identity
    max_hz: Hz


class Ack(msgspec.Struct, frozen=True, tag_field="op", tag="ack"):
    """All batches up to `n` were taken."""

    id: Identity
    n: Annotated[int, Meta(ge=0, le=2**53)]


class Ping(msgspec.Struct, frozen=True, tag_field="op", tag="ping"):
    """Is anybody there?"""


Message = Sub | Unsub | Rate | Ack | Ping


class _Head(msgspec.Struct, frozen=True):
    """What a message that is not valid may still say."""

    op: Literal["sub"]
    id: Identity


_decode = msgspec.json.Decoder(Message).decode
_decode_head = msgspec.json.Decoder(_Head).decode


class BadMessage(Exception):
    """A message that is none. `identity`: of the subscription that it would have begun, or ''."""

    def __init__(self, identity: str, error: TailraceError) -> None:
        super().__init__(error.message)
        self.identity = identity
        self.error = error


def message_of(text: str) -> Message:
    """A client's message; BadMessage for anything else."""
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise BadMessage(
            _identity(text), bad_request(f"The message is not valid: {error}.")
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadMessage("", bad_request(f"The message is not JSON: {error}.")) from None


def _identity(text: str) -> str:
    try:
        return _decode_head(text).id
    except (msgspec.DecodeError, RecursionError):
        return ""


def error_frame(error: TailraceError) -> bytes:
    """What is wrong with a message, without a subscription that it is about."""
    return b'{"ev":"error","error":' + render(error).body + b"}"
