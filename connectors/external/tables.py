"""External tables: serves the engines' calls about them, through one client for each database."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from connectors.backoff import Backoff
from connectors.contract import Sleep
from connectors.external.registry import module_of, opened
from connectors.external.tables_contract import TableClient, TableError
from connectors.key_ring import KeyRing
from engine import table_calls as tc
from engine.calls import Answer, Request, refused
from engine.clock import Clock
from engine.errors import TailraceError
from engine.external_objects import External

# Databases that connections are kept to; the one that was not used for longest goes first.
CLIENTS_MAX: Final = 32
# ... and how long while nobody asks.
CLIENT_IDLE_SECONDS: Final = 120.0
# Reads under way: each has a connection of its own to its database.
CURSORS_MAX: Final = 64
# A read whose next page nobody asks for gives its connection back.
CURSOR_IDLE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
RETRY_FIRST_SECONDS: Final = 0.1
RETRY_LAST_SECONDS: Final = 2.0
# Attempts of one call; a look-up, for which a stream waits, has as many as its deadline has room
# for. An INSERT may have been committed when its connection was lost.
_ATTEMPTS: Final = {tc.DESCRIBE: 3, tc.READ: 3, tc.INSERT: 1}


@dataclass(slots=True, eq=False)
class _Held:
    """A client, and who uses it."""

    client: TableClient
    users: int = 0
    used_at: float = 0.0


@dataclass(slots=True, eq=False)
class _Cursor:
    """A read under way. `at`: when its last page was asked for."""

    pages: AsyncGenerator[tuple[bytes, bool]]
    held: _Held
    at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tables:
    """Answers calls of kind "table". For one loop; any number of calls at a time.

    `private`: whether addresses that are not public may be connected to.
    """

    def __init__(self, clock: Clock, sleep: Sleep, ring: KeyRing, *, private: bool) -> None:
        self._clock = clock
        self._sleep = sleep
        self._ring = ring
        self._private = private
        self._clients: OrderedDict[bytes, _Held] = OrderedDict()
        self._cursors: dict[str, _Cursor] = {}
        self._tending: asyncio.Task[None] | None = None
        self._methods: dict[str, Callable[[Request, _Held], Awaitable[bytes]]] = {
            tc.DESCRIBE: self._describe,
            tc.READ: self._read,
            tc.LOOK_UP: self._look_up,
            tc.INSERT: self._insert,
        }

    async def call(self, request: Request) -> Answer:
        """The answer, or why there is none after the attempts that the deadline has room for."""
        if request.method == tc.NEXT:
            return await self._next_page(request)
        last = ""
        seconds = request.timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                backoff = Backoff(self._clock.seed(), RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS)
                for attempt in itertools.count(1):
                    try:
                        return await self._attempt(request)
                    except TableError as error:
                        last = error.why
                        if not error.again or attempt == _ATTEMPTS.get(request.method):
                            return Answer(failure=_sentence(request, last), code=error.code)
                    await self._sleep(backoff.next())
            raise AssertionError("the last attempt returns")
        except TimeoutError:
            reason = f" (its last attempt: {last})" if last else ""
            return refused(request, f"no answer within {seconds:g} s{reason}")

    async def _attempt(self, request: Request) -> Answer:
        assert request.external is not None, "a call about a table"
        try:
            external = await opened(request.external, self._ring)
            held = await self._held(external)
        except TailraceError as error:
            raise TableError(error.message.rstrip(".")) from None
        held.users += 1
        try:
            return Answer(await self._methods[request.method](request, held))
        finally:
            self._left(held)

    def _left(self, held: _Held) -> None:
        held.users -= 1
        held.used_at = self._clock.monotonic()

    # -- calls ------------------------------------------------------------------------------

    async def _describe(self, request: Request, held: _Held) -> bytes:
        return msgspec.msgpack.encode(tc.TableColumns(await held.client.columns()))

    async def _look_up(self, request: Request, held: _Held) -> bytes:
        asked = msgspec.msgpack.decode(request.body, type=tc.TableLookUp)
        return await held.client.look_up(asked)

    async def _insert(self, request: Request, held: _Held) -> bytes:
        asked = msgspec.msgpack.decode(request.body, type=tc.TableInsert)
        await held.client.insert(asked.rows)
        return b""

    async def _read(self, request: Request, held: _Held) -> bytes:
        if len(self._cursors) >= CURSORS_MAX:
            raise TableError(f"{CURSORS_MAX} reads of external tables run already", again=True)
        asked = msgspec.msgpack.decode(request.body, type=tc.TableRead)
        cursor = _Cursor(held.client.read(asked), held, self._clock.monotonic())
        held.users += 1
        name = self._clock.uuid4()  # nobody guesses that of another engine
        self._cursors[name] = cursor
        return await self._page(name, cursor)

    async def _page(self, name: str, cursor: _Cursor) -> bytes:
        more = False
        try:
            async with cursor.lock:
                rows, more = await anext(cursor.pages)
        finally:
            cursor.at = self._clock.monotonic()
            if not more:
                await self._end(name)
        return msgspec.msgpack.encode(tc.TablePage(rows, name if more else ""))

    async def _end(self, name: str) -> None:
        cursor = self._cursors.pop(name, None)
        if cursor is not None:
            async with cursor.lock:
                await cursor.pages.aclose()
            self._left(cursor.held)

    async def _next_page(self, request: Request) -> Answer:
        asked = msgspec.msgpack.decode(request.body, type=tc.TableCursor)
        cursor = self._cursors.get(asked.cursor)
        if asked.close:
            await self._end(asked.cursor)
            return Answer()
        if cursor is None:
            why = "its reader is gone"
            return Answer(failure=_sentence(request, why), code=tc.CURSOR_LOST)
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                return Answer(await self._page(asked.cursor, cursor))
        except TableError as error:
            return Answer(failure=_sentence(request, error.why), code=error.code)
        except TimeoutError:
            return refused(request, f"no answer within {request.timeout_ms / 1000:g} s")

    # -- clients ------------------------------------------------------------------------------

    async def _held(self, external: External) -> _Held:
        """The client of a definition; each has one, as it may connect by other settings."""
        text = msgspec.msgpack.encode((external.type, external.name, external.settings))
        key = hashlib.sha256(text).digest()
        found = self._clients.pop(key, None)
        if found is None:
            make = module_of(external).client
            client: TableClient = make(external, private=self._private)
            found = _Held(client)
        self._clients[key] = found
        found.used_at = self._clock.monotonic()
        if self._tending is None:
            self._tending = asyncio.create_task(self._tend())
        return found

    async def _tend(self) -> None:
        """Give back what nobody uses."""
        while True:
            await self._sleep(LOOK_SECONDS)
            now = self._clock.monotonic()
            for name, cursor in list(self._cursors.items()):
                if now - cursor.at > CURSOR_IDLE_SECONDS and not cursor.lock.locked():
                    await self._end(name)
            idle = [(key, held) for key, held in self._clients.items() if not held.users]
            beyond = len(self._clients) - CLIENTS_MAX
            for at, (key, held) in enumerate(idle):
                if at < beyond or now - held.used_at > CLIENT_IDLE_SECONDS:
                    del self._clients[key]
                    await held.client.close()

    async def close(self) -> None:
        """Give up all reads and close all connections."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        for name in list(self._cursors):
            await self._end(name)
        clients, self._clients = self._clients, OrderedDict()
        for held in clients.values():
            await held.client.close()


def _sentence(request: Request, why: str) -> str:
    return f"External table {request.function}: {why}."
