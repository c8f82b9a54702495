"""`tailrace sinks`: what takes rows of a query to other systems."""

from __future__ import annotations

from typing import Any

from controlplane.clientlib import definitions as asked
from controlplane.commands import flows, trials


def _create(calls: Any, fields: dict[str, Any]) -> Any:
    return calls.create(flows.wanted(asked.SinkDef, fields))


def _update(calls: Any, old: Any, fields: dict[str, Any]) -> Any:
    """Without another query or type the sink keeps its position."""
    if fields.keys() <= set(asked.SinkUpdate.__struct_fields__):
        return calls.patch(old.id, flows.merged(old, asked.SinkUpdate, fields))
    return calls.update(old.id, flows.merged(old, asked.SinkDef, fields))


FLOW = flows.Flow(
    word="sink",
    section="sinks",
    columns={
        "name": "name",
        "type": "type",
        "status": "status",
        "query": "query",
        "message": "message",
    },
    fields=("type", "query", "description"),
    create=_create,
    update=_update,
)

sinks = flows.group(FLOW, "Take rows of queries to other systems.")
flows.measured(sinks, FLOW)
flows.replayed(sinks, FLOW, "Deliver dead letters of a sink again.")
trials.tried(sinks, FLOW)
