"""Commands of sources and sinks that try a connection: `check` and `suggest`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from controlplane.clientlib.definitions import ConnectorTrial
from controlplane.commands.flows import Flow, properties_of
from controlplane.commands.options import connected
from controlplane.commands.output import Columns, Output, printable

if TYPE_CHECKING:
    from controlplane.client import Client

FAILED: Final = 1
STEPS: Final[Columns] = {
    "step": "name",
    "result": lambda step: "ok" if step["ok"] else "FAILED",
    "ms": "millis",
}
_TYPE = click.option("--type", "type_", help="Type, of one that is not there.")
_PROPERTY = click.option(
    "--property", "-p", "properties", multiple=True, help="Such as brokers=host:9092."
)


def tried(made: click.Group, flow: Flow) -> None:
    """Add `check` and `suggest`."""

    @made.command("check", help=f"Test the connection of {flow.one}, there or not, step by step.")
    @click.argument("name", metavar="[NAME|ID]", required=False)
    @_TYPE
    @_PROPERTY
    @connected
    def check(client: Client, out: Output, name: str | None, **options: Any) -> None:
        found = flow.calls(client).check(_trial(client, flow, name, options))
        if out.json:
            out.item(found)
        else:
            out.items(found.steps, STEPS)
            for step in found.steps:
                if step.message:
                    click.echo(f"{step.name}: {printable(step.message)}")
        if not found.ok:
            sys.exit(FAILED)

    @made.command("suggest", help=f"Values for a property of {flow.one}, such as topics.")
    @click.argument("wanted", metavar="PROPERTY")
    @click.argument("name", metavar="[NAME|ID]", required=False)
    @click.option("--prefix", default="", help="What they begin with.")
    @_TYPE
    @_PROPERTY
    @connected
    def suggest(
        client: Client, out: Output, wanted: str, name: str | None, prefix: str, **options: Any
    ) -> None:
        trial = _trial(client, flow, name, options)
        found = flow.calls(client).suggest(trial, wanted, prefix)
        if out.json:
            out.item(found)
            return
        for value in found.values:
            click.echo(printable(value))
        if found.truncated:
            click.echo("There are more; give a --prefix.", err=True)

    del check, suggest


def _trial(client: Client, flow: Flow, name: str | None, options: dict[str, Any]) -> ConnectorTrial:
    """What is tried: the stored one of a name with what is given over it, or a new one."""
    type_ = options["type_"]
    if name is None:
        if type_ is None:
            raise click.UsageError(f"Give the name of {flow.one}, or --type.")
        return ConnectorTrial(type_, properties_of(options))
    if type_ is not None:
        raise click.UsageError("--type is for one that is not there.")
    known = flow.find(client, name)
    return ConnectorTrial(properties=properties_of(options, known.properties), id=known.id)
