"""How background work rests between rounds so that a stop never cuts into a statement."""

from __future__ import annotations

import asyncio
import contextlib


async def pause(closing: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or less when `closing` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), seconds)
