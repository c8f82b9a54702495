"""`tailrace alerts`: queries whose first row triggers an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from controlplane.clientlib import definitions as asked
from controlplane.commands import flows
from controlplane.commands.options import connected, names_of
from controlplane.commands.output import Output, unix_time

if TYPE_CHECKING:
    from controlplane.client import Client


def _create(calls: Any, fields: dict[str, Any]) -> Any:
    return calls.create(flows.wanted(asked.AlertDef, fields))


def _update(calls: Any, old: Any, fields: dict[str, Any]) -> Any:
    return calls.update(old.id, flows.merged(old, asked.AlertDef, fields))


FLOW = flows.Flow(
    word="alert",
    section="alerts",
    columns={
        "name": "name",
        "severity": "severity",
        "action": "action",
        "status": "status",
        "state": lambda row: row["instance"]["status"],
        "message": "message",
    },
    fields=("action", "severity", "trigger_sql", "resolve_sql", "description"),
    create=_create,
    update=_update,
)

alerts = flows.group(FLOW, "Tell others when a query finds something.")


@alerts.command()
@click.argument("name", metavar="NAME|ID", shell_complete=names_of("alerts"))
@connected
def stats(client: Client, out: Output, name: str) -> None:
    """State of an alert, and when and how often it was triggered (of its last 100 changes)."""
    found = FLOW.find(client, name)
    times = {
        kind: [each.timestamp for each in found.instance.timeline if each.type == kind]
        for kind in ("triggered", "resolved")
    }
    out.item(
        {
            "status": found.status,
            "message": found.message,
            "state": found.instance.status,
            "triggered": len(times["triggered"]),
            "last_triggered": _time(times["triggered"]),
            "last_resolved": _time(times["resolved"]),
        }
    )


@alerts.command()
@click.argument("name", metavar="NAME|ID", shell_complete=names_of("alerts"))
@click.option("--lines", "-n", default=100, type=click.IntRange(1, 100), show_default=True)
@connected
def logs(client: Client, out: Output, name: str, lines: int) -> None:
    """The newest changes of an alert's state, oldest first."""
    changes = FLOW.find(client, name).instance.timeline[-lines:]
    found = [f"{_time([each.timestamp])} {each.type}" for each in changes]
    if out.json:
        out.document(found)
    for line in found if not out.json else ():
        click.echo(line)


def _time(milliseconds: list[int]) -> str:
    return f"{unix_time(milliseconds[-1] // 1000)} UTC" if milliseconds else ""


@alerts.command()
@click.argument("name", metavar="NAME|ID", shell_complete=names_of("alerts"))
@connected
def resolve(client: Client, out: Output, name: str) -> None:
    """Set a triggered alert resolved, so that the next row triggers it again."""
    found = FLOW.find(client, name)
    client.alerts.resolve(found.id)
    out.done("resolved", "alert", found.name)
