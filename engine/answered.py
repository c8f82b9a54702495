"""What is answered by a callback, as something to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from engine.errors import TailraceError

T = TypeVar("T")


async def answered(submit: Callable[[Callable[[T | TailraceError], None]], None]) -> T:
    """Submit with a callback and wait until it is called, on this loop; an error is raised.

    Whoever waits may go away before: then the answer is let go.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def answer(result: T | TailraceError) -> None:
        if future.done():
            return
        if isinstance(result, TailraceError):
            future.set_exception(result)
        else:
            future.set_result(result)

    submit(answer)
    return await future
