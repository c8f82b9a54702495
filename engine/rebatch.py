"""The batching policy for results that come as ready JSON: cut to a count, held for a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from engine.protocol import QueryEnd, Rows

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def rebatch(
    items: AsyncGenerator[Rows | QueryEnd], count: int, wait_ms: int
) -> AsyncGenerator[Rows | QueryEnd]:
    """The same rows in batches of `count` (0 = any number).

    A smaller batch waits for more rows until `wait_ms` after its first; 0 = not at all. What waits
    is sent before the end.
    """
    held: list[bytes] = []
    newest_ms = 0
    loop = asyncio.get_running_loop()
    due = 0.0
    following = asyncio.ensure_future(anext(items))
    try:
        while True:
            left = max(0.0, due - loop.time()) if held else None
            await asyncio.wait({following}, timeout=left)
            item = following.result() if following.done() else None
            if isinstance(item, Rows):
                due = due if held else loop.time() + wait_ms / 1000
                held += [bytes(row) for row in _decode(item.payload)]
                newest_ms = max(newest_ms, item.last_event_time_ms)
            flush = isinstance(item, QueryEnd) or loop.time() >= due
            size = count or len(held) or 1
            whole = len(held) if flush or not count else len(held) - len(held) % size
            if count or flush:
                for start in range(0, whole, size):
                    piece = held[start : min(start + size, whole)]
                    yield Rows(len(piece), b"[" + b",".join(piece) + b"]", newest_ms)
                if whole:
                    del held[:whole]
                    due = loop.time() + wait_ms / 1000
            if isinstance(item, QueryEnd):
                yield item
                return
            if item is not None:
                following = asyncio.ensure_future(anext(items))
    finally:
        following.cancel()
        await asyncio.wait({following})
        await items.aclose()
