"""What both NATS sinks have in common: the connection, the messages, what is told of failures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Final

from connectors import checking, nats_connection
from connectors.checking import Reach, Step
from connectors.contract import CheckStep
from connectors.row_json import ObjectWriter
from connectors.sink_contract import NotDelivered, Refusal, SinkContext, SinkRow

REPLY_SECONDS: Final = 10
EVENT_ID: Final = "X-Event-Id"


class Target(nats_connection.Server, frozen=True, kw_only=True):
    """Properties of both NATS sinks."""

    subject: str

    def __post_init__(self) -> None:
        """Refuse what nothing can be published to."""
        self.urls()
        tokens = self.subject.split(".")
        if "" in tokens or "*" in tokens or ">" in tokens or any(c <= " " for c in self.subject):
            raise ValueError("Property 'subject' must be a subject without wildcards")


class Publisher:
    """A connection, which is made by `connect`."""

    def __init__(self, config: Target, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._objects = ObjectWriter(context.columns)
        self._lost = asyncio.Event()
        self._refusal = (
            ""  # what the server said beside its answers, such as a right that is missing
        )
        self.subject = config.subject
        self.connection: Any = None

    async def connect(self) -> None:
        """Connect; UserError."""
        self.connection = await nats_connection.connect(
            self._config,
            f"tailrace sink {self._context.sink_id}",
            self._closed,
            private=self._context.private,
            on_error=self._failed,
        )

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. Whether the user may publish is not tried: that
        would be a message."""
        return checking.steps(self._context.clock, *self._steps(), ("subject", self._untried))

    def _steps(self) -> tuple[Step, ...]:
        reach = Reach(self._config.addresses(), private=self._context.private)
        return (*reach.steps, ("sign-in", self.connect))

    async def _untried(self) -> str:
        return f"Publishing to {self.subject} is not tried."

    def messages(
        self, rows: Sequence[SinkRow]
    ) -> tuple[list[Refusal], list[tuple[bytes, dict[str, str]]]]:
        """Rows that are too large for the server; payload and headers of the others."""
        most = self.connection.max_payload
        refused: list[Refusal] = []
        found: list[tuple[bytes, dict[str, str]]] = []
        for index, row in enumerate(rows):
            payload = self._objects.write(row.values)
            headers = {EVENT_ID: row.event_id, **dict(row.headers)}
            around = sum(len(name) + len(value) + 4 for name, value in headers.items()) + 128
            if len(payload) + around > most:
                refused.append(Refusal(index, f"The row is above the server's {most} bytes."))
            else:
                found.append((payload, headers))
        return refused, found

    async def confirmed(self, answer: Awaitable[object]) -> None:
        """Wait for what the server says to the messages; NotDelivered when it does not, or the
        connection is lost."""
        from nats.errors import Error

        task = asyncio.ensure_future(answer)
        lost = asyncio.create_task(self._lost.wait())
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await asyncio.wait([task, lost], return_when=asyncio.FIRST_COMPLETED)
            if self._refusal:  # though the server answers: it has read them and dropped them
                raise not_taken(self._refusal)
            if not task.done():
                raise not_taken("the connection was lost")
            task.result()
        except TimeoutError:
            raise not_taken(f"no answer within {REPLY_SECONDS} s") from None
        except (Error, OSError) as error:
            raise not_taken(reason(error)) from None
        finally:
            task.cancel()
            lost.cancel()
            await asyncio.wait([task, lost])
            if not task.cancelled():
                task.exception()  # it was told

    async def _failed(self, error: Exception) -> None:
        from nats.errors import Error

        if type(error) is Error:  # the others end the connection, which is told
            self._refusal = self._refusal or reason(error)
            self._lost.set()

    async def _closed(self) -> None:
        self._lost.set()

    async def close(self) -> None:
        """Close the connection."""
        from nats.errors import Error

        if self.connection is not None:
            with contextlib.suppress(Error, OSError):
                await self.connection.close()


def reason(error: Exception) -> str:
    """What is told of a failure of the library."""
    return getattr(error, "description", None) or str(error) or type(error).__name__


def not_taken(why: str) -> NotDelivered:
    """Messages of which it is not known whether they were taken."""
    return NotDelivered(f"NATS did not take the messages: {why}.", reconnect=True)
