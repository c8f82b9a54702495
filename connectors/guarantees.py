"""What each type of source promises: a leaf, for whoever must not load the sources themselves."""

from __future__ import annotations

from typing import Final, Literal

Guarantee = Literal["at most once", "at least once", "exactly once"]

# Exactly once: the position is stored in the commit of the rows, and what comes again is dropped.
SOURCES: Final[dict[str, Guarantee]] = {
    "confluent_cloud": "exactly once",
    # Exactly once with a cursor that is unique and rises; without one each answer that differs from
    # the one before, so that what two answers have in common comes twice, and what was there
    # between two requests only is never seen.
    "http_pull": "at least once",
    "kafka": "exactly once",
    "nats": "at most once",
    "nats_jetstream": "exactly once",
    "pulsar": "exactly once",
    "redpanda": "exactly once",
    "stream_generator": "at least once",
    "websocket": "at most once",
}
