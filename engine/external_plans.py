"""Plans that read external streams: which readers they want, and the plan once these are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.external_objects import Start
from engine.sql.external_streams import is_external_stream
from engine.sql.logical import Join, Node, Scan, StreamingQuery, Tagged, Union, inputs_of
from engine.sql.plan_parts import Seek
from engine.sql.repeats import scans


def external_scans(plan: StreamingQuery) -> list[Scan]:
    """The scans of external streams, in the order of FROM."""
    return [scan for scan in scans(plan.root) if is_external_stream(scan.stream_id)]


def wanted(scan: Scan) -> str:
    """What tells the reader of a scan from the others of its query: equal scans share one, and so
    see the same messages in the same order."""
    return f"{scan.stream_id}@{scan.seek.kind}:{scan.seek.value}"


def start_of(seek: Seek, now_ms: int) -> Start:
    """Where a reader begins that is made now."""
    match seek.kind:
        case "relative":
            return Start("time", now_ms + seek.value)
        case "sn" | "time":
            return Start(seek.kind, seek.value)
        case "latest" | "earliest":
            return Start(seek.kind)


def with_readers(plan: StreamingQuery, stream_of: Callable[[Scan], str]) -> StreamingQuery:
    """The plan over the streams of its readers. These begin empty, and what comes into them is
    live: no row of them is past, wherever the readers begin."""
    return replace(plan, root=_with_readers(plan.root, stream_of))


def _with_readers(node: Node, stream_of: Callable[[Scan], str]) -> Node:
    below = tuple(_with_readers(each, stream_of) for each in inputs_of(node))
    match node:
        case Scan():
            if not is_external_stream(node.stream_id):
                return node
            return replace(node, stream_id=stream_of(node), seek=Seek("latest"))
        case Union() | Tagged():
            return replace(node, inputs=below)
        case Join():
            return replace(node, left=below[0], right=below[1])
        case _:
            if not below:
                return node
            return replace(node, input=below[0])  # type: ignore[arg-type, call-arg, return-value]
