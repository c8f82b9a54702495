"""Messages of a JetStream consumer, asked for in batches ahead of who takes them.

The client library's own `fetch` makes a task and a timer for each message, which is three quarters
of the cost of a source: here they come by the callback of a subscription. What is asked for and
what the server says to it are a part of JetStream's public API (`CONSUMER.MSG.NEXT`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from engine.errors import UserError

API: Final = "$JS.API.CONSUMER.MSG.NEXT"
# Of one request; at most two of them wait here, the one that comes and the one that is taken.
REQUEST_MESSAGES: Final = 1_000
REQUEST_BYTES: Final = 8 << 20
# A request ends after so long without a message, and is made anew.
REQUEST_SECONDS: Final = 60
HEARTBEAT_SECONDS: Final = 15
# The server has forgotten the request, or is gone: two heartbeats and some.
SILENCE_SECONDS: Final = 2.5 * HEARTBEAT_SECONDS
NANOSECONDS: Final = 1_000_000_000

HEARTBEAT, CONFLICT = "100", "409"
# What ends a request and nothing else: no messages, time is over, bytes are reached.
ENDED: Final = ("404", "408")
FULL: Final = ("message size exceeds maxbytes", "batch completed")
CHANGED: Final = ("leadership change", "server shutdown")


class Pull:
    """One consumer's messages for one task; `begin`, then `take` again and again."""

    def __init__(self, connection: Any, stream: str, consumer: str) -> None:
        self._connection = connection
        self._subject = f"{API}.{stream}.{consumer}"
        self._inbox: str = connection.new_inbox()
        self._came: list[Any] = []
        self._left = 0  # of the request under way
        self._single = False  # the next message is larger than a request may be
        self._why = ""
        self._something = asyncio.Event()

    async def begin(self) -> None:
        """Listen, and ask for the first messages."""
        await self._connection.subscribe(self._inbox, cb=self._take)
        await self._ask()

    @property
    def has_ended(self) -> bool:
        """Whether no more can come."""
        return bool(self._why)

    def end(self, why: str) -> None:
        """Nothing more comes: `take` raises, with that sentence."""
        self._why = self._why or why
        self._something.set()

    async def take(self) -> list[Any]:
        """All that has come, at least one; more is asked for. UserError when no more can come."""
        while not self._came:
            if self._why:
                raise UserError(self._why, 400, "orbit")
            self._something.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                self._why = self._why or "JetStream does not answer."
        taken, self._came = self._came, []
        if not self._left and not self._why:
            await self._ask()
        return taken

    async def _ask(self) -> None:
        wanted = {
            "batch": 1 if self._single else REQUEST_MESSAGES,
            "expires": REQUEST_SECONDS * NANOSECONDS,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
        }
        if not self._single:
            wanted["max_bytes"] = REQUEST_BYTES
        self._left = wanted["batch"]
        self._single = False
        body = msgspec.json.encode(wanted)
        await self._connection.publish(self._subject, body, reply=self._inbox)

    async def _take(self, message: Any) -> None:
        """The subscription's callback."""
        headers = message.headers
        status = headers.get("Status") if headers else None
        if status is None or message.reply:
            self._came.append(message)
            self._left -= 1
            if self._left:
                self._something.set()
                return
        elif status == HEARTBEAT:
            self._something.set()
            return
        else:
            self._ended(status, headers.get("Description", ""))
        if self._why or len(self._came) >= REQUEST_MESSAGES:
            self._something.set()  # whoever takes them asks
            return
        await self._ask()
        self._something.set()

    def _ended(self, status: str, description: str) -> None:
        """The request under way gives no more."""
        text = description.lower()
        if status == CONFLICT and text.startswith(FULL):
            self._single = self._left == REQUEST_MESSAGES
        elif status not in ENDED and not text.startswith(CHANGED):
            self._why = f"JetStream: {description or status}."
        self._left = 0
