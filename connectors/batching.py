"""Sinks that send several rows together: their properties, and how rows are written bit by bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

import msgspec

from connectors import duration
from connectors.sink_contract import Delivery, SinkContext, SinkRow
from engine.errors import UserError

ROWS_MAX: Final = 10_000
SECONDS_MAX: Final = 60.0
# What is written at a time, so that the loop is not held: a few milliseconds of each.
ROWS_AT_A_TIME: Final = 200
CELLS_AT_A_TIME: Final = 1_000
BYTES_AT_A_TIME: Final = 256 << 10

BatchCount = Annotated[
    int,
    msgspec.Meta(ge=1, le=ROWS_MAX),
    msgspec.Meta(title="Rows together", description="Rows that are sent as one at most."),
]
BatchInterval = Annotated[
    str,
    msgspec.Meta(
        title="Wait for more",
        description="How long a row waits for others when fewer are there; up to 1m.",
    ),
]


def wait(text: str) -> float:
    """Seconds of a batch interval; ValueError."""
    try:
        seconds = duration.seconds(text, "property 'batch_interval'") if text else 0.0
    except UserError as error:
        raise ValueError(error.message.rstrip(".")) from error
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError("Property 'batch_interval' must be 0 to 1m")
    return seconds


def batched(delivery: Delivery, count: int, interval: str, context: SinkContext) -> Delivery:
    """The same for rows that are sent together, of which a batch that comes again has the same, so
    that its id is stable; the message of an alert goes alone."""
    if count == 1 or context.purpose != "rows":
        return delivery
    return replace(delivery, rows=count, linger=wait(interval), exact=True)


@dataclass(slots=True)
class Turn:
    """What was written since the loop last had its turn."""

    rows: int = 0
    cells: int = 0
    size: int = 0

    def is_over(self, cells: int, size: int) -> bool:
        """Whether the loop is to have its turn before a row of so much, which is counted."""
        full = (
            self.rows >= ROWS_AT_A_TIME
            or self.cells >= CELLS_AT_A_TIME
            or self.size >= BYTES_AT_A_TIME
        )
        if full:
            self.rows = self.cells = self.size = 0
        self.rows, self.cells, self.size = self.rows + 1, self.cells + cells, self.size + size
        return full


def pieces(rows: Sequence[SinkRow]) -> Iterator[Sequence[SinkRow]]:
    """The rows in order, as many together as are written at a time."""
    turn, begin = Turn(), 0
    for at, row in enumerate(rows):
        if turn.is_over(len(row.values), sum(map(len, row.values))):
            yield rows[begin:at]
            begin = at
    yield rows[begin:]
