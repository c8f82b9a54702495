"""A streaming query that goes on at an event time, for a reader that lost its connection."""

from __future__ import annotations

from dataclasses import replace

from engine.sql.external_streams import is_external_stream
from engine.sql.logical import Node, Project, Scan, StreamingQuery, Union, is_weighted
from engine.sql.plan_parts import Past, Seek


def resumed(plan: StreamingQuery, since_ms: int) -> StreamingQuery | None:
    """The plan that begins with the first append holding a row of `since_ms` or later.

    None without a time, and for plans with a state: their rows depend on all that came before.
    Nothing that a reader with rows up to `since_ms` lacks is left out; rows around it come again.
    """
    if since_ms <= 0 or is_weighted(plan.root):
        return None
    root = _from(plan.root, Seek("time", since_ms))
    return None if root is None else replace(plan, root=root)


def _from(node: Node, seek: Seek) -> Node | None:
    match node:
        case Scan(keyed=None) if node.past == Past() and not is_external_stream(node.stream_id):
            return replace(node, seek=seek)
        case Project():
            below = _from(node.input, seek)
            return None if below is None else replace(node, input=below)
        case Union():
            parts = tuple(_from(part, seek) for part in node.inputs)
            found = tuple(part for part in parts if part is not None)
            return replace(node, inputs=found) if len(found) == len(parts) else None
        case _:
            return None
