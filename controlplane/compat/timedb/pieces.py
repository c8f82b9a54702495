"""Answers of many items: whole if they are short, else in pieces as the items come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from litestar import Response
from litestar.response import Stream

# Up to so many bytes an answer is made whole; a longer one leaves in pieces.
WHOLE_BYTES_MAX: Final = 1 << 20
JSON: Final = "application/json"

Body = bytes | AsyncGenerator[bytes]


async def whole_or_parts(
    pieces: AsyncGenerator[bytes],
    whole: Callable[[bytes], bytes],
    head: bytes,
    tail: Callable[[], bytes],
) -> Body:
    """`whole` makes a short answer of its items; a long one is `head`, items, `tail`. What fails
    before the answer begins is raised here."""
    begun: list[bytes] = []
    size = 0
    async for piece in pieces:
        if piece:
            begun.append(piece)
            size += len(piece)
        if size > WHOLE_BYTES_MAX:
            return _parts(b",".join(begun), pieces, head, tail)
    return whole(b",".join(begun))


async def _parts(
    first: bytes, pieces: AsyncGenerator[bytes], head: bytes, tail: Callable[[], bytes]
) -> AsyncGenerator[bytes]:
    try:
        yield head + first
        async for piece in pieces:
            if piece:
                yield b"," + piece
        yield tail()
    finally:
        await pieces.aclose()


def answer(body: Body) -> Response[Any]:
    """The HTTP answer."""
    if isinstance(body, bytes):
        return Response(body, media_type=JSON)
    return Stream(body, media_type=JSON)
