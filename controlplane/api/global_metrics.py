"""v1beta2 global-metrics: struct and controller."""

from __future__ import annotations

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given

from controlplane.auth import Principal
from controlplane.services.global_metrics import GlobalMetricsService


class GlobalMetricsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of all streams on disk; throughputs in bytes per second."""

    sink_throughput: float
    source_throughput: float
    storage: int


class GlobalMetricsController(Controller):
    """Figures of the whole workspace."""

    path = "/global-metrics"
    tags = ["Metrics"]  # noqa: RUF012  the framework's way

    @get(operation_id="getGlobalMetrics", summary="Get global metrics")
    async def get_metrics(
        self, global_metrics: Given[GlobalMetricsService], principal: Given[Principal]
    ) -> GlobalMetricsResult:
        """Storage, and what sources bring and sinks take out, as measured."""
        found = await global_metrics.measure(principal)
        return GlobalMetricsResult(
            sink_throughput=found.sink_throughput,
            source_throughput=found.source_throughput,
            storage=found.storage,
        )
