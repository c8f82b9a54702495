"""`tailrace profiles`: servers and keys by name, in a file of the user's."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec

from controlplane.commands.options import WrongProfile, shown
from controlplane.commands.output import Output
from controlplane.commands.profile_store import (
    DEFAULT_URL,
    DEFAULT_WORKSPACE,
    NAME_CHARS_MAX,
    Profile,
    ProfileError,
    Profiles,
    load,
    save,
)
from controlplane.settings import client_environment

# A key this long may show its ends without being of use.
KEY_LENGTH = 60


def _stored(command: Callable[..., Any]) -> Callable[..., Any]:
    """Call with the file's profiles first; what cannot be used ends with status 2."""

    @functools.wraps(command)
    def run(**options: Any) -> Any:
        try:
            return command(load(client_environment().profiles_file), **options)
        except ProfileError as error:
            raise WrongProfile(str(error)) from error

    return run


@click.group()
def profiles() -> None:
    """Keep servers and keys by name in ~/.config/tailrace/config.toml."""


@profiles.command("list")
@shown
@_stored
def list_(stored: Profiles, output: str) -> None:
    """All profiles; `*` stands before the one in use. Keys are masked."""
    found = [
        {
            "name": name,
            "used": name == stored.profile,
            "url": profile.url or DEFAULT_URL,
            "workspace": profile.workspace or DEFAULT_WORKSPACE,
            "api_key": _mask(profile.api_key),
        }
        for name, profile in sorted(stored.profiles.items())
    ]
    columns = {
        "": lambda row: "*" if row["used"] else "",
        "name": "name",
        "url": "url",
        "workspace": "workspace",
        "key": "api_key",
    }
    Output(output).items(found, columns)


@profiles.command("set")
@click.argument("name")
@click.option("--url", help="Address of the server.")
@click.option("--api-key", help="Key, or user:password; - asks for it without showing it.")
@click.option("--workspace", help="Workspace.")
@_stored
def set_(
    stored: Profiles, name: str, url: str | None, api_key: str | None, workspace: str | None
) -> None:
    """Make a profile, or change what is given of it; the first one is used from now on."""
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise click.BadParameter(f"A name has 1 to {NAME_CHARS_MAX} printable characters.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.BadParameter("An address begins with http:// or https://.", param_hint="--url")
    if api_key == "-":
        api_key = _asked()
    given = {"url": url, "api_key": api_key, "workspace": workspace}
    old = stored.profiles.get(name, Profile())
    changed = {field: value for field, value in given.items() if value is not None}
    profile = msgspec.structs.replace(old, **changed)
    _save(Profiles(stored.profile or name, {**stored.profiles, name: profile}))
    click.echo(f"Set profile {name}.", err=True)


@profiles.command()
@click.argument("name")
@_stored
def remove(stored: Profiles, name: str) -> None:
    """Forget a profile; its key stays valid."""
    _known(stored, name)
    left = {other: profile for other, profile in stored.profiles.items() if other != name}
    _save(Profiles("" if stored.profile == name else stored.profile, left))
    click.echo(f"Removed profile {name}.", err=True)


@profiles.command()
@click.argument("name")
@_stored
def use(stored: Profiles, name: str) -> None:
    """Use a profile from now on where none is named."""
    _known(stored, name)
    _save(Profiles(name, stored.profiles))
    click.echo(f"Used from now on: profile {name}.", err=True)


def _known(stored: Profiles, name: str) -> None:
    if name not in stored.profiles:
        known = ", ".join(sorted(stored.profiles)) or "none"
        raise ProfileError(f"There is no profile '{name}'; there is {known}.")


def _save(stored: Profiles) -> None:
    save(client_environment().profiles_file, stored)


def _asked() -> str:
    """A key from a terminal without showing it, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Key", hide_input=True))
    return sys.stdin.readline().strip()


def _mask(key: str) -> str:
    if len(key) == KEY_LENGTH:
        return f"{key[:4]}****{key[-4:]}"
    return f"{key.split(':', 1)[0]}:****" if ":" in key else "****" * bool(key)
