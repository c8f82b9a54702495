"""`tailrace workspaces`: create, list and delete workspaces, as an admin of `default`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from controlplane.commands.options import asking, server, shown, taken
from controlplane.commands.output import Output

if TYPE_CHECKING:
    from controlplane.client import Client

# Workspaces are managed here, whatever TAILRACE_WORKSPACE or a profile says.
MANAGED_IN = "default"


def _managing(command: Callable[..., Any]) -> Callable[..., Any]:
    """As `connected`, but always in `default`."""

    @functools.wraps(command)
    def run(output: str, **options: Any) -> Any:
        flags = msgspec.structs.replace(taken(options), workspace=MANAGED_IN)
        with asking(flags) as client:
            return command(client, Output(output), **options)

    return shown(server(run))


@click.group()
def workspaces() -> None:
    """Create, list and delete workspaces; needs an admin's key of the workspace `default`."""


@workspaces.command()
@click.argument("name")
@_managing
def create(client: Client, out: Output, name: str) -> None:
    """Create a workspace; prints its first admin key alone on a line, this once only."""
    made = client.workspaces.create(name)
    if out.json:
        out.item(made)
    else:
        click.echo(made.api_key)


@workspaces.command("list")
@_managing
def list_(client: Client, out: Output) -> None:
    """Names of all workspaces, one a line."""
    found = client.workspaces.list()
    if out.json:
        out.items(found, {})
    for workspace in found if not out.json else ():
        click.echo(workspace.name)


@workspaces.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when it has streams; their rows are gone.")
@_managing
def delete(client: Client, out: Output, name: str, force: bool) -> None:
    """Delete a workspace with all data in it."""
    client.workspaces.delete(name, force=force)
    out.done("deleted", "workspace", name)
