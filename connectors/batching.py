"""Properties of sinks that may send several rows together, and what they mean for the runner."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

import msgspec

from connectors import duration
from connectors.sink_contract import Delivery, SinkContext
from engine.errors import UserError

ROWS_MAX: Final = 10_000
SECONDS_MAX: Final = 60.0

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
