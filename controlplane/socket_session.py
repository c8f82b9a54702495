"""One open socket: its subscriptions, what the client says, and one sender for all frames."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from controlplane.auth import Authenticator, Principal
from controlplane.problems import Problem, bad_request, render
from controlplane.services.queries import NewQuery
from controlplane.services.rest import pause
from controlplane.services.shared_query import Means, SharedQuery, Subject
from controlplane.services.subscription import (
    SOCKET_BYTES_MAX,
    WAITING_BYTES_MAX,
    Pace,
    Subscription,
)
from controlplane.socket_messages import (
    PONG,
    Ack,
    BadMessage,
    Message,
    Ping,
    Rate,
    Sub,
    Unsub,
    error_frame,
    message_of,
)
from controlplane.telemetry import HttpCounters
from engine.clock import Clock
from engine.wakeup import Wakeup

log = logging.getLogger("tailrace.socket")

# A page shows far fewer panels; each is a query.
SUBSCRIPTIONS_MAX: Final = 64
# Answers that wait to be sent; with so many no further message is taken.
NOTICES_MAX: Final = 64
# Characters of all statements of a socket: they come back in the frames that begin and end queries.
STATEMENT_CHARS_MAX: Final = 1 << 20
# So many messages are taken in one go, before others get the loop.
MESSAGES_AT_ONCE: Final = 16
# How often it is looked whether the caller may still be here.
CHECK_SECONDS: Final = 1.0
# What the last frames get when the server stops.
FAREWELL_SECONDS: Final = 1.0

POLICY: Final = 1008
GOING_AWAY: Final = 1001
INTERNAL: Final = 1011
SIGNED_OUT: Final = 4401

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Caller(msgspec.Struct, frozen=True):
    """Whose socket it is, and where the connection came from."""

    principal: Principal
    address: str


class Closing(Exception):
    """The socket has to be closed, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Surroundings(msgspec.Struct, frozen=True):
    """What all sockets of a server share. `stopping` is set when it stops; `running` holds the
    tasks of queries, which outlive their socket while they start."""

    means: Means
    authenticator: Authenticator
    counters: HttpCounters
    clock: Clock
    stopping: asyncio.Event
    running: set[asyncio.Task[None]]


class _Held:
    """A subscription, the query that it reads, and the timer of its next frame."""

    __slots__ = ("shared", "subscription", "timer")

    def __init__(self, subscription: Subscription, shared: SharedQuery) -> None:
        self.subscription = subscription
        self.shared = shared
        self.timer: asyncio.TimerHandle | None = None


class SocketSession:
    """Serves one socket until it is closed; `run` says with which code and reason, if by us."""

    def __init__(self, caller: Caller, around: Surroundings, receive: Receive, send: Send) -> None:
        self._caller = caller
        self._around = around
        self._receive = receive
        self._send = send
        self._held: dict[str, _Held] = {}
        self._ready: dict[str, _Held] = {}
        self._notices: deque[bytes] = deque()
        self._news = Wakeup()
        self._answered = Wakeup()
        self._queries: dict[asyncio.Task[None], SharedQuery] = {}
        self._leaving = False
        self._quiet = asyncio.Event()

    async def run(self) -> Closing | None:
        """Serve it. None: the client closed it."""
        works = (self._read(), self._write(), self._watch())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for identity in list(self._held):
                self._remove(identity)
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            error = task.exception()
            if isinstance(error, Closing):
                return error
            if error is not None and not isinstance(error, OSError):  # OSError: the client is gone
                log.error("a socket failed", exc_info=error)
                return Closing(INTERNAL, "an error of the server; its log has it")
        return None

    # -- works ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        """What the client says, until it goes."""
        count = 0
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:
                raise Closing(POLICY, "messages are text")
            try:
                self._take(message_of(text))
            except BadMessage as bad:
                self._refuse(bad)
            count += 1
            if count % MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)
            while len(self._notices) >= NOTICES_MAX:
                await self._answered.wait()

    async def _write(self) -> None:
        """All frames: one after the other, each when the connection has room for it."""
        counters = self._around.counters
        while True:
            frame = self._next()
            if frame is None:
                if self._leaving and not self._held:
                    self._quiet.set()
                await self._news.wait()
                continue
            counters.socket_frames += 1
            counters.socket_bytes += len(frame)
            await self._send({"type": "websocket.send", "bytes": frame})
            await asyncio.sleep(0)  # the loop is others' too

    async def _watch(self) -> None:
        """Close it when the caller's session, key or role is gone, or when the server stops."""
        around = self._around
        while not around.stopping.is_set():
            if not await around.authenticator.alive(self._caller.principal):
                raise Closing(SIGNED_OUT, "the credentials are no longer valid")
            await pause(around.stopping, CHECK_SECONDS)
        self._leaving = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._say_good_bye()
        raise Closing(GOING_AWAY, "the server stops")

    async def _say_good_bye(self) -> None:
        """Let the last frames of all queries go, which have been ended."""
        for held in self._held.values():
            held.subscription.hurry()
            held.shared.progress()
        await asyncio.gather(*self._queries, return_exceptions=True)
        for held in self._held.values():
            self._stir(held)
        self._news.set()
        await self._quiet.wait()

    # -- messages ------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        """Do what it asks. What is about a subscription that is over has crossed its end."""
        if isinstance(message, Ping):
            self._notify(PONG)
        elif isinstance(message, Sub):
            self._subscribe(message)
        elif (held := self._held.get(message.id)) is not None:
            match message:
                case Unsub():
                    self._remove(message.id)
                case Rate():
                    held.subscription.repace(message.max_hz)
                    self._stir(held, again=True)
                case Ack():
                    if not held.subscription.acknowledge(message.n):
                        raise _bad(f"Batch {message.n} of '{message.id}' was not sent.")
                    held.shared.progress()
                    self._stir(held)

    def _subscribe(self, wanted: Sub) -> None:
        if wanted.id in self._held:
            raise _bad(f"There is a subscription '{wanted.id}' on this socket already.")
        self._check_room(wanted)
        clock = self._around.clock
        subscription = Subscription(wanted.id, Pace(wanted.max_hz, wanted.max_rows), clock)
        subject = Subject(wanted.sql, wanted.mode, wanted.since or 0)
        alike = (one for one in self._queries.values() if one.subject == subject and one.open)
        shared = next(alike, None)
        joins = shared is not None
        if shared is None:
            shared = SharedQuery(subject, self._around.means, self._stir_by_query)
        held = self._held[wanted.id] = _Held(subscription, shared)
        self._share_bytes()
        shared.join(subscription)
        if joins:
            self._stir(held)
        else:
            self._start(shared, wanted)

    def _check_room(self, wanted: Sub) -> None:
        if self._leaving:
            raise BadMessage(wanted.id, Problem(429, "The server is stopping."))
        if max(len(self._held), len(self._queries)) >= SUBSCRIPTIONS_MAX:
            what = f"A socket has at most {SUBSCRIPTIONS_MAX} subscriptions; end some."
            raise BadMessage(wanted.id, Problem(429, what))
        held = sum(len(one.shared.subject.sql) for one in self._held.values())
        if held + len(wanted.sql) > STATEMENT_CHARS_MAX:
            what = f"The statements of a socket have at most {STATEMENT_CHARS_MAX} characters."
            raise BadMessage(wanted.id, Problem(429, what))

    def _start(self, shared: SharedQuery, wanted: Sub) -> None:
        subject = shared.subject
        new = NewQuery(subject.sql, wanted.name, "", wanted.tags, since_ms=subject.since_ms)
        run = shared.run(self._caller.principal, self._caller.address, new)
        task = asyncio.create_task(run)
        self._queries[task] = shared
        self._around.running.add(task)
        task.add_done_callback(self._around.running.discard)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        shared = self._queries.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            body = render(error).body
            for held in [one for one in self._held.values() if one.shared is shared]:
                held.subscription.refuse(body)
                self._stir(held)

    def _remove(self, identity: str) -> None:
        held = self._held.pop(identity)
        held.subscription.over = True
        self._ready.pop(identity, None)
        if held.timer is not None:
            held.timer.cancel()
        held.shared.leave(held.subscription)
        self._around.counters.socket_dropped_rows += held.subscription.dropped
        self._share_bytes()

    def _share_bytes(self) -> None:
        """What waits on a socket is bounded whatever its subscriptions are."""
        each = min(WAITING_BYTES_MAX, SOCKET_BYTES_MAX // max(1, len(self._held)))
        for held in self._held.values():
            held.subscription.bytes_max = each

    # -- frames --------------------------------------------------------------------------------

    def _refuse(self, bad: BadMessage) -> None:
        """The error body; with an id only if that subscription is over by it."""
        if bad.identity and bad.identity not in self._held:
            label = msgspec.json.encode(bad.identity)
            body = render(bad.error).body
            self._notify(b'{"ev":"error","id":' + label + b',"error":' + body + b"}")
        else:
            self._notify(error_frame(bad.error))

    def _notify(self, frame: bytes) -> None:
        self._notices.append(frame)
        self._news.set()

    def _next(self) -> bytes | None:
        """The next frame: answers first, then one of each subscription in turn."""
        if self._notices:
            self._answered.set()
            return self._notices.popleft()
        while self._ready:
            identity = next(iter(self._ready))
            held = self._ready.pop(identity)
            frame = held.subscription.next()
            if frame is not None:
                held.shared.progress()
            if held.subscription.over:
                self._remove(identity)
            else:
                self._stir(held)
            if frame is not None:
                return frame
        return None

    def _stir_by_query(self, subscription: Subscription) -> None:
        held = self._held.get(subscription.id)
        if held is not None and held.subscription is subscription:
            self._stir(held)

    def _stir(self, held: _Held, *, again: bool = False) -> None:
        """It may have a frame: now, later, or not before something happens."""
        if again and held.timer is not None:
            held.timer.cancel()
            held.timer = None
        due = held.subscription.due()
        if due is None:
            return
        wait = due - self._around.clock.monotonic()
        if wait <= 0:
            self._ready[held.subscription.id] = held
            self._news.set()
        elif held.timer is None:
            held.timer = asyncio.get_running_loop().call_later(wait, self._ring, held)

    def _ring(self, held: _Held) -> None:
        held.timer = None
        self._stir(held)


def _bad(message: str) -> BadMessage:
    return BadMessage("", bad_request(message))
