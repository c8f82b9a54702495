"""Logs (JSON lines or plain), request ids, and the Prometheus text of all counters."""

from __future__ import annotations

import contextvars
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from controlplane.recent_logs import RECENT

if TYPE_CHECKING:
    from prometheus_client.core import Metric

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

# Latency bounds in seconds: what the targets for acks and frames are measured against.
LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request id, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {
            "time": self._instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        identity = request_id.get()
        if identity:
            entry["request_id"] = identity
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)

    @staticmethod
    def _instant(record: logging.LogRecord) -> str:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{text}.{int(record.msecs):03d}Z"


def configure_logs(log_format: str, level: str) -> None:
    """Send all logs to stderr; `auto` is plain on a terminal and JSON elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    plain = log_format == "plain" or (log_format == "auto" and sys.stderr.isatty())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s")
        if plain
        else JsonFormatter()
    )
    logging.basicConfig(level=level.upper(), handlers=[handler, RECENT], force=True)
    for noisy in ("uvicorn.error", "uvicorn.access", "aiosqlite", "sse_starlette", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING")


class HttpCounters:
    """Counts of the HTTP side; plain numbers, read by the scrape."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.ingest_requests = 0
        self.ingest_rows = 0
        self.ingest_bytes = 0
        self.ingest_seconds = 0.0
        self.ingest_buckets = [0] * (len(LATENCY_BUCKETS) + 1)
        self.sse_open = 0
        self.sse_frames = 0
        self.sse_bytes = 0
        self.sockets_open = 0
        self.socket_frames = 0
        self.socket_bytes = 0
        self.socket_dropped_rows = 0

    def ingested(self, rows: int, size: int, seconds: float) -> None:
        """One accepted ingest request."""
        self.ingest_requests += 1
        self.ingest_rows += rows
        self.ingest_bytes += size
        self.ingest_seconds += seconds
        place = 0
        for bound in LATENCY_BUCKETS:
            if seconds <= bound:
                break
            place += 1
        self.ingest_buckets[place] += 1


class Gauge(msgspec.Struct, frozen=True):
    """One number with labels, as services report it."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = {}
    kind: str = "gauge"


def exposition(http: HttpCounters | None, gauges: list[Gauge]) -> bytes:
    """The Prometheus text, without the HTTP side if that is None. Imports prometheus_client on
    first use: run it in a thread."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(lambda: _families(http, gauges)))
    return generate_latest(registry)


class _Collector:
    """Adapts a function to the library's collector protocol."""

    def __init__(self, families: Callable[[], list[Metric]]) -> None:
        self.collect = families


def _families(http: HttpCounters | None, gauges: list[Gauge]) -> list[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    families: dict[str, Metric] = {} if http is None else _http_families(http)
    for gauge in [*([] if http is None else _http_gauges(http)), *gauges]:
        family = families.get(gauge.name)
        if family is None:
            make = CounterMetricFamily if gauge.kind == "counter" else GaugeMetricFamily
            family = make(gauge.name, gauge.help, labels=list(gauge.labels))
            families[gauge.name] = family
        _add(family, gauge.labels, gauge.value)
    return list(families.values())


def _http_families(http: HttpCounters) -> dict[str, Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    requests = CounterMetricFamily(
        "tailrace_http_requests", "Answered requests.", labels=["method", "status"]
    )
    for (method, status), count in http.requests.items():
        requests.add_metric([method, str(status)], count)
    latency = HistogramMetricFamily(
        "tailrace_ingest_seconds", "Time from a whole body to its durable acknowledgement."
    )
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*LATENCY_BUCKETS, None), http.ingest_buckets, strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else str(bound), total))
    latency.add_metric([], buckets, http.ingest_seconds)
    return {"requests": requests, "latency": latency}


def _add(family: Metric, labels: Mapping[str, str], value: float) -> None:
    add = getattr(family, "add_metric")  # noqa: B009  the base class does not declare it
    add(list(labels.values()), value)


def _http_gauges(http: HttpCounters) -> list[Gauge]:
    return [
        Gauge("tailrace_ingest_rows", "Rows acknowledged.", http.ingest_rows, {}, "counter"),
        Gauge(
            "tailrace_ingest_bytes", "Body bytes acknowledged.", http.ingest_bytes, {}, "counter"
        ),
        Gauge("tailrace_sse_open", "Open event streams.", http.sse_open),
        Gauge("tailrace_sse_frames", "Frames sent.", http.sse_frames, {}, "counter"),
        Gauge("tailrace_sse_bytes", "Frame bytes sent.", http.sse_bytes, {}, "counter"),
        Gauge("tailrace_sockets_open", "Open WebSockets.", http.sockets_open),
        Gauge("tailrace_socket_frames", "Socket frames.", http.socket_frames, {}, "counter"),
        Gauge("tailrace_socket_bytes", "Socket bytes sent.", http.socket_bytes, {}, "counter"),
        Gauge(
            "tailrace_socket_dropped_rows",
            "Rows that clients of sockets were too slow for.",
            http.socket_dropped_rows,
            {},
            "counter",
        ),
    ]
