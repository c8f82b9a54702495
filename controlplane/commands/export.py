"""`tailrace export`: all definitions of a workspace as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from controlplane.commands.options import asking, connection, taken
from controlplane.commands.output import Output

FORMS: Final = ("yaml", "json")


@click.command()
@click.option("--file", "-f", type=click.Path(dir_okay=False), help="Write it there, not out.")
@click.option(
    "--output", "-o", type=click.Choice(FORMS), default=FORMS[0], show_default=True, help="Form."
)
@connection
def export(file: str | None, output: str, **options: Any) -> None:
    """Write all definitions of a workspace: what `tailrace apply` takes.

    Its order is the same each time. Secrets stand as ******; apply keeps the stored ones.
    """
    from controlplane.commands import differences, entries, yaml_file

    with asking(taken(options)) as client:
        definitions = differences.workspace(client)
    if output == "json":
        Output("json").document(entries.said(definitions))
        return
    text = yaml_file.text_of(definitions)
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error
