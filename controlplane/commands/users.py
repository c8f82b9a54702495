"""`tailrace users`: users of a workspace and their roles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from controlplane.commands.options import connected
from controlplane.commands.output import Output

if TYPE_CHECKING:
    from controlplane.client import Client

ROLES: Final = ("admin", "writer", "read_only")


@click.group()
def users() -> None:
    """List, create, change and delete users."""


@users.command("list")
@connected
def list_(client: Client, out: Output) -> None:
    """All users of the workspace."""
    out.items(client.users.list(), {"name": "username", "role": "role"})


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="read_only", show_default=True)
@connected
def create(client: Client, out: Output, name: str, role: str) -> None:
    """Create a user.

    The password is asked for twice; where there is no terminal it is the first line of standard
    input.
    """
    client.users.create(name, _password(), role)
    out.done("created", "user", name)


@users.command("set")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="Another role.")
@click.option("--password", is_flag=True, help="Another password, asked for as by create.")
@connected
def set_(client: Client, out: Output, name: str, role: str | None, password: bool) -> None:
    """Give a user another role or password."""
    if role is None and not password:
        raise click.UsageError("Give --role, --password or both.")
    client.users.update(name, password=_password() if password else None, role=role)
    out.done("changed", "user", name)


@users.command()
@click.argument("name")
@connected
def delete(client: Client, out: Output, name: str) -> None:
    """Take a user out of the workspace, with all keys there."""
    client.users.delete(name)
    out.done("deleted", "user", name)


def _password() -> str:
    """A new password; never an option, since others can see those."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    found = sys.stdin.readline().rstrip("\n")
    if not found:
        raise click.ClickException("Standard input has no password in its first line.")
    return found
