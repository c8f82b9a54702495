"""Messages of a JetStream consumer, asked for in batches ahead of who takes them.

The client library's own `fetch` makes a task and a timer for each message, which is three quarters
of the cost of a source: here they come by the callback of a subscription. What is asked for and
what the server says to it are a part of JetStream's public API (`CONSUMER.MSG.NEXT`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from connectors.jetstream_numbers import of_consumer
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
MADE_ANEW: Final = "The stream or its consumer was made anew."


class Pull:
    """One consumer's messages for one task; `begin`, then `take` again and again."""

    def __init__(self, connection: Any, consumer: Any) -> None:
        """`consumer`: what the server says of it, `nats.js.api.ConsumerInfo`."""
        self._connection = connection
        self._consumer = consumer
        self._subject = f"{API}.{consumer.stream_name}.{consumer.name}"
        self._inbox: str = connection.new_inbox()
        self._came: list[Any] = []
        self._left = 0  # of the request under way
        self._is_first = True  # of a request
        self._delivered = 0  # the consumer's number of the last message
        self._single = False  # the next message is larger than a request may be
        self._why = ""
        self._something = asyncio.Event()

    async def begin(self) -> None:
        """Listen, and ask for the first messages."""
        await self._connection.subscribe(self._inbox, cb=self._take)
        await self._ask()

    @property
    def ended(self) -> str:
        """Why no more can come, as a sentence; empty while more can."""
        return self._why

    def end(self, why: str) -> None:
        """Nothing more comes: `take` raises, with that sentence."""
        self._why = self._why or why
        self._something.set()

    async def take(self) -> list[Any]:
        """All that has come, at least one; more is asked for. UserError when no more can come.
        What a consumer gave that was made anew meanwhile is left out: it comes again."""
        while not self._came:
            if self._why:
                raise UserError(self._why, 400, "orbit")
            self._something.clear()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                self._why = self._why or "JetStream does not answer."
        if not self._left and not self._why:
            await self._look_again()
        taken, self._came = self._came, []
        self._delivered = of_consumer(taken[-1])
        if not self._left and not self._why:
            await self._ask()
        return taken

    async def _look_again(self) -> None:
        """Nothing was asked for in a while, so a server that made the consumer anew had nobody to
        tell. An acknowledgement does not say whose it is: of an earlier message it would be taken
        for one of the new message with that number. So nothing is asked for or acknowledged then.
        """
        from nats.errors import Error
        from nats.js.errors import NotFoundError

        was = self._consumer
        try:
            now = await self._connection.jetstream().consumer_info(was.stream_name, was.name)
        except NotFoundError:
            self.end("JetStream: Consumer Deleted.")
            return
        except (Error, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise UserError(f"JetStream: {reason}.", 400, "orbit") from None
        if now.created != was.created:
            self.end(MADE_ANEW)

    async def _ask(self) -> None:
        wanted = {
            "batch": 1 if self._single else REQUEST_MESSAGES,
            "expires": REQUEST_SECONDS * NANOSECONDS,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
        }
        if not self._single:
            wanted["max_bytes"] = REQUEST_BYTES
        self._left = wanted["batch"]
        self._is_first = True
        self._single = False
        body = msgspec.json.encode(wanted)
        await self._connection.publish(self._subject, body, reply=self._inbox)

    async def _take(self, message: Any) -> None:
        """The subscription's callback."""
        headers = message.headers
        status = headers.get("Status") if headers else None
        if status is None or message.reply:
            if self._is_first:
                self._look_whose(message)
            if self._why == MADE_ANEW:
                return  # it comes again
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

    def _look_whose(self, message: Any) -> None:
        """A consumer counts what it gives; one that was made anew under the same name begins again:
        since a look just before, say."""
        self._is_first = False
        last = of_consumer(self._came[-1]) if self._came else self._delivered
        if of_consumer(message) <= last:
            self.end(MADE_ANEW)

    def _ended(self, status: str, description: str) -> None:
        """The request under way gives no more."""
        text = description.lower()
        if status == CONFLICT and text.startswith(FULL):
            self._single = self._left == REQUEST_MESSAGES
        elif status not in ENDED and not text.startswith(CHANGED):
            self._why = f"JetStream: {description or status}."
        self._left = 0
