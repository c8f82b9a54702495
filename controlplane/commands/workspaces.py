"""`tailrace workspaces`: create, list and delete workspaces, as an admin of `default`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import click

from controlplane.client import Client, ClientError
from controlplane.commands.options import connect, server

# Workspaces are managed here, whatever TAILRACE_WORKSPACE says.
MANAGED_IN = "default"


@click.group()
def workspaces() -> None:
    """Create, list and delete workspaces; needs an admin's key of the workspace `default`."""


@workspaces.command()
@click.argument("name")
@server
def create(name: str, url: str | None, api_key: str | None) -> None:
    """Create a workspace; prints its first admin key alone on a line, this once only."""
    with _session(url, api_key) as client:
        click.echo(client.create_workspace(name))


@workspaces.command("list")
@server
def list_(url: str | None, api_key: str | None) -> None:
    """Names of all workspaces, one a line."""
    with _session(url, api_key) as client:
        for workspace in client.workspaces():
            click.echo(workspace.name)


@workspaces.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when it has streams; their rows are gone.")
@server
def delete(name: str, force: bool, url: str | None, api_key: str | None) -> None:
    """Delete a workspace with all data in it."""
    with _session(url, api_key) as client:
        client.delete_workspace(name, force=force)
    click.echo(f"Deleted workspace {name}.", err=True)


@contextmanager
def _session(url: str | None, api_key: str | None) -> Generator[Client]:
    with connect(url, api_key, MANAGED_IN) as client:
        try:
            yield client
        except ClientError as error:
            raise click.ClickException(str(error)) from error
