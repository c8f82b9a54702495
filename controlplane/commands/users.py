"""`tailrace users`: users of a workspace and their roles."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from controlplane.commands.options import connected
from controlplane.commands.output import Output

if TYPE_CHECKING:
    from controlplane.client import Client
    from controlplane.clientlib.definitions import PersonDef

Command = TypeVar("Command", bound=Callable[..., Any])

ROLES: Final = ("admin", "writer", "read_only")


def person_options(command: Command) -> Command:
    """Options for what is known of a person beside name and role."""
    for option in (
        click.option("--details", metavar="JSON", help="An object with whatever else is known."),
        click.option("--orcid", help="The person's ORCID."),
        click.option("--full-name", help="The person's name in full."),
        click.option("--email", help="Also good for signing in; nobody else has it."),
    ):
        command = option(command)
    return command


@click.group()
def users() -> None:
    """List, create, change and delete users."""


_COLUMNS: Final = {
    "name": "username",
    "role": "role",
    "email": "email",
    "full name": "full_name",
}


@users.command("list")
@connected
def list_(client: Client, out: Output) -> None:
    """All users of the workspace."""
    out.items(client.users.list(), _COLUMNS)


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="read_only", show_default=True)
@person_options
@connected
def create(client: Client, out: Output, name: str, role: str, **known: str | None) -> None:
    """Create a user.

    The password is asked for twice; where there is no terminal it is the first line of standard
    input.
    """
    person = _person(known)
    client.users.create(name, _password(), role, person)
    out.done("created", "user", name)


@users.command("set")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="Another role.")
@click.option("--password", is_flag=True, help="Another password, asked for as by create.")
@person_options
@connected
def set_(
    client: Client,
    out: Output,
    name: str,
    role: str | None,
    password: bool,
    **known: str | None,
) -> None:
    """Give a user another role or password, or change what is known of the person.

    An empty text removes an e-mail, full name or ORCID; the details {} remove those.
    """
    if role is None and not password and set(known.values()) == {None}:
        raise click.UsageError("Give --role, --password or what is known of the person.")
    person = _person(known)
    secret = _password() if password else None
    client.users.update(name, password=secret, role=role, person=person)
    out.done("changed", "user", name)


@users.command()
@click.argument("name")
@connected
def delete(client: Client, out: Output, name: str) -> None:
    """Take a user out of the workspace, with all keys there."""
    client.users.delete(name)
    out.done("deleted", "user", name)


def _person(known: dict[str, str | None]) -> PersonDef:
    """What the options say of a person."""
    from controlplane.clientlib.definitions import PersonDef

    details: Any = None
    if known["details"] is not None:
        try:
            details = json.loads(known["details"])
        except ValueError:
            details = None
        if not isinstance(details, dict):
            raise click.UsageError("--details must be a JSON object.")
    return PersonDef(known["email"], known["full_name"], known["orcid"], details)


def _password() -> str:
    """A new password; never an option, since others can see those."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    found = sys.stdin.readline().rstrip("\n")
    if not found:
        raise click.ClickException("Standard input has no password in its first line.")
    return found
