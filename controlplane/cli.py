"""The command `tailrace`: its sub-commands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

# Name of a command, which its function has too -> (module below here, one line of help).
BELOW: Final = "controlplane.commands"
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("serve", "Run the server in the foreground."),
    "ingest": ("ingest", "Send a file or standard input into a stream."),
    "sql": ("sql", "Run a statement and show its rows live."),
    "streams": ("streams", "Create, list, show, measure and delete streams."),
    "sources": ("sources", "Bring rows of other systems into streams."),
    "sinks": ("sinks", "Take rows of queries to other systems."),
    "alerts": ("alerts", "Tell others when a query finds something."),
    "keys": ("keys", "Create, list and delete API keys."),
    "users": ("users", "Create, list, change and delete users."),
    "workspaces": ("workspaces", "Create, list and delete workspaces."),
    "export": ("export", "Write all definitions of a workspace as YAML."),
    "apply": ("apply", "Put the definitions of a file into a workspace."),
    "doctor": ("doctor", "Look for what is wrong with a server, and say what to do."),
    "profiles": ("profiles", "Keep servers and keys by name."),
    "completion": ("completion", "Print a shell's completion script."),
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
        return getattr(import_module(f"{BELOW}.{entry[0]}"), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in COMMANDS.items()])


@click.command(cls=LazyGroup)
@click.version_option(package_name="tailrace", prog_name="tailrace")  # read when asked for
def main() -> None:
    """Tailrace: events in by REST, streaming SQL out live, durable.

    Commands but `serve` ask a server: named by flags, else by TAILRACE_URL and TAILRACE_API_KEY,
    else by a profile.
    """
