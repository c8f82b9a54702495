"""`tailrace apply`: a workspace gets what a file says; what it has already stays as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from controlplane.commands.options import asking, connection, shown, taken
from controlplane.commands.output import Output, printable

if TYPE_CHECKING:
    from controlplane.client import Client
    from controlplane.commands.differences import Plan
    from controlplane.commands.entries import Definitions

SIGNS: Final = {"create": "+", "change": "~", "refuse": "!"}
FAILED: Final = 1


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option(
    "--send-secrets",
    is_flag=True,
    help="Send secrets of the file also where the server has one, which cannot be compared.",
)
@shown
@connection
def apply(file: str, dry_run: bool, send_secrets: bool, output: str, **options: Any) -> None:
    """Create and change what FILE (or standard input, `-`) names, in the order of its needs.

    Objects are known by their names. What the file does not name is left as it is. All of the file
    is checked before anything is changed; a second run finds nothing to change.
    """
    from controlplane.commands import differences

    wanted = _read(file)
    with asking(taken(options)) as client:
        made = differences.plan(client, wanted, send_secrets=send_secrets)
        refused = [step for step in made.steps if step.action == "refuse"]
        done: list[str] = []
        if not dry_run and not refused:
            done = _take(client, made)
    if output == "json":
        _document(made, done)
    else:
        _tell(made, dry_run=dry_run or bool(refused))
    if refused:
        if output == "json":
            first = refused[0]
            click.echo(f"Error: {first.title}: {first.reason}.", err=True)
        click.echo("Nothing was changed.", err=True)
        sys.exit(FAILED)


def _read(file: str) -> Definitions:
    from controlplane.commands import yaml_file

    name = "standard input" if file == "-" else file
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return yaml_file.read(content.decode("utf-8"))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name} is not UTF-8 text.") from error
    except yaml_file.BadFile as error:
        raise click.ClickException(f"{name}: {error}.") from error


def _take(client: Client, plan: Plan) -> list[str]:
    """Take the steps; a failure says which were taken."""
    from controlplane.client import ClientError

    steps = [step for step in plan.steps if step.action in ("create", "change")]
    done: list[str] = []
    for step in steps:
        try:
            step.take(client)
        except ClientError as error:
            raise click.ClickException(
                f"{step.title}: {str(error).rstrip('.')}. {len(done)} of {len(steps)} changes were "
                "made; mend it and apply again, which goes on there."
            ) from error
        done.append(step.title)
    return done


def _tell(plan: Plan, *, dry_run: bool) -> None:
    for step in plan.steps:
        if step.action == "keep":
            continue
        reason = f": {step.reason}" if step.reason else ""
        click.echo(printable(f"{SIGNS[step.action]} {step.title}{reason}"))
        if dry_run and step.action == "change":
            for line in step.difference():
                click.echo(printable(f"    {line}"))
    counts = {action: _count(plan, action) for action in ("create", "change", "keep")}
    if not counts["create"] and not counts["change"]:
        if not _count(plan, "refuse"):
            click.echo("Nothing to change.")
    elif dry_run:
        click.echo(
            f"{counts['create']} to create, {counts['change']} to change, "
            f"{counts['keep']} as they are."
        )
    else:
        click.echo(
            f"{counts['create']} created, {counts['change']} changed, {counts['keep']} as they are."
        )
    if plan.left and dry_run:
        click.echo(f"Not in the file, left as they are: {', '.join(plan.left)}.", err=True)
    if plan.unsent:
        click.echo(
            f"Secrets of the file that the server has a value for: {plan.unsent}, not compared and "
            "not sent; --send-secrets sends them.",
            err=True,
        )


def _count(plan: Plan, action: str) -> int:
    return sum(step.action == action for step in plan.steps)


def _document(plan: Plan, done: list[str]) -> None:
    from controlplane.commands.entries import SECTIONS

    Output("json").document(
        {
            "steps": [
                {
                    "action": step.action,
                    "kind": SECTIONS[step.kind.section],
                    "name": step.new.name,
                    "done": step.title in done,
                    "reason": step.reason,
                    "difference": step.difference() if step.action == "change" else [],
                }
                for step in plan.steps
            ],
            "left": plan.left,
        }
    )
