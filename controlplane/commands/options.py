"""Options that every client command has: where the server is, who asks, how answers are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from controlplane.commands.output import Output
from controlplane.commands.profile_store import Flags, ProfileError, target
from controlplane.settings import client_environment

if TYPE_CHECKING:  # the client is loaded when a command asks a server, not for its help
    from controlplane.client import Client

F = TypeVar("F", bound=Callable[..., Any])

OUTPUTS: Final = ("table", "json")
FLAGS: Final = ("url", "api_key", "workspace", "profile")
# Somebody who presses Tab does not wait longer.
COMPLETE_SECONDS: Final = 2.0


class WrongProfile(click.ClickException):
    """A profile that cannot be used: status 2, as for wrong options."""

    exit_code = 2


def connection(command: F) -> F:
    """Add --url, --api-key, --workspace and --profile to a command."""
    workspace = click.option(
        "--workspace", help="Workspace (or TAILRACE_WORKSPACE; else `default`)."
    )
    return server(workspace(command))


def server(command: F) -> F:
    """Add --url, --api-key and --profile to a command about the whole installation."""
    for option in (
        click.option("--profile", help="Profile of the config file (or TAILRACE_PROFILE)."),
        click.option("--api-key", help="Key, or user:password (or TAILRACE_API_KEY)."),
        click.option("--url", help="Server (or TAILRACE_URL; else http://127.0.0.1:8000)."),
    ):
        command = option(command)
    return command


def shown(command: F) -> F:
    """Add --output: a table for people, or JSON for programs."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(OUTPUTS),
        default=OUTPUTS[0],
        show_default=True,
        help="A table, or JSON for programs.",
    )(command)


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of these options; it is called with a client and an Output first."""

    @functools.wraps(command)
    def run(output: str, **options: Any) -> Any:
        flags = taken(options)
        with asking(flags) as client:
            return command(client, Output(output), **options)

    return shown(connection(run))


def names_of(section: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Completes names of a kind; silently none where the server does not tell them at once."""

    def names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        from controlplane.client import Client, ClientError, Timeouts

        flags = Flags(**{name: context.params.get(name) for name in FLAGS})
        timeouts = Timeouts(connect_seconds=COMPLETE_SECONDS, read_seconds=COMPLETE_SECONDS)
        try:
            to = target(flags, client_environment())
            with Client(to.url, to.api_key, to.workspace, timeouts=timeouts) as client:
                found = [each.name for each in getattr(client, section).list()]
        except (ClientError, ProfileError):
            return []
        return sorted(name for name in found if name.startswith(incomplete))

    return names


def taken(options: dict[str, Any]) -> Flags:
    """The flags about the server out of a command's options, which lose them."""
    return Flags(**{name: options.pop(name, None) for name in FLAGS})


@contextmanager
def asking(flags: Flags) -> Generator[Client]:
    """A client whose failures end the command with status 1 and one sentence."""
    from controlplane.client import ClientError

    with connect(flags) as client:
        try:
            yield client
        except ClientError as error:
            raise click.ClickException(str(error)) from error


def connect(flags: Flags) -> Client:
    """A client for where flags, environment and profile point; ClickException when it cannot be."""
    from controlplane.client import Client, ClientError

    try:
        found = target(flags, client_environment())
        return Client(found.url, found.api_key, found.workspace)
    except ProfileError as error:
        raise WrongProfile(str(error)) from error
    except ClientError as error:
        raise click.ClickException(str(error)) from error
