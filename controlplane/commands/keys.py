"""`tailrace keys`: API keys of a workspace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from controlplane.commands.options import connected
from controlplane.commands.output import Output, unix_time

if TYPE_CHECKING:
    from controlplane.client import Client

_TIME = re.compile(r"\d{4}-\d\d-\d\d")


@click.group()
def keys() -> None:
    """List, create and delete API keys."""


@keys.command("list")
@connected
def list_(client: Client, out: Output) -> None:
    """Your keys, expired ones included; an admin sees those of all."""
    columns = {
        "id": "id",
        "name": "name",
        "owner": lambda row: row["created_by"]["name"],
        "created": lambda row: unix_time(row["created_at"]),
        "expires": lambda row: unix_time(row["expire_at"]) or "never",
        "permissions": lambda row: ", ".join(row["permissions"]),
    }
    out.items(client.api_keys.list(), columns)


@keys.command()
@click.argument("name", default="")
@click.option(
    "--expires", metavar="DURATION|TIME", help="Such as 24h or 30d, or 2026-12-31T00:00:00Z."
)
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="Such as read:stream or write:*; may be given several times. Without: all of yours.",
)
@connected
def create(
    client: Client, out: Output, name: str, expires: str | None, permissions: tuple[str, ...]
) -> None:
    """Create a key; prints it alone on a line, this once only."""
    from controlplane.clientlib.definitions import KeyDef

    at = expires if expires and _TIME.match(expires) else None
    made = client.api_keys.create(
        KeyDef(
            name=name or None,
            expire_in=None if at else expires,
            expire_at=at,
            permissions=list(permissions) or None,
        )
    )
    if out.json:
        out.item(made)
    else:
        click.echo(made.api_key)


@keys.command()
@click.argument("key", metavar="ID|NAME")
@connected
def delete(client: Client, out: Output, key: str) -> None:
    """Revoke a key at once, by its id or its name as the list shows it."""
    named = [each for each in client.api_keys.list() if key in (each.id, each.name)]
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise click.ClickException(f"Several keys are called '{key}'; give one of the ids {ids}.")
    client.api_keys.delete(named[0].id if named else key)
    out.done("deleted", "key", named[0].name if named else key)
