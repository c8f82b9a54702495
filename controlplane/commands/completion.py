"""`tailrace completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    In bash: `eval "$(tailrace completion bash)"`; put that line into ~/.bashrc to keep it.
    """
    found = get_completion_class(shell)
    assert found is not None  # click has one for each of SHELLS
    made = found(context.find_root().command, {}, "tailrace", "_TAILRACE_COMPLETE")
    click.echo(made.source())
