"""What sources and sinks show alike: latest errors, throughput, ranges of time, log lines."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from connectors.metrics import SourceStats
from controlplane.services.names import milliseconds, rfc3339

Lines = Annotated[int, QueryParameter(description="How many lines; at most 500 are kept.")]
Range = Annotated[str, QueryParameter(description="How far back, such as 10m or 1d.", min_length=1)]


class StatsError(msgspec.Struct, frozen=True, kw_only=True):
    """An error with its time."""

    message: str
    time: str


class StatsThroughput(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per second of one minute."""

    time: str
    value: float


def ranges(metrics_time_range: str, error_log_time_range: str) -> tuple[int, int]:
    """Both ranges in milliseconds; 400 that names the one which is none."""
    return (
        milliseconds(metrics_time_range, "metrics_time_range"),
        milliseconds(error_log_time_range, "error_log_time_range"),
    )


def errors_of(stats: SourceStats) -> list[StatsError]:
    """The latest error, if there is one."""
    error = stats.last_error
    return [StatsError(message=error.message, time=rfc3339(error.time_ms))] if error else []


def throughput_of(stats: SourceStats) -> list[StatsThroughput]:
    """A point for each minute."""
    return [
        StatsThroughput(time=rfc3339(point.time_ms), value=point.value)
        for point in stats.throughput
    ]
