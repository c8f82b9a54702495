"""The command `tailrace`: its sub-commands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Final

import click

# Name -> (module, attribute, one line of help).
COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "serve": ("controlplane.commands.serve", "serve", "Run the server in the foreground."),
    "ingest": ("controlplane.commands.ingest", "ingest", "Send a file or standard input."),
    "sql": ("controlplane.commands.sql", "sql", "Run a statement and show its rows live."),
    "workspaces": (
        "controlplane.commands.workspaces",
        "workspaces",
        "Create, list and delete workspaces.",
    ),
}


class LazyGroup(click.Group):
    """A group that imports a sub-command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The sub-command, imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, attribute, _ = entry
        return getattr(import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[2]) for name, entry in COMMANDS.items()])


@click.command(cls=LazyGroup)
@click.version_option(version("tailrace"), prog_name="tailrace")
def main() -> None:
    """Tailrace: events in by REST, streaming SQL out live, durable."""
