"""The planning thread: one statement at a time, the shortest first, bounded in bytes and time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from engine.errors import Code, Overloaded, UserError
from engine.table_calls import ColumnsUnknown

# Text of all statements that wait to be planned; one more is refused with code 202.
WAITING_BYTES_MAX: Final = 4 << 20
# Waiting and planning together; a statement that is not planned by then gets code 159.
PLAN_SECONDS_MAX: Final = 10.0

T = TypeVar("T")


class Planning:
    """Runs planner calls off the loop, for the loop that made it.

    One thread: binding is Python, so a second would only make both slower. The shortest statement
    goes first, so that nobody's usual query waits behind another's long ones. A caller that is
    cancelled takes its statement back.
    """

    def __init__(self, waiting_bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plan")
        self._waiting_bytes_max = waiting_bytes_max
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._number = 0
        self._busy = False
        # Asks for the columns of an external table by name (`OutsideTables.learn`).
        self.learn: Callable[[str], Awaitable[None]] | None = None

    async def run(self, work: Callable[[str], T], sql: str, seconds: float = PLAN_SECONDS_MAX) -> T:
        """The result of `work(sql)`. Raises what it raises, UserError 159 when `seconds` are over,
        Overloaded when too much waits. It is done again when columns of external tables were asked
        for meanwhile."""
        asked: set[str] = set()
        while True:
            try:
                return await self._run(work, sql, seconds)
            except ColumnsUnknown as error:
                if self.learn is None or error.table in asked:
                    raise
                asked.add(error.table)  # a statement has few sources
                await self.learn(error.table)

    async def _run(self, work: Callable[[str], T], sql: str, seconds: float) -> T:
        try:
            async with asyncio.timeout(min(seconds, PLAN_SECONDS_MAX)):
                await self._turn(len(sql))
                done = self._thread.submit(work, sql)
                done.add_done_callback(self._pass_on(asyncio.get_running_loop()))
                return await asyncio.wrap_future(done)
        except TimeoutError:
            raise UserError(
                "the statement was not planned in time; shorten it or try again later",
                Code.TIMEOUT,
            ) from None

    async def _turn(self, size: int) -> None:
        """Wait until the thread is this caller's."""
        if not self._busy:
            self._busy = True
            return
        if self._waiting_bytes + size > self._waiting_bytes_max:
            raise Overloaded("too many statements wait to be planned; try again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        entry = (size, self._number, turn)
        heapq.heappush(self._waiting, entry)
        self._waiting_bytes += size
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            elif not turn.cancelled():  # it came in the same moment
                self._next()
            raise
        finally:
            self._waiting_bytes -= size

    def _pass_on(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def done(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._next)

        return done

    def _next(self) -> None:
        """The thread is free: give it to the shortest statement that still waits."""
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False

    def close(self) -> None:
        """Take nothing more; does not wait for the statement at work."""
        self._thread.shutdown(wait=False, cancel_futures=True)
