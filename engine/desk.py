"""The desk of outside calls: takes them from steps and workers, hands each to whoever can do it.

Calls of remote functions go to the connector process when it is attached, those of Python functions
to the function process. Both bounds count what is under way; what waits is bounded by its askers,
each of which waits for its one answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from engine.calls import Answer, Done, GiveUp, Request, refused
from engine.table_calls import INSERT

# Calls and bytes of arguments under way; more wait for their turn.
CALLS_MAX: Final = 64
BYTES_MAX: Final = 64 << 20
# Beyond the deadline of the call itself: for the way there and back, and for a connector process
# that starts anew.
GRACE_SECONDS: Final = 10.0

Send = Callable[[int, Request], None]
_log = logging.getLogger("tailrace.engine")


class Functions(Protocol):
    """The process that runs Python functions (`engine.udf.python_host.PythonHost`)."""

    async def call(self, request: Request) -> Answer:
        """Run one call; its failure is an answer too."""
        ...

    async def close(self) -> None:
        """End the process."""
        ...


@dataclass(slots=True, eq=False)
class _Call:
    """A call from its request to its answer."""

    request: Request
    done: Done
    task: asyncio.Task[None] | None = None  # once it is under way
    counted: bool = False  # as one that is under way


class CallDesk:
    """A `calls.Caller`; `send` may be called from any thread, the rest on the loop's."""

    def __init__(self, functions: Functions) -> None:
        self._loop = asyncio.get_running_loop()
        self._functions = functions
        self._handed: deque[_Call] = deque()  # on their way to the loop
        self._waiting: deque[_Call] = deque()
        self._under_way: dict[int, tuple[Request, asyncio.Future[Answer]]] = {}
        self._calls = 0
        self._bytes = 0
        self._next = 0
        self._connector: Send | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a call waits or is under way."""
        return bool(self._handed or self._waiting or self._calls)

    def send(self, request: Request, done: Done) -> GiveUp:
        """See Caller.send."""
        call = _Call(request, done)
        self._handed.append(call)
        self._soon(self._accept, call)
        return partial(self._soon, self._give_up, call)

    def _soon(self, action: Callable[[_Call], None], call: _Call) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(action, call)

    def _accept(self, call: _Call) -> None:
        self._handed.popleft()
        self._take(call)

    async def call(self, request: Request) -> Answer:
        """The same for whoever is on the loop; a call that is cancelled is given up."""
        future: asyncio.Future[Answer] = self._loop.create_future()

        def done(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        call = _Call(request, done)
        self._take(call)
        try:
            return await future
        except asyncio.CancelledError:
            self._give_up(call)
            raise

    def _take(self, call: _Call) -> None:
        self._waiting.append(call)
        self._go_on()

    def _give_up(self, call: _Call) -> None:
        """Nobody waits for the answer: others get its place, at once."""
        if call.task is not None:
            call.task.cancel()
        elif call in self._waiting:
            self._waiting.remove(call)
            self._go_on()

    def _go_on(self) -> None:
        while self._waiting and self._calls < CALLS_MAX and not self._closed:
            call = self._waiting[0]
            nbytes = len(call.request.body)
            if self._bytes and self._bytes + nbytes > BYTES_MAX:
                return
            self._waiting.popleft()
            call.counted = True
            self._calls += 1
            self._bytes += nbytes
            call.task = self._loop.create_task(self._do(call))
            self._tasks.add(call.task)
            call.task.add_done_callback(partial(self._ended, call))

    def _ended(self, call: _Call, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free(call)  # one that was given up before its task began

    def _free(self, call: _Call) -> None:
        """Its place is for others."""
        if call.counted:
            call.counted = False
            self._calls -= 1
            self._bytes -= len(call.request.body)
            self._go_on()

    async def _do(self, call: _Call) -> None:
        request = call.request
        try:
            if request.kind == "python":
                answer = await self._functions.call(request)
            else:
                answer = await self._remote(request)
        except Exception as error:  # noqa: BLE001 - the step that waits must have an answer
            # Its text could name a secret.
            _log.error("a call of %s failed: %s", request.function, type(error).__name__)
            answer = refused(request, "an internal error of the engine")
        finally:
            self._free(call)
        call.done(answer)

    # -- remote functions and external tables: the connector process ------------------------

    @property
    def attached(self) -> bool:
        """Whether a connector process is there."""
        return self._connector is not None

    async def _remote(self, request: Request) -> Answer:
        self._next += 1
        number = self._next
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._under_way[number] = (request, future)
        try:
            if self._connector is not None:
                self._connector(number, request)
            async with asyncio.timeout(request.timeout_ms / 1000 + GRACE_SECONDS):
                return await future
        except TimeoutError:
            return refused(request, "the connector process gave no answer in time")
        finally:
            del self._under_way[number]

    def attach(self, connector: Send) -> None:
        """A connector process is there: it gets what waits, also what a lost one had begun."""
        self._connector = connector
        for number, (request, future) in list(self._under_way.items()):
            if future.done():
                continue
            wrote = request.kind == "table" and request.method == INSERT
            if wrote or request.kind == "stream":
                # It may be committed: a second time would write the rows twice.
                future.set_result(
                    refused(
                        request,
                        "the connector process ended while it wrote"
                        " the rows, which may be there or not: look before they are inserted again",
                    )
                )
            else:
                connector(number, request)

    def detach(self, connector: Send) -> None:
        """It is gone."""
        if self._connector is connector:
            self._connector = None

    def answered(self, number: int, answer: Answer) -> None:
        """An answer of the connector process; one that nobody waits for is let go."""
        known = self._under_way.get(number)
        if known is not None and not known[1].done():
            known[1].set_result(answer)

    async def close(self) -> None:
        """Begin no more calls and give up those under way."""
        self._closed = True
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._functions.close()
