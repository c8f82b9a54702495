"""Options that every client command has: where the server is and who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from controlplane.client import Client, ClientError
from controlplane.settings import client_defaults

F = TypeVar("F", bound=Callable[..., Any])


def connection(command: F) -> F:
    """Add --url, --api-key and --workspace to a command."""
    workspace = click.option(
        "--workspace", help="Workspace (or TAILRACE_WORKSPACE; else `default`)."
    )
    return server(workspace(command))


def server(command: F) -> F:
    """Add --url and --api-key to a command that is about the whole installation."""
    for option in (
        click.option("--api-key", help="Key, or user:password (or TAILRACE_API_KEY)."),
        click.option("--url", help="Server (or TAILRACE_URL; else http://127.0.0.1:8000)."),
    ):
        command = option(command)
    return command


def connect(url: str | None, api_key: str | None, workspace: str | None) -> Client:
    """A client from the flags, then the environment; ClickException when it cannot be."""
    defaults = client_defaults()
    try:
        return Client(
            url or defaults.url, api_key or defaults.api_key, workspace or defaults.workspace
        )
    except ClientError as error:
        raise click.ClickException(str(error)) from error
