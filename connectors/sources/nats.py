"""Source `nats`: messages of a NATS subject, as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from connectors import checking, duration, messages, nats_connection
from connectors.checking import Reach
from connectors.contract import CheckStep, SourceBatch, SourceContext, SourceSpec
from connectors.guarantees import SOURCES
from engine.errors import UserError

# Bytes that wait in the client beside `prefetch_count` messages.
PREFETCH_BYTES_MAX: Final = 64 << 20
# Looks on; it must not take messages from a queue group.
PREVIEW: Final = "preview"
UNREAD: Final = "messages that had come were not read when the connection ended"
SLOW: Final = "slow consumer: more messages waited than prefetch_count allows"
# Messages between the client's own queue and the runner's buffer.
WAITING_MAX: Final = 1_024
WAITING_BYTES_MAX: Final = 8 << 20


class Config(nats_connection.Common, frozen=True, kw_only=True):
    """Properties of a NATS source."""

    subject: Annotated[
        str,
        msgspec.Meta(title="Subject", description="Which messages; * and > are wildcards."),
        msgspec.Meta(min_length=1),
    ]
    queue: Annotated[
        str,
        msgspec.Meta(
            title="Queue group",
            description="Group that shares the messages: each goes to one member.",
        ),
    ] = ""
    nak_delay: Annotated[
        str,
        msgspec.Meta(
            title="Nak delay",
            description="Checked and not used: core NATS gives nothing a second time.",
        ),
    ] = ""
    prefetch_count: Annotated[
        int,
        msgspec.Meta(
            title="Prefetch",
            description="Messages that may wait in the client; it drops what comes beyond.",
            ge=1,
            le=2**24,
        ),
    ] = 524_288

    def __post_init__(self) -> None:
        """Refuse bad addresses and durations."""
        self.urls()
        nats_connection.check_filter(self.subject)
        if self.nak_delay:
            try:
                duration.seconds(self.nak_delay, "property 'nak_delay'")
            except UserError as error:
                raise ValueError(error.message.rstrip(".")) from error


class NatsSource:
    """See `connectors.contract.Source`. What is published while it is away is lost."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context
        self._connection: Any = None
        self._subscription: Any = None
        self._waiting: list[bytes] = []  # a queue would cost as much as all else here
        self._bytes = 0  # of those
        self._leaving = 0  # messages that are being handed over
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._why = ""  # nothing more comes

    async def connect(self) -> None:
        """Connect and subscribe; UserError, also without the right to."""
        await self._open()
        await self._subscribe("" if self._context.source_id == PREVIEW else self._config.queue)

    async def _open(self) -> None:
        self._connection = await nats_connection.connect(
            self._config,
            f"tailrace source {self._context.source_id}",
            self._closed,
            private=self._context.private,
            on_error=self._failed,
        )

    async def _subscribe(self, queue: str) -> None:
        from nats.errors import Error

        config = self._config
        try:
            self._subscription = await self._connection.subscribe(
                config.subject,
                queue=queue,
                cb=self._take,
                pending_msgs_limit=config.prefetch_count,
                pending_bytes_limit=PREFETCH_BYTES_MAX,
            )
            await self._connection.flush()
        except (Error, OSError) as error:
            self._why = self._why or _refused(error)
        if self._why:
            raise UserError(self._why, 400, "orbit")

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. It listens beside the queue group, so that none of
        its messages ends here."""
        return checking.steps(
            self._context.clock,
            *Reach(self._config.addresses(), private=self._context.private).steps,
            ("sign-in", self._open),
            ("subject", lambda: self._subscribe("")),
        )

    async def _take(self, message: Any) -> None:
        self._waiting.append(message.data)
        self._bytes += len(message.data)
        self._came.set()
        if len(self._waiting) >= WAITING_MAX or self._bytes >= WAITING_BYTES_MAX:
            self._room.clear()
            await self._room.wait()

    async def _failed(self, error: Exception) -> None:
        """The library tells of each message that it drops since too many wait, and of what the
        server says, such as a right that is missing."""
        from nats.errors import Error, SlowConsumerError

        if isinstance(error, SlowConsumerError):
            self._context.lost(1, SLOW)
        elif type(error) is Error:  # the others end the connection, which is told
            self._why = self._why or _refused(error)
            self._came.set()

    async def _closed(self) -> None:
        self._why = self._why or "The connection to NATS was lost."
        self._came.set()

    async def batches(self) -> AsyncIterator[SourceBatch]:
        """What has come, together."""
        format_ = messages.FORMATS[self._config.data_type]
        while True:
            await self._came.wait()
            self._came.clear()
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            self._leaving = len(waiting)
            self._room.set()
            now = self._context.clock.monotonic()
            for piece in messages.pieces(waiting, len):
                yield SourceBatch(piece, now, format_)
                self._leaving -= len(piece)
            if self._why and not self._waiting:
                raise UserError(self._why, 400, "orbit")

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        """NATS without JetStream has no acknowledgement."""

    async def close(self) -> None:
        """Close the connection. The library drops what waits in it: that is told as lost."""
        from nats.errors import Error

        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        with contextlib.suppress(Error, OSError):
            await connection.close()
        unread = len(self._waiting) + self._leaving
        if self._subscription is not None:
            unread += self._subscription.pending_msgs
        if unread:
            self._context.lost(unread, UNREAD)


def _refused(error: Exception) -> str:
    return f"NATS refuses the subject: {str(error) or type(error).__name__}."


spec = SourceSpec(
    name="nats",
    title="NATS",
    summary="Messages of a NATS subject.",
    guarantee=SOURCES["nats"],
    icon="nats",
    config=Config,
    create=NatsSource,
    client=("nats", "nats.js.api", "nats.js.errors"),
)
