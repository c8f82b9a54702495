"""Messages between the threads of Pulsar's client and the event loop, many at a time.

The client's asyncio classes wake the loop for each message, which bounds them to some 35,000 a
second; here what has arrived is taken at once. Both need the objects below those classes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from connectors.messages import BATCH_BYTES_MAX
from engine.errors import UserError

# Messages that are taken or sent before others have the loop: about 3 ms.
STEP_MESSAGES: Final = 200
# Between two looks at whether the client is connected.
LOOK_SECONDS: Final = 1.0
# Of one entry of a topic, unless one message is larger: what clients of Pulsar send by default, so
# no broker takes less.
ENTRY_BYTES_MAX: Final = 128 << 10
ENTRY_MESSAGES_MAX: Final = 1_000
# Never reached: what ends an entry is here.
CLIENT_BATCH_BYTES: Final = 64 << 20
CLIENT_BATCH_MS: Final = 60_000
# The client has a timeout of its own; this one is for when that does not help.
SEND_SECONDS_MAX: Final = 60.0
OK: Final = "Ok"
TIMEOUT: Final = "Timeout"


class Place(NamedTuple):
    """Where a message is in its partition; `batch` is that within its batch, -1 without one."""

    ledger: int
    entry: int
    batch: int


class Received(NamedTuple):
    """A message. `partition` is -1 of a topic without partitions. `published_ms`: by its
    producer's clock. `data` is None for a deletion mark. `raw`: the client's own message."""

    partition: int
    place: Place
    published_ms: int
    data: bytes | None
    raw: Any


def lost(what: str) -> UserError:
    """The connection is gone, as far as the client knows."""
    return UserError(f"The connection to Pulsar was lost ({what}).", 503, "orbit")


def failure(result: Any) -> str:
    """The name of what an operation of the client came to."""
    return str(getattr(result, "name", result))


class Incoming:
    """A consumer or a reader. For one loop and one task at a time."""

    def __init__(self, opened: Any, *, reads: bool) -> None:
        """`opened`: of the client's asyncio classes, a Reader if it `reads`, else a Consumer."""
        self._opened = opened
        self._inner: Any = opened._reader if reads else opened._consumer
        self._receive: Callable[[Any], None] = (
            self._inner.read_next_async if reads else self._inner.receive_async
        )
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._waiting: deque[tuple[Any, Any]] = deque()
        # The client was asked for a message that it does not have yet: it is not lost by asking
        # no more, but comes into `_waiting`.
        self._asked = False
        self._arrived = asyncio.Event()

    async def take(self, most: int, seconds: float) -> list[Received]:
        """At most so many messages and about BATCH_BYTES_MAX, as soon as there is one; none after
        that many seconds. UserError when the connection is lost."""
        taken: list[Received] = []
        left = BATCH_BYTES_MAX
        deadline = self._loop.time() + seconds
        while True:
            left -= self._drain(taken, min(most, len(taken) + STEP_MESSAGES), left)
            if len(taken) >= most or left <= 0:
                return taken
            if not self._asked:  # there may be more
                await asyncio.sleep(0)
            elif taken or not await self._more(deadline):
                return taken

    def _drain(self, taken: list[Received], most: int, left: int) -> int:
        """Take what is there; its bytes."""
        size = 0
        while len(taken) < most and size < left:
            if not self._waiting:
                if self._asked:
                    break
                self._asked = True
                self._receive(self._came)
                continue
            result, message = self._waiting.popleft()
            if failure(result) != OK:
                raise lost(failure(result))
            received = _received(message)
            size += len(received.data or b"")
            taken.append(received)
        return size

    def _came(self, result: Any, message: Any) -> None:
        """A message; called in this thread if it was there already, else in one of the client."""
        self._waiting.append((result, message))
        self._asked = False
        if threading.get_ident() != self._thread:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def _more(self, deadline: float) -> bool:
        """Wait for a message; whether there may be one. A connection that is away at two looks is
        lost: then the runner makes a new one, which looks at the addresses."""
        away = 0
        while not self._waiting:
            self._arrived.clear()
            if self._waiting:
                break
            rest = deadline - self._loop.time()
            if rest <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, LOOK_SECONDS)):
                    await self._arrived.wait()
                    break
            away = 0 if self._inner.is_connected() else away + 1
            if away > 1:
                raise lost("the broker is away")
        return True

    async def acknowledge_up_to(self, ids: Sequence[Any]) -> None:
        """Everything of a partition up to each of these messages; one for each partition."""
        for each in ids:
            await _done(self._opened.acknowledge_cumulative(each))

    async def acknowledge(self, ids: Sequence[Any]) -> None:
        """Each of these messages."""
        failed: list[str] = []

        def done(result: Any) -> None:
            if failure(result) != OK:
                failed.append(failure(result))

        for number, each in enumerate(ids, 1):
            self._inner.acknowledge_async(each, done)
            if number % STEP_MESSAGES == 0:
                await asyncio.sleep(0)
        if failed:  # the client collects acknowledgements: it tells at once what it cannot take
            raise lost(failed[-1])

    async def has_more(self) -> bool:
        """Of a reader: whether there is a message behind the last one that was taken."""
        return bool(await _done(self._opened.has_message_available()))

    async def close(self) -> None:
        """Give it back to the client."""
        await _done(self._opened.close())


async def _done(operation: Awaitable[Any]) -> Any:
    from pulsar.asyncio import PulsarException

    try:
        return await operation
    except PulsarException as error:
        raise lost(failure(error.error())) from None


def _received(message: Any) -> Received:
    id_ = message.message_id()
    return Received(
        id_.partition(),
        Place(id_.ledger_id(), id_.entry_id(), id_.batch_index()),
        message.publish_timestamp(),
        None if message.has_null_value() else message.data(),
        message,
    )


class Message(NamedTuple):
    """What is sent. `sequence`: its number, for brokers that drop what they have; -1: the client's
    own. `key`: the partition key, None without one."""

    data: bytes
    properties: Mapping[str, str]
    sequence: int = -1
    key: str | None = None


class Outgoing:
    """A producer of a topic, or of one partition. For one loop and one task at a time.

    What is sent together is cut into entries of the topic by count and size, always alike. A broker
    that drops what it has (deduplication) knows an entry by the number of its first message, so who
    sends the same messages together again has each of them stored once.
    """

    def __init__(self, opened: Any) -> None:
        """`opened`: a Producer of the client's asyncio classes."""
        self._opened = opened
        self._inner: Any = opened._producer
        self._loop = asyncio.get_running_loop()

    @property
    def connected(self) -> bool:
        """Whether the client has a connection for it now."""
        return bool(self._inner.is_connected())

    async def send(self, messages: Sequence[Message]) -> list[str]:
        """Send them in order; what each came to, OK if it is stored. Ends with the timeout of the
        client at the latest."""
        results = [""] * len(messages)
        done: asyncio.Future[None] = self._loop.create_future()
        entries = _entries(messages)
        numbers = count(len(messages), -1)  # its next() is one step for all threads

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        def sent(at: int) -> Callable[[Any, Any], None]:
            def came(result: Any, _: Any) -> None:
                results[at] = failure(result)
                if next(numbers) == 1:
                    with contextlib.suppress(RuntimeError):  # the loop is closed
                        self._loop.call_soon_threadsafe(finish)

            return came

        for entry in entries:
            for at in entry:
                self._inner.send_async(_built(messages[at]), sent(at))
                if at % STEP_MESSAGES == STEP_MESSAGES - 1:
                    await asyncio.sleep(0)
            self._inner.flush_async(_ignored)
        if entries:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await done
        return [result or TIMEOUT for result in results]

    async def close(self) -> None:
        """Give it back to the client."""
        await _done(self._opened.close())


def _entries(messages: Sequence[Message]) -> list[range]:
    """Places of messages that are stored as one entry. Those of one have one key, since brokers
    that share a topic by key look at an entry's first message only."""
    found: list[range] = []
    first = size = 0
    for at, message in enumerate(messages):
        own = len(message.data) + sum(len(k) + len(v) for k, v in message.properties.items())
        full = size + own > ENTRY_BYTES_MAX or at - first >= ENTRY_MESSAGES_MAX
        if at > first and (full or message.key != messages[first].key):
            found.append(range(first, at))
            first, size = at, 0
        size += own
    if messages:
        found.append(range(first, len(messages)))
    return found


def _built(message: Message) -> Any:
    from _pulsar import MessageBuilder  # the client's own, loaded with it

    builder = MessageBuilder().content(message.data)
    for name, value in message.properties.items():
        builder.property(name, value)
    if message.key is not None:
        builder.partition_key(message.key)
    if message.sequence >= 0:
        builder.sequence_id(message.sequence)
    return builder.build()


def _ignored(*_: Any) -> None:
    """Each message has its own result."""
