"""Bodies that come compressed: gzip, within bounds."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from controlplane.problems import Problem
from engine.errors import Code, TooLarge, UserError

# Bodies above this are inflated in a thread: it would hold the loop for more than 10 ms.
INFLATE_INLINE_BYTES: Final = 64 << 10


async def inflate(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its content encoding; gzip only (else 415), bounded (413)."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in (b"gzip", b"x-gzip"):
        raise Problem(415, "Only gzip is understood as content encoding.")
    if len(body) <= INFLATE_INLINE_BYTES:
        return _gunzip(body, limit)
    return await asyncio.to_thread(_gunzip, body, limit)


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip body."""
    parts: list[bytes] = []
    room = limit
    try:
        while body:
            member = zlib.decompressobj(wbits=31)
            part = member.decompress(body, room + 1)
            room -= len(part)
            if room < 0:
                raise TooLarge(
                    f"The inflated body is larger than inflated_bytes_max ({limit} bytes).",
                    413,
                    "neutron",
                )
            if not member.eof:
                raise UserError("The gzip body is cut off.", Code.INCORRECT_DATA)
            parts.append(part)
            body = member.unused_data
    except zlib.error:
        raise UserError("The body is not gzip.", Code.INCORRECT_DATA) from None
    return b"".join(parts)
