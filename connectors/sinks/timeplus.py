"""Sink `timeplus`: rows are appended to a stream of the same workspace, by column name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from connectors.sink_contract import (
    Delivery,
    NotDelivered,
    Refusal,
    SinkContext,
    SinkRow,
    SinkSpec,
    Unfit,
)
from engine.errors import Code, NotFound, UserError
from engine.protocol import IngestRequest

APPEND_ROWS_MAX: Final = 10_000
# The event time, which every stream has.
EVENT_TIME: Final = "_tp_time"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a sink into another stream."""

    stream_name: Annotated[
        str,
        msgspec.Meta(
            title="Stream",
            description="Where the rows go; the stream must have the columns of the query.",
        ),
        msgspec.Meta(min_length=1, max_length=64),
    ]


class StreamSink:
    """See `connectors.sink_contract.Sink`. Exactly once: an append that comes again has the same
    idempotency id, by which the engine knows it."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        self._stream = config.stream_name
        self._context = context
        names = [column.name for column in context.columns]
        self._names = names
        self._before = b'{"columns":' + msgspec.json.encode(names) + b',"data":['

    async def connect(self) -> None:
        """Look whether the stream is there and has the columns."""
        engine = await self._context.engine()
        for definition in (await engine.definitions()).definitions:
            if definition.name == self._stream and definition.kind != "function":
                has = {c.name for c in definition.columns if c.kind == "default"} | {EVENT_TIME}
                missing = [name for name in self._names if name not in has]
                if missing:
                    raise self._unknown(missing[0])
                return
        raise NotDelivered(f"The stream {self._stream!r} does not exist.")

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Append them as one."""
        width = len(self._names)
        data = b",".join(b"[%b]" % b",".join(row.values[:width]) for row in rows)
        name, last = rows[0].event_id, rows[-1].position
        if len(rows) > 1:
            name = f"{name}-{last.sn}-{last.row}"
        request = IngestRequest(self._stream, "compact", name)
        engine = await self._context.engine()
        try:
            await engine.ingest(request, self._before + data + b"]}")
        except NotFound as error:
            raise NotDelivered(error.message, reconnect=True) from None
        except UserError as error:
            if error.code == Code.NO_SUCH_COLUMN_IN_STREAM:  # the stream is another one now
                raise NotDelivered(error.message, reconnect=True) from None
            raise Unfit(error.message) from None
        return ()

    def _unknown(self, name: str) -> NotDelivered:
        return NotDelivered(
            f"The stream {self._stream!r} has no column {name!r}; name the query's columns as the "
            "stream's with AS, or add the column."
        )

    async def close(self) -> None:
        """The engine is not the sink's."""


def _delivery(_: Config, context: SinkContext) -> Delivery:
    return Delivery(rows=APPEND_ROWS_MAX, exact=True)


spec = SinkSpec(
    name="timeplus",
    title="Stream",
    summary="Rows are appended to a stream of the same workspace.",
    guarantee="exactly once",
    icon="timeplus",
    config=Config,
    create=StreamSink,
    delivery=_delivery,
)
