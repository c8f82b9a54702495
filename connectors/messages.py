"""What the messages of remote systems hold: the property that says it, and their format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from engine.source_appends import SourceFormat

T = TypeVar("T")

DataType = Annotated[
    Literal["json", "text"],
    msgspec.Meta(
        title="Data type",
        description="json: the keys of each message fill the columns of that name; text: the "
        "message fills the column raw.",
    ),
]

# Bytes of the messages that are handed over together; one larger message is alone.
BATCH_BYTES_MAX: Final = 4 << 20


def pieces(messages: Sequence[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """The messages in order, in pieces of at most BATCH_BYTES_MAX."""
    piece: list[T] = []
    held = 0
    for message in messages:
        held += size(message)
        if piece and held > BATCH_BYTES_MAX:
            yield piece
            piece, held = [], size(message)
        piece.append(message)
    if piece:
        yield piece


FORMATS: Final[dict[str, SourceFormat]] = {"json": "streaming", "text": "lines"}
