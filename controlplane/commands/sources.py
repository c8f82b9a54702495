"""`tailrace sources`: what brings rows into streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from controlplane.clientlib import definitions as asked
from controlplane.commands import flows, trials
from controlplane.commands.options import connected
from controlplane.commands.output import Output

if TYPE_CHECKING:
    from controlplane.client import Client


def _create(calls: Any, fields: dict[str, Any]) -> Any:
    return calls.create(flows.wanted(asked.SourceDef, fields))


def _update(calls: Any, old: Any, fields: dict[str, Any]) -> Any:
    """One that runs is stopped for it; its properties are mixed with those that are given."""
    kind = fields.pop("type", old.type)
    if kind != old.type:
        raise click.ClickException(f"A source of type {old.type} cannot become one of type {kind}.")
    changes = flows.wanted(asked.SourceUpdate, fields)
    runs = old.status != "stopped"
    if runs:
        calls.stop(old.id)
    try:
        return calls.patch(old.id, changes)
    finally:
        if runs:
            calls.start(old.id)


FLOW = flows.Flow(
    word="source",
    section="sources",
    columns={
        "name": "name",
        "type": "type",
        "stream": "stream",
        "status": "status",
        "message": "message",
    },
    fields=("type", "stream", "description"),
    create=_create,
    update=_update,
)

sources = flows.group(FLOW, "Bring rows of other systems into streams.")
flows.measured(sources, FLOW)
flows.replayed(sources, FLOW, "Store dead letters of a source in its stream.")
trials.tried(sources, FLOW)


@sources.command()
@click.option("--type", "type_", required=True, help="Type of the source.")
@click.option("--property", "-p", "properties", multiple=True, help="Such as url=http://...")
@click.option("--size", default=1, type=click.IntRange(1, 1000), show_default=True)
@click.option("--timeout", default="10s", show_default=True)
@connected
def preview(client: Client, out: Output, type_: str, size: int, **options: Any) -> None:
    """Show events of another system without making a source: one JSON object a line."""
    timeout = options.pop("timeout")
    properties = flows.properties_of(options)
    events = client.sources.preview(asked.SourcePreview(type_, properties, size, timeout))
    if out.json:
        out.document(events)
    else:
        flows.lines_of(events)
